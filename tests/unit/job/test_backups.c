#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "repo/prune.h"

#include <stdatomic.h>

static struct repository r;

static int enter(void **state)
{
	room_enter(state);
	repo_make(&r);
	return 0;
}

static int leave(void **state)
{
	repository_release(&r);
	return room_leave(state);
}

#define IN_REPOSITORY(test) cmocka_unit_test_setup_teardown(test, enter, leave)

static int try_find(const char *which, struct error *e)
{
	CLEANUP(backup_release) struct backup b = {0};

	return backup_find(&r, which, &b, e);
}

static void assert_found(const char *which, const char *id)
{
	CLEANUP(backup_release) struct backup b = {0};
	char hex[ID_HEX_LEN + 1];

	find(&r, which, &b);
	assert_string_equal(id_hex(&b.snapshot.id, hex), id);
}

static void load(const char *source, struct backup_list *out)
{
	struct error e;

	assert_ok(backup_list_load(&r, source, out, &e));
}

static const char *safety_of(const char *name)
{
	CLEANUP(job_backup_result_release) struct job_backup_result made = {0};
	struct job_backup j = {.level = -1, .threads = 1, .safety_target = "sqlite:/x"};
	static char hex[ID_HEX_LEN + 1];
	struct error e;

	assert_ok(try_backup(&r, &j, SOURCES(name), &made, &e));
	return id_hex(&made.backup.snapshot.id, hex);
}

/* A snapshot that says it is ours, with this manifest. */
static const char *put_manifest(const char *text)
{
	return put_snapshot(&r, "/x", TAG_BACKSTAY, ".backstay/manifest.json", text);
}

/* ---- what cannot be found or read ---- */

static void names_that_mean_nothing_are_told_apart(void **state)
{
	struct error e;

	assert_fails(try_find("latest", &e), ERR_NOT_FOUND, "there is no backup in @/repository yet");
	put_db("app.db", "CREATE TABLE t(x)");
	back_up(&r, SOURCES("app.db"));
	assert_fails(try_find("latest:shop.db", &e), ERR_NOT_FOUND, "there is no backup of shop.db in @/repository");
	assert_string_equal(e.hint, "backstay list shows what is there");
	assert_fails(try_find("abc", &e), ERR_USAGE,
		     "backup abc: \"abc\" is no id: give 4 to 64 of its digits (0-9, a-f)");
	assert_string_equal(e.hint, "name it by its id, \"latest\" or \"latest:SOURCE\"; `backstay list` shows them");
	assert_fails(try_find("0000000000", &e), ERR_NOT_FOUND,
		     "backup 0000000000: no snapshot begins with 0000000000");
}

static void a_damaged_snapshot_leaves_open_which_is_the_latest_but_not_what_an_id_is(void **state)
{
	CLEANUP(backup_list_release) struct backup_list l = {0};
	struct error e;

	put_db("app.db", "CREATE TABLE t(x)");
	const char *first = back_up(&r, SOURCES("app.db")), *second = back_up(&r, SOURCES("app.db"));

	damage_stored(&r, STORE_SNAPSHOT, strcmp(first, second) < 0 ? 1 : 0);
	e = (struct error){0};
	assert_int_equal(try_find("latest", &e), -ERR_CORRUPT);
	assert_non_null(strstr(e.text, "which backup is the latest cannot be told: snapshot "));
	assert_string_equal(e.hint, "name one by its id from `backstay list`");
	assert_int_equal(try_find("latest:app.db", &e), -ERR_CORRUPT);
	assert_found(first, first);
	load(NULL, &l);
	assert_int_equal(l.n, 1);
	assert_int_equal(l.damaged.n, 1);
}

static void a_damaged_manifest_hides_no_backup_and_is_never_passed_over(void **state)
{
	CLEANUP(backup_list_release) struct backup_list l = {0};
	struct error e;

	put_db("app.db", "CREATE TABLE t(x)");
	back_up(&r, SOURCES("app.db"));
	const char *bad = put_manifest("{\"version\": 1, ");
	AUTO_FREE char *text =
		mem_printf("backup %s: the manifest is damaged: invalid JSON at byte 15: unexpected end", bad);

	load(NULL, &l);
	assert_int_equal(l.n, 2);
	assert_int_equal(l.damaged.n, 1);
	assert_false(l.v[1].has_manifest);
	assert_string_equal(l.v[1].manifest.sources[0].url, "folder:/x");
	e = (struct error){0};
	assert_int_equal(try_find(bad, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, text);
	assert_int_equal(try_find("latest:app.db", &e), -ERR_CORRUPT);
}

static void a_manifest_of_a_newer_version_is_told_so(void **state)
{
	struct error e = {0};

	assert_int_equal(try_find(put_manifest("{\"version\": 2}"), &e), -ERR_VERSION);
}

static void a_backup_of_ours_without_a_manifest_is_damaged(void **state)
{
	struct error e = {0};

	assert_int_equal(try_find(put_snapshot(&r, "/x", TAG_BACKSTAY, "x/y", "text"), &e), -ERR_NOT_FOUND);
}

/* ---- what can ---- */

static void the_latest_is_never_a_safety_backup_unless_it_is_named(void **state)
{
	put_db("app.db", "CREATE TABLE t(x)");
	const char *first = back_up(&r, SOURCES("app.db")), *safety = safety_of("app.db");

	assert_found("latest", first);
	assert_found("latest:app.db", first);
	assert_found(safety, safety);
	AUTO_FREE char *prefix = mem_string_n(safety, 10);
	assert_found(prefix, safety);
}

static void the_latest_of_a_source_is_found_by_name_url_and_path(void **state)
{
	put_db("app.db", "CREATE TABLE t(x)");
	put_file("media/a", "text");
	const char *first = back_up(&r, SOURCES("app.db")), *second = back_up(&r, SOURCES("media"));
	AUTO_FREE char *url = mem_printf("latest:sqlite:%s/app.db", room);
	AUTO_FREE char *path = mem_printf("latest:%s/app.db", room);

	assert_found("latest", second);
	assert_found("latest:app.db", first);
	assert_found(url, first);
	assert_found(path, first);
	assert_found("latest:./app.db", first);
	assert_found("latest:./media", second);
}

static void a_list_has_the_oldest_first_and_only_what_was_asked_for(void **state)
{
	CLEANUP(backup_list_release) struct backup_list all = {0};
	CLEANUP(backup_list_release) struct backup_list one = {0};
	CLEANUP(backup_list_release) struct backup_list safety = {0};
	struct error e;
	char id[9];

	put_db("app.db", "CREATE TABLE t(x)");
	put_file("media/a", "text");
	const char *first = back_up(&r, SOURCES("app.db"));
	back_up(&r, SOURCES("media"));
	safety_of("app.db");
	load(NULL, &all);
	assert_int_equal(all.n, 3);
	assert_memory_equal(backup_short_id(&all.v[0], id), first, 8);
	assert_string_equal(backup_name(&all.v[1]), "media");
	load("app.db", &one);
	assert_int_equal(one.n, 2);
	assert_ok(backup_list_load_tagged(&r, TAG_SAFETY, &safety, &e));
	assert_int_equal(safety.n, 1);
	assert_true(backup_is_safety(&safety.v[0]));
}

static void a_tag_more_changes_the_id_and_nothing_else(void **state)
{
	CLEANUP(backup_release) struct backup before = {0};
	CLEANUP(backup_release) struct backup after = {0};
	char hex[ID_HEX_LEN + 1], original[ID_HEX_LEN + 1];
	struct id fresh, last;
	struct error e;

	put_db("app.db", "CREATE TABLE t(x)");
	const char *id = back_up(&r, SOURCES("app.db"));

	find(&r, id, &before);
	assert_ok(backup_add_tag(&r, &before.snapshot.id, "one", &fresh, &e));
	assert_ok(backup_add_tag(&r, &fresh, "two", &last, &e));
	assert_int_equal(count_snapshots(&r), 1);
	find(&r, id_hex(&last, hex), &after);
	assert_true(id_equal(&after.snapshot.tree, &before.snapshot.tree));
	assert_int_equal(time_cmp(after.snapshot.time, before.snapshot.time), 0);
	assert_int_equal(after.snapshot.summary.total_bytes_processed, before.snapshot.summary.total_bytes_processed);
	assert_string_equal(id_hex(&after.snapshot.original, original), id);
	AUTO_FREE char *tags = strlist_join(&after.snapshot.tags, " ");
	assert_string_equal(tags, "backstay one two");
	e = (struct error){0};
	assert_int_equal(backup_add_tag(&r, &fresh, "three", &last, &e), -ERR_NOT_FOUND);
}

static void pin(const char *which, bool pinned, char hex[ID_HEX_LEN + 1])
{
	struct id id, fresh;
	struct error e;

	assert_ok(backup_resolve(&r, which, &id, &e));
	assert_ok(backup_pin(&r, &id, pinned, &fresh, &e));
	id_hex(&fresh, hex);
}

static void assert_tags(const char *which, const char *expected)
{
	CLEANUP(backup_release) struct backup b = {0};

	find(&r, which, &b);
	AUTO_FREE char *tags = strlist_join(&b.snapshot.tags, " ");

	assert_string_equal(tags, expected);
	assert_int_equal(backup_is_pinned(&b), strstr(expected, TAG_PINNED) != NULL);
}

static void a_pin_comes_and_goes_and_the_first_id_finds_it_still(void **state)
{
	char first[ID_HEX_LEN + 1], once[ID_HEX_LEN + 1], again[ID_HEX_LEN + 1], off[ID_HEX_LEN + 1];
	struct error e;

	put_db("app.db", "CREATE TABLE t(x)");
	snprintf(first, sizeof first, "%s", back_up(&r, SOURCES("app.db")));
	pin(first, true, once);
	assert_string_not_equal(once, first);
	assert_tags(once, "backstay backstay-pinned");
	pin(once, true, again);
	assert_string_equal(again, once);
	assert_found(first, once);
	first[8] = '\0';
	assert_found(first, once);
	pin(first, false, off);
	assert_tags(off, "backstay");
	assert_found(first, off);
	assert_int_equal(count_snapshots(&r), 1);
	/* In between it had an id that nobody knows any more. */
	AUTO_FREE char *expected = mem_printf("backup %s: no snapshot begins with %s", once, once);

	assert_fails(try_find(once, &e), ERR_NOT_FOUND, expected);
}

static void a_backup_that_a_schedule_made_says_which(void **state)
{
	CLEANUP(job_backup_result_release) struct job_backup_result made = {0};
	struct job_backup j = {.level = -1, .threads = 1, .schedule = "nightly"};
	struct error e;

	put_db("app.db", "CREATE TABLE t(x)");
	assert_ok(try_backup(&r, &j, SOURCES("app.db"), &made, &e));
	assert_string_equal(backup_schedule(&made.backup), "nightly");
	job_backup_result_release(&made);
	j.schedule = "a,b";
	assert_fails(try_backup(&r, &j, SOURCES("app.db"), &made, &e), ERR_USAGE,
		     "a schedule cannot be called \"a,b\"");
}

/* ---- what others made ---- */

static void assert_source(const char *id, size_t n, const char *name, const char *url)
{
	CLEANUP(backup_release) struct backup b = {0};

	find(&r, id, &b);
	assert_false(b.has_manifest);
	assert_int_equal(b.manifest.source_count, n);
	assert_string_equal(b.manifest.sources[0].name, name);
	assert_string_equal(b.manifest.sources[0].url, url);
	assert_string_equal(b.manifest.sources[0].engine, "folder");
}

static void sources_of_others_are_found_wherever_they_were_put(void **state)
{
	assert_source(put_snapshot(&r, "/srv/media", "", "srv/media/a", "text"), 1, "srv/media", "folder:/srv/media");
	assert_source(put_snapshot(&r, "/home/me/media", "", "media/a", "text"), 1, "media", "folder:/home/me/media");
	assert_source(put_snapshot(&r, "/home/me", "", "media/a", "text"), 1, "media", "folder:/home/me/media");
	assert_source(put_snapshot(&r, "/", "", "etc/hosts", "text"), 1, "etc", "folder:/etc");
	assert_source(put_snapshot(&r, "/dump.sql", "", "dump.sql", "text"), 1, "dump.sql", "folder:/dump.sql");
}

/* ---- beside others, without a lock ---- */

/* What somebody else does, once, just before the first file of that kind is read. */
static struct {
	enum store_kind kind;
	void (*act)(struct repository *other);
	struct store_ops ops;
	const struct store_ops *original;
	atomic_bool armed;
} meanwhile;

static void act_now(enum store_kind kind)
{
	if (kind != meanwhile.kind || !atomic_exchange(&meanwhile.armed, false))
		return;
	struct repo repo = *r.repo;
	struct repository other = {.location = r.location, .repo = &repo};
	struct error e;

	repo.index = NULL;
	assert_ok(repo_load_index(&repo, NULL, NULL, &e));
	meanwhile.act(&other);
	repo_drop_index(&repo);
}

static int racing_get(struct store *s, const struct store_file *f, uint64_t at, void *p, size_t n, struct error *e)
{
	act_now(f->kind);
	return meanwhile.original->get(s, f, at, p, n, e);
}

static int racing_size(struct store *s, const struct store_file *f, uint64_t *size, struct error *e)
{
	act_now(f->kind);
	return meanwhile.original->size(s, f, size, e);
}

static void arm(enum store_kind kind, void (*act)(struct repository *other))
{
	struct store *s = r.repo->store;

	if (s->ops != &meanwhile.ops)
		meanwhile.original = s->ops;
	meanwhile.ops = *meanwhile.original;
	meanwhile.ops.get = racing_get;
	meanwhile.ops.size = racing_size;
	s->ops = &meanwhile.ops;
	meanwhile.kind = kind;
	meanwhile.act = act;
	atomic_store(&meanwhile.armed, true);
}

static void prunes(struct repository *other)
{
	struct prune_options o = {0};
	struct prune_stats stats;
	struct error e;

	assert_ok(prune_run(other->repo, &o, &stats, &e));
	assert_true(stats.packs_removed + stats.packs_repacked > 0);
}

static void forgets_and_prunes(struct repository *other)
{
	CLEANUP(snapshot_list_release) struct snapshot_list l = {0};
	struct error e;

	assert_ok(snapshot_list_load(other->repo, &l, &e));
	assert_ok(snapshot_remove(other->repo, &l.v[1].id, &e));
	prunes(other);
}

static void pins(struct repository *other)
{
	CLEANUP(backup_release) struct backup b = {0};
	struct id fresh;
	struct error e;

	find(other, "latest", &b);
	assert_ok(backup_pin(other, &b.snapshot.id, !backup_is_pinned(&b), &fresh, &e));
}

static void backs_up(struct repository *other)
{
	put_db("app.db", "INSERT INTO t VALUES(hex(randomblob(50000)))");
	back_up(other, SOURCES("app.db"));
}

static const struct {
	void (*act)(struct repository *other);
	size_t backups; /* afterwards, of three */
} acts[] = {{prunes, 3}, {forgets_and_prunes, 2}, {pins, 3}, {backs_up, 4}};

/* Three backups, and what a fourth one, removed, has left. */
static void make_three(void)
{
	struct error e;
	struct id id;

	put_db("app.db", "CREATE TABLE t(x)");
	for (int i = 0; i < 4; i++) {
		put_db("app.db", "INSERT INTO t VALUES(hex(randomblob(50000)))");
		const char *made = back_up(&r, SOURCES("app.db"));

		assert_true(id_parse(&id, made, ID_HEX_LEN));
		if (i == 0)
			assert_ok(snapshot_remove(r.repo, &id, &e));
	}
}

static void start_anew(void)
{
	repository_release(&r);
	unlink(at("app.db"));
	repo_make(&r);
	make_three();
}

static bool has_tree(const struct backup_list *l, const struct id *tree)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].has_manifest && id_equal(&l->v[i].snapshot.tree, tree))
			return true;
	return false;
}

/* None is damaged, and those of the three that are there still are listed. One that was read before it went may be. */
static void assert_listed(size_t n)
{
	CLEANUP(backup_list_release) struct backup_list l = {0};
	CLEANUP(backup_list_release) struct backup_list quiet = {0};

	load(NULL, &l);
	assert_false(atomic_load(&meanwhile.armed));
	assert_int_equal(l.damaged.n, 0);
	load(NULL, &quiet);
	assert_int_equal(quiet.n, n);
	for (size_t i = 0; i < n && i < 3; i++)
		assert_true(has_tree(&l, &quiet.v[i].snapshot.tree));
}

static void what_others_remove_pack_anew_pin_or_make_while_it_is_listed_is_no_damage(void **state)
{
	static const enum store_kind kinds[] = {STORE_INDEX, STORE_SNAPSHOT, STORE_DATA};
	struct error e;

	for (size_t a = 0; a < ARRAY_LEN(acts); a++)
		for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
			start_anew();
			arm(kinds[k], acts[a].act);
			assert_ok(repo_load_index(r.repo, NULL, NULL, &e));
			assert_listed(acts[a].backups);
		}
}

static void what_others_do_while_a_backup_is_looked_for_does_not_hide_it(void **state)
{
	static const enum store_kind kinds[] = {STORE_SNAPSHOT, STORE_DATA};

	for (size_t a = 0; a < ARRAY_LEN(acts); a++)
		for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
			CLEANUP(backup_release) struct backup b = {0};
			CLEANUP(backup_release) struct backup again = {0};
			char hex[ID_HEX_LEN + 1];

			start_anew();
			find(&r, "latest", &b);
			arm(kinds[k], acts[a].act);
			find(&r, id_hex(&b.snapshot.id, hex), &again);
			assert_false(atomic_load(&meanwhile.armed));
			assert_true(id_equal(&again.snapshot.tree, &b.snapshot.tree));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_REPOSITORY(names_that_mean_nothing_are_told_apart),
		IN_REPOSITORY(a_damaged_snapshot_leaves_open_which_is_the_latest_but_not_what_an_id_is),
		IN_REPOSITORY(a_damaged_manifest_hides_no_backup_and_is_never_passed_over),
		IN_REPOSITORY(a_manifest_of_a_newer_version_is_told_so),
		IN_REPOSITORY(a_backup_of_ours_without_a_manifest_is_damaged),
		IN_REPOSITORY(the_latest_is_never_a_safety_backup_unless_it_is_named),
		IN_REPOSITORY(the_latest_of_a_source_is_found_by_name_url_and_path),
		IN_REPOSITORY(a_list_has_the_oldest_first_and_only_what_was_asked_for),
		IN_REPOSITORY(a_tag_more_changes_the_id_and_nothing_else),
		IN_REPOSITORY(a_pin_comes_and_goes_and_the_first_id_finds_it_still),
		IN_REPOSITORY(a_backup_that_a_schedule_made_says_which),
		IN_REPOSITORY(sources_of_others_are_found_wherever_they_were_put),
		IN_REPOSITORY(what_others_remove_pack_anew_pin_or_make_while_it_is_listed_is_no_damage),
		IN_REPOSITORY(what_others_do_while_a_backup_is_looked_for_does_not_hide_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
