/* Statistics over the catalog. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "catalog/job.h"
#include "catalog/known.h"
#include "catalog/place.h"
#include "catalog/source.h"
#include "job/statistics.h"

#include <stdlib.h>
#include <string.h>

#define DAY 86400
#define NOON 1764072000      /* 2025-11-25 12:00:00 UTC */

static struct catalog *catalog;
static struct error e;

static int begin(void **state)
{
	if (room_enter(state))
		return -1;
	setenv("TZ", "UTC", 1);
	tzset();
	e = (struct error){0};
	assert_int_equal(fs_make_dirs(at("state"), 0700, &e), 0);
	return catalog_open(at("state"), &catalog, &e);
}

static int end(void **state)
{
	catalog_close(catalog);
	time_freeze(NULL);
	return room_leave(state);
}

static void clock_at(int64_t seconds)
{
	time_freeze(&(struct timespec){.tv_sec = seconds});
}

static void add_source(const char *name)
{
	CLEANUP(source_record_release) struct source_record s = {.name = mem_string(name), .url = mem_printf("/srv/%s.db", name), .shown = mem_printf("/srv/%s.db", name),
								 .engine = mem_string("sqlite"), .check = mem_string("auto")};

	assert_int_equal(source_add(catalog, &s, &e), 0);
}

static int64_t new_place(const char *name, uint64_t bytes)
{
	CLEANUP(place_record_release) struct place_record p = {.name = mem_string(name), .location = mem_printf("/srv/%s", name), .bytes = bytes, .bytes_free = 7};

	assert_int_equal(place_add(catalog, &p, &e), 0);
	p.bytes = bytes;
	p.bytes_free = 7;
	assert_int_equal(place_found(catalog, &p, &e), 0);
	return p.id;
}

/* A backup job of one source or two that ended, 10 seconds long. */
static void add_job(int64_t when, const char *kind, const char *one, const char *two, enum job_state state, uint64_t size)
{
	CLEANUP(job_record_release) struct job_record j = {.kind = mem_string(kind), .title = mem_string(kind), .author = mem_string("maria"), .pid = 1};

	strlist_add(&j.sources, one);
	if (two)
		strlist_add(&j.sources, two);
	clock_at(when);
	assert_int_equal(job_add(catalog, &j, &e), 0);
	clock_at(when + 10);
	j.state = state;
	j.size = size;
	j.added = size / 10;
	assert_int_equal(job_end(catalog, &j, &e), 0);
}

static void add_backup(int64_t when, int64_t place, const char *source, uint64_t bytes, bool safety)
{
	static int n;
	struct known_source s = {.name = (char *)source, .engine = (char *)"sqlite", .shown = (char *)source, .bytes = bytes};
	struct known_backup b = {.place = place, .time = {.tv_sec = when}, .name = (char *)"x", .host = (char *)"h", .sources = &s, .source_count = 1, .bytes = bytes, .safety = safety};

	snprintf(b.id, sizeof b.id, "%064d", ++n);
	assert_int_equal(known_put(catalog, &b, &e), 0);
}

static char *statistics(uint64_t days, const char *source)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct json_out w;

	jw_init(&w, &b);
	if (statistics_json(catalog, (struct timespec){.tv_sec = NOON}, days, source, &w, &e))
		fail_msg("%s", e.text);
	return buf_take_text(&b);
}

static void assert_has(const char *text, const char *expected)
{
	if (!strstr(text, expected))
		fail_msg("%s\nis not in\n%s", expected, text);
}

static void a_span_is_1_to_3660_days(void **state)
{
	struct json_out w;
	CLEANUP(buf_release) struct buf b = BUF_INIT;

	jw_init(&w, &b);
	assert_int_equal(statistics_json(catalog, (struct timespec){.tv_sec = NOON}, 0, NULL, &w, &e), -ERR_USAGE);
	assert_string_equal(e.text, "statistics are of 1 to 3660 days, not of 0");
	assert_int_equal(statistics_json(catalog, (struct timespec){.tv_sec = NOON}, 3661, NULL, &w, &e), -ERR_USAGE);
}

static void an_empty_catalog_has_days_and_no_rates(void **state)
{
	AUTO_FREE char *got = statistics(2, NULL);

	assert_string_equal(got, "{\"from\":\"2025-11-24T00:00:00Z\",\"to\":\"2025-11-26T00:00:00Z\",\"totals\":{\"backups\":0,\"backup_bytes\":0,\"oldest\":null,\"newest\":null,\"repository_bytes\":0,"
		"\"saved\":null,\"period\":{\"runs\":0,\"successful\":0,\"partial\":0,\"failed\":0,\"interrupted\":0,\"cancelled\":0,\"success_rate\":null,\"bytes\":0,\"added\":0,\"seconds_average\":null}},"
		"\"days\":[{\"day\":\"2025-11-24\",\"runs\":0,\"successful\":0,\"partial\":0,\"failed\":0,\"interrupted\":0,\"cancelled\":0,\"success_rate\":null,\"bytes\":0,\"added\":0,\"seconds_average\":null},"
		"{\"day\":\"2025-11-25\",\"runs\":0,\"successful\":0,\"partial\":0,\"failed\":0,\"interrupted\":0,\"cancelled\":0,\"success_rate\":null,\"bytes\":0,\"added\":0,\"seconds_average\":null}],"
		"\"sources\":[],\"repositories\":[]}");
}

/* shop: good yesterday and today, failed today, and one before the span; with media: one that counts once as a run, and for each as a source. */
static void fill(void)
{
	int64_t main = new_place("main", 500), second = new_place("second", 100);

	add_source("shop");
	add_source("media");
	add_source("new");
	add_job(NOON - 5 * DAY, "backup", "shop", NULL, JOB_SUCCESS, 1000);
	add_job(NOON - DAY, "backup", "shop", NULL, JOB_SUCCESS, 1100);
	add_job(NOON - 3600, "backup", "shop", "media", JOB_SUCCESS, 1500);
	add_job(NOON - 1800, "backup", "shop", NULL, JOB_FAILED, 0);
	add_job(NOON - 1700, "backup", "shop", NULL, JOB_CANCELLED, 0);
	add_job(NOON - 1600, "backup", "media", NULL, JOB_INTERRUPTED, 0);
	add_job(NOON - 1500, "restore", "shop", NULL, JOB_FAILED, 0);
	add_backup(NOON - 5 * DAY, main, "shop", 1000, false);
	add_backup(NOON - DAY, main, "shop", 1100, false);
	add_backup(NOON - 3600, second, "shop", 1200, false);
	add_backup(NOON - 3600, second, "media", 300, false);
	add_backup(NOON - 1800, second, "media", 9999, true);
}

static void runs_are_counted_by_day_and_once_however_many_sources_they_had(void **state)
{
	fill();
	AUTO_FREE char *got = statistics(2, NULL);
	assert_has(got, "\"totals\":{\"backups\":4,\"backup_bytes\":3600,\"oldest\":\"2025-11-20T12:00:00Z\",\"newest\":\"2025-11-25T11:00:00Z\",\"repository_bytes\":600,\"saved\":0.8333333333333334,"
			"\"period\":{\"runs\":5,\"successful\":2,\"partial\":0,\"failed\":1,\"interrupted\":1,\"cancelled\":1,\"success_rate\":0.5,\"bytes\":2600,\"added\":260,\"seconds_average\":10}}");
	assert_has(got, "{\"day\":\"2025-11-24\",\"runs\":1,\"successful\":1,\"partial\":0,\"failed\":0,\"interrupted\":0,\"cancelled\":0,\"success_rate\":1,\"bytes\":1100,\"added\":110,\"seconds_average\":10}");
	assert_has(got, "{\"day\":\"2025-11-25\",\"runs\":4,\"successful\":1,\"partial\":0,\"failed\":1,\"interrupted\":1,\"cancelled\":1,");
}

static void each_source_has_what_is_stored_and_its_runs(void **state)
{
	fill();
	AUTO_FREE char *got = statistics(2, NULL);
	assert_has(got, "\"sources\":[{\"name\":\"media\",\"backups\":1,\"backup_bytes\":300,\"oldest\":\"2025-11-25T11:00:00Z\",\"newest\":\"2025-11-25T11:00:00Z\",\"size\":300,\"grown\":null,"
			"\"period\":{\"runs\":2,\"successful\":1,\"partial\":0,\"failed\":0,\"interrupted\":1,");
	assert_has(got, "{\"name\":\"new\",\"backups\":0,\"backup_bytes\":0,\"oldest\":null,\"newest\":null,\"size\":0,\"grown\":null,\"period\":{\"runs\":0,");
	assert_has(got, "{\"name\":\"shop\",\"backups\":3,\"backup_bytes\":3300,\"oldest\":\"2025-11-20T12:00:00Z\",\"newest\":\"2025-11-25T11:00:00Z\",\"size\":1200,\"grown\":200,"
			"\"period\":{\"runs\":4,\"successful\":2,\"partial\":0,\"failed\":1,\"interrupted\":0,\"cancelled\":1,");
	AUTO_FREE char *one = statistics(2, "shop");
	assert_has(one, "\"period\":{\"runs\":4,\"successful\":2,");
	assert_has(one, "\"sources\":[{\"name\":\"shop\",\"backups\":3,");
	assert_null(strstr(one, "media"));
}

static void each_repository_has_what_is_stored_and_saved(void **state)
{
	fill();
	AUTO_FREE char *got = statistics(2, NULL);
	assert_has(got, "\"repositories\":[{\"name\":\"main\",\"backups\":2,\"backup_bytes\":2100,\"oldest\":\"2025-11-20T12:00:00Z\",\"newest\":\"2025-11-24T12:00:00Z\",\"bytes\":500,\"bytes_free\":7,"
			"\"saved\":0.7619047619047619},{\"name\":\"second\",\"backups\":2,\"backup_bytes\":1500,");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_span_is_1_to_3660_days, begin, end),
		cmocka_unit_test_setup_teardown(an_empty_catalog_has_days_and_no_rates, begin, end),
		cmocka_unit_test_setup_teardown(runs_are_counted_by_day_and_once_however_many_sources_they_had, begin, end),
		cmocka_unit_test_setup_teardown(each_source_has_what_is_stored_and_its_runs, begin, end),
		cmocka_unit_test_setup_teardown(each_repository_has_what_is_stored_and_saved, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
