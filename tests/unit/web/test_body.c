/* Bodies as they arrive: whole, and byte by byte, which must make no difference. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/fs.h"
#include "base/mem.h"
#include "web/body.h"
#include "web/framing.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FORM "application/x-www-form-urlencoded"
#define MULTI "multipart/form-data; boundary=XyZ"

static char *folder;

static int make_folder(void **state)
{
	struct error e = {0};

	return fs_temp_dir(NULL, "test-body-", &folder, &e);
}

static int remove_folder(void **state)
{
	struct error e = {0};
	int rc = fs_remove_tree(folder, &e);

	free(folder);
	return rc;
}

static struct body_rules rules(const char *type, bool files)
{
	return (struct body_rules){.type = type, .length = FRAMING_CHUNKED, .files = files, .state_dir = folder, .upload_max = 1000};
}

/* `piece` bytes at a time. */
static int read_body(struct body *b, const struct body_rules *r, const char *text, size_t n, size_t piece, struct buf *json, struct error *e)
{
	int rc = body_begin(b, r, e);

	for (size_t at = 0; at < n && !rc; at += piece)
		rc = body_feed(b, text + at, n - at < piece ? n - at : piece, e);
	return rc ? rc : body_end(b, json, e);
}

static void assert_refused_of(const struct body_rules *r, const char *body, size_t n, enum err_kind kind, const char *text)
{
	for (size_t piece = 1; piece <= n + 1; piece += n ? n : 1) {
		CLEANUP(body_release) struct body b = {0};
		CLEANUP(buf_release) struct buf json = BUF_INIT;
		struct error e = {0};

		assert_int_equal(read_body(&b, r, body, n, piece, &json, &e), -(int)kind);
		assert_string_equal(e.text, text);
	}
}

static void assert_refused(const char *type, const char *body, enum err_kind kind, const char *text)
{
	const struct body_rules r = rules(type, true);

	assert_refused_of(&r, body, strlen(body), kind, text);
}

static void assert_json(const char *type, const char *body, const char *wanted)
{
	const struct body_rules r = rules(type, false);

	for (size_t piece = 1; piece <= strlen(body) + 1; piece++) {
		CLEANUP(body_release) struct body b = {0};
		CLEANUP(buf_release) struct buf json = BUF_INIT;
		struct error e = {0};

		if (read_body(&b, &r, body, strlen(body), piece, &json, &e))
			fail_msg("%s", e.text);
		assert_string_equal(buf_text(&json), wanted);
	}
}

static size_t files_left(void)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	AUTO_FREE char *dir = mem_printf("%s/uploads", folder);
	struct error e = {0};

	return fs_list(dir, &names, &e) ? 0 : names.n;
}

/* ---- JSON and forms ---- */

static void json_that_is_none_is_refused(void **state)
{
	assert_refused("application/json", "{", ERR_USAGE, "the body is invalid JSON at byte 1: unexpected end");
	assert_refused("application/json", "[1]", ERR_USAGE, "the body is no JSON object");
	assert_refused("application/json; charset=utf-8", "{} {}", ERR_USAGE, "the body is invalid JSON at byte 3: more text than one value");
}

static void json_that_is_nested_too_deeply_is_refused(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;

	buf_add_str(&b, "{\"a\":");
	for (int i = 0; i < 100; i++)
		buf_add_str(&b, "[");
	assert_refused("application/json", buf_text(&b), ERR_USAGE, "the body is invalid JSON at byte 68: nested too deeply");
}

static void a_type_that_is_not_taken_is_refused(void **state)
{
	const struct body_rules none = rules(NULL, false), text = rules("text/plain", false), like = rules("application/jsonx", false);

	assert_refused_of(&none, "x", 1, ERR_MISMATCH, "a body of the type (none) is not taken here; send application/json");
	assert_refused_of(&text, "{}", 2, ERR_MISMATCH, "a body of the type text/plain is not taken here; send application/json");
	assert_refused_of(&like, "{}", 2, ERR_MISMATCH, "a body of the type application/jsonx is not taken here; send application/json");
}

static void a_body_beyond_a_mebibyte_is_refused_however_it_comes(void **state)
{
	AUTO_FREE char *big = mem_alloc(WEB_BODY_MAX + 1);
	struct body_rules r = rules("application/json", false);
	CLEANUP(body_release) struct body b = {0};
	CLEANUP(buf_release) struct buf json = BUF_INIT;
	struct error e = {0};

	memset(big, ' ', WEB_BODY_MAX + 1);
	assert_int_equal(read_body(&b, &r, big, WEB_BODY_MAX + 1, 65536, &json, &e), -ERR_LIMIT);
	assert_string_equal(e.text, "the body is larger than 1048576 bytes");
	r.length = WEB_BODY_MAX + 1;
	assert_refused_of(&r, "", 0, ERR_LIMIT, "the body is larger than 1048576 bytes");
}

static void a_body_that_must_be_smaller_is_held_to_that(void **state)
{
	struct body_rules json = rules("application/json", false), form = rules(FORM, false);

	json.most = form.most = 8;
	assert_refused_of(&json, "{\"a\": 12}", 9, ERR_LIMIT, "the body is larger than 8 bytes");
	assert_refused_of(&form, "abcde=fgh", 9, ERR_LIMIT, "the body is larger than 8 bytes");
}

static void a_form_that_is_encoded_wrongly_is_refused(void **state)
{
	assert_refused(FORM, "a=%zz", ERR_USAGE, "a name or value of the query or form is not encoded properly");
	assert_refused(FORM, "a=%00", ERR_USAGE, "a name or value of the query or form is not encoded properly");
}

static void json_is_taken_as_it_is(void **state)
{
	assert_json("application/json", "{\"a\": [1, {}]}", "{\"a\": [1, {}]}");
	assert_json("APPLICATION/JSON;charset=utf-8", "{}", "{}");
}

static void a_form_becomes_an_object_of_strings(void **state)
{
	assert_json(FORM, "name=nightly+one&compress=True&tag=a&tag=%22b%22", "{\"name\":\"nightly one\",\"compress\":\"True\",\"tag\":\"a\",\"tag\":\"\\\"b\\\"\"}");
	assert_json(FORM, "csrf_token=x&a=b", "{\"a\":\"b\"}");
	assert_json(FORM, "&&", "{}");
}

static void no_body_is_an_empty_object(void **state)
{
	struct body_rules r = rules(NULL, false);
	CLEANUP(body_release) struct body b = {0};
	CLEANUP(buf_release) struct buf json = BUF_INIT;
	struct error e = {0};

	r.length = 0;
	assert_int_equal(read_body(&b, &r, "", 0, 1, &json, &e), 0);
	assert_string_equal(buf_text(&json), "{}");
}

/* ---- forms with files ---- */

#define PART(disposition, content) "--XyZ\r\nContent-Disposition: form-data; " disposition "\r\n\r\n" content "\r\n"
#define END "--XyZ--\r\n"

static void a_boundary_that_is_none_is_refused(void **state)
{
	const char *text = "the form has no proper boundary";

	assert_refused("multipart/form-data", "x", ERR_USAGE, text);
	assert_refused("multipart/form-data; boundary=", "x", ERR_USAGE, text);
	assert_refused("multipart/form-data; boundary=\"a\\\"b\"", "x", ERR_USAGE, text);
	assert_refused("multipart/form-data; boundary=\"a ", "x", ERR_USAGE, text);
	assert_refused("multipart/form-data; boundary=12345678901234567890123456789012345678901234567890123456789012345678901", "x", ERR_USAGE, text);
}

static void a_form_that_is_cut_short_is_refused(void **state)
{
	const char *text = "the form ends before its last boundary";

	assert_refused(MULTI, "", ERR_USAGE, text);
	assert_refused(MULTI, "--XyZ\r\n", ERR_USAGE, text);
	assert_refused(MULTI, PART("name=\"a\"", "b"), ERR_USAGE, text);
	assert_refused(MULTI, PART("name=\"a\"", "b") "--XyZ-", ERR_USAGE, text);
	assert_refused(MULTI, "nothing of it", ERR_USAGE, text);
}

static void parts_that_are_none_are_refused(void **state)
{
	assert_refused(MULTI, "--XyZx\r\n", ERR_USAGE, "something stands behind a boundary of the form");
	assert_refused(MULTI, "--XyZ\r\n\r\nx\r\n" END, ERR_USAGE, "a part of the form has no name");
	assert_refused(MULTI, "--XyZ\r\nContent-Type: a\r\n\r\nx\r\n" END, ERR_USAGE, "a part of the form has no name");
	assert_refused(MULTI, "--XyZ\r\nbroken\r\n\r\nx\r\n" END, ERR_USAGE, "a part of the form has a header that is none");
	assert_refused(MULTI, PART("filename=\"a\"", "b") END, ERR_USAGE, "a part of the form has no name");
	assert_refused(MULTI, "--XyZ\r\nContent-Disposition: attachment; name=a\r\n\r\n\r\n" END, ERR_USAGE, "a part of the form is no form-data");
	assert_refused(MULTI, "--XyZ\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64\r\n\r\neA==\r\n" END, ERR_USAGE,
		"a part of the form is encoded as base64, which is not taken");
}

static void headers_of_a_part_have_a_limit(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;

	buf_add_str(&b, "--XyZ\r\nContent-Disposition: form-data; name=\"");
	for (size_t i = 0; i < MULTIPART_HEADER_MAX; i++)
		buf_add_byte(&b, 'a');
	assert_refused(MULTI, buf_text(&b), ERR_LIMIT, "a part of the form has more than 8192 bytes of headers");
}

static void a_zero_byte_in_a_field_or_header_is_refused(void **state)
{
	const struct body_rules r = rules(MULTI, true);
	static const char field[] = PART("name=\"a\"", "b\0c") END, header[] = "--XyZ\r\nContent-Disposition: form-data; name=\"a\0b\"\r\n\r\n\r\n" END;

	assert_refused_of(&r, field, sizeof field - 1, ERR_USAGE, "a field of the form has a zero byte in it");
	assert_refused_of(&r, header, sizeof header - 1, ERR_USAGE, "a part of the form has a zero byte in its header");
}

static void a_file_where_none_is_taken_is_refused(void **state)
{
	const struct body_rules r = rules(MULTI, false);
	const char *text = PART("name=\"a\"; filename=\"b\"", "c") END;

	assert_refused_of(&r, text, strlen(text), ERR_MISMATCH, "no file is taken here");
	assert_int_equal(files_left(), 0);
}

static void files_beyond_the_limit_are_refused_and_go(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct body_rules r = rules(MULTI, true);

	buf_add_str(&b, "--XyZ\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n");
	for (int i = 0; i < 600; i++)
		buf_add_str(&b, "x");
	buf_add_str(&b, "\r\n--XyZ\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n");
	for (int i = 0; i < 401; i++)
		buf_add_str(&b, "x");
	assert_refused_of(&r, buf_text(&b), b.len, ERR_LIMIT, "the upload is larger than 1000 bytes");
	r.length = 1001;
	assert_refused_of(&r, "", 0, ERR_LIMIT, "the upload is larger than 1000 bytes");
	assert_int_equal(files_left(), 0);
}

static void fields_and_files_of_a_form_are_told_apart(void **state)
{
	static const char body[] = "a preamble\r\n" PART("name=\"note\"", "two\r\nlines\r\n--Xy") PART("name=\"dump\"; filename=\"C:\\\\tmp\\\\shop.sql\"", "\r\n\r--XyZ\0\r\n") PART("name=\"empty\"", "")
		"--XyZ-- and an epilogue";
	const struct body_rules r = rules(MULTI, true);

	for (size_t piece = 1; piece <= sizeof body; piece++) {
		CLEANUP(body_release) struct body b = {0};
		CLEANUP(buf_release) struct buf json = BUF_INIT, file = BUF_INIT;
		struct error e = {0};
		struct stat st;

		if (read_body(&b, &r, body, sizeof body - 1, piece, &json, &e))
			fail_msg("%s", e.text);
		assert_string_equal(buf_text(&json), "{\"note\":\"two\\r\\nlines\\r\\n--Xy\",\"empty\":\"\"}");
		assert_int_equal(b.uploads.n, 1);
		assert_string_equal(b.uploads.v[0].field, "dump");
		assert_string_equal(b.uploads.v[0].name, "shop.sql");
		assert_int_equal(b.uploads.v[0].bytes, 11);
		assert_int_equal(stat(b.uploads.v[0].path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		assert_int_equal(fs_read_file(b.uploads.v[0].path, 100, &file, &e), 0);
		assert_memory_equal(file.p, "\r\n\r--XyZ\0\r\n", 11);
	}
	assert_int_equal(files_left(), 0);
}

static void a_body_that_is_one_file_is_kept_when_somebody_wants_it(void **state)
{
	struct body_rules r = rules("application/octet-stream", true);
	CLEANUP(buf_release) struct buf json = BUF_INIT;
	struct body b = {0};
	struct error e = {0};

	r.file_name = "../../etc/shop.db";
	assert_int_equal(read_body(&b, &r, "content", 7, 3, &json, &e), 0);
	assert_string_equal(buf_text(&json), "{}");
	assert_string_equal(b.uploads.v[0].name, "shop.db");
	AUTO_FREE char *path = mem_string(b.uploads.v[0].path);

	b.uploads.v[0].keep = true;
	body_release(&b);
	assert_int_equal(files_left(), 1);
	assert_int_equal(fs_remove_tree(path, &e), 0);
}

static void a_hostile_file_name_becomes_a_plain_one(void **state)
{
	static const struct { const char *given, *clean; } names[] = {
		{"shop.sql", "shop.sql"}, {"/etc/passwd", "passwd"}, {"..", "upload"}, {"../", "upload"}, {"", "upload"}, {".", "upload"}, {"a\\..\\b", "b"}, {"a\r\nb\x1b[31m", "a__b_[31m"},
		{"\xff\xfe.db", "__.db"}, {"na\xc3\xafve.db", "na\xc3\xafve.db"}, {"\xc2\x9bx", "_x"}, {"...", "..."},
	};
	char longest[400];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO_FREE char *clean = multipart_clean_name(names[i].given);

		assert_string_equal(clean, names[i].clean);
	}
	memset(longest, 'a', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	memcpy(longest + 199, "\xc3\xaf", 2);
	AUTO_FREE char *clean = multipart_clean_name(longest);

	assert_int_equal(strlen(clean), 199);
}

static void the_wide_form_of_a_file_name_goes_first(void **state)
{
	CLEANUP(buf_release) struct buf json = BUF_INIT;
	CLEANUP(body_release) struct body b = {0};
	const struct body_rules r = rules(MULTI, true);
	const char *text = PART("name=a; filename=\"naive.db\"; filename*=UTF-8''na%C3%AFve%2Fx.db", "") PART("filename=\"a;b\\\"c\"; name=\"n\"", "") END;
	struct error e = {0};

	assert_int_equal(read_body(&b, &r, text, strlen(text), 7, &json, &e), 0);
	assert_string_equal(b.uploads.v[0].name, "x.db");
	assert_string_equal(b.uploads.v[1].name, "a;b\"c");
	assert_string_equal(b.uploads.v[1].field, "n");
}

/* ---- CSRF tokens ---- */

static void a_form_without_the_token_that_is_wanted_is_refused(void **state)
{
	struct body_rules r = rules(FORM, true);
	const char *missing = "the request has no CSRF token", *other = "the CSRF token is not that of this session";
	const char *late = PART("name=\"dump\"; filename=\"a\"", "x") PART("name=\"csrf_token\"", "secret") END;
	const char *wrong = PART("name=\"csrf_token\"", "secreT") END, *none = PART("name=\"a\"", "b") END;

	r.csrf = "secret";
	assert_refused_of(&r, "a=b", 3, ERR_ACCESS, missing);
	assert_refused_of(&r, "csrf_token=secre", 16, ERR_ACCESS, other);
	r.type = "application/json";
	assert_refused_of(&r, "{}", 2, ERR_ACCESS, missing);
	r.type = MULTI;
	assert_refused_of(&r, late, strlen(late), ERR_ACCESS, missing);
	assert_refused_of(&r, wrong, strlen(wrong), ERR_ACCESS, other);
	assert_refused_of(&r, none, strlen(none), ERR_ACCESS, missing);
	r.length = 0;
	assert_refused_of(&r, "", 0, ERR_ACCESS, missing);
	assert_int_equal(files_left(), 0);
}

static void a_form_with_the_token_is_taken_without_it(void **state)
{
	struct body_rules r = rules(MULTI, true);
	CLEANUP(buf_release) struct buf json = BUF_INIT, again = BUF_INIT;
	CLEANUP(body_release) struct body b = {0}, c = {0};
	const char *text = PART("name=\"csrf_token\"", "secret") PART("name=\"dump\"; filename=\"a\"", "x") END;
	struct error e = {0};

	r.csrf = "secret";
	assert_int_equal(read_body(&b, &r, text, strlen(text), 1, &json, &e), 0);
	assert_string_equal(buf_text(&json), "{}");
	assert_int_equal(b.uploads.n, 1);
	r.type = FORM;
	assert_int_equal(read_body(&c, &r, "a=b&csrf_token=secret", 21, 1, &again, &e), 0);
	assert_string_equal(buf_text(&again), "{\"a\":\"b\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_that_is_none_is_refused),
		cmocka_unit_test(json_that_is_nested_too_deeply_is_refused),
		cmocka_unit_test(a_type_that_is_not_taken_is_refused),
		cmocka_unit_test(a_body_beyond_a_mebibyte_is_refused_however_it_comes),
		cmocka_unit_test(a_body_that_must_be_smaller_is_held_to_that),
		cmocka_unit_test(a_form_that_is_encoded_wrongly_is_refused),
		cmocka_unit_test(json_is_taken_as_it_is),
		cmocka_unit_test(a_form_becomes_an_object_of_strings),
		cmocka_unit_test(no_body_is_an_empty_object),
		cmocka_unit_test(a_boundary_that_is_none_is_refused),
		cmocka_unit_test(a_form_that_is_cut_short_is_refused),
		cmocka_unit_test(parts_that_are_none_are_refused),
		cmocka_unit_test(headers_of_a_part_have_a_limit),
		cmocka_unit_test(a_zero_byte_in_a_field_or_header_is_refused),
		cmocka_unit_test(a_file_where_none_is_taken_is_refused),
		cmocka_unit_test(files_beyond_the_limit_are_refused_and_go),
		cmocka_unit_test(fields_and_files_of_a_form_are_told_apart),
		cmocka_unit_test(a_body_that_is_one_file_is_kept_when_somebody_wants_it),
		cmocka_unit_test(a_hostile_file_name_becomes_a_plain_one),
		cmocka_unit_test(the_wide_form_of_a_file_name_goes_first),
		cmocka_unit_test(a_form_without_the_token_that_is_wanted_is_refused),
		cmocka_unit_test(a_form_with_the_token_is_taken_without_it),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
