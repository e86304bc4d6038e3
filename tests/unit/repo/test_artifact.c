#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "archive_helper.h"
#include "repo/artifact.h"

#include <pthread.h>
#include <stdio.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define BLOCK (64 * KIB)
#define SIZE (50 * BLOCK - 11)

/* A repository with one file of 50 blocks, its node, and what it holds. */
struct stage {
	struct repo *r;
	struct tree_node node;
	unsigned char *p;
};

static struct stage stage_new(void)
{
	struct stage s = {.r = loaded_repo(), .p = filled(SIZE, 11)};
	struct archive *a = begin(s.r, NULL);
	struct file_sink *f = open_file(a, false);
	struct error e = {0};

	for (uint64_t i = 0; i < 50; i++)
		assert_int_equal(f->put(f, i, s.p + i * BLOCK, i < 49 ? BLOCK : BLOCK - 11, &e), 0);
	close_file(f, "db");
	struct id root = finish(a, NULL);

	s.node = stored(s.r, &root, "db");
	assert_int_equal(s.node.content.n, 50);
	return s;
}

static void stage_free(struct stage *s)
{
	tree_node_release(&s->node);
	repo_free(s->r);
	free(s->p);
}

static struct source *open_artifact(struct stage *s, size_t cache_bytes)
{
	struct source *source;
	struct error e = {0};

	assert_int_equal(artifact_open(s->r, &s->node, cache_bytes, &source, &e), 0);
	assert_int_equal(source->size, SIZE);
	return source;
}

/* One bit of the pack that holds blob number i of the file is turned. */
static void damage(struct stage *s, size_t i)
{
	struct blob_place place;
	struct store_file f = {.kind = STORE_DATA};
	CLEANUP(buf_release) struct buf pack = BUF_INIT;
	struct error e = {0};

	assert_true(index_find(s->r->index, BLOB_DATA, &s->node.content.v[i], &place));
	id_hex(&place.pack, f.name);
	assert_int_equal(store_get_all(s->r->store, &f, 64 * MIB, &pack, &e), 0);
	pack.p[place.blob.offset + 20] ^= 1;
	assert_int_equal(store_remove(s->r->store, &f, &e), 0);
	assert_int_equal(store_put(s->r->store, &f, &(struct iovec){pack.p, pack.len}, 1, &e), 0);
}

static void assert_reads(struct source *source, const struct stage *s, uint64_t at, size_t n)
{
	AUTO_FREE unsigned char *got = mem_alloc(n);
	struct error e = {0};
	size_t expected = at >= SIZE ? 0 : n < SIZE - at ? n : SIZE - at;

	assert_int_equal(source->pread(source, got, n, at, &e), expected);
	assert_true(expected == 0 || memcmp(got, s->p + at, expected) == 0);
}

static void any_range_can_be_read_in_any_order(void **state)
{
	struct stage s = stage_new();
	struct source *source = open_artifact(&s, 0);
	uint64_t x = 7;

	assert_reads(source, &s, 0, SIZE);
	assert_reads(source, &s, BLOCK - 1, 2);
	assert_reads(source, &s, BLOCK, BLOCK);
	assert_reads(source, &s, SIZE - 1, 100);
	assert_reads(source, &s, SIZE, 1);
	assert_reads(source, &s, UINT64_MAX, 1);
	assert_reads(source, &s, 5, 0);
	for (int i = 0; i < 300; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		assert_reads(source, &s, (x >> 32) % SIZE, (x >> 16) % (3 * BLOCK) + 1);
	}
	source_close(source);
	stage_free(&s);
}

static const struct store_ops *original_ops;
static unsigned long gets;

static int counting_get(struct store *s, const struct store_file *f, uint64_t at, void *p, size_t n, struct error *e)
{
	gets++;
	return original_ops->get(s, f, at, p, n, e);
}

static void the_cache_keeps_what_was_used_last(void **state)
{
	struct stage s = stage_new();
	struct source *source = open_artifact(&s, 4 * BLOCK + 512);
	struct store_ops ops;

	patch_store(s.r, &ops, &original_ops)->get = counting_get;
	gets = 0;
	for (int round = 0; round < 3; round++)
		for (uint64_t i = 0; i < 4; i++)
			assert_reads(source, &s, i * BLOCK, 4096);
	assert_int_equal(gets, 4);
	assert_reads(source, &s, 0, 1); /* used again, so that number 1 is the oldest now */
	assert_reads(source, &s, 4 * BLOCK, 1);
	assert_int_equal(gets, 5);
	assert_reads(source, &s, 0, 1);
	assert_int_equal(gets, 5);
	assert_reads(source, &s, BLOCK, 1);
	assert_int_equal(gets, 6);
	source_close(source);
	s.r->store->ops = original_ops;
	stage_free(&s);
}

static void a_cache_smaller_than_a_blob_keeps_one(void **state)
{
	struct stage s = stage_new();
	struct source *source = open_artifact(&s, 1);
	struct store_ops ops;

	patch_store(s.r, &ops, &original_ops)->get = counting_get;
	gets = 0;
	for (uint64_t at = 0; at < 2 * BLOCK; at += 4 * KIB)
		assert_reads(source, &s, at, 4 * KIB);
	assert_int_equal(gets, 2);
	source_close(source);
	s.r->store->ops = original_ops;
	stage_free(&s);
}

struct reader {
	struct source *source;
	const struct stage *stage;
	uint64_t seed;
	bool wrong;
};

static void *read_around(void *arg)
{
	struct reader *r = arg;
	unsigned char got[5000];
	struct error e = {0};
	uint64_t x = r->seed;

	for (int i = 0; i < 400 && !r->wrong; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		uint64_t at = (x >> 32) % (SIZE - sizeof got);

		r->wrong = r->source->pread(r->source, got, sizeof got, at, &e) != sizeof got ||
			   memcmp(got, r->stage->p + at, sizeof got) != 0;
	}
	return NULL;
}

static void many_threads_may_read_at_once(void **state)
{
	struct stage s = stage_new();
	struct source *source = open_artifact(&s, 5 * BLOCK);
	struct reader reader[4];
	pthread_t thread[4];

	for (int i = 0; i < 4; i++) {
		reader[i] = (struct reader){.source = source, .stage = &s, .seed = (uint64_t)i};
		assert_int_equal(pthread_create(&thread[i], NULL, read_around, &reader[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
		assert_false(reader[i].wrong);
	}
	source_close(source);
	stage_free(&s);
}

static void a_size_that_is_not_the_sum_of_the_blobs_is_refused(void **state)
{
	struct stage s = stage_new();
	struct source *source;
	struct error e = {0};
	char expected[128];

	s.node.meta.size++;
	assert_int_equal(artifact_open(s.r, &s.node, 0, &source, &e), -ERR_CORRUPT);
	snprintf(expected, sizeof expected, "\"db\" is listed with %zu bytes, but its blobs have %zu", SIZE + 1, SIZE);
	assert_string_equal(e.text, expected);
	stage_free(&s);
}

static void a_blob_no_index_lists_is_refused(void **state)
{
	struct stage s = stage_new();
	struct source *source;
	struct fd_sink none;
	struct error e = {0};

	fd_sink_init(&none, -1);
	memset(&s.node.content.v[3], 0xab, sizeof(struct id));
	assert_int_equal(artifact_open(s.r, &s.node, 0, &source, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, "\"db\" is incomplete: blob abababab is in no index");
	assert_int_equal(artifact_copy(s.r, &s.node, &none.sink, NULL, &e), -ERR_CORRUPT);
	stage_free(&s);
}

static void a_damaged_blob_hurts_only_reads_that_touch_it(void **state)
{
	struct stage s = stage_new();
	struct source *source = open_artifact(&s, 0);
	struct error e = {0};
	struct blob_place place;
	char c, expected[160], hex[ID_HEX_LEN + 1], pack[ID_HEX_LEN + 1];

	damage(&s, 7);
	assert_true(index_find(s.r->index, BLOB_DATA, &s.node.content.v[7], &place));
	assert_reads(source, &s, 0, 7 * BLOCK);
	assert_reads(source, &s, 8 * BLOCK, BLOCK);
	assert_int_equal(source->pread(source, &c, 1, 8 * BLOCK - 1, &e), -ERR_CORRUPT);
	snprintf(expected, sizeof expected, "reading \"db\": pack %.8s: blob %.8s is damaged (its MAC does not match)",
		 id_hex(&place.pack, pack), id_hex(&s.node.content.v[7], hex));
	assert_string_equal(e.text, expected);
	source_close(source);
	stage_free(&s);
}

static void an_empty_file_has_nothing_to_read(void **state)
{
	struct repo *r = loaded_repo();
	struct archive *a = begin(r, NULL);
	struct source *source;
	struct fd_sink none;
	struct error e = {0};
	char c;

	add_file(a, "empty", "", 0);
	struct id root = finish(a, NULL);
	CLEANUP(tree_node_release) struct tree_node node = stored(r, &root, "empty");

	assert_int_equal(artifact_open(r, &node, 0, &source, &e), 0);
	assert_int_equal(source->size, 0);
	assert_int_equal(source->pread(source, &c, 1, 0, &e), 0);
	source_close(source);
	fd_sink_init(&none, -1);
	assert_int_equal(artifact_copy(r, &node, &none.sink, NULL, &e), 0);
	repo_free(r);
}

/* ---- copying ---- */

struct checking_sink {
	struct sink sink;
	const struct stage *stage;
	uint64_t at, fail_at;
};

static int check_write(struct sink *sink, const void *p, size_t n, struct error *e)
{
	struct checking_sink *c = (struct checking_sink *)sink;

	assert_true(n <= SIZE - c->at);
	assert_memory_equal(p, c->stage->p + c->at, n);
	c->at += n;
	return c->fail_at && c->at >= c->fail_at ? error_set(e, ERR_NO_SPACE, "the sink is full") : 0;
}

static void copying_gives_all_bytes_in_order(void **state)
{
	struct stage s = stage_new();
	struct checking_sink c = {.sink.write = check_write, .stage = &s};
	struct progress p = {NULL};
	struct error e = {0};

	assert_int_equal(artifact_copy(s.r, &s.node, &c.sink, &p, &e), 0);
	assert_int_equal(c.at, SIZE);
	assert_int_equal(atomic_load(&p.bytes_done), SIZE);
	stage_free(&s);
}

static void a_full_sink_ends_the_copy(void **state)
{
	struct stage s = stage_new();
	struct checking_sink c = {.sink.write = check_write, .stage = &s, .fail_at = 1};
	struct error e = {0};

	assert_int_equal(artifact_copy(s.r, &s.node, &c.sink, NULL, &e), -ERR_NO_SPACE);
	assert_string_equal(e.text, "the sink is full");
	stage_free(&s);
}

static void a_damaged_blob_ends_the_copy_before_it(void **state)
{
	struct stage s = stage_new();
	struct checking_sink c = {.sink.write = check_write, .stage = &s};
	struct error e = {0};

	damage(&s, 40);
	assert_int_equal(artifact_copy(s.r, &s.node, &c.sink, NULL, &e), -ERR_CORRUPT);
	assert_memory_equal(e.text, "reading \"db\": pack ", 19);
	assert_true(c.at <= 40 * BLOCK);
	stage_free(&s);
}

static void a_copy_can_be_cancelled(void **state)
{
	struct stage s = stage_new();
	struct checking_sink c = {.sink.write = check_write, .stage = &s};
	struct progress p = {NULL};
	struct error e = {0};

	atomic_store(&p.cancel, true);
	assert_int_equal(artifact_copy(s.r, &s.node, &c.sink, &p, &e), -ERR_CANCELLED);
	assert_int_equal(c.at, 0);
	stage_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_range_can_be_read_in_any_order),
		cmocka_unit_test(the_cache_keeps_what_was_used_last),
		cmocka_unit_test(a_cache_smaller_than_a_blob_keeps_one),
		cmocka_unit_test(many_threads_may_read_at_once),
		cmocka_unit_test(a_size_that_is_not_the_sum_of_the_blobs_is_refused),
		cmocka_unit_test(a_blob_no_index_lists_is_refused),
		cmocka_unit_test(a_damaged_blob_hurts_only_reads_that_touch_it),
		cmocka_unit_test(an_empty_file_has_nothing_to_read),
		cmocka_unit_test(copying_gives_all_bytes_in_order),
		cmocka_unit_test(a_full_sink_ends_the_copy),
		cmocka_unit_test(a_damaged_blob_ends_the_copy_before_it),
		cmocka_unit_test(a_copy_can_be_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
