#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "catalog/db.h"
#include "catalog/job.h"

#include <stdlib.h>
#include <string.h>

/* The words of a line, each to the next space. */
static struct strlist split(const char *words)
{
	struct strlist l = {0};
	for (; *words; words += strcspn(words, " "), words += *words == ' ')
		strlist_take(&l, mem_string_n(words, strcspn(words, " ")));
	return l;
}

/* A job of these words ("": of a command line) on the sources, whose locks it has. */
static struct job_record make(const char *kind, const char *words, const char *sources)
{
	struct job_record j = {
		.kind = mem_string(kind), .title = mem_printf("%s %s", kind, sources), .words = split(words), .sources = split(sources),
		.author = mem_string("maria"), .attempt = 1, .attempts = 1, .repository = mem_string("main"),
	};
	for (size_t i = 0; i < j.sources.n; i++)
		strlist_addf(&j.locks, "source:%s", j.sources.v[i]);
	return j;
}

static char *add(struct support *s, const char *kind, const char *words, const char *sources)
{
	CLEANUP(job_record_release) struct job_record j = make(kind, words, sources);
	if (job_add(s->c, &j, &s->e))
		fail_msg("%s", s->e.text);
	return mem_string(j.id);
}

static struct job_record get(struct support *s, const char *id)
{
	struct job_record j;
	if (job_get(s->c, id, &j, &s->e))
		fail_msg("%s", s->e.text);
	return j;
}

static void at(struct timespec t)
{
	time_freeze(&t);
}

/* ---- finding one ---- */

static void an_id_that_is_none_is_told(void **state)
{
	struct support *s = *state;
	struct job_record j;
	const char *const wrong[] = {"", "1", "123", "zzzz", "0123456789abcdef", "0123456789abcdef0", "%", "ABCD"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		AUTO_FREE char *text = mem_printf("there is no job %s", wrong[i]);
		assert_int_equal(job_get(s->c, wrong[i], &j, &s->e), -ERR_NOT_FOUND);
		assert_string_equal(s->e.text, text);
	}
	assert_int_equal(job_set_notes(s->c, "0123456789abcdef", "x", &s->e), -ERR_NOT_FOUND);
	assert_int_equal(job_ask_cancel(s->c, "0123456789abcdef", &s->e), -ERR_NOT_FOUND);
}

static void a_prefix_of_several_is_ambiguous(void **state)
{
	struct support *s = *state;
	CLEANUP(job_record_release) struct job_record found = {0};
	AUTO_FREE char *one = add(s, "backup", "", "shop"), *two = add(s, "backup", "", "blog");
	assert_int_equal(db_run(s->c, &s->e, "UPDATE job SET id = 'aaaa111111111111' WHERE id = ?1", "s", one), 0);
	assert_int_equal(db_run(s->c, &s->e, "UPDATE job SET id = 'aaaa2aaaaaaaaaaa' WHERE id = ?1", "s", two), 0);
	assert_int_equal(job_get(s->c, "aaaa", &found, &s->e), -ERR_USAGE);
	assert_string_equal(s->e.text, "aaaa is ambiguous: 2 jobs begin with it");
	assert_int_equal(job_get(s->c, "aaaa2", &found, &s->e), 0);
	assert_string_equal(found.title, "backup blog");
}

static void every_field_comes_back(void **state)
{
	struct support *s = *state;
	at((struct timespec){.tv_sec = 1700000000, .tv_nsec = 123456000});
	CLEANUP(job_record_release) struct job_record j = make("backup", "backup /srv/\xff\xfe.db --name x", "shop blog");
	strlist_add(&j.words, "");
	j.schedule = 7;
	j.notes = mem_string("by hand");
	j.attempt = 2;
	j.attempts = 3;
	j.retry_of = mem_string("1111111111111111");
	j.not_before.tv_sec = 1700000100;
	j.time_limit = 3600;
	assert_int_equal(job_add(s->c, &j, &s->e), 0);
	at((struct timespec){0});
	time_freeze(NULL);
	CLEANUP(job_record_release) struct job_record got = get(s, j.id);
	assert_string_equal(got.id, j.id);
	assert_int_equal(got.state, JOB_QUEUED);
	assert_int_equal(got.words.n, 5);
	assert_string_equal(got.words.v[1], "/srv/\xff\xfe.db");
	assert_string_equal(got.words.v[4], "");
	AUTO_FREE char *json = support_json(job_json, &got);
	AUTO_FREE char *wanted = mem_printf(
		"{\"id\":\"%s\",\"kind\":\"backup\",\"state\":\"queued\",\"partial\":false,\"title\":\"backup shop blog\",\"sources\":[\"shop\",\"blog\"],"
		"\"repository\":\"main\",\"author\":\"maria\",\"notes\":\"by hand\",\"attempt\":2,\"attempts\":3,\"retry_of\":\"1111111111111111\","
		"\"undo_of\":null,\"backup\":null,\"created\":\"2023-11-14T22:13:20.123456Z\",\"not_before\":\"2023-11-14T22:15:00Z\",\"started\":null,"
		"\"ended\":null,\"time_limit\":3600,\"cancel_asked\":false,\"size\":0,\"added\":0,\"rows\":0,\"files\":0,\"schedule\":7,\"seconds\":null,"
		"\"progress\":null,\"error\":null,\"result\":null}", j.id);
	assert_string_equal(json, wanted);
}

static void words_are_sealed_on_the_disk(void **state)
{
	struct support *s = *state;
	AUTO_FREE char *id = add(s, "backup", "backup postgres://u:geheim-words@h/db", "shop");
	assert_true(support_on_disk(s, "backup shop"));
	assert_false(support_on_disk(s, "geheim-words"));
	CLEANUP(job_record_release) struct job_record j = get(s, id);
	assert_string_equal(j.words.v[1], "postgres://u:geheim-words@h/db");
}

/* ---- starting ---- */

static int start(struct support *s, const char *id, struct error *e)
{
	CLEANUP(job_record_release) struct job_record j = get(s, id);
	return job_start(s->c, &j, 4711, e);
}

static int finish(struct support *s, const char *id, enum job_state state)
{
	CLEANUP(job_record_release) struct job_record j = get(s, id);
	j.state = state;
	return job_end(s->c, &j, &s->e);
}

static void no_two_run_on_one_source(void **state)
{
	struct support *s = *state;
	AUTO_FREE char *one = add(s, "backup", "backup shop", "shop");
	AUTO_FREE char *two = add(s, "restore", "restore latest", "blog shop");
	AUTO_FREE char *other = add(s, "backup", "backup media", "media");
	AUTO_FREE char *text = mem_printf("backup shop is running since 2023-11-14 22:13:20 (job %s)", one);
	AUTO_FREE char *hint = mem_printf("wait for its end, or cancel it: --wait 10m, or backstay job cancel %s", one);
	setenv("TZ", "UTC", 1);
	time_freeze(&(struct timespec){1700000000, 0});
	assert_int_equal(start(s, one, &s->e), 0);
	time_freeze(NULL);
	assert_int_equal(start(s, other, &s->e), 0);
	assert_int_equal(start(s, two, &s->e), -ERR_LOCKED);
	assert_string_equal(s->e.text, text);
	assert_string_equal(s->e.hint, hint);
	CLEANUP(job_record_release) struct job_record line = make("backup", "", "shop");
	assert_int_equal(job_add(s->c, &line, &s->e), -ERR_LOCKED);
	assert_int_equal(finish(s, one, JOB_SUCCESS), 0);
	assert_int_equal(start(s, two, &s->e), 0);
}

static void what_a_job_is_about_may_be_known_later(void **state)
{
	struct support *s = *state;
	CLEANUP(job_record_release) struct job_record one = make("restore", "", ""), two = make("backup", "", "");
	CLEANUP(job_list_release) struct job_list l = {0};
	assert_int_equal(job_add(s->c, &one, &s->e), 0);
	assert_int_equal(job_add(s->c, &two, &s->e), 0);
	free(one.title);
	free(one.repository);
	one.title = mem_string("restore latest to shop");
	strlist_add(&one.sources, "shop");
	strlist_add(&one.locks, "source:/srv/shop.db");
	one.repository = mem_string("far");
	assert_int_equal(job_about(s->c, &one, &s->e), 0);
	strlist_add(&two.sources, "shop");
	strlist_add(&two.locks, "source:/srv/shop.db");
	assert_int_equal(job_about(s->c, &two, &s->e), -ERR_LOCKED);
	CLEANUP(job_record_release) struct job_record kept = get(s, one.id), other = get(s, two.id);
	assert_string_equal(kept.title, "restore latest to shop");
	assert_string_equal(kept.repository, "far");
	assert_string_equal(kept.locks.v[0], "source:/srv/shop.db");
	assert_int_equal(other.sources.n, 0);
	assert_int_equal(job_list_some(s->c, &(struct job_filter){.source = "shop"}, &(struct catalog_page){0}, &l, NULL, &s->e), 0);
	assert_int_equal(l.n, 1);
	assert_string_equal(l.v[0].id, one.id);
	assert_int_equal(finish(s, one.id, JOB_SUCCESS), 0);
	assert_int_equal(job_about(s->c, &two, &s->e), 0);
}

static void a_job_starts_once(void **state)
{
	struct support *s = *state;
	AUTO_FREE char *id = add(s, "backup", "backup shop", "shop");
	AUTO_FREE char *text = mem_printf("job %s does not wait to be started any more", id);
	assert_int_equal(start(s, id, &s->e), 0);
	assert_int_equal(start(s, id, &s->e), -ERR_NOT_FOUND);
	assert_string_equal(s->e.text, text);
	CLEANUP(job_record_release) struct job_record j = get(s, id);
	assert_int_equal(j.state, JOB_RUNNING);
	assert_int_equal(j.pid, 4711);
	assert_true(j.started.tv_sec > 0);
}

static int start_first(struct support *s, int i)
{
	CLEANUP(job_list_release) struct job_list l = {0};
	struct job_filter f = {.oldest_first = true};
	if (job_list_some(s->c, &f, &(struct catalog_page){0}, &l, NULL, &s->e))
		return 2;
	return job_start(s->c, &l.v[i % (int)l.n], 1, &s->e) ? 1 : 0;
}

static void of_processes_that_start_jobs_of_one_source_at_once_one_does(void **state)
{
	struct support *s = *state;
	for (int i = 0; i < 3; i++)
		free(add(s, "backup", "backup shop", "shop"));
	assert_int_equal(support_at_once(s, 6, start_first), 1);
}

/* ---- the end ---- */

static void a_job_of_a_command_line_begins_as_running(void **state)
{
	struct support *s = *state;
	AUTO_FREE char *id = add(s, "backup", "", "shop");
	CLEANUP(job_record_release) struct job_record j = get(s, id);
	assert_int_equal(j.state, JOB_RUNNING);
	assert_int_equal(time_cmp(j.started, j.created), 0);
	assert_int_equal(j.words.n, 0);
}

static void the_end_is_kept_with_its_figures(void **state)
{
	struct support *s = *state;
	AUTO_FREE char *id = add(s, "backup", "", "shop");
	CLEANUP(job_record_release) struct job_record j = get(s, id);
	j.state = JOB_FAILED;
	j.partial = true;
	j.backup = mem_string("aabb");
	j.size = UINT64_MAX;
	j.added = 2;
	j.rows = 3;
	j.files = 4;
	j.error_kind = mem_string("io");
	j.error = mem_string("reading shop.db: Input/output error");
	j.hint = mem_string("look at the disk");
	j.result = mem_string("{\"a\":1}");
	j.ended = (struct timespec){.tv_sec = j.started.tv_sec + 5, .tv_nsec = j.started.tv_nsec};
	assert_int_equal(job_end(s->c, &j, &s->e), 0);
	CLEANUP(job_record_release) struct job_record got = get(s, id);
	AUTO_FREE char *json = support_json(job_json, &got);
	assert_non_null(strstr(json, "\"size\":18446744073709551615,\"added\":2,\"rows\":3,\"files\":4,\"schedule\":null,\"seconds\":5,\"progress\":null,"
		"\"error\":{\"kind\":\"io\",\"message\":\"reading shop.db: Input/output error\",\"hint\":\"look at the disk\"},\"result\":{\"a\":1}}"));
	assert_non_null(strstr(json, "\"state\":\"failed\",\"partial\":true"));
}

static void what_has_ended_stays_as_it_is(void **state)
{
	struct support *s = *state;
	AUTO_FREE char *id = add(s, "backup", "", "shop");
	assert_int_equal(finish(s, id, JOB_INTERRUPTED), 0);
	assert_int_equal(finish(s, id, JOB_SUCCESS), 0);
	CLEANUP(job_record_release) struct job_record j = get(s, id);
	assert_int_equal(j.state, JOB_INTERRUPTED);
}

static void a_result_that_is_too_large_is_left_out_and_said_so(void **state)
{
	struct support *s = *state;
	CLEANUP(job_lines_release) struct job_lines lines = {0};
	AUTO_FREE char *id = add(s, "backup", "", "shop");
	CLEANUP(job_record_release) struct job_record j = get(s, id);
	j.state = JOB_SUCCESS;
	j.result = mem_alloc(JOB_RESULT_MAX + 2);
	memset(j.result, ' ', JOB_RESULT_MAX + 1);
	j.result[JOB_RESULT_MAX + 1] = '\0';
	assert_int_equal(job_end(s->c, &j, &s->e), 0);
	CLEANUP(job_record_release) struct job_record got = get(s, id);
	assert_null(got.result);
	assert_int_equal(got.state, JOB_SUCCESS);
	assert_int_equal(job_log_read(s->c, id, 0, &lines, &s->e), 0);
	assert_int_equal(lines.n, 1);
	assert_string_equal(lines.v[0].text, "the result is too large to be kept");
}

/* ---- cancelling ---- */

static void a_job_that_waits_is_cancelled_at_once(void **state)
{
	struct support *s = *state;
	AUTO_FREE char *id = add(s, "backup", "backup shop", "shop");
	AUTO_FREE char *text = mem_printf("job %s has ended already: cancelled", id);
	assert_int_equal(job_ask_cancel(s->c, id, &s->e), 0);
	CLEANUP(job_record_release) struct job_record j = get(s, id);
	assert_int_equal(j.state, JOB_CANCELLED);
	assert_string_equal(j.error, "cancelled before it began");
	assert_int_equal(start(s, id, &s->e), -ERR_NOT_FOUND);
	assert_int_equal(job_ask_cancel(s->c, id, &s->e), -ERR_REFUSED);
	assert_string_equal(s->e.text, text);
}

static void a_job_that_runs_is_told_with_its_next_beat(void **state)
{
	struct support *s = *state;
	bool cancel = true;
	AUTO_FREE char *id = add(s, "backup", "", "shop");
	CLEANUP(job_record_release) struct job_record j = get(s, id);
	assert_int_equal(job_beat(s->c, &j, &cancel, &s->e), 0);
	assert_false(cancel);
	assert_int_equal(job_ask_cancel(s->c, id, &s->e), 0);
	assert_int_equal(job_beat(s->c, &j, &cancel, &s->e), 0);
	assert_true(cancel);
}

/* ---- progress ---- */

static void time_left_follows_from_the_pace_of_the_phase(void **state)
{
	struct support *s = *state;
	bool cancel;
	AUTO_FREE char *id = add(s, "backup", "", "shop");
	CLEANUP(job_record_release) struct job_record j = get(s, id);
	j.phase = mem_string("reading");
	j.unit = mem_string("files");
	j.bytes_total = 1125;
	at((struct timespec){.tv_sec = 1700000000});
	assert_int_equal(job_beat(s->c, &j, &cancel, &s->e), 0);
	at((struct timespec){.tv_sec = 1700000010});
	j.bytes_done = 250;
	j.items_done = 2;
	assert_int_equal(job_beat(s->c, &j, &cancel, &s->e), 0);
	CLEANUP(job_record_release) struct job_record got = get(s, id);
	AUTO_FREE char *json = support_json(job_json, &got);
	assert_non_null(strstr(json, "\"progress\":{\"phase\":\"reading\",\"unit\":\"files\",\"bytes_done\":250,\"bytes_total\":1125,\"items_done\":2,"
		"\"items_total\":0,\"time\":\"2023-11-14T22:13:30Z\",\"bytes_per_second\":25,\"seconds_left\":35}"));
	j.phase[0] = 'R';
	j.bytes_done = 0;
	assert_int_equal(job_beat(s->c, &j, &cancel, &s->e), 0);
	CLEANUP(job_record_release) struct job_record next = get(s, id);
	AUTO_FREE char *second = support_json(job_json, &next);
	assert_non_null(strstr(second, "\"bytes_per_second\":null,\"seconds_left\":null}"));
	time_freeze(NULL);
}

/* ---- the log ---- */

static void lines_are_read_on_from_where_one_was(void **state)
{
	struct support *s = *state;
	CLEANUP(job_lines_release) struct job_lines lines = {0}, more = {0};
	AUTO_FREE char *id = add(s, "backup", "", "shop");
	assert_int_equal(job_log(s->c, id, 6, "one", &s->e), 0);
	assert_int_equal(job_log(s->c, id, 3, "two\nlines", &s->e), 0);
	assert_int_equal(job_log_read(s->c, id, 0, &lines, &s->e), 0);
	assert_int_equal(lines.n, 2);
	assert_int_equal(lines.v[1].n, 2);
	assert_int_equal(lines.v[1].level, 3);
	assert_string_equal(lines.v[1].text, "two\nlines");
	assert_int_equal(job_log_read(s->c, id, 2, &more, &s->e), 0);
	assert_int_equal(more.n, 0);
	assert_int_equal(job_log(s->c, id, 6, "three", &s->e), 0);
	assert_int_equal(job_log_read(s->c, id, 2, &more, &s->e), 0);
	assert_int_equal(more.n, 1);
	assert_string_equal(more.v[0].text, "three");
}

static void a_line_is_cut_between_characters(void **state)
{
	struct support *s = *state;
	CLEANUP(job_lines_release) struct job_lines lines = {0};
	AUTO_FREE char *id = add(s, "backup", "", "shop");
	AUTO_FREE char *text = mem_alloc(5001);
	for (int i = 0; i < 2500; i++)
		memcpy(text + 2 * i, "\xc3\xa9", 2);
	text[5000] = '\0';
	assert_int_equal(job_log(s->c, id, 6, text, &s->e), 0);
	assert_int_equal(job_log_read(s->c, id, 0, &lines, &s->e), 0);
	assert_int_equal(strlen(lines.v[0].text), 4092 + 3);
	assert_string_equal(lines.v[0].text + 4090, "\xc3\xa9...");
}

static void of_a_long_log_the_middle_goes_and_is_told(void **state)
{
	struct support *s = *state;
	enum { LINES = 5007 };
	CLEANUP(job_lines_release) struct job_lines lines = {0}, tail = {0};
	AUTO_FREE char *id = add(s, "backup", "", "shop");
	assert_int_equal(catalog_begin(s->c, &s->e), 0);
	for (int i = 1; i <= LINES; i++) {
		AUTO_FREE char *text = mem_printf("line %d", i);
		assert_int_equal(job_log(s->c, id, 6, text, &s->e), 0);
	}
	assert_int_equal(catalog_commit(s->c, &s->e), 0);
	assert_int_equal(job_log_read(s->c, id, 0, &lines, &s->e), 0);
	assert_int_equal(lines.n, JOB_LOG_MAX + 1);
	assert_string_equal(lines.v[2499].text, "line 2500");
	assert_string_equal(lines.v[2500].text, "7 lines are left out here");
	assert_int_equal(lines.v[2500].n, 2507);
	assert_string_equal(lines.v[2501].text, "line 2508");
	assert_string_equal(lines.v[JOB_LOG_MAX].text, "line 5007");
	assert_int_equal(job_log_read(s->c, id, 2505, &tail, &s->e), 0);
	assert_string_equal(tail.v[0].text, "2 lines are left out here");
}

static void a_line_for_a_job_that_is_gone_is_nothing(void **state)
{
	struct support *s = *state;
	CLEANUP(job_lines_release) struct job_lines lines = {0};
	assert_int_equal(job_log(s->c, "0123456789abcdef", 6, "one", &s->e), 0);
	assert_int_equal(job_log_read(s->c, "0123456789abcdef", 0, &lines, &s->e), 0);
	assert_int_equal(lines.n, 0);
}

/* ---- lists ---- */

/* Titles of the jobs that the filter lets through, newest first, one a line. */
static char *titles(struct support *s, const struct job_filter *f, const struct catalog_page *p, uint64_t *total)
{
	CLEANUP(job_list_release) struct job_list l = {0};
	struct buf b = BUF_INIT;
	if (job_list_some(s->c, f, p ? p : &(struct catalog_page){0}, &l, total, &s->e))
		fail_msg("%s", s->e.text);
	for (size_t i = 0; i < l.n; i++)
		buf_printf(&b, "%s%s", i ? "\n" : "", l.v[i].title);
	char *text = buf_take_text(&b);
	return text ? text : mem_string("");
}

/* Five jobs, a minute apart: backup a, backup b, verify a, backup a b, restore c. */
static void make_five(struct support *s)
{
	const char *const all[][2] = {{"backup", "a"}, {"backup", "b"}, {"verify", "a"}, {"backup", "a b"}, {"restore", "c 50%_off"}};
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		at((struct timespec){.tv_sec = 1700000000 + 60 * (time_t)i});
		CLEANUP(job_record_release) struct job_record j = make(all[i][0], i < 4 ? "x" : "", all[i][1]);
		j.schedule = i == 1 ? 9 : 0;
		assert_int_equal(job_add(s->c, &j, &s->e), 0);
	}
	time_freeze(NULL);
}

static void filters_let_through_what_they_name(void **state)
{
	struct support *s = *state;
	char *backup = mem_string("backup"), *verify = mem_string("verify"), *queued = mem_string("queued"), *running = mem_string("running");
	char *kinds[] = {backup, verify}, *states[] = {queued}, *both[] = {queued, running}, *only[] = {running};
	const struct strlist of_kinds = {.v = kinds, .n = 2}, of_states = {.v = states, .n = 1}, of_both = {.v = both, .n = 2}, of_running = {.v = only, .n = 1};
	const struct { struct job_filter f; const char *wanted; } cases[] = {
		{{.text = NULL}, "restore c 50%_off\nbackup a b\nverify a\nbackup b\nbackup a"},
		{{.oldest_first = true}, "backup a\nbackup b\nverify a\nbackup a b\nrestore c 50%_off"},
		{{.source = "a"}, "backup a b\nverify a\nbackup a"},
		{{.source = "a", .oldest_first = true}, "backup a\nverify a\nbackup a b"},
		{{.source = "nothing"}, ""},
		{{.kinds = of_kinds, .source = "a"}, "backup a b\nverify a\nbackup a"},
		{{.kinds = of_kinds}, "backup a b\nverify a\nbackup b\nbackup a"},
		{{.states = of_states}, "backup a b\nverify a\nbackup b\nbackup a"},
		{{.states = of_running}, "restore c 50%_off"},
		{{.states = of_both, .schedule = 9}, "backup b"},
		{{.after = {.tv_sec = 1700000060}, .before = {.tv_sec = 1700000180}}, "verify a\nbackup b"},
		{{.source = "a", .after = {.tv_sec = 1700000060}, .before = {.tv_sec = 1700000180}}, "verify a"},
		{{.text = "A B"}, "backup a b"},
		{{.text = "50%_"}, "restore c 50%_off"},
		{{.text = "0_%"}, ""},
		{{.repository = "main", .author = "maria", .text = "verify"}, "verify a"},
		{{.repository = "other"}, ""},
		{{.author = "other"}, ""},
	};
	make_five(s);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t total;
		AUTO_FREE char *text = titles(s, &cases[i].f, NULL, &total);
		assert_string_equal(text, cases[i].wanted);
		size_t lines = *text != '\0';
		for (const char *c = text; *c; c++)
			lines += *c == '\n';
		assert_int_equal(total, lines);
	}
	free(backup);
	free(verify);
	free(queued);
	free(running);
}

static void a_page_is_a_part_and_tells_the_whole(void **state)
{
	struct support *s = *state;
	uint64_t total;
	make_five(s);
	AUTO_FREE char *page = titles(s, &(struct job_filter){0}, &(struct catalog_page){.offset = 1, .limit = 2}, &total);
	assert_string_equal(page, "backup a b\nverify a");
	assert_int_equal(total, 5);
	AUTO_FREE char *beyond = titles(s, &(struct job_filter){0}, &(struct catalog_page){.offset = UINT64_MAX, .limit = UINT64_MAX}, &total);
	assert_string_equal(beyond, "");
	assert_int_equal(total, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CATALOG_TEST(an_id_that_is_none_is_told),
		CATALOG_TEST(a_prefix_of_several_is_ambiguous),
		CATALOG_TEST(every_field_comes_back),
		CATALOG_TEST(words_are_sealed_on_the_disk),
		CATALOG_TEST(no_two_run_on_one_source),
		CATALOG_TEST(what_a_job_is_about_may_be_known_later),
		CATALOG_TEST(a_job_starts_once),
		CATALOG_TEST(of_processes_that_start_jobs_of_one_source_at_once_one_does),
		CATALOG_TEST(a_job_of_a_command_line_begins_as_running),
		CATALOG_TEST(the_end_is_kept_with_its_figures),
		CATALOG_TEST(what_has_ended_stays_as_it_is),
		CATALOG_TEST(a_result_that_is_too_large_is_left_out_and_said_so),
		CATALOG_TEST(a_job_that_waits_is_cancelled_at_once),
		CATALOG_TEST(a_job_that_runs_is_told_with_its_next_beat),
		CATALOG_TEST(time_left_follows_from_the_pace_of_the_phase),
		CATALOG_TEST(lines_are_read_on_from_where_one_was),
		CATALOG_TEST(a_line_is_cut_between_characters),
		CATALOG_TEST(of_a_long_log_the_middle_goes_and_is_told),
		CATALOG_TEST(a_line_for_a_job_that_is_gone_is_nothing),
		CATALOG_TEST(filters_let_through_what_they_name),
		CATALOG_TEST(a_page_is_a_part_and_tells_the_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
