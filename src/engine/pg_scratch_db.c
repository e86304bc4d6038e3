/* The scratch database a restore grows in. */
#include "engine/pg_target.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/timefmt.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* ---- how the archive's database was created ---- */

/* The value of an option of CREATE DATABASE, a string or a name, at p; returns what follows, or NULL. */
static const char *take_value(const char *p, char **out)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	if (*p == '\'' || *p == '"') {
		char quote = *p++;
		for (; *p && (*p != quote || p[1] == quote); p++) {
			p += *p == quote;
			buf_add_byte(&b, (unsigned char)*p);
		}
		if (*p++ != quote)
			return NULL;
	} else {
		for (; isalnum((unsigned char)*p) || *p == '_'; p++)
			buf_add_byte(&b, (unsigned char)*p);
	}
	free(*out);
	*out = buf_take_text(&b);
	return p;
}

struct option {
	const char *name;
	bool is_name;             /* the value is a name, not a string */
	char *value;
};

static void options_release(struct option (*o)[8])
{
	for (size_t i = 0; i < ARRAY_LEN(*o); i++)
		free((*o)[i].value);
}

/* The known options of "CREATE DATABASE x WITH TEMPLATE = template0 ENCODING = 'UTF8' ..."; all else is passed over. */
static void read_options(const char *sql, struct option *known, size_t n)
{
	for (const char *p = sql ? strstr(sql, " WITH TEMPLATE = template0") : NULL; p && *p; ) {
		p += strspn(p, " ");
		size_t len = strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
		char *ignored = NULL, **to = &ignored;
		if (len == 4 && strncmp(p, "WITH", 4) == 0) {
			p += len;
			continue;
		}
		for (size_t i = 0; i < n; i++)
			if (strlen(known[i].name) == len && strncmp(known[i].name, p, len) == 0)
				to = &known[i].value;
		p += len;
		p = len && strncmp(p, " = ", 3) == 0 ? take_value(p + 3, to) : NULL;
		free(ignored);
	}
}

static const struct pg_entry *database_entry(const struct pg_toc *toc)
{
	for (size_t i = 0; toc && i < toc->n; i++)
		if (pg_entry_is(&toc->v[i], "DATABASE"))
			return &toc->v[i];
	return NULL;
}

/* The live database's tablespace stays its own; NULL: the default one, which must not be named by a user without rights on it. */
static int choose_tablespace(struct pg_target *t, const char *archived, char **out, struct error *e)
{
	if (t->exists)
		return pg_value(t->control, out, e, pg_sql("SELECT s.spcname FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace s "
			"ON s.oid = d.dattablespace WHERE d.datname = %L AND s.spcname <> 'pg_default'", t->name));
	*out = NULL;
	if (archived && strlist_has(&t->rights.tablespaces, archived))
		*out = mem_string(archived);
	else if (archived)
		strlist_addf(t->notes, "there is no tablespace \"%s\": the database is in the default one", archived);
	return 0;
}

static char *create_statement(const struct pg_target *t, const struct option *o, size_t n, const char *tablespace)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	AUTO_FREE char *begin = pg_sql("CREATE DATABASE %I WITH TEMPLATE = template0", t->scratch);
	buf_add_str(&b, begin);
	for (size_t i = 0; i < n; i++) {
		if (!o[i].value)
			continue;
		AUTO_FREE char *value = o[i].is_name ? pg_sql(" %s = %I", o[i].name, o[i].value) : pg_sql(" %s = %L", o[i].name, o[i].value);
		buf_add_str(&b, value);
	}
	AUTO_FREE char *place = tablespace ? pg_sql(" TABLESPACE = %I", tablespace) : mem_string("");
	buf_add_str(&b, place);
	return buf_take_text(&b);
}

/* Encoding and locale of the live database, or of the one that new ones are copied from. */
static int options_of_server(struct pg_target *t, struct option *o, size_t n, struct error *e)
{
	CLEANUP(pg_clear) PGresult *r = NULL;
	int err = pg_query(t->control, &r, e, pg_sql("SELECT pg_catalog.pg_encoding_to_char(encoding), datcollate, datctype FROM pg_catalog.pg_database "
		"WHERE datname = %L", t->exists ? t->name : "template1"));
	if (err || PQntuples(r) == 0)
		return err;
	for (size_t i = 0; i < n; i++) {
		int column = strcmp(o[i].name, "LC_COLLATE") == 0 ? 1 : strcmp(o[i].name, "LC_CTYPE") == 0 ? 2
			: strcmp(o[i].name, "ENCODING") == 0 && !o[i].value ? 0 : -1;
		if (strcmp(o[i].name, "ENCODING") == 0 && column < 0)
			continue;
		free(o[i].value);
		o[i].value = column >= 0 ? mem_string(PQgetvalue(r, 0, column)) : NULL;
	}
	return 0;
}

/* As the archive says; where this server knows no such locale, with the one at hand; at last with none, which suits any encoding. */
static int create(struct pg_target *t, const struct pg_toc *toc, struct error *e)
{
	CLEANUP(options_release) struct option o[8] = {{.name = "ENCODING"}, {.name = "LOCALE_PROVIDER", .is_name = true}, {.name = "LOCALE"},
		{.name = "LC_COLLATE"}, {.name = "LC_CTYPE"}, {.name = "ICU_LOCALE"}, {.name = "BUILTIN_LOCALE"}, {.name = "ICU_RULES"}};
	struct option space = {.name = "TABLESPACE"};
	AUTO_FREE char *tablespace = NULL;
	const struct pg_entry *en = database_entry(toc);
	struct error why = {0};
	read_options(en ? en->defn : NULL, o, ARRAY_LEN(o));
	read_options(en ? en->defn : NULL, &space, 1);
	int err = choose_tablespace(t, space.value, &tablespace, e);
	free(space.value);
	if (!err && !o[0].value)
		err = options_of_server(t, o, ARRAY_LEN(o), e);
	if (err)
		return err;
	if (pg_exec(t->control, &why, create_statement(t, o, ARRAY_LEN(o), tablespace)) == 0)
		return 0;
	*e = why;
	/* What is wrong is not the locale. */
	if (why.kind != ERR_CHILD)
		return -(int)why.kind;
	err = options_of_server(t, o, ARRAY_LEN(o), e);
	if (!err)
		err = pg_exec(t->control, e, create_statement(t, o, ARRAY_LEN(o), tablespace));
	if (err == -ERR_CHILD) {
		for (size_t i = 1; i < ARRAY_LEN(o); i++)
			free(TAKE(o[i].value));
		o[2].value = mem_string("C");
		err = pg_exec(t->control, e, create_statement(t, o, ARRAY_LEN(o), tablespace));
	}
	if (err)
		*e = why;
	else
		strlist_addf(t->notes, "the locale of the backed-up database could not be kept: %s", why.text);
	return err ? -(int)why.kind : 0;
}

int pg_scratch_suffix(PGconn *c, const char *kind, char out[PG_SUFFIX_MAX], struct error *e)
{
	uint32_t key = 0;
	if (getrandom(&key, sizeof key, 0) != sizeof key)
		return error_sys(e, errno, "making a random name");
	key &= 0x7fffffff;
	snprintf(out, PG_SUFFIX_MAX, "%s%08x", kind, key);
	return pg_exec(c, e, pg_sql("SELECT pg_catalog.pg_advisory_lock(%d, %u)", PG_LOCK_CLASS, key));
}

int pg_scratch_mark(PGconn *c, const char *database, const char *what, struct error *e)
{
	char now[TIME_RFC3339_MAX];
	time_to_rfc3339(time_now(), 0, now);
	return pg_exec(c, e, pg_sql("COMMENT ON DATABASE %I IS 'backstay: scratch of %s, %s'", database, what, now));
}

int pg_scratch_create(struct pg_target *t, const struct pg_toc *toc, struct error *e)
{
	char suffix[PG_SUFFIX_MAX];
	int err = pg_scratch_suffix(t->control, "_restore_", suffix, e);
	if (err)
		return err;
	t->scratch = pg_name_beside(t->name, suffix);
	err = create(t, toc, e);
	if (err) {
		free(TAKE(t->scratch));
		return error_wrap(e, "creating a scratch database");
	}
	return pg_scratch_mark(t->control, t->scratch, "a restore", e);
}
