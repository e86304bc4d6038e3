/* Random schedules of backup, forget and prune over a store that dies at any moment, against a model that knows which
 * backups must stay readable. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "repo/check.h"
#include "repo/prune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES 4
#define TEXTS 6
#define MAX_BACKUPS 32

static const char *const names[FILES] = {"a", "b", "sub/c", "sub/d"};
static const char *const texts[TEXTS] = {
	"one",  "two two two two two two two two two two two two two two two two two two",         "three", "four",
	"five", "six six six six six six six six six six six six six six six six six six six six",
};

/* What a backup holds: for each file the number of its text. */
struct backup {
	struct id id;
	int text[FILES];
};

struct world {
	uint64_t seed;
	struct store *mem;
	struct backup backups[MAX_BACKUPS]; /* those that must be readable */
	size_t n;
	size_t pruned, killed;
};

/* xorshift64* (Vigna, 2016): the same schedule everywhere for one seed. */
static unsigned below(struct world *w, unsigned n)
{
	w->seed ^= w->seed >> 12;
	w->seed ^= w->seed << 25;
	w->seed ^= w->seed >> 27;
	return (unsigned)((w->seed * 0x2545f4914f6cdd1dull) >> 33) % n;
}

static void files_of(const struct backup *b, struct support_file files[FILES])
{
	for (int i = 0; i < FILES; i++)
		files[i] = (struct support_file){names[i], texts[b->text[i]]};
}

/* The repository over a store that, now and then, fails from some write on: its program is dead then. */
static struct repo *open_mortal(struct world *w)
{
	struct fault_plan plan = {.kind = FAULT_ERROR, .and_after = true, .error = ERR_TEMPORARY};
	struct repo *r = support_open(w->mem);

	if (below(w, 3) < 2)
		plan.at = 1 + below(w, 25);
	r->store = fault_new(r->store, &plan);
	return r;
}

/* A snapshot file may be there although writing it was told as failed; here the store fails before it does anything. */
static void back_up(struct world *w)
{
	struct backup b = {0};
	struct support_file files[FILES];
	struct error e = {0};
	struct repo *r = open_mortal(w);

	for (int i = 0; i < FILES; i++)
		b.text[i] = (int)below(w, TEXTS);
	files_of(&b, files);
	if (w->n < MAX_BACKUPS && support_try_backup(r, files, FILES, &b.id, &e) == 0)
		w->backups[w->n++] = b;
	repo_free(r);
}

static void forget(struct world *w)
{
	if (w->n == 0)
		return;
	size_t at = below(w, (unsigned)w->n);
	support_remove(w->mem, STORE_SNAPSHOT, &w->backups[at].id);
	w->backups[at] = w->backups[--w->n];
}

static void prune(struct world *w)
{
	struct prune_options o = {.max_unused = below(w, 2) * 0.3, .allow_empty = true};
	struct prune_stats stats;
	struct error e = {0};
	struct repo *r = open_mortal(w);

	int rc = prune_run(r, &o, &stats, &e);
	if (rc)
		assert_int_equal(rc, -ERR_TEMPORARY);
	w->pruned += rc == 0;
	w->killed += rc != 0;
	repo_free(r);
}

static void expect_readable(struct world *w)
{
	struct repo *r = support_open(w->mem);
	struct support_file files[FILES];

	for (size_t i = 0; i < w->n; i++) {
		files_of(&w->backups[i], files);
		assert_true(support_restores(r, &w->backups[i].id, files, FILES));
	}
	repo_free(r);
}

/* Errors never; hints only for what a dead program left, and none behind a prune that lived. */
static void expect_whole(struct world *w, bool pruned)
{
	struct repo *r = support_open(w->mem);
	struct check_report report;
	struct error e = {0};

	assert_int_equal(check_run(r, &(struct check_options){.read_data = true}, &report, &e), 0);
	for (size_t i = 0; i < report.n && report.errors; i++)
		print_message("found: %s\n", report.v[i].text);
	assert_int_equal(report.errors, 0);
	assert_int_equal(report.snapshots, w->n);
	if (pruned) {
		assert_int_equal(report.hints, 0);
		assert_int_equal(report.unreferenced_packs, 0);
	}
	check_report_release(&report);
	repo_free(r);
}

static void world_new(struct world *w, uint64_t seed)
{
	*w = (struct world){.seed = seed * 0x9e3779b97f4a7c15ull + 1, .mem = mem_store_new()};
	repo_free(support_create(w->mem));
}

/* At the end a prune that is left alone, which must leave just what is used. */
static void world_end(struct world *w)
{
	struct repo *r = support_open(w->mem);
	struct prune_options o = {.allow_empty = true};
	struct prune_stats stats;
	struct error e = {0};

	assert_int_equal(prune_run(r, &o, &stats, &e), 0);
	assert_int_equal(prune_run(r, &o, &stats, &e), 0);
	assert_int_equal(stats.blobs_unused, 0);
	assert_int_equal(stats.blobs_duplicate, 0);
	assert_int_equal(stats.packs_removed + stats.packs_repacked + stats.packs_unreferenced, 0);
	repo_free(r);
	expect_readable(w);
	expect_whole(w, true);
	store_free(w->mem);
}

#define SCHEDULES 8
#define STEPS 25

static void no_schedule_of_backup_forget_and_prune_loses_a_backup(void **state)
{
	size_t pruned = 0, killed = 0;

	for (uint64_t seed = 1; seed <= SCHEDULES; seed++) {
		struct world w;
		world_new(&w, seed);
		for (int step = 0; step < STEPS; step++) {
			unsigned what = below(&w, 10);
			if (what < 4)
				back_up(&w);
			else if (what < 7)
				forget(&w);
			else
				prune(&w);
			if (what >= 7)
				expect_readable(&w);
		}
		expect_whole(&w, false);
		pruned += w.pruned;
		killed += w.killed;
		world_end(&w);
	}
	assert_true(pruned > 12);
	assert_true(killed > 12);
}

/* Four backups, of which two are forgotten, with packs to remove, to repack and to keep. */
static void half_used_world(struct world *w)
{
	struct repo *r = support_open(w->mem);

	for (int i = 0; i < 4; i++) {
		struct backup b = {.text = {i, (i + 1) % TEXTS, 2, (i * 2) % TEXTS}};
		struct support_file files[FILES];
		files_of(&b, files);
		support_backup(r, files, FILES, &b.id);
		w->backups[w->n++] = b;
	}
	repo_free(r);
	support_remove(w->mem, STORE_SNAPSHOT, &w->backups[0].id);
	support_remove(w->mem, STORE_SNAPSHOT, &w->backups[2].id);
	w->backups[0] = w->backups[3];
	w->n = 2;
}

/* Returns whether the prune came to its end. */
static bool prune_dying_at(struct world *w, unsigned long at, enum fault_kind kind)
{
	struct fault_plan plan = {
		.kind = kind, .at = at, .and_after = kind == FAULT_ERROR, .writes_only = 1, .error = ERR_IO};
	struct prune_options o = {.max_unused = 0};
	struct prune_stats stats;
	struct error e = {0};
	struct repo *r = support_open(w->mem);

	r->store = fault_new(r->store, &plan);
	int rc = prune_run(r, &o, &stats, &e);
	assert_true(rc == 0 || rc == -ERR_IO);
	repo_free(r);
	return rc == 0;
}

static void two_interrupted_prunes_in_a_row_lose_nothing(void **state)
{
	bool first_done = false;

	for (unsigned long first = 1; !first_done; first++) {
		bool second_done = false;
		for (unsigned long second = 1; !second_done; second++) {
			struct world w;
			world_new(&w, first * 100 + second);
			half_used_world(&w);
			first_done = prune_dying_at(&w, first, FAULT_ERROR);
			expect_readable(&w);
			second_done = prune_dying_at(&w, second, FAULT_ERROR);
			expect_readable(&w);
			world_end(&w);
		}
	}
}

/* Something was done, but its answer got lost. */
static void a_lost_reply_loses_nothing(void **state)
{
	bool done = false;

	for (unsigned long at = 1; !done; at++) {
		struct world w;
		world_new(&w, at);
		half_used_world(&w);
		done = prune_dying_at(&w, at, FAULT_LOST_REPLY);
		expect_readable(&w);
		expect_whole(&w, false);
		world_end(&w);
	}
}

/* A disk that writes only half: a file under its final name that is cut. An index file so cut is mended by repair. */
static void half_a_write_loses_nothing_that_repair_does_not_bring_back(void **state)
{
	bool done = false;

	for (unsigned long at = 1; !done; at++) {
		CLEANUP(strlist_release) struct strlist damaged = {0};
		struct repair_stats stats;
		struct error e = {0};
		struct world w;
		world_new(&w, at);
		half_used_world(&w);
		done = prune_dying_at(&w, at, FAULT_SHORT);
		struct repo *r = support_open(w.mem);
		assert_int_equal(repair_index(r, NULL, &stats, &damaged, &e), 0);
		repo_free(r);
		expect_readable(&w);
		world_end(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_schedule_of_backup_forget_and_prune_loses_a_backup),
		cmocka_unit_test(two_interrupted_prunes_in_a_row_lose_nothing),
		cmocka_unit_test(a_lost_reply_loses_nothing),
		cmocka_unit_test(half_a_write_loses_nothing_that_repair_does_not_bring_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
