/* What the tests of check share: a repository of three backups, and what a report must say. */
#ifndef TEST_CHECK_SUPPORT_H
#define TEST_CHECK_SUPPORT_H

#include "support.h"

#include "base/mem.h"
#include "repo/check.h"
#include "repo/tree.h"

#include <stdlib.h>
#include <string.h>

#define UNUSED_OK __attribute__((unused))

#define SHARED "what all backups hold"
#define ALPHA "alpha alpha alpha alpha alpha alpha alpha alpha alpha alpha alpha alpha alpha alpha"
#define BETA "beta"

/* Backup 0: shared. Backup 1 ("A"): shared, alpha. Backup 2 ("B"): shared, sub/beta. Each file is alone in its pack. */
struct fixture {
	struct store *mem;
	struct repo *r;
	struct id snapshots[3];
	struct id roots[4]; /* their trees; the last is that of sub */
	struct check_report report;
};

enum { HURT_NONE = 0, HURT_OLD = 1, HURT_A = 2, HURT_B = 4, HURT_ALL = 7 };

static struct id root_of(struct fixture *f, int i)
{
	CLEANUP(snapshot_release) struct snapshot s = {0};
	struct error e = {0};

	assert_int_equal(snapshot_load(f->r, &f->snapshots[i], &s, &e), 0);
	assert_int_equal(repo_load_index(f->r, NULL, NULL, &e), 0);
	return s.tree;
}

UNUSED_OK static int fixture_new(void **state)
{
	static const struct support_file files[][2] = {
		{{"shared", SHARED}},
		{{"shared", SHARED}, {"alpha", ALPHA}},
		{{"shared", SHARED}, {"sub/beta", BETA}},
	};
	struct fixture *f = mem_zero(sizeof *f);
	CLEANUP(buf_release) struct buf json = BUF_INIT;
	CLEANUP(tree_release) struct tree t = {0};
	struct error e = {0};
	struct blob_codec *c;

	f->mem = mem_store_new();
	f->r = support_create(f->mem);
	for (int i = 0; i < 3; i++) {
		support_backup(f->r, files[i], i ? 2 : 1, &f->snapshots[i]);
		f->roots[i] = root_of(f, i);
	}
	c = blob_codec_new(&f->r->key);
	assert_int_equal(repo_read_blob(f->r, c, BLOB_TREE, &f->roots[2], &json, &e), 0);
	blob_codec_free(c);
	assert_int_equal(tree_parse(json.p, json.len, 0, &t, &e), 0);
	f->roots[3] = tree_find(&t, "sub")->subtree;
	*state = f;
	return 0;
}

UNUSED_OK static int fixture_free(void **state)
{
	struct fixture *f = *state;

	check_report_release(&f->report);
	repo_free(f->r);
	store_free(f->mem);
	free(f);
	return 0;
}

/* One of a few texts that live side by side. */
UNUSED_OK static const char *hex(const struct id *id)
{
	static char room[8][ID_HEX_LEN + 1];
	static unsigned next;

	return id_hex(id, room[next++ % 8]);
}

UNUSED_OK static struct blob_place place_of(struct fixture *f, const char *text)
{
	return support_place(f->r, BLOB_DATA, text, strlen(text));
}

/* support_index_take() for the blob with this text. */
UNUSED_OK static struct index_pack *take_index_of(struct fixture *f, const char *text, struct support_index *x,
						  struct blob_place *place)
{
	struct id id;

	id_hash(&id, text, strlen(text));
	return support_index_take(f->r, BLOB_DATA, &id, x, place);
}

UNUSED_OK static size_t file_size(struct fixture *f, const struct id *pack)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;

	support_read(f->mem, STORE_DATA, pack, &b);
	return b.len;
}

static void run_options(struct fixture *f, const struct check_options *o)
{
	struct error e = {0};

	check_report_release(&f->report);
	assert_int_equal(check_run(f->r, o, &f->report, &e), 0);
}

UNUSED_OK static void run_check(struct fixture *f, bool read_data)
{
	run_options(f, &(struct check_options){.read_data = read_data});
}

UNUSED_OK static void expect_counts(const struct fixture *f, size_t errors, size_t hints)
{
	for (size_t i = 0; i < f->report.n && (f->report.errors != errors || f->report.hints != hints); i++)
		print_message("found: %s\n", f->report.v[i].text);
	assert_int_equal(f->report.errors, errors);
	assert_int_equal(f->report.hints, hints);
	assert_int_equal(f->report.n, errors + hints);
}

static const struct check_problem *find_problem(const struct fixture *f, const char *text)
{
	for (size_t i = 0; i < f->report.n; i++)
		if (strcmp(f->report.v[i].text, text) == 0)
			return &f->report.v[i];
	for (size_t i = 0; i < f->report.n; i++)
		print_message("found: %s\n", f->report.v[i].text);
	fail_msg("nothing was found as: %s", text);
	return NULL;
}

static bool names(const struct id_list *l, const struct id *id)
{
	for (size_t i = 0; i < l->n; i++)
		if (id_equal(&l->v[i], id))
			return true;
	return false;
}

/* A problem of this text was found, and it hurts just these of the three backups. */
UNUSED_OK static void expect(const struct fixture *f, enum check_severity severity, unsigned hurt, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
static void expect(const struct fixture *f, enum check_severity severity, unsigned hurt, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	AUTO_FREE char *text = mem_vprintf(fmt, ap);
	va_end(ap);
	const struct check_problem *p = find_problem(f, text);
	assert_int_equal(p->severity, severity);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(names(&p->snapshots, &f->snapshots[i]), hurt >> i & 1);
	assert_int_equal(p->snapshots.n, __builtin_popcount(hurt));
}

/* An error of this text was found, and it hurts this backup alone. */
UNUSED_OK static const struct check_problem *expect_one(const struct fixture *f, const struct id *snapshot,
							const char *fmt, ...) PRINTF_LIKE(3, 4);
static const struct check_problem *expect_one(const struct fixture *f, const struct id *snapshot, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	AUTO_FREE char *text = mem_vprintf(fmt, ap);
	va_end(ap);
	const struct check_problem *p = find_problem(f, text);
	assert_int_equal(p->severity, CHECK_ERROR);
	assert_int_equal(p->snapshots.n, 1);
	assert_true(id_equal(&p->snapshots.v[0], snapshot));
	assert_true(names(&f->report.hurt, snapshot));
	return p;
}

/* A file of one blob. */
UNUSED_OK static void add_node(struct tree *t, const char *name, uint64_t size, const struct id *blob)
{
	struct tree_node n = {0};

	node_synthetic(&n.meta, name, NODE_FILE, (struct timespec){.tv_sec = 1600000000});
	n.meta.size = size;
	id_list_add(&n.content, blob);
	tree_add(t, &n);
}

#endif
