/* A catalog as it is after a year of much work: load_fill STATE_DIR JOBS
 *
 * 40 sources in 4 repositories, a schedule each, JOBS jobs and as many backups, verified and with evidence, log lines for every
 * tenth job, and a trail of audits and messages, all by the functions that the program itself writes with. */
#include "base/codec.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "catalog/audit.h"
#include "catalog/job.h"
#include "catalog/known.h"
#include "catalog/notice.h"
#include "catalog/place.h"
#include "catalog/schedule.h"
#include "catalog/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOURCES 40
#define PLACES 4
#define DAYS 300
#define AT_ONCE 2000      /* a transaction */

static struct catalog *c;
static struct error e;
static char *sources[SOURCES], *places[PLACES];
static int64_t place_ids[PLACES], schedule_ids[SOURCES];

static void need(int rc)
{
	if (rc) {
		fprintf(stderr, "load_fill: %s\n", e.text);
		exit(1);
	}
}

/* So many of `n` since it began; the clock is set to it. */
static struct timespec at(int64_t now, uint64_t i, uint64_t n)
{
	struct timespec t = {.tv_sec = now - DAYS * 86400 + (int64_t)(i * DAYS * 86400 / n)};

	time_freeze(&t);
	return t;
}

static void add_place(int i)
{
	struct place_record p = {.name = mem_printf("main-%d", i), .location = mem_printf("/srv/backups/main-%d", i), .bytes = 1000000000u * (unsigned)(i + 1), .bytes_free = 50000000000};

	need(place_add(c, &p, &e));
	places[i] = mem_string(p.name);
	place_ids[i] = p.id;
	place_record_release(&p);
}

static void add_source(int i)
{
	struct source_record s = {.name = mem_printf("shop-%02d", i), .url = mem_printf("/srv/data/shop-%02d.db", i), .shown = mem_printf("/srv/data/shop-%02d.db", i), .engine = mem_string("sqlite"),
				  .check = mem_string("auto"), .repository = mem_string(places[i % PLACES])};
	struct schedule_record r = {.name = mem_printf("nightly-%02d", i), .enabled = false, .kind = SCHEDULE_DAILY, .hour = i % 24, .day = 1, .repository = mem_string(places[i % PLACES]),
				    .keep = {.days = 30}, .catch_up = true};

	need(source_add(c, &s, &e));
	sources[i] = mem_string(s.name);
	strlist_add(&r.sources, s.name);
	need(schedule_add(c, &r, &e));
	schedule_ids[i] = r.id;
	source_record_release(&s);
	schedule_record_release(&r);
}

static void add_lines(const char *id)
{
	for (int i = 0; i < 5; i++) {
		char text[80];

		snprintf(text, sizeof text, "table %d: 12,345 rows, 1.2 MiB", i);
		need(job_log(c, id, 6, text, &e));
	}
}

static void add_job(uint64_t i, char id[JOB_ID_LEN + 1], const char *backup)
{
	static const char *const kinds[] = {"backup", "backup", "backup", "backup", "backup", "backup", "verify", "cleanup", "export", "restore"};
	int source = (int)(i % SOURCES);
	const char *kind = kinds[i / SOURCES % ARRAY_LEN(kinds)];
	struct job_record j = {.kind = mem_string(kind), .title = mem_printf("%s %s", kind, sources[source]), .author = mem_printf("schedule nightly-%02d", source),
			       .repository = mem_string(places[source % PLACES]), .schedule = schedule_ids[source], .attempt = 1, .attempts = 1, .pid = 1};
	bool failed = i % 37 == 0;

	strlist_add(&j.sources, sources[source]);
	need(job_add(c, &j, &e));
	memcpy(id, j.id, JOB_ID_LEN + 1);
	if (i % 10 == 0)
		add_lines(id);
	j.state = failed ? JOB_FAILED : JOB_SUCCESS;
	j.backup = failed ? NULL : mem_string(backup);
	if (failed) {
		j.error_kind = mem_string("io");
		j.error = mem_string("the server at db:5432 does not answer");
		j.hint = mem_string("is it running, and may this machine connect to it?");
	}
	j.size = 1000000 + i;
	j.added = 10000 + i % 1000;
	j.rows = 5000;
	j.result = mem_printf("{\"id\":\"%s\",\"bytes\":%llu}", backup, (unsigned long long)j.size);
	need(job_end(c, &j, &e));
	job_record_release(&j);
}

static void add_backup(uint64_t i, struct timespec time, const char *id, const char *job)
{
	int source = (int)(i % SOURCES);
	struct known_source s = {.name = sources[source], .engine = (char *)"sqlite", .shown = mem_printf("/srv/data/%s.db", sources[source]), .bytes = 1000000 + i, .rows = 5000, .tables = 14};
	struct known_backup b = {.place = place_ids[source % PLACES], .time = time, .name = mem_printf("nightly %llu", (unsigned long long)i), .host = mem_string("web1"), .sources = &s,
				 .source_count = 1, .bytes = s.bytes, .added = 10000, .seconds = 3.5, .level = (int)(i % 5), .verified = time, .pinned = i % 500 == 0, .job = mem_string(job)};

	memcpy(b.id, id, sizeof b.id);
	strlist_add(&b.evidence, "every byte was read and hashed");
	need(known_put(c, &b, &e));
	b.sources = NULL;
	b.source_count = 0;
	known_backup_release(&b);
	free(s.shown);
}

static void add_messages(uint64_t n)
{
	struct notice_record notice = {.name = mem_string("hook"), .kind = mem_string("webhook"), .url = mem_string("http://127.0.0.1:1/")};

	need(notice_add(c, &notice, &e));
	for (uint64_t i = 0; i < n; i++) {
		struct delivery_record d = {.notice = notice.id, .event = NOTICE_FAILURE, .title = (char *)"The backup of shop-00 failed: no space left on device", .text = (char *)"What to do: make room\n"};

		need(delivery_add(c, &d, &e));
		d.sent = d.created;
		d.tries = 1;
		need(delivery_update(c, &d, &e));
	}
	notice_record_release(&notice);
}

static void add_work(int64_t now, uint64_t jobs)
{
	for (uint64_t i = 0; i < jobs; i++) {
		unsigned char raw[32];
		char backup[65], job[JOB_ID_LEN + 1];

		if (i % AT_ONCE == 0)
			need(catalog_begin(c, &e));
		struct timespec t = at(now, i, jobs);
		random_bytes(raw, sizeof raw);
		hex_encode(raw, sizeof raw, backup);
		add_job(i, job, backup);
		add_backup(i, t, backup, job);
		if (i % 10 == 0)
			need(audit_add(c, "maria", "127.0.0.1", "job-start", sources[i % SOURCES], &e, "backup"));
		if (i % AT_ONCE == AT_ONCE - 1 || i + 1 == jobs)
			need(catalog_commit(c, &e));
	}
}

int main(int argc, char **argv)
{
	uint64_t jobs = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
	int64_t now = time_now().tv_sec;

	if (!jobs) {
		fputs("usage: load_fill STATE_DIR JOBS\n", stderr);
		return 2;
	}
	need(catalog_open(argv[1], &c, &e));
	need(catalog_begin(c, &e));
	at(now, 0, jobs);
	for (int i = 0; i < PLACES; i++)
		add_place(i);
	for (int i = 0; i < SOURCES; i++)
		add_source(i);
	need(catalog_commit(c, &e));
	add_work(now, jobs);
	need(catalog_begin(c, &e));
	add_messages(jobs / 10);
	need(catalog_commit(c, &e));
	catalog_close(c);
	for (int i = 0; i < SOURCES; i++)
		free(sources[i]);
	for (int i = 0; i < PLACES; i++)
		free(places[i]);
	return 0;
}
