#include "web/cookie.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* The pair without the blanks around it. */
static void trim(const char **p, size_t *n)
{
	while (*n && (**p == ' ' || **p == '\t'))
		++*p, --*n;
	while (*n && ((*p)[*n - 1] == ' ' || (*p)[*n - 1] == '\t'))
		--*n;
}

/* Its value, when the pair has this name. */
static char *value_of(const char *p, size_t n, const char *name)
{
	size_t name_len = strlen(name);

	trim(&p, &n);
	return n > name_len && p[name_len] == '=' && !memcmp(p, name, name_len) ? mem_string_n(p + name_len + 1, n - name_len - 1) : NULL;
}

char *cookie_find(const char *header, const char *name)
{
	AUTO_FREE char *found = NULL;

	for (size_t n; *header; header += n + (header[n] == ';')) {
		n = strcspn(header, ";");
		AUTO_FREE char *value = value_of(header, n, name);

		if (value && found)
			return NULL;
		if (value)
			found = TAKE(value);
	}
	return TAKE(found);
}
