/* A command line of one string, as a person writes it, into the arguments of a program, and back. */
#ifndef BASE_WORDS_H
#define BASE_WORDS_H

#include "base/error.h"
#include "base/strlist.h"

/* White space parts the words; single and double quotes hold one together and may be empty; a backslash, outside
 * single quotes, takes the next character's meaning away. Nothing else is special: no variables, no patterns, no
 * shell. Appends at least one word, or -ERR_USAGE "a quote is not closed" or "it is empty" (nothing appended). */
int words_split(const char *text, struct strlist *out, struct error *e) MUST_USE;
/* The other way: `text` as one word, in single quotes, for words_split() and any POSIX shell. Heap string. */
char *words_quote(const char *text);

#endif
