/* Jobs as JSON (docs/catalog.md). */
#include "catalog/field.h"
#include "catalog/job.h"

#include <string.h>

/* Of the first seconds of a phase nothing sensible can be said. */
#define TELLS_AFTER 2.0

#define FIELD(name, type) {#name, type, offsetof(struct job_record, name), FIELD_OUT}
static const struct field about[] = {
	FIELD(partial, FIELD_BOOL),
	FIELD(title, FIELD_TEXT),
	FIELD(sources, FIELD_LIST),
	FIELD(repository, FIELD_TEXT),
	FIELD(author, FIELD_TEXT),
	FIELD(notes, FIELD_TEXT),
	FIELD(attempt, FIELD_INT),
	FIELD(attempts, FIELD_INT),
	FIELD(retry_of, FIELD_TEXT),
	FIELD(undo_of, FIELD_TEXT),
	FIELD(backup, FIELD_TEXT),
	FIELD(created, FIELD_TIME),
	FIELD(not_before, FIELD_TIME),
	FIELD(started, FIELD_TIME),
	FIELD(ended, FIELD_TIME),
	FIELD(time_limit, FIELD_U64),
	{"cancel_asked", FIELD_BOOL, offsetof(struct job_record, cancel), FIELD_OUT},
	FIELD(size, FIELD_U64),
	FIELD(added, FIELD_U64),
	FIELD(rows, FIELD_U64),
	FIELD(files, FIELD_U64),
	{0},
};
static const struct field progress[] = {
	FIELD(phase, FIELD_TEXT),
	FIELD(unit, FIELD_TEXT),
	FIELD(bytes_done, FIELD_U64),
	FIELD(bytes_total, FIELD_U64),
	FIELD(items_done, FIELD_U64),
	FIELD(items_total, FIELD_U64),
	{"time", FIELD_TIME, offsetof(struct job_record, beat), FIELD_OUT},
	{0},
};

static void write_double(struct json_out *w, const char *name, bool known, double v)
{
	jw_name(w, name);
	if (known)
		jw_double(w, v);
	else
		jw_null(w);
}

static bool is_time(struct timespec t)
{
	return t.tv_sec != 0 || t.tv_nsec != 0;
}

/* The rate of the phase so far, and how long it takes at that rate; bytes are told before items. */
static void write_pace(const struct job_record *j, struct json_out *w)
{
	double seconds = is_time(j->beat) && is_time(j->phase_began) ? time_between(j->phase_began, j->beat) : 0;
	bool bytes = j->bytes_total > 0;
	uint64_t done = bytes ? j->bytes_done : j->items_done, total = bytes ? j->bytes_total : j->items_total;
	bool tells = seconds >= TELLS_AFTER && done > 0 && done <= total;
	write_double(w, "bytes_per_second", seconds >= TELLS_AFTER && j->bytes_done > 0, seconds > 0 ? (double)j->bytes_done / seconds : 0);
	write_double(w, "seconds_left", tells, tells ? seconds * (double)(total - done) / (double)done : 0);
}

static void write_progress(const struct job_record *j, struct json_out *w)
{
	jw_name(w, "progress");
	if (j->state != JOB_RUNNING || !is_time(j->beat)) {
		jw_null(w);
		return;
	}
	jw_object(w);
	field_write(progress, j, w);
	write_pace(j, w);
	jw_object_end(w);
}

static void write_error(const struct job_record *j, struct json_out *w)
{
	jw_name(w, "error");
	if (!j->error) {
		jw_null(w);
		return;
	}
	jw_object(w);
	jw_kv_string(w, "kind", j->error_kind);
	jw_kv_string(w, "message", j->error);
	jw_kv_string(w, "hint", j->hint);
	jw_object_end(w);
}

void job_json(const struct job_record *j, struct json_out *w)
{
	jw_object(w);
	jw_kv_string(w, "id", j->id);
	jw_kv_string(w, "kind", j->kind);
	jw_kv_string(w, "state", job_state_name(j->state));
	field_write(about, j, w);
	jw_name(w, "schedule");
	if (j->schedule)
		jw_i64(w, j->schedule);
	else
		jw_null(w);
	write_double(w, "seconds", is_time(j->started) && is_time(j->ended), time_between(j->started, j->ended));
	write_progress(j, w);
	write_error(j, w);
	jw_name(w, "result");
	if (j->result)
		jw_raw(w, j->result, strlen(j->result));
	else
		jw_null(w);
	jw_object_end(w);
}
