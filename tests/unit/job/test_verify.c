#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "job/verify.h"

#include <signal.h>
#include <sys/resource.h>

static struct repository r;
static struct backup b;

/* Of the last verification, of one backup. */
static struct verify_result *result;

static void forget_result(void)
{
	if (result)
		verify_result_release(result);
	free(result);
	result = NULL;
}

static int enter(void **state)
{
	room_enter(state);
	repo_make(&r);
	put_db("app.db", "CREATE TABLE t(x PRIMARY KEY); INSERT INTO t VALUES (1), (2); CREATE TABLE u(y)");
	put_file("media/a.txt", "text");
	put_file("media/b/c.txt", "more");
	return 0;
}

static int leave(void **state)
{
	forget_result();
	backup_release(&b);
	repository_release(&r);
	return room_leave(state);
}

#define IN_REPOSITORY(test) cmocka_unit_test_setup_teardown(test, enter, leave)

static void make(const char *const *sources)
{
	backup_release(&b);
	find(&r, back_up(&r, sources), &b);
}

static int try_verify(enum verify_level level, struct error *e)
{
	forget_result();
	return job_verify(&r, &b, 1, level, false, NULL, &result, NULL, e);
}

/* All lines, each ended by '|'; without the figures of the first, which tell how much was stored. */
static const char *lines(const struct strlist *l)
{
	static char text[4096];
	size_t n = 0;

	*text = 0;
	for (size_t i = 0; i < l->n; i++) {
		bool bytes = !strncmp(l->v[i], "every byte read back and hashed (", 33);

		n += (size_t)snprintf(text + n, sizeof text - n, "%.*s|", bytes ? 31 : 1000, l->v[i]);
	}
	return text;
}

/* What is kept of it for lists. */
static void assert_kept(enum verify_level level, bool failed)
{
	struct backup listed = {.snapshot.id = b.snapshot.id, .snapshot.tree = b.snapshot.tree};

	evidence_load(r.repo->config.id, &listed);
	assert_int_equal(listed.level, level);
	assert_int_equal(listed.verify_failed, failed);
}

/* ---- what does not hold ---- */

static void a_damaged_pack_is_found_at_the_first_level_and_kept_as_failed(void **state)
{
	struct error e;

	make(SOURCES("app.db"));
	assert_ok(try_verify(LEVEL_BYTES, &e));
	damage_stored(&r, STORE_DATA, 0);
	assert_fails(try_verify(LEVEL_COMPARED, &e), ERR_VERIFY, "1 of 1 backups cannot be restored whole");
	assert_false(result->ok);
	assert_int_equal(result->reached, LEVEL_NONE);
	assert_true(result->problems.n > 0);
	assert_int_equal(result->evidence.n, 0);
	assert_kept(LEVEL_NONE, true);
}

static bool was_there(const struct store_listing *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->v[i].name, name))
			return true;
	return false;
}

/* A pack that came since `before` was listed. */
static void damage_new_pack(const struct store_listing *before)
{
	CLEANUP(store_listing_release) struct store_listing now = {0};
	struct error e;
	size_t fresh = 0, place = 0;

	assert_ok(store_list(r.repo->store, STORE_DATA, store_listing_add, &now, &e));
	while (was_there(before, now.v[fresh].name))
		fresh++;
	for (size_t i = 0; i < now.n; i++)
		place += strcmp(now.v[i].name, now.v[fresh].name) < 0;
	damage_stored(&r, STORE_DATA, place);
}

static void of_several_backups_only_the_damaged_one_fails(void **state)
{
	CLEANUP(store_listing_release) struct store_listing before = {0};
	struct backup two[2] = {0};
	struct verify_result *v = NULL;
	struct error e;

	find(&r, back_up(&r, SOURCES("media")), &two[0]);
	assert_ok(store_list(r.repo->store, STORE_DATA, store_listing_add, &before, &e));
	find(&r, back_up(&r, SOURCES("app.db")), &two[1]);
	damage_new_pack(&before);
	assert_fails(job_verify(&r, two, 2, LEVEL_STRUCTURE, true, NULL, &v, NULL, &e), ERR_VERIFY,
		     "1 of 2 backups cannot be restored whole");
	assert_true(v[0].ok);
	assert_int_equal(v[0].reached, LEVEL_STRUCTURE);
	assert_false(v[1].ok);
	for (size_t i = 0; i < 2; i++) {
		verify_result_release(&v[i]);
		backup_release(&two[i]);
	}
	free(v);
}

/* A backup whose manifest says `what` instead of `was`. */
static void make_liar(const char *was, const char *what)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	struct error e;

	make(SOURCES("media"));
	manifest_encode(&b.manifest, &text);
	char *place = strstr((char *)text.p, was);

	assert_non_null(place);
	assert_int_equal(strlen(was), strlen(what));
	memcpy(place, what, strlen(what));
	manifest_release(&b.manifest);
	assert_ok(manifest_parse(text.p, text.len, &b.manifest, &e));
}

static void a_manifest_that_does_not_hold_is_found_at_the_second_level(void **state)
{
	struct error e;

	make_liar("\"file\":2", "\"file\":3");
	assert_fails(try_verify(LEVEL_COMPARED, &e), ERR_VERIFY, "1 of 1 backups cannot be restored whole");
	assert_int_equal(result->reached, LEVEL_BYTES);
	assert_string_equal(lines(&result->problems), "media: 2 files where 3 were expected|");
	assert_kept(LEVEL_BYTES, true);
}

static void a_rehearsal_that_cannot_be_made_blames_no_backup_and_leaves_nothing(void **state)
{
	const struct rlimit small = {100, RLIM_INFINITY};
	struct rlimit before;
	struct error e = {0};

	put_file("media/large", "................................................................................"
				".......................................");
	make(SOURCES("media"));
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	int rc = try_verify(LEVEL_RESTORED, &e);

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(rc, -ERR_IO);
	assert_memory_equal(e.text, "verifying media: ", 17);
	assert_names("tmp", "");
	assert_kept(LEVEL_NONE, false);
}

static void a_cancelled_verification_says_nothing_about_the_backup(void **state)
{
	struct progress p = {NULL};
	struct error e;

	make(SOURCES("app.db"));
	atomic_store(&p.cancel, true);
	assert_fails(job_verify(&r, &b, 1, LEVEL_COMPARED, false, &p, &result, NULL, &e), ERR_CANCELLED, "cancelled");
	assert_names("tmp", "");
	assert_kept(LEVEL_NONE, false);
}

static void what_cannot_be_noted_is_an_error_but_no_damage(void **state)
{
	struct error e = {0};

	make(SOURCES("app.db"));
	put_file("state", "no folder");
	assert_true(try_verify(LEVEL_BYTES, &e) < 0);
	assert_memory_equal(e.text, "nothing was found wrong, but that could not be noted: ", 54);
	assert_int_not_equal(e.kind, ERR_VERIFY);
	assert_true(result->ok);
	damage_stored(&r, STORE_DATA, 0);
	assert_fails(try_verify(LEVEL_BYTES, &e), ERR_VERIFY, "1 of 1 backups cannot be restored whole");
}

/* ---- what holds ---- */

static void each_level_adds_its_evidence(void **state)
{
	static const char *const shown[] = {
		"every byte read back and hashed|",
		"every byte read back and hashed|app.db: integrity_check ok; 2 tables and 2 rows as in the manifest|"
		"files: 2 in 2 folders, 8 B, as the manifest says|",
		"every byte read back and hashed|app.db: integrity_check ok; 2 tables and 2 rows as in the manifest|"
		"files: 2 in 2 folders, 8 B, as the manifest says|"
		"app.db restored to a scratch database: 2 tables, 2 rows|media restored to a scratch folder: 2 files, "
		"8 B|",
		"every byte read back and hashed|app.db: integrity_check ok; 2 tables and 2 rows as in the manifest|"
		"files: 2 in 2 folders, 8 B, as the manifest says|"
		"app.db restored to a scratch database: 2 tables, 2 rows|media restored to a scratch folder: 2 files, "
		"8 B|"
		"app.db compared: rows and row hashes of 2 tables equal|media compared: every byte of 2 files equal|",
	};
	struct error e;

	make(SOURCES("app.db", "media"));
	for (enum verify_level level = LEVEL_BYTES; level <= LEVEL_COMPARED; level++) {
		assert_ok(try_verify(level, &e));
		assert_true(result->ok);
		assert_int_equal(result->reached, level);
		assert_string_equal(lines(&result->evidence), shown[level - 1]);
		assert_int_equal(result->problems.n, 0);
		assert_kept(level, false);
		assert_names("tmp", "");
	}
}

static void files_without_rights_are_compared_too(void **state)
{
	struct error e;

	put_file("media/dark/x", "text");
	assert_int_equal(chmod(at("media/dark/x"), 0), 0);
	assert_int_equal(chmod(at("media/dark"), 0500), 0);
	make(SOURCES("media"));
	become_nobody();
	assert_ok(try_verify(LEVEL_COMPARED, &e));
	assert_int_equal(result->reached, LEVEL_COMPARED);
	assert_names("tmp", "");
}

static void what_programs_printed_reaches_the_level_it_can(void **state)
{
	struct error e;

	make(SOURCES("command:echo hello"));
	assert_ok(try_verify(LEVEL_COMPARED, &e));
	assert_true(result->ok);
	assert_int_equal(result->reached, LEVEL_STRUCTURE);
	assert_string_equal(lines(&result->evidence),
			    "every byte read back and hashed|output: 6 B, SHA-256 as in the manifest|");
}

static void what_a_newer_program_made_is_read_back_but_not_looked_into(void **state)
{
	struct error e;

	make(SOURCES("media"));
	free(b.manifest.sources[0].engine);
	b.manifest.sources[0].engine = mem_string("oracle");
	assert_ok(try_verify(LEVEL_COMPARED, &e));
	assert_true(result->ok);
	assert_int_equal(result->reached, LEVEL_BYTES);
	assert_string_equal(
		lines(&result->evidence),
		"every byte read back and hashed|media was made by the engine \"oracle\", which this program "
		"does not know: not looked into|");
}

static void what_another_program_stored_is_verified_to_the_last_level(void **state)
{
	struct error e;

	find(&r, put_snapshot(&r, "/srv/media", "", "srv/media/a", "text"), &b);
	assert_ok(try_verify(LEVEL_COMPARED, &e));
	assert_int_equal(result->reached, LEVEL_COMPARED);
	assert_string_equal(lines(&result->evidence), "every byte read back and hashed|files: 1 in 1 folder, 4 B|"
						      "srv/media restored to a scratch folder: 1 file, 4 B|"
						      "srv/media compared: every byte of 1 file equal|");
}

static void an_empty_list_is_verified_without_a_look(void **state)
{
	struct error e;

	damage_stored(&r, STORE_KEY, 0);
	assert_ok(job_verify(&r, NULL, 0, LEVEL_COMPARED, false, NULL, &result, NULL, &e));
	free(result);
	result = NULL;
}

static void defects_that_hurt_no_backup_are_told_too(void **state)
{
	CLEANUP(check_report_release) struct check_report report = {0};
	struct error e;

	make(SOURCES("media"));
	damage_stored(&r, STORE_KEY, 0);
	assert_fails(job_verify(&r, &b, 1, LEVEL_BYTES, true, NULL, &result, &report, &e), ERR_VERIFY,
		     "1 defect was found in the repository, though every backup can be restored");
	assert_true(result->ok);
	assert_int_equal(report.errors, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_REPOSITORY(a_damaged_pack_is_found_at_the_first_level_and_kept_as_failed),
		IN_REPOSITORY(of_several_backups_only_the_damaged_one_fails),
		IN_REPOSITORY(a_manifest_that_does_not_hold_is_found_at_the_second_level),
		IN_REPOSITORY(a_rehearsal_that_cannot_be_made_blames_no_backup_and_leaves_nothing),
		IN_REPOSITORY(a_cancelled_verification_says_nothing_about_the_backup),
		IN_REPOSITORY(what_cannot_be_noted_is_an_error_but_no_damage),
		IN_REPOSITORY(each_level_adds_its_evidence),
		IN_REPOSITORY(files_without_rights_are_compared_too),
		IN_REPOSITORY(what_programs_printed_reaches_the_level_it_can),
		IN_REPOSITORY(what_a_newer_program_made_is_read_back_but_not_looked_into),
		IN_REPOSITORY(what_another_program_stored_is_verified_to_the_last_level),
		IN_REPOSITORY(an_empty_list_is_verified_without_a_look),
		IN_REPOSITORY(defects_that_hurt_no_backup_are_told_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
