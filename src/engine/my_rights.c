/* What a user may do in a database, from SHOW GRANTS. Account Management Statements in the MySQL Reference Manual and
 * the MariaDB Knowledge Base. */
#include "engine/my.h"

#include "base/mem.h"

#include <string.h>

/* A name in backquotes at s, decoded; returns what follows it, or NULL when there is none. Heap. */
static const char *take_name(const char *s, char **out)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	char quote = *s;
	if (quote != '`' && quote != '"')
		return NULL;
	for (s++; *s; s++) {
		if (*s == quote && *++s != quote) {
			*out = buf_take_text(&b);
			return s;
		}
		buf_add_byte(&b, (unsigned char)*s);
	}
	return NULL;
}

/* LIKE with % and _ and backslashes, as database names in grants are meant. */
static bool like(const char *pattern, const char *name)
{
	for (; *pattern; pattern++, name++) {
		if (*pattern == '%') {
			for (;; name++) {
				if (like(pattern + 1, name))
					return true;
				if (!*name)
					return false;
			}
		}
		if (!*name)
			return false;
		if (*pattern == '_')
			continue;
		if (*pattern == '\\' && pattern[1])
			pattern++;
		if (*pattern != *name)
			return false;
	}
	return !*name;
}

/* Whether a comma-separated list, with columns in parentheses here and there, has this privilege for all columns. */
static bool lists(const char *list, size_t n, const char *privilege)
{
	size_t len = strlen(privilege);
	for (size_t at = 0; at + len <= n; at++) {
		bool begins = at == 0 || (at >= 2 && list[at - 1] == ' ' && list[at - 2] == ',');
		bool ends = at + len == n || list[at + len] == ',';
		if (begins && ends && strncmp(list + at, privilege, len) == 0)
			return true;
	}
	return false;
}

static void add(struct my_rights *r, const char *list, size_t n, bool everywhere)
{
	bool all = lists(list, n, "ALL PRIVILEGES") || lists(list, n, "ALL");
	r->select |= all || lists(list, n, "SELECT");
	r->show_view |= all || lists(list, n, "SHOW VIEW");
	r->trigger |= all || lists(list, n, "TRIGGER");
	r->event |= all || lists(list, n, "EVENT");
	r->lock |= all || lists(list, n, "LOCK TABLES");
	r->routine_names |=
		all || lists(list, n, "EXECUTE") || lists(list, n, "ALTER ROUTINE") || lists(list, n, "CREATE ROUTINE");
	r->routines |= lists(list, n, "SHOW CREATE ROUTINE") ||
		       (everywhere && (all || lists(list, n, "SELECT") || lists(list, n, "SHOW_ROUTINE")));
}

/* "GRANT SELECT, SHOW VIEW ON `shop`.* TO ..." */
static void read_grant(struct my_rights *r, const char *line, const char *database)
{
	const char *list = line + strlen("GRANT "), *on = strstr(line, " ON ");
	AUTO_FREE char *where = NULL, *table = NULL;
	if (strncmp(line, "GRANT ", 6) != 0 || !on)
		return;
	size_t n = (size_t)(on - list);
	on += strlen(" ON ");
	if (strncmp(on, "*.*", 3) == 0) {
		add(r, list, n, true);
		return;
	}
	const char *rest = take_name(on, &where);
	if (!rest || *rest != '.')
		return;
	if (rest[1] == '*' && like(where, database))
		add(r, list, n, false);
	bool mysql = strcmp(where, "mysql") == 0 &&
		     (rest[1] == '*' || (take_name(rest + 1, &table) && strcmp(table, "proc") == 0));
	r->routines |= mysql && (lists(list, n, "SELECT") || lists(list, n, "ALL PRIVILEGES"));
}

/* The roles in use of a MySQL session; NULL: none, or a server that counts them in by itself. */
static char *roles_in_use(MYSQL *c)
{
	struct error ignored;
	char *roles = NULL;
	if (my_is_mariadb(c) || mysql_get_server_version(c) < 80000)
		return NULL;
	return my_value(c, &roles, &ignored, my_sql("SELECT NULLIF(CURRENT_ROLE(), 'NONE')")) == 0 ? roles : NULL;
}

int my_rights_read(MYSQL *c, const char *database, struct my_rights *out, struct error *e)
{
	CLEANUP(my_clear) MYSQL_RES *r = NULL;
	AUTO_FREE char *roles = roles_in_use(c);
	*out = (struct my_rights){0};
	int err = my_query(
		c, &r, e, roles ? my_sql("SHOW GRANTS FOR CURRENT_USER() USING %s", roles) : my_sql("SHOW GRANTS"));
	for (MYSQL_ROW row; !err && (row = mysql_fetch_row(r));)
		read_grant(out, row[0], database);
	return err ? error_wrap(e, "asking what this user may do") : 0;
}
