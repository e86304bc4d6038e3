/* A connection that an archive's entries go through. */
#include "engine/pg_put.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* What was begun ends: results are read until there are no more. */
static void drain(PGconn *c)
{
	PGresult *r;
	while ((r = PQgetResult(c))) {
		ExecStatusType status = PQresultStatus(r);
		PQclear(r);
		if (status == PGRES_COPY_IN)
			PQputCopyEnd(c, "given up");
		else if (status == PGRES_COPY_OUT || PQstatus(c) == CONNECTION_BAD)
			break;
	}
}

static int wait(struct pg_session *s, struct error *e)
{
	return PQisBusy(s->c) ? pg_wait(s->c, s->progress, e) : 0;
}

int pg_session_run(struct pg_session *s, const char *sql, uint64_t *rows, struct error *e)
{
	s->state[0] = 0;
	if (!PQsendQuery(s->c, sql))
		return pg_error(s->c, NULL, e, "the connection failed");
	int err = wait(s, e);
	PGresult *r;
	while (!err && (r = PQgetResult(s->c))) {
		ExecStatusType status = PQresultStatus(r);
		if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY) {
			const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
			snprintf(s->state, sizeof s->state, "%s", state ? state : "");
			err = status == PGRES_COPY_IN || status == PGRES_COPY_OUT
				? error_set(e, ERR_CORRUPT, "the statement asks for data it does not have")
				: pg_error(s->c, r, e, "the server refused it");
		} else if (rows) {
			*rows = strtoull(PQcmdTuples(r), NULL, 10);
		}
		PQclear(r);
		if (!err)
			err = wait(s, e);
	}
	drain(s->c);
	return err;
}

int pg_session_do(struct pg_session *s, struct error *e, char *sql)
{
	int err = pg_session_run(s, sql, NULL, e);
	free(sql);
	return err;
}

static const struct pg_entry *find(const struct pg_toc *t, const char *desc)
{
	for (size_t i = 0; i < t->n; i++)
		if (pg_entry_is(&t->v[i], desc))
			return &t->v[i];
	return NULL;
}

static bool begins(const char *text, const char *with)
{
	return text && strncmp(text, with, strlen(with)) == 0;
}

int pg_session_prepare(struct pg_session *s, bool local, struct error *e)
{
	const char *set = local ? "SET LOCAL" : "SET";
	const struct pg_entry *strings = find(s->toc, "STDSTRINGS");
	int err = pg_session_do(s, e, pg_sql("%s check_function_bodies = false; %s xmloption = content; %s row_security = off; "
		"%s client_min_messages = warning; %s synchronous_commit = off", set, set, set, set, set));
	if (!err && s->toc->encoding && s->toc->encoding[0])
		err = pg_session_do(s, e, pg_sql("%s client_encoding = %L", set, s->toc->encoding));
	if (!err && strings && begins(strings->defn, "SET standard_conforming_strings"))
		err = pg_session_do(s, e, pg_sql("%s standard_conforming_strings = %s", set, strstr(strings->defn, "off") ? "off" : "on"));
	if (!err)
		err = pg_session_do(s, e, pg_sql("%s search_path = ''", set));
	return err ? error_wrap(e, "preparing the connection") : 0;
}

int pg_session_open(struct pg_session *s, const struct pg_place *place, const char *database, struct error *e)
{
	int err = pg_connect(place, database, &s->c, e);
	return err ? err : pg_session_prepare(s, false, e);
}

void pg_session_close(struct pg_session *s)
{
	pg_disconnect(&s->c);
	s->c = NULL;
}
