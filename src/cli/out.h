/* What a person sees: words, tables and progress on standard error and standard output; with --json one document on
 * standard output and nothing else there. */
#ifndef CLI_OUT_H
#define CLI_OUT_H

#include "base/json.h"
#include "base/progress.h"

struct out_mode {
	bool json, quiet, verbose;
	bool color;               /* stdout is a terminal, NO_COLOR is not set */
	bool interactive;         /* stdin and stderr are terminals */
};
extern struct out_mode out_mode;      /* set once by main() */

/* What out_say() and out_warn() say is told to `heard` too, --quiet or not: level as base/log.h has them. NULL ends it. */
void out_listen(void (*heard)(int level, const char *text));
/* Documents go into `to` instead of standard output; nothing is there when its maximum does not hold all. NULL ends it. */
void out_capture(struct buf *to);

/* A sentence to standard error, made safe for a terminal, unless --quiet. */
void out_say(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* The same in spite of --quiet: "warning: ...". */
void out_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Result text to standard output, lines made safe for a terminal; nothing with --json. */
void out_print(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* "backstay: what: why\n  try: hint\n" to standard error, or {"error": {...}} to stdout with --json while no document
 * was begun there. */
void out_error(const struct error *e);
/* Text from outside (names, messages) made safe for a terminal: control characters, characters that turn the writing
 * direction, and invalid UTF-8 as \xNN. Heap string. */
char *out_safe(const char *s);
void out_safe_add(struct buf *b, const void *p, size_t n);
/* Everything printed has reached standard output; a full disk is an error. A reader who left early (EPIPE) is one too,
 * with an empty text: nobody needs to be told. */
int out_finish(struct error *e) MUST_USE;

/* The one JSON document, an object. Members are added through `w`; a long one is written piece by piece. */
struct out_document {
	struct buf text;
	struct json_out w;
};
void out_document_begin(struct out_document *d);
int out_document_part(struct out_document *d, struct error *e) MUST_USE;     /* writes what there is, when that is much */
int out_document_end(struct out_document *d, struct error *e) MUST_USE;
void out_document_release(struct out_document *d);

/* table.c: columns aligned by display width, header dimmed, cells made safe; on a terminal the widest flexible columns
 * are cut to its width. Long tables are printed every thousand rows, with the widths of the first thousand. */
struct table;
struct table *table_new(const char *const *headers, const char *align /* each 'l', 'r' or 'L' (left, flexible) */);
void table_row(struct table *t, const char *const *cells);    /* NULL is an empty cell */
void table_print(struct table *t);            /* the rest, and frees */

/* progress_bar.c: a thread that draws a bar with rate and time left on a terminal, twice a second; off a terminal a line every 10 s; nothing with --quiet or --json (unless --verbose). */
struct progress_bar;
struct progress_bar *progress_bar_start(struct progress *p, const char *what);
void progress_bar_stop(struct progress_bar *b);       /* clears its line; NULL is legal */

/* Ask a yes/no question on the terminal; `yes` (--yes) answers it. -ERR_REFUSED when there is no terminal, -ERR_CANCELLED
 * for no. */
int out_confirm(bool yes, const char *question, struct error *e) MUST_USE;

#endif
