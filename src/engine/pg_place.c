/* Where a PostgreSQL database is: URLs, and what libpq makes of them. Nothing here connects. */
#include "engine/pg.h"

#include "base/codec.h"
#include "base/mem.h"
#include "base/path.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define NAME_LIMIT 255
/* No sslmode: libpq refuses it when all else is known, and does not connect. */
#define NO_MODE "none, only resolving"

static void free_options(PQconninfoOption **o)
{
	if (*o)
		PQconninfoFree(*o);
}

void pg_place_release(struct pg_place *p)
{
	strlist_release(&p->keywords);
	strlist_release(&p->values);
	free(p->database);
	free(p->password);
	*p = (struct pg_place){0};
}

static int not_understood(struct error *e, const char *why)
{
	error_set(e, ERR_USAGE, "the PostgreSQL URL is not understood%s%s", *why ? ": " : "", why);
	return error_hint(e, "write postgresql://USER@HOST:PORT/DATABASE; characters such as @ / : %% in a password are "
		"percent-encoded, or the password is given as PGPASSWORD");
}

/* A "@" or "/" in a password that should have been encoded makes libpq take a part of it for a host, a port or a
 * database. */
static bool has_stray_at(const char *uri)
{
	size_t n = strcspn(uri, "?");
	const char *slash = memchr(uri + 2, '/', n - 2);
	const char *first = memchr(uri, '@', n), *last = memrchr(uri, '@', n);
	return first && (first != last || (slash && slash < first));
}

/* libpq's words name what it did not understand: not when that can be a part of a password. */
static int parse_failed(const char *text, char *words, struct error *e)
{
	bool secret = strcasestr(text, "pass") || (strncmp(text, "//", 2) == 0 && strchr(text, '@'));
	if (words)
		words[strcspn(words, "\n")] = '\0';
	int err = not_understood(e, words && !secret ? words : "");
	PQfreemem(words);
	return err;
}

static int parse_text(const char *rest, PQconninfoOption **out, struct error *e)
{
	AUTO_FREE char *text = NULL;
	char *words = NULL;
	bool is_uri = strncmp(rest, "//", 2) == 0;
	if (is_uri && has_stray_at(rest))
		return not_understood(e, "there is an \"@\" too many in it");
	if (is_uri)
		text = mem_printf("postgresql:%s", rest);
	else if (strchr(rest, '='))
		text = mem_string(rest);
	else if (rest[strcspn(rest, "/@: \t\n")])
		return not_understood(e, "");
	else
		text = rest[0] ? mem_printf("dbname=%s", rest) : mem_string("");
	*out = PQconninfoParse(text, &words);
	return *out ? 0 : parse_failed(rest, words, e);
}

/* A key's passphrase and the like would have to be handed to pg_dump where all can read it. */
static int refuse_secret(const char *keyword, struct error *e)
{
	error_set(e, ERR_USAGE, "%s cannot be part of a URL: other users of this machine would see it", keyword);
	return error_hint(e, "put it into a service file and write postgresql:service=NAME");
}

static int take_options(const PQconninfoOption *o, struct pg_place *out, struct error *e)
{
	for (; o->keyword; o++) {
		if (!o->val || !o->val[0])
			continue;
		if (strcmp(o->keyword, "password") == 0) {
			out->password = mem_string(o->val);
		} else if (strcmp(o->keyword, "dbname") == 0) {
			out->database = mem_string(o->val);
		} else if (o->dispchar[0] == '*') {
			return refuse_secret(o->keyword, e);
		} else {
			strlist_add(&out->keywords, o->keyword);
			strlist_add(&out->values, o->val);
		}
	}
	return 0;
}

/* ---- what libpq adds: service files, the environment, its own defaults ---- */

struct effective {
	char *host;               /* "" when libpq has only its own default */
	char *host_or_default;
	char *port, *database;
};

static void effective_release(struct effective *x)
{
	free(x->host);
	free(x->host_or_default);
	free(x->port);
	free(x->database);
}

static const char *option(const PQconninfoOption *o, const char *keyword)
{
	for (; o && o->keyword; o++)
		if (strcmp(o->keyword, keyword) == 0)
			return o->val ? o->val : "";
	return "";
}

static void take_effective(PGconn *c, struct effective *out)
{
	CLEANUP(free_options) PQconninfoOption *all = PQconninfo(c);
	if (!all)
		abort();
	const char *host = option(all, "host"), *port = option(all, "port");
	const char *fallback = PQhost(c);
	if (!host[0])
		host = option(all, "hostaddr");
	out->host = mem_string(host);
	out->host_or_default = mem_string(host[0] ? host : fallback && fallback[0] ? fallback : "localhost");
	out->port = mem_string(port[0] ? port : "5432");
	out->database = mem_string(option(all, "dbname"));
}

/* libpq has no call for this: it is made to gather everything, and then to stumble over an sslmode that does not exist,
 * which it looks at before it connects. */
static int resolve(const struct pg_place *p, struct effective *out, struct error *e)
{
	size_t n = p->keywords.n;
	AUTO_FREE const char **keywords = mem_array(NULL, n + 3, sizeof *keywords);
	AUTO_FREE const char **values = mem_array(NULL, n + 3, sizeof *values);
	for (size_t i = 0; i < n; i++) {
		keywords[i] = p->keywords.v[i];
		values[i] = p->values.v[i];
	}
	keywords[n] = "dbname";
	values[n] = p->database;
	keywords[n + 1] = "sslmode";
	values[n + 1] = NO_MODE;
	keywords[n + 2] = values[n + 2] = NULL;
	CLEANUP(pg_disconnect) PGconn *c = PQconnectStartParams(keywords, values, 0);
	if (!c)
		abort();
	const char *words = PQerrorMessage(c);
	if (!strstr(words, NO_MODE)) {
		error_set(e, ERR_USAGE, "the PostgreSQL URL cannot be used: %.*s", (int)strcspn(words, "\n"), words);
		return error_hint(e, "look at the URL, at the service file (PGSERVICEFILE, ~/.pg_service.conf), and at the PG* "
			"variables");
	}
	take_effective(c, out);
	return 0;
}

static int check_port(const char *port, struct error *e)
{
	while (*port) {
		size_t n = strcspn(port, ",");
		char *end;
		long number = strtol(port, &end, 10);
		if (n > 0 && (!isdigit((unsigned char)port[0]) || end != port + n || number < 1 || number > 65535))
			return not_understood(e, "its port is no number from 1 to 65535");
		port += n + (port[n] == ',');
	}
	return 0;
}

static int look_up(const struct source_url *u, struct pg_place *out, struct effective *x, struct error *e)
{
	CLEANUP(free_options) PQconninfoOption *given = NULL;
	int err = parse_text(u->rest, &given, e);
	if (!err)
		err = take_options(given, out, e);
	if (!err)
		err = check_port(option(given, "port"), e);
	if (!err)
		err = resolve(out, x, e);
	if (!err && strlen(x->database) > NAME_LIMIT)
		err = not_understood(e, "the name of its database is too long");
	if (err)
		return err;
	free(out->database);
	out->database = mem_string(x->database);
	return 0;
}

int pg_place_of(const struct source_url *u, struct pg_place *out, struct error *e)
{
	CLEANUP(effective_release) struct effective x = {0};
	*out = (struct pg_place){.progress = u->progress};
	int err = look_up(u, out, &x, e);
	if (err)
		pg_place_release(out);
	return err;
}

/* ---- names ---- */

static void add_encoded(struct buf *out, const char *s, const char *plain)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if (isalnum(c) || strchr(plain, c))
			buf_add_byte(out, c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

/* As one component of a path: no slash, no control character, valid UTF-8, never "." or "..". */
static char *component(const char *s)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT;
	bool dots = strcmp(s, ".") == 0 || strcmp(s, "..") == 0, text = utf8_valid(s, strlen(s));
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if (c < ' ' || c == 0x7f || c == '/' || c == '%' || (c == '.' && dots) || (c >= 0x80 && !text))
			buf_printf(&out, "%%%02X", c);
		else
			buf_add_byte(&out, c);
	}
	return buf_take_text(&out);
}

static char *identity_of(const struct effective *x)
{
	bool socket = x->host_or_default[0] == '/';
	AUTO_FREE char *clean = socket ? path_clean(x->host_or_default) : mem_string(x->host_or_default);
	for (char *p = clean; *p && !socket; p++)
		*p = (char)tolower((unsigned char)*p);
	AUTO_FREE char *host = component(clean);
	AUTO_FREE char *port = component(x->port);
	AUTO_FREE char *database = component(x->database);
	return mem_printf("/postgresql/%s:%s/%s", host, port, database);
}

static void add_parameter(struct buf *out, const char *keyword, const char *value)
{
	buf_add_str(out, strchr(buf_text(out), '?') ? "&" : "?");
	buf_add_str(out, keyword);
	buf_add_byte(out, '=');
	add_encoded(out, value, "-._~/,@:");
}

static const char *setting(const struct pg_place *p, const char *keyword)
{
	for (size_t i = 0; i < p->keywords.n; i++)
		if (strcmp(p->keywords.v[i], keyword) == 0)
			return p->values.v[i];
	return NULL;
}

/* A URL that leads to the same database again, from another environment too, but for the password. */
static char *shown_of(const struct pg_place *p, const struct effective *x)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT;
	const char *user = setting(p, "user");
	bool usual_port = strcmp(x->port, "5432") == 0;
	bool in_front = x->host[0] && !x->host[strcspn(x->host, "/@,%")];
	bool address6 = in_front && strchr(x->host, ':');
	buf_add_str(&out, "postgresql://");
	if (user) {
		add_encoded(&out, user, "-._~");
		buf_add_byte(&out, '@');
	}
	if (in_front) {
		buf_add_str(&out, address6 ? "[" : "");
		add_encoded(&out, x->host, "-._~:");
		buf_add_str(&out, address6 ? "]" : "");
	}
	if (in_front && !usual_port)
		buf_printf(&out, ":%s", x->port);
	buf_add_byte(&out, '/');
	add_encoded(&out, x->database, "-._~");
	if (!in_front && x->host[0])
		add_parameter(&out, "host", x->host);
	if (!in_front && !usual_port)
		add_parameter(&out, "port", x->port);
	for (size_t i = 0; i < p->keywords.n; i++)
		if (strcmp(p->keywords.v[i], "user") && strcmp(p->keywords.v[i], "host") && strcmp(p->keywords.v[i], "port"))
			add_parameter(&out, p->keywords.v[i], p->values.v[i]);
	return buf_take_text(&out);
}

int pg_parse(struct source_url *u, struct error *e)
{
	CLEANUP(pg_place_release) struct pg_place p = {0};
	CLEANUP(effective_release) struct effective x = {0};
	int err = look_up(u, &p, &x, e);
	if (err)
		return err;
	u->shown = shown_of(&p, &x);
	u->identity = identity_of(&x);
	u->name = path_component_ok(x.database, strlen(x.database)) ? mem_string(x.database) : component(x.database);
	return 0;
}
