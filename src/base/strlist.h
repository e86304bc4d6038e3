/* A list of heap strings. */
#ifndef BASE_STRLIST_H
#define BASE_STRLIST_H

#include <stdbool.h>
#include <stddef.h>

struct strlist {
	char **v;
	size_t n;
	size_t cap;
};

void strlist_release(struct strlist *l);
void strlist_add(struct strlist *l, const char *s);              /* copies */
void strlist_take(struct strlist *l, char *s);                   /* owns s from now on */
void strlist_addf(struct strlist *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strlist_copy(struct strlist *to, const struct strlist *from);   /* appends copies */
bool strlist_has(const struct strlist *l, const char *s);
void strlist_sort(struct strlist *l);                            /* by bytes */
char *strlist_join(const struct strlist *l, const char *separator);  /* heap string */

#endif
