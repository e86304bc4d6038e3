#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "base/codec.h"
#include "base/digest.h"
#include "job/notify.h"
#include "unit/http_sink.h"

#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

/* ---- a catalog, a sink, a clock ---- */

static struct catalog *catalog;
static struct http_sink sink;
static struct error e;
static char *host;
#define START 1764072000      /* 2025-11-25 12:00:00 UTC */

static void clock_at(int64_t seconds)
{
	struct timespec t = {.tv_sec = START + seconds};

	time_freeze(&t);
}

static int begin(void **state)
{
	char name[256] = "";

	if (room_enter(state))
		return -1;
	setenv("TZ", "UTC", 1);
	e = (struct error){0};
	clock_at(0);
	assert_int_equal(fs_make_dirs(at("state"), 0700, &e), 0);
	http_sink_start(&sink, NULL);
	gethostname(name, sizeof name - 1);
	host = mem_string(name);
	return catalog_open(at("state"), &catalog, &e);
}

static int end(void **state)
{
	catalog_close(catalog);
	http_sink_stop(&sink);
	free(host);
	time_freeze(NULL);
	return room_leave(state);
}
#define NOTIFY_TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

/* A notice as the JSON says; "%s" in it is the sink's URL of the path. */
static int64_t add_notice(const char *format, const char *path)
{
	CLEANUP(notice_record_release) struct notice_record n = {.enabled = true};
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	AUTO_FREE char *url = http_sink_url(&sink, path);
	struct json j;

	for (const char *s = format; *s; s++)
		if (s[0] == '%' && s[1] == 's')
			buf_add_str(&text, url), s++;
		else
			buf_add_byte(&text, (unsigned char)*s);
	json_init(&j, buf_text(&text), text.len);
	if (notice_from_json(&n, &j, &e) || json_finish(&j, &e) || notice_add(catalog, &n, &e))
		fail_msg("%s", e.text);
	return n.id;
}

#define HOOK "{\"name\": \"hook\", \"kind\": \"webhook\", \"url\": \"%s\"}"
#define HOOK_FOR(events) "{\"name\": \"hook\", \"kind\": \"webhook\", \"url\": \"%s\", \"events\": " events "}"
#define HOOK_AS(format) "{\"name\": \"hook\", \"kind\": \"webhook\", \"url\": \"%s\", \"format\": \"" format "\", \"events\": [\"failure\", \"success\"]}"
#define BEAT "{\"name\": \"beat\", \"kind\": \"heartbeat\", \"url\": \"%s\", \"events\": [\"success\", \"failure\", \"start\"]}"

/* A job as it is while it is looked at: nothing of it is released. */
static struct job_record job_of(const char *kind, const char *source, enum job_state state)
{
	static char *sources[1];
	struct job_record j = {.id = "1a2b3c4d5e6f7788", .kind = (char *)kind, .state = state, .title = (char *)"backup shop", .repository = (char *)"main", .author = (char *)"schedule nightly",
			       .attempt = 1, .attempts = 1, .started = {.tv_sec = START - 184}, .ended = {.tv_sec = START}};

	sources[0] = (char *)source;
	if (source)
		j.sources = (struct strlist){.v = sources, .n = 1};
	return j;
}

static void tell(struct job_record j)
{
	if (notify_job(catalog, &j, false, &e))
		fail_msg("%s", e.text);
}

static void tell_failure(const char *text)
{
	struct job_record j = job_of("backup", "shop", JOB_FAILED);

	j.error = (char *)text;
	tell(j);
}

/* All messages, oldest first: "event: title", joined by newlines. */
static char *told(void)
{
	CLEANUP(delivery_list_release) struct delivery_list l;
	CLEANUP(buf_release) struct buf b = BUF_INIT;

	assert_int_equal(delivery_list_some(catalog, NULL, false, &(struct catalog_page){0}, &l, NULL, &e), 0);
	for (size_t i = l.n; i-- > 0;)
		buf_printf(&b, "%s: %s\n", notice_event_name(l.v[i].event), l.v[i].title);
	return buf_take_text(&b);
}

static void assert_told(const char *expected)
{
	AUTO_FREE char *got = told();

	assert_string_equal(got, expected);
}

static void deliver(uint64_t sent, uint64_t failed)
{
	uint64_t s, f;

	if (notify_deliver(catalog, NULL, &s, &f, &e))
		fail_msg("%s", e.text);
	assert_int_equal(s, sent);
	assert_int_equal(f, failed);
}

/* The body of the i-th request. */
static char *body(size_t i)
{
	AUTO_FREE char *request = http_sink_request(&sink, i);

	return mem_string(strstr(request, "\r\n\r\n") + 4);
}

/* The first line of the i-th request without its version. */
static void assert_asked(size_t i, const char *expected)
{
	AUTO_FREE char *request = http_sink_request(&sink, i);

	*strstr(request, " HTTP/1.1") = '\0';
	assert_string_equal(request, expected);
}

/* A value in a header of the i-th request; heap. */
static char *header(size_t i, const char *name)
{
	AUTO_FREE char *request = http_sink_request(&sink, i);
	AUTO_FREE char *mark = mem_printf("\r\n%s: ", name);
	char *found = strstr(request, mark);

	assert_non_null(found);
	found += strlen(mark);
	return mem_string_n(found, strcspn(found, "\r"));
}

static void assert_begins(const char *text, const char *expected)
{
	AUTO_FREE char *begin_of_it = mem_printf("%.*s", (int)strlen(expected), text);

	assert_string_equal(begin_of_it, expected);
}

/* ---- which notice wants what ---- */

static void a_cancelled_job_and_one_that_will_be_retried_are_not_told(void **state)
{
	struct job_record j = job_of("backup", "shop", JOB_FAILED);

	add_notice(HOOK_FOR("[\"success\", \"failure\"]"), "/");
	assert_int_equal(notify_job(catalog, &j, true, &e), 0);
	tell(job_of("backup", "shop", JOB_CANCELLED));
	tell(job_of("backup", "shop", JOB_RUNNING));
	assert_told("");
}

static void a_notice_gets_its_events_and_its_sources_only(void **state)
{
	add_notice("{\"name\": \"failures\", \"kind\": \"webhook\", \"url\": \"%s\", \"events\": [\"failure\"], \"sources\": [\"shop\"]}", "/");
	add_notice("{\"name\": \"off\", \"kind\": \"webhook\", \"url\": \"%s\", \"enabled\": false, \"events\": [\"failure\", \"success\"]}", "/");
	add_notice("{\"name\": \"good\", \"kind\": \"webhook\", \"url_success\": \"%s\", \"events\": [\"failure\", \"success\"]}", "/");
	tell(job_of("backup", "media", JOB_FAILED));
	tell(job_of("prune", NULL, JOB_FAILED));
	tell(job_of("backup", "shop", JOB_SUCCESS));
	assert_told("success: The backup of shop succeeded\n");
	tell_failure("no space left on device");
	assert_told("success: The backup of shop succeeded\nfailure: The backup of shop failed: no space left on device\n");
}

static void only_work_on_data_is_told_when_it_succeeds(void **state)
{
	static const char *const kinds[] = {"backup", "restore", "verify", "export", "cleanup", "prune", "check", "optimize", "check-tables", "repair", "forget"};

	add_notice(HOOK_FOR("[\"success\", \"failure\", \"drill-failed\"]"), "/");
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		tell(job_of(kinds[i], "shop", JOB_SUCCESS));
	assert_told("success: The backup of shop succeeded\nsuccess: The restore of shop succeeded\nsuccess: The verification of shop succeeded\n"
		    "success: The export of shop succeeded\n");
}

static void every_failure_is_told_in_a_sentence(void **state)
{
	struct job_record j = job_of("backup", "shop", JOB_SUCCESS);

	add_notice(HOOK_FOR("[\"success\", \"failure\", \"drill-failed\"]"), "/");
	j.partial = true;
	tell(j);
	tell(job_of("backup", "shop", JOB_INTERRUPTED));
	tell(job_of("verify", "shop", JOB_FAILED));
	tell(job_of("check", NULL, JOB_FAILED));
	j = job_of("prune", NULL, JOB_FAILED);
	j.repository = NULL;
	j.error = (char *)"the listing is not complete";
	tell(j);
	tell(job_of("check-tables", "shop", JOB_FAILED));
	tell(job_of("something-new", "shop", JOB_FAILED));
	assert_told("failure: The backup of shop is not complete: some of it could not be read\n"
		    "failure: The backup of shop was interrupted: its process ended before its time\n"
		    "drill-failed: The verification of shop failed: the reason is in its log\n"
		    "failure: The check of the repository main failed: the reason is in its log\n"
		    "failure: The pruning failed: the listing is not complete\n"
		    "failure: The check of the tables of shop failed: the reason is in its log\n"
		    "failure: The something-new of shop failed: the reason is in its log\n");
}

static void several_sources_are_named(void **state)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
	struct job_record j = job_of("backup", NULL, JOB_SUCCESS);

	add_notice(HOOK_FOR("[\"success\"]"), "/");
	j.sources = (struct strlist){.v = (char **)names, .n = 2};
	tell(j);
	j.sources.n = 6;
	tell(j);
	j.sources.n = 8;
	tell(j);
	assert_told("success: The backup of a and b succeeded\nsuccess: The backup of a, b, c, d, e and f succeeded\nsuccess: The backup of a, b, c, d, e and 3 more succeeded\n");
}

static void what_else_happens_has_its_sentence(void **state)
{
	struct schedule_record s = {.id = 3, .name = (char *)"nightly", .action = ACTION_BACKUP};
	struct place_record p = {.name = (char *)"main", .location = (char *)"/srv/backups", .bytes = 5000000000, .bytes_free = 1000000000};
	struct timespec due = {.tv_sec = START - 3600};

	add_notice(HOOK, "/");
	assert_int_equal(notify_missed(catalog, &s, due, 1, true, &e), 0);
	assert_int_equal(notify_missed(catalog, &s, due, 3, false, &e), 0);
	assert_int_equal(notify_overdue(catalog, "shop", due, 26, &e), 0);
	assert_int_equal(notify_overdue(catalog, "shop", (struct timespec){0}, 26, &e), 0);
	assert_int_equal(notify_low_space(catalog, &p, 2000000000, &e), 0);
	assert_told("missed: The schedule nightly missed its run of 2025-11-25 11:00:00 +00:00, and makes up for it now\n"
		    "missed: The schedule nightly missed 3 runs, the last one that of 2025-11-25 11:00:00 +00:00\n"
		    "overdue: There is no good backup of shop from the last 26 hours\n"
		    "overdue: There is no good backup of shop at all\n"
		    "low-space: The repository main is running out of space: 954 MiB are free, less than 1.86 GiB\n");
}

static void the_text_says_what_to_do_and_then_the_details(void **state)
{
	CLEANUP(delivery_list_release) struct delivery_list l;
	struct job_record j = job_of("backup", "shop", JOB_FAILED);

	add_notice(HOOK, "/");
	j.error = (char *)"the server at db:5432 does not answer";
	j.hint = (char *)"is it running, and may this machine connect to it?";
	j.attempt = j.attempts = 3;
	tell(j);
	tell(job_of("backup", "shop", JOB_INTERRUPTED));
	tell_failure("backing up /srv/shop.db: no space left");
	assert_int_equal(delivery_list_some(catalog, NULL, false, &(struct catalog_page){0}, &l, NULL, &e), 0);
	AUTO_FREE char *details = mem_printf("Sources: shop\nRepository: main\nStarted: 2025-11-25 11:56:56 +00:00\nEnded: 2025-11-25 12:00:00 +00:00\nTook: 3 min 04 s\n%s"
					     "Begun by: schedule nightly\nJob: 1a2b3c4d5e6f7788\nMachine: %s\n", "Attempt: 3 of 3\n", host);
	AUTO_FREE char *failed = mem_printf("What to do: is it running, and may this machine connect to it?\n\n%s", details);
	assert_string_equal(l.v[0].title, "The backup of shop failed: no space left");
	assert_non_null(strstr(l.v[0].text, "\nError: backing up /srv/shop.db: no space left\n"));
	assert_string_equal(l.v[2].title, "The backup of shop failed: the server at db:5432 does not answer");
	assert_string_equal(l.v[2].text, failed);
	assert_string_equal(l.v[2].source, "shop");
	assert_string_equal(l.v[2].job, "1a2b3c4d5e6f7788");
	assert_begins(l.v[1].text, "What to do: nothing, when the machine was restarted: the next run does it again. Otherwise see how it ended: backstay job log 1a2b3c4d5e6f7788\n\n");
}

/* ---- heartbeats ---- */

static void a_heartbeat_is_about_backups_and_goes_to_fail_after_a_failure(void **state)
{
	struct job_record j = job_of("backup", "shop", JOB_RUNNING);

	add_notice(BEAT, "/ping/1234?rid=7");
	tell(job_of("verify", "shop", JOB_FAILED));
	tell(job_of("optimize", "shop", JOB_SUCCESS));
	assert_told("");
	assert_int_equal(notify_start(catalog, &j, &e), 0);
	deliver(1, 0);
	tell(job_of("backup", "shop", JOB_SUCCESS));
	deliver(1, 0);
	tell_failure("x");
	deliver(1, 0);
	j = job_of("backup", "shop", JOB_SUCCESS);
	j.partial = true;
	tell(j);
	deliver(1, 0);
	assert_asked(0, "GET /ping/1234/start?rid=7");
	assert_asked(1, "GET /ping/1234?rid=7");
	assert_asked(2, "GET /ping/1234/fail?rid=7");
	assert_asked(3, "GET /ping/1234/fail?rid=7");
	assert_told("start: The backup of shop began\nsuccess: The backup of shop succeeded\nfailure: The backup of shop failed: x\n"
		    "failure: The backup of shop is not complete: some of it could not be read\n");
}

static void a_heartbeat_may_have_a_url_for_failures(void **state)
{
	AUTO_FREE char *bad = http_sink_url(&sink, "/down");
	AUTO_FREE char *notice = mem_printf("{\"name\": \"beat\", \"kind\": \"heartbeat\", \"url\": \"%%s\", \"url_failure\": \"%s\"}", bad);

	add_notice(notice, "/up/");
	tell_failure("x");
	deliver(1, 0);
	assert_asked(0, "GET /down");
}

static void a_heartbeat_that_is_not_the_newest_any_more_is_not_sent_late(void **state)
{
	add_notice(BEAT, "/ping");
	http_sink_answer(&sink, "HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n");
	http_sink_answer(&sink, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	tell(job_of("backup", "shop", JOB_SUCCESS)); /* uses up the sink's first answer */
	deliver(1, 0);
	tell(job_of("backup", "shop", JOB_SUCCESS));
	deliver(0, 1);
	tell_failure("x");
	clock_at(61);
	deliver(1, 0);
	assert_asked(2, "GET /ping/fail");
	assert_int_equal(http_sink_count(&sink), 3);
	assert_told("success: The backup of shop succeeded\nfailure: The backup of shop failed: x\n");
}

static void the_begin_of_a_backup_is_never_told_late(void **state)
{
	struct job_record j = job_of("backup", "shop", JOB_RUNNING);

	add_notice(BEAT, "/ping");
	http_sink_answer(&sink, "HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n");
	deliver(0, 0);
	tell(job_of("backup", "shop", JOB_SUCCESS));
	deliver(1, 0);
	assert_int_equal(notify_start(catalog, &j, &e), 0);
	deliver(0, 1);
	clock_at(100000);
	deliver(0, 0);
}

/* ---- webhooks ---- */

static void the_document_of_a_webhook_is_as_documented(void **state)
{
	CLEANUP(job_record_release) struct job_record j = {.kind = mem_string("backup"), .title = mem_string("backup shop"), .author = mem_string("maria"), .repository = mem_string("main")};

	strlist_add(&j.sources, "shop");
	assert_int_equal(job_add(catalog, &j, &e), 0);
	j.state = JOB_FAILED;
	j.error = mem_string("a \"bad\"\nthing");
	j.error_kind = mem_string("io");
	assert_int_equal(job_end(catalog, &j, &e), 0);
	j.ended = time_now();
	add_notice(HOOK, "/hook?token=s3cret");
	tell(j);
	deliver(1, 0);
	AUTO_FREE char *got = body(0);
	AUTO_FREE char *expected = mem_printf("{\"event\":\"failure\",\"state\":\"failed\",\"title\":\"The backup of shop failed: a \\\"bad\\\"\\nthing\",\"text\":\"What to do: see its log: backstay job log %s\\n\\n"
		"Sources: shop\\nRepository: main\\nStarted: 2025-11-25 12:00:00 +00:00\\nEnded: 2025-11-25 12:00:00 +00:00\\nTook: 0 s\\nBegun by: maria\\nJob: %s\\nMachine: %s\\n\",\"source\":\"shop\",\"job\":{\"id\":\"%s\",",
		j.id, j.id, host, j.id);
	assert_begins(got, expected);
	AUTO_FREE char *rest = mem_printf("\"host\":\"%s\",\"time\":\"2025-11-25T12:00:00Z\",\"notice\":\"hook\",\"delivery\":1,\"version\":\"%s\"}", host, BACKSTAY_VERSION);
	assert_string_equal(strstr(got, "\"host\":"), rest);
	assert_asked(0, "POST /hook?token=s3cret");
	AUTO_FREE char *type = header(0, "Content-Type");
	AUTO_FREE char *event = header(0, "X-Backstay-Event");
	AUTO_FREE char *delivery = header(0, "X-Backstay-Delivery");
	assert_string_equal(type, "application/json");
	assert_string_equal(event, "failure");
	assert_string_equal(delivery, "1");
	AUTO_FREE char *request = http_sink_request(&sink, 0);
	assert_null(strstr(request, "X-Backstay-Signature"));
}

static void a_job_that_is_gone_leaves_its_number(void **state)
{
	add_notice(HOOK, "/");
	tell_failure("x");
	assert_int_equal(notify_low_space(catalog, &(struct place_record){.name = (char *)"main"}, 1, &e), 0);
	deliver(2, 0);
	AUTO_FREE char *first = body(0);
	AUTO_FREE char *second = body(1);
	assert_non_null(strstr(first, "\"state\":\"failure\""));
	assert_non_null(strstr(first, "\"source\":\"shop\",\"job\":{\"id\":\"1a2b3c4d5e6f7788\"},\"host\""));
	assert_non_null(strstr(second, "\"source\":null,\"job\":null,\"host\""));
}

static void a_signature_is_over_the_time_and_the_body(void **state)
{
	unsigned char mac[DIGEST_SHA256];
	char hex[2 * DIGEST_SHA256 + 1];

	add_notice("{\"name\": \"hook\", \"kind\": \"webhook\", \"url\": \"%s\", \"signing\": \"k3y\"}", "/");
	tell_failure("x");
	deliver(1, 0);
	AUTO_FREE char *got = body(0);
	AUTO_FREE char *time = header(0, "X-Backstay-Timestamp");
	AUTO_FREE char *signature = header(0, "X-Backstay-Signature");
	AUTO_FREE char *signed_ = mem_printf("%s.%s", time, got);
	assert_string_equal(time, "1764072000");
	digest_hmac_sha256("k3y", 3, signed_, strlen(signed_), mac);
	hex_encode(mac, sizeof mac, hex);
	AUTO_FREE char *expected = mem_printf("sha256=%s", hex);
	assert_string_equal(signature, expected);
}

static void good_news_and_bad_news_may_go_to_different_urls(void **state)
{
	AUTO_FREE char *good = http_sink_url(&sink, "/good");
	AUTO_FREE char *notice = mem_printf("{\"name\": \"hook\", \"kind\": \"webhook\", \"url_failure\": \"%%s\", \"url_success\": \"%s\", \"events\": [\"success\", \"failure\", \"overdue\"]}", good);

	add_notice(notice, "/bad");
	tell(job_of("backup", "shop", JOB_SUCCESS));
	tell_failure("x");
	assert_int_equal(notify_overdue(catalog, "shop", (struct timespec){0}, 26, &e), 0);
	deliver(3, 0);
	assert_asked(0, "POST /good");
	assert_asked(1, "POST /bad");
	assert_asked(2, "POST /bad");
}

/* The body that a hostile failure makes in this format. */
static char *hostile(const char *notice, const char *path)
{
	int64_t id = add_notice(notice, path);
	size_t before = http_sink_count(&sink);

	tell_failure("<!channel> [x](http://evil) @everyone _a_ \\ & \"q\"");
	deliver(1, 0);
	assert_int_equal(notice_remove(catalog, id, &e), 0);
	return body(before);
}

static void each_chat_service_gets_plain_text_in_its_way(void **state)
{
	AUTO_FREE char *slack = hostile(HOOK_AS("slack"), "/");
	AUTO_FREE char *discord = hostile(HOOK_AS("discord"), "/");
	AUTO_FREE char *teams = hostile(HOOK_AS("teams"), "/");
	AUTO_FREE char *telegram = hostile(HOOK_AS("telegram"), "/bot1:s3cret/sendMessage?chat_id=-100&message_thread_id=7&text=no");

	assert_begins(slack, "{\"text\":\"The backup of shop failed: \\u0026lt;!channel\\u0026gt; [x](http://evil) @everyone _a_ \\\\ \\u0026amp; \\\"q\\\".\\n\\nWhat to do: see its log");
	assert_string_equal(strstr(slack, "\",\"mrkdwn\""), "\",\"mrkdwn\":false}");
	assert_begins(discord, "{\"content\":\"The backup of shop failed: \\\\\\u003c!channel\\\\\\u003e \\\\[x\\\\](http://evil) \\\\@everyone \\\\_a\\\\_ \\\\\\\\ \\u0026 \\\"q\\\".\\n\\nWhat to do: ");
	assert_string_equal(strstr(discord, "\",\"allowed_mentions\""), "\",\"allowed_mentions\":{\"parse\":[]}}");
	static const char card[] = "{\"type\":\"message\",\"attachments\":[{\"contentType\":\"application/vnd.microsoft.card.adaptive\",\"content\":{\"$schema\":\"http://adaptivecards.io/schemas/adaptive-card.json\","
		"\"type\":\"AdaptiveCard\",\"version\":\"1.4\",\"body\":[{\"type\":\"RichTextBlock\",\"inlines\":[{\"type\":\"TextRun\",\"text\":\"The backup of shop failed: \\u003c!channel\\u003e [x](http://evil) @everyone _a_ "
		"\\\\ \\u0026 \\\"q\\\"\",\"weight\":\"Bolder\",\"color\":\"Attention\"}]},{\"type\":\"RichTextBlock\",\"inlines\":[{\"type\":\"TextRun\",\"text\":\"What to do: see its log: backstay job log 1a2b3c4d5e6f7788\"}]},";
	assert_begins(teams, card);
	assert_begins(telegram, "{\"chat_id\":\"-100\",\"message_thread_id\":\"7\",\"text\":\"The backup of shop failed: \\u003c!channel\\u003e [x]");
	assert_asked(3, "POST /bot1:s3cret/sendMessage");
}

static void a_long_text_is_cut_to_what_a_service_takes(void **state)
{
	AUTO_FREE char *error = mem_zero(6001);

	for (size_t i = 0; i < 6000; i += 2)
		memcpy(error + i, "\xc3\xbc", 2);
	add_notice(HOOK_AS("discord"), "/");
	tell_failure(error);
	deliver(1, 0);
	AUTO_FREE char *got = body(0);
	const char *last = strstr(got, "...\",\"allowed");
	assert_non_null(last);
	/* {"content":" and 27 characters of a sentence of 900 are before it, each of the others has two bytes */
	assert_int_equal(last - got, 12 + 27 + 873 * 2);
}

static void a_template_is_filled_in(void **state)
{
	int64_t id = add_notice("{\"name\": \"hook\", \"kind\": \"webhook\", \"url\": \"%s\", \"format\": \"template\", \"template\": \"{\\\"summary\\\": \\\"{{title}}\\\", \\\"key\\\": \\\"{{source}}/{{event}}\\\"}\"}", "/");

	tell_failure("\"quoted\"");
	deliver(1, 0);
	AUTO_FREE char *json = body(0);
	assert_string_equal(json, "{\"summary\": \"The backup of shop failed: \\\"quoted\\\"\", \"key\": \"shop/failure\"}");
	assert_int_equal(notice_remove(catalog, id, &e), 0);
	add_notice("{\"name\": \"hook\", \"kind\": \"webhook\", \"url\": \"%s\", \"format\": \"template\", \"template\": \"{{title}} {{state}} {{job}} {{time}} {{host}}\"}", "/");
	tell_failure("x");
	deliver(1, 0);
	AUTO_FREE char *text = body(1);
	AUTO_FREE char *expected = mem_printf("The backup of shop failed: x failure 1a2b3c4d5e6f7788 2025-11-25T12:00:00Z %s", host);
	assert_string_equal(text, expected);
	AUTO_FREE char *type = header(1, "Content-Type");
	assert_string_equal(type, "text/plain; charset=utf-8");
}

/* ---- tries ---- */

static struct delivery_record only_one(void)
{
	struct delivery_list l;

	assert_int_equal(delivery_list_some(catalog, NULL, false, &(struct catalog_page){0}, &l, NULL, &e), 0);
	assert_int_equal(l.n, 1);
	struct delivery_record d = l.v[0];
	free(l.v);
	return d;
}

#define DOWN "HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n"

static void answer_from_now_on(const char *answer)
{
	http_sink_stop(&sink);
	http_sink_start(&sink, answer);
}

static void a_failure_is_tried_again_after_1_5_15_60_and_240_minutes_and_then_shown(void **state)
{
	static const int due[] = {0, 60, 360, 1260, 4860, 19260};
	CLEANUP(strlist_release) struct strlist problems = {0};

	answer_from_now_on(DOWN);
	add_notice(HOOK, "/hook/s3cret");
	tell_failure("x");
	for (size_t i = 0; i < ARRAY_LEN(due); i++) {
		clock_at(due[i] - 1);
		deliver(0, 0);
		clock_at(due[i]);
		deliver(0, 1);
		assert_int_equal(http_sink_count(&sink), i + 1);
		if (i != 2)
			continue;
		assert_int_equal(notify_problems(catalog, &problems, &e), 0);
		AUTO_FREE char *waits = mem_printf("notice hook: 1 message waits for another try: http://127.0.0.1:%d/... answers with status 503", sink.port);
		assert_string_equal(problems.v[0], waits);
	}
	clock_at(10000000);
	deliver(0, 0);
}

static void what_was_given_up_is_shown_until_it_was_seen(void **state)
{
	CLEANUP(strlist_release) struct strlist problems = {0};
	uint64_t seen;

	answer_from_now_on(DOWN);
	add_notice(HOOK, "/hook/s3cret");
	tell_failure("x");
	for (int i = 0; i < 6; i++) {
		clock_at(20000 * i);
		deliver(0, 1);
	}
	CLEANUP(delivery_record_release) struct delivery_record d = only_one();
	AUTO_FREE char *reason = mem_printf("http://127.0.0.1:%d/... answers with status 503", sink.port);
	assert_true(d.given_up);
	assert_int_equal(d.tries, 6);
	assert_string_equal(d.error, reason);
	assert_int_equal(notify_problems(catalog, &problems, &e), 0);
	AUTO_FREE char *given_up = mem_printf("notice hook: 1 message could not be sent: %s", reason);
	assert_int_equal(problems.n, 1);
	assert_string_equal(problems.v[0], given_up);
	assert_int_equal(delivery_seen(catalog, 0, &seen, &e), 0);
	strlist_release(&problems);
	assert_int_equal(notify_problems(catalog, &problems, &e), 0);
	assert_int_equal(problems.n, 0);
}

static void retry_after_is_kept_to_within_a_minute_and_a_day(void **state)
{
	static const struct { const char *answer; int after; } cases[] = {
		{"HTTP/1.1 429 Slow\r\nRetry-After: 1200\r\nContent-Length: 0\r\n\r\n", 1200},
		{"HTTP/1.1 429 Slow\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n", 60},
		{"HTTP/1.1 503 Slow\r\nRetry-After: 999999\r\nContent-Length: 0\r\n\r\n", 86400},
		{"HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n", 60},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		answer_from_now_on(cases[i].answer);
		int64_t id = add_notice(HOOK, "/");
		tell_failure("x");
		deliver(0, 1);
		CLEANUP(delivery_record_release) struct delivery_record d = only_one();
		assert_int_equal(d.not_before.tv_sec, START + cases[i].after);
		assert_int_equal(notice_remove(catalog, id, &e), 0);
	}
}

static void what_else_is_due_on_a_notice_that_fails_waits_with_it(void **state)
{
	answer_from_now_on(DOWN);
	add_notice(HOOK, "/");
	for (int i = 0; i < 50; i++)
		tell_failure("x");
	deliver(0, 1);
	assert_int_equal(http_sink_count(&sink), 1);
	answer_from_now_on(NULL);
	clock_at(59);
	deliver(0, 0);
}

static void a_notice_that_fails_does_not_keep_another_one_from_being_sent(void **state)
{
	AUTO_FREE char *url = http_sink_url(&sink, "/");
	AUTO_FREE char *good = mem_printf("{\"name\": \"other\", \"kind\": \"webhook\", \"url\": \"%s\"}", url);

	add_notice("{\"name\": \"dead\", \"kind\": \"webhook\", \"url\": \"http://127.0.0.1:1/\"}", "/");
	add_notice(good, "/");
	tell_failure("x");
	tell_failure("y");
	deliver(2, 1);
}

static void messages_of_a_notice_that_was_switched_off_are_dropped(void **state)
{
	int64_t id = add_notice(HOOK, "/");
	CLEANUP(notice_record_release) struct notice_record n;

	tell_failure("x");
	assert_int_equal(notice_get(catalog, id, &n, &e), 0);
	n.enabled = false;
	assert_int_equal(notice_update(catalog, &n, &e), 0);
	deliver(0, 0);
	assert_told("");
	assert_int_equal(http_sink_count(&sink), 0);
}

static void two_processes_do_not_deliver_the_same(void **state)
{
	AUTO_FREE char *path = path_join(at("state"), "deliver.lock");
	CLEANUP(fs_close) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	add_notice(HOOK, "/");
	tell_failure("x");
	assert_int_equal(flock(fd, LOCK_EX), 0);
	deliver(0, 0);
	fs_close(&fd);
	deliver(1, 0);
}

static void cancelled_nothing_is_counted_as_a_try(void **state)
{
	struct progress p = {.cancel = true};
	uint64_t sent, failed;

	add_notice(HOOK, "/");
	tell_failure("x");
	assert_int_equal(notify_deliver(catalog, &p, &sent, &failed, &e), -ERR_CANCELLED);
	CLEANUP(delivery_record_release) struct delivery_record d = only_one();
	assert_int_equal(d.tries, 0);
	deliver(1, 0);
}

/* ---- tests and reasons ---- */

static void test_fails(const char *answer, enum err_kind kind, const char *text, const char *hint)
{
	CLEANUP(notice_record_release) struct notice_record n;
	AUTO_FREE char *expected = NULL;

	answer_from_now_on(answer);
	int64_t id = add_notice(HOOK, "/services/T00/s3cret");
	assert_int_equal(notice_get(catalog, id, &n, &e), 0);
	assert_int_equal(notify_test(catalog, &n, NULL, &e), -(int)kind);
	expected = mem_printf("http://127.0.0.1:%d/... answers with status %s", sink.port, text);
	assert_string_equal(e.text, expected);
	assert_string_equal(e.hint, hint);
	assert_int_equal(notice_remove(catalog, id, &e), 0);
}

static void a_test_tells_the_real_reason_and_never_what_is_secret_in_the_url(void **state)
{
	static const char renew[] = "the URL, or a token in it, is not valid any more: make a new one there, and change it with backstay notice edit";

	test_fails("HTTP/1.1 400 Bad\r\nContent-Length: 15\r\n\r\ninvalid_payload", ERR_REFUSED, "400: invalid_payload", "");
	test_fails("HTTP/1.1 404 No\r\nContent-Length: 41\r\n\r\nCannot POST /services/T00/s3cret: no hook", ERR_REFUSED, "404", renew);
	test_fails("HTTP/1.1 403 No\r\nContent-Length: 13\r\n\r\n<html>no</htm", ERR_REFUSED, "403", renew);
	test_fails("HTTP/1.1 500 No\r\nContent-Length: 5\r\n\r\na\x1b[1m", ERR_TEMPORARY, "500", "");
	test_fails("HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", ERR_REFUSED, "301",
		   "it sends us elsewhere, which is not followed: give the URL that it names");
}

static void a_test_goes_past_the_outbox(void **state)
{
	CLEANUP(notice_record_release) struct notice_record n;
	int64_t id = add_notice(HOOK, "/");

	assert_int_equal(notice_get(catalog, id, &n, &e), 0);
	assert_int_equal(notify_test(catalog, &n, NULL, &e), 0);
	AUTO_FREE char *got = body(0);
	static const char begins[] = "{\"event\":\"test\",\"state\":\"test\",\"title\":\"This is a test of the notice hook\",\"text\":\"What to do: nothing: that it arrived is all it has to say\\n\\n"
		"Sent: 2025-11-25 12:00:00 +00:00\\nMachine: ";
	assert_begins(got, begins);
	assert_told("");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NOTIFY_TEST(a_failure_is_tried_again_after_1_5_15_60_and_240_minutes_and_then_shown),
		NOTIFY_TEST(what_was_given_up_is_shown_until_it_was_seen),
		NOTIFY_TEST(retry_after_is_kept_to_within_a_minute_and_a_day),
		NOTIFY_TEST(what_else_is_due_on_a_notice_that_fails_waits_with_it),
		NOTIFY_TEST(a_notice_that_fails_does_not_keep_another_one_from_being_sent),
		NOTIFY_TEST(messages_of_a_notice_that_was_switched_off_are_dropped),
		NOTIFY_TEST(two_processes_do_not_deliver_the_same),
		NOTIFY_TEST(cancelled_nothing_is_counted_as_a_try),
		NOTIFY_TEST(a_test_tells_the_real_reason_and_never_what_is_secret_in_the_url),
		NOTIFY_TEST(a_test_goes_past_the_outbox),
		NOTIFY_TEST(a_cancelled_job_and_one_that_will_be_retried_are_not_told),
		NOTIFY_TEST(a_notice_gets_its_events_and_its_sources_only),
		NOTIFY_TEST(only_work_on_data_is_told_when_it_succeeds),
		NOTIFY_TEST(every_failure_is_told_in_a_sentence),
		NOTIFY_TEST(several_sources_are_named),
		NOTIFY_TEST(what_else_happens_has_its_sentence),
		NOTIFY_TEST(the_text_says_what_to_do_and_then_the_details),
		NOTIFY_TEST(a_heartbeat_is_about_backups_and_goes_to_fail_after_a_failure),
		NOTIFY_TEST(a_heartbeat_may_have_a_url_for_failures),
		NOTIFY_TEST(a_heartbeat_that_is_not_the_newest_any_more_is_not_sent_late),
		NOTIFY_TEST(the_begin_of_a_backup_is_never_told_late),
		NOTIFY_TEST(the_document_of_a_webhook_is_as_documented),
		NOTIFY_TEST(a_job_that_is_gone_leaves_its_number),
		NOTIFY_TEST(a_signature_is_over_the_time_and_the_body),
		NOTIFY_TEST(good_news_and_bad_news_may_go_to_different_urls),
		NOTIFY_TEST(each_chat_service_gets_plain_text_in_its_way),
		NOTIFY_TEST(a_long_text_is_cut_to_what_a_service_takes),
		NOTIFY_TEST(a_template_is_filled_in),
	};

	unsetenv("http_proxy");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
