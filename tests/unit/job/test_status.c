#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "supervisor_support.h"

#include "job/overview.h"
#include "job/status.h"

static struct status status;
static struct error e;

static int leave(void **state)
{
	status_release(&status);
	return world_leave(state);
}

#define IN_CATALOG(test) cmocka_unit_test_setup_teardown(test, world_enter, leave)

static void load(void)
{
	status_release(&status);
	assert_ok(status_load(world.c, world.now, &status, &e));
}

static const char *problems(void)
{
	static char text[4096];
	CLEANUP(strlist_release) struct strlist l = {0};

	load();
	status_problems(&status, &l);
	AUTO_FREE char *all = strlist_join(&l, "; ");

	snprintf(text, sizeof text, "%s", all);
	return text;
}

static void found_out(bool damaged, uint64_t left)
{
	struct place_record p;

	assert_ok(place_get(world.c, world.place, &p, &e));
	p.scanned = p.checked = world.now;
	p.check_failed = damaged;
	p.bytes = 5000;
	p.bytes_free = left;
	assert_ok(place_found(world.c, &p, &e));
	place_record_release(&p);
}

static void nothing_configured_is_nothing_wrong(void **state)
{
	assert_string_equal(problems(), "");
}

static void a_source_without_a_schedule_is_never_overdue(void **state)
{
	add_source("shop");
	world_jump(1000 * DAY);
	assert_string_equal(problems(), "");
}

static void what_somebody_should_look_at_is_said_the_worst_first(void **state)
{
	add_source("shop");
	add_daily("nightly", NULL, 2, NULL);
	world_jump(5 * DAY);
	found_out(true, 1000);
	assert_string_equal(problems(), "repository main is damaged, says its last check; no good backup of shop was ever made; only 1000 B are free where repository main is");
	found_out(false, (uint64_t)1 << 40);
	assert_string_equal(problems(), "no good backup of shop was ever made");
}

static void two_runs_and_a_little_make_a_source_overdue(void **state)
{
	add_source("shop");
	add_daily("nightly", NULL, 2, NULL);
	world_until(BEGINNING + 3 * HOUR);
	world_jump(2 * DAY);
	assert_string_equal(problems(), "");
	world_jump(HOUR + 60);
	assert_string_equal(problems(), "no good backup of shop for 2 d 2 h");
}

static void a_backup_from_the_future_is_no_good_one(void **state)
{
	add_source("shop");
	add_daily("nightly", NULL, 2, NULL);
	world_jump(400 * DAY);
	world_until(world.now.tv_sec + 3 * HOUR);
	world_jump(-400 * DAY + 3 * DAY);
	assert_string_equal(problems(), "the last good backup of shop is of a time that is yet to come: a clock was wrong");
}

static void health_tells_strangers_only_whether_all_is_well(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct json_out w;

	status_daemon_started(world.now);
	found_out(true, (uint64_t)1 << 40);
	world_jump(90);
	add_job("backup", "shop");
	load();
	jw_init(&w, &b);
	status_health_json(&status, false, &w);
	assert_string_equal(buf_text(&b), "{\"status\":\"warning\",\"version\":\"" BACKSTAY_VERSION "\",\"uptime_seconds\":90}");
	buf_clear(&b);
	jw_init(&w, &b);
	status_health_json(&status, true, &w);
	assert_string_equal(buf_text(&b), "{\"status\":\"warning\",\"version\":\"" BACKSTAY_VERSION "\",\"uptime_seconds\":90,\"queued\":1,\"running\":0,"
					  "\"problems\":[\"repository main is damaged, says its last check\"],\"sources\":[]}");
	status_daemon_started((struct timespec){0});
}

static struct fate fails(struct world *w, const struct job_record *j)
{
	return (struct fate){.seconds = 5, .state = JOB_FAILED, .kind = ERR_IO};
}

static void prove_the_backup(void)
{
	CLEANUP(known_list_release) struct known_list l = {0};
	const struct known_filter all = {0};

	assert_ok(known_list_some(world.c, &all, &(struct catalog_page){0}, &l, NULL, &e));
	assert_int_equal(l.n, 1);
	assert_ok(known_remove(world.c, l.v[0].place, l.v[0].id, &e));
	l.v[0].original = mem_string(l.v[0].id);        /* a tag has made another of it */
	memset(l.v[0].id, 'a', 64);
	l.v[0].level = 3;
	l.v[0].verified = world.now;
	assert_ok(known_put(world.c, &l.v[0], &e));
}

static void the_overview_has_the_runs_of_each_source_and_what_is_proven(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct json_out w;

	add_source("blog");
	add_source("shop");
	add_daily("nightly", "shop", 2, NULL);
	world_until(BEGINNING + 3 * HOUR);
	prove_the_backup();
	world.fate = fails;
	world_until(BEGINNING + DAY + 3 * HOUR);
	add_job("backup", "shop");        /* it waits: that is no run yet */
	jw_init(&w, &b);
	assert_ok(overview_json(world.c, world.now, &w, &e));
	assert_string_equal(buf_text(&b),
			    "{\"problems\":[],\"running\":[],\"sources\":[{\"name\":\"blog\",\"last_good\":null,\"bytes\":0,\"overdue\":false,\"deadline\":null,\"next_run\":null,\"proven\":null,\"runs\":[]},"
			    "{\"name\":\"shop\",\"last_good\":\"2026-11-28T02:00:05Z\",\"bytes\":1000,\"overdue\":false,\"deadline\":\"2026-11-30T04:00:00Z\",\"next_run\":\"2026-11-30T02:00:00Z\","
			    "\"proven\":{\"id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"time\":\"2026-11-28T02:00:05Z\",\"verified\":\"2026-11-28T03:00:00Z\",\"verification\":\"restored\"},"
			    "\"runs\":[{\"state\":\"success\",\"partial\":false,\"time\":\"2026-11-28T02:00:00Z\",\"verification\":\"restored\"},"
			    "{\"state\":\"failed\",\"partial\":false,\"time\":\"2026-11-29T02:00:00Z\",\"verification\":null}]}]}");
}

static void metrics_are_prometheus_text(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;

	add_source("shop");
	add_daily("nightly", "shop", 2, NULL);
	world_until(BEGINNING + 3 * HOUR);
	found_out(false, 777);
	load();
	free(status.places[0].name);
	status.places[0].name = mem_string("a\"b\\c\nd");
	status_metrics(&status, &b);
	const char *text = buf_text(&b);

	static const char *const lines[] = {
		"# HELP backstay_jobs Jobs in the history, by state.\n# TYPE backstay_jobs gauge\nbackstay_jobs{state=\"queued\"} 0\n",
		"backstay_jobs{state=\"success\"} 1\n",
		"backstay_last_good_backup_timestamp_seconds{source=\"shop\"} 1795831205\n",
		"backstay_source_bytes{source=\"shop\"} 1000\n",
		"backstay_source_overdue{source=\"shop\"} 0\n",
		"backstay_repository_free_bytes{repository=\"a\\\"b\\\\c\\nd\"} 777\n",
		"backstay_schedule_next_run_timestamp_seconds{schedule=\"nightly\"} 1795917600\n",
		"backstay_notices_waiting 0\n",
	};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		if (!strstr(text, lines[i]))
			fail_msg("not there: %s\nin:\n%s", lines[i], text);
	assert_int_equal(text[b.len - 1], '\n');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_CATALOG(nothing_configured_is_nothing_wrong),
		IN_CATALOG(a_source_without_a_schedule_is_never_overdue),
		IN_CATALOG(what_somebody_should_look_at_is_said_the_worst_first),
		IN_CATALOG(two_runs_and_a_little_make_a_source_overdue),
		IN_CATALOG(a_backup_from_the_future_is_no_good_one),
		IN_CATALOG(health_tells_strangers_only_whether_all_is_well),
		IN_CATALOG(the_overview_has_the_runs_of_each_source_and_what_is_proven),
		IN_CATALOG(metrics_are_prometheus_text),
	};

	return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
