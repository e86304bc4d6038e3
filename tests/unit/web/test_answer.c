/* Answers: problems, pages of lists, ETags, headers, compression. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "asked.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static struct exchange_site site;

#define HEADERS(...) ((const struct framing_header[]){__VA_ARGS__})

/* ---- problems ---- */

static void a_kind_of_error_has_a_status(void **state)
{
	static const struct { enum err_kind kind; int status; } kinds[] = {
		{ERR_USAGE, 400}, {ERR_PASSWORD, 401}, {ERR_ACCESS, 403}, {ERR_NOT_FOUND, 404}, {ERR_EXISTS, 409}, {ERR_LOCKED, 409}, {ERR_REFUSED, 409}, {ERR_LIMIT, 413},
		{ERR_MISMATCH, 422}, {ERR_VERSION, 422}, {ERR_VERIFY, 422}, {ERR_CHILD, 502}, {ERR_TEMPORARY, 503}, {ERR_NO_SPACE, 507}, {ERR_INTERNAL, 500}, {ERR_IO, 500}, {ERR_CORRUPT, 500},
	};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		assert_int_equal(web_status(&(struct error){.kind = kinds[i].kind}), kinds[i].status);
}

static void assert_problem(const struct error *e, int status, const char *further, const char *wanted)
{
	struct web_response out = {.problem = further};

	buf_add_str(&out.body, "half an answer");
	answer_header(&out, "Retry-After", "5");
	answer_problem(&out, status, e);
	assert_string_equal(buf_text(&out.body), wanted);
	assert_string_equal(out.type, "application/problem+json");
	assert_int_equal(out.status, status);
	assert_header(&out, "Retry-After", "5");
	answer_release(&out);
}

static void a_problem_says_what_why_and_the_way_out(void **state)
{
	struct error e = {0};

	error_set(&e, ERR_NOT_FOUND, "there is no source named \"shp\"");
	assert_problem(&e, 404, NULL, "{\"type\":\"urn:backstay:not-found\",\"title\":\"Not Found\",\"status\":404,"
		"\"detail\":\"there is no source named \\\"shp\\\"\",\"hint\":null,\"kind\":\"not-found\"}");
	error_set(&e, ERR_USAGE, "the field \"cron\" must be a text");
	error_hint(&e, "five fields");
	assert_problem(&e, 400, "code_needed", "{\"type\":\"urn:backstay:usage\",\"title\":\"Bad Request\",\"status\":400,"
		"\"detail\":\"the field \\\"cron\\\" must be a text\",\"hint\":\"five fields\",\"kind\":\"usage\",\"field\":\"cron\",\"code_needed\":true}");
	error_set(&e, ERR_EXISTS, "there is a schedule named \"nightly\" already");
	error_field(&e, "name");
	error_hint_typed(&e, "choose another name", ": backstay schedule list");
	assert_problem(&e, 409, NULL, "{\"type\":\"urn:backstay:exists\",\"title\":\"Conflict\",\"status\":409,"
		"\"detail\":\"there is a schedule named \\\"nightly\\\" already\",\"hint\":\"choose another name\",\"kind\":\"exists\",\"field\":\"name\"}");
}

/* ---- headers ---- */

static void a_value_makes_no_line_of_its_own(void **state)
{
	struct web_response out = {0};

	answer_header(&out, "Location", "/a\r\nSet-Cookie: x=%s", "y\n\x7f");
	assert_int_equal(out.headers.n, 1);
	assert_string_equal(out.headers.v[0], "Location: /a  Set-Cookie: x=y  ");
	assert_null(answer_header_get(&out, "Loc"));
	assert_header(&out, "location", "/a  Set-Cookie: x=y  ");
	answer_release(&out);
}

static void an_answer_is_kept_by_no_cache_unless_it_says_otherwise(void **state)
{
	struct web_response plain = {0}, kept = {0};

	answer_finish(&plain);
	assert_int_equal(plain.status, 204);
	assert_header(&plain, "Cache-Control", "no-store");
	assert_null(answer_header_get(&plain, "Content-Type"));
	buf_add_str(&kept.body, "{}");
	answer_header(&kept, "Cache-Control", "no-cache");
	answer_finish(&kept);
	assert_int_equal(kept.status, 200);
	assert_header(&kept, "Cache-Control", "no-cache");
	assert_header(&kept, "Content-Type", "application/json");
	answer_release(&plain);
	answer_release(&kept);
}

/* ---- pages ---- */

static void assert_page_refused(const char *target, const char *text)
{
	CLEANUP(exchange_drop) struct exchange *x = asked(&site, target, NULL, 0);
	struct catalog_page p;
	struct error e = {0};

	assert_int_equal(web_page(&x->r, &p, &e), -ERR_USAGE);
	assert_string_equal(e.text, text);
}

static void a_page_that_is_none_is_refused(void **state)
{
	const char *limit = "the parameter \"limit\" must be a whole number from 1 to 1000";

	assert_page_refused("/a?limit=0", limit);
	assert_page_refused("/a?limit=1001", limit);
	assert_page_refused("/a?limit=-1", limit);
	assert_page_refused("/a?limit=ten", limit);
	assert_page_refused("/a?limit=", limit);
	assert_page_refused("/a?limit=5x", limit);
	assert_page_refused("/a?offset=-1", "the parameter \"offset\" must be a whole number from 0 to 9223372036854775807");
	assert_page_refused("/a?offset=99999999999999999999", "the parameter \"offset\" must be a whole number from 0 to 9223372036854775807");
}

static void assert_links(const char *target, uint64_t total, const char *wanted)
{
	CLEANUP(exchange_drop) struct exchange *x = asked(&site, target, NULL, 0);
	struct catalog_page p;
	struct json_out w;
	struct error e = {0};

	assert_int_equal(web_page(&x->r, &p, &e), 0);
	web_list_begin(&x->out, &w, total, &p);
	jw_u64(&w, 7);
	web_list_end(&x->r, &x->out, &w);
	if (wanted)
		assert_header(&x->out, "Link", wanted);
	else
		assert_null(answer_header_get(&x->out, "Link"));
	assert_non_null(strstr(buf_text(&x->out.body), ",\"items\":[7]}"));
}

static void a_page_links_to_those_around_it(void **state)
{
	assert_links("/api/jobs", 100, NULL);
	assert_links("/api/jobs", 0, NULL);
	assert_links("/api/jobs?state=failed&text=a+b%26c&limit=10", 25,
		"</api/jobs/?state=failed&text=a%20b%26c&offset=10&limit=10>; rel=\"next\", </api/jobs/?state=failed&text=a%20b%26c&offset=20&limit=10>; rel=\"last\"");
	assert_links("/api/jobs?offset=10&limit=10", 25, "</api/jobs/?offset=0&limit=10>; rel=\"first\", </api/jobs/?offset=0&limit=10>; rel=\"prev\", "
		"</api/jobs/?offset=20&limit=10>; rel=\"next\", </api/jobs/?offset=20&limit=10>; rel=\"last\"");
	assert_links("/api/jobs?offset=5&limit=10", 10, "</api/jobs/?offset=0&limit=10>; rel=\"first\", </api/jobs/?offset=0&limit=10>; rel=\"prev\"");
	assert_links("/api/jobs?offset=9223372036854775807&limit=1000", 10,
		"</api/jobs/?offset=0&limit=1000>; rel=\"first\", </api/jobs/?offset=9223372036854774807&limit=1000>; rel=\"prev\"");
}

/* ---- ETags and compression ---- */

static void what_is_known_already_is_not_sent(void **state)
{
	CLEANUP(exchange_drop) struct exchange *first = asked(&site, "/a", NULL, 0);

	buf_add_str(&first->out.body, "{\"a\":1}");
	answer_etag(&first->r, &first->out);
	assert_int_equal(first->out.status, 0);
	const char *tag = answer_header_get(&first->out, "ETag");
	const struct framing_header *known = HEADERS({"If-None-Match", tag}), *other = HEADERS({"If-None-Match", "W/\"other\""});
	CLEANUP(exchange_drop) struct exchange *same = asked(&site, "/a", known, 1);
	CLEANUP(exchange_drop) struct exchange *changed = asked(&site, "/a", other, 1);

	buf_add_str(&same->out.body, "{\"a\":1}");
	answer_etag(&same->r, &same->out);
	assert_int_equal(same->out.status, 304);
	assert_int_equal(same->out.body.len, 0);
	assert_header(&same->out, "ETag", tag);
	buf_add_str(&changed->out.body, "{\"a\":1}");
	answer_etag(&changed->r, &changed->out);
	assert_int_equal(changed->out.status, 0);
}

static struct exchange *compressed(const char *accepted, size_t n, bool secret)
{
	static struct framing_header header;

	header = (struct framing_header){"Accept-Encoding", accepted};
	struct exchange *x = asked(&site, "/a", &header, 1);

	for (size_t i = 0; i < n; i++)
		buf_add_byte(&x->out.body, 'a');
	x->out.secret = secret;
	answer_compress(&x->r, &x->out);
	return x;
}

static void only_large_answers_without_secrets_are_compressed_and_only_when_asked(void **state)
{
	CLEANUP(exchange_drop) struct exchange *small = compressed("gzip", 1023, false);
	CLEANUP(exchange_drop) struct exchange *unasked = compressed("br", 5000, false);
	CLEANUP(exchange_drop) struct exchange *secret = compressed("gzip", 5000, true);
	CLEANUP(exchange_drop) struct exchange *packed = compressed("br, gzip", 5000, false);

	assert_int_equal(small->out.body.len, 1023);
	assert_int_equal(unasked->out.body.len, 5000);
	assert_int_equal(secret->out.body.len, 5000);
	assert_true(packed->out.body.len < 100 && packed->out.body.p[0] == 0x1f && packed->out.body.p[1] == 0x8b);
	assert_header(&packed->out, "Content-Encoding", "gzip");
	assert_header(&packed->out, "Vary", "Accept-Encoding");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kind_of_error_has_a_status),
		cmocka_unit_test(a_problem_says_what_why_and_the_way_out),
		cmocka_unit_test(a_value_makes_no_line_of_its_own),
		cmocka_unit_test(an_answer_is_kept_by_no_cache_unless_it_says_otherwise),
		cmocka_unit_test(a_page_that_is_none_is_refused),
		cmocka_unit_test(a_page_links_to_those_around_it),
		cmocka_unit_test(what_is_known_already_is_not_sent),
		cmocka_unit_test(only_large_answers_without_secrets_are_compressed_and_only_when_asked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
