/* Sending to a URL: webhooks and heartbeats. */
#include "base/codec.h"
#include "base/digest.h"
#include "base/http.h"
#include "base/mem.h"
#include "job/notify_parts.h"

#include <stdlib.h>
#include <string.h>

#define SHOWN 200      /* of what a server answers */
#define SEGMENT 4      /* a shorter part of a URL is no secret */

static bool is_good(enum notice_event event)
{
	return event == NOTICE_SUCCESS || event == NOTICE_TEST || event == NOTICE_START;
}

const char *notify_url(const struct notice_record *n, enum notice_event event)
{
	if (!strcmp(n->kind, "heartbeat"))
		return n->url;
	const char *own = is_good(event) ? n->url_success : n->url_failure;

	/* A test goes wherever there is a way. */
	if (!own && !n->url && event == NOTICE_TEST)
		return n->url_failure;
	return own ? own : n->url;
}

/* ---- what a server says ---- */

/* Whether the text has a part of the URL's path or query in it: error pages like to repeat them, and they may be tokens. */
static bool tells(const char *url, const char *text)
{
	const char *part = strstr(url, "://");

	part = part ? part + 3 + strcspn(part + 3, "/?#") : url;
	while (*part) {
		part += strspn(part, "/?&=#");
		size_t n = strcspn(part, "/?&=#");

		if (n >= SEGMENT && memmem(text, strlen(text), part, n))
			return true;
		part += n;
	}
	return false;
}

/* The first line of its answer, when it is short words for people; else NULL. Heap. */
static char *words_of(const char *url, const struct http_answer *a)
{
	const char *text = buf_text(&a->body);

	text += strspn(text, " \t\r\n");
	size_t n = strcspn(text, "\r\n");

	if (!n || n > SHOWN || *text == '<' || !utf8_valid(text, n) || tells(url, text))
		return NULL;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return NULL;
	return mem_string_n(text, n);
}

static int judge(const char *url, const struct http_answer *a, struct notify_outcome *out, struct error *e)
{
	AUTO_FREE char *words = words_of(url, a);
	AUTO_FREE char *shown = http_shown(url);

	if (a->status >= 200 && a->status < 300)
		return 0;
	out->retry_after = a->retry_after;
	enum err_kind kind = a->status >= 500 || a->status == 429 || a->status == 408 ? ERR_TEMPORARY : ERR_REFUSED;
	error_set(e, kind, "%s answers with status %d%s%s", shown, a->status, words ? ": " : "", words ? words : "");
	if (a->status >= 300 && a->status < 400)
		error_hint(e, "it sends us elsewhere, which is not followed: give the URL that it names");
	else if (a->status == 401 || a->status == 403 || a->status == 404 || a->status == 410)
		error_hint_typed(e, "the URL, or a token in it, is not valid any more: make a new one there, and change it",
					" with backstay notice edit");
	return -(int)kind;
}

/* ---- webhooks ---- */

/* "sha256=<hex>" over "<timestamp>.<body>": who has the key knows that it is from us, and when. */
static void sign(const struct secret *key, const struct buf *body, struct strlist *headers)
{
	CLEANUP(buf_release) struct buf signed_ = BUF_INIT;
	unsigned char mac[DIGEST_SHA256];
	char hex[2 * DIGEST_SHA256 + 1];
	long long now = (long long)time_now().tv_sec;

	buf_printf(&signed_, "%lld.", now);
	buf_add(&signed_, body->p, body->len);
	digest_hmac_sha256(key->p, key->len, signed_.p, signed_.len, mac);
	hex_encode(mac, sizeof mac, hex);
	strlist_addf(headers, "X-Backstay-Timestamp: %lld", now);
	strlist_addf(headers, "X-Backstay-Signature: sha256=%s", hex);
}

int notify_webhook(const struct notice_record *n, const struct notify_message *m, struct progress *p, struct notify_outcome *out, struct error *e)
{
	CLEANUP(notify_body_release) struct notify_body b = {0};
	CLEANUP(strlist_release) struct strlist headers = {0};
	CLEANUP(http_answer_release) struct http_answer answer = {0};
	const char *url = notify_url(n, m->event);

	if (!url)
		return error_set(e, ERR_USAGE, "the notice has no URL for this event");
	int rc = notify_body_make(n, m, url, &b, e);

	if (rc)
		return rc;
	strlist_addf(&headers, "Content-Type: %s", b.type);
	strlist_addf(&headers, "X-Backstay-Event: %s", notice_event_name(m->event));
	strlist_addf(&headers, "X-Backstay-Delivery: %lld", (long long)m->id);
	if (n->signing.len)
		sign(&n->signing, &b.body, &headers);
	struct http_request r = {.method = "POST", .url = b.url ? b.url : url, .headers = &headers, .body = buf_text(&b.body), .body_len = b.body.len, .progress = p};
	rc = http_send(&r, &answer, e);
	return rc ? rc : judge(url, &answer, out, e);
}

/* ---- heartbeats ---- */

/* "https://ping.example.org/1234?x" and "fail": "https://ping.example.org/1234/fail?x". Heap. */
static char *below(const char *url, const char *name)
{
	size_t n = strcspn(url, "?#");
	bool slash = n && url[n - 1] == '/';

	return mem_printf("%.*s%s%s%s", (int)n, url, slash ? "" : "/", name, url + n);
}

static char *heartbeat_url(const struct notice_record *n, enum notice_event event)
{
	if (event == NOTICE_START)
		return below(n->url, "start");
	if (is_good(event))
		return mem_string(n->url);
	return n->url_failure ? mem_string(n->url_failure) : below(n->url, "fail");
}

int notify_heartbeat(const struct notice_record *n, const struct notify_message *m, struct progress *p, struct notify_outcome *out, struct error *e)
{
	CLEANUP(http_answer_release) struct http_answer answer = {0};
	AUTO_FREE char *url = heartbeat_url(n, m->event);
	struct http_request r = {.method = "GET", .url = url, .progress = p};
	int rc = http_send(&r, &answer, e);

	return rc ? rc : judge(url, &answer, out, e);
}
