/* Event streams, with a clock of their own and readers that are slow. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "catalog/setting.h"
#include "job/access.h"
#include "unit/catalog/support.h"
#include "web/answer.h"
#include "web/events.h"
#include "web/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct web_route events_routes[];

/* A reader of all events, who is woken and put to sleep. */
struct reader {
	struct exchange *x;
	struct web_stream *stream;
	int sleeps, wakes;
};

struct world {
	struct exchange_site site;
	struct user_record user;
	struct auth_proof proof;
	int64_t session;
	double now;
};

static void begin(struct support *s, struct world *w)
{
	CLEANUP(session_record_release) struct session_record session = {0};
	AUTO_FREE char *text = NULL;

	*w = (struct world){.site = {.events = events_new(s->dir), .state_dir = s->dir}, .user = {.name = mem_string("vera"), .role = ROLE_VIEWER}, .now = 1000};
	assert_int_equal(user_add(s->c, &w->user, &s->e), 0);
	assert_int_equal(access_session_begin(s->c, &w->user, "127.0.0.1", NULL, time_now().tv_sec, &session, &text, &s->e), 0);
	w->proof.kind = AUTH_SESSION;
	w->session = session.id;
	access_hash(text, w->proof.hash);
}

static void finish(struct world *w)
{
	events_free(w->site.events);
	user_record_release(&w->user);
}

static void fall_asleep(void *reader)
{
	((struct reader *)reader)->sleeps++;
}

static void be_woken(void *reader)
{
	((struct reader *)reader)->wakes++;
}

static int listen_with(struct support *s, struct world *w, const char *last_id, struct reader *r, struct error *e)
{
	const struct framing_header header = {"Last-Event-ID", last_id};
	const struct events_connection at = {r, fall_asleep, be_woken, -1};

	*r = (struct reader){.x = exchange_new(&w->site, -1)};
	r->x->r.catalog = s->c;
	auth_proof_copy(&r->x->proof, &w->proof);
	r->x->head = (struct framing){.headers = &header, .count = last_id != NULL};
	int rc = events_routes[0].run(&r->x->r, &r->x->out, e);

	r->x->head.count = 0;
	r->stream = r->x->out.stream;
	r->x->out.stream = NULL;
	if (!rc)
		events_attach(r->stream, &at);
	return rc;
}

static void listen_to_all(struct support *s, struct world *w, struct reader *r)
{
	if (listen_with(s, w, NULL, r, &s->e))
		fail_msg("%s", s->e.text);
}

static void leave(struct reader *r)
{
	events_close(r->stream);
	exchange_free(r->x);
}

/* What it has to read now, up to the moment it is put to sleep or at its end. Heap. */
static char *read_now(struct reader *r, bool *end)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	char block[100];
	ssize_t n;

	while ((n = events_read(r->stream, block, sizeof block)) > 0)
		buf_add(&text, block, (size_t)n);
	if (end)
		*end = n < 0;
	return buf_take_text(&text);
}

static void assert_reads(struct reader *r, const char *wanted)
{
	AUTO_FREE char *text = read_now(r, NULL);

	assert_string_equal(text, wanted);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, what)); p++)
		n++;
	return n;
}

static void change_something(struct support *s, int n)
{
	char text[20];

	snprintf(text, sizeof text, "%d", n % 300 + 1);
	assert_int_equal(setting_set(s->c, "retention_days", text, &s->e), 0);
}

static void look(struct world *w)
{
	w->now += 0.5;
	events_tick(w->site.events, w->now);
}

/* A world with one who listens. */
static void begin_listening(struct support *s, struct world *w, struct reader *r)
{
	begin(s, w);
	listen_to_all(s, w, r);
}

static void finish_listening(struct world *w, struct reader *r)
{
	leave(r);
	finish(w);
}

/* ---- tests ---- */

static void more_than_500_are_refused(void **state)
{
	struct support *s = *state;
	struct reader *many = mem_zero(EVENTS_STREAMS_MAX * sizeof *many), one;
	struct error e = {0};
	struct world w;

	begin(s, &w);
	for (int i = 0; i < EVENTS_STREAMS_MAX; i++)
		listen_to_all(s, &w, &many[i]);
	assert_int_equal(listen_with(s, &w, NULL, &one, &e), -ERR_TEMPORARY);
	assert_string_equal(e.text, "500 event streams are open already");
	assert_string_equal(answer_header_get(&one.x->out, "Retry-After"), "10");
	exchange_free(one.x);
	leave(&many[7]);
	listen_to_all(s, &w, &many[7]);
	for (int i = 0; i < EVENTS_STREAMS_MAX; i++)
		leave(&many[i]);
	free(many);
	finish(&w);
}

static void after_the_end_nobody_listens_any_more(void **state)
{
	struct support *s = *state;
	struct reader r, late;
	struct error e = {0};
	struct world w;
	bool end;

	begin_listening(s, &w, &r);
	assert_reads(&r, "retry: 1000\n\n");
	events_stop(w.site.events);
	AUTO_FREE char *rest = read_now(&r, &end);

	assert_true(end && r.wakes == 1);
	assert_int_equal(listen_with(s, &w, NULL, &late, &e), -ERR_TEMPORARY);
	exchange_free(late.x);
	finish_listening(&w, &r);
}

static void a_stream_ends_when_its_session_does(void **state)
{
	struct support *s = *state;
	struct reader r;
	struct world w;
	bool end;

	begin_listening(s, &w, &r);
	look(&w);
	free(read_now(&r, &end));
	assert_false(end);
	assert_int_equal(session_remove(s->c, w.session, &s->e), 0);
	look(&w);
	free(read_now(&r, &end));
	assert_true(end);
	finish_listening(&w, &r);
}

static void a_session_that_ends_by_time_alone_is_noticed_within_15_seconds(void **state)
{
	struct support *s = *state;
	struct timespec later = time_now();
	struct reader r;
	struct world w;
	bool end;

	begin_listening(s, &w, &r);
	look(&w);
	free(read_now(&r, NULL));
	later.tv_sec += 366 * 86400;
	time_freeze(&later);
	w.now += 15;
	look(&w);
	time_freeze(NULL);
	free(read_now(&r, &end));
	assert_true(end);
	finish_listening(&w, &r);
}

static void a_quiet_stream_says_every_15_seconds_that_it_lives(void **state)
{
	struct support *s = *state;
	struct reader r;
	struct world w;

	begin_listening(s, &w, &r);
	look(&w);
	assert_reads(&r, "retry: 1000\n\n");
	w.now += 14;
	look(&w);
	assert_reads(&r, "");
	w.now += 1;
	look(&w);
	assert_reads(&r, ": still here\n\n");
	look(&w);
	assert_reads(&r, "");
	finish_listening(&w, &r);
}

static void a_reader_sleeps_until_there_is_something(void **state)
{
	struct support *s = *state;
	struct reader r;
	struct world w;

	begin_listening(s, &w, &r);
	assert_reads(&r, "retry: 1000\n\n");
	for (int i = 0; i < 5; i++)
		look(&w);
	assert_int_equal(r.wakes, 0);
	change_something(s, 1);
	look(&w);
	assert_int_equal(r.wakes, 1);
	AUTO_FREE char *text = read_now(&r, NULL);

	assert_non_null(strstr(text, "\nevent: setting\ndata: {}\n\n"));
	assert_int_equal(count(text, "event: "), 1);
	assert_int_equal(r.sleeps, 2);
	finish_listening(&w, &r);
}

static void what_changes_before_the_first_look_is_told_too(void **state)
{
	struct support *s = *state;
	struct reader r;
	struct world w;

	begin_listening(s, &w, &r);
	change_something(s, 1);
	look(&w);
	AUTO_FREE char *text = read_now(&r, NULL);

	assert_int_equal(count(text, "event: setting\n"), 1);
	finish_listening(&w, &r);
}

static void a_reader_who_comes_back_gets_what_was_missed_and_nothing_twice(void **state)
{
	struct support *s = *state;
	struct reader first, again;
	struct world w;
	char id[64];

	begin(s, &w);
	listen_to_all(s, &w, &first);
	change_something(s, 1);
	look(&w);
	AUTO_FREE char *text = read_now(&first, NULL);

	assert_int_equal(sscanf(strstr(text, "id: "), "id: %63s", id), 1);
	change_something(s, 2);
	look(&w);
	change_something(s, 3);
	look(&w);
	assert_int_equal(listen_with(s, &w, id, &again, &s->e), 0);
	look(&w);
	AUTO_FREE char *missed = read_now(&again, NULL);

	assert_int_equal(count(missed, "event: setting\n"), 2);
	leave(&first);
	leave(&again);
	finish(&w);
}

static void a_reader_who_is_too_slow_holds_no_memory_and_looks_at_everything(void **state)
{
	struct support *s = *state;
	struct reader slow, quick;
	struct world w;

	begin(s, &w);
	listen_to_all(s, &w, &slow);
	listen_to_all(s, &w, &quick);
	size_t told = 0;

	for (int i = 0; i < 2600; i++) {
		change_something(s, i);
		look(&w);
		AUTO_FREE char *text = read_now(&quick, NULL);

		told += count(text, "event: setting\n");
	}
	assert_int_equal(told, 2600);
	AUTO_FREE char *kept = read_now(&slow, NULL);

	assert_true(strlen(kept) < (64 << 10) + 200);
	look(&w);
	AUTO_FREE char *rest = read_now(&slow, NULL);

	assert_int_equal(count(rest, "event: "), 1);
	assert_non_null(strstr(rest, "event: all\ndata: {}\n\n"));
	leave(&slow);
	leave(&quick);
	finish(&w);
}

/* Thousands of changes, each of which a disk would have to keep. */
static int set_up_in_memory(void **state)
{
	if (!access("/dev/shm", W_OK))
		setenv("TMPDIR", "/dev/shm", 1);
	int rc = support_setup(state);

	unsetenv("TMPDIR");
	return rc;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CATALOG_TEST(more_than_500_are_refused),
		CATALOG_TEST(after_the_end_nobody_listens_any_more),
		CATALOG_TEST(a_stream_ends_when_its_session_does),
		CATALOG_TEST(a_session_that_ends_by_time_alone_is_noticed_within_15_seconds),
		CATALOG_TEST(a_quiet_stream_says_every_15_seconds_that_it_lives),
		CATALOG_TEST(a_reader_sleeps_until_there_is_something),
		CATALOG_TEST(what_changes_before_the_first_look_is_told_too),
		CATALOG_TEST(a_reader_who_comes_back_gets_what_was_missed_and_nothing_twice),
		cmocka_unit_test_setup_teardown(a_reader_who_is_too_slow_holds_no_memory_and_looks_at_everything, set_up_in_memory, support_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
