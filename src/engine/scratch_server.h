/* What throw-away database servers share: a user when we are root (they refuse root), a private folder that user reaches,
 * a socket path that is short enough, a start that is waited for and an end by process id. */
#ifndef ENGINE_SCRATCH_SERVER_H
#define ENGINE_SCRATCH_SERVER_H

#include "base/proc.h"
#include "base/progress.h"
#include "base/strlist.h"

#define SCRATCH_SOCKET_MAX 107            /* bytes of a socket's path: sizeof(sun_path) less the final 0 */

struct scratch_server {
	char *dir;                        /* private (0700), the server's user's: its data and all else */
	char *socket_dir;                 /* the same, or a private folder below /tmp when that is too long */
	char *user;                       /* whose the server is; NULL: ours, as we are not root */
	uid_t uid;
	gid_t gid;
	int lock;                         /* of a file in dir: while it is held, dir is in use */
	int stop_signal;                  /* what ends it at once; 0: SIGTERM. Set by the caller */
	struct proc proc;
};

/* Remove what killed rehearsals left where the new one is going to be, and make the folders below `dir`, or below another temporary folder when the user chosen does not get there. `users`: NULL-terminated,
 * the first that exists is taken when we are root. `socket_name`: the longest name of a socket in socket_dir. -ERR_NOT_FOUND when we
 * are root and none of the users exists. *s is zeroed first; end it with scratch_server_close() in any case. */
int scratch_server_open(struct scratch_server *s, const char *dir, const char *const users[], const char *socket_name,
	struct error *e) MUST_USE;
/* The words that put what follows them into the server's folder, as its user, ended when the thread that started it dies. */
void scratch_server_command(const struct scratch_server *s, struct strlist *argv);
/* Run argv (without those words; NULL-terminated) as the server's user to its end: to install a database, say. */
int scratch_server_run(const struct scratch_server *s, const char *const argv[], const char *const env[], struct error *e) MUST_USE;
/* Start the server, which must not detach itself, and wait until ready() says 0. It says 1 while the server does not answer yet and
 * -kind when there is no hope. -ERR_CHILD with its last words when it ended, -ERR_TEMPORARY when it did not answer in `seconds`.
 * Call it in the thread that will close it. */
int scratch_server_start(struct scratch_server *s, const char *const argv[], const char *const env[], unsigned seconds,
	int (*ready)(void *ctx, struct error *e), void *ctx, struct progress *p, struct error *e) MUST_USE;
/* End the server and remove the folders. Legal on a zeroed or closed one. */
void scratch_server_close(struct scratch_server *s);

#endif
