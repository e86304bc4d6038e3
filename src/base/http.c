#include "base/http.h"

#include "base/mem.h"
#include "base/transfer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TIMEOUT 30
#define ANSWER_MAX ((size_t)64 << 10)
#define HEADERS_MAX ((size_t)256 << 10)

void http_answer_release(struct http_answer *a)
{
	buf_release(&a->body);
	*a = (struct http_answer){.retry_after = -1};
}

/* ---- URLs ---- */

static void url_free(CURLU **u)
{
	curl_url_cleanup(*u);
}

/* A part of it in our memory; NULL when it has none. */
static char *part_of(CURLU *u, CURLUPart which, unsigned flags)
{
	char *text = NULL;
	char *own = curl_url_get(u, which, &text, flags) == CURLUE_OK ? mem_string(text) : NULL;

	curl_free(text);
	return own;
}

static int parse(const char *url, CURLU **out, struct error *e)
{
	CLEANUP(url_free) CURLU *u = curl_url();

	if (!u)
		abort();
	bool is_url = strlen(url) <= HTTP_URL_MAX && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK;
	AUTO_FREE char *scheme = is_url ? part_of(u, CURLUPART_SCHEME, 0) : NULL;

	if (!scheme || (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)) {
		error_set(e, ERR_USAGE, "it is not a URL that begins with http:// or https://");
		return error_hint(e, "write it as https://host/path, with what is not a letter or digit as %%XX where it has to be");
	}
	*out = TAKE(u);
	return 0;
}

int http_check_url(const char *url, struct error *e)
{
	CLEANUP(url_free) CURLU *u = NULL;

	return parse(url, &u, e);
}

/* "hooks.example.org", "localhost:8080" */
static char *host_of(CURLU *u)
{
	AUTO_FREE char *host = part_of(u, CURLUPART_HOST, 0);
	AUTO_FREE char *port = part_of(u, CURLUPART_PORT, 0);

	return port ? mem_printf("%s:%s", host, port) : TAKE(host);
}

char *http_shown(const char *url)
{
	CLEANUP(url_free) CURLU *u = NULL;
	struct error ignored = {0};

	if (parse(url, &u, &ignored))
		return mem_string("...");
	AUTO_FREE char *scheme = part_of(u, CURLUPART_SCHEME, 0);
	AUTO_FREE char *host = host_of(u);
	AUTO_FREE char *path = part_of(u, CURLUPART_PATH, 0);
	AUTO_FREE char *query = part_of(u, CURLUPART_QUERY, 0);

	return mem_printf("%s://%s/%s", scheme, host, (path && strcmp(path, "/") != 0) || query ? "..." : "");
}

static void split_pairs(const char *query, struct strlist *out)
{
	while (*query) {
		size_t n = strcspn(query, "&");
		AUTO_FREE char *pair = mem_string_n(query, n);

		for (char *plus = pair; (plus = strchr(plus, '+'));)
			*plus = ' ';
		int len = 0;
		char *decoded = curl_easy_unescape(NULL, pair, (int)n, &len);
		if (decoded && n)
			strlist_add(out, decoded);
		curl_free(decoded);
		query += n + (query[n] == '&');
	}
}

int http_split_query(const char *url, char **bare, struct strlist *query, struct error *e)
{
	CLEANUP(url_free) CURLU *u = NULL;
	int rc = parse(url, &u, e);

	if (rc)
		return rc;
	AUTO_FREE char *text = part_of(u, CURLUPART_QUERY, 0);

	if (text)
		split_pairs(text, query);
	if (curl_url_set(u, CURLUPART_QUERY, NULL, 0) || curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0))
		abort();
	*bare = part_of(u, CURLUPART_URL, 0);
	return 0;
}

/* ---- a request ---- */

struct reading {
	struct buf *body;
	size_t max, headers;
};

static size_t take_body(char *p, size_t size, size_t n, void *ctx)
{
	struct reading *r = ctx;
	size_t room = r->max - r->body->len;

	n *= size;
	buf_add(r->body, p, n < room ? n : room);
	return n <= room ? n : 0; /* 0 ends it */
}

static size_t take_header(char *p, size_t size, size_t n, void *ctx)
{
	struct reading *r = ctx;

	r->headers += n * size;
	return r->headers <= HEADERS_MAX ? n * size : 0;
}

static void headers_free(struct curl_slist **l)
{
	curl_slist_free_all(*l);
}

static void add_header(struct curl_slist **l, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*l, line);

	if (!longer)
		abort();
	*l = longer;
}

/* Ours, and what libcurl would add by itself taken out: an Expect that costs a second, a type that was not said. */
static int collect_headers(const struct strlist *from, struct curl_slist **out, struct error *e)
{
	bool typed = false;

	for (size_t i = 0; from && i < from->n; i++) {
		const char *line = from->v[i];

		if (line[strcspn(line, "\r\n")] || !strchr(line, ':'))
			return error_set(e, ERR_USAGE, "a header must be one line: \"Name: value\"");
		typed |= !strncasecmp(line, "Content-Type:", 13);
		add_header(out, line);
	}
	if (!typed)
		add_header(out, "Content-Type:");
	add_header(out, "Expect:");
	return 0;
}

static void set_up(CURL *c, CURLU *u, const struct http_request *r, struct curl_slist *headers, struct reading *reading)
{
	curl_easy_setopt(c, CURLOPT_CURLU, u);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "backstay/" BACKSTAY_VERSION);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, reading);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, reading);
	if (r->body) {
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->body);
	}
	if (r->method && !strcmp(r->method, "HEAD"))
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	else if (r->method)
		curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, r->method);
}

static void read_status(CURL *c, struct http_answer *out)
{
	curl_off_t after = 0;
	long status = 0;

	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(c, CURLINFO_RETRY_AFTER, &after);
	out->status = (int)status;
	if (after > 0)
		out->retry_after = (double)after;
}

/* An answer that is longer than wanted is an answer. */
static int finish(struct transfer *t, CURLcode code, const struct reading *r, struct http_answer *out, struct error *e)
{
	if (r->headers > HEADERS_MAX)
		return error_set(e, ERR_LIMIT, "%s answers with headers without end", t->host);
	if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && r->body->len == r->max))
		return transfer_error(t, code, e);
	read_status(t->curl, out);
	return 0;
}

int http_send(const struct http_request *r, struct http_answer *out, struct error *e)
{
	CLEANUP(headers_free) struct curl_slist *headers = NULL;
	CLEANUP(url_free) CURLU *u = NULL;
	CLEANUP(transfer_release) struct transfer t = {0};
	struct reading reading = {.body = &out->body, .max = r->answer_max ? r->answer_max : ANSWER_MAX};

	*out = (struct http_answer){.retry_after = -1};
	int rc = parse(r->url, &u, e);

	if (!rc)
		rc = collect_headers(r->headers, &headers, e);
	if (rc)
		return rc;
	transfer_init(&t, "http,https", host_of(u), r->timeout > 0 ? r->timeout : TIMEOUT);
	set_up(t.curl, u, r, headers, &reading);
	return finish(&t, transfer_run(&t, r->progress), &reading, out, e);
}
