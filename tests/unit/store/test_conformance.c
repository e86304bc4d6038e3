/* The contract of store.h, sentence by sentence, for every store and every store that wraps one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "helper.h"

#include <pthread.h>

struct fixture {
	struct store *(*make)(const char *folder);
	struct store *created;
	struct store *s; /* the one under test */
	char *folder;
};

/* ---- the stores under test ---- */

static struct store *make_local(const char *folder)
{
	AUTO_FREE char *path = path_join(folder, "repo");
	return open_local(path);
}

static struct store *make_mem(const char *folder)
{
	return mem_store_new();
}

static void sleep_never(double seconds)
{
	fail_msg("nothing failed in a way that is tried again, yet it would wait %f s", seconds);
}

static const struct fault_plan no_plan = {.kind = FAULT_NONE};

static struct store *make_retry_local(const char *folder)
{
	return retry_new(make_local(folder), 3, sleep_never);
}

static struct store *make_retry_mem(const char *folder)
{
	return retry_new(make_mem(folder), 3, sleep_never);
}

static struct store *make_limit_local(const char *folder)
{
	return limit_new(make_local(folder), 0, 0);
}

static struct store *make_limit_mem(const char *folder)
{
	return limit_new(make_mem(folder), UINT64_C(1) << 40, UINT64_C(1) << 40);
}

static struct store *make_fault_local(const char *folder)
{
	return fault_new(make_local(folder), &no_plan);
}

static struct store *make_fault_mem(const char *folder)
{
	return fault_new(make_mem(folder), &no_plan);
}

static struct store *make_all(const char *folder)
{
	return retry_new(limit_new(fault_new(make_local(folder), &no_plan), 0, 0), 3, sleep_never);
}

static const struct {
	const char *name;
	struct store *(*make)(const char *folder);
} makers[] = {
	{"local", make_local},
	{"mem", make_mem},
	{"retry over local", make_retry_local},
	{"retry over mem", make_retry_mem},
	{"limit over local", make_limit_local},
	{"limit over mem", make_limit_mem},
	{"fault over local", make_fault_local},
	{"fault over mem", make_fault_mem},
	{"retry over limit over fault over local", make_all},
};

/* The repository is made once for all tests of a store, as 256 folders take their time, and emptied after each. */
static int set_up(void **state)
{
	struct fixture *t = *state;
	t->s = t->created;
	return 0;
}

static int empty_it(void **state)
{
	struct error e = {0};
	struct fixture *t = *state;
	for (enum store_kind k = 0; k < STORE_KINDS; k++) {
		CLEANUP(store_listing_release) struct store_listing l = {0};
		assert_ok(store_list(t->s, k, store_listing_add, &l, &e));
		for (size_t i = 0; i < l.n; i++) {
			struct store_file f = {.kind = k};
			strcpy(f.name, l.v[i].name);
			assert_ok(store_remove(t->s, &f, &e));
		}
	}
	return 0;
}

static int set_up_bare(void **state)
{
	struct fixture *t = *state;
	t->s = t->make("/not/there");
	return 0;
}

static int free_it(void **state)
{
	store_free(((struct fixture *)*state)->s);
	return 0;
}

static struct store *store_of(void **state)
{
	return ((struct fixture *)*state)->s;
}

/* ---- names ---- */

static void a_name_that_is_no_hash_reaches_no_store(void **state)
{
	struct store *s = store_of(state);
	struct error e = {0};
	uint64_t size;
	char byte;
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct store_file f = {STORE_KEY, "../config"};
	const char *text = "\"../config\" cannot be the name of a key file";
	assert_fails(put_text(s, &f, "x", &e), ERR_INTERNAL, text);
	assert_fails(store_get(s, &f, 0, &byte, 1, &e), ERR_INTERNAL, text);
	assert_fails(store_get_all(s, &f, 9, &b, &e), ERR_INTERNAL, text);
	assert_fails(store_size(s, &f, &size, &e), ERR_INTERNAL, text);
	assert_fails(store_remove(s, &f, &e), ERR_INTERNAL, text);

	f = file_named(STORE_DATA, 0xab);
	f.name[5] = 'A';
	assert_int_equal(put_text(s, &f, "x", &e), -ERR_INTERNAL);
	f = file_named(STORE_DATA, 0xab);
	f.name[63] = 0;
	assert_int_equal(put_text(s, &f, "x", &e), -ERR_INTERNAL);
	f = file_named(STORE_DATA, 0xab);
	f.name[64] = '0';
	assert_int_equal(put_text(s, &f, "x", &e), -ERR_INTERNAL);
	f = (struct store_file){STORE_CONFIG, "x"};
	assert_fails(put_text(s, &f, "x", &e), ERR_INTERNAL, "\"x\" cannot be the name of a config file");
	f = file_named(STORE_DATA, 0xab);
	f.kind = STORE_KINDS;
	assert_int_equal(put_text(s, &f, "x", &e), -ERR_INTERNAL);
}

/* ---- create ---- */

static void creating_over_a_config_is_refused(void **state)
{
	struct store *s = store_of(state);
	struct error e = {0};
	struct store_file config = {STORE_CONFIG, ""};
	assert_ok(put_text(s, &config, "the config", &e));
	assert_fails(store_create(s, &e), ERR_EXISTS, "config: there is a repository already");
	assert_content(s, &config, "the config");
}

static void creating_again_before_there_is_a_config_keeps_what_is_there(void **state)
{
	struct store *s = store_of(state);
	struct error e = {0};
	struct store_file f = file_named(STORE_KEY, 0x11);
	assert_ok(put_text(s, &f, "a key", &e));
	assert_ok(store_create(s, &e));
	assert_content(s, &f, "a key");
}

static void nothing_is_concluded_from_a_place_that_is_not_there(void **state)
{
	struct store *s = store_of(state);
	struct error e = {0};
	for (enum store_kind k = 0; k < STORE_KINDS; k++) {
		CLEANUP(store_listing_release) struct store_listing l = {0};
		struct store_file f = file_named(k, 0x22);
		char text[256];
		snprintf(text, sizeof text, "%s%s: the folder is missing", k ? store_folder(k) : s->url, k ? "/" : "");
		assert_fails(store_list(s, k, store_listing_add, &l, &e), ERR_CORRUPT, text);
		assert_int_equal(l.n, 0);
		assert_fails(put_text(s, &f, "x", &e), ERR_CORRUPT, text);
		assert_fails(store_remove(s, &f, &e), ERR_CORRUPT, text);
		assert_absent(s, &f);
	}
}

/* ---- put, get, size ---- */

static void an_absent_file_is_not_found(void **state)
{
	struct store *s = store_of(state);
	struct error e = {0};
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	for (enum store_kind k = 0; k < STORE_KINDS; k++) {
		struct store_file f = file_named(k, 0x33);
		char byte = 'u';
		uint64_t size = 77;
		const char *text = text_of(&f, "no such file in the repository");
		assert_fails(store_get(s, &f, 0, &byte, 1, &e), ERR_NOT_FOUND, text);
		assert_fails(store_get(s, &f, 0, &byte, 0, &e), ERR_NOT_FOUND, text);
		assert_fails(store_get_all(s, &f, 100, &b, &e), ERR_NOT_FOUND, text);
		assert_fails(store_size(s, &f, &size, &e), ERR_NOT_FOUND, text);
		assert_int_equal(byte, 'u');
		assert_int_equal(size, 77);
	}
}

static void a_file_that_is_too_short_is_corrupt_not_partly_read(void **state)
{
	struct store *s = store_of(state);
	struct error e = {0};
	char bytes[16];
	struct store_file f = file_named(STORE_INDEX, 0x44);
	assert_ok(put_text(s, &f, "0123456789", &e));
	assert_fails(store_get(s, &f, 0, bytes, 11, &e), ERR_CORRUPT,
		     text_of(&f, "is cut short: wanted bytes 0 to 11 of 10"));
	assert_fails(store_get(s, &f, 8, bytes, 3, &e), ERR_CORRUPT,
		     text_of(&f, "is cut short: wanted bytes 8 to 11 of 10"));
	assert_fails(store_get(s, &f, 11, bytes, 0, &e), ERR_CORRUPT,
		     text_of(&f, "is cut short: wanted bytes 11 to 11 of 10"));
	assert_fails(store_get(s, &f, UINT64_MAX - 2, bytes, 2, &e), ERR_CORRUPT,
		     text_of(&f, "is cut short: wanted bytes 18446744073709551613 to 18446744073709551615 of 10"));
	assert_int_equal(store_get(s, &f, UINT64_MAX, bytes, 16, &e), -ERR_CORRUPT);
}

static void any_range_of_a_file_is_read(void **state)
{
	struct store *s = store_of(state);
	struct error e = {0};
	const char text[] = "0123456789";
	struct store_file f = file_named(STORE_DATA, 0x55);
	assert_ok(put_text(s, &f, text, &e));
	for (size_t at = 0; at <= 10; at++) {
		for (size_t n = 0; at + n <= 10; n++) {
			char bytes[12];
			memset(bytes, '#', sizeof bytes);
			assert_ok(store_get(s, &f, at, bytes, n, &e));
			assert_memory_equal(bytes, text + at, n);
			assert_int_equal(bytes[n], '#');
		}
	}
}

static void a_file_of_every_kind_is_written_whole(void **state)
{
	struct store *s = store_of(state);
	struct error e = {0};
	for (enum store_kind k = 0; k < STORE_KINDS; k++) {
		struct store_file f = file_named(k, 0x66);
		uint64_t size;
		assert_ok(put_text(s, &f, store_kind_name(k), &e));
		assert_ok(store_size(s, &f, &size, &e));
		assert_int_equal(size, strlen(store_kind_name(k)));
	}
	for (enum store_kind k = 0; k < STORE_KINDS; k++) {
		struct store_file f = file_named(k, 0x66);
		assert_content(s, &f, store_kind_name(k));
	}
}

static void pieces_are_joined_and_may_be_empty(void **state)
{
	struct store *s = store_of(state);
	struct error e = {0};
	struct store_file f = file_named(STORE_DATA, 0x77), empty = file_named(STORE_DATA, 0x78);
	char abc[] = "abc", de[] = "de";
	struct iovec v[] = {{NULL, 0}, {abc, 3}, {abc, 0}, {de, 2}, {NULL, 0}};
	assert_ok(store_put(s, &f, v, ARRAY_LEN(v), &e));
	assert_content(s, &f, "abcde");
	assert_ok(store_put(s, &empty, NULL, 0, &e));
	assert_content(s, &empty, "");
}

static void a_large_file_comes_back_byte_by_byte(void **state)
{
	enum { SIZE = 3 * 1024 * 1024 + 17 };
	struct store *s = store_of(state);
	struct error e = {0};
	struct store_file f = file_named(STORE_DATA, 0x88);
	AUTO_FREE unsigned char *bytes = mem_alloc(SIZE);
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (unsigned char)(i * 2654435761U >> 13);
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	assert_ok(put_bytes(s, &f, bytes, SIZE, &e));
	assert_ok(store_get_all(s, &f, SIZE, &b, &e));
	assert_int_equal(b.len, SIZE);
	assert_memory_equal(b.p, bytes, SIZE);
}

static void putting_the_same_size_again_is_success_and_changes_nothing(void **state)
{
	struct store *s = store_of(state);
	struct error e = {0};
	struct store_file f = file_named(STORE_SNAPSHOT, 0x99);
	assert_ok(put_text(s, &f, "first", &e));
	assert_ok(put_text(s, &f, "other", &e));
	assert_content(s, &f, "first");
}

static void putting_another_size_replaces(void **state)
{
	struct store *s = store_of(state);
	struct error e = {0};
	struct store_file f = file_named(STORE_SNAPSHOT, 0x99);
	assert_ok(put_text(s, &f, "half", &e));
	assert_content(s, &f, "half");
	assert_ok(put_text(s, &f, "the whole", &e));
	assert_content(s, &f, "the whole");
	assert_ok(put_text(s, &f, "", &e));
	assert_content(s, &f, "");
}

static void success_leaves_no_error_behind(void **state)
{
	struct store *s = store_of(state);
	struct error e = {0};
	struct store_file f = file_named(STORE_DATA, 0xaa);
	CLEANUP(store_listing_release) struct store_listing l = {0};
	assert_ok(put_text(s, &f, "x", &e));
	assert_ok(put_text(s, &f, "xy", &e));
	assert_ok(store_list(s, STORE_DATA, store_listing_add, &l, &e));
	assert_ok(store_remove(s, &f, &e));
	assert_ok(store_remove(s, &f, &e));
	assert_int_equal(e.kind, ERR_NONE);
	assert_string_equal(e.text, "");
}

static void a_whole_file_is_appended_within_its_limit(void **state)
{
	struct store *s = store_of(state);
	struct error e = {0};
	struct store_file f = file_named(STORE_KEY, 0xbb);
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	CLEANUP(buf_release) struct buf narrow = BUF_INIT_MAX(4);
	buf_add_str(&b, "before ");
	assert_ok(put_text(s, &f, "12345", &e));
	assert_fails(store_get_all(s, &f, 4, &b, &e), ERR_LIMIT,
		     text_of(&f, "is 5 bytes long, more than the 4 allowed"));
	assert_string_equal(buf_text(&b), "before ");
	assert_int_equal(store_get_all(s, &f, 5, &narrow, &e), -ERR_LIMIT);
	assert_int_equal(narrow.len, 0);
	assert_ok(store_get_all(s, &f, 5, &b, &e));
	assert_string_equal(buf_text(&b), "before 12345");
	assert_int_equal(b.len, 12);
}

/* ---- remove ---- */

static void removing_what_is_absent_is_success(void **state)
{
	struct store *s = store_of(state);
	struct error e = {0};
	for (enum store_kind k = 0; k < STORE_KINDS; k++) {
		struct store_file f = file_named(k, 0xcc);
		assert_ok(store_remove(s, &f, &e));
	}
}

static void what_is_removed_is_gone_and_may_come_again(void **state)
{
	struct store *s = store_of(state);
	struct error e = {0};
	for (enum store_kind k = 0; k < STORE_KINDS; k++) {
		struct store_file f = file_named(k, 0xdd), other = file_named(k, 0xde);
		assert_ok(put_text(s, &other, "stays", &e));
		assert_ok(put_text(s, &f, "goes", &e));
		assert_content(s, &f, "goes");
		assert_ok(store_remove(s, &f, &e));
		assert_absent(s, &f);
		assert_int_equal(count_files(s, k), k == STORE_CONFIG ? 0 : 1);
		assert_ok(put_text(s, &f, "came", &e));
		assert_content(s, &f, "came");
	}
}

/* ---- list ---- */

static void a_new_repository_lists_nothing(void **state)
{
	for (enum store_kind k = 0; k < STORE_KINDS; k++)
		assert_int_equal(count_files(store_of(state), k), 0);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct store_entry *)a)->name, ((const struct store_entry *)b)->name);
}

static void every_file_of_a_kind_is_listed_once_with_its_size(void **state)
{
	struct store *s = store_of(state);
	struct error e = {0};
	for (enum store_kind k = 0; k < STORE_KINDS; k++) {
		int files = k == STORE_CONFIG ? 1 : 5;
		for (int i = 0; i < files; i++) {
			struct store_file f = file_named(k, (unsigned char)(50 * i));
			assert_ok(put_bytes(s, &f, "xxxxxxxx", (size_t)i + 1, &e));
		}
	}
	for (enum store_kind k = 0; k < STORE_KINDS; k++) {
		CLEANUP(store_listing_release) struct store_listing l = {0};
		assert_ok(store_list(s, k, store_listing_add, &l, &e));
		assert_int_equal(l.n, k == STORE_CONFIG ? 1 : 5);
		qsort(l.v, l.n, sizeof *l.v, by_name);
		for (size_t i = 0; i < l.n; i++) {
			assert_string_equal(l.v[i].name, file_named(k, (unsigned char)(50 * i)).name);
			assert_true(l.v[i].size == i + 1 || l.v[i].size == 0);
		}
	}
}

static int stop_at_second(const char *name, uint64_t size, void *ctx)
{
	return ++*(int *)ctx == 2 ? -ERR_CANCELLED : 0;
}

static void a_listing_ends_when_its_receiver_says_so(void **state)
{
	struct store *s = store_of(state);
	struct error e = {0};
	for (unsigned char c = 1; c <= 4; c++) {
		struct store_file f = file_named(STORE_DATA, c);
		assert_ok(put_text(s, &f, "x", &e));
	}
	int calls = 0;
	assert_int_equal(store_list(s, STORE_DATA, stop_at_second, &calls, &e), -ERR_CANCELLED);
	assert_int_equal(calls, 2);
}

static int remove_listed(const char *name, uint64_t size, void *ctx)
{
	struct error e = {0};
	struct store_file f = {.kind = STORE_LOCK};
	strcpy(f.name, name);
	assert_content(ctx, &f, "lock");
	assert_ok(store_remove(ctx, &f, &e));
	return 0;
}

static void the_receiver_of_a_listing_may_use_the_store(void **state)
{
	struct store *s = store_of(state);
	struct error e = {0};
	for (unsigned char c = 1; c <= 20; c++) {
		struct store_file f = file_named(STORE_LOCK, c);
		assert_ok(put_text(s, &f, "lock", &e));
	}
	assert_ok(store_list(s, STORE_LOCK, remove_listed, s, &e));
	assert_int_equal(count_files(s, STORE_LOCK), 0);
}

/* ---- the rest ---- */

static void tidying_touches_no_file(void **state)
{
	struct store *s = store_of(state);
	struct error e = {0};
	for (enum store_kind k = 0; k < STORE_KINDS; k++) {
		struct store_file f = file_named(k, 0xee);
		assert_ok(put_text(s, &f, "stays", &e));
	}
	store_tidy(s);
	for (enum store_kind k = 0; k < STORE_KINDS; k++) {
		struct store_file f = file_named(k, 0xee);
		assert_content(s, &f, "stays");
	}
}

static void it_has_a_name_to_show(void **state)
{
	struct fixture *t = *state;
	AUTO_FREE char *path = path_join(t->folder, "repo");
	assert_string_equal(t->s->url, t->s->features & STORE_DURABLE ? path : "mem:");
	assert_true(t->s->features & STORE_LOCAL);
}

struct worker {
	pthread_t thread;
	struct store *s;
	unsigned char number;
	int failed; /* asserting is for the main thread */
};

static int one_round(struct worker *w, unsigned char c)
{
	struct error e = {0};
	struct store_file own = file_named(STORE_DATA, (unsigned char)(16 * w->number + c));
	struct store_file common = file_named(STORE_DATA, 0xff);
	char bytes[6] = "";
	uint64_t size;
	CLEANUP(store_listing_release) struct store_listing l = {0};
	if (put_text(w->s, &own, "thread", &e) || put_text(w->s, &common, "common", &e) ||
	    store_get(w->s, &own, 0, bytes, 6, &e) || memcmp(bytes, "thread", 6) ||
	    store_get(w->s, &common, 2, bytes, 4, &e) || memcmp(bytes, "mmon", 4) ||
	    store_size(w->s, &common, &size, &e) || size != 6 ||
	    store_list(w->s, STORE_DATA, store_listing_add, &l, &e) || l.n < 2)
		return -1;
	return c % 2 ? 0 : store_remove(w->s, &own, &e);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	for (unsigned char c = 0; c < 6 && !w->failed; c++)
		w->failed = one_round(w, c);
	return NULL;
}

static void any_thread_may_call_at_the_same_time(void **state)
{
	struct worker workers[4];
	for (int i = 0; i < 4; i++) {
		workers[i] = (struct worker){.s = store_of(state), .number = (unsigned char)i};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(workers[i].thread, NULL);
	for (int i = 0; i < 4; i++)
		assert_int_equal(workers[i].failed, 0);
	assert_int_equal(count_files(store_of(state), STORE_DATA), 4 * 3 + 1);
}

#define SENTENCE(f) {#f, f, set_up, empty_it}
#define SENTENCE_BARE(f) {#f, f, set_up_bare, free_it}

static const struct {
	const char *name;
	CMUnitTestFunction test;
	CMFixtureFunction set_up, tear_down;
} sentences[] = {
	SENTENCE(a_name_that_is_no_hash_reaches_no_store),
	SENTENCE(creating_over_a_config_is_refused),
	SENTENCE(creating_again_before_there_is_a_config_keeps_what_is_there),
	SENTENCE_BARE(nothing_is_concluded_from_a_place_that_is_not_there),
	SENTENCE(an_absent_file_is_not_found),
	SENTENCE(a_file_that_is_too_short_is_corrupt_not_partly_read),
	SENTENCE(any_range_of_a_file_is_read),
	SENTENCE(a_file_of_every_kind_is_written_whole),
	SENTENCE(pieces_are_joined_and_may_be_empty),
	SENTENCE(a_large_file_comes_back_byte_by_byte),
	SENTENCE(putting_the_same_size_again_is_success_and_changes_nothing),
	SENTENCE(putting_another_size_replaces),
	SENTENCE(success_leaves_no_error_behind),
	SENTENCE(a_whole_file_is_appended_within_its_limit),
	SENTENCE(removing_what_is_absent_is_success),
	SENTENCE(what_is_removed_is_gone_and_may_come_again),
	SENTENCE(a_new_repository_lists_nothing),
	SENTENCE(every_file_of_a_kind_is_listed_once_with_its_size),
	SENTENCE(a_listing_ends_when_its_receiver_says_so),
	SENTENCE(the_receiver_of_a_listing_may_use_the_store),
	SENTENCE(tidying_touches_no_file),
	SENTENCE(it_has_a_name_to_show),
	SENTENCE(any_thread_may_call_at_the_same_time),
};

static int run(const char *name, struct store *(*make)(const char *folder))
{
	struct error e = {0};
	struct fixture t = {.make = make, .folder = temp_folder()};
	struct CMUnitTest tests[ARRAY_LEN(sentences)];
	t.created = make(t.folder);
	assert_ok(store_create(t.created, &e));
	for (size_t i = 0; i < ARRAY_LEN(sentences); i++)
		tests[i] = (struct CMUnitTest){sentences[i].name, sentences[i].test, sentences[i].set_up,
					       sentences[i].tear_down, &t};
	int failures = cmocka_run_group_tests_name(name, tests, NULL, NULL);
	store_free(t.created);
	remove_folder(t.folder);
	return failures;
}

int main(void)
{
	int failures = 0;
	for (size_t i = 0; i < ARRAY_LEN(makers); i++)
		failures += run(makers[i].name, makers[i].make);
	return failures;
}
