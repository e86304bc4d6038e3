#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/http.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "unit/http_sink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- URLs ---- */

static void only_http_and_https_are_urls(void **state)
{
	static const char *const none[] = {"", "hooks.example.org", "ftp://example.org/x", "file:///etc/passwd", "smtp://example.org", "http://", "http://a b/c",
					   "http://example.org/a b", "http://example.org/\r\nX: y", "http://example.org:99999/", "gopher://example.org/"};
	struct error e = {0};

	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		assert_int_equal(http_check_url(none[i], &e), -ERR_USAGE);
		assert_string_equal(e.text, "it is not a URL that begins with http:// or https://");
	}
	AUTO_FREE char *path = mem_zero(HTTP_URL_MAX + 1);
	memset(path, 'a', HTTP_URL_MAX);
	AUTO_FREE char *too_long = mem_printf("http://a/%s", path);
	assert_int_equal(http_check_url(too_long, &e), -ERR_USAGE);
	assert_int_equal(http_check_url("HTTPS://hooks.example.org:8443/T00/B00?x=1", &e), 0);
	assert_int_equal(http_check_url("http://[::1]:8080/", &e), 0);
}

static void what_is_shown_of_a_url_has_no_path_no_query_and_no_password(void **state)
{
	static const char *const cases[][2] = {
		{"https://hooks.example.org/services/T00/B00/secret", "https://hooks.example.org/..."},
		{"https://hooks.example.org?token=secret", "https://hooks.example.org/..."},
		{"https://user:secret@hooks.example.org:8443/x", "https://hooks.example.org:8443/..."},
		{"https://hooks.example.org/", "https://hooks.example.org/"},
		{"https://hooks.example.org", "https://hooks.example.org/"},
		{"http://[::1]:80/a#secret", "http://[::1]:80/..."},
		{"secret", "..."},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_FREE char *shown = http_shown(cases[i][0]);

		assert_string_equal(shown, cases[i][1]);
	}
}

static void a_query_is_split_and_decoded(void **state)
{
	CLEANUP(strlist_release) struct strlist query = {0};
	struct error e = {0};
	char *bare;

	assert_int_equal(http_split_query("https://example.org:8443/bot1/send?chat_id=-100&text=a%26b+c&&flag#x", &bare, &query, &e), 0);
	assert_string_equal(bare, "https://example.org:8443/bot1/send");
	AUTO_FREE char *joined = strlist_join(&query, "|");
	assert_string_equal(joined, "chat_id=-100|text=a&b c|flag");
	free(bare);
	assert_int_equal(http_split_query("x", &bare, &query, &e), -ERR_USAGE);
}

/* ---- answers ---- */

struct exchange {
	struct http_sink sink;
	struct http_answer answer;
	struct error e;
	int rc;
};

/* One request to a sink that answers so. */
static struct http_request request_for(struct exchange *x, const char *answer, char **url)
{
	http_sink_start(&x->sink, answer);
	*url = http_sink_url(&x->sink, "/hook/secret?token=secret");
	x->e = (struct error){0};
	return (struct http_request){.url = *url, .timeout = 20};
}

static void finish(struct exchange *x)
{
	http_answer_release(&x->answer);
	http_sink_stop(&x->sink);
}

static void send_to(struct exchange *x, const char *answer)
{
	AUTO_FREE char *url = NULL;
	struct http_request r = request_for(x, answer, &url);

	x->rc = http_send(&r, &x->answer, &x->e);
}

static void a_redirect_is_not_followed(void **state)
{
	struct exchange x;

	send_to(&x, "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(x.rc, 0);
	assert_int_equal(x.answer.status, 302);
	assert_int_equal(http_sink_count(&x.sink), 1);
	finish(&x);
}

static void an_answer_is_read_up_to_its_limit_only(void **state)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	struct exchange x;
	AUTO_FREE char *url = NULL;

	buf_add_str(&text, "HTTP/1.1 500 Oh\r\n\r\n");
	for (int i = 0; i < 200000; i++)
		buf_add_str(&text, "0123456789");
	struct http_request r = request_for(&x, buf_text(&text), &url);
	r.answer_max = 15;
	assert_int_equal(http_send(&r, &x.answer, &x.e), 0);
	assert_int_equal(x.answer.status, 500);
	assert_string_equal(buf_text(&x.answer.body), "012345678901234");
	finish(&x);
}

static void headers_without_end_are_refused(void **state)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	struct exchange x;

	buf_add_str(&text, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 30000; i++)
		buf_printf(&text, "X-%d: 0123456789\r\n", i);
	send_to(&x, buf_text(&text));
	assert_int_equal(x.rc, -ERR_LIMIT);
	AUTO_FREE char *expected = mem_printf("127.0.0.1:%d answers with headers without end", x.sink.port);
	assert_string_equal(x.e.text, expected);
	finish(&x);
}

static void retry_after_is_read_as_seconds_or_as_a_date(void **state)
{
	struct exchange x;

	send_to(&x, "HTTP/1.1 429 Too Many\r\nRetry-After: 120\r\nContent-Length: 4\r\n\r\nslow");
	assert_int_equal(x.answer.status, 429);
	assert_true(x.answer.retry_after == 120);
	assert_string_equal(buf_text(&x.answer.body), "slow");
	finish(&x);

	struct timespec then = time_now();
	struct tm tm;
	char date[100], answer[200];
	then.tv_sec += 3600;
	gmtime_r(&then.tv_sec, &tm);
	strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	snprintf(answer, sizeof answer, "HTTP/1.1 503 Later\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n", date);
	send_to(&x, answer);
	assert_true(x.answer.retry_after > 3500 && x.answer.retry_after <= 3600);
	finish(&x);

	send_to(&x, "HTTP/1.1 503 Later\r\nRetry-After: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n");
	assert_true(x.answer.retry_after == -1);
	finish(&x);
}

static void a_body_is_posted_with_the_headers_given_and_no_others(void **state)
{
	CLEANUP(strlist_release) struct strlist headers = {0};
	struct exchange x;
	AUTO_FREE char *url = NULL;
	struct http_request r = request_for(&x, NULL, &url);

	strlist_add(&headers, "Content-Type: application/json");
	strlist_add(&headers, "X-Backstay-Event: test");
	r.headers = &headers;
	r.body = "{\"a\":1}";
	r.body_len = 7;
	assert_int_equal(http_send(&r, &x.answer, &x.e), 0);
	AUTO_FREE char *got = http_sink_request(&x.sink, 0);
	AUTO_FREE char *expected = mem_printf("POST /hook/secret?token=secret HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: backstay/%s\r\nAccept: */*\r\n"
					      "Content-Type: application/json\r\nX-Backstay-Event: test\r\nContent-Length: 7\r\n\r\n{\"a\":1}", x.sink.port, BACKSTAY_VERSION);
	assert_string_equal(got, expected);
	finish(&x);
}

static void a_get_has_no_body_and_a_method_can_be_named(void **state)
{
	struct exchange x;
	AUTO_FREE char *url = NULL;
	struct http_request r = request_for(&x, NULL, &url);

	assert_int_equal(http_send(&r, &x.answer, &x.e), 0);
	http_answer_release(&x.answer);
	r.method = "HEAD";
	assert_int_equal(http_send(&r, &x.answer, &x.e), 0);
	http_answer_release(&x.answer);
	r.method = "PUT";
	r.body = "x";
	r.body_len = 1;
	assert_int_equal(http_send(&r, &x.answer, &x.e), 0);
	static const char *const begin[] = {"GET /hook/secret?token=secret HTTP/1.1\r\n", "HEAD /hook", "PUT /hook"};
	for (size_t i = 0; i < 3; i++) {
		AUTO_FREE char *got = http_sink_request(&x.sink, i);

		assert_memory_equal(got, begin[i], strlen(begin[i]));
		assert_null(strstr(got, "Expect:"));
		assert_int_equal(strstr(got, "Content-Length:") != NULL, i == 2);
	}
	finish(&x);
}

/* ---- failures ---- */

static void a_header_with_a_line_break_is_refused(void **state)
{
	static const char *const bad[] = {"X-Source: shop\r\nX-Admin: yes", "X-Source: shop\nX", "X-Source"};
	struct error e = {0};
	struct http_answer a;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP(strlist_release) struct strlist headers = {0};

		strlist_add(&headers, bad[i]);
		struct http_request r = {.url = "http://127.0.0.1:1/", .headers = &headers};
		assert_int_equal(http_send(&r, &a, &e), -ERR_USAGE);
		assert_string_equal(e.text, "a header must be one line: \"Name: value\"");
		http_answer_release(&a);
	}
}

static void what_is_no_url_is_not_sent_to(void **state)
{
	struct error e = {0};
	struct http_answer a;
	struct http_request r = {.url = "file:///etc/passwd"};

	assert_int_equal(http_send(&r, &a, &e), -ERR_USAGE);
	assert_string_equal(e.text, "it is not a URL that begins with http:// or https://");
	http_answer_release(&a);
}

static void assert_failed(const struct exchange *x, enum err_kind kind, const char *format)
{
	CLEANUP(buf_release) struct buf expected = BUF_INIT;
	const char *place = strstr(format, "HOST");

	buf_printf(&expected, "%.*s127.0.0.1:%d%s", (int)(place - format), format, x->sink.port, place + 4);
	assert_int_equal(x->rc, -(int)kind);
	assert_string_equal(x->e.text, buf_text(&expected));
	assert_null(strstr(x->e.text, "secret"));
}

static void a_closed_port_may_pass(void **state)
{
	struct exchange x;
	struct http_answer a;

	http_sink_start(&x.sink, NULL);
	AUTO_FREE char *url = http_sink_url(&x.sink, "/secret");
	http_sink_stop(&x.sink);
	struct http_request r = {.url = url};
	x.e = (struct error){0};
	x.rc = http_send(&r, &a, &x.e);
	assert_failed(&x, ERR_TEMPORARY, "cannot connect to HOST: Connection refused");
	http_answer_release(&a);
}

static void a_host_that_is_not_there_may_pass(void **state)
{
	struct error e = {0};
	struct http_answer a;
	struct http_request r = {.url = "https://hooks.invalid/secret"};

	assert_int_equal(http_send(&r, &a, &e), -ERR_TEMPORARY);
	assert_string_equal(e.text, "cannot find the host hooks.invalid");
	http_answer_release(&a);
}

static void a_connection_that_is_closed_may_pass(void **state)
{
	struct exchange x;

	send_to(&x, "");
	assert_failed(&x, ERR_TEMPORARY, "the connection to HOST was lost: Empty reply from server");
	finish(&x);
	send_to(&x, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
	assert_failed(&x, ERR_TEMPORARY, "the connection to HOST was lost: transfer closed with 96 bytes remaining to read");
	finish(&x);
}

static void what_does_not_speak_http_is_told(void **state)
{
	struct exchange x;

	send_to(&x, "220 smtp.example.org ESMTP\r\n");
	assert_int_equal(x.rc, -ERR_TEMPORARY);
	assert_failed(&x, ERR_TEMPORARY, "HOST: Unsupported protocol");
	finish(&x);
}

static void a_server_without_tls_is_told(void **state)
{
	struct exchange x;
	struct http_answer a;

	http_sink_start(&x.sink, NULL);
	AUTO_FREE char *url = mem_printf("https://127.0.0.1:%d/secret", x.sink.port);
	http_sink_answer(&x.sink, "");
	struct http_request r = {.url = url, .timeout = 0.4};
	x.e = (struct error){0};
	x.rc = http_send(&r, &a, &x.e);
	assert_failed(&x, ERR_TEMPORARY, "HOST did not answer within 0.4 seconds");
	http_answer_release(&a);
	http_sink_stop(&x.sink);
}

static void a_silent_server_is_given_up(void **state)
{
	struct exchange x;
	AUTO_FREE char *url = NULL;
	struct http_request r = request_for(&x, HTTP_SINK_SILENT, &url);

	r.timeout = 0.4;
	x.rc = http_send(&r, &x.answer, &x.e);
	assert_failed(&x, ERR_TEMPORARY, "HOST did not answer within 0.4 seconds");
	finish(&x);
}

struct cancelling {
	struct exchange *x;
	struct progress progress;
};

static void *cancel_when_it_waits(void *ctx)
{
	struct cancelling *c = ctx;

	while (http_sink_count(&c->x->sink) == 0)
		time_sleep(0.01);
	atomic_store(&c->progress.cancel, true);
	return NULL;
}

static void waiting_for_a_silent_server_can_be_cancelled(void **state)
{
	struct exchange x;
	struct cancelling c = {.x = &x};
	AUTO_FREE char *url = NULL;
	struct http_request r = request_for(&x, HTTP_SINK_SILENT, &url);
	pthread_t thread;

	r.progress = &c.progress;
	r.timeout = 300;
	assert_int_equal(pthread_create(&thread, NULL, cancel_when_it_waits, &c), 0);
	double begun = time_monotonic();
	assert_int_equal(http_send(&r, &x.answer, &x.e), -ERR_CANCELLED);
	assert_true(time_monotonic() - begun < 60);
	assert_string_equal(x.e.text, "cancelled");
	pthread_join(thread, NULL);
	finish(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_http_and_https_are_urls),
		cmocka_unit_test(what_is_shown_of_a_url_has_no_path_no_query_and_no_password),
		cmocka_unit_test(a_query_is_split_and_decoded),
		cmocka_unit_test(a_header_with_a_line_break_is_refused),
		cmocka_unit_test(what_is_no_url_is_not_sent_to),
		cmocka_unit_test(a_closed_port_may_pass),
		cmocka_unit_test(a_host_that_is_not_there_may_pass),
		cmocka_unit_test(a_connection_that_is_closed_may_pass),
		cmocka_unit_test(what_does_not_speak_http_is_told),
		cmocka_unit_test(a_server_without_tls_is_told),
		cmocka_unit_test(a_silent_server_is_given_up),
		cmocka_unit_test(waiting_for_a_silent_server_can_be_cancelled),
		cmocka_unit_test(a_redirect_is_not_followed),
		cmocka_unit_test(an_answer_is_read_up_to_its_limit_only),
		cmocka_unit_test(headers_without_end_are_refused),
		cmocka_unit_test(retry_after_is_read_as_seconds_or_as_a_date),
		cmocka_unit_test(a_body_is_posted_with_the_headers_given_and_no_others),
		cmocka_unit_test(a_get_has_no_body_and_a_method_can_be_named),
	};

	unsetenv("http_proxy");
	unsetenv("https_proxy");
	unsetenv("all_proxy");
	unsetenv("HTTPS_PROXY");
	unsetenv("ALL_PROXY");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
