#include "engine/pg_roles.h"

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct roles {
	struct map *seen;
	struct strlist *out;
};

static void add(struct roles *r, const char *name)
{
	static const char *const none[] = {"PUBLIC", "public", "CURRENT_USER", "SESSION_USER", "CURRENT_ROLE", "none", ""};
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		if (strcmp(name, none[i]) == 0)
			return;
	if (map_has(r->seen, name, strlen(name)))
		return;
	map_put(r->seen, name, strlen(name), r);
	strlist_add(r->out, name);
}

/* A name at p, plain, in double quotes or, as SET SESSION AUTHORIZATION has it, in single ones; returns what follows. */
static const char *take_name(const char *p, struct buf *out)
{
	char quote = *p == '"' || *p == '\'' ? *p++ : 0;
	for (; *p; p++) {
		if (quote && *p == quote && *++p != quote)
			break;
		if (!quote && !isalnum((unsigned char)*p) && *p != '_' && *p != '$' && (unsigned char)*p < 0x80)
			break;
		buf_add_byte(out, (unsigned char)*p);
	}
	return p;
}

/* "a, "b c", d" */
static void add_list(struct roles *r, const char *p)
{
	do {
		CLEANUP(buf_release) struct buf name = BUF_INIT;
		p += strspn(p, ", ");
		p = take_name(p, &name);
		add(r, buf_text(&name));
	} while (*p == ',');
}

static void add_behind(struct roles *r, const char *text, const char *mark)
{
	for (const char *p = text; (p = strstr(p, mark)); ) {
		p += strlen(mark);
		add_list(r, p);
	}
}

static void collect(const struct pg_toc *t, bool needed_only, struct strlist *out)
{
	static const char *const marks[] = {" TO ", " FROM ", " FOR ROLE ", "SET SESSION AUTHORIZATION ", " FOR "};
	struct roles r = {.seen = map_new(), .out = out};
	for (size_t i = 0; i < t->n; i++) {
		const struct pg_entry *en = &t->v[i];
		const char *desc = en->desc ? en->desc : "";
		bool acl = !needed_only && strstr(desc, "ACL"), mapping = strcmp(desc, "USER MAPPING") == 0;
		if (en->owner && !needed_only)
			add(&r, en->owner);
		for (size_t k = 0; en->defn && acl && k < 4; k++)
			add_behind(&r, en->defn, marks[k]);
		if (en->defn && strcmp(desc, "POLICY") == 0)
			add_behind(&r, en->defn, marks[0]);
		if (en->defn && mapping)
			add_behind(&r, en->defn, marks[4]);
	}
	map_free(r.seen, NULL);
}

void pg_roles_named(const struct pg_toc *t, struct strlist *out)
{
	collect(t, false, out);
}

void pg_roles_needed(const struct pg_toc *t, struct strlist *out)
{
	collect(t, true, out);
}
