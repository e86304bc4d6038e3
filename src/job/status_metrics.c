/* The status as Prometheus reads it: https://prometheus.io/docs/instrumenting/exposition_formats/ (text format 0.0.4). */
#include "job/status.h"

#define METRIC "backstay_"

static void family(struct buf *out, const char *name, const char *help)
{
	buf_printf(out, "# HELP " METRIC "%s %s\n# TYPE " METRIC "%s gauge\n", name, help, name);
}

/* In a label a backslash, a quote and a line feed are escaped. */
static void label(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "{%s=\"", name);
	for (const char *p = value; *p; p++)
		if (*p == '\n')
			buf_add_str(out, "\\n");
		else {
			if (*p == '\\' || *p == '"')
				buf_add_byte(out, '\\');
			buf_add_byte(out, (unsigned char)*p);
		}
	buf_add_str(out, "\"}");
}

static void sample(struct buf *out, const char *name, const char *label_name, const char *value, uint64_t n)
{
	buf_printf(out, METRIC "%s", name);
	if (label_name)
		label(out, label_name, value);
	buf_printf(out, " %llu\n", (unsigned long long)n);
}

static void single(struct buf *out, const char *name, const char *help, uint64_t n)
{
	family(out, name, help);
	sample(out, name, NULL, NULL, n);
}

static uint64_t seconds(struct timespec t)
{
	return t.tv_sec > 0 ? (uint64_t)t.tv_sec : 0;
}

static void jobs(const struct status *s, struct buf *out)
{
	family(out, "jobs", "Jobs in the history, by state.");
	for (int i = 0; i < JOB_STATES; i++)
		sample(out, "jobs", "state", job_state_name((enum job_state)i), s->jobs[i]);
}

/* One figure of every source, repository or schedule. */
#define EACH(s, count, v, metric, of, help, value) \
	do { \
		family(out, metric, help); \
		for (size_t i = 0; i < (s)->count; i++) \
			sample(out, metric, of, (s)->v[i].name, value); \
	} while (0)

static void sources(const struct status *s, struct buf *out)
{
	EACH(s, source_count, sources, "last_good_backup_timestamp_seconds", "source", "When the newest good backup was made; 0: there is none.",
	     seconds(s->sources[i].last_good));
	EACH(s, source_count, sources, "source_bytes", "source", "Size of the source in its newest good backup.", s->sources[i].bytes);
	EACH(s, source_count, sources, "source_overdue", "source", "1: there is no good backup for too long.", s->sources[i].overdue);
}

static void places(const struct status *s, struct buf *out)
{
	EACH(s, place_count, places, "repository_bytes", "repository", "Size of the repository's files.", s->places[i].bytes);
	EACH(s, place_count, places, "repository_free_bytes", "repository", "Free space where the repository is.", s->places[i].bytes_free);
	EACH(s, place_count, places, "repository_low_space", "repository", "1: little space is left.", s->places[i].low_space);
	EACH(s, place_count, places, "repository_damaged", "repository", "1: the last check found damage.", s->places[i].check_failed);
}

static void schedules(const struct status *s, struct buf *out)
{
	EACH(s, schedule_count, schedules, "schedule_enabled", "schedule", "1: it runs.", s->schedules[i].enabled);
	EACH(s, schedule_count, schedules, "schedule_next_run_timestamp_seconds", "schedule", "When it is due next; 0: never.",
	     seconds(s->schedules[i].next_run));
	EACH(s, schedule_count, schedules, "schedule_last_run_timestamp_seconds", "schedule", "When it was due last; 0: never.",
	     seconds(s->schedules[i].last_run));
}

void status_metrics(const struct status *s, struct buf *out)
{
	family(out, "build_info", "The version that is running.");
	sample(out, "build_info", "version", BACKSTAY_VERSION, 1);
	single(out, "daemon_start_timestamp_seconds", "When the daemon began; 0: none.", seconds(s->daemon_started));
	jobs(s, out);
	sources(s, out);
	places(s, out);
	schedules(s, out);
	single(out, "notices_waiting", "Messages that wait to be sent.", s->notices_waiting);
	single(out, "notices_failed", "Messages that could not be sent and were given up.", s->notices_failed);
}
