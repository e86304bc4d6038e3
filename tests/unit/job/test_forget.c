#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "job/forget.h"
#include "job/verify.h"

#define DAY 86400
#define BEGIN 1795245245 /* 2026-11-21 07:14:05 */

static struct repository r;
static struct forget_result result;

static int enter(void **state)
{
	room_enter(state);
	repo_make(&r);
	put_db("app.db", "CREATE TABLE t(x)");
	put_file("media/a", "text");
	return 0;
}

static int leave(void **state)
{
	forget_result_release(&result);
	repository_release(&r);
	return room_leave(state);
}

#define IN_REPOSITORY(test) cmocka_unit_test_setup_teardown(test, enter, leave)

/* A backup of `source` on that day. */
static const char *on_day(int day, const char *source)
{
	const struct timespec t = {.tv_sec = BEGIN + (time_t)day * DAY};

	time_freeze(&t);
	return back_up(&r, SOURCES(source));
}

static const char *by_schedule(int day, const char *schedule)
{
	CLEANUP(job_backup_result_release) struct job_backup_result made = {0};
	struct job_backup j = {.level = -1, .threads = 1, .schedule = schedule};
	const struct timespec t = {.tv_sec = BEGIN + (time_t)day * DAY};
	static char hex[4][ID_HEX_LEN + 1];
	static unsigned next;
	struct error e;

	time_freeze(&t);
	assert_ok(try_backup(&r, &j, SOURCES("app.db"), &made, &e));
	return id_hex(&made.backup.snapshot.id, hex[next++ % 4]);
}

static int try_forget(const struct forget_options *o, struct error *e)
{
	forget_result_release(&result);
	return job_forget(&r, o, &result, e);
}

static int try_names(const char *const *names, bool dry_run, struct error *e)
{
	struct forget_options o = {.dry_run = dry_run};

	for (size_t i = 0; names[i]; i++)
		strlist_add(&o.ids, names[i]);
	int rc = try_forget(&o, e);

	strlist_release(&o.ids);
	return rc;
}

static const struct forget_options keep_last = {.policy.last = 1};

/* Whether it is there still, and says so in the result of a forget that looked at it. */
static bool is_there(const char *id)
{
	CLEANUP(snapshot_list_release) struct snapshot_list l = {0};
	struct error e;
	char hex[ID_HEX_LEN + 1];

	assert_ok(snapshot_list_load(r.repo, &l, &e));
	for (size_t i = 0; i < l.n; i++)
		if (!strcmp(id_hex(&l.v[i].id, hex), id))
			return true;
	return false;
}

/* Damage the snapshot file of a backup. */
static void damage(const char *id)
{
	CLEANUP(store_listing_release) struct store_listing l = {0};
	struct error e;
	size_t place = 0;

	assert_ok(store_list(r.repo->store, STORE_SNAPSHOT, store_listing_add, &l, &e));
	for (size_t i = 0; i < l.n; i++)
		place += strcmp(l.v[i].name, id) < 0;
	damage_stored(&r, STORE_SNAPSHOT, place);
}

/* ---- what is refused ---- */

static void no_rule_at_all_removes_nothing(void **state)
{
	struct error e;

	on_day(1, "app.db");
	assert_fails(try_forget(&(struct forget_options){0}, &e), ERR_USAGE,
		     "no rule says what to keep, so nothing is removed");
	assert_string_equal(e.hint, "name some: backstay forget --keep-daily 7 --keep-weekly 4");
	assert_int_equal(count_snapshots(&r), 1);
}

static void no_policy_is_applied_while_a_backup_cannot_be_read(void **state)
{
	struct error e = {0};

	on_day(1, "app.db");
	const char *bad = on_day(2, "app.db");

	on_day(3, "app.db");
	damage(bad);
	assert_int_equal(try_forget(&keep_last, &e), -ERR_REFUSED);
	assert_memory_equal(e.text, "nothing was removed, because not every backup can be read: snapshot ", 68);
	assert_string_equal(e.hint, "check the repository, and give up what is damaged: backstay check; backstay forget ID");
	assert_int_equal(count_snapshots(&r), 3);
}

static void a_damaged_manifest_is_a_backup_that_cannot_be_read(void **state)
{
	struct error e = {0};

	on_day(1, "app.db");
	put_snapshot(&r, "/x", TAG_BACKSTAY, ".backstay/manifest.json", "{");
	assert_int_equal(try_forget(&keep_last, &e), -ERR_REFUSED);
	assert_int_equal(count_snapshots(&r), 2);
}

/* Each listing in turn comes back empty; the last round is one in which all were honest. */
static void P4_a_listing_that_comes_back_empty_removes_nothing(void **state)
{
	struct error e;

	on_day(1, "app.db");
	on_day(2, "app.db");
	for (unsigned long n = 1;; n++) {
		const struct fault_plan plan = {.kind = FAULT_EMPTY_LIST, .at = n};
		struct store *faulty = fault_new(r.repo->store, &plan);

		r.repo->store = faulty;
		e = (struct error){0};
		int rc = try_forget(&keep_last, &e);

		if (fault_count(faulty) < n || result.removed)
			break;
		if (rc)
			assert_string_equal(e.text, "two listings of the backups differ; nothing was removed");
		assert_int_equal(count_snapshots(&r), 2);
	}
	assert_int_equal(result.removed, 1);
	assert_int_equal(count_snapshots(&r), 1);
}

static void a_lock_that_is_lost_stops_it(void **state)
{
	struct error e = {0};

	const char *old = on_day(1, "app.db");

	on_day(2, "app.db");
	time_freeze(NULL);
	repo_lock(&r);
	remove_stored(&r, STORE_LOCK, 0);
	assert_int_equal(try_forget(&keep_last, &e), -ERR_LOCKED);
	assert_memory_equal(e.text, "forgetting backup ", 18);
	assert_non_null(strstr(e.text, ": our lock on the repository was removed by another program"));
	assert_true(is_there(old));
}

/* ---- by policy ---- */

static void P1_a_policy_holds_for_each_group_apart(void **state)
{
	struct error e;

	const char *old = on_day(1, "app.db"), *media = on_day(2, "media"), *both = on_day(3, "app.db");

	assert_ok(try_forget(&keep_last, &e));
	assert_int_equal(result.removed, 1);
	assert_int_equal(result.kept, 2);
	assert_false(is_there(old));
	assert_true(is_there(media));
	assert_true(is_there(both));
	assert_string_equal(result.items[0].reason, "no rule keeps it");
	assert_string_equal(result.items[2].reason, "last");
}

static void a_dry_run_decides_and_removes_nothing(void **state)
{
	const struct forget_options o = {.policy.last = 1, .dry_run = true};
	struct error e;

	on_day(1, "app.db");
	on_day(2, "app.db");
	assert_ok(try_forget(&o, &e));
	assert_false(result.items[0].keep);
	assert_int_equal(result.removed, 1);
	assert_int_equal(result.kept, 1);
	assert_int_equal(count_snapshots(&r), 2);
}

static void one_source_leaves_the_backups_of_others_alone(void **state)
{
	char *source = (char *)"app.db";
	const struct forget_options o = {.policy.last = 1, .sources = {.v = &source, .n = 1}};
	struct error e;

	const char *media = on_day(1, "media");

	on_day(2, "media");
	on_day(3, "app.db");
	on_day(4, "app.db");
	assert_ok(try_forget(&o, &e));
	assert_int_equal(result.backups.n, 2);
	assert_int_equal(result.removed, 1);
	assert_true(is_there(media));
}

static void the_floor_is_known_from_all_backups_whatever_is_looked_at(void **state)
{
	const struct forget_options o = {.policy.days = 1, .schedule = "nightly"};
	struct error e;

	const char *nightly = by_schedule(1, "nightly"), *other = on_day(2, "app.db");

	time_freeze(NULL);
	assert_ok(try_forget(&o, &e));
	assert_int_equal(result.backups.n, 1);
	assert_int_equal(result.removed, 1);
	assert_false(is_there(nightly));
	assert_true(is_there(other));
}

/* ---- by the rules of schedules ---- */

static int try_rules(const struct forget_rule *v, size_t n, const char *host, struct error *e)
{
	const struct forget_rules rules = {.v = v, .n = n, .host = host};
	const struct forget_options o = {.rules = &rules};

	return try_forget(&o, e);
}

static const char *reason_of(const char *id)
{
	char hex[ID_HEX_LEN + 1];

	for (size_t i = 0; i < result.backups.n; i++)
		if (!strcmp(id_hex(&result.backups.v[i].snapshot.id, hex), id))
			return result.items[i].reason;
	return "";
}

static void every_schedule_sees_its_own_backups_only(void **state)
{
	const struct forget_rule rules[] = {
		{"nightly", {.last = 1}}, {"hourly", {.last = 2}}, {NULL, {.last = 1}}, {"careful", {0}}};
	AUTO_FREE char *host = backup_host();
	const char *ids[10];
	struct error e;

	for (int i = 0; i < 2; i++)
		ids[i] = mem_string(by_schedule(i, "nightly"));
	for (int i = 2; i < 5; i++)
		ids[i] = mem_string(by_schedule(i, "hourly"));
	for (int i = 5; i < 7; i++)
		ids[i] = mem_string(on_day(i, "app.db"));
	for (int i = 7; i < 9; i++)
		ids[i] = mem_string(by_schedule(i, "careful"));
	ids[9] = mem_string(by_schedule(9, "gone"));
	assert_ok(try_rules(rules, ARRAY_LEN(rules), host, &e));
	assert_int_equal(result.removed, 3);
	assert_false(is_there(ids[0]) || is_there(ids[2]) || is_there(ids[5]));
	assert_string_equal(reason_of(ids[1]), "last");
	assert_string_equal(reason_of(ids[3]), "last");
	assert_string_equal(reason_of(ids[5]), "no rule keeps it");
	assert_string_equal(reason_of(ids[6]), "last");
	assert_string_equal(reason_of(ids[7]), "its schedule keeps everything");
	assert_string_equal(reason_of(ids[9]), "of the schedule gone, which this machine does not have");
	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		free((char *)ids[i]);
}

static void backups_of_other_programs_are_theirs(void **state)
{
	const struct forget_rule rules[] = {{NULL, {.days = 1}}};
	CLEANUP(backup_release) struct backup b = {0};
	struct error e;

	const char *id = put_snapshot(&r, "/srv/x", "", "x/y", "text");

	on_day(1, "media");
	find(&r, id, &b);
	time_freeze(NULL);
	assert_ok(try_rules(rules, 1, b.snapshot.hostname ? b.snapshot.hostname : "", &e));
	assert_string_equal(reason_of(id), "made by another program");
}

static void old_backups_go_by_the_days_of_the_settings_down_to_the_newest_good_one(void **state)
{
	const struct forget_rule rules[] = {{NULL, {.days = 30, .max = 50}}};
	AUTO_FREE char *host = backup_host();
	struct error e;

	for (int i = 0; i < 4; i++)
		on_day(i, "app.db");
	const struct timespec later = {.tv_sec = BEGIN + (time_t)400 * DAY};

	time_freeze(&later);
	assert_ok(try_rules(rules, 1, host, &e));
	assert_int_equal(result.removed, 3);
	assert_string_equal(result.items[3].reason, "newest good backup");
}

static void safety_backups_whose_time_is_over_go_with_those_of_a_schedule(void **state)
{
	CLEANUP(job_backup_result_release) struct job_backup_result made = {0};
	struct job_backup j = {.level = -1, .threads = 1, .safety_target = "sqlite:/x"};
	const struct forget_rule v[] = {{NULL, {.days = 1}}, {"nightly", {.last = 1}}};
	AUTO_FREE char *host = backup_host();
	const struct forget_rules rules = {.v = v, .n = 2, .host = host};
	const struct forget_options o = {.rules = &rules, .schedule = "nightly"};
	const struct timespec later = {.tv_sec = BEGIN + (time_t)40 * DAY};
	struct error e;

	on_day(0, "app.db");
	assert_ok(try_backup(&r, &j, SOURCES("app.db"), &made, &e));
	by_schedule(1, "nightly");
	time_freeze(&later);
	assert_ok(try_forget(&o, &e));
	assert_int_equal(result.backups.n, 2);
	assert_int_equal(result.removed, 1);
	assert_int_equal(count_snapshots(&r), 2);
}

static void backups_of_other_machines_are_theirs(void **state)
{
	const struct forget_rule rules[] = {{NULL, {.last = 1}}};
	AUTO_FREE char *host = backup_host();
	AUTO_FREE char *reason = mem_printf("made on another machine, %s", host);
	struct error e;

	on_day(1, "app.db");
	const char *id = on_day(2, "app.db");

	assert_ok(try_rules(rules, 1, "elsewhere", &e));
	assert_int_equal(result.removed, 0);
	assert_string_equal(reason_of(id), reason);
}

static void backups_of_no_schedule_are_kept_without_a_rule_for_them(void **state)
{
	const struct forget_rule rules[] = {{"nightly", {.last = 1}}};
	AUTO_FREE char *host = backup_host();
	struct error e;

	on_day(1, "app.db");
	const char *id = on_day(2, "app.db");

	assert_ok(try_rules(rules, 1, host, &e));
	assert_string_equal(reason_of(id), "made by no schedule");
	assert_int_equal(result.removed, 0);
}

static void safety_backups_have_a_time_of_their_own(void **state)
{
	CLEANUP(job_backup_result_release) struct job_backup_result made = {0};
	struct job_backup j = {.level = -1, .threads = 1, .safety_target = "sqlite:/x"};
	struct timespec later = {.tv_sec = BEGIN + 29 * DAY};
	struct error e;

	on_day(0, "app.db");
	assert_ok(try_backup(&r, &j, SOURCES("app.db"), &made, &e));
	time_freeze(&later);
	assert_ok(try_forget(&keep_last, &e));
	assert_int_equal(result.removed, 0);
	later.tv_sec += 2 * DAY;
	time_freeze(&later);
	assert_ok(try_forget(&keep_last, &e));
	assert_int_equal(result.removed, 1);
	assert_int_equal(count_snapshots(&r), 1);
}

static void a_backup_that_failed_its_verification_uses_up_no_place(void **state)
{
	struct error e;

	const char *good = on_day(1, "app.db"), *bad = on_day(2, "app.db");
	CLEANUP(backup_release) struct backup b = {0};
	struct verify_result v = {0};

	find(&r, bad, &b);
	assert_ok(evidence_save(r.repo->config.id, &b.snapshot, &v, &e));
	assert_ok(try_forget(&keep_last, &e));
	assert_true(is_there(good));
	assert_false(is_there(bad));
	AUTO_FREE char *folder = mem_printf("state/evidence/%s", r.repo->config.id);
	assert_names(folder, "");
}

/* ---- by name ---- */

static void names_that_mean_nothing_remove_nothing(void **state)
{
	struct error e;

	const char *id = on_day(1, "app.db");

	assert_fails(try_names(SOURCES(id, "00000000"), false, &e), ERR_NOT_FOUND,
		     "backup 00000000: no snapshot begins with 00000000");
	assert_fails(try_names(SOURCES("abc"), false, &e), ERR_USAGE,
		     "backup abc: \"abc\" is no id: give 4 to 64 of its digits (0-9, a-f)");
	assert_int_equal(count_snapshots(&r), 1);
}

static void a_pinned_backup_is_not_removed_by_its_name_either(void **state)
{
	struct id id, fresh;
	struct error e;

	const char *first = on_day(1, "app.db");

	assert_true(id_parse(&id, first, ID_HEX_LEN));
	assert_ok(backup_pin(&r, &id, true, &fresh, &e));
	e = (struct error){0};
	assert_int_equal(try_names(SOURCES(first), false, &e), -ERR_REFUSED);
	assert_memory_equal(e.text, "backup ", 7);
	assert_non_null(strstr(e.text, " is pinned"));
	assert_memory_equal(e.hint, "take the pin off first: backstay unpin ", 39);
	assert_ok(backup_pin(&r, &fresh, false, &fresh, &e));
	assert_ok(try_names(SOURCES(first), false, &e));
	assert_int_equal(result.removed, 1);
}

static void named_backups_go_and_others_stay(void **state)
{
	struct error e;

	const char *first = on_day(1, "app.db"), *second = on_day(2, "app.db");
	AUTO_FREE char *prefix = mem_string_n(second, 10);

	assert_ok(try_names(SOURCES(prefix), true, &e));
	assert_int_equal(result.removed, 1);
	assert_int_equal(count_snapshots(&r), 2);
	assert_ok(try_names(SOURCES(prefix, second), false, &e));
	assert_int_equal(result.removed, 1);
	assert_int_equal(result.kept, 1);
	assert_string_equal(result.items[0].reason, "not named");
	assert_string_equal(result.items[1].reason, "named");
	assert_true(is_there(first));
}

static void a_damaged_backup_goes_by_its_name(void **state)
{
	struct error e;

	const char *bad = on_day(1, "app.db"), *good = on_day(2, "app.db");

	damage(bad);
	assert_ok(try_names(SOURCES(bad), true, &e));
	assert_int_equal(result.removed, 1);
	assert_int_equal(count_snapshots(&r), 2);
	assert_ok(try_names(SOURCES(bad), false, &e));
	assert_int_equal(result.removed, 1);
	assert_int_equal(result.unreadable.n, 1);
	assert_int_equal(count_snapshots(&r), 1);
	assert_true(is_there(good));
	assert_ok(try_forget(&keep_last, &e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_REPOSITORY(no_rule_at_all_removes_nothing),
		IN_REPOSITORY(no_policy_is_applied_while_a_backup_cannot_be_read),
		IN_REPOSITORY(a_damaged_manifest_is_a_backup_that_cannot_be_read),
		IN_REPOSITORY(P4_a_listing_that_comes_back_empty_removes_nothing),
		IN_REPOSITORY(a_lock_that_is_lost_stops_it),
		IN_REPOSITORY(P1_a_policy_holds_for_each_group_apart),
		IN_REPOSITORY(a_dry_run_decides_and_removes_nothing),
		IN_REPOSITORY(one_source_leaves_the_backups_of_others_alone),
		IN_REPOSITORY(the_floor_is_known_from_all_backups_whatever_is_looked_at),
		IN_REPOSITORY(every_schedule_sees_its_own_backups_only),
		IN_REPOSITORY(backups_of_other_programs_are_theirs),
		IN_REPOSITORY(old_backups_go_by_the_days_of_the_settings_down_to_the_newest_good_one),
		IN_REPOSITORY(safety_backups_whose_time_is_over_go_with_those_of_a_schedule),
		IN_REPOSITORY(backups_of_other_machines_are_theirs),
		IN_REPOSITORY(backups_of_no_schedule_are_kept_without_a_rule_for_them),
		IN_REPOSITORY(safety_backups_have_a_time_of_their_own),
		IN_REPOSITORY(a_backup_that_failed_its_verification_uses_up_no_place),
		IN_REPOSITORY(names_that_mean_nothing_remove_nothing),
		IN_REPOSITORY(a_pinned_backup_is_not_removed_by_its_name_either),
		IN_REPOSITORY(named_backups_go_and_others_stay),
		IN_REPOSITORY(a_damaged_backup_goes_by_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
