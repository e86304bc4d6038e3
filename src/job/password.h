/* Passwords kept for repositories on this machine, and the recovery sheet. State folder: BACKSTAY_HOME, else $XDG_STATE_HOME/backstay or ~/.local/state/backstay (root: /var/lib/backstay); 0700. */
#ifndef JOB_PASSWORD_H
#define JOB_PASSWORD_H

#include "base/secret.h"

/* The state folder (heap string), made when `make`. */
int password_state_dir(bool make, char **out, struct error *e) MUST_USE;
/* "<state>/passwords/<location, with / as %2F ...>" */
int password_file_for(const char *location, char **out, struct error *e) MUST_USE;
/* From the environment or the kept file; *found says where it came from (static or heap text owned by the caller: free) or NULL with -ERR_NOT_FOUND. A password file's trailing newline is not part of it. A password file readable by others is used, and said so
 * in *warning (heap or NULL). */
int password_find(const char *location, struct secret *out, char **found, char **warning, struct error *e) MUST_USE;
int password_keep(const char *location, const struct secret *password, char **path, struct error *e) MUST_USE;
/* Text file, 0600: what is where, the password, and the restic commands that restore everything. `password` NULL leaves a line to fill in by hand. */
int password_recovery_sheet(const char *location, const char *repository_id, const struct secret *password, char **path, struct error *e) MUST_USE;

#endif
