/* Queued jobs and their processes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "supervisor_support.h"

#include "catalog/job_care.h"
#include "catalog/setting.h"
#include "job/supervisor_parts.h"

#include <signal.h>
#include <sys/file.h>

static struct fate next_fate;

static struct fate fate_next(struct world *w, const struct job_record *j)
{
	return next_fate;
}

static void fate_is(struct fate f)
{
	next_fate = f;
	world.fate = fate_next;
}

static void after(double seconds)
{
	world_until(world.now.tv_sec + (int64_t)seconds);
}

/* ---- ends ---- */

static void with_nothing_to_do_nothing_is_waited_for(void **state)
{
	world_round();
	assert_true(world.wait > 1e8);
}

static void a_queued_job_is_run_in_a_process_of_its_own(void **state)
{
	add_source("shop");
	const char *id = add_job("backup", "shop");

	world_round();
	assert_string_equal(world.v[world.n - 1].job, id);
	assert_string_equal(state_of(id), "running");
	after(10);
	assert_string_equal(state_of(id), "success");
	assert_int_equal(world.n, 0);
}

static void a_job_whose_process_is_killed_is_interrupted_and_names_the_signal(void **state)
{
	fate_is((struct fate){.seconds = 5, .state = JOB_RUNNING, .status = SIGKILL});
	const char *id = add_job("backup", "shop");

	after(10);
	assert_string_equal(state_of(id), "interrupted");
	assert_string_equal(error_of(id), "its process was ended by signal 9 (Killed)");
	struct job_record j = job_of(id);

	assert_string_equal(j.error_kind, "child");
	assert_string_equal(j.hint, "the machine may have run out of memory: see its log");
	job_record_release(&j);
}

static void a_job_whose_process_says_nothing_has_failed_with_its_status(void **state)
{
	fate_is((struct fate){.seconds = 5, .state = JOB_RUNNING, .status = 127 << 8});
	const char *id = add_job("backup", "shop");

	after(10);
	assert_string_equal(state_of(id), "failed");
	assert_string_equal(error_of(id), "its process ended with status 127");
}

static int start_nothing(void *ctx, const struct strlist *words, pid_t *pid, int *output, struct error *e)
{
	return error_set(e, ERR_IO, "no process can be made");
}

static void while_no_process_can_be_made_jobs_wait(void **state)
{
	const struct supervisor_processes none = {.start = start_nothing};
	const struct supervisor_options o = {.program = "/nowhere", .processes = &none};
	const char *id = add_job("backup", "shop");
	struct error e = {0};

	supervisor_free(world.s);
	assert_ok(supervisor_new(world.c, &o, &world.s, &e));
	world_round();
	assert_string_equal(state_of(id), "queued");
	world_restart(2);
	world_round();
	assert_string_equal(state_of(id), "running");
}

/* ---- cancelling ---- */

static void a_running_job_that_is_cancelled_gets_sigterm(void **state)
{
	struct error e = {0};

	fate_is((struct fate){.seconds = 1000, .state = JOB_RUNNING});
	const char *id = add_job("backup", "shop");

	world_round();
	assert_ok(job_ask_cancel(world.c, id, &e));
	after(2);
	assert_string_equal(state_of(id), "cancelled");
	assert_string_equal(error_of(id), "cancelled");
	assert_int_equal(world.n, 0);
}

static void one_that_does_not_end_gets_sigkill_after_the_grace(void **state)
{
	struct error e = {0};

	fate_is((struct fate){.seconds = 1000, .state = JOB_RUNNING, .stubborn = true});
	const char *id = add_job("backup", "shop");

	world_round();
	assert_ok(job_ask_cancel(world.c, id, &e));
	after(9);
	assert_int_equal(world.v[0].term, 1);
	assert_int_equal(world.v[0].kill, 0);
	after(3);
	assert_string_equal(state_of(id), "cancelled");
}

static void a_queued_job_that_is_cancelled_never_begins(void **state)
{
	struct error e = {0};
	const char *id = add_job("backup", "shop");

	assert_ok(job_ask_cancel(world.c, id, &e));
	after(10);
	assert_string_equal(state_of(id), "cancelled");
	assert_int_equal(world.most, 0);
}

static const char *add_limited(uint64_t seconds)
{
	static char id[JOB_ID_LEN + 1];
	struct error e = {0};
	struct job_record j = {.kind = mem_string("backup"), .title = mem_string("backup shop"), .author = mem_string("maria"), .time_limit = seconds, .attempt = 1, .attempts = 1};

	strlist_add(&j.words, "backup");
	assert_ok(job_add(world.c, &j, &e));
	memcpy(id, j.id, sizeof id);
	job_record_release(&j);
	return id;
}

static void a_job_that_takes_longer_than_its_time_limit_is_ended(void **state)
{
	fate_is((struct fate){.seconds = 1000, .state = JOB_RUNNING, .stubborn = true});
	const char *id = add_limited(60);

	after(55);
	assert_int_equal(world.v[0].term, 0);
	after(10);
	assert_int_equal(world.v[0].term, 1);
	after(20);
	assert_string_equal(state_of(id), "failed");
	assert_string_equal(error_of(id), "it was ended because it took longer than its time limit of 1 min 00 s");
}

static void a_clock_that_jumps_ahead_uses_up_no_time_limit(void **state)
{
	fate_is((struct fate){.seconds = 30, .state = JOB_SUCCESS});
	const char *id = add_limited(60);

	world_round();
	world_jump(365 * DAY);
	after(10);
	assert_int_equal(world.v[0].term, 0);
	after(40);
	assert_string_equal(state_of(id), "success");
}

/* ---- order ---- */

static void no_more_jobs_run_at_once_than_asked_for(void **state)
{
	for (int i = 0; i < 7; i++) {
		AUTO_FREE char *name = mem_printf("s%d", i);

		add_job("backup", name);
	}
	after(60);
	assert_int_equal(count_jobs("success", NULL), 7);
	assert_int_equal(world.most, 2);
	world_restart(5);
	for (int i = 0; i < 7; i++) {
		AUTO_FREE char *name = mem_printf("t%d", i);

		add_job("backup", name);
	}
	after(60);
	assert_int_equal(count_jobs("success", NULL), 14);
	assert_int_equal(world.most, 5);
}

static void two_jobs_of_one_source_take_turns_and_others_pass(void **state)
{
	const char *first = add_job("backup", "shop"), *second = add_job("backup", "shop"), *other = add_job("backup", "media");

	world_round();
	assert_string_equal(state_of(first), "running");
	assert_string_equal(state_of(second), "queued");
	assert_string_equal(state_of(other), "running");
	after(6);
	assert_string_equal(state_of(second), "running");
	after(6);
	assert_string_equal(state_of(second), "success");
}

static void a_job_that_a_command_line_holds_up_is_tried_until_it_may_begin(void **state)
{
	struct error e = {0};
	struct job_record own = {.kind = mem_string("backup"), .title = mem_string("backup shop"), .author = mem_string("root on the command line"), .pid = 1, .attempt = 1, .attempts = 1};
	char path[4200];

	strlist_add(&own.locks, "source:/srv/shop.db");
	assert_ok(job_add(world.c, &own, &e));
	/* Its process lives: somebody holds its lock. */
	snprintf(path, sizeof path, "%s/jobs/%s.lock", at("state"), own.id);
	put_file(path + strlen(room) + 1, "");
	CLEANUP(fs_close) int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_int_equal(flock(fd, LOCK_EX), 0);
	const char *id = add_job("backup", "shop");

	after(600);
	assert_string_equal(state_of(id), "queued");
	assert_int_equal(world.most, 0);
	own.state = JOB_SUCCESS;
	assert_ok(job_end(world.c, &own, &e));
	after(10);
	assert_string_equal(state_of(id), "success");
	job_record_release(&own);
}

static void what_needs_its_repository_for_itself_waits_for_the_others_and_they_for_it(void **state)
{
	const char *backup = add_job("backup", "shop"), *prune = add_job("prune", "main"), *later = add_job("backup", "media");

	world_round();
	assert_string_equal(state_of(backup), "running");
	assert_string_equal(state_of(prune), "queued");
	assert_string_equal(state_of(later), "running");
	after(6);
	assert_string_equal(state_of(prune), "running");
	const char *after_it = add_job("verify", "shop");

	world_round();
	assert_string_equal(state_of(after_it), "queued");
	after(12);
	assert_string_equal(state_of(after_it), "success");
}

static void add_backup_when_one_ends(struct world *w, const struct job_record *j)
{
	if (!strcmp(j->kind, "backup"))
		add_job("backup", j->sources.v[0]);
}

static void one_that_has_waited_for_an_hour_is_passed_by_no_more(void **state)
{
	/* Backups without a gap, two at a time. */
	fate_is((struct fate){.seconds = 600, .state = JOB_SUCCESS});
	world.done = add_backup_when_one_ends;
	add_job("backup", "media");
	world_round();
	after(300);
	add_job("backup", "shop");
	const char *prune = add_job("prune", "main");

	after(3000);
	assert_string_equal(state_of(prune), "queued");
	after(2000);
	assert_string_not_equal(state_of(prune), "queued");
}

/* ---- chores ---- */

static void the_repositories_are_looked_at_at_the_start_and_now_and_then(void **state)
{
	assert_string_equal(world.last, "repository scan");
	size_t before = world.started;

	world.steady += 6 * HOUR;
	world_round();
	assert_int_equal(world.started, before + 1);
	assert_string_equal(world.last, "repository scan");
}

static void messages_that_are_due_are_sent_by_one_child_at_a_time(void **state)
{
	add_notice();
	world.deaf = true;
	add_job("backup", "shop");
	after(6);
	size_t before = world.started;

	world_round();
	world_round();
	assert_string_equal(world.last, "notice deliver");
	assert_true(world.started <= before + 1);
	/* Nothing was sent, as when another process is at it: tried again, but not at once. */
	before = world.started;
	world.steady += 0.5;
	world_round();
	assert_int_equal(world.started, before);
	world.steady += 10;
	world_round();
	assert_int_equal(world.started, before + 1);
}

/* ---- crashes ---- */

static void what_ran_when_the_daemon_was_killed_is_told_as_interrupted_at_the_next_start(void **state)
{
	add_notice();
	fate_is((struct fate){.seconds = 1000, .state = JOB_RUNNING});
	const char *id = add_job("backup", "shop");

	world_round();
	world_restart(2);
	assert_string_equal(state_of(id), "interrupted");
	assert_string_equal(error_of(id), "its process ended");
	world_round();
	assert_string_equal(told(), "The backup of shop was interrupted: its process ended before its time");
}

static void a_job_that_was_queued_when_the_daemon_was_killed_is_run_at_the_next_start(void **state)
{
	world_restart(1);
	add_job("backup", "media");
	const char *id = add_job("backup", "shop");

	world_round();
	world_restart(1);
	after(20);
	assert_string_equal(state_of(id), "success");
}

static void what_is_to_be_told_is_sent_at_once_and_what_comes_right_after_it_a_second_later(void **state)
{
	add_notice();
	add_job("backup", "shop");
	after(10);
	assert_string_equal(told(), "The backup of shop succeeded");
	assert_string_equal(world.last, "notice deliver");
	add_job("backup", "media");
	after(10);
	assert_string_equal(world.last, "notice deliver");
	CLEANUP(delivery_list_release) struct delivery_list l = {0};
	struct error e = {0};
	assert_ok(delivery_list_some(world.c, NULL, false, &(struct catalog_page){0}, &l, NULL, &e));
	assert_int_equal(l.n, 2);
	for (size_t i = 0; i < l.n; i++)
		assert_true(l.v[i].sent.tv_sec && time_between(l.v[i].created, l.v[i].sent) <= 2);
}

static void an_end_is_followed_up_once(void **state)
{
	CLEANUP(strlist_release) struct strlist ids = {0};
	struct error e = {0};

	add_notice();
	add_job("backup", "shop");
	after(10);
	world_restart(2);
	after(10);
	assert_string_equal(told(), "The backup of shop succeeded");
	assert_ok(job_unfollowed(world.c, 10, &ids, &e));
	assert_int_equal(ids.n, 0);
}

static void what_ended_days_ago_is_not_told_any_more(void **state)
{
	add_notice();
	supervisor_free(world.s);
	world.s = NULL;
	struct error e = {0};
	struct job_record j = job_of(add_job("backup", "shop"));

	j.state = JOB_FAILED;
	assert_ok(job_end(world.c, &j, &e));
	job_record_release(&j);
	world_jump(3 * DAY);
	world_restart(2);
	after(10);
	assert_string_equal(told(), "");
}

/* ---- history ---- */

static void old_jobs_leave_the_history(void **state)
{
	struct error e = {0};

	assert_ok(setting_set(world.c, "job_history_days", "30", &e));
	for (int i = 0; i < 250; i++) {
		struct job_record j = job_of(add_job("backup", "shop"));

		j.state = JOB_FAILED;
		assert_ok(job_end(world.c, &j, &e));
		assert_ok(job_set_followed(world.c, j.id, &e));
		job_record_release(&j);
	}
	world_jump(31 * DAY);
	const char *young = add_job("backup", "shop");

	after(10);
	world.steady += HOUR;
	after(10);
	after(10);
	assert_int_equal(count_jobs(NULL, NULL), 1);
	assert_string_equal(state_of(young), "success");
}

/* ---- waiting ---- */

static void a_wake_that_comes_as_the_time_is_over_is_seen(void **state)
{
	while (supervisor_wait(world.s, 0))
		;
	supervisor_wake(world.s);
	assert_true(supervisor_wait(world.s, 0));
	assert_false(supervisor_wait(world.s, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(with_nothing_to_do_nothing_is_waited_for),
		IN_WORLD(a_queued_job_is_run_in_a_process_of_its_own),
		IN_WORLD(a_job_whose_process_is_killed_is_interrupted_and_names_the_signal),
		IN_WORLD(a_job_whose_process_says_nothing_has_failed_with_its_status),
		IN_WORLD(while_no_process_can_be_made_jobs_wait),
		IN_WORLD(a_running_job_that_is_cancelled_gets_sigterm),
		IN_WORLD(one_that_does_not_end_gets_sigkill_after_the_grace),
		IN_WORLD(a_queued_job_that_is_cancelled_never_begins),
		IN_WORLD(a_job_that_takes_longer_than_its_time_limit_is_ended),
		IN_WORLD(a_clock_that_jumps_ahead_uses_up_no_time_limit),
		IN_WORLD(no_more_jobs_run_at_once_than_asked_for),
		IN_WORLD(two_jobs_of_one_source_take_turns_and_others_pass),
		IN_WORLD(a_job_that_a_command_line_holds_up_is_tried_until_it_may_begin),
		IN_WORLD(what_needs_its_repository_for_itself_waits_for_the_others_and_they_for_it),
		IN_WORLD(one_that_has_waited_for_an_hour_is_passed_by_no_more),
		IN_WORLD(the_repositories_are_looked_at_at_the_start_and_now_and_then),
		IN_WORLD(messages_that_are_due_are_sent_by_one_child_at_a_time),
		IN_WORLD(what_ran_when_the_daemon_was_killed_is_told_as_interrupted_at_the_next_start),
		IN_WORLD(a_job_that_was_queued_when_the_daemon_was_killed_is_run_at_the_next_start),
		IN_WORLD(what_is_to_be_told_is_sent_at_once_and_what_comes_right_after_it_a_second_later),
		IN_WORLD(an_end_is_followed_up_once),
		IN_WORLD(what_ended_days_ago_is_not_told_any_more),
		IN_WORLD(old_jobs_leave_the_history),
		IN_WORLD(a_wake_that_comes_as_the_time_is_over_is_seen),
	};

	return cmocka_run_group_tests_name("supervisor", tests, NULL, NULL);
}
