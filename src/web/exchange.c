#include "web/exchange.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "catalog/setting.h"
#include "job/access.h"
#include "web/answer.h"
#include "web/events.h"
#include "web/host.h"
#include "web/route.h"
#include "web/static.h"
#include "web/watch.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- settings ---- */

#define SETTINGS_SECONDS 1.0

static int read_text(struct catalog *c, const char *name, char **out, struct error *e)
{
	enum setting_origin origin;

	free(*out);
	*out = NULL;
	return setting_text(c, name, out, &origin, e);
}

int exchange_settings_read(struct exchange_settings *s, struct catalog *c, struct error *e)
{
	double now = time_monotonic();

	if (s->read && now - s->read < SETTINGS_SECONDS)
		return 0;
	int rc = read_text(c, "public_url", &s->public_url, e);

	if (!rc)
		rc = read_text(c, "trusted_proxies", &s->trusted, e);
	if (!rc)
		rc = setting_number(c, "upload_max", &s->upload_max, e);
	if (!rc)
		s->read = now;
	return rc;
}

void exchange_settings_release(struct exchange_settings *s)
{
	free(s->public_url);
	free(s->trusted);
	*s = (struct exchange_settings){0};
}

/* ---- what handlers ask ---- */

struct exchange *exchange_of(const struct web_request *r)
{
	return r->own;
}

const char *web_query(const struct web_request *r, const char *name)
{
	return uri_pairs_get(&exchange_of(r)->uri.query, name);
}

const char *web_query_name(const struct web_request *r, size_t i)
{
	const struct strlist *names = &exchange_of(r)->uri.query.names;

	return i < names->n ? names->v[i] : NULL;
}

void web_query_list(const struct web_request *r, const char *name, struct strlist *out)
{
	const struct uri_pairs *query = &exchange_of(r)->uri.query;

	for (size_t i = 0; i < query->names.n; i++)
		if (!strcmp(query->names.v[i], name))
			strlist_add(out, query->values.v[i]);
}

const char *web_header(const struct web_request *r, const char *name)
{
	return framing_get(&exchange_of(r)->head, name);
}

void exchange_target(const struct web_request *r, struct buf *out)
{
	const struct uri *u = &exchange_of(r)->uri;
	char separator = '?';

	for (size_t i = 0; i < u->segments.n; i++) {
		buf_add_byte(out, '/');
		uri_encode(u->segments.v[i], out);
	}
	buf_add_byte(out, '/');
	for (size_t i = 0; i < u->query.names.n; i++) {
		if (!strcmp(u->query.names.v[i], "offset") || !strcmp(u->query.names.v[i], "limit"))
			continue;
		buf_add_byte(out, (unsigned char)separator);
		uri_encode(u->query.names.v[i], out);
		buf_add_byte(out, '=');
		uri_encode(u->query.values.v[i], out);
		separator = '&';
	}
}

bool exchange_is_unwanted(const struct exchange *x)
{
	return atomic_load(&x->site->stopping) || watch_is_left(x->fd);
}

/* ---- its life ---- */

struct exchange *exchange_new(struct exchange_site *site, int fd)
{
	struct exchange *x = mem_zero(sizeof *x);

	x->site = site;
	x->fd = fd;
	x->part.fd = -1;
	x->r.own = x;
	return x;
}

void exchange_free(struct exchange *x)
{
	if (!x)
		return;
	body_release(&x->body);
	/* It may have held a password. */
	secret_wipe(x->r.body.p, x->r.body.cap);
	buf_release(&x->r.body);
	user_record_release(&x->r.user);
	auth_proof_release(&x->proof);
	uri_release(&x->uri);
	events_close(x->out.stream);
	answer_release(&x->out);
	fs_close(&x->part.fd);
	free((char *)(uintptr_t)x->r.csrf);
	free(x->r.who);
	free(x->r.address);
	free(x);
}

static void finish(struct exchange *x)
{
	answer_compress(&x->r, &x->out);
	answer_finish(&x->out);
	x->answered = true;
	/* Uploads that nobody keeps are gone before the answer says anything. */
	x->r.uploads = NULL;
	x->r.upload_count = 0;
	body_release(&x->body);
}

void exchange_refuse(struct exchange *x, int status, const struct error *e)
{
	answer_problem(&x->out, status ? status : web_status(e), e);
	if (x->out.status == 401)
		answer_header(&x->out, "WWW-Authenticate", "Bearer realm=\"backstay\"");
	if (x->out.status >= 500 && x->out.status != 503)
		log_write(LOG_ERROR, "web", "%s %s: %s", x->head.method, x->r.path ? x->r.path : "?", e->text);
	finish(x);
}

/* ---- the head ---- */

static bool starts_with_https(const char *s)
{
	return s && !strncasecmp(s, "https:", 6);
}

/* What the last of the proxies says: what stands before may have come from the client. */
static bool last_is_https(const char *list)
{
	const char *comma = list ? strrchr(list, ',') : NULL;
	const char *last = comma ? comma + 1 + strspn(comma + 1, " \t") : list;

	return last && !strcasecmp(last, "https");
}

/* From where, and whether it is meant for us. */
static int examine_origin(struct exchange *x, const char *peer, const struct exchange_settings *s, struct error *e)
{
	const char *host = x->uri.authority ? x->uri.authority : web_header(&x->r, "Host");
	const char *origin = web_header(&x->r, "Origin"), *site = web_header(&x->r, "Sec-Fetch-Site");
	/* Some proxies add a line of their own behind those of the client. */
	AUTO_FREE char *forwarded = framing_list(&x->head, "X-Forwarded-For");
	AUTO_FREE char *protocol = framing_list(&x->head, "X-Forwarded-Proto");

	x->r.address = access_client(peer, forwarded, s->trusted);
	x->https = starts_with_https(s->public_url) || (last_is_https(protocol) && access_client_trusted(peer, s->trusted));
	if (!host)
		return error_set(e, ERR_USAGE, "the request has no Host");
	if (!host_is_ours(host, x->site->listen, s->public_url)) {
		x->out.status = 421;
		error_set(e, ERR_ACCESS, "this server is not \"%.100s\"", host);
		return error_hint(e, "if it is, say so: backstay config set public_url https://%.100s/", host);
	}
	if (route_is_safe(x->head.method))
		return 0;
	if ((origin && !host_is_origin(origin, host, s->public_url)) || (site && !strcmp(site, "cross-site"))) {
		error_set(e, ERR_ACCESS, "the request comes from a page of another site, %.100s", origin ? origin : "unknown");
		return error_hint(e, "if that is this server's name, say so: backstay config set public_url URL");
	}
	return 0;
}

static int no_such_path(struct exchange *x, struct error *e)
{
	return error_set(e, ERR_NOT_FOUND, "there is nothing at %s", x->r.path);
}

/* *done: it is answered already. */
static int examine_route(struct exchange *x, bool *done, struct error *e)
{
	struct route_match m;

	*done = false;
	x->r.path = x->uri.path;
	x->r.method = strcmp(x->head.method, "HEAD") ? x->head.method : "GET";
	if (!route_find(web_routes, &x->uri, x->r.method, &m)) {
		*done = !strcmp(x->r.method, "GET") && static_answer(&x->r, &x->out);
		return *done ? 0 : no_such_path(x, e);
	}
	x->route = m.route;
	memcpy(x->r.params, m.params, sizeof m.params);
	if (m.route)
		return 0;
	AUTO_FREE char *allow = route_allow(m.methods);

	answer_header(&x->out, "Allow", "%s", allow);
	*done = !strcmp(x->r.method, "OPTIONS");
	if (*done)
		return 0;
	x->out.status = 405;
	return error_set(e, ERR_USAGE, "%s cannot be done with %s; what can: %s", x->head.method, x->r.path, allow);
}

static int examine_user(struct exchange *x, struct error *e)
{
	int rc = auth_identify(&x->r, &x->proof, e);

	return rc ? rc : auth_permit(&x->r, x->route->permission, e);
}

/* What a changing request with a cookie must have, unless its header has it; a form may have it as a field. */
static const char *csrf_wanted(const struct exchange *x)
{
	const char *given = web_header(&x->r, "X-CSRF-Token"), *wanted = x->r.csrf;

	if (!wanted || route_is_safe(x->head.method) || x->route->flags & WEB_SAFE)
		return NULL;
	return given && strlen(given) == strlen(wanted) && secret_equal(given, wanted, strlen(wanted)) ? NULL : wanted;
}

static int examine_body(struct exchange *x, const struct exchange_settings *s, struct error *e)
{
	const struct body_rules rules = {
		.type = web_header(&x->r, "Content-Type"),
		.file_name = web_query(&x->r, "name"),
		.length = x->length,
		.files = x->route->flags & WEB_UPLOAD,
		.state_dir = x->site->state_dir,
		.upload_max = s->upload_max,
		.csrf = csrf_wanted(x),
		.most = x->route->permission == WEB_NONE ? WEB_BODY_MAX_NOBODY : WEB_BODY_MAX,
	};
	int rc = body_begin(&x->body, &rules, e);

	if (rc == -ERR_MISMATCH)
		x->out.status = 415;
	return rc;
}

void exchange_begin(struct exchange *x, const struct framing *head, const char *peer, struct catalog *c, const struct exchange_settings *s)
{
	struct error e = {0};
	bool done = false;

	x->head = *head;
	x->r.catalog = c;
	int rc = framing_check(head, &x->length, &e);

	x->close = rc != 0;
	if (!rc)
		rc = uri_parse(head->target, &x->uri, &e);
	if (!rc)
		rc = examine_origin(x, peer, s, &e);
	if (!rc)
		rc = examine_route(x, &done, &e);
	if (!rc && !done)
		rc = examine_user(x, &e);
	if (!rc && !done)
		rc = examine_body(x, s, &e);
	if (rc)
		exchange_refuse(x, x->out.status, &e);
	else if (done)
		finish(x);
}

/* ---- the body, and the answer ---- */

void exchange_feed(struct exchange *x, const void *p, size_t n)
{
	struct error e = {0};
	int rc = x->answered ? 0 : body_feed(&x->body, p, n, &e);

	if (rc)
		exchange_refuse(x, rc == -ERR_MISMATCH ? 415 : 0, &e);
}

bool exchange_is_slow(const struct exchange *x)
{
	return !x->answered && x->route->flags & WEB_SLOW;
}

static int run(struct exchange *x, struct error *e)
{
	int rc = body_end(&x->body, &x->r.body, e);

	x->r.uploads = x->body.uploads.v;
	x->r.upload_count = x->body.uploads.n;
	if (!rc)
		rc = web_fields(x->route, &x->r, e);
	if (!rc)
		rc = x->route->run(&x->r, &x->out, e);
	if (!rc)
		answer_etag(&x->r, &x->out);
	return rc || !x->out.file ? rc : send_prepare(&x->r, &x->out, &x->part, e);
}

void exchange_run(struct exchange *x, struct catalog *c)
{
	struct error e = {0};

	x->r.catalog = c;
	if (x->answered)
		return;
	if (run(x, &e))
		exchange_refuse(x, x->out.status >= 400 ? x->out.status : 0, &e);
	else
		finish(x);
}
