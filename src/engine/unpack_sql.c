/* SQL text into a scratch database that reaches nothing else. */
#include "engine/unpack_inner.h"

#include "base/mem.h"
#include "engine/sqlite.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BLOCK ((size_t)1 << 20)
#define STATEMENT_MAX ((size_t)256 << 20)
#define LOOK_UP_STEPS 100000             /* SQLite's instructions between two looks at whether we are cancelled */

struct line {
	const char *p;
	size_t n;
};

static bool begins(const struct line *l, const char *word)
{
	size_t n = strlen(word);
	return l->n >= n && strncasecmp(l->p, word, n) == 0;
}

static bool begins_any(const struct line *l, const char *const words[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (begins(l, words[i]))
			return true;
	return false;
}

/* ---- what a statement may do ---- */

struct script {
	sqlite3 *db;
	const char *text;            /* the statement at hand */
	const char *refused;         /* what of it is not allowed, or NULL */
	uint64_t line, begun;        /* being read, and where the statement at hand begins; from 1 */
	struct buf statement;
	char quote;                  /* what ends the string, name or comment being read: ' " ` ] - or *; 0 in none */
	char before;                 /* the character before, if it may begin or end a comment */
	struct progress *progress;
};

static bool any_of(const char *name, const char *const list[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(name, list[i]) == 0)
			return true;
	return false;
}

/* Some matter for the database, some only for the connection that loads it. */
static int judge_pragma(struct script *s, const char *name)
{
	static const char *const good[] = {
		"application_id", "auto_vacuum", "defer_foreign_keys", "encoding", "foreign_keys",
		"ignore_check_constraints", "legacy_alter_table", "page_size", "recursive_triggers", "user_version",
		"writable_schema",
	};
	static const char *const idle[] = {
		"automatic_index", "busy_timeout", "cache_size", "case_sensitive_like", "count_changes",
		"foreign_key_check", "integrity_check", "journal_mode", "locking_mode", "mmap_size", "optimize",
		"quick_check", "secure_delete", "synchronous", "temp_store", "threads", "wal_autocheckpoint",
	};
	if (any_of(name, good, ARRAY_LEN(good)))
		return SQLITE_OK;
	if (any_of(name, idle, ARRAY_LEN(idle)))
		return SQLITE_IGNORE;
	s->refused = "this PRAGMA";
	return SQLITE_DENY;
}

static const char *skip_space(const char *p)
{
	for (;;) {
		p += strspn(p, " \t\r\n\f\xef\xbb\xbf");
		if (strncmp(p, "--", 2) == 0) {
			p += strcspn(p, "\n");
		} else if (strncmp(p, "/*", 2) == 0) {
			const char *close = strstr(p + 2, "*/");
			p = close ? close + 2 : p + strlen(p);
		} else {
			return p;
		}
	}
}

/* The schema is written by CREATE and its like. By hand only as sqlite3's .dump does it for virtual tables, whose data
 * it writes apart. */
static bool may_write_schema(const struct script *s)
{
	static const char *const own[] = {"CREATE", "DROP", "ALTER", "REINDEX", "ANALYZE"};
	static const char *const dump[] = {
		"INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql)VALUES('table',",
		"INSERT INTO sqlite_master(type,name,tbl_name,rootpage,sql)VALUES('table',",
	};
	const char *p = skip_space(s->text);
	const struct line l = {.p = p, .n = strlen(p)};
	return begins_any(&l, own, ARRAY_LEN(own)) ||
		(begins_any(&l, dump, ARRAY_LEN(dump)) && strstr(p, ",0,'CREATE VIRTUAL TABLE "));
}

static bool is_schema(const char *table)
{
	static const char *const names[] = {
		"sqlite_master", "sqlite_schema", "sqlite_temp_master", "sqlite_temp_schema",
	};
	return table && any_of(table, names, ARRAY_LEN(names));
}

static int judge(void *ctx, int action, const char *a, const char *b, const char *database, const char *inner)
{
	struct script *s = ctx;
	switch (action) {
	case SQLITE_PRAGMA:
		return judge_pragma(s, a);
	case SQLITE_ATTACH:
	case SQLITE_DETACH:
		s->refused = "reaching another file (ATTACH, DETACH, VACUUM)";
		break;
	case SQLITE_FUNCTION:
		if (strcasecmp(b, "load_extension") == 0 || strcasecmp(b, "fts3_tokenizer") == 0)
			s->refused = "loading code";
		break;
	case SQLITE_TRANSACTION:
		if (strcasecmp(a, "ROLLBACK") == 0)
			s->refused = "giving up what it did (ROLLBACK: the dump was not whole when it was written)";
		break;
	case SQLITE_INSERT:
	case SQLITE_UPDATE:
	case SQLITE_DELETE:
		if (is_schema(a) && !may_write_schema(s))
			s->refused = "writing the schema by hand";
		break;
	default:
		break;
	}
	return s->refused ? SQLITE_DENY : SQLITE_OK;
}

/* ---- running it ---- */

static int fail(struct script *s, struct error *e)
{
	unsigned long long line = s->begun;
	for (const char *p = s->text, *first = skip_space(s->text); p < first; p++)
		line += *p == '\n';
	int code = sqlite3_errcode(s->db) & 0xff;
	if (s->refused) {
		error_set(e, ERR_REFUSED, "line %llu: %s is not allowed", line, s->refused);
		return error_hint(e, "only text that builds one database can be imported");
	}
	if (code == SQLITE_INTERRUPT)
		return progress_check(s->progress, e) ? -(int)e->kind : error_set(e, ERR_CANCELLED, "cancelled");
	if (code == SQLITE_FULL)
		return error_set(e, ERR_NO_SPACE, "line %llu: %s", line, sqlite3_errmsg(s->db));
	error_set(e, ERR_CORRUPT, "line %llu: %s", line, sqlite3_errmsg(s->db));
	return error_hint(e, "nothing was imported; it was taken for SQLite's SQL: if it was written for another system, "
		"name a database of that one as the target");
}

static int run_statement(struct script *s, struct error *e)
{
	sqlite3_stmt *stmt = NULL;
	s->text = buf_text(&s->statement);
	int rc = sqlite3_prepare_v2(s->db, s->text, (int)s->statement.len + 1, &stmt, NULL);
	while (rc == SQLITE_OK && stmt && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
		rc = SQLITE_OK;
	int err = rc == SQLITE_OK || rc == SQLITE_DONE ? 0 : fail(s, e);
	sqlite3_finalize(stmt);
	buf_clear(&s->statement);
	return err;
}

/* Follow one character; true when a statement may end with it. */
static bool follow(struct script *s, char c)
{
	char before = s->before;
	s->before = 0;
	if (s->quote == '-' || s->quote == '*') {
		bool ends = s->quote == '-' ? c == '\n' : before == '*' && c == '/';
		s->quote = ends ? 0 : s->quote;
		s->before = c == '*' && !ends ? c : 0;
	} else if (s->quote) {
		s->quote = c == s->quote ? 0 : s->quote;
	} else if (c == '\'' || c == '"' || c == '`') {
		s->quote = c;
	} else if (c == '[') {
		s->quote = ']';
	} else if ((before == '-' && c == '-') || (before == '/' && c == '*')) {
		s->quote = c;
	} else if (c == '-' || c == '/') {
		s->before = c;
	}
	return c == ';' && !s->quote;
}

static int take(struct script *s, const char *p, size_t n, struct error *e)
{
	for (size_t i = 0; i < n; i++) {
		bool blank = s->statement.len == 0 && isspace((unsigned char)p[i]);
		if (p[i] == '\0')
			return error_set(e, ERR_CORRUPT, "line %llu: a byte that is no text",
				(unsigned long long)s->line);
		if (s->statement.len == 0)
			s->begun = s->line;
		s->line += p[i] == '\n';
		if (blank)
			continue;
		if (s->statement.len == STATEMENT_MAX)
			return error_set(e, ERR_LIMIT, "line %llu: a statement of more than %zu MiB",
				(unsigned long long)s->begun, STATEMENT_MAX >> 20);
		buf_add_byte(&s->statement, (unsigned char)p[i]);
		/* Triggers have ends of statements inside. */
		int err = follow(s, p[i]) && sqlite3_complete(buf_text(&s->statement)) ? run_statement(s, e) : 0;
		if (err)
			return err;
	}
	return 0;
}

static int end(struct script *s, struct error *e)
{
	const char *rest = skip_space(buf_text(&s->statement));
	if (*rest || (s->quote && s->quote != '-'))
		return error_set(e, ERR_CORRUPT, "line %llu: the text ends inside a statement",
			(unsigned long long)s->begun);
	if (!sqlite3_get_autocommit(s->db))
		return error_set(e, ERR_CORRUPT, "the text ends inside a transaction: its COMMIT is missing");
	return 0;
}

static int run_text(struct script *s, const char *path, struct error *e)
{
	CLEANUP(unpack_stream_close) struct unpack_stream *from = NULL;
	AUTO_FREE char *block = mem_alloc(BLOCK);
	int err = unpack_stream_open(path, &from, e);
	while (!err) {
		ssize_t n = unpack_stream_read(from, block, BLOCK, e);
		if (n < 0)
			return (int)n;
		err = progress_check(s->progress, e);
		if (!err)
			err = n > 0 ? take(s, block, (size_t)n, e) : end(s, e);
		if (err)
			return error_wrap(e, "%s", path);
		if (n == 0)
			break;
		progress_bytes(s->progress, (uint64_t)n);
	}
	return err;
}

static int is_cancelled(void *ctx)
{
	struct error ignored = {0};
	return progress_check(ctx, &ignored) != 0;
}

static int prepare(struct script *s, const char *into, struct error *e)
{
	if (sqlite3_open_v2(into, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXRESCODE, NULL))
		return sqlite_error(s->db, sqlite3_errcode(s->db), e, "making %s", into);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	sqlite3_limit(s->db, SQLITE_LIMIT_ATTACHED, 0);
	/* Should the machine stop, it is made anew. */
	int rc = sqlite3_exec(s->db, "PRAGMA synchronous=OFF; PRAGMA journal_mode=MEMORY", NULL, NULL, NULL);
	if (rc)
		return sqlite_error(s->db, rc, e, "making %s", into);
	sqlite3_set_authorizer(s->db, judge, s);
	sqlite3_progress_handler(s->db, LOOK_UP_STEPS, is_cancelled, s->progress);
	return 0;
}

int unpack_sql(const char *path, const char *into, struct progress *p, struct error *e)
{
	struct script s = {.line = 1, .statement = BUF_INIT_MAX(STATEMENT_MAX), .progress = p};
	int err = prepare(&s, into, e);
	if (!err)
		err = run_text(&s, path, e);
	buf_release(&s.statement);
	if (sqlite3_close(s.db) != SQLITE_OK && !err)
		err = error_set(e, ERR_INTERNAL, "closing the scratch database");
	return err;
}
