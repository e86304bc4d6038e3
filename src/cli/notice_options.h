/* What options and arguments say of a notice. */
#ifndef CLI_NOTICE_OPTIONS_H
#define CLI_NOTICE_OPTIONS_H

#include "catalog/notice.h"
#include "cli/opt.h"

/* The options of the command, and which of them say something of a notice ("on|source|..."). */
extern const struct opt notice_options[];
#define NOTICE_OPTIONS "on|source|disabled|server|security|user|password-file|from|url-file|url-success|url-failure|format|template|signing-file"

/* Everything that is given goes into *n, whose kind is set; an empty text takes away what was there. `first` is the first argument that is an
 * address or the URL. Passwords that are missing are asked for on the terminal. */
int notice_options_read(const struct parsed *p, size_t first, struct notice_record *n, struct error *e) MUST_USE;

#endif
