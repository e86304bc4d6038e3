/* Passwords kept for repositories on this machine, and the recovery sheet. State folder: BACKSTAY_HOME, else
 * /var/lib/backstay for root, else $XDG_STATE_HOME/backstay or ~/.local/state/backstay; 0700. */
#ifndef JOB_PASSWORD_H
#define JOB_PASSWORD_H

#include "base/secret.h"

/* The state folder (heap string), made when `make`. */
int password_state_dir(bool make, char **out, struct error *e) MUST_USE;
/* "<state>/passwords/<location, with / as %2F ...>"; a location too long for a file name is told by its SHA-256. */
int password_file_for(const char *location, char **out, struct error *e) MUST_USE;
/* From the environment or the kept file, in the order of docs/locations.md. *found (heap) says where it came from, also
 * when reading it there failed; 0 with *found NULL: none is known. Of a file, its first line is the password; what
 * RESTIC_* names is read as restic does, without white space around it. A password file readable by others is used,
 * and said so in *warning (heap or NULL). */
int password_find(const char *location, struct secret *out, char **found, char **warning, struct error *e) MUST_USE;
/* In the file for this location, 0600, replacing what it held. */
int password_keep(const char *location, const struct secret *password, char **path, struct error *e) MUST_USE;
/* Text file, 0600: what is where, the password, and the restic commands that restore everything. `password` NULL leaves
 * a line to fill in by hand. */
int password_recovery_sheet(const char *location, const char *repository_id, const struct secret *password, char **path,
			    struct error *e) MUST_USE;
/* Where that of a repository is, or would be. */
int password_recovery_file(const char *repository_id, char **path, struct error *e) MUST_USE;

#endif
