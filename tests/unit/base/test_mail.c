#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mail.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- addresses and servers ---- */

static void what_is_no_address_is_refused(void **state)
{
	static const char *const bad[] = {"", "x", "@x", "x@", "a b@x", "a@b c", "a@x\r\nBcc: b@y", "a@x>", "Name <a@x", "<>", "a@x, b@y", "a..b@x", ".a@x", "a@x.", "a@.x", "a\"b@x", "ä@x", "a@ä.de", "Name <a@x> y",
					  "a@[]", "<a@x\n>", "a@x@"};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_FREE char *expected = mem_printf("\"%s\" is not a mail address", bad[i]);
		char *name, *address;
		struct error e = {0};

		assert_int_equal(mail_address(bad[i], &name, &address, &e), -ERR_USAGE);
		assert_string_equal(e.text, expected);
	}
	AUTO_FREE char *local = mem_zero(300);
	memset(local, 'a', 260);
	AUTO_FREE char *too_long = mem_printf("%s@x", local);
	char *name, *address;
	struct error e = {0};
	assert_int_equal(mail_address(too_long, &name, &address, &e), -ERR_USAGE);
}

static void an_address_may_have_a_name(void **state)
{
	static const char *const good[][3] = {
		{"a@x", NULL, "a@x"},
		{"<a@x>", NULL, "a@x"},
		{"o'brien+tag@mail.example.org", NULL, "o'brien+tag@mail.example.org"},
		{"a@[127.0.0.1]", NULL, "a@[127.0.0.1]"},
		{"Backups at home <a@x>", "Backups at home", "a@x"},
		{"\"Käthe, Admin\" <a@x>", "Käthe, Admin", "a@x"},
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		char *name, *address;
		struct error e = {0};

		assert_int_equal(mail_address(good[i][0], &name, &address, &e), 0);
		if (good[i][1])
			assert_string_equal(name, good[i][1]);
		else
			assert_null(name);
		assert_string_equal(address, good[i][2]);
		free(name);
		free(address);
	}
}

static void a_server_is_a_host_and_perhaps_a_port(void **state)
{
	static const char *const bad[] = {"", ":25", "a b", "a:", "a:0", "a:65536", "a:25x", "a/b", "user@a", "[::1", "[]", "[x]", "a\r\n", "smtp://a", "a:999999"};
	static const char *const good[] = {"smtp.example.org", "localhost:2525", "[::1]", "[::1]:25", "10.0.0.1:587"};
	struct error e = {0};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_FREE char *expected = mem_printf("\"%s\" is not a mail server; write it as host or host:port", bad[i]);

		assert_int_equal(mail_check_server(bad[i], &e), -ERR_USAGE);
		assert_string_equal(e.text, expected);
	}
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(mail_check_server(good[i], &e), 0);
}

static void each_security_has_a_name(void **state)
{
	for (enum mail_security s = MAIL_STARTTLS; s <= MAIL_NONE; s++) {
		enum mail_security back;

		assert_true(mail_security_parse(mail_security_name(s), &back));
		assert_int_equal(back, s);
	}
	enum mail_security s;
	assert_false(mail_security_parse("ssl", &s));
}

/* ---- messages ---- */

static const struct timespec DATE = {.tv_sec = 1764100800}; /* 2025-11-25 20:00:00 UTC, a Tuesday */

/* Composed; what differs each time (message id, boundary) replaced by ID and BOUNDARY. */
static char *composed(const char *from, const char *to, const char *subject, const char *text, const char *html)
{
	CLEANUP(strlist_release) struct strlist list = {0};
	CLEANUP(buf_release) struct buf out = BUF_INIT;
	struct error e = {0};

	strlist_add(&list, to);
	struct mail m = {.from = from, .to = &list, .subject = subject, .text = text, .html = html, .date = DATE};
	if (mail_compose(&m, &out, &e))
		fail_msg("%s", e.text);
	AUTO_FREE char *whole = buf_take_text(&out);
	AUTO_FREE char *id = mem_string_n(strstr(whole, "Message-ID: <") + 13, 32);
	const char *mark = strstr(whole, "boundary=\"");
	AUTO_FREE char *boundary = mark ? mem_string_n(mark + 10, 32) : mem_string(id);

	for (char *at = whole; *at; at++) {
		bool is_id = !strncmp(at, id, 32), is_boundary = !strncmp(at, boundary, 32);

		buf_add_str(&out, is_id ? "ID" : is_boundary ? "BOUNDARY" : (char[]){*at, 0});
		at += is_id || is_boundary ? 31 : 0;
	}
	return buf_take_text(&out);
}

#define HEAD(from, to, subject) \
	"Date: Tue, 25 Nov 2025 20:00:00 +0000\r\nMessage-ID: <ID@example.org>\r\nFrom: " from "\r\nTo: " to "\r\nSubject: " subject "\r\n" \
	"Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
#define PLAIN "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"

static void assert_composed(const char *from, const char *to, const char *subject, const char *text, const char *expected)
{
	AUTO_FREE char *got = composed(from, to, subject, text, NULL);

	assert_string_equal(got, expected);
}

static void a_subject_cannot_make_a_header(void **state)
{
	assert_composed("b@example.org", "a@x", "shop\r\nBcc: evil@example.net\n\n<script>", "t\n",
			HEAD("b@example.org", "a@x", "shop  Bcc: evil@example.net  <script>") PLAIN "t\r\n");
	assert_composed("b@example.org", "a@x", "a\x7f\xc2\x85\xe2\x80\xa8z", "t",
			HEAD("b@example.org", "a@x", "a   z") PLAIN "t\r\n");
}

static void a_name_cannot_make_a_header_or_a_recipient(void **state)
{
	assert_composed("x\r\nBcc: evil@example.net <b@example.org>", "\"a\\\", evil@example.net\" <a@x>", "s", "t",
			HEAD("\"x  Bcc: evil@example.net\"\r\n <b@example.org>", "=?UTF-8?B?YVwiLCBldmlsQGV4YW1wbGUubmV0?=\r\n <a@x>", "s") PLAIN "t\r\n");
}

static void addresses_are_checked_and_counted(void **state)
{
	CLEANUP(strlist_release) struct strlist to = {0};
	CLEANUP(buf_release) struct buf out = BUF_INIT;
	struct error e = {0};
	struct mail m = {.from = "b@example.org", .to = &to, .subject = "s", .text = "t"};

	assert_int_equal(mail_compose(&m, &out, &e), -ERR_USAGE);
	assert_string_equal(e.text, "a mail goes to 1 to 50 addresses, not to 0");
	for (int i = 0; i < 51; i++)
		strlist_add(&to, i == 3 ? "x\r\nBcc: y@z" : "a@x");
	assert_int_equal(mail_compose(&m, &out, &e), -ERR_USAGE);
	assert_string_equal(e.text, "a mail goes to 1 to 50 addresses, not to 51");
	to.n = 50;
	assert_int_equal(mail_compose(&m, &out, &e), -ERR_USAGE);
	assert_string_equal(e.text, "\"x\r\nBcc: y@z\" is not a mail address");
	to.n = 51;
	m.from = "nobody";
	assert_int_equal(mail_compose(&m, &out, &e), -ERR_USAGE);
	assert_string_equal(e.text, "\"nobody\" is not a mail address");
}

static void a_subject_that_is_not_ascii_is_encoded_in_words_of_75_characters(void **state)
{
	assert_composed("b@example.org", "a@x", "The backup of Müller failed", "t",
			HEAD("b@example.org", "a@x", "=?UTF-8?B?VGhlIGJhY2t1cCBvZiBNw7xsbGVyIGZhaWxlZA==?=") PLAIN "t\r\n");
	/* 44 bytes and a character of two: it is not split. */
	assert_composed("b@example.org", "a@x", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaüb", "t",
			HEAD("b@example.org", "a@x", "=?UTF-8?B?YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=?=\r\n =?UTF-8?B?w7xi?=") PLAIN "t\r\n");
	assert_composed("b@example.org", "a@x", "bad \xff byte", "t",
			HEAD("b@example.org", "a@x", "=?UTF-8?B?YmFkIO+/vSBieXRl?=") PLAIN "t\r\n");
}

static void what_would_be_decoded_or_folded_is_encoded_too(void **state)
{
	assert_composed("b@example.org", "a@x", "=?UTF-8?B?eA==?=", "t",
			HEAD("b@example.org", "a@x", "=?UTF-8?B?PT9VVEYtOD9CP2VBPT0/PQ==?=") PLAIN "t\r\n");
	assert_composed("b@example.org", "a@x", "1234567890123456789012345678901234567890123456789012345678901234567", "t",
			HEAD("b@example.org", "a@x", "=?UTF-8?B?MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1?=\r\n =?UTF-8?B?Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nw==?=")
			PLAIN "t\r\n");
}

static void text_is_quoted_printable_with_crlf(void **state)
{
	assert_composed("b@example.org", "a@x", "s", "one = 1\n.\n..two \nthree\r\ntab\there\n\nMüller\x01",
			HEAD("b@example.org", "a@x", "s") PLAIN "one =3D 1\r\n.\r\n..two=20\r\nthree\r\ntab here\r\n\r\nM=C3=BCller=20\r\n");
	assert_composed("b@example.org", "a@x", "s", "123456789012345678901234567890123456789012345678901234567890123456789012345\n"
			"1234567890123456789012345678901234567890123456789012345678901234567890123456\n"
			"12345678901234567890123456789012345678901234567890123456789012345678901234=\n",
			HEAD("b@example.org", "a@x", "s") PLAIN "123456789012345678901234567890123456789012345678901234567890123456789012345\r\n"
			"123456789012345678901234567890123456789012345678901234567890123456789012345=\r\n6\r\n"
			"12345678901234567890123456789012345678901234567890123456789012345678901234=\r\n=3D\r\n");
}

static void text_and_html_are_alternatives(void **state)
{
	AUTO_FREE char *got = composed("Home <b@example.org>", "a@x", "s", "t\n", "<p class=\"x\">t</p>\n");

	assert_string_equal(got, HEAD("\"Home\"\r\n <b@example.org>", "a@x", "s") "Content-Type: multipart/alternative; boundary=\"BOUNDARY\"\r\n\r\n"
			    "--BOUNDARY\r\n" PLAIN "t\r\n\r\n"
			    "--BOUNDARY\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p class=3D\"x\">t</p>\r\n\r\n"
			    "--BOUNDARY--\r\n");
}

static void several_recipients_are_on_lines_of_their_own(void **state)
{
	CLEANUP(strlist_release) struct strlist to = {0};
	CLEANUP(buf_release) struct buf out = BUF_INIT;
	struct error e = {0};
	struct mail m = {.from = "b@example.org", .to = &to, .subject = "s", .text = "t"};

	strlist_add(&to, "a@x");
	strlist_add(&to, "Bea <b@y>");
	assert_int_equal(mail_compose(&m, &out, &e), 0);
	assert_non_null(strstr(buf_text(&out), "\r\nTo: a@x,\r\n \"Bea\"\r\n <b@y>\r\nSubject: s\r\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(a_server_is_a_host_and_perhaps_a_port),
		cmocka_unit_test(addresses_are_checked_and_counted),
		cmocka_unit_test(a_subject_cannot_make_a_header),
		cmocka_unit_test(a_name_cannot_make_a_header_or_a_recipient),
		cmocka_unit_test(an_address_may_have_a_name),
		cmocka_unit_test(each_security_has_a_name),
		cmocka_unit_test(a_subject_that_is_not_ascii_is_encoded_in_words_of_75_characters),
		cmocka_unit_test(what_would_be_decoded_or_folded_is_encoded_too),
		cmocka_unit_test(text_is_quoted_printable_with_crlf),
		cmocka_unit_test(text_and_html_are_alternatives),
		cmocka_unit_test(several_recipients_are_on_lines_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
