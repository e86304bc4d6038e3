/* Answers: errors, pages of lists, ETags. */
#include "web/answer.h"

#include "base/codec.h"
#include "base/digest.h"
#include "base/mem.h"
#include "base/strlist.h"
#include "web/exchange.h"
#include "web/gzip.h"
#include "web/range.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PAGE_LIMIT 100
#define PAGE_LIMIT_MAX 1000

/* ---- errors ---- */

int web_status(const struct error *e)
{
	switch (e->kind) {
	case ERR_NONE:
		return 200;
	case ERR_USAGE:
		return 400;
	case ERR_PASSWORD:
		return 401;
	case ERR_ACCESS:
		return 403;
	case ERR_NOT_FOUND:
		return 404;
	case ERR_EXISTS:
	case ERR_LOCKED:
	case ERR_REFUSED:
	case ERR_CANCELLED:
	case ERR_NO_REPO:
		return 409;
	case ERR_LIMIT:
		return 413;
	case ERR_MISMATCH:
	case ERR_VERSION:
	case ERR_VERIFY:
		return 422;
	case ERR_CHILD:
		return 502;
	case ERR_TEMPORARY:
		return 503;
	case ERR_NO_SPACE:
		return 507;
	case ERR_INTERNAL:
	case ERR_IO:
	case ERR_CORRUPT:
	case ERR_PARTIAL:
	case ERR_KIND_COUNT:
		break;
	}
	return 500;
}

static const struct { int status; const char *reason; } reasons[] = {
	{200, "OK"}, {201, "Created"}, {202, "Accepted"}, {204, "No Content"}, {206, "Partial Content"}, {304, "Not Modified"},
	{400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"}, {405, "Method Not Allowed"},
	{408, "Request Timeout"}, {409, "Conflict"}, {411, "Length Required"}, {412, "Precondition Failed"}, {413, "Content Too Large"},
	{415, "Unsupported Media Type"}, {416, "Range Not Satisfiable"}, {421, "Misdirected Request"}, {422, "Unprocessable Content"},
	{429, "Too Many Requests"}, {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"}, {501, "Not Implemented"},
	{502, "Bad Gateway"}, {503, "Service Unavailable"}, {507, "Insufficient Storage"},
};

const char *answer_reason(int status)
{
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Error";
}

/* The field that the text is about ("the field "cron" must be ..."), so that a page can show it there. Heap, or NULL. */
static char *field_of(const char *text)
{
	static const char before[] = "the field \"";
	const char *name = strstr(text, before);

	return name ? mem_string_n(name + strlen(before), strcspn(name + strlen(before), "\"")) : NULL;
}

void answer_problem(struct web_response *out, int status, const struct error *e)
{
	AUTO_FREE char *type = mem_printf("urn:backstay:%s", error_kind_name(e->kind));
	AUTO_FREE char *field = *e->field ? mem_string(e->field) : field_of(e->text);
	char hint[ERROR_HINT_SIZE];
	struct strlist headers = out->headers;
	const char *further = out->problem;
	struct json_out w;

	out->headers = (struct strlist){0};
	error_plain_hint(e, hint);
	answer_release(out);
	*out = (struct web_response){.status = status, .type = "application/problem+json", .headers = headers};
	jw_init(&w, &out->body);
	jw_object(&w);
	jw_kv_string(&w, "type", type);
	jw_kv_string(&w, "title", answer_reason(status));
	jw_kv_i64(&w, "status", status);
	jw_kv_string(&w, "detail", e->text);
	jw_kv_string(&w, "hint", *hint ? hint : NULL);
	jw_kv_string(&w, "kind", error_kind_name(e->kind));
	if (field)
		jw_kv_string(&w, "field", field);
	if (further)
		jw_kv_bool(&w, further, true);
	jw_object_end(&w);
}

void answer_release(struct web_response *out)
{
	buf_release(&out->body);
	strlist_release(&out->headers);
	free(out->file);
	free(out->file_name);
	*out = (struct web_response){0};
}

/* ---- headers ---- */

void answer_header(struct web_response *out, const char *name, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	AUTO_FREE char *value = mem_vprintf(fmt, ap);
	va_end(ap);
	for (char *p = value; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	strlist_addf(&out->headers, "%s: %s", name, value);
}

const char *answer_header_get(const struct web_response *out, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < out->headers.n; i++)
		if (!strncasecmp(out->headers.v[i], name, n) && out->headers.v[i][n] == ':')
			return out->headers.v[i] + n + 2;
	return NULL;
}

/* What a browser may do with it: run and load what comes from here and nothing else, show it in no frame, guess no type, tell nobody where it was. */
static void add_guards(struct web_response *out)
{
	answer_header(out, "Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
		"form-action 'self'; frame-ancestors 'none'; base-uri 'none'");
	answer_header(out, "X-Content-Type-Options", "nosniff");
	answer_header(out, "X-Frame-Options", "DENY");
	answer_header(out, "Referrer-Policy", "no-referrer");
	answer_header(out, "Cross-Origin-Opener-Policy", "same-origin");
	answer_header(out, "Cross-Origin-Resource-Policy", "same-origin");
}

void answer_finish(struct web_response *out)
{
	bool empty = !out->body.len && !out->file && !out->stream;

	if (!out->status)
		out->status = empty ? 204 : 200;
	if (!empty && !answer_header_get(out, "Content-Type"))
		answer_header(out, "Content-Type", "%s", out->type ? out->type : "application/json");
	if (!answer_header_get(out, "Cache-Control"))
		answer_header(out, "Cache-Control", "no-store");
	add_guards(out);
}

#define COMPRESS_FROM 1024

void answer_compress(const struct web_request *r, struct web_response *out)
{
	CLEANUP(buf_release) struct buf packed = BUF_INIT;

	if (out->body.len < COMPRESS_FROM || out->secret || answer_header_get(out, "Content-Encoding") || !gzip_accepted(web_header(r, "Accept-Encoding")))
		return;
	gzip_add(out->body.p, out->body.len, 1, &packed);
	buf_swap(&out->body, &packed);
	answer_header(out, "Content-Encoding", "gzip");
	answer_header(out, "Vary", "Accept-Encoding");
}

/* ---- pages of lists ---- */

/* A number of the query; `otherwise` when absent. */
static int query_number(const struct web_request *r, const char *name, uint64_t least, uint64_t most, uint64_t *out, struct error *e)
{
	const char *text = web_query(r, name);
	char *end;

	if (!text)
		return 0;
	*out = strtoull(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end && *out >= least && *out <= most)
		return 0;
	return error_set(e, ERR_USAGE, "the parameter \"%s\" must be a whole number from %" PRIu64 " to %" PRIu64, name, least, most);
}

int web_page(const struct web_request *r, struct catalog_page *out, struct error *e)
{
	*out = (struct catalog_page){.limit = PAGE_LIMIT};
	int rc = query_number(r, "offset", 0, INT64_MAX, &out->offset, e);

	return rc ? rc : query_number(r, "limit", 1, PAGE_LIMIT_MAX, &out->limit, e);
}

void web_list_begin(struct web_response *out, struct json_out *w, uint64_t total, const struct catalog_page *p)
{
	out->list = (struct web_list){.total = total, .page = *p};
	if (!out->list.page.limit)
		out->list.page.limit = PAGE_LIMIT;
	jw_init(w, &out->body);
	jw_object(w);
	jw_kv_u64(w, "total", total);
	jw_kv_u64(w, "offset", out->list.page.offset);
	jw_kv_u64(w, "limit", out->list.page.limit);
	jw_name(w, "items");
	jw_array(w);
}

/* The same list from another place on: "</backup/api/jobs/?state=failed&offset=100&limit=100>; rel="next"". */
static void add_link(struct web_request *r, const struct web_list *l, uint64_t offset, const char *rel, struct buf *links)
{
	CLEANUP(buf_release) struct buf target = BUF_INIT;

	exchange_target(r, &target);
	buf_printf(links, "%s<%s%coffset=%" PRIu64 "&limit=%" PRIu64 ">; rel=\"%s\"", links->len ? ", " : "", buf_text(&target), strchr(buf_text(&target), '?') ? '&' : '?', offset,
		   l->page.limit, rel);
}

void web_list_end(struct web_request *r, struct web_response *out, struct json_out *w)
{
	const struct web_list *l = &out->list;
	const struct catalog_page *p = &l->page;
	CLEANUP(buf_release) struct buf links = BUF_INIT;

	jw_array_end(w);
	jw_object_end(w);
	if (p->offset)
		add_link(r, l, 0, "first", &links);
	if (p->offset)
		add_link(r, l, p->offset > p->limit ? p->offset - p->limit : 0, "prev", &links);
	if (p->offset < l->total && l->total - p->offset > p->limit) {
		add_link(r, l, p->offset + p->limit, "next", &links);
		add_link(r, l, (l->total - 1) / p->limit * p->limit, "last", &links);
	}
	if (links.len)
		answer_header(out, "Link", "%s", buf_text(&links));
}

static bool wants_etag(const struct web_request *r, const struct web_response *out)
{
	bool whole = (out->status == 0 || out->status == 200) && out->body.len && !out->file && !out->stream;

	return whole && !out->secret && !strcmp(r->method, "GET") && !answer_header_get(out, "ETag");
}

void answer_etag(const struct web_request *r, struct web_response *out)
{
	unsigned char hash[DIGEST_SHA256];
	char tag[2 * 16 + 1], etag[sizeof tag + 4];
	const char *known = web_header(r, "If-None-Match");

	if (!wants_etag(r, out))
		return;
	digest_sha256(out->body.p, out->body.len, hash);
	hex_encode(hash, 16, tag);
	snprintf(etag, sizeof etag, "W/\"%s\"", tag);
	answer_header(out, "ETag", "%s", etag);
	if (!known || !range_etag_listed(known, etag))
		return;
	out->status = 304;
	buf_clear(&out->body);
}
