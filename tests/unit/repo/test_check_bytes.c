/* Every single flipped or cut byte of a repository is found, and the backups it hurts are named. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "check_support.h"

#include <sched.h>

/* A file that is damaged, together with others that say nothing about it: its error must be there by itself. */
struct victim {
	enum store_kind kind;
	struct id id;
	struct buf bytes;
	char path[STORE_PATH_MAX];
};

struct victims {
	struct victim *v;
	size_t n, cap;
	size_t longest;
};

/* Thousands of checks, each with its threads: few are faster. */
static int use_one_processor(void **state)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	return sched_setaffinity(0, sizeof one, &one);
}

/* One index file makes the checks faster; it is damaged as a whole. */
static int prepare(void **state)
{
	struct support_index x;

	fixture_new(state);
	struct fixture *f = *state;
	support_index_load(f->r, &x);
	support_index_remove_all(f->r);
	support_index_save(f->r, x.v, x.n, NULL);
	support_index_release(&x);
	return 0;
}

static void add_victim(struct fixture *f, struct victims *all, enum store_kind kind, const struct id *id)
{
	GROW(all->v, all->n, all->cap);
	struct victim *v = &all->v[all->n++];
	*v = (struct victim){.kind = kind, .id = *id};
	struct store_file file = {.kind = kind};
	if (kind != STORE_CONFIG)
		id_hex(id, file.name);
	store_path(&file, v->path);
	support_read(f->mem, kind, id, &v->bytes);
	all->longest = v->bytes.len > all->longest ? v->bytes.len : all->longest;
}

static void add_kind(struct fixture *f, struct victims *all, enum store_kind kind)
{
	CLEANUP(id_list_release) struct id_list files = {0};

	support_list(f->mem, kind, &files);
	for (size_t i = 0; i < files.n; i++)
		add_victim(f, all, kind, &files.v[i]);
}

struct pack_choice {
	struct fixture *f;
	struct victims *all;
	enum blob_type type;
};

static int add_pack(const struct id *pack, const struct pack_blob *blobs, size_t n, void *ctx)
{
	struct pack_choice *c = ctx;

	if (blobs[0].type == c->type)
		add_victim(c->f, c->all, STORE_DATA, pack);
	return 0;
}

static void release(struct victims *all)
{
	for (size_t i = 0; i < all->n; i++)
		buf_release(&all->v[i].bytes);
	free(all->v);
}

/* The blob that a byte of a pack belongs to. */
struct at_byte {
	const struct id *pack;
	size_t at;
	struct id blob;
	bool inside;
};

static int find_byte(const struct blob_place *p, void *ctx)
{
	struct at_byte *a = ctx;

	if (!id_equal(&p->pack, a->pack) || a->at < p->blob.offset || a->at >= p->blob.offset + p->blob.length)
		return 0;
	a->blob = p->blob.id;
	a->inside = true;
	return 1;
}

static bool is_text(const struct id *blob, const char *text)
{
	struct id id;

	id_hash(&id, text, strlen(text));
	return id_equal(blob, &id);
}

/* The backups that need the blob with this byte of a pack. */
static unsigned users_of(struct fixture *f, struct index *index, const struct id *pack, size_t at)
{
	struct at_byte a = {.pack = pack, .at = at};

	index_each(index, find_byte, &a);
	if (!a.inside)
		return HURT_NONE;
	if (is_text(&a.blob, SHARED))
		return HURT_ALL;
	if (is_text(&a.blob, ALPHA) || id_equal(&a.blob, &f->roots[1]))
		return HURT_A;
	return id_equal(&a.blob, &f->roots[0]) ? HURT_OLD : HURT_B;
}

/* The first error about this file. */
static const struct check_problem *error_of(const struct fixture *f, const struct victim *v)
{
	for (size_t i = 0; i < f->report.n; i++)
		if (f->report.v[i].severity == CHECK_ERROR && strcmp(f->report.v[i].object, v->path) == 0)
			return &f->report.v[i];
	fail_msg("nothing was found about %s", v->path);
	return NULL;
}

static void expect_hurt(const struct fixture *f, const struct check_problem *p, unsigned hurt)
{
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(names(&p->snapshots, &f->snapshots[i]), hurt >> i & 1);
}

static void restore(struct fixture *f, const struct victims *all)
{
	for (size_t i = 0; i < all->n; i++)
		support_write(f->mem, all->v[i].kind, &all->v[i].id, all->v[i].bytes.p, all->v[i].bytes.len);
}

/* Flip one bit at `at` in all files that are so long. */
static void flip_all(struct fixture *f, const struct victims *all, size_t at)
{
	for (size_t i = 0; i < all->n; i++)
		if (at < all->v[i].bytes.len) {
			all->v[i].bytes.p[at] ^= (unsigned char)(1u << (at % 8));
			support_write(f->mem, all->v[i].kind, &all->v[i].id, all->v[i].bytes.p, all->v[i].bytes.len);
			all->v[i].bytes.p[at] ^= (unsigned char)(1u << (at % 8));
		}
}

static void cut_all(struct fixture *f, const struct victims *all, size_t length)
{
	for (size_t i = 0; i < all->n; i++)
		if (length < all->v[i].bytes.len)
			support_write(f->mem, all->v[i].kind, &all->v[i].id, all->v[i].bytes.p, length);
}

static void damage_everywhere(struct fixture *f, const struct victims *all, size_t step,
			      void (*damage)(struct fixture *f, const struct victims *all, size_t at))
{
	struct repo *whole = support_open(f->mem);
	struct error e = {0};

	assert_int_equal(repo_load_index(whole, NULL, NULL, &e), 0);
	for (size_t at = 0; at < all->longest; at += step) {
		damage(f, all, at);
		run_check(f, true);
		for (size_t i = 0; i < all->n; i++) {
			const struct victim *v = &all->v[i];
			if (at >= v->bytes.len)
				continue;
			const struct check_problem *p = error_of(f, v);
			if (v->kind == STORE_DATA)
				expect_hurt(f, p, users_of(f, whole->index, &v->id, at));
			if (v->kind == STORE_SNAPSHOT)
				assert_true(names(&f->report.hurt, &v->id));
		}
		restore(f, all);
	}
	repo_free(whole);
	run_check(f, true);
	expect_counts(f, 0, 0);
}

#define CUT_STEP 17

static void add_packs_of(struct fixture *f, struct victims *all, enum blob_type type)
{
	struct error e = {0};

	assert_int_equal(repo_load_index(f->r, NULL, NULL, &e), 0);
	index_each_pack(f->r->index, add_pack, &(struct pack_choice){f, all, type});
	assert_int_equal(all->n, 3);
}

static void every_damaged_byte_of_data_packs_is_found(void **state)
{
	struct fixture *f = *state;
	CLEANUP(release) struct victims all = {0};

	add_packs_of(f, &all, BLOB_DATA);
	damage_everywhere(f, &all, 1, flip_all);
	damage_everywhere(f, &all, CUT_STEP, cut_all);
}

static void every_damaged_byte_of_tree_packs_and_keys_and_config_is_found(void **state)
{
	struct fixture *f = *state;
	CLEANUP(release) struct victims all = {0};

	add_packs_of(f, &all, BLOB_TREE);
	add_victim(f, &all, STORE_CONFIG, &(struct id){{0}});
	add_kind(f, &all, STORE_KEY);
	assert_int_equal(all.n, 5);
	damage_everywhere(f, &all, 1, flip_all);
	damage_everywhere(f, &all, CUT_STEP, cut_all);
}

static void every_damaged_byte_of_indexes_and_snapshots_is_found(void **state)
{
	struct fixture *f = *state;
	CLEANUP(release) struct victims all = {0};

	add_kind(f, &all, STORE_INDEX);
	add_kind(f, &all, STORE_SNAPSHOT);
	assert_int_equal(all.n, 4);
	damage_everywhere(f, &all, 1, flip_all);
	damage_everywhere(f, &all, CUT_STEP, cut_all);
}

/* A damaged config or key: opening says what is wrong, unless the damage is where it does no harm. */
static void no_damaged_byte_of_config_or_key_opens_a_repository_wrongly(void **state)
{
	struct fixture *f = *state;
	size_t opened = 0;

	for (int kind = STORE_CONFIG; kind <= STORE_KEY; kind++) {
		CLEANUP(release) struct victims one = {0};
		if (kind == STORE_CONFIG)
			add_victim(f, &one, STORE_CONFIG, &(struct id){{0}});
		else
			add_kind(f, &one, STORE_KEY);
		for (size_t at = 0; at < one.longest; at++) {
			struct repo *r = NULL;
			struct error e = {0};
			flip_all(f, &one, at);
			if (support_try_open(f->mem, &r, &e)) {
				assert_true(e.kind == ERR_CORRUPT || e.kind == ERR_PASSWORD);
			} else {
				opened++;
				assert_int_equal(kind, STORE_KEY);
				assert_memory_equal(&r->key, &f->r->key, sizeof r->key);
				assert_string_equal(r->config.id, f->r->config.id);
				repo_free(r);
			}
			restore(f, &one);
		}
	}
	assert_in_range(opened, 1, 200); /* times, names and the like */
}

#define T(f) cmocka_unit_test_setup_teardown(f, prepare, fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_damaged_byte_of_data_packs_is_found),
		T(every_damaged_byte_of_tree_packs_and_keys_and_config_is_found),
		T(every_damaged_byte_of_indexes_and_snapshots_is_found),
		T(no_damaged_byte_of_config_or_key_opens_a_repository_wrongly),
	};
	return cmocka_run_group_tests(tests, use_one_processor, NULL);
}
