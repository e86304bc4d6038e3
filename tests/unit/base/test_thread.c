#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/thread.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

enum { ITEMS = 20000, THREADS = 4, DEPTH = 8 };

struct tally {
	atomic_int times[ITEMS];
	atomic_int finished;
	atomic_bool busy[THREADS];
	atomic_bool wrong;
};

static void count(int worker, void *item, void *ctx)
{
	struct tally *t = ctx;
	bool in_range = worker >= 0 && worker < THREADS;
	if (!in_range || atomic_exchange(&t->busy[worker], true))
		atomic_store(&t->wrong, true);
	atomic_fetch_add(&t->times[(uintptr_t)item], 1);
	if (in_range)
		atomic_store(&t->busy[worker], false);
	atomic_fetch_add(&t->finished, 1);
}

static void assert_each_once(struct tally *t)
{
	assert_false(atomic_load(&t->wrong));
	for (size_t i = 0; i < ITEMS; i++)
		assert_int_equal(atomic_load(&t->times[i]), 1);
}

static void every_item_is_worked_on_once_and_the_queue_stays_bounded(void **state)
{
	AUTO_FREE struct tally *t = mem_zero(sizeof *t);
	struct pool *p = pool_new("count", THREADS, DEPTH, count, t);
	for (int i = 0; i < ITEMS; i++) {
		pool_submit(p, (void *)(uintptr_t)i);
		assert_true(i + 1 - atomic_load(&t->finished) <= DEPTH + THREADS);
	}
	pool_drain(p);
	assert_int_equal(atomic_load(&t->finished), ITEMS);
	pool_free(p);
	assert_each_once(t);
}

static void freeing_finishes_what_was_submitted(void **state)
{
	AUTO_FREE struct tally *t = mem_zero(sizeof *t);
	struct pool *p = pool_new("count", THREADS, ITEMS, count, t);
	for (int i = 0; i < ITEMS; i++)
		pool_submit(p, (void *)(uintptr_t)i);
	pool_free(p);
	assert_each_once(t);
}

struct feeder {
	struct pool *pool;
	int from, to;
};

static void *feed(void *arg)
{
	struct feeder *f = arg;
	for (int i = f->from; i < f->to; i++)
		pool_submit(f->pool, (void *)(uintptr_t)i);
	pool_drain(f->pool);
	return NULL;
}

static void many_threads_may_submit_and_drain(void **state)
{
	AUTO_FREE struct tally *t = mem_zero(sizeof *t);
	struct pool *p = pool_new("count", THREADS, 2, count, t);
	struct feeder feeders[4];
	pthread_t threads[4];
	for (int i = 0; i < 4; i++) {
		feeders[i] = (struct feeder){p, i * ITEMS / 4, (i + 1) * ITEMS / 4};
		assert_int_equal(thread_start(&threads[i], "feed", feed, &feeders[i]), 0);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_each_once(t);
	pool_free(p);
}

static void a_pool_without_work_drains_and_ends_at_once(void **state)
{
	struct pool *p = pool_new("idle", 3, 1, count, NULL);
	pool_drain(p);
	pool_drain(p);
	pool_free(p);
	pool_free(NULL);
}

static void double_it(int worker, void *item, void *ctx)
{
	*(int *)item *= 2;
}

static void plain_memory_written_by_a_worker_is_seen_after_draining(void **state)
{
	int numbers[100];
	struct pool *p = pool_new("double", 2, 4, double_it, NULL);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 100; i++) {
			numbers[i] = i;
			pool_submit(p, &numbers[i]);
		}
		pool_drain(p);
		for (int i = 0; i < 100; i++)
			assert_int_equal(numbers[i], 2 * i);
	}
	pool_free(p);
}

static void senseless_figures_mean_one(void **state)
{
	int number = 4;
	struct pool *p = pool_new("one", 0, 0, double_it, NULL);
	pool_submit(p, &number);
	pool_free(p);
	assert_int_equal(number, 8);
	assert_int_equal(pool_cpus(1), 1);
	assert_int_equal(pool_cpus(0), 1);
	assert_int_equal(pool_cpus(-5), 1);
	assert_in_range(pool_cpus(1000), 1, 1000);
}

struct look {
	char name[16];
	sigset_t blocked;
};

static void look_around(int worker, void *item, void *ctx)
{
	struct look *l = item;
	pthread_getname_np(pthread_self(), l->name, sizeof l->name);
	pthread_sigmask(SIG_BLOCK, NULL, &l->blocked);
}

static void workers_have_a_name_and_leave_signals_to_others(void **state)
{
	struct look l = {0};
	sigset_t before, after;
	pthread_sigmask(SIG_BLOCK, NULL, &before);
	struct pool *p = pool_new("a-name-far-too-long", 1, 1, look_around, NULL);
	pool_submit(p, &l);
	pool_free(p);
	assert_string_equal(l.name, "a-name-far-too-");
	assert_true(sigismember(&l.blocked, SIGINT));
	assert_true(sigismember(&l.blocked, SIGTERM));
	assert_true(sigismember(&l.blocked, SIGCHLD));
	assert_false(sigismember(&l.blocked, SIGSEGV));
	pthread_sigmask(SIG_BLOCK, NULL, &after);
	assert_int_equal(sigismember(&before, SIGTERM), sigismember(&after, SIGTERM));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_item_is_worked_on_once_and_the_queue_stays_bounded),
		cmocka_unit_test(freeing_finishes_what_was_submitted),
		cmocka_unit_test(many_threads_may_submit_and_drain),
		cmocka_unit_test(a_pool_without_work_drains_and_ends_at_once),
		cmocka_unit_test(plain_memory_written_by_a_worker_is_seen_after_draining),
		cmocka_unit_test(senseless_figures_mean_one),
		cmocka_unit_test(workers_have_a_name_and_leave_signals_to_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
