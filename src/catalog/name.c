/* What people may call their records. */
#include "catalog/name.h"

#include "base/mem.h"
#include "base/nearest.h"
#include "catalog/db.h"

#include <stdlib.h>
#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

bool name_ok(const char *name)
{
	size_t n = strlen(name);

	return n && n <= NAME_LEN && strchr(LETTERS, name[0]) && strspn(name, LETTERS "._-") == n;
}

int name_check(const char *what, const char *name, struct error *e)
{
	if (name && name_ok(name))
		return 0;
	error_set(e, ERR_USAGE, "a %s cannot be called \"%.100s\"", what, name ? name : "");
	error_field(e, "name");
	return error_hint(e, "a name has 1 to %d letters, digits, \".\", \"_\" and \"-\", and begins with a letter or digit", NAME_LEN);
}

int name_unknown(struct catalog *c, const char *what, const char *sql, const char *name, struct error *e)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	struct nearest n = nearest_to(name);
	struct db_row q;
	int rc = db_query(c, &q, e, sql, "");

	while (!rc && db_next(&q, &rc, e))
		strlist_take(&names, db_dup(&q, 0));
	db_done(&q);
	if (rc)
		return rc;
	for (size_t i = 0; i < names.n; i++)
		nearest_consider(&n, names.v[i]);
	error_set(e, ERR_NOT_FOUND, "there is no %s named \"%s\"", what, name);
	return n.found ? error_hint(e, "did you mean \"%s\"?", n.found) : -ERR_NOT_FOUND;
}

char *name_from(const char *text, bool (*taken)(void *ctx, const char *name), void *ctx)
{
	enum { ROOM_FOR_NUMBER = 8 };
	CLEANUP(buf_release) struct buf b = BUF_INIT;

	for (; *text && b.len < NAME_LEN - ROOM_FOR_NUMBER; text++) {
		bool fits = strchr(b.len ? LETTERS "._-" : LETTERS, *text);

		if (fits)
			buf_add_byte(&b, (unsigned char)*text);
		else if (b.len && b.p[b.len - 1] != '-')
			buf_add_byte(&b, '-');
	}
	while (b.len && b.p[b.len - 1] == '-')
		b.p[--b.len] = 0;
	AUTO_FREE char *base = mem_string(b.len ? buf_text(&b) : "unnamed");
	char *name = mem_string(base);

	for (int i = 2; taken(ctx, name); i++) {
		free(name);
		name = mem_printf("%s-%d", base, i);
	}
	return name;
}
