#include "base/strlist.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void strlist_release(struct strlist *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct strlist){0};
}

void strlist_take(struct strlist *l, char *s)
{
	GROW(l->v, l->n, l->cap);
	l->v[l->n++] = s;
}

void strlist_add(struct strlist *l, const char *s)
{
	strlist_take(l, mem_string(s));
}

void strlist_addf(struct strlist *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	strlist_take(l, mem_vprintf(fmt, ap));
	va_end(ap);
}

void strlist_copy(struct strlist *to, const struct strlist *from)
{
	size_t n = from->n;    /* taken first: a list may be copied onto itself */

	for (size_t i = 0; i < n; i++)
		strlist_add(to, from->v[i]);
}

bool strlist_has(const struct strlist *l, const char *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i], s) == 0)
			return true;
	return false;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strlist_sort(struct strlist *l)
{
	if (l->n > 1)
		qsort(l->v, l->n, sizeof *l->v, by_bytes);
}

char *strlist_join(const struct strlist *l, const char *separator)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < l->n; i++) {
		if (i > 0)
			buf_add_str(&b, separator);
		buf_add_str(&b, l->v[i]);
	}
	return buf_take_text(&b);
}
