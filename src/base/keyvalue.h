/* Files of KEY=VALUE lines, as systemd reads its EnvironmentFile= (systemd.exec(5)):
 *
 *     # a comment, as is a line that begins with ;
 *     BACKUP_RETENTION_DAYS=30
 *     GREETING="spaces  stay, \" \\ \$ \` are escaped"
 *     PLAIN=white space at both ends goes, \x is x
 *     LONG=a backslash at the end of a line \
 *     joins the next one to it
 *
 * Quotes begin at the value or behind another quoted part ('a'"b" is ab); within single quotes nothing has a meaning.
 * Unlike there, what is no such line, a name that is none and a quote that is not closed are errors: a setting that is passed over
 * unseen is worse than a program that does not start. */
#ifndef BASE_KEYVALUE_H
#define BASE_KEYVALUE_H

#include "base/strlist.h"
#include "base/error.h"

/* Appends each name and, at the same place of the other list, its value; of equal names all, in their order. -ERR_USAGE "line 3: ...". A zero
 * byte is an error too. */
int keyvalue_parse(const char *text, size_t n, struct strlist *names, struct strlist *values, struct error *e) MUST_USE;

#endif
