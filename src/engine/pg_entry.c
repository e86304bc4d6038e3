/* The entries of an archive as the statements that create them, as pg_restore would send them. */
#include "engine/pg_put.h"

#include "base/buf.h"
#include "base/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

bool pg_entry_is(const struct pg_entry *en, const char *desc)
{
	return en->desc && strcmp(en->desc, desc) == 0;
}

static bool is_one_of(const struct pg_entry *en, const char *const *descs)
{
	for (; *descs; descs++)
		if (pg_entry_is(en, *descs))
			return true;
	return false;
}

static bool has(const char *text)
{
	return text && text[0];
}

static bool begins(const char *text, const char *with)
{
	return text && strncmp(text, with, strlen(with)) == 0;
}

char *pg_entry_title(const struct pg_entry *en)
{
	if (!has(en->schema))
		return mem_printf("%s %s", en->desc, en->tag);
	return mem_printf("%s %s.%s", en->desc, en->schema, en->tag);
}

/* What concerns the database itself is set when it takes its place. */
static bool of_database(const struct pg_entry *en)
{
	static const char *const never[] = {"ENCODING", "STDSTRINGS", "SEARCHPATH", "DATABASE", "DATABASE PROPERTIES", NULL};
	static const char *const about[] = {"ACL", "COMMENT", "SECURITY LABEL", NULL};
	return is_one_of(en, never) || (is_one_of(en, about) && begins(en->tag, "DATABASE "));
}

enum pg_pass *pg_passes(const struct pg_toc *t)
{
	static const char *const acls[] = {"ACL", "ACL LANGUAGE", "DEFAULT ACL", NULL};
	static const char *const last[] = {"EVENT TRIGGER", "MATERIALIZED VIEW DATA", NULL};
	enum pg_pass *v = mem_zero((t->n + 1) * sizeof *v), now = PG_PASS_PRE;
	for (size_t i = 0; i < t->n; i++) {
		const struct pg_entry *en = &t->v[i];
		if (en->section != PG_SECTION_NONE)
			now = en->section == PG_SECTION_DATA ? PG_PASS_DATA : en->section == PG_SECTION_POST_DATA ? PG_PASS_POST : PG_PASS_PRE;
		if (of_database(en))
			v[i] = PG_PASS_NEVER;
		else if (is_one_of(en, acls))
			v[i] = PG_PASS_ACL;
		else if (is_one_of(en, last) || (pg_entry_is(en, "COMMENT") && begins(en->tag, "EVENT TRIGGER ")))
			v[i] = PG_PASS_LAST;
		else
			v[i] = now;
	}
	return v;
}

/* ---- names ---- */

/* Length of `name` at `at`, written plainly or in quotes; 0: it is not there. */
static size_t one_name_at(const char *at, const char *name)
{
	size_t n = strlen(name);
	if (*at != '"')
		return n && strncmp(at, name, n) == 0 ? n : 0;
	const char *p = at + 1;
	for (; *name; name++) {
		if (*name == '"' && *p++ != '"')
			return 0;
		if (*p++ != *name)
			return 0;
	}
	return *p == '"' ? (size_t)(p + 1 - at) : 0;
}

bool pg_name_at(const char *at, const char *schema, const char *name, size_t *len)
{
	size_t before = 0;
	if (has(schema)) {
		before = one_name_at(at, schema);
		if (!before || at[before] != '.')
			return false;
		before++;
	}
	size_t n = one_name_at(at + before, name);
	*len = before + n;
	unsigned char next = (unsigned char)at[*len];
	return n > 0 && !isalnum(next) && next != '_' && next != '$' && next < 0x80;
}

/* ---- statements ---- */

/* Behind a quoted piece that begins at p; strings of the E'' kind know backslashes. */
static const char *skip_quoted(const char *p, bool escapes)
{
	char quote = *p++;
	for (; *p; p++) {
		if (escapes && *p == '\\' && p[1])
			p++;
		else if (*p == quote && p[1] == quote)
			p++;
		else if (*p == quote)
			return p + 1;
	}
	return p;
}

static const char *skip_dollars(const char *p)
{
	const char *end = p + 1;
	while (isalnum((unsigned char)*end) || *end == '_' || (unsigned char)*end >= 0x80)
		end++;
	if (*end != '$' || isdigit((unsigned char)p[1]))
		return p + 1;
	AUTO_FREE char *tag = mem_string_n(p, (size_t)(end + 1 - p));
	const char *found = strstr(end + 1, tag);
	return found ? found + strlen(tag) : end + strlen(end);
}

static const char *skip_comment(const char *p)
{
	int depth = 0;
	if (*p == '-')
		return p + strcspn(p, "\n");
	do {
		if (p[0] == '/' && p[1] == '*')
			depth++, p += 2;
		else if (p[0] == '*' && p[1] == '/')
			depth--, p += 2;
		else
			p++;
	} while (*p && depth);
	return p;
}

static const char *skip_one(const char *p, const char *start)
{
	if (*p == '"' || *p == '\'')
		return skip_quoted(p, *p == '\'' && p > start && (p[-1] == 'E' || p[-1] == 'e'));
	if (*p == '$' && (p == start || !(isalnum((unsigned char)p[-1]) || p[-1] == '_')))
		return skip_dollars(p);
	if ((p[0] == '-' && p[1] == '-') || (p[0] == '/' && p[1] == '*'))
		return skip_comment(p);
	return p + 1;
}

void pg_statements(const char *text, struct strlist *out)
{
	const char *start = text + strspn(text, " \t\r\n");
	for (const char *p = start; *start; ) {
		if (*p && *p != ';') {
			p = skip_one(p, start);
			continue;
		}
		if (p > start)
			strlist_take(out, mem_string_n(start, (size_t)(p - start)));
		p += *p == ';';
		p += strspn(p, " \t\r\n");
		start = p;
	}
}

/* ---- owners ---- */

/* The object as ALTER ... OWNER TO names it, or NULL when it has no owner of its own (or it is set otherwise); heap. */
static char *owned_object(const struct pg_entry *en)
{
	static const char *const as_table[] = {"TABLE", "VIEW", "SEQUENCE", "MATERIALIZED VIEW", NULL};
	static const char *const by_name[] = {"COLLATION", "CONVERSION", "DOMAIN", "FOREIGN TABLE", "TYPE", "STATISTICS",
		"TEXT SEARCH DICTIONARY", "TEXT SEARCH CONFIGURATION", "FOREIGN DATA WRAPPER", "SERVER", "EVENT TRIGGER",
		"PUBLICATION", "SCHEMA", "SUBSCRIPTION", NULL};
	static const char *const by_drop[] = {"AGGREGATE", "FUNCTION", "OPERATOR", "OPERATOR CLASS", "OPERATOR FAMILY", "PROCEDURE", NULL};
	const char *kind = is_one_of(en, as_table) ? "TABLE" : is_one_of(en, by_name) ? en->desc : NULL;
	if (pg_entry_is(en, "PROCEDURAL LANGUAGE"))
		kind = "LANGUAGE";
	if (kind)
		return has(en->schema) ? pg_sql("%s %I.%I", kind, en->schema, en->tag) : pg_sql("%s %I", kind, en->tag);
	if (pg_entry_is(en, "BLOB"))
		return mem_printf("LARGE OBJECT %s", en->tag);
	if (!is_one_of(en, by_drop) || !begins(en->drop, "DROP "))
		return NULL;
	const char *rest = en->drop + strlen("DROP ");
	return mem_string_n(rest, strcspn(rest, ";") < strlen(rest) ? (size_t)(strrchr(rest, ';') - rest) : strlen(rest));
}

static int set_owner(struct pg_session *s, const struct pg_entry *en, const char *object, struct error *e)
{
	struct pg_rights *r = s->rights;
	void *role = map_get(r->roles, en->owner, strlen(en->owner));
	if (strcmp(en->owner, r->user) == 0)
		return 0;
	if (role == PG_ROLE_OURS)
		return pg_session_do(s, e, pg_sql("ALTER %s OWNER TO %I", object, en->owner));
	pg_rights_leave_out(r, role ? "owner \"%s\" was not set, for want of rights: it is \"%s\""
	                            : "owner \"%s\" was not set, as there is no such role: it is \"%s\"", en->owner, r->user);
	return 0;
}

/* ---- what may fail ---- */

/* Run what may fail within the caller's transaction without ending it. */
static int run_guarded(struct pg_session *s, const char *sql, struct error *e)
{
	struct error ignored;
	if (!s->in_transaction)
		return pg_session_run(s, sql, NULL, e);
	int err = pg_session_run(s, "SAVEPOINT backstay_entry", NULL, e);
	if (err)
		return err;
	err = pg_session_run(s, sql, NULL, e);
	char state[sizeof s->state];
	memcpy(state, s->state, sizeof state);
	if (err)
		(void)!pg_session_run(s, "ROLLBACK TO SAVEPOINT backstay_entry", NULL, &ignored);
	else
		err = pg_session_run(s, "RELEASE SAVEPOINT backstay_entry", NULL, e);
	memcpy(s->state, state, sizeof state);
	return err;
}

/* A role that is not there, or one we may not act for. */
static bool is_for_want_of_role(const struct pg_session *s)
{
	return strcmp(s->state, "42704") == 0 || (!s->rights->superuser && (strcmp(s->state, "42501") == 0 || strcmp(s->state, "0LP01") == 0));
}

/* Privileges, comments and labels: what cannot be set is left out and told. */
static int put_leniently(struct pg_session *s, const char *sql, struct error *e)
{
	CLEANUP(strlist_release) struct strlist all = {0};
	int err = run_guarded(s, sql, e);
	if (!err || !is_for_want_of_role(s))
		return err;
	pg_statements(sql, &all);
	for (size_t i = 0; i < all.n; i++) {
		error_clear(e);
		err = run_guarded(s, all.v[i], e);
		if (!err)
			continue;
		if (!is_for_want_of_role(s))
			return err;
		if (begins(all.v[i], "SET SESSION AUTHORIZATION")) {
			/* What follows would be granted by somebody else. */
			while (i + 1 < all.n && !begins(all.v[i], "RESET SESSION AUTHORIZATION"))
				i++;
		}
		pg_rights_leave_out(s->rights, "privileges or comments were left out: %s", e->text);
	}
	error_clear(e);
	return 0;
}

/* ---- special kinds ---- */

/* PostgreSQL 17 and later list many large objects in one entry, a number a line. */
static int create_large_objects(struct pg_session *s, const struct pg_entry *en, struct error *e)
{
	int err = 0;
	for (char *p = en->defn, *end; !err && *p; p = end + strspn(end, " \r\n")) {
		unsigned long oid = strtoul(p, &end, 10);
		if (end == p)
			return error_set(e, ERR_CORRUPT, "its list of large objects makes no sense");
		err = pg_session_do(s, e, mem_printf("SELECT pg_catalog.lo_create('%lu')", oid));
		if (!err && s->rights->owners && has(en->owner)) {
			AUTO_FREE char *object = mem_printf("LARGE OBJECT %lu", oid);
			err = set_owner(s, en, object, e);
		}
	}
	return err;
}

/* Privileges of such a list are written for one of its objects and hold for all. */
static int put_large_object_acl(struct pg_session *s, const struct pg_entry *en, struct error *e)
{
	static const char mark[] = " ON LARGE OBJECT ";
	const struct pg_entry *list = en->dep_count ? pg_toc_find(s->toc, en->deps[0]) : NULL;
	if (!list || !pg_entry_is(list, "BLOB METADATA") || !has(list->defn))
		return put_leniently(s, en->defn, e);
	int err = 0;
	for (char *p = list->defn, *end; !err && *p; p = end + strspn(end, " \r\n")) {
		CLEANUP(buf_release) struct buf sql = BUF_INIT;
		unsigned long oid = strtoul(p, &end, 10);
		const char *rest = en->defn, *at;
		if (end == p)
			break;
		while ((at = strstr(rest, mark))) {
			at += strlen(mark);
			buf_add(&sql, rest, (size_t)(at - rest));
			buf_printf(&sql, "%lu", oid);
			rest = at + strspn(at, "0123456789");
		}
		buf_add_str(&sql, rest);
		err = put_leniently(s, buf_text(&sql), e);
	}
	return err;
}

/* ---- one entry ---- */

/* Where its table or index lies, and how. */
static int set_place(struct pg_session *s, const struct pg_entry *en, struct error *e)
{
	int err = 0;
	const char *space = has(en->tablespace) ? en->tablespace : "";
	if (*space && !strlist_has(&s->rights->tablespaces, space)) {
		pg_rights_leave_out(s->rights, "there is no tablespace \"%s\": what belongs there is in the default one", space);
		space = "";
	}
	if (*space)
		err = pg_session_do(s, e, pg_sql("SET default_tablespace = %L", space));
	if (!err && has(en->access_method))
		err = pg_session_do(s, e, pg_sql("SET default_table_access_method = %L", en->access_method));
	return err;
}

static int reset_place(struct pg_session *s, const struct pg_entry *en, struct error *e)
{
	int err = 0;
	if (has(en->tablespace))
		err = pg_session_run(s, "SET default_tablespace = ''", NULL, e);
	if (!err && has(en->access_method))
		err = pg_session_run(s, "SET default_table_access_method = 'heap'", NULL, e);
	return err;
}

/* Dumps made before 2018 (CVE-2018-1058) name things without their schema. */
static int set_search_path(struct pg_session *s, const struct pg_entry *en, struct error *e)
{
	for (size_t i = 0; i < s->toc->n; i++)
		if (pg_entry_is(&s->toc->v[i], "SEARCHPATH"))
			return 0;
	if (!has(en->schema))
		return 0;
	return pg_session_do(s, e, pg_sql("SET search_path = %I, pg_catalog", en->schema));
}

static int put(struct pg_session *s, const struct pg_entry *en, struct error *e)
{
	static const char *const lenient[] = {"COMMENT", "SECURITY LABEL", NULL};
	static const char *const acls[] = {"ACL", "ACL LANGUAGE", "DEFAULT ACL", NULL};
	bool is_acl = is_one_of(en, acls);
	int err = set_search_path(s, en, e);
	if (err || !has(en->defn) || (is_acl && !s->rights->owners))
		return err;
	if (is_acl && begins(en->tag, "LARGE OBJECTS "))
		return put_large_object_acl(s, en, e);
	if (is_acl || is_one_of(en, lenient))
		return put_leniently(s, en->defn, e);
	if (pg_entry_is(en, "BLOB METADATA"))
		return create_large_objects(s, en, e);
	err = set_place(s, en, e);
	if (!err)
		err = pg_session_run(s, en->defn, NULL, e);
	AUTO_FREE char *object = !err && s->rights->owners && has(en->owner) ? owned_object(en) : NULL;
	if (object)
		err = set_owner(s, en, object, e);
	return err ? err : reset_place(s, en, e);
}

int pg_entry_put(struct pg_session *s, const struct pg_entry *en, struct error *e)
{
	int err = progress_check(s->progress, e);
	if (!err)
		err = put(s, en, e);
	if (!err || err == -ERR_CANCELLED)
		return err;
	AUTO_FREE char *title = pg_entry_title(en);
	return error_wrap(e, "%s", title);
}
