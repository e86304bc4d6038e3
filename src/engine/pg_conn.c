/* Talking to a PostgreSQL server. */
#include "engine/pg.h"

#include "base/mem.h"
#include "base/thread.h"
#include "base/timefmt.h"
#include "engine/line.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONNECT_SECONDS 30        /* unless connect_timeout or PGCONNECT_TIMEOUT says otherwise */
#define OLDEST 100000
#define LOOK_UP_MS 200            /* how often we see whether we are cancelled */
#define CANCEL_SECONDS 1          /* for the server to take note of it */

void pg_disconnect(PGconn **c)
{
	if (*c) {
		line_forget(*c);
		PQfinish(*c);
	}
	*c = NULL;
}

void pg_clear(PGresult **r)
{
	PQclear(*r);
	*r = NULL;
}

/* ---- errors ---- */

/* SQLSTATE: PostgreSQL manual, appendix A. */
static enum err_kind kind_of(const char *state)
{
	static const struct {
		const char *begins;
		enum err_kind kind;
	} known[] = {
		{"42501", ERR_ACCESS}, {"28", ERR_ACCESS}, {"53100", ERR_NO_SPACE}, {"57014", ERR_CANCELLED},
		{"53", ERR_TEMPORARY}, {"08", ERR_TEMPORARY}, {"57P", ERR_TEMPORARY}, {"3D000", ERR_NOT_FOUND},
		{"25006", ERR_ACCESS},
	};
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strncmp(state, known[i].begins, strlen(known[i].begins)) == 0)
			return known[i].kind;
	return ERR_CHILD;
}

/* Several lines as one. Heap. */
static char *one_line(const char *text)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT;
	for (bool between = false; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '\n' || c == '\r') {
			between = true;
		} else if (c > ' ' || !between) {
			if (between && out.len > 0)
				buf_add_str(&out, out.p[out.len - 1] == ':' ? " " : "; ");
			between = false;
			buf_add_byte(&out, c < ' ' || c == 0x7f ? ' ' : c);
		}
	}
	return buf_take_text(&out);
}

static void add_field(struct buf *out, const PGresult *r, int field)
{
	AUTO_FREE char *text = one_line(PQresultErrorField(r, field) ? PQresultErrorField(r, field) : "");
	if (text[0])
		buf_printf(out, "%s%s", out->len > 0 ? ": " : "", text);
}

/* The connection ended under us, or libpq itself failed: there is no SQLSTATE. */
static int lost(PGconn *c, const char *what, struct error *e)
{
	if (line_is_cut(c))
		return error_set(e, ERR_CANCELLED, "cancelled");
	AUTO_FREE char *words = one_line(PQerrorMessage(c));
	enum err_kind kind = PQstatus(c) == CONNECTION_BAD ? ERR_TEMPORARY : ERR_CHILD;
	return error_set(e, kind, "%s: %s", what, words[0] ? words : "the server gave no reason");
}

int pg_error(PGconn *c, const PGresult *r, struct error *e, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	AUTO_FREE char *what = mem_vprintf(fmt, ap);
	va_end(ap);
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	if (!state)
		return lost(c, what, e);
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	add_field(&text, r, PG_DIAG_MESSAGE_PRIMARY);
	add_field(&text, r, PG_DIAG_MESSAGE_DETAIL);
	const char *hint = PQresultErrorField(r, PG_DIAG_MESSAGE_HINT);
	AUTO_FREE char *way = hint ? one_line(hint) : NULL;
	error_set(e, kind_of(state), "%s: %s", what, buf_text(&text));
	if (way)
		error_hint(e, "%s", way);
	return -(int)e->kind;
}

/* ---- connecting ---- */

/* In a failed connection the only place of the SQLSTATE is the text, if it is verbose: "FATAL:  28P01: password ...".
 * Finds it, and takes it and the place in the server's source out. */
static void take_state(char *words, char state[6])
{
	state[0] = '\0';
	for (char *p = strstr(words, ":  "); p; p = strstr(p + 1, ":  ")) {
		size_t n = 0;
		while (n < 5 && (isdigit((unsigned char)p[3 + n]) || isupper((unsigned char)p[3 + n])))
			n++;
		if (n == 5 && strncmp(p + 8, ": ", 2) == 0) {
			memcpy(state, p + 3, 5);
			state[5] = '\0';
			memmove(p + 2, p + 9, strlen(p + 9) + 1);
		}
	}
	char *place = strstr(words, "\nLOCATION:");
	if (place)
		*place = '\0';
}

static int refused(PGconn *c, const char *database, struct error *e)
{
	char state[6];
	AUTO_FREE char *raw = mem_string(PQerrorMessage(c));
	take_state(raw, state);
	AUTO_FREE char *words = one_line(raw);
	enum err_kind kind = state[0] ? kind_of(state) : PQconnectionNeedsPassword(c) ? ERR_ACCESS : ERR_TEMPORARY;
	error_set(e, kind, "cannot connect to the database %s: %s", database, words);
	if (PQconnectionNeedsPassword(c))
		return error_hint(e, "put it into the URL, PGPASSWORD, or ~/.pgpass");
	if (strncmp(state, "28P01", 5) == 0 || strncmp(state, "28000", 5) == 0)
		return error_hint(e, "check user and password: those of the URL, else PGUSER and PGPASSWORD, else ~/.pgpass");
	if (kind == ERR_NOT_FOUND)
		return error_hint(e, "check the name of the database, which is what follows the host in the URL");
	if (kind == ERR_TEMPORARY && !state[0])
		return error_hint(e, "see that the server runs, and that host, port and TLS settings are right");
	return -(int)kind;
}

static double patience(const struct pg_place *p)
{
	const char *given = getenv("PGCONNECT_TIMEOUT");
	for (size_t i = 0; i < p->keywords.n; i++)
		if (strcmp(p->keywords.v[i], "connect_timeout") == 0)
			given = p->values.v[i];
	int seconds = given ? atoi(given) : 0;
	return seconds > 0 ? seconds : CONNECT_SECONDS;
}

/* Step by step, because only so the server's SQLSTATE can be asked for. */
static int establish(const struct pg_place *p, PGconn *c, const char *database, struct error *e)
{
	double end = time_monotonic() + patience(p);
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;
	PQsetErrorVerbosity(c, PQERRORS_VERBOSE);
	while (PQstatus(c) != CONNECTION_BAD && state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED) {
		struct pollfd wait = {.fd = PQsocket(c), .events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT};
		double left = end - time_monotonic();
		int err = progress_check(p->progress, e);
		if (err)
			return err;
		if (left <= 0)
			return error_set(e, ERR_TEMPORARY, "cannot connect to the database %s: no answer in %.0f s",
				database, patience(p));
		if (poll(&wait, 1, LOOK_UP_MS) > 0)
			state = PQconnectPoll(c);
	}
	if (PQstatus(c) != CONNECTION_OK)
		return refused(c, database, e);
	PQsetErrorVerbosity(c, PQERRORS_DEFAULT);
	return 0;
}

static void quiet(void *ctx, const PGresult *r)
{
}

static int prepare_session(PGconn *c, struct error *e)
{
	int version = PQserverVersion(c);
	if (version < OLDEST)
		return error_set(e, ERR_VERSION, "the server is PostgreSQL %d.%d; Backstay needs version 10 or newer",
			version / 10000, version / 100 % 100);
	int err = pg_exec(c, e, mem_string("SET search_path = ''; SET timezone = UTC; SET datestyle = ISO; "
		"SET intervalstyle = postgres; "
		"SET extra_float_digits = 3; SET bytea_output = hex; SET standard_conforming_strings = on; "
		"SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0; "
		"SET row_security = off"));
	if (!err && version >= 140000)
		err = pg_exec(c, e, mem_string("SET idle_session_timeout = 0"));
	if (!err && version >= 170000)
		err = pg_exec(c, e, mem_string("SET transaction_timeout = 0"));
	return err;
}

int pg_connect(const struct pg_place *p, const char *database, PGconn **out, struct error *e)
{
	CLEANUP(strlist_release) struct strlist keywords = {0}, values = {0};
	if (!database)
		database = p->database;
	strlist_copy(&keywords, &p->keywords);
	strlist_copy(&values, &p->values);
	const char *const more[][2] = {{"dbname", database}, {"password", p->password}, {"client_encoding", "UTF8"},
		{"fallback_application_name", "backstay"}};
	for (size_t i = 0; i < ARRAY_LEN(more); i++)
		if (more[i][1]) {
			strlist_add(&keywords, more[i][0]);
			strlist_add(&values, more[i][1]);
		}
	strlist_take(&keywords, NULL);
	strlist_take(&values, NULL);
	CLEANUP(pg_disconnect) PGconn *c =
		PQconnectStartParams((const char *const *)keywords.v, (const char *const *)values.v, 0);
	if (!c)
		abort();
	int err = establish(p, c, database, e);
	if (err)
		return err;
	PQsetNoticeReceiver(c, quiet, NULL);
	line_watch(c, PQsocket(c), p->progress);
	err = prepare_session(c, e);
	if (!err)
		*out = TAKE(c);
	return err;
}

/* ---- statements ---- */

static void add_quoted(struct buf *out, const char *s, char quote)
{
	for (; *s; s++) {
		if (*s == quote)
			buf_add_byte(out, (unsigned char)quote);
		if (*s == '\\' && quote == '\'')
			buf_add_byte(out, '\\');
		buf_add_byte(out, (unsigned char)*s);
	}
}

static void add_name(struct buf *out, const char *s)
{
	buf_add_byte(out, '"');
	add_quoted(out, s, '"');
	buf_add_byte(out, '"');
}

static void add_literal(struct buf *out, const char *s)
{
	if (!s) {
		buf_add_str(out, "NULL");
		return;
	}
	buf_add_str(out, strchr(s, '\\') ? " E'" : "'");
	add_quoted(out, s, '\'');
	buf_add_byte(out, '\'');
}

/* The number that fmt (behind the percent sign) asks for; returns what follows it. */
static const char *add_number(struct buf *out, const char *fmt, va_list *ap)
{
	if (fmt[0] == 'd')
		buf_printf(out, "%d", va_arg(*ap, int));
	else if (fmt[0] == 'u')
		buf_printf(out, "%u", va_arg(*ap, unsigned));
	else if (strncmp(fmt, "lld", 3) == 0)
		buf_printf(out, "%lld", va_arg(*ap, long long));
	else if (strncmp(fmt, "llu", 3) == 0)
		buf_printf(out, "%llu", va_arg(*ap, unsigned long long));
	else
		abort();
	return fmt + (fmt[0] == 'l' ? 3 : 1);
}

char *pg_sql(const char *fmt, ...)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT;
	va_list ap;
	va_start(ap, fmt);
	while (*fmt) {
		char c = *fmt++;
		if (c != '%') {
			buf_add_byte(&out, (unsigned char)c);
			continue;
		}
		c = *fmt;
		if (c != 'I' && c != 'L' && c != 's' && c != '%') {
			fmt = add_number(&out, fmt, &ap);
			continue;
		}
		fmt++;
		if (c == 'I')
			add_name(&out, va_arg(ap, const char *));
		else if (c == 'L')
			add_literal(&out, va_arg(ap, const char *));
		else if (c == 's')
			buf_add_str(&out, va_arg(ap, const char *));
		else
			buf_add_byte(&out, '%');
	}
	va_end(ap);
	return buf_take_text(&out);
}

int pg_query(PGconn *c, PGresult **out, struct error *e, char *sql)
{
	AUTO_FREE char *own = sql;
	line_touch(c);
	CLEANUP(pg_clear) PGresult *r = PQexec(c, own);
	ExecStatusType state = PQresultStatus(r);
	if (state != PGRES_TUPLES_OK && state != PGRES_COMMAND_OK && state != PGRES_EMPTY_QUERY)
		return pg_error(c, r, e, "the server refused \"%.60s%s\"", own, strlen(own) > 60 ? "..." : "");
	*out = TAKE(r);
	return 0;
}

int pg_exec(PGconn *c, struct error *e, char *sql)
{
	CLEANUP(pg_clear) PGresult *r = NULL;
	return pg_query(c, &r, e, sql);
}

int pg_value(PGconn *c, char **out, struct error *e, char *sql)
{
	CLEANUP(pg_clear) PGresult *r = NULL;
	*out = NULL;
	int err = pg_query(c, &r, e, sql);
	if (!err && PQntuples(r) > 0 && PQnfields(r) > 0 && !PQgetisnull(r, 0, 0))
		*out = mem_string(PQgetvalue(r, 0, 0));
	return err;
}

/* ---- waiting, and stopping a statement ---- */

/* Take what is still to come of a statement that was cancelled, so that the connection can be used again. */
static void drain(PGconn *c)
{
	PGresult *r;
	while ((r = PQgetResult(c)) != NULL) {
		ExecStatusType state = PQresultStatus(r);
		char *row;
		PQclear(r);
		if (PQstatus(c) == CONNECTION_BAD)
			return;
		if (state == PGRES_COPY_IN || state == PGRES_COPY_BOTH)
			(void)PQputCopyEnd(c, "cancelled");
		while (state == PGRES_COPY_OUT && PQgetCopyData(c, &row, 0) > 0)
			PQfreemem(row);
	}
}

/* PQcancel() waits for the server, come what may: in a thread of its own, which a server that says nothing keeps. */
struct cancelling {
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool done, left;                  /* left: nobody waits any more */
	int n;
	PGcancel *v[];
};

static void cancelling_free(struct cancelling *x)
{
	pthread_mutex_destroy(&x->lock);
	pthread_cond_destroy(&x->ended);
	free(x);
}

static void *cancel_all(void *arg)
{
	struct cancelling *x = arg;
	char words[256];
	for (int i = 0; i < x->n; i++) {
		if (x->v[i])
			(void)PQcancel(x->v[i], words, sizeof words);
		PQfreeCancel(x->v[i]);
	}
	pthread_mutex_lock(&x->lock);
	x->done = true;
	bool left = x->left;
	pthread_cond_signal(&x->ended);
	pthread_mutex_unlock(&x->lock);
	if (left)
		cancelling_free(x);
	return NULL;
}

/* Whether the thread is through. */
static bool wait_for(struct cancelling *x, double seconds)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += (long)((seconds - (double)(time_t)seconds) * 1e9);
	until.tv_sec += (time_t)seconds + until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_mutex_lock(&x->lock);
	while (!x->done && pthread_cond_timedwait(&x->ended, &x->lock, &until) == 0)
		;
	x->left = !x->done;
	bool done = x->done;
	pthread_mutex_unlock(&x->lock);
	return done;
}

void pg_cancel(PGcancel **v, int n, double seconds)
{
	pthread_t thread;
	struct cancelling *x = mem_zero(sizeof *x + (size_t)n * sizeof *x->v);
	pthread_mutex_init(&x->lock, NULL);
	pthread_cond_init(&x->ended, NULL);
	for (x->n = 0; x->n < n; x->n++)
		x->v[x->n] = TAKE(v[x->n]);
	if (thread_start(&thread, "cancel", cancel_all, x) != 0)
		cancel_all(x);
	else
		pthread_detach(thread);
	if (wait_for(x, seconds))
		cancelling_free(x);
}

static int stop_statement(PGconn *c, struct error *e)
{
	PGcancel *cancel = PQgetCancel(c);
	pg_cancel(&cancel, 1, CANCEL_SECONDS);
	drain(c);
	return -(int)e->kind;
}

int pg_wait(PGconn *c, struct progress *p, struct error *e)
{
	do {
		int err = progress_check(p, e);
		if (err)
			return stop_statement(c, e);
		struct pollfd wait = {.fd = PQsocket(c), .events = POLLIN};
		if (PQflush(c) > 0)
			wait.events |= POLLOUT;
		if (poll(&wait, 1, LOOK_UP_MS) > 0 && !PQconsumeInput(c))
			return lost(c, "waiting for the server", e);
	} while (PQisBusy(c));
	return 0;
}

/* ---- the vendor's tools ---- */

static void add_setting(struct buf *out, const char *keyword, const char *value)
{
	buf_printf(out, "%s%s='", out->len > 0 ? " " : "", keyword);
	for (; *value; value++) {
		if (*value == '\'' || *value == '\\')
			buf_add_byte(out, '\\');
		buf_add_byte(out, (unsigned char)*value);
	}
	buf_add_byte(out, '\'');
}

char *pg_tool_conninfo(const struct pg_place *p, const char *database)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT;
	for (size_t i = 0; i < p->keywords.n; i++)
		add_setting(&out, p->keywords.v[i], p->values.v[i]);
	add_setting(&out, "dbname", database ? database : p->database);
	return buf_take_text(&out);
}

void pg_tool_env(const struct pg_place *p, struct strlist *env)
{
	strlist_add(env, "PGAPPNAME=backstay");
	strlist_add(env, "PGTZ=UTC");
	if (p->password)
		strlist_addf(env, "PGPASSWORD=%s", p->password);
	if (!getenv("PGCONNECT_TIMEOUT"))
		strlist_addf(env, "PGCONNECT_TIMEOUT=%d", CONNECT_SECONDS);
}

int pg_tool_options(PGconn *c, struct strlist *env, struct error *e)
{
	AUTO_FREE char *differing = NULL;
	const char *given = getenv("PGOPTIONS");
	int err = pg_value(c, &differing, e, pg_sql("SELECT pg_catalog.string_agg('-c ' || w.name || '=' || w.value, ' ') FROM pg_catalog.pg_settings s "
		"JOIN (VALUES ('bytea_output', 'hex'), ('statement_timeout', '0')) w(name, value) ON s.name = w.name WHERE s.reset_val <> w.value"));
	if (!err && differing)
		strlist_addf(env, "PGOPTIONS=%s%s%s", given ? given : "", given ? " " : "", differing);
	return err;
}
