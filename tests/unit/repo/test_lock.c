#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/progress.h"
#include "base/timefmt.h"
#include "memory_repo.h"
#include "repo/lock.h"
#include "repo/unpacked.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW 1700000000

static void at(double seconds)
{
	struct timespec t = {NOW + (time_t)seconds, 0};

	time_freeze(&t);
}

static int set_up(void **state)
{
	setenv("TZ", "America/St_Johns", 1);
	tzset();
	at(0);
	*state = memory_repo();
	return 0;
}

static int tear_down(void **state)
{
	repo_free(*state);
	time_freeze(NULL);
	return 0;
}

/* A process that was here and is gone. */
static pid_t dead_process(void)
{
	pid_t p = fork();

	if (p == 0)
		_exit(0);
	assert_int_equal(waitpid(p, NULL, 0), p);
	return p;
}

static const char *this_host(void)
{
	static char name[256];

	assert_int_equal(gethostname(name, sizeof name), 0);
	return name;
}

static struct lock_info made(bool exclusive, const char *host, int64_t pid, double age)
{
	return (struct lock_info){.time = {NOW - (time_t)age, 0}, .exclusive = exclusive,
		.hostname = (char *)(uintptr_t)host, .pid = pid};
}

/* Write a lock as another program would. */
static struct id put_lock(struct repo *r, const struct lock_info *i)
{
	CLEANUP(buf_release) struct buf json = BUF_INIT;
	struct error e = {0};
	struct id id;

	lock_encode(i, &json);
	assert_int_equal(unpacked_save(r->store, &r->key, 2, STORE_LOCK, json.p, json.len, &id, &e), 0);
	return id;
}

static struct id put_bytes(struct repo *r, const char *bytes)
{
	struct store_file f = {.kind = STORE_LOCK};
	struct iovec v = {(void *)(uintptr_t)bytes, strlen(bytes)};
	struct error e = {0};
	struct id id;

	id_hash(&id, bytes, strlen(bytes));
	id_hex(&id, f.name);
	assert_int_equal(store_put(r->store, &f, &v, 1, &e), 0);
	return id;
}

static void remove_lock(struct repo *r, const struct id *id)
{
	struct store_file f = {.kind = STORE_LOCK};
	struct error e = {0};

	id_hex(id, f.name);
	assert_int_equal(store_remove(r->store, &f, &e), 0);
}

static int count_one(const char *name, uint64_t size, void *ctx)
{
	++*(size_t *)ctx;
	return 0;
}

static size_t lock_files(struct repo *r)
{
	struct error e = {0};
	size_t n = 0;

	assert_int_equal(store_list(r->store, STORE_LOCK, count_one, &n, &e), 0);
	return n;
}

static struct lock *taken(struct repo *r, bool exclusive)
{
	struct lock *l = NULL;
	struct error e = {0};

	assert_int_equal(lock_acquire(r, exclusive, &l, &e), 0);
	assert_non_null(l);
	return l;
}

static void assert_locked(struct repo *r, bool exclusive, const char *text, const char *hint)
{
	struct lock *l = NULL;
	struct error e = {0};
	size_t before = lock_files(r);

	assert_int_equal(lock_acquire(r, exclusive, &l, &e), -ERR_LOCKED);
	assert_string_equal(e.text, text);
	assert_string_equal(e.hint, hint);
	assert_null(l);
	assert_int_equal(lock_files(r), before);
}

#define HINT_WAIT "wait until the other program is done; if it surely is not running any more, `backstay unlock " \
	"--all` removes its lock"
#define HINT_STALE "the lock is stale, nobody has refreshed it: remove it with `backstay unlock`"

/* The bytes */

static void assert_refused(const char *json, const char *text)
{
	AUTO_FREE char *exact = mem_copy(json, strlen(json));
	struct lock_info i;
	struct error e = {0};

	assert_int_equal(lock_parse(exact, strlen(json), &i, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, text);
	assert_null(i.hostname);
}

static void what_is_no_lock_is_refused(void **state)
{
	assert_refused("", "invalid JSON at byte 0: unexpected end");
	assert_refused("{\"hostname\":\"h\",\"pid\":1}", "the lock has no time");
	assert_refused("{\"hostname\":\"h\",\"exclusive\":1}", "invalid JSON at byte 28: true or false expected");
	assert_refused("{\"time\":\"today\"}", "invalid JSON at byte 15: a time in the form of RFC 3339 expected");
	assert_refused("{\"uid\":4294967296}", "invalid JSON at byte 17: number out of range");
}

/* The first was written by restic 0.14. */
static void locks_have_the_bytes_of_restic(void **state)
{
	static const char *const cases[] = {
		"{\"time\":\"2026-11-21T04:20:26.094019164-03:30\",\"exclusive\":false,\"hostname\":\"vm\","
		"\"username\":\"root\",\"pid\":19684}",
		"{\"time\":\"2026-07-21T04:20:26-02:30\",\"exclusive\":true,\"hostname\":\"a\",\"username\":\"\","
		"\"pid\":1,\"uid\":1000,\"gid\":100}",
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_release) struct buf out = BUF_INIT;
		CLEANUP(lock_info_release) struct lock_info l;
		struct error e = {0};

		assert_int_equal(lock_parse(cases[i], strlen(cases[i]), &l, &e), 0);
		lock_encode(&l, &out);
		assert_string_equal(buf_text(&out), cases[i]);
	}
}

static void unknown_members_do_not_matter(void **state)
{
	static const char json[] = "{\"x\":{\"y\":[1]},\"time\":\"2026-11-21T04:20:26Z\",\"PID\":7,\"hostname\":null}";
	CLEANUP(lock_info_release) struct lock_info l;
	struct error e = {0};

	assert_int_equal(lock_parse(json, strlen(json), &l, &e), 0);
	assert_int_equal(l.pid, 7);
	assert_null(l.hostname);
	assert_false(l.exclusive);
}

static void staleness_goes_by_age_and_by_processes_of_this_host(void **state)
{
	pid_t gone = dead_process();
	const struct {
		const char *host;
		int64_t pid;
		double age;
		bool stale;
	} cases[] = {
		{this_host(), getpid(), 0, false},      {this_host(), getpid(), 1800, false}, {this_host(), getpid(),
			1801, true},
		{this_host(), gone, 0, true},           {"elsewhere.example", gone, 0, false}, {
			"elsewhere.example", gone, 1801, true},
		{NULL, gone, 0, false},                 {this_host(), 0, 0, false},           {this_host(), -1, 0,
			false},
		{this_host(), INT64_C(1) << 40, 0, false}, {this_host(), getpid(), -600, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct lock_info l = made(true, cases[i].host, cases[i].pid, cases[i].age);

		assert_int_equal(lock_is_stale(&l, (struct timespec){NOW, 0}), cases[i].stale);
	}
}

/* Taking */

static void an_exclusive_lock_keeps_everybody_out(void **state)
{
	struct lock_info other = made(true, "elsewhere.example", 123, 300);

	put_lock(*state, &other);
	assert_locked(*state, false,
		      "repository is locked exclusively by PID 123 on elsewhere.example since 2023-11-14 18:38:20 "
			"(5 min ago)", HINT_WAIT);
	assert_locked(*state, true,
		      "repository is locked exclusively by PID 123 on elsewhere.example since 2023-11-14 18:38:20 "
			"(5 min ago)", HINT_WAIT);
}

static void a_shared_lock_keeps_out_only_who_wants_to_be_alone(void **state)
{
	struct lock_info other = made(false, NULL, 123, 0);

	put_lock(*state, &other);
	assert_locked(*state, true, "repository is locked by PID 123 on an unnamed host since 2023-11-14 18:43:20 "
		"(just now)", HINT_WAIT);
	struct lock *l = taken(*state, false);
	assert_int_equal(lock_files(*state), 2);
	lock_release(l);
	assert_int_equal(lock_files(*state), 1);
}

static void a_stale_lock_of_another_host_blocks_and_the_hint_says_how_to_remove_it(void **state)
{
	struct lock_info other = made(true, "elsewhere.example", 123, 3600);

	put_lock(*state, &other);
	assert_locked(*state, false,
		      "repository is locked exclusively by PID 123 on elsewhere.example since 2023-11-14 17:43:20 "
			"(1 h ago)", HINT_STALE);
}

static void a_damaged_lock_blocks(void **state)
{
	struct lock *l = NULL;
	struct error e = {0};
	struct id id = put_bytes(*state, "rubbish");
	char hex[ID_HEX_LEN + 1], start[64];

	assert_int_equal(lock_acquire(*state, false, &l, &e), -ERR_CORRUPT);
	snprintf(start, sizeof start, "lock %.8s is damaged (", id_hex(&id, hex));
	assert_memory_equal(e.text, start, strlen(start));
	assert_string_equal(e.hint, "when no other program uses the repository, `backstay unlock --all` helps");
	assert_null(l);
}

static void a_lock_left_by_a_dead_process_and_an_empty_file_are_no_obstacle(void **state)
{
	struct lock_info dead = made(true, this_host(), dead_process(), 10);
	struct lock_info elsewhere = made(false, "elsewhere.example", 123, 3600);
	struct id id = put_lock(*state, &dead);
	struct lock_info *v;
	struct error e = {0};
	size_t n;

	put_lock(*state, &elsewhere);
	put_bytes(*state, "");
	struct lock *l = taken(*state, false);
	assert_int_equal(lock_list(*state, &v, &n, &e), 0);
	assert_int_equal(n, 2);
	assert_string_equal(v[0].hostname, "elsewhere.example");
	assert_false(id_equal(&v[1].id, &id));
	assert_string_equal(v[1].hostname, this_host());
	assert_int_equal(v[1].pid, getpid());
	assert_int_equal(v[1].time.tv_sec, NOW);
	assert_false(v[1].exclusive);
	lock_list_free(v, n);
	lock_release(l);
}

static struct store_ops patched;
static const struct store_ops *original;
static atomic_int calls;
static struct repo *repo;
static struct id intruder;

/* Between our first look and our second, another program takes a lock. */
static int list_with_intruder(struct store *s, enum store_kind kind, store_list_fn fn, void *ctx, struct error *e)
{
	if (kind == STORE_LOCK && calls++ == 1) {
		struct lock_info other = made(true, "elsewhere.example", 5, 0);

		intruder = put_lock(repo, &other);
	}
	return original->list(s, kind, fn, ctx, e);
}

static void of_two_who_come_at_once_we_step_back(void **state)
{
	struct lock *l = NULL;
	struct error e = {0};
	struct lock_info *v;
	size_t n;

	repo = *state;
	calls = 0;
	patch_store(repo, &patched, &original)->list = list_with_intruder;
	assert_int_equal(lock_acquire(repo, false, &l, &e), -ERR_LOCKED);
	assert_string_equal(e.text, "repository is locked exclusively by PID 5 on elsewhere.example since "
		"2023-11-14 18:43:20 (just now)");
	assert_int_equal(lock_list(repo, &v, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_true(id_equal(&v[0].id, &intruder));
	lock_list_free(v, n);
}

static int put_with_lost_reply(struct store *s, const struct store_file *f, const struct iovec *v, int n,
	struct error *e)
{
	int rc = original->put(s, f, v, n, e);

	return rc ? rc : error_set(e, ERR_TEMPORARY, "locks/%.8s: the connection broke", f->name);
}

static void a_lock_whose_reply_was_lost_is_withdrawn(void **state)
{
	struct repo *r = *state;
	struct lock *l = NULL;
	struct error e = {0};

	patch_store(r, &patched, &original)->put = put_with_lost_reply;
	assert_int_equal(lock_acquire(r, true, &l, &e), -ERR_TEMPORARY);
	assert_int_equal(lock_files(r), 0);
}

/* The other program is done while we try the second time. */
static int list_until_gone(struct store *s, enum store_kind kind, store_list_fn fn, void *ctx, struct error *e)
{
	if (kind == STORE_LOCK && calls++ == 1)
		remove_lock(repo, &intruder);
	return original->list(s, kind, fn, ctx, e);
}

static void who_waits_gets_the_lock_when_the_other_is_done(void **state)
{
	struct lock_info other = made(true, "elsewhere.example", 5, 0);
	struct lock *l = NULL;
	struct error e = {0};

	repo = *state;
	calls = 0;
	intruder = put_lock(repo, &other);
	patch_store(repo, &patched, &original)->list = list_until_gone;
	assert_int_equal(lock_acquire_wait(repo, true, 60, NULL, &l, &e), 0);
	assert_int_equal(calls, 3);
	lock_release(l);
}

static void who_waits_in_vain_is_told_by_whom(void **state)
{
	struct lock_info other = made(true, "elsewhere.example", 5, 0);
	struct lock *l = NULL;
	struct error e = {0};

	repo = *state;
	calls = 100;                      /* it never goes */
	put_lock(repo, &other);
	patch_store(repo, &patched, &original)->list = list_until_gone;
	assert_int_equal(lock_acquire_wait(repo, false, 0.01, NULL, &l, &e), -ERR_LOCKED);
	assert_string_equal(e.text, "repository is locked exclusively by PID 5 on elsewhere.example since "
		"2023-11-14 18:43:20 (just now)");
	calls = 100;
	assert_int_equal(lock_acquire_wait(repo, false, 0, NULL, &l, &e), -ERR_LOCKED);
	assert_int_equal(calls, 101);
}

static struct progress waiting;

static int list_and_cancel(struct store *s, enum store_kind kind, store_list_fn fn, void *ctx, struct error *e)
{
	if (kind == STORE_LOCK && calls++ == 1)
		atomic_store(&waiting.cancel, true);
	return original->list(s, kind, fn, ctx, e);
}

/* Nothing but the cancel ends a wait of an hour. */
static void a_wait_for_the_lock_ends_when_it_is_cancelled(void **state)
{
	struct lock_info other = made(true, "elsewhere.example", 5, 0);
	struct lock *l = NULL;
	struct error e = {0};

	repo = *state;
	calls = 0;
	waiting = (struct progress){0};
	put_lock(repo, &other);
	patch_store(repo, &patched, &original)->list = list_and_cancel;
	assert_int_equal(lock_acquire_wait(repo, true, 3600, &waiting, &l, &e), -ERR_CANCELLED);
	assert_string_equal(e.text, "waiting for the lock on the repository: cancelled");
	assert_int_equal(calls, 2);
	assert_int_equal(lock_files(repo), 1);
}

static atomic_int hangups;

static void on_hangup(int sig)
{
	hangups++;
}

static void the_hangup_other_programs_probe_with_does_not_end_us(void **state)
{
	struct sigaction a;

	signal(SIGHUP, SIG_DFL);
	lock_release(taken(*state, false));
	assert_int_equal(raise(SIGHUP), 0);
	assert_int_equal(sigaction(SIGHUP, NULL, &a), 0);
	assert_ptr_equal(a.sa_handler, SIG_IGN);

	struct lock_info other = made(true, "elsewhere.example", 5, 0);
	struct lock *l = NULL;
	struct error e = {0};

	put_lock(*state, &other);
	signal(SIGHUP, on_hangup);
	assert_int_equal(lock_acquire(*state, false, &l, &e), -ERR_LOCKED);
	assert_int_equal(raise(SIGHUP), 0);
	assert_int_equal(hangups, 1);
}

/* Keeping */

/* Ask until the only lock has this time; the lock's thread does the work. */
static void wait_for_refresh(struct repo *r, struct lock *l, double seconds, struct id *id)
{
	for (;;) {
		struct lock_info *v;
		struct error e = {0};
		size_t n;

		assert_int_equal(lock_check(l, &e), 0);
		assert_int_equal(lock_list(r, &v, &n, &e), 0);
		bool done = n == 1 && v[0].time.tv_sec == NOW + (time_t)seconds;
		if (n > 0)
			*id = v[n - 1].id;
		lock_list_free(v, n);
		if (done)
			return;
		sched_yield();
	}
}

static void a_lock_is_refreshed_every_five_minutes_by_a_new_file(void **state)
{
	struct lock *l = taken(*state, true);
	struct id first, second, third;

	at(299);
	wait_for_refresh(*state, l, 0, &first);
	at(300);
	wait_for_refresh(*state, l, 300, &second);
	assert_false(id_equal(&first, &second));
	/* The clock was set back. */
	at(-7200);
	wait_for_refresh(*state, l, -7200, &third);
	lock_release(l);
	assert_int_equal(lock_files(*state), 0);
}

static void a_lock_nobody_could_refresh_is_lost_for_good(void **state)
{
	struct lock *l = taken(*state, false);
	struct error e = {0};

	at(1351);
	assert_int_equal(lock_check(l, &e), -ERR_LOCKED);
	assert_string_equal(e.text, "our lock on the repository could not be refreshed for 22.5 minutes");
	assert_string_equal(e.hint, "start again when the repository can be reached; what is stored is not stored "
		"twice");
	at(0);
	assert_int_equal(lock_check(l, &e), -ERR_LOCKED);
	lock_release(l);
	assert_int_equal(lock_files(*state), 0);
}

static int put_fails(struct store *s, const struct store_file *f, const struct iovec *v, int n, struct error *e)
{
	calls++;
	return error_set(e, ERR_TEMPORARY, "locks: the server is away");
}

static void the_reason_why_a_lock_could_not_be_refreshed_is_told(void **state)
{
	struct repo *r = *state;
	struct lock *l = taken(r, false);
	struct error e = {0};

	calls = 0;
	patch_store(r, &patched, &original)->put = put_fails;
	at(1349);
	/* The second attempt is begun after the first is accounted for. */
	while (calls < 2) {
		assert_int_equal(lock_check(l, &e), 0);
		sched_yield();
	}
	at(1351);
	assert_int_equal(lock_check(l, &e), -ERR_LOCKED);
	assert_string_equal(e.text, "our lock on the repository could not be refreshed for 22.5 minutes: locks: "
		"the server is away");
	lock_release(l);
	assert_int_equal(lock_files(r), 0);
}

static void a_lock_removed_by_somebody_is_lost(void **state)
{
	struct repo *r = *state;
	struct lock *l = taken(r, true);
	struct error e = {0};
	size_t removed;

	assert_int_equal(lock_check(l, &e), 0);
	assert_int_equal(lock_remove_stale(r, true, &removed, &e), 0);
	assert_int_equal(removed, 1);
	/* A distant store was asked a moment ago. */
	r->store->features &= ~(unsigned)STORE_LOCAL;
	assert_int_equal(lock_check(l, &e), 0);
	r->store->features |= STORE_LOCAL;
	assert_int_equal(lock_check(l, &e), -ERR_LOCKED);
	assert_string_equal(e.text, "our lock on the repository was removed by another program");
	assert_string_equal(e.hint, "start again, and let nothing remove locks (`restic unlock`) while this runs");
	lock_release(l);
}

static void releasing_nothing_is_legal(void **state)
{
	lock_release(NULL);
}

/* Cleaning up */

static void stale_locks_are_removed_and_others_stay(void **state)
{
	struct repo *r = *state;
	struct lock_info cases[] = {
		made(true, "elsewhere.example", 1, 1801), made(false, this_host(), dead_process(), 0),
		made(false, "elsewhere.example", 1, 1799), made(false, this_host(), getpid(), 0),
	};
	struct error e = {0};
	size_t removed;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		put_lock(r, &cases[i]);
	put_bytes(r, "rubbish");
	put_bytes(r, "");
	assert_int_equal(lock_remove_stale(r, false, &removed, &e), 0);
	assert_int_equal(removed, 2);
	assert_int_equal(lock_files(r), 4);
	assert_int_equal(lock_remove_stale(r, false, &removed, &e), 0);
	assert_int_equal(removed, 0);
	assert_int_equal(lock_remove_stale(r, true, &removed, &e), 0);
	assert_int_equal(removed, 4);
	assert_int_equal(lock_files(r), 0);
}

static void locks_are_listed_oldest_first(void **state)
{
	struct lock_info a = made(true, "a", 1, 10), b = made(false, "b", 2, 20), c = made(false, "c", 3, 0);
	struct error e = {0};
	struct lock_info *v;
	size_t n;

	assert_int_equal(lock_list(*state, &v, &n, &e), 0);
	assert_int_equal(n, 0);
	put_lock(*state, &a);
	put_lock(*state, &b);
	put_lock(*state, &c);
	assert_int_equal(lock_list(*state, &v, &n, &e), 0);
	assert_int_equal(n, 3);
	assert_string_equal(v[0].hostname, "b");
	assert_string_equal(v[1].hostname, "a");
	assert_true(v[1].exclusive);
	assert_string_equal(v[2].hostname, "c");
	lock_list_free(v, n);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_no_lock_is_refused),
		TEST(locks_have_the_bytes_of_restic),
		TEST(unknown_members_do_not_matter),
		TEST(staleness_goes_by_age_and_by_processes_of_this_host),
		TEST(an_exclusive_lock_keeps_everybody_out),
		TEST(a_shared_lock_keeps_out_only_who_wants_to_be_alone),
		TEST(a_stale_lock_of_another_host_blocks_and_the_hint_says_how_to_remove_it),
		TEST(a_damaged_lock_blocks),
		TEST(a_lock_left_by_a_dead_process_and_an_empty_file_are_no_obstacle),
		TEST(of_two_who_come_at_once_we_step_back),
		TEST(a_lock_whose_reply_was_lost_is_withdrawn),
		TEST(who_waits_gets_the_lock_when_the_other_is_done),
		TEST(who_waits_in_vain_is_told_by_whom),
		TEST(a_wait_for_the_lock_ends_when_it_is_cancelled),
		TEST(the_hangup_other_programs_probe_with_does_not_end_us),
		TEST(a_lock_is_refreshed_every_five_minutes_by_a_new_file),
		TEST(a_lock_nobody_could_refresh_is_lost_for_good),
		TEST(the_reason_why_a_lock_could_not_be_refreshed_is_told),
		TEST(a_lock_removed_by_somebody_is_lost),
		TEST(releasing_nothing_is_legal),
		TEST(stale_locks_are_removed_and_others_stay),
		TEST(locks_are_listed_oldest_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
