#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "supervisor_support.h"

#include "job/request.h"

static struct job_record job;
static struct error e;

static int enter(void **state)
{
	struct place_record p = {.name = mem_string("offsite"), .location = mem_string("/mnt/offsite")};

	world_enter(state);
	assert_ok(place_add(world.c, &p, &e));
	place_record_release(&p);
	add_source("shop");
	add_source("media");
	return 0;
}

static int leave(void **state)
{
	job_record_release(&job);
	error_clear(&e);
	return world_leave(state);
}

#define IN_CATALOG(test) cmocka_unit_test_setup_teardown(test, enter, leave)

static struct strlist list(char *a, char *b)
{
	static char *v[2];

	v[0] = a;
	v[1] = b;
	return (struct strlist){.v = v, .n = b ? 2 : 1};
}

static void assert_words(const char *expected)
{
	AUTO_FREE char *words = strlist_join(&job.words, " ");

	assert_string_equal(words, expected);
}

static void assert_list(const struct strlist *l, const char *expected)
{
	AUTO_FREE char *text = strlist_join(l, " ");

	assert_string_equal(text, expected);
}

static void to_offsite(const char *name)
{
	struct source_record s;

	assert_ok(source_find(world.c, name, &s, &e));
	s.repository = mem_string("offsite");
	assert_ok(source_update(world.c, &s, &e));
	source_record_release(&s);
}

/* ---- backup ---- */

static void a_backup_of_nothing_is_refused(void **state)
{
	const struct request_backup r = {0};

	assert_int_equal(request_backup(world.c, &r, &job, &e), -ERR_USAGE);
	assert_string_equal(e.text, "no source is named");
	assert_null(job.kind);
}

static void a_source_that_is_unknown_is_named(void **state)
{
	static char shp[] = "shp";
	const struct strlist sources = list(shp, NULL);
	const struct request_backup r = {.sources = &sources};

	assert_int_equal(request_backup(world.c, &r, &job, &e), -ERR_NOT_FOUND);
	assert_string_equal(e.text, "there is no source named \"shp\"");
	assert_null(job.kind);
}

static void sources_of_two_repositories_are_not_one_backup(void **state)
{
	static char shop[] = "shop", media[] = "media";
	const struct strlist sources = list(shop, media);
	const struct request_backup r = {.sources = &sources};

	to_offsite("media");
	assert_int_equal(request_backup(world.c, &r, &job, &e), -ERR_USAGE);
	assert_string_equal(e.text, "shop is backed up to main, and media to offsite: ask for each apart");
}

static void a_backup_knows_its_sources_locks_and_repository(void **state)
{
	static char shop[] = "shop", media[] = "media", tag[] = "a", other[] = "b";
	const struct strlist sources = list(shop, media);
	char *v[] = {tag, other};
	const struct strlist tags = {.v = v, .n = 2};
	const struct request_backup r = {.sources = &sources, .name = "by hand", .tags = &tags, .include_logs = true, .compression = "off"};

	assert_ok(request_backup(world.c, &r, &job, &e));
	assert_words("backup --repo=main --wait=10m --name=by hand --compression=off --tag=a --tag=b --include-logs -- shop media");
	assert_string_equal(job.title, "backup shop, media");
	assert_string_equal(job.repository, "main");
	assert_list(&job.sources, "shop media");
	assert_list(&job.locks, "source:/srv/shop.db source:/srv/media.db");
}

static void a_name_that_looks_like_an_option_stays_a_name(void **state)
{
	static char odd[] = "./--force";
	const struct strlist sources = list(odd, NULL);
	const struct request_backup r = {.sources = &sources, .name = "--quiet"};

	put_db("--force", "CREATE TABLE t(a)");
	assert_ok(request_backup(world.c, &r, &job, &e));
	assert_words("backup --repo=main --wait=10m --name=--quiet -- ./--force");
}

static void a_password_is_in_the_words_alone(void **state)
{
	static char url[] = "postgresql://shop:geheim@db:5432/shop";
	const struct strlist sources = list(url, NULL);
	const struct request_backup r = {.sources = &sources};

	assert_ok(request_backup(world.c, &r, &job, &e));
	assert_string_equal(job.title, "backup postgresql://shop@db/shop");
	assert_list(&job.sources, "postgresql://shop@db/shop");
	assert_list(&job.locks, "source:/postgresql/db:5432/shop");
}

/* ---- what is about backups ---- */

static const char *make_known(void)
{
	static char id[65];
	struct known_source s = {.name = (char *)"shop", .engine = (char *)"sqlite", .shown = (char *)"sqlite:/srv/shop.db", .bytes = 10};
	struct known_backup b = {
		.place = world.place, .time = world.now, .name = (char *)"nightly", .host = (char *)"here", .sources = &s, .source_count = 1, .bytes = 10,
	};

	memset(b.id, 'a', 64);
	memcpy(id, b.id, sizeof id);
	assert_ok(known_put(world.c, &b, &e));
	return id;
}

static void a_restore_locks_what_it_writes_to(void **state)
{
	const struct request_restore back = {.what = make_known()};
	const struct request_restore beside = {.what = "latest:shop", .to = "media", .mode = "preserve"};
	const struct request_restore fresh = {.what = "latest:shop", .to = "/srv/new folder/x.db", .no_safety = true};

	assert_ok(request_restore(world.c, &back, &job, &e));
	assert_string_equal(job.title, "restore aaaaaaaa");
	assert_list(&job.locks, "source:/srv/shop.db");
	assert_list(&job.sources, "shop");
	job_record_release(&job);
	assert_ok(request_restore(world.c, &beside, &job, &e));
	assert_words("restore --repo=main --wait=10m --to=media --mode=preserve --yes -- latest:shop");
	assert_string_equal(job.title, "restore latest:shop to media");
	assert_list(&job.locks, "source:/srv/media.db");
	job_record_release(&job);
	assert_ok(request_restore(world.c, &fresh, &job, &e));
	assert_list(&job.sources, "shop");
	assert_int_equal(job.locks.n, 1);
}

static void a_restore_of_nothing_is_refused(void **state)
{
	const struct request_restore r = {0};

	assert_int_equal(request_restore(world.c, &r, &job, &e), -ERR_USAGE);
	assert_string_equal(e.text, "the backup to restore is missing");
}

static void a_backup_leads_to_its_repository(void **state)
{
	to_offsite("shop");
	const struct request_restore r = {.what = "latest:shop"};

	assert_ok(request_restore(world.c, &r, &job, &e));
	assert_string_equal(job.repository, "offsite");
}

static void an_undo_is_a_restore_of_its_own(void **state)
{
	assert_ok(request_undo(world.c, NULL, "0123456789abcdef", &job, &e));
	assert_string_equal(job.kind, "restore");
	assert_words("restore --repo=main --wait=10m --undo --yes -- 0123456789abcdef");
	assert_string_equal(job.title, "undo the restore 0123456789abcdef");
}

static void a_verification_of_nothing_is_one_of_everything(void **state)
{
	static char one[] = "latest:shop";
	const struct strlist backups = list(one, NULL);

	assert_int_equal(request_verify(world.c, NULL, NULL, 5, &job, &e), -ERR_USAGE);
	assert_string_equal(e.text, "there is no verification level 5; they are 1 to 4");
	assert_ok(request_verify(world.c, NULL, NULL, 0, &job, &e));
	assert_words("verify --repo=main --wait=10m --all");
	job_record_release(&job);
	assert_ok(request_verify(world.c, NULL, &backups, 3, &job, &e));
	assert_words("verify --repo=main --wait=10m --level=3 -- latest:shop");
	assert_int_equal(job.locks.n, 0);
}

static void an_export_says_what_it_lacks(void **state)
{
	struct request_export r = {.what = "latest:shop", .format = "sql"};

	assert_int_equal(request_export(world.c, &r, &job, &e), -ERR_USAGE);
	assert_string_equal(e.text, "the file to export to is missing");
	r.output = "/tmp/x.sql";
	assert_ok(request_export(world.c, &r, &job, &e));
	assert_words("export --repo=main --wait=10m --format=sql --output=/tmp/x.sql -- latest:shop");
	job_record_release(&job);
	r.path = "media/a b";
	assert_ok(request_export(world.c, &r, &job, &e));
	assert_words("export --repo=main --wait=10m --format=sql --output=/tmp/x.sql --path=media/a b -- latest:shop");
	job_record_release(&job);
	r.path = NULL;
	r.what = "shop";
	r.live = true;
	assert_ok(request_export(world.c, &r, &job, &e));
	assert_words("export --format=sql --output=/tmp/x.sql --live -- shop");
	assert_string_equal(job.title, "export shop as sql");
	assert_int_equal(job.locks.n, 0);
}

static void care_of_a_repository_is_of_the_default_one_or_the_one_named(void **state)
{
	const struct request_cleanup r = {.repository = "offsite", .days = 14, .dry_run = true};
	static char one[] = "abcd";
	const struct strlist backups = list(one, NULL);

	assert_ok(request_prune(world.c, NULL, &job, &e));
	assert_words("prune --repo=main --wait=10m --yes");
	assert_true(request_is_exclusive(job.kind));
	job_record_release(&job);
	assert_ok(request_check(world.c, "offsite", true, false, &job, &e));
	assert_words("check --repo=offsite --wait=10m --read-data");
	assert_false(request_is_exclusive(job.kind));
	job_record_release(&job);
	assert_ok(request_cleanup(world.c, &r, &job, &e));
	assert_words("cleanup --repo=offsite --wait=10m --days=14 --dry-run");
	job_record_release(&job);
	assert_ok(request_forget(world.c, NULL, &backups, &job, &e));
	assert_words("forget --repo=main --wait=10m --yes -- abcd");
	job_record_release(&job);
	assert_int_equal(request_forget(world.c, NULL, NULL, &job, &e), -ERR_USAGE);
	assert_string_equal(e.text, "no backup is named");
}

static void care_of_a_database_locks_it(void **state)
{
	static char orders[] = "orders";
	const struct strlist tables = list(orders, NULL);

	assert_ok(request_maintain(world.c, "optimize", "shop", &tables, true, &job, &e));
	assert_words("optimize --table=orders -- shop");
	assert_list(&job.locks, "source:/srv/shop.db");
	job_record_release(&job);
	assert_ok(request_maintain(world.c, "repair", "shop", NULL, true, &job, &e));
	assert_words("repair --repo=main --force -- shop");
}

/* ---- schedules ---- */

static void check_schedule(enum schedule_action action, void (*change)(struct schedule_record *s), const char *expected)
{
	CLEANUP(job_list_release) struct job_list jobs = {0};
	CLEANUP(strlist_release) struct strlist lines = {0};
	CLEANUP(schedule_record_release) struct schedule_record s = schedule_record_new();

	s.id = 7;
	s.name = mem_string("nightly");
	s.zone = mem_string("Europe/Berlin");
	s.action = action;
	s.verify_level = 3;
	if (change)
		change(&s);
	assert_ok(request_schedule(world.c, &s, 1795827600, &jobs, &e));
	for (size_t i = 0; i < jobs.n; i++) {
		assert_int_equal(jobs.v[i].schedule, 7);
		assert_string_equal(jobs.v[i].author, "schedule nightly");
		strlist_take(&lines, strlist_join(&jobs.v[i].words, " "));
	}
	AUTO_FREE char *text = strlist_join(&lines, "\n");

	assert_string_equal(text, expected);
}

static void exporting(struct schedule_record *s)
{
	s->export_format = mem_string("csv");
	s->export_dir = mem_string("/srv/exports");
}

static void of_shop_alone(struct schedule_record *s)
{
	strlist_add(&s->sources, "shop");
}

static void each_action_of_a_schedule_has_its_words(void **state)
{
	to_offsite("media");
	check_schedule(ACTION_BACKUP, NULL,
		"backup --repo=offsite --wait=10m --name=nightly --schedule=nightly -- media\nbackup --repo=main --wait=10m --name=nightly --schedule=nightly -- shop");
	check_schedule(ACTION_BACKUP, of_shop_alone, "backup --repo=main --wait=10m --name=nightly --schedule=nightly -- shop");
	check_schedule(ACTION_VERIFY, of_shop_alone, "verify --repo=main --wait=10m --level=3 -- latest:shop");
	check_schedule(ACTION_CLEANUP, of_shop_alone, "cleanup --repo=main --wait=10m --schedule=nightly");
	check_schedule(ACTION_CHECK, NULL, "check --repo=offsite --wait=10m\ncheck --repo=main --wait=10m");
	check_schedule(ACTION_OPTIMIZE, NULL, "optimize -- media\noptimize -- shop");
	/* 2026-11-28 01:00 UTC is 02:00 in Berlin. */
	check_schedule(ACTION_EXPORT, exporting,
		"export --repo=offsite --wait=10m --format=csv --output=/srv/exports/backup_media_20261128_010000.zip -- latest:media\n"
		"export --repo=main --wait=10m --format=csv --output=/srv/exports/backup_shop_20261128_010000.zip -- latest:shop");
}

static void among_all_sources_those_that_are_no_database_are_not_optimized(void **state)
{
	struct source_record s = {
		.name = mem_string("files"), .url = mem_string("folder:/srv/files"), .shown = mem_string("folder:/srv/files"), .engine = mem_string("folder"),
	};

	assert_ok(source_add(world.c, &s, &e));
	source_record_release(&s);
	check_schedule(ACTION_OPTIMIZE, NULL, "optimize -- media\noptimize -- shop");
}

static void a_repository_is_checked_though_there_is_no_source(void **state)
{
	struct source_record s;

	for (int i = 0; i < 2; i++) {
		assert_ok(source_find(world.c, i ? "shop" : "media", &s, &e));
		assert_ok(source_remove(world.c, s.id, &e));
		source_record_release(&s);
	}
	check_schedule(ACTION_CHECK, NULL, "check --repo=main --wait=10m");
	check_schedule(ACTION_BACKUP, NULL, "");
}

int main(void)
{
	setenv("TZ", "UTC", 1);
	const struct CMUnitTest tests[] = {
		IN_CATALOG(a_backup_of_nothing_is_refused),
		IN_CATALOG(a_source_that_is_unknown_is_named),
		IN_CATALOG(sources_of_two_repositories_are_not_one_backup),
		IN_CATALOG(a_backup_knows_its_sources_locks_and_repository),
		IN_CATALOG(a_name_that_looks_like_an_option_stays_a_name),
		IN_CATALOG(a_password_is_in_the_words_alone),
		IN_CATALOG(a_restore_locks_what_it_writes_to),
		IN_CATALOG(a_restore_of_nothing_is_refused),
		IN_CATALOG(a_backup_leads_to_its_repository),
		IN_CATALOG(an_undo_is_a_restore_of_its_own),
		IN_CATALOG(a_verification_of_nothing_is_one_of_everything),
		IN_CATALOG(an_export_says_what_it_lacks),
		IN_CATALOG(care_of_a_repository_is_of_the_default_one_or_the_one_named),
		IN_CATALOG(care_of_a_database_locks_it),
		IN_CATALOG(each_action_of_a_schedule_has_its_words),
		IN_CATALOG(among_all_sources_those_that_are_no_database_are_not_optimized),
		IN_CATALOG(a_repository_is_checked_though_there_is_no_source),
	};

	return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
