/* Notices. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "catalog/notice.h"

#include <stdlib.h>
#include <string.h>

/* A notice as this JSON says. */
static void read_notice(struct support *s, const char *text, struct notice_record *out)
{
	struct json j;

	*out = (struct notice_record){.enabled = true};
	json_init(&j, text, strlen(text));
	if (notice_from_json(out, &j, &s->e) || json_finish(&j, &s->e))
		fail_msg("%s", s->e.text);
}

static int64_t add(struct support *s, const char *text)
{
	CLEANUP(notice_record_release) struct notice_record n;

	read_notice(s, text, &n);
	if (notice_add(s->c, &n, &s->e))
		fail_msg("%s", s->e.text);
	return n.id;
}

static void is_refused(struct support *s, const char *text, const char *expected)
{
	CLEANUP(notice_record_release) struct notice_record n;

	read_notice(s, text, &n);
	assert_int_equal(notice_add(s->c, &n, &s->e), -ERR_USAGE);
	assert_string_equal(s->e.text, expected);
}

#define MAIL "\"name\": \"ops\", \"kind\": \"mail\""
#define HOOK "\"name\": \"chat\", \"kind\": \"webhook\""

static void what_cannot_work_is_refused(void **state)
{
	struct support *s = *state;

	is_refused(s, "{\"name\": \"a/b\", \"kind\": \"mail\"}", "a notice cannot be called \"a/b\"");
	is_refused(s, "{\"name\": \"ops\"}", "a notice is a mail, a webhook or a heartbeat, not \"\"");
	is_refused(s, "{" MAIL ", \"events\": [\"start\"]}", "the event start is for heartbeats");
	is_refused(s, "{" MAIL ", \"to\": [\"x\"]}", "\"x\" is not a mail address");
	is_refused(s, "{" MAIL ", \"to\": [\"a@b\\r\\nBcc: c@d\"]}", "\"a@b\r\nBcc: c@d\" is not a mail address");
	is_refused(s, "{" MAIL ", \"from\": \"x\"}", "\"x\" is not a mail address");
	is_refused(s, "{" MAIL ", \"server\": \"smtp://x\"}", "\"smtp://x\" is not a mail server; write it as host or host:port");
	is_refused(s, "{" MAIL ", \"user\": \"x\"}", "security, user and password belong to a server, and none is given");
	is_refused(s, "{" MAIL ", \"server\": \"x\", \"password\": \"p\"}", "a password needs a user");
	is_refused(s, "{" MAIL ", \"url\": \"http://x/\"}", "a mail notice has no \"url\"");
	is_refused(s, "{" MAIL ", \"signing\": \"x\"}", "a mail notice has no \"signing\"");
	is_refused(s, "{" HOOK "}", "a webhook notice needs a URL");
	is_refused(s, "{" HOOK ", \"url\": \"example.org\"}", "\"url\": it is not a URL that begins with http:// or https://");
	is_refused(s, "{" HOOK ", \"url\": \"http://x/\", \"url_failure\": \"file:///etc/passwd\"}", "\"url_failure\": it is not a URL that begins with http:// or https://");
	is_refused(s, "{" HOOK ", \"url\": \"http://x/\", \"to\": [\"a@b\"]}", "a webhook notice has no \"to\"");
	is_refused(s, "{\"name\": \"beat\", \"kind\": \"heartbeat\", \"url_failure\": \"http://x/\"}", "a heartbeat notice needs a URL");
	is_refused(s, "{\"name\": \"beat\", \"kind\": \"heartbeat\", \"url\": \"http://x/\", \"format\": \"json\"}", "a heartbeat notice has no \"format\"");
}

static void a_template_must_fit(void **state)
{
	struct support *s = *state;

	is_refused(s, "{" HOOK ", \"url\": \"http://x/\", \"format\": \"template\"}", "the format template needs a template");
	is_refused(s, "{" HOOK ", \"url\": \"http://x/\", \"template\": \"x\"}", "a template needs the format template");
	is_refused(s, "{" HOOK ", \"url\": \"http://x/\", \"format\": \"template\", \"template\": \"{{ttile}}\"}",
		   "the template: {{ttile}} is not known; there are {{title}}, {{text}}, {{source}}, {{state}}, {{event}}, {{job}}, {{host}}, {{time}}");
	is_refused(s, "{" HOOK ", \"url\": \"http://x/\", \"format\": \"template\", \"template\": \"{\\\"a\\\": {{title}}}\"}",
		   "the template begins like JSON and is none: invalid JSON at byte 6: unexpected character");
	assert_string_equal(s->e.hint, "places belong within quotes: \"{{title}}\"");
	add(s, "{" HOOK ", \"url\": \"http://x/\", \"format\": \"template\", \"template\": \"{\\\"a\\\": \\\"{{title}}\\\"}\"}");
}

static void telegram_needs_a_chat(void **state)
{
	struct support *s = *state;

	is_refused(s, "{" HOOK ", \"format\": \"telegram\", \"url\": \"https://api.telegram.org/bot1:x/sendMessage\"}", "\"url\" does not say which chat");
	is_refused(s, "{" HOOK ", \"format\": \"telegram\", \"url_failure\": \"https://api.telegram.org/bot1:x/sendMessage?chat_id=\"}", "\"url_failure\" does not say which chat");
	add(s, "{" HOOK ", \"format\": \"telegram\", \"url\": \"https://api.telegram.org/bot1:x/sendMessage?a=1&chat_id=-5\"}");
}

static void is_misread(struct support *s, const char *text, const char *expected)
{
	CLEANUP(notice_record_release) struct notice_record n = {0};
	struct json j;

	json_init(&j, text, strlen(text));
	assert_int_equal(notice_from_json(&n, &j, &s->e), -ERR_USAGE);
	json_release(&j);
	assert_string_equal(s->e.text, expected);
}

static void a_field_that_is_wrong_is_named(void **state)
{
	struct support *s = *state;

	is_misread(s, "[]", "a notice must be a JSON object");
	is_misread(s, "{\"nmae\": 1}", "a notice has no field \"nmae\"");
	is_misread(s, "{\"kind\": \"sms\"}", "the field \"kind\" of a notice cannot be \"sms\"; it is one of: mail, webhook, heartbeat");
	is_misread(s, "{\"format\": \"irc\"}", "the field \"format\" of a notice cannot be \"irc\"; it is one of: json, slack, discord, teams, telegram, template");
	is_misread(s, "{\"security\": \"ssl\"}", "the field \"security\" of a notice cannot be \"ssl\"; it is one of: starttls, tls, none");
	is_misread(s, "{\"events\": \"failure\"}", "the field \"events\" of a notice must be a list of texts");
	is_misread(s, "{\"events\": [\"sucess\"]}", "there is no event \"sucess\"");
	assert_string_equal(s->e.hint, "did you mean \"success\"?");
	is_misread(s, "{\"events\": [\"test\"]}", "there is no event \"test\"");
	is_misread(s, "{\"events\": [7]}", "there is no event \"\"");
	is_misread(s, "{\"url\": 7}", "the field \"url\" of a notice must be a text");
	is_misread(s, "{\"url\": \"x\"", "a notice: invalid JSON: unexpected end");
}

static void a_name_is_taken_once(void **state)
{
	struct support *s = *state;
	CLEANUP(notice_record_release) struct notice_record n;

	add(s, "{" MAIL "}");
	read_notice(s, "{" MAIL "}", &n);
	assert_int_equal(notice_add(s->c, &n, &s->e), -ERR_EXISTS);
	assert_string_equal(s->e.text, "there is a notice named \"ops\" already");
	int64_t id = add(s, "{\"name\": \"more\", \"kind\": \"mail\"}");
	n.id = id;
	assert_int_equal(notice_update(s->c, &n, &s->e), -ERR_EXISTS);
}

static void what_is_not_there_is_told(void **state)
{
	struct support *s = *state;
	struct notice_record n;

	add(s, "{" MAIL "}");
	assert_int_equal(notice_find(s->c, "osp", &n, &s->e), -ERR_NOT_FOUND);
	assert_string_equal(s->e.text, "there is no notice named \"osp\"");
	assert_int_equal(notice_get(s->c, 99, &n, &s->e), -ERR_NOT_FOUND);
	assert_string_equal(s->e.text, "there is no notice with the number 99");
	assert_int_equal(notice_remove(s->c, 99, &s->e), -ERR_NOT_FOUND);
	n = (struct notice_record){.id = 99, .name = (char *)"x", .kind = (char *)"mail", .events = 1};
	assert_int_equal(notice_update(s->c, &n, &s->e), -ERR_NOT_FOUND);
}

/* The JSON of the notice with this name, its times replaced by T. */
static char *shown(struct support *s, const char *name)
{
	CLEANUP(notice_record_release) struct notice_record n;

	assert_int_equal(notice_find(s->c, name, &n, &s->e), 0);
	assert_true(n.created.tv_sec && n.changed.tv_sec >= n.created.tv_sec);
	n.created = n.changed = (struct timespec){.tv_sec = 1764100800};
	return support_json(notice_json, &n);
}

static void everything_comes_back_as_it_was_and_no_secret_is_shown(void **state)
{
	struct support *s = *state;

	add(s, "{" MAIL ", \"sources\": [\"shop\", \"media\"], \"events\": [\"success\", \"low-space\"], \"server\": \"smtp.example.org:587\", \"security\": \"starttls\","
	       "\"user\": \"maria\", \"password\": \"Tr0ub4dor\", \"from\": \"B <b@example.org>\", \"to\": [\"a@x\", \"C <c@y>\"], \"enabled\": false}");
	AUTO_FREE char *mail = shown(s, "ops");
	assert_string_equal(mail, "{\"id\":1,\"name\":\"ops\",\"kind\":\"mail\",\"enabled\":false,\"sources\":[\"shop\",\"media\"],\"server\":\"smtp.example.org:587\",\"security\":\"starttls\","
			    "\"user\":\"maria\",\"from\":\"B \\u003cb@example.org\\u003e\",\"to\":[\"a@x\",\"C \\u003cc@y\\u003e\"],\"format\":null,\"template\":null,"
			    "\"created\":\"2025-11-25T20:00:00Z\",\"changed\":\"2025-11-25T20:00:00Z\",\"events\":[\"success\",\"low-space\"],\"url\":null,\"url_success\":null,\"url_failure\":null,"
			    "\"password_known\":true,\"signing_known\":false}");
	add(s, "{" HOOK ", \"url_success\": \"https://hooks.example.org/good/s3cret\", \"url_failure\": \"https://hooks.example.org?bad=s3cret\", \"signing\": \"k3y-of-mine\"}");
	AUTO_FREE char *hook = shown(s, "chat");
	assert_string_equal(hook, "{\"id\":2,\"name\":\"chat\",\"kind\":\"webhook\",\"enabled\":true,\"sources\":[],\"server\":null,\"security\":null,\"user\":null,\"from\":null,\"to\":[],"
			    "\"format\":\"json\",\"template\":null,\"created\":\"2025-11-25T20:00:00Z\",\"changed\":\"2025-11-25T20:00:00Z\","
			    "\"events\":[\"failure\",\"missed\",\"overdue\",\"drill-failed\",\"low-space\"],\"url\":null,\"url_success\":\"https://hooks.example.org/...\","
			    "\"url_failure\":\"https://hooks.example.org/...\",\"password_known\":false,\"signing_known\":true}");

	CLEANUP(notice_record_release) struct notice_record n;
	assert_int_equal(notice_get(s->c, 2, &n, &s->e), 0);
	assert_string_equal(n.url_success, "https://hooks.example.org/good/s3cret");
	assert_string_equal(n.url_failure, "https://hooks.example.org?bad=s3cret");
	assert_string_equal(n.signing.p, "k3y-of-mine");
	static const char *const secrets[] = {"s3cret", "k3y-of-mine", "Tr0ub4dor"};
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
		assert_false(support_on_disk(s, secrets[i]));
}

static void what_was_shown_can_be_sent_back(void **state)
{
	struct support *s = *state;
	CLEANUP(notice_record_release) struct notice_record n;
	struct json j;

	add(s, "{" HOOK ", \"url\": \"https://hooks.example.org/s3cret\", \"url_failure\": \"https://hooks.example.org/old\", \"signing\": \"key\"}");
	AUTO_FREE char *text = shown(s, "chat");
	assert_int_equal(notice_find(s->c, "chat", &n, &s->e), 0);
	json_init(&j, text, strlen(text));
	assert_int_equal(notice_from_json(&n, &j, &s->e), 0);
	assert_int_equal(json_finish(&j, &s->e), 0);
	assert_int_equal(notice_update(s->c, &n, &s->e), 0);
	AUTO_FREE char *again = shown(s, "chat");
	assert_string_equal(again, text);
	assert_string_equal(n.url, "https://hooks.example.org/s3cret");

	static const char change[] = "{\"url\": \"https://other.example.org/...\", \"url_failure\": null, \"signing\": \"\", \"events\": [\"failure\"]}";
	json_init(&j, change, strlen(change));
	assert_int_equal(notice_from_json(&n, &j, &s->e), 0);
	assert_int_equal(json_finish(&j, &s->e), 0);
	assert_string_equal(n.url, "https://other.example.org/...");
	assert_null(n.url_failure);
	assert_int_equal(n.signing.len, 0);
	assert_int_equal(n.events, NOTICE_BIT(NOTICE_FAILURE));
}

static void a_notice_can_be_changed_and_renamed_but_stays_of_its_kind(void **state)
{
	struct support *s = *state;
	CLEANUP(notice_record_release) struct notice_record n;

	add(s, "{" HOOK ", \"url\": \"https://hooks.example.org/s3cret\"}");
	assert_int_equal(notice_find(s->c, "chat", &n, &s->e), 0);
	free(n.name);
	n.name = mem_string("talk");
	n.enabled = false;
	assert_int_equal(notice_update(s->c, &n, &s->e), 0);
	notice_record_release(&n);
	assert_int_equal(notice_find(s->c, "talk", &n, &s->e), 0);
	assert_false(n.enabled);
	assert_string_equal(n.url, "https://hooks.example.org/s3cret");
	free(n.kind);
	free(n.format);
	n.format = NULL;
	n.kind = mem_string("heartbeat");
	assert_int_equal(notice_update(s->c, &n, &s->e), -ERR_REFUSED);
	assert_string_equal(s->e.text, "the notice talk is a webhook; for a heartbeat add another one");
}

static void notices_are_listed_by_name_and_can_be_removed(void **state)
{
	struct support *s = *state;
	CLEANUP(notice_list_release) struct notice_list l;

	int64_t id = add(s, "{" MAIL "}");
	add(s, "{\"name\": \"beat\", \"kind\": \"heartbeat\", \"url\": \"https://x/y\", \"events\": [\"success\", \"start\"]}");
	assert_int_equal(notice_list_all(s->c, &l, &s->e), 0);
	assert_int_equal(l.n, 2);
	assert_string_equal(l.v[0].name, "beat");
	assert_int_equal(l.v[0].events, NOTICE_BIT(NOTICE_SUCCESS) | NOTICE_BIT(NOTICE_START));
	assert_string_equal(l.v[1].name, "ops");
	notice_list_release(&l);
	assert_int_equal(notice_remove(s->c, id, &s->e), 0);
	assert_int_equal(notice_list_all(s->c, &l, &s->e), 0);
	assert_int_equal(l.n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CATALOG_TEST(what_cannot_work_is_refused),
		CATALOG_TEST(a_template_must_fit),
		CATALOG_TEST(telegram_needs_a_chat),
		CATALOG_TEST(a_field_that_is_wrong_is_named),
		CATALOG_TEST(a_name_is_taken_once),
		CATALOG_TEST(what_is_not_there_is_told),
		CATALOG_TEST(everything_comes_back_as_it_was_and_no_secret_is_shown),
		CATALOG_TEST(what_was_shown_can_be_sent_back),
		CATALOG_TEST(a_notice_can_be_changed_and_renamed_but_stays_of_its_kind),
		CATALOG_TEST(notices_are_listed_by_name_and_can_be_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
