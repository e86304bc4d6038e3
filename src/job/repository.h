/* Which repository, with which password: found, opened, made. */
#ifndef JOB_REPOSITORY_H
#define JOB_REPOSITORY_H

#include "base/secret.h"
#include "base/strlist.h"
#include "repo/repo.h"

struct repository {
	struct repo *repo;    /* open; NULL before */
	struct lock *lock;    /* held, or NULL */
	char *location;       /* shown to people: "/var/backups/backstay" */
	char *chosen_by;      /* "--repo", "BACKSTAY_REPOSITORY", ..., "the first writable place" */
	bool explicit_choice; /* named by option or environment */
	char *warning;        /* about the password file, for people; or NULL */
	char *unlocked;       /* why no lock could be written, so that it is only read, without one; or NULL */
	enum err_kind unlocked_kind;
	/* set between repository_locate() and repository_open() by who knows configured ones (catalog/place.h), or left as they are: */
	char *name;             /* that it is configured under */
	struct secret password; /* tried before any other */
	/* The URL of a source as it was configured, with the password that manifests never have, from what is shown of it; heap, NULL: none is. */
	char *(*source_url)(const char *shown);
	/* after repository_init(): the kept file, when the password is in one; the sheet. */
	char *password_file, *recovery_sheet;
};
void repository_release(struct repository *r); /* releases the lock too */

/* The URL of a source whose manifest shows it so: as it is configured, else as it is shown. Heap. */
char *repository_source_url(const struct repository *r, const char *shown);

/* Where: `option` (--repo, may be NULL), BACKSTAY_REPOSITORY, BACKUP_DIR, RESTIC_REPOSITORY, RESTIC_REPOSITORY_FILE's
 * content; else of the ordered list (docs/locations.md: /var/backups/backstay, $XDG_DATA_HOME/backstay/repository,
 * ~/.local/share/backstay/repository) the first that holds a repository, else the first that can be written. Opens
 * nothing. */
int repository_locate(const char *option, struct repository *out, struct error *e) MUST_USE;

/* Asks a person for the password; when nobody can be asked, *e says already why there is none (-ERR_PASSWORD). */
typedef int (*repository_ask_fn)(const char *prompt, struct secret *out, struct error *e);

/* Those of the usual places that hold a repository, appended. */
void repository_usual(struct strlist *out);

enum repository_access {
	REPOSITORY_READ,         /* shared lock; none where none can be written: a read-only place, a full disk */
	REPOSITORY_READ_NO_LOCK, /* none (--no-lock) */
	REPOSITORY_RESTORE,      /* as READ: it writes only where something is replaced, after repository_can_write() */
	REPOSITORY_WRITE,        /* shared lock: backups go on beside each other */
	REPOSITORY_EXCLUSIVE,    /* forget, prune, key remove */
};
/* Find the password, open, lock (waiting up to `wait_seconds`), and unless `no_index` load the index. Password from, in
 * order: r->password, BACKSTAY_PASSWORD, BACKSTAY_PASSWORD_FILE, RESTIC_PASSWORD, RESTIC_PASSWORD_FILE, RESTIC_PASSWORD_COMMAND
 * (split into arguments, no shell), the file kept for this location (password.h), then `ask` (NULL: no terminal).
 * -ERR_PASSWORD when none is known or it is wrong. -ERR_NO_REPO has the hint to run `backstay init`. */
struct repository_open_options {
	enum repository_access access;
	bool no_index;
	double wait_seconds;
	repository_ask_fn ask;
	struct progress *progress; /* or NULL; cancels the wait too */
};
int repository_open(struct repository *r, const struct repository_open_options *o, struct error *e) MUST_USE;

/* -ERR_ACCESS or -ERR_NO_SPACE when no lock could be written at opening: nothing else may be written then. */
int repository_can_write(const struct repository *r, struct error *e) MUST_USE;

/* Make a repository at r->location, or finish one that was half made. With no password known anywhere, `ask` is asked;
 * when that is NULL, one is made up, kept in a 0600 file (password.h), and is in the recovery sheet, which says how to
 * restore with restic alone. Opens it (no lock). Two processes of one state folder take turns: -ERR_EXISTS for the
 * second. */
int repository_init(struct repository *r, repository_ask_fn ask, struct error *e) MUST_USE;

#endif
