/* An archive from outside is run statement by statement, as a script is: what a script may not hold, none of its entries may. */
#include "engine/unpack_inner.h"

#include "base/mem.h"
#include "engine/pg_archive.h"
#include "engine/pg_script.h"

#include <string.h>

struct judging {
	struct pg_script_lexer lexer;
	const struct pg_entry *entry;
	bool copy;                        /* it must ask for rows, and for nothing else */
	size_t statements;
};

static int refuse(const struct judging *j, const char *what, struct error *e)
{
	error_set(e, ERR_REFUSED, "its entry \"%s %.200s\" holds what is not allowed: %s", j->entry->desc, j->entry->tag, what);
	return error_hint(e, "only what builds one database is run from a file");
}

static int judge_statement(struct pg_script_lexer *l, struct error *e)
{
	CLEANUP(pg_script_judge_release) struct pg_script_statement s = {0};
	struct judging *j = l->ctx;
	pg_script_judge(buf_text(&l->sql), l->sql.len, &s);
	j->statements++;
	switch (s.kind) {
	case PG_SCRIPT_REFUSE:
	case PG_SCRIPT_SKIP:
		return refuse(j, s.what, e);
	case PG_SCRIPT_BEGIN:
	case PG_SCRIPT_COMMIT:
	case PG_SCRIPT_ROLLBACK:
		return refuse(j, "a transaction of its own", e);
	case PG_SCRIPT_COPY:
		return j->copy ? 0 : refuse(j, "COPY among definitions", e);
	default:
		return j->copy ? refuse(j, "no COPY where rows are read", e) : 0;
	}
}

static int judge_command(struct pg_script_lexer *l, const char *line, struct error *e)
{
	(void)line;
	return refuse(l->ctx, "a command of psql", e);
}

static int pass_comment(struct pg_script_lexer *l, const char *text, struct error *e)
{
	(void)l, (void)text, (void)e;
	return 0;
}

static int judge_text(const struct pg_toc *t, const struct pg_entry *en, const char *text, bool copy, struct error *e)
{
	struct judging j = {.entry = en, .copy = copy};
	if (!text || !*text)
		return 0;
	pg_script_lex_init(&j.lexer);
	j.lexer.statement = judge_statement;
	j.lexer.command = judge_command;
	j.lexer.comment = pass_comment;
	j.lexer.whole = true;
	j.lexer.ctx = &j;
	j.lexer.pairs = pg_script_lex_pairs(t->encoding);
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->v[i].desc, "STDSTRINGS") == 0 && t->v[i].defn)
			j.lexer.standard = !strstr(t->v[i].defn, "off");
	int err = pg_script_lex_take(&j.lexer, text, strlen(text), e);
	/* A definition may go without its semicolon. */
	if (!err)
		err = pg_script_lex_take(&j.lexer, "\n;", 2, e);
	if (!err)
		err = pg_script_lex_end(&j.lexer, e);
	pg_script_lex_release(&j.lexer);
	if (err == -ERR_CORRUPT)
		return error_wrap(e, "its entry \"%s %.200s\"", en->desc, en->tag);
	return !err && copy && j.statements != 1 ? refuse(&j, "more than one statement where rows are read", e) : err;
}

/* What concerns the database itself is never run as it stands, and lists of large objects are numbers. */
static bool is_no_sql(const struct pg_entry *en)
{
	static const char *const own[] = {"DATABASE", "DATABASE PROPERTIES", "BLOB METADATA"};
	static const char *const about[] = {"ACL", "COMMENT", "SECURITY LABEL"};
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (strcmp(en->desc, own[i]) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_LEN(about); i++)
		if (strcmp(en->desc, about[i]) == 0 && strncmp(en->tag, "DATABASE ", 9) == 0)
			return true;
	return false;
}

int unpack_pg_judge(const struct pg_toc *t, struct error *e)
{
	int err = 0;
	for (size_t i = 0; i < t->n && !err; i++) {
		const struct pg_entry *en = &t->v[i];
		if (!en->desc || !en->tag)
			return error_set(e, ERR_CORRUPT, "an entry of its table of contents has no name");
		if (is_no_sql(en))
			continue;
		err = judge_text(t, en, en->defn, false, e);
		if (!err)
			err = judge_text(t, en, en->drop, false, e);
		if (!err)
			err = judge_text(t, en, en->copy, true, e);
	}
	return err;
}
