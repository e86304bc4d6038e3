/* Files that come in: private, in <state>/uploads, written as they arrive. */
#ifndef WEB_UPLOAD_H
#define WEB_UPLOAD_H

#include "web/web.h"

#define UPLOAD_FILES_MAX 16
#define UPLOAD_KEEP_FREE ((uint64_t)1 << 28)      /* bytes of its file system that no upload takes */

struct upload_set {
	const char *state_dir;
	uint64_t most;                  /* bytes of all files together */
	uint64_t bytes, next_look;
	bool writing;                   /* the last one, through `fd` */
	int fd;
	struct web_upload *v;
	size_t n, cap;
};
void upload_init(struct upload_set *s, const char *state_dir, uint64_t most);
/* Whether `expected` more bytes may come (0: unknown): -ERR_LIMIT, -ERR_NO_SPACE. */
int upload_allowed(const struct upload_set *s, uint64_t expected, struct error *e) MUST_USE;
/* `name` as it came, already cleaned. */
int upload_begin(struct upload_set *s, const char *field, const char *name, struct error *e) MUST_USE;
int upload_data(struct upload_set *s, const void *p, size_t n, struct error *e) MUST_USE;
int upload_end(struct upload_set *s, struct error *e) MUST_USE;
/* Removes those that nobody keeps. */
void upload_release(struct upload_set *s);

/* Remove what lies in <state>/uploads and <state>/exports, is older than `seconds`, and is named by no job that waits or runs. */
void upload_sweep(struct catalog *c, double seconds);

#endif
