/* What a person sees: words, tables and progress on standard error and standard output; with --json one document on standard output and nothing else there. */
#ifndef CLI_OUT_H
#define CLI_OUT_H

#include "base/json.h"
#include "base/progress.h"

struct out {
	bool json, quiet, verbose;
	bool color;               /* stdout is a terminal, NO_COLOR is not set */
	bool interactive;         /* stdin and stderr are terminals */
};
extern struct out out;        /* set once by main() */

/* A sentence to standard error, unless --quiet. */
void out_say(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Result text to standard output; nothing with --json. */
void out_print(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* "backstay: what\n  why ... \n  hint" to standard error, or {"error": {...}} to stdout with --json. */
void out_error(const struct error *e);
/* Text from outside (names, messages) made safe for a terminal: control characters and invalid UTF-8 as \xNN. Heap string. */
char *out_safe(const char *s);
/* The one JSON document; written to stdout and checked (a full disk is an error). */
int out_json(const struct buf *document, struct error *e) MUST_USE;

/* table.c: columns aligned by display width, numbers to the right, header dimmed; cut to the terminal's width in the `flexible` column. */
struct table;
struct table *table_new(const char *const *headers, const char *align /* 'l' or 'r' each */);
void table_row(struct table *t, const char *const *cells);
void table_print(struct table *t);            /* and frees */

/* progress_bar.c: a thread that draws a bar with rate and time left on a terminal, twice a second; off a terminal a line every 10 s; nothing with --quiet or --json (unless --verbose). */
struct progress_bar;
struct progress_bar *progress_bar_start(struct progress *p, const char *what);
void progress_bar_stop(struct progress_bar *b);       /* clears its line; NULL is legal */

/* Ask a yes/no question on the terminal; `yes` (--yes) answers it. -ERR_REFUSED when there is no terminal ("not confirmed; give --yes ..."), -ERR_CANCELLED for no. */
int out_confirm(bool yes, const char *question, struct error *e) MUST_USE;

#endif
