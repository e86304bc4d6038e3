/* What is typed on a terminal. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include "base/secret.h"

#include <stddef.h>

/* A line from fd without its newline. -ERR_CANCELLED at end of file, and when common_progress is cancelled meanwhile. */
int terminal_line(int fd, struct secret *out, struct error *e) MUST_USE;
/* Whether somebody sits there who can be asked for a password: standard error is a terminal, and /dev/tty opens. */
bool terminal_present(void);
/* Ask on /dev/tty, without echo. */
int terminal_secret(const char *prompt, struct secret *out, struct error *e) MUST_USE;
/* Columns of the terminal behind fd; 0 when it is none. */
size_t terminal_width(int fd);
/* Columns a UTF-8 text takes. */
size_t terminal_columns(const char *text);
/* Bytes of a UTF-8 text that fit into so many columns. */
size_t terminal_fitting(const char *text, size_t columns);

#endif
