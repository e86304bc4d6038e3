/* Running jobs in the catalog. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "base/draft.h"
#include "base/log.h"
#include "base/thread.h"
#include "job/record.h"
#include "job/record_parts.h"

#include <signal.h>
#include <sys/wait.h>

/* A room whose state folder is there. */
static int state_enter(void **state)
{
	int rc = room_enter(state);

	return rc ? rc : mkdir(at("state"), 0700);
}
#define IN_STATE(test) cmocka_unit_test_setup_teardown(test, state_enter, room_leave)

static struct catalog *catalog(void)
{
	struct catalog *c;
	struct error e;

	assert_ok(record_catalog(false, &c, &e));
	return c;
}

static void get(const char *id, struct job_record *j)
{
	struct catalog *c = catalog();
	struct error e;

	assert_ok(job_get(c, id, j, &e));
	catalog_close(c);
}

static struct recorder *begin(const char *title, struct progress *p, char id[JOB_ID_LEN + 1])
{
	CLEANUP(job_record_release) struct job_record j = {.kind = mem_string("backup"), .title = mem_string(title), .author = mem_string("root on the command line")};
	struct recorder *r;
	char *warning;
	struct error e;

	assert_ok(recorder_begin(&j, p, &r, &warning, &e));
	assert_null(warning);
	assert_non_null(r);
	memcpy(id, j.id, sizeof j.id);
	return r;
}

static void end(struct recorder *r, int rc, const struct error *why)
{
	const struct job_record nothing = {0};
	char *warning;

	recorder_end(r, rc, why, &nothing, &warning);
	assert_null(warning);
}

static const struct error fine;

static int about(struct recorder *r, const char *source, double wait, struct error *e)
{
	CLEANUP(strlist_release) struct strlist sources = {0};
	CLEANUP(strlist_release) struct strlist locks = {0};

	strlist_add(&sources, source);
	strlist_addf(&locks, "source:%s", source);
	return recorder_about(r, &(struct recorder_about){.sources = sources, .locks = locks}, wait, e);
}

/* ---- when there is no record ---- */

static void without_a_state_folder_nothing_is_recorded(void **state)
{
	struct job_record j = {.kind = (char *)"backup", .title = (char *)"backup shop", .author = (char *)"me"};
	struct progress p = {0};
	struct recorder *r;
	char *warning;
	struct error e;

	assert_ok(recorder_begin(&j, &p, &r, &warning, &e));
	assert_null(r);
	assert_null(warning);
	assert_false(fs_exists(at("state")));
	recorder_log(r, LOG_INFO, "nowhere");
	assert_ok(about(r, "shop", 0, &e));
	recorder_end(r, 0, &fine, &j, &warning);
	assert_null(recorder_id(r));
}

static void a_catalog_that_is_none_stops_nothing_and_is_told(void **state)
{
	struct job_record j = {.kind = (char *)"backup", .title = (char *)"backup shop", .author = (char *)"me"};
	struct progress p = {0};
	struct recorder *r;
	char *warning;
	struct error e;

	put_file("state/catalog.db", "this is a note, not a database, and long enough to have a header of its own....");
	assert_ok(recorder_begin(&j, &p, &r, &warning, &e));
	assert_null(r);
	assert_string_equal(without_room(warning), "this is not recorded: the catalog @/state/catalog.db is damaged: file is not a database");
	free(warning);
}

static void a_queued_job_that_cannot_be_continued_is_an_error(void **state)
{
	struct job_record j = {.id = "0123456789abcdef"};
	struct progress p = {0};
	struct recorder *r;
	char *warning;
	struct error e;

	assert_fails(recorder_begin(&j, &p, &r, &warning, &e), ERR_NOT_FOUND, "job 0123456789abcdef does not wait to be started any more");
	assert_null(r);
	assert_names("state/jobs", "");
}

/* ---- from the beginning to the end ---- */

static void a_job_is_running_under_a_private_lock_until_it_ends(void **state)
{
	CLEANUP(job_record_release) struct job_record before = {0}, after = {0};
	struct progress p = {0};
	char id[JOB_ID_LEN + 1];
	struct recorder *r = begin("backup shop", &p, id);
	char *warning;

	get(id, &before);
	assert_int_equal(before.state, JOB_RUNNING);
	assert_int_equal(before.pid, getpid());
	assert_string_equal(before.title, "backup shop");
	assert_string_equal(getenv("BACKSTAY_JOB"), id);
	assert_string_equal(recorder_id(r), id);
	AUTO_FREE char *lock = mem_printf("state/jobs/%s.lock", id);

	assert_int_equal(mode_of(lock), 0600);
	const struct job_record figures = {.backup = (char *)"ab12", .size = 1, .added = 2, .rows = 3, .files = 4, .result = (char *)"{\"ok\":true}"};

	recorder_end(r, 0, &fine, &figures, &warning);
	assert_null(warning);
	get(id, &after);
	assert_int_equal(after.state, JOB_SUCCESS);
	assert_false(after.partial);
	assert_string_equal(after.backup, "ab12");
	assert_int_equal(after.size * 1000 + after.added * 100 + after.rows * 10 + after.files, 1234);
	assert_string_equal(after.result, "{\"ok\":true}");
	assert_true(after.ended.tv_sec > 0);
	assert_null(after.error);
	assert_names("state/jobs", "");
}

static void ends_as(int rc, enum err_kind kind, enum job_state wanted, bool partial)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	struct progress p = {0};
	char id[JOB_ID_LEN + 1];
	struct recorder *r = begin("backup shop", &p, id);
	struct error why = {.kind = kind};

	error_set(&why, kind, "what happened");
	error_hint(&why, "what to do");
	end(r, rc, &why);
	get(id, &j);
	assert_int_equal(j.state, wanted);
	assert_int_equal(j.partial, partial);
	assert_string_equal(j.error_kind, error_kind_name(kind));
	assert_string_equal(j.error, "what happened");
	assert_string_equal(j.hint, "what to do");
}

static void how_it_ended_follows_from_its_error(void **state)
{
	ends_as(-ERR_IO, ERR_IO, JOB_FAILED, false);
	ends_as(-ERR_PARTIAL, ERR_PARTIAL, JOB_SUCCESS, true);
	ends_as(-ERR_CANCELLED, ERR_CANCELLED, JOB_CANCELLED, false);
	ends_as(-ERR_VERIFY, ERR_VERIFY, JOB_FAILED, false);
}

/* Wait for what the recorder's thread brings about. */
#define UNTIL(condition) \
	do { \
		for (int i_ = 0; i_ < 500 && !(condition); i_++) \
			time_sleep(0.02); \
		assert_true(condition); \
	} while (0)

static bool shows_progress(const char *id)
{
	CLEANUP(job_record_release) struct job_record j = {0};

	get(id, &j);
	return j.phase && !strcmp(j.phase, "reading") && j.bytes_done == 5 && j.bytes_total == 10 && j.unit && !strcmp(j.unit, "tables");
}

static void progress_is_seen_by_others(void **state)
{
	struct progress p = {0};
	char id[JOB_ID_LEN + 1];
	struct recorder *r = begin("backup shop", &p, id);

	progress_phase(&p, "reading", "tables", 10, 3);
	progress_bytes(&p, 5);
	UNTIL(shows_progress(id));
	end(r, 0, &fine);
}

static void its_end_is_asked_for_from_elsewhere(void **state)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	struct progress p = {0};
	char id[JOB_ID_LEN + 1];
	struct recorder *r = begin("backup shop", &p, id);
	struct catalog *c = catalog();
	struct error e;

	assert_ok(job_ask_cancel(c, id, &e));
	catalog_close(c);
	UNTIL(atomic_load(&p.cancel));
	assert_int_equal(progress_check(&p, &e), -ERR_CANCELLED);
	end(r, -ERR_CANCELLED, &e);
	get(id, &j);
	assert_int_equal(j.state, JOB_CANCELLED);
	assert_string_equal(j.error, "cancelled");
}

/* A job that waits for the daemon. */
static void queue(const char *source, uint64_t time_limit, char id[JOB_ID_LEN + 1])
{
	CLEANUP(job_record_release) struct job_record j = {
		.kind = mem_string("backup"), .title = mem_printf("backup %s", source), .author = mem_string("maria"), .time_limit = time_limit, .attempt = 1, .attempts = 1};
	struct catalog *c = catalog();
	struct error e;

	strlist_add(&j.words, "backup");
	strlist_add(&j.words, source);
	strlist_addf(&j.locks, "source:%s", source);
	assert_ok(job_add(c, &j, &e));
	memcpy(id, j.id, sizeof j.id);
	catalog_close(c);
}

static int continue_job(const char *id, struct progress *p, struct recorder **r, struct error *e)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	char *warning;

	get(id, &j);
	return recorder_begin(&j, p, r, &warning, e);
}

static void a_time_limit_ends_it_as_failed(void **state)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	struct progress p = {0};
	char id[JOB_ID_LEN + 1];
	struct recorder *r;
	struct error e;

	queue("shop", 1, id);
	assert_ok(continue_job(id, &p, &r, &e));
	UNTIL(atomic_load(&p.cancel));
	assert_int_equal(progress_check(&p, &e), -ERR_CANCELLED);
	end(r, -ERR_CANCELLED, &e);
	get(id, &j);
	assert_int_equal(j.state, JOB_FAILED);
	assert_string_equal(j.error_kind, "limit");
	assert_string_equal(j.error, "it was ended because it took longer than its time limit of 1 s");
}

static void a_job_of_the_daemon_whose_end_nobody_asked_for_is_interrupted(void **state)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	struct progress p = {0};
	char id[JOB_ID_LEN + 1];
	struct recorder *r, *other;
	struct error e;

	queue("shop", 0, id);
	assert_ok(continue_job(id, &p, &r, &e));
	assert_int_equal(continue_job(id, &p, &other, &e), -ERR_LOCKED);
	assert_memory_equal(e.text, "job ", 4);
	assert_non_null(strstr(e.text, " is run by another process already"));
	error_set(&e, ERR_CANCELLED, "cancelled");
	end(r, -ERR_CANCELLED, &e);
	get(id, &j);
	assert_int_equal(j.state, JOB_INTERRUPTED);
	assert_string_equal(j.error, "it was ended because Backstay was stopped");
	assert_string_equal(j.author, "maria");
}

static void log_lines_are_kept_in_their_order_and_the_error_is_the_last(void **state)
{
	CLEANUP(job_lines_release) struct job_lines l = {0};
	struct progress p = {0};
	char id[JOB_ID_LEN + 1];
	struct recorder *r = begin("backup shop", &p, id);
	struct error e;

	recorder_log(r, LOG_INFO, "repository /srv/b");
	recorder_log(r, LOG_WARNING, "a file vanished");
	error_set(&e, ERR_IO, "the disk is broken");
	end(r, -ERR_IO, &e);
	struct catalog *c = catalog();

	assert_ok(job_log_read(c, id, 0, &l, &e));
	catalog_close(c);
	assert_int_equal(l.n, 3);
	assert_string_equal(l.v[0].text, "repository /srv/b");
	assert_int_equal(l.v[1].level, LOG_WARNING);
	assert_string_equal(l.v[2].text, "the disk is broken");
	assert_int_equal(l.v[2].level, LOG_ERROR);
}

/* ---- one on a source ---- */

static void no_two_work_on_one_source(void **state)
{
	struct progress p = {0}, q = {0};
	char one[JOB_ID_LEN + 1], two[JOB_ID_LEN + 1];
	struct recorder *a = begin("backup shop", &p, one), *b = begin("restore shop", &q, two);
	struct error e;

	assert_ok(about(a, "shop", 0, &e));
	assert_int_equal(about(b, "shop", 0, &e), -ERR_LOCKED);
	assert_memory_equal(e.text, "backup shop is running since ", 29);
	assert_non_null(strstr(e.text, one));
	assert_ok(about(b, "blog", 0, &e));
	assert_ok(about(a, "shop", 0, &e));
	atomic_store(&q.cancel, true);
	assert_int_equal(about(b, "shop", 60, &e), -ERR_CANCELLED);
	end(a, 0, &fine);
	assert_ok(about(b, "shop", 0, &e));
	end(b, 0, &fine);
}

static void *end_later(void *arg)
{
	time_sleep(0.1);
	end(arg, 0, &fine);
	return NULL;
}

static void who_waits_goes_on_when_the_other_one_has_ended(void **state)
{
	struct progress p = {0}, q = {0};
	char one[JOB_ID_LEN + 1], two[JOB_ID_LEN + 1];
	struct recorder *a = begin("backup shop", &p, one), *b = begin("restore shop", &q, two);
	pthread_t thread;
	struct error e;

	assert_ok(about(a, "shop", 0, &e));
	assert_int_equal(pthread_create(&thread, NULL, end_later, a), 0);
	assert_ok(about(b, "shop", 60, &e));
	pthread_join(thread, NULL);
	end(b, 0, &fine);
}

/* ---- when the process is gone ---- */

/* A process that has begun a job and then waits to be killed; `work` is done in it. */
static pid_t child(char id[JOB_ID_LEN + 1], void (*work)(struct recorder *r, struct progress *p))
{
	static struct progress p;
	int pipe_ends[2];

	assert_int_equal(pipe(pipe_ends), 0);
	pid_t pid = fork();

	if (pid == 0) {
		struct recorder *r = begin("backup shop", &p, id);

		work(r, &p);
		if (write(pipe_ends[1], id, JOB_ID_LEN) != JOB_ID_LEN)
			_exit(1);
		for (;;)
			pause();
	}
	close(pipe_ends[1]);
	assert_int_equal(fs_read_full(pipe_ends[0], id, JOB_ID_LEN), JOB_ID_LEN);
	id[JOB_ID_LEN] = 0;
	close(pipe_ends[0]);
	return pid;
}

static void kill_it(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static uint64_t sweep(void)
{
	struct catalog *c = catalog();
	uint64_t n;
	struct error e;

	assert_ok(record_sweep(c, &n, &e));
	catalog_close(c);
	return n;
}

static bool shows_phase(const struct recorder *r, const char *phase)
{
	CLEANUP(job_record_release) struct job_record j = {0};

	get(recorder_id(r), &j);
	return j.phase && !strcmp(j.phase, phase);
}

static void read_much(struct recorder *r, struct progress *p)
{
	struct draft d;
	struct error e;

	assert_ok(about(r, "shop", 0, &e));
	progress_phase(p, "reading", NULL, 0, 0);
	progress_bytes(p, 1288490189);
	assert_ok(draft_make(at("."), "shop.db", &d, &e));
	UNTIL(shows_phase(r, "reading"));
}

static bool draft_is_there(void)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	struct error e;

	assert_ok(fs_list(room, &names, &e));
	for (size_t i = 0; i < names.n; i++)
		if (draft_is(names.v[i], "shop.db"))
			return true;
	return false;
}

static void a_job_whose_process_is_gone_is_interrupted_and_what_it_left_removed(void **state)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	char id[JOB_ID_LEN + 1];
	pid_t pid = child(id, read_much);

	assert_int_equal(sweep(), 0);
	assert_true(draft_is_there());
	kill_it(pid);
	assert_int_equal(sweep(), 1);
	assert_false(draft_is_there());
	get(id, &j);
	assert_int_equal(j.state, JOB_INTERRUPTED);
	assert_string_equal(j.error_kind, "interrupted");
	assert_string_equal(j.error, "its process ended while it was reading, after 1.2 GiB");
	assert_true(j.ended.tv_sec > 0);
	assert_names("state/jobs", "");
	assert_int_equal(sweep(), 0);
}

static void the_lock_of_one_that_was_killed_before_it_began_or_after_it_had_ended_goes(void **state)
{
	struct job_record j = {.kind = mem_string("backup"), .title = mem_string("backup shop"), .author = mem_string("maria"), .attempt = 1, .attempts = 1};
	struct catalog *c = catalog();
	struct error e;
	char id[JOB_ID_LEN + 1], path[64];
	struct progress p = {0};

	end(begin("backup media", &p, id), 0, &fine);
	strlist_add(&j.words, "backup");
	assert_ok(job_add(c, &j, &e));
	put_file("state/jobs/note.txt", "not a lock");
	snprintf(path, sizeof path, "state/jobs/%s.lock", id);
	put_file(path, "");
	snprintf(path, sizeof path, "state/jobs/%s.lock", j.id);
	put_file(path, "");
	assert_int_equal(sweep(), 0);
	assert_names("state/jobs", "note.txt");
	CLEANUP(job_record_release) struct job_record now = {0};

	get(j.id, &now);
	assert_int_equal(now.state, JOB_QUEUED);
	job_record_release(&j);
	catalog_close(c);
}

static void make_a_safety_backup(struct recorder *r, struct progress *p)
{
	struct error e;

	assert_ok(about(r, "shop", 0, &e));
	progress_within(p, "safety backup");
	UNTIL(shows_phase(r, "safety backup"));
}

static void the_lock_of_one_that_is_gone_keeps_nobody_out(void **state)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	char id[JOB_ID_LEN + 1], other[JOB_ID_LEN + 1];
	struct progress p = {0};
	struct error e;

	kill_it(child(id, make_a_safety_backup));
	struct recorder *r = begin("backup shop", &p, other);

	assert_ok(about(r, "shop", 0, &e));
	end(r, 0, &fine);
	get(id, &j);
	assert_string_equal(j.error, "its process ended during: safety backup");
}

/* A queued job that is run by a process which is killed. */
static void files_that_a_job_of_the_daemon_was_to_make_or_read_go_with_it(void **state)
{
	CLEANUP(job_record_release) struct job_record j = {
		.kind = mem_string("export"), .title = mem_string("export shop"), .author = mem_string("maria"), .attempt = 1, .attempts = 1};
	struct catalog *c = catalog();
	struct error e;

	put_file("state/exports/shop.csv", "half");
	put_file("state/uploads/1", "uploaded");
	put_file("state/uploads/2", "of another");
	put_file("elsewhere/shop.csv", "kept");
	strlist_add(&j.words, "export");
	strlist_addf(&j.words, "--output=%s", at("state/exports/shop.csv"));
	strlist_add(&j.words, at("state/uploads/1"));
	strlist_add(&j.words, at("elsewhere/shop.csv"));
	strlist_addf(&j.words, "%s/../../elsewhere/shop.csv", at("state/uploads"));
	assert_ok(job_add(c, &j, &e));
	assert_ok(job_start(c, &j, 4711, &e));
	catalog_close(c);
	assert_int_equal(sweep(), 1);
	assert_names("state/exports", "");
	assert_names("state/uploads", "2");
	assert_holds("elsewhere/shop.csv", "kept");
}

static void a_lock_file_of_somebody_elses_making_leads_nowhere(void **state)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	struct catalog *c = catalog();
	char id[JOB_ID_LEN + 1];
	struct error e;

	queue("shop", 0, id);
	memcpy(j.id, id, sizeof id);
	assert_ok(job_start(c, &j, 4711, &e));
	catalog_close(c);
	AUTO_FREE char *lock = mem_printf("state/jobs/%s.lock", id);

	put_file(lock, "no JSON\n[\"relative\", \"x\"]\n[1, 2]\n[]\n[\"/nowhere/at/all\", \"x\", 3]\n[\"/cut");
	assert_int_equal(sweep(), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ROOM(without_a_state_folder_nothing_is_recorded),
		IN_STATE(a_catalog_that_is_none_stops_nothing_and_is_told),
		IN_STATE(a_queued_job_that_cannot_be_continued_is_an_error),
		IN_STATE(a_job_is_running_under_a_private_lock_until_it_ends),
		IN_STATE(how_it_ended_follows_from_its_error),
		IN_STATE(progress_is_seen_by_others),
		IN_STATE(its_end_is_asked_for_from_elsewhere),
		IN_STATE(a_time_limit_ends_it_as_failed),
		IN_STATE(a_job_of_the_daemon_whose_end_nobody_asked_for_is_interrupted),
		IN_STATE(log_lines_are_kept_in_their_order_and_the_error_is_the_last),
		IN_STATE(no_two_work_on_one_source),
		IN_STATE(who_waits_goes_on_when_the_other_one_has_ended),
		IN_STATE(a_job_whose_process_is_gone_is_interrupted_and_what_it_left_removed),
		IN_STATE(the_lock_of_one_that_was_killed_before_it_began_or_after_it_had_ended_goes),
		IN_STATE(the_lock_of_one_that_is_gone_keeps_nobody_out),
		IN_STATE(files_that_a_job_of_the_daemon_was_to_make_or_read_go_with_it),
		IN_STATE(a_lock_file_of_somebody_elses_making_leads_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
