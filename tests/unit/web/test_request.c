/* What the head of a request says: framing, host, cookies, ranges, routes, encodings. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "web/cookie.h"
#include "web/framing.h"
#include "web/gzip.h"
#include "web/host.h"
#include "web/range.h"
#include "web/route.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- framing ---- */

/* Headers as "Name: value" lines; `size` 0: as many bytes as they have. */
static int check(const char *const *lines, const char *version, size_t size, uint64_t *length, struct error *e)
{
	struct framing_header headers[200];
	struct framing f = {.method = "POST", .target = "/a", .version = version, .headers = headers};
	char *copies[200];
	size_t bytes = strlen("POST /a HTTP/1.1\r\n\r\n");

	for (; lines[f.count]; f.count++) {
		char *colon = strstr(copies[f.count] = mem_string(lines[f.count]), ": ");

		bytes += strlen(lines[f.count]) + 2;
		*colon = '\0';
		headers[f.count] = (struct framing_header){copies[f.count], colon + 2};
	}
	f.size = size ? size : bytes;
	int rc = framing_check(&f, length, e);

	for (size_t i = 0; i < f.count; i++)
		free(copies[i]);
	return rc;
}

#define LINES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void assert_framing_refused(const char *const *lines, const char *text)
{
	struct error e = {0};
	uint64_t length;

	assert_int_equal(check(lines, "HTTP/1.1", 0, &length, &e), -ERR_USAGE);
	assert_string_equal(e.text, text);
}

static void a_body_of_two_lengths_is_refused(void **state)
{
	assert_framing_refused(LINES("Content-Length: 5", "Content-Length: 5"), "the header Content-Length came more than once");
	assert_framing_refused(LINES("Content-Length: 5", "Transfer-Encoding: chunked"), "the request has both a Content-Length and a Transfer-Encoding");
	assert_framing_refused(LINES("transfer-encoding: chunked", "Transfer-Encoding: chunked"), "the header Transfer-Encoding came more than once");
}

static void an_encoding_that_is_not_just_chunked_is_refused(void **state)
{
	const char *text = "the Transfer-Encoding is not \"chunked\"";
	struct error e = {0};
	uint64_t length;

	assert_framing_refused(LINES("Transfer-Encoding: gzip, chunked"), text);
	assert_framing_refused(LINES("Transfer-Encoding: chunked "), text);
	assert_framing_refused(LINES("Transfer-Encoding: xchunked"), text);
	assert_framing_refused(LINES("Transfer-Encoding: identity"), text);
	assert_int_equal(check(LINES("Transfer-Encoding: chunked"), "HTTP/1.0", 0, &length, &e), -ERR_USAGE);
	assert_string_equal(e.text, text);
}

static void a_length_that_is_no_number_is_refused(void **state)
{
	static const char *const wrong[] = {"Content-Length: ", "Content-Length: +5", "Content-Length: -5", "Content-Length: 5, 5", "Content-Length: 0x5", "Content-Length: 5 ",
		"Content-Length: 18446744073709551616"};

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_framing_refused(LINES(wrong[i]), "the Content-Length is no number");
}

static void names_that_are_none_are_refused(void **state)
{
	static const char *const wrong[] = {"Content-Length : 5", " Folded: x", ": x", "A B: x", "A\tB: x", "A\x80: x", "A(b): x"};

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_framing_refused(LINES(wrong[i]), "a header of the request has a name that is none");
}

static void control_characters_in_values_are_refused(void **state)
{
	assert_framing_refused(LINES("X-A: a\rTransfer-Encoding: chunked"), "the header X-A has a control character in it");
	assert_framing_refused(LINES("X-A: a\nb"), "the header X-A has a control character in it");
	assert_framing_refused(LINES("X-A: \x7f"), "the header X-A has a control character in it");
}

static void headers_that_must_be_single_are(void **state)
{
	assert_framing_refused(LINES("Host: a", "host: b"), "the header Host came more than once");
	assert_framing_refused(LINES("Authorization: a", "Authorization: b"), "the header Authorization came more than once");
	assert_framing_refused(LINES("X-CSRF-Token: a", "X-CSRF-Token: a"), "the header X-CSRF-Token came more than once");
}

static void bytes_that_were_taken_out_before_show(void **state)
{
	size_t plain = strlen("POST /a HTTP/1.1\r\nHost: a\r\n\r\n");
	struct error e = {0};
	uint64_t length;

	assert_int_equal(check(LINES("Host: a"), "HTTP/1.1", plain, &length, &e), 0);
	assert_int_equal(check(LINES("Host: a"), "HTTP/1.1", plain - 1, &length, &e), 0);
	assert_int_equal(check(LINES("Host: a"), "HTTP/1.1", plain + 1, &length, &e), -ERR_USAGE);
	assert_string_equal(e.text, "a header of the request is folded or padded");
}

static void more_than_100_headers_are_refused(void **state)
{
	const char *lines[FRAMING_HEADERS_MAX + 2] = {0};

	for (size_t i = 0; i <= FRAMING_HEADERS_MAX; i++)
		lines[i] = "X: y";
	assert_framing_refused(lines, "the request has more than 100 headers");
}

static void lines_of_one_header_are_one_list(void **state)
{
	const struct framing_header headers[] = {{"X-Forwarded-For", "6.6.6.6"}, {"Host", "a"}, {"x-forwarded-for", "1.2.3.4, 10.0.0.1"}};
	const struct framing f = {.headers = headers, .count = 3};
	AUTO_FREE char *list = framing_list(&f, "X-Forwarded-For");

	assert_string_equal(list, "6.6.6.6, 1.2.3.4, 10.0.0.1");
	assert_null(framing_list(&f, "X-Forwarded-Proto"));
}

static void a_proper_body_has_one_length(void **state)
{
	struct error e = {0};
	uint64_t length;

	assert_int_equal(check(LINES("Host: a"), "HTTP/1.1", 0, &length, &e), 0);
	assert_true(length == 0);
	assert_int_equal(check(LINES("Content-Length: 18446744073709551615"), "HTTP/1.0", 0, &length, &e), 0);
	assert_true(length == UINT64_MAX);
	assert_int_equal(check(LINES("Content-Length: 007", "Accept: a", "Accept: b"), "HTTP/1.1", 0, &length, &e), 0);
	assert_true(length == 7);
	assert_int_equal(check(LINES("Transfer-Encoding: Chunked"), "HTTP/1.1", 0, &length, &e), 0);
	assert_true(length == FRAMING_CHUNKED);
}

/* ---- the host ---- */

static void a_name_that_is_not_ours_is_refused(void **state)
{
	static const char *const strange[] = {"evil.example", "evil.example:8484", "localhost.evil.example", "127.0.0.1.evil.example", "", ":8484", "[::1", "[::1].evil.example", "[evil]", "1.2.3", "0x7f.1"};

	for (size_t i = 0; i < ARRAY_LEN(strange); i++)
		if (host_is_ours(strange[i], "127.0.0.1:8484", "https://backup.example.org/"))
			fail_msg("%s", strange[i]);
	assert_false(host_is_ours(NULL, "127.0.0.1:8484", NULL));
	assert_false(host_is_ours("backup.example.org", "127.0.0.1:8484", ""));
}

static void addresses_this_machine_and_the_public_name_are_ours(void **state)
{
	static const char *const ours[] = {"127.0.0.1", "127.0.0.1:8484", "192.168.1.7:8484", "[::1]", "[::1]:8484", "[2001:db8::7]:1", "localhost", "LocalHost:8484",
		"backup.example.org", "BACKUP.example.org:443", "nas.lan:1"};
	char name[256] = "";

	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (!host_is_ours(ours[i], "nas.lan:8484", "https://backup.example.org/backups/"))
			fail_msg("%s", ours[i]);
	gethostname(name, sizeof name - 1);
	assert_true(host_is_ours(name, "0.0.0.0:8484", NULL));
}

static void only_our_own_pages_are_our_origin(void **state)
{
	assert_true(host_is_origin("http://127.0.0.1:8484", "127.0.0.1:8484", NULL));
	assert_true(host_is_origin("https://Backup.example.org", "10.0.0.7:8484", "https://backup.example.org/"));
	assert_false(host_is_origin("null", "null", NULL));
	assert_false(host_is_origin("http://127.0.0.1:8485", "127.0.0.1:8484", NULL));
	assert_false(host_is_origin("http://127.0.0.1:84841", "127.0.0.1:8484", NULL));
	assert_false(host_is_origin("https://evil.example", "127.0.0.1:8484", "https://backup.example.org"));
	assert_false(host_is_origin("https://", "127.0.0.1:8484", NULL));
}

/* ---- cookies ---- */

static void assert_cookie(const char *header, const char *value)
{
	AUTO_FREE char *found = cookie_find(header, "sid");

	if (value)
		assert_non_null(found);
	else
		assert_null(found);
	if (value)
		assert_string_equal(found, value);
}

static void a_cookie_that_is_there_twice_is_none(void **state)
{
	assert_cookie("sid=a; sid=b", NULL);
	assert_cookie("sid=a; other=x;sid=a", NULL);
}

static void a_cookie_of_another_name_is_none(void **state)
{
	assert_cookie("", NULL);
	assert_cookie("sid", NULL);
	assert_cookie("xsid=a; sidx=b; SID=c; ;;=", NULL);
}

static void a_cookie_is_found_among_others(void **state)
{
	assert_cookie("sid=a", "a");
	assert_cookie("a=b; sid=x=y ; c", "x=y");
	assert_cookie("a=\"sid=1; b\";sid=", "");
	assert_cookie("\tsid=z\t", "z");
}

/* ---- ranges ---- */

static void assert_part(const char *range, uint64_t size, uint64_t from, uint64_t length)
{
	uint64_t f, n;

	if (range_parse(range, size, &f, &n) != RANGE_PART || f != from || n != length)
		fail_msg("%s of %llu", range, (unsigned long long)size);
}

static void assert_kind(const char *range, uint64_t size, enum range_kind kind)
{
	uint64_t f, n;

	if (range_parse(range, size, &f, &n) != kind)
		fail_msg("%s of %llu", range ? range : "no range", (unsigned long long)size);
}

static void a_range_beyond_the_end_is_nothing(void **state)
{
	assert_kind("bytes=10-", 10, RANGE_NONE);
	assert_kind("bytes=10-20", 10, RANGE_NONE);
	assert_kind("bytes=-0", 10, RANGE_NONE);
	assert_kind("bytes=0-", 0, RANGE_NONE);
	assert_kind("bytes=-5", 0, RANGE_NONE);
}

static void a_range_that_is_none_means_all_of_it(void **state)
{
	static const char *const wrong[] = {"", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5", "bytes=5-4", "bytes=0-1,3-4", "bytes=0-1 x", "items=0-1", "bytes=0--1", "bytes=+0-1",
		"bytes=99999999999999999999-", "bytes=0-99999999999999999999", "bytes=-99999999999999999999"};

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_kind(wrong[i], 10, RANGE_WHOLE);
	assert_kind(NULL, 10, RANGE_WHOLE);
}

static void a_range_is_cut_at_the_end(void **state)
{
	assert_part("bytes=0-0", 10, 0, 1);
	assert_part("bytes=9-", 10, 9, 1);
	assert_part("bytes=3-5", 10, 3, 3);
	assert_part("Bytes= 3-5 ", 10, 3, 3);
	assert_part("bytes=3-500", 10, 3, 7);
	assert_part("bytes=3-18446744073709551615", 10, 3, 7);
	assert_part("bytes=-3", 10, 7, 3);
	assert_part("bytes=-30", 10, 0, 10);
	assert_part("bytes=0-", UINT64_MAX, 0, UINT64_MAX);
}

static void a_range_counts_only_for_the_file_it_was_begun_on(void **state)
{
	const char *tag = "\"abc\"", *date = "Sat, 28 Nov 2026 20:40:00 GMT";

	assert_true(range_counts(NULL, tag, date));
	assert_true(range_counts(tag, tag, date));
	assert_true(range_counts(date, tag, date));
	assert_false(range_counts("\"abd\"", tag, date));
	assert_false(range_counts("W/\"abc\"", tag, date));
	assert_false(range_counts("Sat, 28 Nov 2026 20:40:01 GMT", tag, date));
}

static void a_list_of_tags_has_one_or_has_not(void **state)
{
	assert_true(range_etag_listed("*", "\"a\""));
	assert_true(range_etag_listed("\"a\"", "\"a\""));
	assert_true(range_etag_listed("W/\"a\"", "\"a\""));
	assert_true(range_etag_listed("\"b,\", W/\"c\" , \"a\"", "W/\"a\""));
	assert_false(range_etag_listed("", "\"a\""));
	assert_false(range_etag_listed("a", "\"a\""));
	assert_false(range_etag_listed("\"aa\", \"b\"", "\"a\""));
	assert_false(range_etag_listed("\"a", "\"a\""));
}

/* ---- routes ---- */

static const struct web_route things[] = {
	{.method = "GET", .path = "/api/things/"}, {.method = "POST", .path = "/api/things/"}, {.method = "GET", .path = "/api/things/{id}/"},
	{.method = "DELETE", .path = "/api/things/{id}/"}, {.method = "GET", .path = "/api/things/newest/"}, {0},
};
static const struct web_route parts[] = {{.method = "PUT", .path = "/api/things/{id}/parts/{part}/"}, {.method = "GET", .path = "/"}, {0}};
static const struct web_route *const tables[] = {things, parts, NULL};

/* The route's path and its first parameters; NULL: no such path; "405 ..." with what is allowed. Heap. */
static char *found(const char *method, const char *target)
{
	CLEANUP(uri_release) struct uri u;
	struct route_match m;
	struct error e = {0};

	assert_int_equal(uri_parse(target, &u, &e), 0);
	if (!route_find(tables, &u, method, &m))
		return NULL;
	AUTO_FREE char *allow = route_allow(m.methods);

	return m.route ? mem_printf("%s %s %s", m.route->path, m.params[0] ? m.params[0] : "-", m.params[1] ? m.params[1] : "-") : mem_printf("405 %s", allow);
}

static void assert_route(const char *method, const char *target, const char *wanted)
{
	AUTO_FREE char *got = found(method, target);

	assert_non_null(got);
	assert_string_equal(got, wanted);
}

static void a_path_that_no_route_has_is_not_found(void **state)
{
	assert_null(found("GET", "/api/other"));
	assert_null(found("GET", "/api/things/1/parts"));
	assert_null(found("GET", "/api"));
	assert_null(found("GET", "/api/thing"));
	assert_null(found("GET", "/api/things/1/parts/2/3"));
}

static void a_method_that_a_path_has_not_is_told_which_it_has(void **state)
{
	assert_route("PUT", "/api/things", "405 GET, HEAD, OPTIONS, POST");
	assert_route("BREW", "/api/things/7/", "405 DELETE, GET, HEAD, OPTIONS");
	assert_route("GET", "/api/things/7/parts/8", "405 OPTIONS, PUT");
	assert_route("OPTIONS", "/api/things/7/parts/8", "405 OPTIONS, PUT");
	assert_route("get", "/api/things", "405 GET, HEAD, OPTIONS, POST");
}

static void parts_in_braces_are_parameters(void **state)
{
	assert_route("GET", "/api/things", "/api/things/ - -");
	assert_route("DELETE", "/api/things/a%2Fb/", "/api/things/{id}/ a/b -");
	assert_route("PUT", "/api/things/1/parts/2/", "/api/things/{id}/parts/{part}/ 1 2");
	assert_route("GET", "/", "/ - -");
}

static void a_part_said_literally_goes_first(void **state)
{
	assert_route("GET", "/api/things/newest", "/api/things/newest/ - -");
	assert_route("DELETE", "/api/things/newest", "405 GET, HEAD, OPTIONS");
}

static void head_is_as_get(void **state)
{
	assert_route("HEAD", "/api/things/7/", "/api/things/{id}/ 7 -");
}

/* ---- encodings ---- */

static void only_who_takes_gzip_gets_it(void **state)
{
	assert_false(gzip_accepted(NULL));
	assert_false(gzip_accepted(""));
	assert_false(gzip_accepted("br, deflate"));
	assert_false(gzip_accepted("xgzip, gzipx"));
	assert_false(gzip_accepted("gzip;q=0"));
	assert_false(gzip_accepted("gzip; q=0.000, br"));
	assert_true(gzip_accepted("gzip"));
	assert_true(gzip_accepted("br;q=1.0, GZIP;q=0.5"));
	assert_true(gzip_accepted("gzip;q=0.001"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_of_two_lengths_is_refused),
		cmocka_unit_test(an_encoding_that_is_not_just_chunked_is_refused),
		cmocka_unit_test(a_length_that_is_no_number_is_refused),
		cmocka_unit_test(names_that_are_none_are_refused),
		cmocka_unit_test(control_characters_in_values_are_refused),
		cmocka_unit_test(headers_that_must_be_single_are),
		cmocka_unit_test(bytes_that_were_taken_out_before_show),
		cmocka_unit_test(more_than_100_headers_are_refused),
		cmocka_unit_test(a_proper_body_has_one_length),
		cmocka_unit_test(lines_of_one_header_are_one_list),
		cmocka_unit_test(a_name_that_is_not_ours_is_refused),
		cmocka_unit_test(addresses_this_machine_and_the_public_name_are_ours),
		cmocka_unit_test(only_our_own_pages_are_our_origin),
		cmocka_unit_test(a_cookie_that_is_there_twice_is_none),
		cmocka_unit_test(a_cookie_of_another_name_is_none),
		cmocka_unit_test(a_cookie_is_found_among_others),
		cmocka_unit_test(a_range_beyond_the_end_is_nothing),
		cmocka_unit_test(a_range_that_is_none_means_all_of_it),
		cmocka_unit_test(a_range_is_cut_at_the_end),
		cmocka_unit_test(a_range_counts_only_for_the_file_it_was_begun_on),
		cmocka_unit_test(a_list_of_tags_has_one_or_has_not),
		cmocka_unit_test(a_path_that_no_route_has_is_not_found),
		cmocka_unit_test(a_method_that_a_path_has_not_is_told_which_it_has),
		cmocka_unit_test(parts_in_braces_are_parameters),
		cmocka_unit_test(a_part_said_literally_goes_first),
		cmocka_unit_test(head_is_as_get),
		cmocka_unit_test(only_who_takes_gzip_gets_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
