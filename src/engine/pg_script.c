/* A plain SQL script run by ourselves: psql would run programs, go elsewhere by \connect, and go on after errors. */
#include "engine/pg_script.h"

#include "base/mem.h"
#include "engine/pg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK ((size_t)1 << 18)

struct run {
	PGconn *c;
	struct pg_script_lexer lexer;
	struct pg_script_story story;
	struct pg_script_statement at;    /* the statement at hand */
	bool inside;                      /* the caller's transaction is open */
	char state[6];                    /* the server's code for what failed last */
	uint64_t data_line;               /* the line before the first of the data at hand */
	uint64_t rows;                    /* put in by INSERT and COPY */
	struct progress *progress;
};

static void run_release(struct run *r)
{
	pg_script_lex_release(&r->lexer);
	pg_script_story_release(&r->story);
	pg_script_judge_release(&r->at);
}

static unsigned long long line_of(const struct run *r)
{
	return r->lexer.begun;
}

/* ---- one statement on the server ---- */

/* The next result, or NULL. */
static int next_result(struct run *r, PGresult **out, struct error *e)
{
	*out = NULL;
	int err = PQisBusy(r->c) ? pg_wait(r->c, r->progress, e) : 0;
	if (!err)
		*out = PQgetResult(r->c);
	return err;
}

static void drain(struct run *r)
{
	PGresult *x;
	while (PQstatus(r->c) == CONNECTION_OK && (x = PQgetResult(r->c)) != NULL) {
		bool copying = PQresultStatus(x) == PGRES_COPY_IN;
		PQclear(x);
		if (copying && PQputCopyEnd(r->c, "not expected") != 1)
			return;
	}
}

/* Where in COPY data: the server tells the row, "COPY orders, line 3, column total: ...". */
static int failed(struct run *r, const PGresult *x, struct error *e)
{
	const char *context = PQresultErrorField(x, PG_DIAG_CONTEXT), *state = PQresultErrorField(x, PG_DIAG_SQLSTATE);
	snprintf(r->state, sizeof r->state, "%s", state ? state : "");
	const char *row = context && strncmp(context, "COPY ", 5) == 0 ? strstr(context, ", line ") : NULL;
	unsigned long long n = row ? strtoull(row + strlen(", line "), NULL, 10) : 0;
	return pg_error(r->c, x, e, "line %llu", n > 0 ? (unsigned long long)r->data_line + n : line_of(r));
}

static int check_result(struct run *r, PGresult *x, struct error *e)
{
	switch (PQresultStatus(x)) {
	case PGRES_COMMAND_OK:
		if (r->at.kind == PG_SCRIPT_INSERT || r->at.kind == PG_SCRIPT_COPY)
			r->rows += strtoull(PQcmdTuples(x), NULL, 10);
		return 0;
	case PGRES_TUPLES_OK:
	case PGRES_SINGLE_TUPLE:
	case PGRES_EMPTY_QUERY:
		return 0;
	case PGRES_COPY_IN:
		if (r->at.kind == PG_SCRIPT_COPY) {
			r->lexer.copying = true;
			r->data_line = r->lexer.line;
			return 0;
		}
		/* fallthrough */
	case PGRES_COPY_OUT:
	case PGRES_COPY_BOTH:
		return pg_script_story_refuse("such a COPY", line_of(r), e);
	default:
		return failed(r, x, e);
	}
}

/* All results of what was sent; COPY stops at its data. */
static int take_results(struct run *r, struct error *e)
{
	for (;;) {
		CLEANUP(pg_clear) PGresult *x = NULL;
		int err = next_result(r, &x, e);
		if (err)
			return err;
		if (!x)
			return 0;
		err = check_result(r, x, e);
		if (err || r->lexer.copying)
			return err;
	}
}

/* As one statement of the extended protocol: should text hold more than one, the server refuses it. */
static int execute(struct run *r, const char *sql, struct error *e)
{
	if (PQsendQueryParams(r->c, sql, 0, NULL, NULL, NULL, NULL, 0) != 1)
		return pg_error(r->c, NULL, e, "line %llu", line_of(r));
	PQsetSingleRowMode(r->c);
	int err = take_results(r, e);
	if (err)
		drain(r);
	const char *standard = PQparameterStatus(r->c, "standard_conforming_strings");
	r->lexer.standard = !standard || strcmp(standard, "on") == 0;
	r->lexer.pairs = pg_script_lex_pairs(PQparameterStatus(r->c, "client_encoding"));
	return err;
}

/* ---- what a statement needs ---- */

/* A newer pg_dump begins with settings that an older server does not know. */
static bool unknown_setting(const struct run *r)
{
	static const struct {
		const char *name;
		int since;
	} settings[] = {
		{"lock_timeout", 90300}, {"row_security", 90500}, {"idle_in_transaction_session_timeout", 90600},
		{"default_table_access_method", 120000}, {"default_toast_compression", 140000},
		{"idle_session_timeout", 140000}, {"transaction_timeout", 170000},
	};
	for (size_t i = 0; r->at.setting && i < ARRAY_LEN(settings); i++)
		if (strcmp(r->at.setting, settings[i].name) == 0)
			return PQserverVersion(r->c) < settings[i].since;
	return false;
}

/* Run what may fail in one of these ways, which is then passed over as `what`; all else of an open transaction stays. */
static int run_tolerant(struct run *r, const char *const states[], size_t n, const char *what, struct error *e)
{
	bool open = PQtransactionStatus(r->c) == PQTRANS_INTRANS, passed = false;
	int err = open ? execute(r, "SAVEPOINT backstay", e) : 0;
	if (err)
		return err;
	r->state[0] = '\0';
	err = execute(r, buf_text(&r->lexer.sql), e);
	for (size_t i = 0; i < n && err; i++)
		passed |= strcmp(r->state, states[i]) == 0;
	if (passed) {
		pg_script_story_pass(&r->story, what, r->lexer.begun);
		error_clear(e);
		err = open ? execute(r, "ROLLBACK TO SAVEPOINT backstay", e) : 0;
	}
	return !err && open ? execute(r, "RELEASE SAVEPOINT backstay", e) : err;
}

/* pg_dump --clean begins by dropping what an empty database does not have. */
static int drop(struct run *r, struct error *e)
{
	static const char *const not_there[] = {"42P01", "42704", "42883", "3F000", "42703"};
	if (r->story.dumps == 0 || r->story.filled.n > 0)
		return execute(r, buf_text(&r->lexer.sql), e);
	return run_tolerant(r, not_there, ARRAY_LEN(not_there), "DROP of what is not there", e);
}

/* A dump from elsewhere names roles that are not here, or that the user does not belong to. */
static int give(struct run *r, struct error *e)
{
	static const char *const no_role[] = {"42704", "42501"};
	const char *what = strcmp(r->at.what, "an owner") == 0
		? "owners that are no roles here, or that the user may not set" : "privileges of roles that are not here, or that the user may not set";
	return run_tolerant(r, no_role, ARRAY_LEN(no_role), what, e);
}

static int put(struct run *r, struct error *e)
{
	const char *sql = buf_text(&r->lexer.sql);
	pg_script_story_fill(&r->story);
	int err = pg_script_story_one(&r->story, e);
	if (err)
		return err;
	/* Every new database has it. */
	return execute(r, strcasecmp(sql, "CREATE SCHEMA public") == 0 ? "CREATE SCHEMA IF NOT EXISTS public" : sql, e);
}

static int control(struct run *r, struct error *e)
{
	if (!r->inside)
		return execute(r, buf_text(&r->lexer.sql), e);
	return r->at.kind == PG_SCRIPT_ROLLBACK ? pg_script_story_refuse("ROLLBACK", line_of(r), e) : 0;
}

static int run_statement(struct pg_script_lexer *l, struct error *e)
{
	struct run *r = l->ctx;
	pg_script_judge_release(&r->at);
	pg_script_judge(buf_text(&l->sql), l->sql.len, &r->at);
	switch (r->at.kind) {
	case PG_SCRIPT_SKIP:
		pg_script_story_pass(&r->story, r->at.what, line_of(r));
		return 0;
	case PG_SCRIPT_REFUSE:
		return pg_script_story_refuse(r->at.what, line_of(r), e);
	case PG_SCRIPT_BEGIN:
	case PG_SCRIPT_COMMIT:
	case PG_SCRIPT_ROLLBACK:
		return control(r, e);
	case PG_SCRIPT_DROP:
		return drop(r, e);
	case PG_SCRIPT_OWNER:
		return give(r, e);
	case PG_SCRIPT_SETTING:
		return unknown_setting(r) ? 0 : execute(r, buf_text(&l->sql), e);
	default:
		return put(r, e);
	}
}

/* ---- the rest of a script ---- */

static int run_data(struct pg_script_lexer *l, const char *p, size_t n, struct error *e)
{
	struct run *r = l->ctx;
	int got = p ? PQputCopyData(r->c, p, (int)n) : PQputCopyEnd(r->c, NULL);
	if (got != 1)
		return pg_error(r->c, NULL, e, "line %llu", line_of(r));
	if (p)
		return 0;
	int err = take_results(r, e);
	if (err)
		drain(r);
	return err;
}

static int run_command(struct pg_script_lexer *l, const char *line, struct error *e)
{
	struct run *r = l->ctx;
	return pg_script_story_command(&r->story, line, l->begun, e);
}

static int run_comment(struct pg_script_lexer *l, const char *text, struct error *e)
{
	pg_script_story_comment(&((struct run *)l->ctx)->story, text);
	return 0;
}

static int run_end(struct run *r, struct error *e)
{
	int err = pg_script_lex_end(&r->lexer, e);
	if (!err)
		err = pg_script_story_end(&r->story, e);
	if (!err && !r->inside && PQtransactionStatus(r->c) != PQTRANS_IDLE)
		err = error_set(e, ERR_CORRUPT, "the text ends inside a transaction: its COMMIT is missing");
	return err;
}

static int run_text(struct run *r, struct source *script, struct error *e)
{
	AUTO_FREE char *block = mem_alloc(BLOCK);
	for (uint64_t at = 0;;) {
		ssize_t n = script->pread(script, block, BLOCK, at, e);
		int err = n < 0 ? (int)n : progress_check(r->progress, e);
		if (!err)
			err = n > 0 ? pg_script_lex_take(&r->lexer, block, (size_t)n, e) : run_end(r, e);
		if (err || n == 0)
			return err;
		at += (uint64_t)n;
		progress_bytes(r->progress, (uint64_t)n);
	}
}

int pg_script_run(PGconn *c, struct source *script, struct strlist *notes, uint64_t *rows, struct progress *p, struct error *e)
{
	CLEANUP(run_release) struct run r = {.c = c, .inside = PQtransactionStatus(c) != PQTRANS_IDLE, .progress = p};
	pg_script_lex_init(&r.lexer);
	r.lexer.statement = run_statement;
	r.lexer.command = run_command;
	r.lexer.comment = run_comment;
	r.lexer.data = run_data;
	r.lexer.ctx = &r;
	r.lexer.whole = true;
	int err = pg_exec(c, e, pg_sql("SET search_path = \"$user\", public"));
	if (!err)
		err = run_text(&r, script, e);
	/* COPY that was given up. */
	if (err && PQtransactionStatus(c) == PQTRANS_ACTIVE && PQstatus(c) == CONNECTION_OK &&
		PQputCopyEnd(c, "the script failed") == 1)
		drain(&r);
	pg_script_story_notes(&r.story, notes);
	if (rows)
		*rows = r.rows;
	return err;
}
