/* Errors as values: what went wrong, why, and what to do about it.
 *
 * A function that can fail returns 0, or `-kind` with the text in the caller's `struct error`, which is always
 * its last parameter and is never NULL. The text grows on the way up ("backing up shop.db: opening it: Permission
 * denied"); only a face (command line, web) prints it. Texts are lower case, without a full stop, and name the
 * thing. A hint is one sentence that says the way out. What of it only somebody can do who types commands stands at
 * its end (error_hint_typed): the command line shows all of it, whoever looks at a page or asks over HTTP gets the rest.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

/* The kinds a caller may want to tell apart. The command line maps each to its exit code (docs/exit-codes.md). */
enum err_kind {
	ERR_NONE = 0,
	ERR_INTERNAL,    /* a promise inside the program was broken */
	ERR_USAGE,       /* the command, option, URL or pattern makes no sense */
	ERR_IO,          /* reading or writing failed (EIO, short write, closed pipe, ...) */
	ERR_NO_SPACE,    /* disk or quota full */
	ERR_ACCESS,      /* permission denied, read-only */
	ERR_NOT_FOUND,   /* the named file, backup, table, blob is not there */
	ERR_EXISTS,      /* it is there already, and must not be */
	ERR_NO_REPO,     /* the place is not a repository */
	ERR_PASSWORD,    /* no key opens with this password */
	ERR_LOCKED,      /* another operation holds the repository or the database */
	ERR_VERSION,     /* a newer or unknown format */
	ERR_CORRUPT,     /* bytes are not what they must be */
	ERR_MISMATCH,    /* wrong engine, wrong file type, wrong target */
	ERR_LIMIT,       /* a size from outside passes its limit */
	ERR_CHILD,       /* another program failed */
	ERR_PARTIAL,     /* done in part: some of the source could not be read */
	ERR_VERIFY,      /* a verification or comparison did not hold */
	ERR_CANCELLED,   /* the user asked to stop */
	ERR_REFUSED,     /* refused for safety; the hint says how to insist */
	ERR_TEMPORARY,   /* may pass when tried again (network, busy) */
	ERR_KIND_COUNT
};

#define ERROR_HINT_SIZE 512

struct error {
	enum err_kind kind;
	int sys;            /* errno behind it, or 0 */
	char text[1536];    /* what and why; always terminated; cut with "..." when too long */
	char hint[ERROR_HINT_SIZE]; /* what to do, or "" */
	size_t typed;       /* how many bytes at its end are words to type */
	char field[32];     /* the member of a request or field of a form that it is about, or "" */
};

/* Forget everything: kind ERR_NONE, empty texts, no field. A zeroed struct error is clear. */
void error_clear(struct error *e);

/* Set kind and text, replacing what was there. Returns -kind. */
int error_set(struct error *e, enum err_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Set text to "<fmt...>: <strerror(err)>" and the kind from errno (ENOSPC/EDQUOT -> ERR_NO_SPACE, EACCES/EPERM/EROFS ->
 * ERR_ACCESS, ENOENT/ENOTDIR -> ERR_NOT_FOUND, EEXIST -> ERR_EXISTS, else ERR_IO). Returns -kind. */
int error_sys(struct error *e, int err, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Put "<fmt...>: " in front of the text; kind and hint stay. Returns -kind (-ERR_INTERNAL if nothing was set). */
int error_wrap(struct error *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Set the hint. Returns -kind, so that `return error_hint(e, ...)` reads well after error_set(). */
int error_hint(struct error *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Set a hint that ends in words to type, joined as they are: "make one", " with: backstay init --repo %s". `plain` may be "".
 * Returns -kind. */
int error_hint_typed(struct error *e, const char *plain, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The hint of another error, words to type included. */
void error_hint_as(struct error *e, const struct error *from);

/* The hint without words to type. */
void error_plain_hint(const struct error *e, char out[ERROR_HINT_SIZE]);

/* Say which field it is about ("cron"); of two the first stays, which knew better. Returns -kind. */
int error_field(struct error *e, const char *name);

/* Short stable name of a kind for --json ("not-found", "password", ...); "unknown" for a value out of range. */
const char *error_kind_name(enum err_kind kind);

#endif
