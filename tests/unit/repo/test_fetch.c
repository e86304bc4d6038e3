#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "archive_helper.h"
#include "base/fs.h"
#include "repo/fetch.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define FILES 40

static int anonymous(void)
{
	struct error e = {0};
	int fd;

	assert_int_equal(fs_temp_anonymous(NULL, &fd, &e), 0);
	return fd;
}

/* What done() was told of a file. The descriptor is kept alive through a duplicate. */
struct outcome {
	int fd, copy;
	atomic_int calls;
	int result;
	struct error why;
};

static void note(void *ctx, int fd, int result, const struct error *why)
{
	struct outcome *o = ctx;

	o->result = result;
	o->why = *why;
	if (fd != o->fd || fcntl(fd, F_GETFD) < 0)
		o->result = 1;
	atomic_fetch_add(&o->calls, 1);
}

static void start(struct fetch *f, const struct tree_node *n, bool sparse, struct outcome *o)
{
	struct error e = {0};

	*o = (struct outcome){.fd = anonymous()};
	o->copy = dup(o->fd);
	assert_int_equal(fetch_file(f, n, o->fd, sparse, note, o, &e), 0);
}

static void assert_arrived(struct outcome *o, const void *p, size_t n)
{
	AUTO_FREE unsigned char *got = mem_alloc(n + 1);

	assert_int_equal(atomic_load(&o->calls), 1);
	assert_int_equal(o->result, 0);
	assert_int_equal(fs_pread_full(o->copy, got, n + 1, 0), n);
	assert_memory_equal(got, p, n);
	close(o->copy);
}

static void many_files_arrive_whole(void **state)
{
	struct repo *r = loaded_repo();
	struct archive *a = begin(r, NULL);
	unsigned char *content[FILES];
	struct outcome o[FILES];
	struct progress progress = {NULL};
	struct error e = {0};
	char name[16];

	for (size_t i = 0; i < FILES; i++) {
		snprintf(name, sizeof name, "%zu", i);
		content[i] = filled(i * 3000, i);
		add_file(a, name, content[i], i * 3000);
	}
	struct id root = finish(a, NULL);
	struct fetch *f = fetch_new(r, 3, &progress);

	for (size_t i = 0; i < FILES; i++) {
		snprintf(name, sizeof name, "%zu", i);
		CLEANUP(tree_node_release) struct tree_node n = stored(r, &root, name);

		start(f, &n, false, &o[i]);
	}
	assert_int_equal(fetch_wait(f, &e), 0);
	for (size_t i = 0; i < FILES; i++) {
		assert_arrived(&o[i], content[i], i * 3000);
		free(content[i]);
	}
	assert_int_equal(atomic_load(&progress.bytes_done), 3000 * FILES * (FILES - 1) / 2);
	fetch_free(f);
	fetch_free(NULL);
	repo_free(r);
}

/* A file in the repository, alone. */
static struct tree_node store_file(struct repo *r, const void *p, size_t n)
{
	struct archive *a = begin(r, NULL);

	add_file(a, "file", p, n);
	struct id root = finish(a, NULL);

	return stored(r, &root, "file");
}

static void a_large_file_arrives_whole(void **state)
{
	struct repo *r = loaded_repo();
	AUTO_FREE unsigned char *p = filled(11 * MIB, 1);
	CLEANUP(tree_node_release) struct tree_node n = store_file(r, p, 11 * MIB);
	struct fetch *f = fetch_new(r, 0, NULL);
	struct outcome o;
	struct error e = {0};

	start(f, &n, false, &o);
	assert_int_equal(fetch_wait(f, &e), 0);
	assert_arrived(&o, p, 11 * MIB);
	fetch_free(f);
	repo_free(r);
}

static void runs_of_zeros_become_holes(void **state)
{
	struct repo *r = loaded_repo();
	AUTO_FREE unsigned char *p = mem_zero(9 * MIB);
	struct stat st, whole;

	fill(p, 5000, 1);
	fill(p + 6 * MIB + 100, 3000, 2);
	CLEANUP(tree_node_release) struct tree_node n = store_file(r, p, 9 * MIB - 7);
	struct fetch *f = fetch_new(r, 2, NULL);
	struct outcome sparse, full;
	struct error e = {0};

	start(f, &n, true, &sparse);
	start(f, &n, false, &full);
	assert_int_equal(fetch_wait(f, &e), 0);
	assert_int_equal(fstat(sparse.copy, &st), 0);
	assert_int_equal(fstat(full.copy, &whole), 0);
	assert_true(st.st_blocks < whole.st_blocks / 8);
	assert_arrived(&sparse, p, 9 * MIB - 7);
	assert_arrived(&full, p, 9 * MIB - 7);
	fetch_free(f);
	repo_free(r);
}

static void a_damaged_file_fails_alone(void **state)
{
	struct repo *r = loaded_repo();
	CLEANUP(tree_node_release) struct tree_node good = store_file(r, "good", 4), cut = store_file(r, "cut", 3);
	CLEANUP(tree_node_release) struct tree_node gone = store_file(r, "gone", 4);
	struct fetch *f = fetch_new(r, 2, NULL);
	struct outcome o[3];
	struct error e = {0};

	cut.meta.size = 4;
	memset(&gone.content.v[0], 0xcd, sizeof(struct id));
	start(f, &cut, false, &o[0]);
	start(f, &gone, true, &o[1]);
	start(f, &good, false, &o[2]);
	assert_int_equal(fetch_wait(f, &e), -ERR_CORRUPT);
	assert_int_equal(atomic_load(&o[0].calls), 1);
	assert_int_equal(o[0].result, -ERR_CORRUPT);
	assert_string_equal(o[0].why.text, "\"file\" is listed with 4 bytes, but its blobs have 3");
	assert_int_equal(o[1].result, -ERR_CORRUPT);
	assert_string_equal(o[1].why.text, "\"file\" is incomplete: blob cdcdcdcd is in no index");
	assert_arrived(&o[2], "good", 4);
	close(o[0].copy);
	close(o[1].copy);
	assert_int_equal(fetch_wait(f, &e), 0);
	fetch_free(f);
	repo_free(r);
}

static void a_store_that_fails_is_told_once_a_file(void **state)
{
	struct repo *r = loaded_repo();
	AUTO_FREE unsigned char *p = filled(9 * MIB, 3);
	CLEANUP(tree_node_release) struct tree_node n = store_file(r, p, 9 * MIB);
	struct fault_plan plan = {.kind = FAULT_ERROR, .at = 1, .and_after = true};
	struct error e = {0};
	struct outcome o;

	r->store = fault_new(r->store, &plan);
	struct fetch *f = fetch_new(r, 2, NULL);

	start(f, &n, false, &o);
	assert_int_equal(fetch_wait(f, &e), -ERR_IO);
	assert_memory_equal(e.text, "reading \"file\": ", 16);
	assert_int_equal(atomic_load(&o.calls), 1);
	assert_int_equal(o.result, -ERR_IO);
	close(o.copy);
	fetch_free(f);
	repo_free(r);
}

static void a_descriptor_that_cannot_be_written_is_told(void **state)
{
	struct repo *r = loaded_repo();
	CLEANUP(tree_node_release) struct tree_node n = store_file(r, "text", 4);
	struct fetch *f = fetch_new(r, 1, NULL);
	struct error e = {0};
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_int_equal(fetch_file(f, &n, fd, false, NULL, NULL, &e), 0);
	assert_int_equal(fetch_wait(f, &e), -ERR_IO);
	assert_string_equal(e.text, "writing \"file\": Bad file descriptor");
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	fetch_free(f);
	repo_free(r);
}

static void a_cancelled_fetch_takes_no_more_files(void **state)
{
	struct repo *r = loaded_repo();
	CLEANUP(tree_node_release) struct tree_node n = store_file(r, "text", 4);
	struct progress progress = {NULL};
	struct fetch *f = fetch_new(r, 1, &progress);
	struct outcome o = {0};
	struct error e = {0};
	int fd = anonymous();

	atomic_store(&progress.cancel, true);
	assert_int_equal(fetch_file(f, &n, fd, false, note, &o, &e), -ERR_CANCELLED);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(fetch_wait(f, &e), 0);
	assert_int_equal(atomic_load(&o.calls), 0);
	fetch_free(f);
	repo_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_files_arrive_whole),
		cmocka_unit_test(a_large_file_arrives_whole),
		cmocka_unit_test(runs_of_zeros_become_holes),
		cmocka_unit_test(a_damaged_file_fails_alone),
		cmocka_unit_test(a_store_that_fails_is_told_once_a_file),
		cmocka_unit_test(a_descriptor_that_cannot_be_written_is_told),
		cmocka_unit_test(a_cancelled_fetch_takes_no_more_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
