#include "catalog/job.h"

#include "base/codec.h"
#include "base/mem.h"
#include "catalog/db.h"

#include <stdlib.h>
#include <string.h>

static const char *const state_names[JOB_STATES] = {
	[JOB_QUEUED] = "queued", [JOB_RUNNING] = "running", [JOB_SUCCESS] = "success",
	[JOB_FAILED] = "failed", [JOB_CANCELLED] = "cancelled", [JOB_INTERRUPTED] = "interrupted",
};

const char *job_state_name(enum job_state s)
{
	return state_names[s];
}

bool job_state_parse(const char *text, enum job_state *out)
{
	for (int s = 0; s < JOB_STATES; s++)
		if (!strcmp(text, state_names[s])) {
			*out = (enum job_state)s;
			return true;
		}
	return false;
}

void job_record_release(struct job_record *j)
{
	char *const texts[] = {j->kind, j->title, j->repository, j->author, j->notes, j->retry_of, j->undo_of, j->backup, j->phase, j->unit, j->error_kind, j->error, j->hint, j->result};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(texts[i]);
	strlist_release(&j->words);
	strlist_release(&j->sources);
	strlist_release(&j->locks);
	*j = (struct job_record){0};
}

void job_list_release(struct job_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		job_record_release(&l->v[i]);
	free(l->v);
	*l = (struct job_list){0};
}

/* ---- a row ---- */

#define COLUMNS \
	"job.n, job.id, job.kind, job.state, job.partial, job.title, job.sources, job.locks, job.repository, job.schedule, " \
	"job.author, job.notes, job.attempt, job.attempts, job.retry_of, job.undo_of, job.backup, job.created, job.not_before, " \
	"job.started, job.ended, job.time_limit, job.cancel, job.phase, job.unit, job.phase_began, job.bytes_done, " \
	"job.bytes_total, job.items_done, job.items_total, job.beat, job.pid, job.error_kind, job.error, job.hint, job.size, " \
	"job.added, job.rows, job.files"
enum column {
	N, ID, KIND, STATE, PARTIAL, TITLE, SOURCES, LOCKS, REPOSITORY, SCHEDULE, AUTHOR, NOTES, ATTEMPT, ATTEMPTS, RETRY_OF, UNDO_OF,
	BACKUP, CREATED, NOT_BEFORE, STARTED, ENDED, TIME_LIMIT, CANCEL, PHASE, UNIT, PHASE_BEGAN, BYTES_DONE, BYTES_TOTAL, ITEMS_DONE,
	ITEMS_TOTAL, BEAT, PID, ERROR_KIND, ERROR, HINT, SIZE, ADDED, ROWS, FILES, WORDS, RESULT
};

static void read_progress(const struct db_row *q, struct job_record *j)
{
	j->phase = db_dup(q, PHASE);
	j->unit = db_dup(q, UNIT);
	j->phase_began = db_time(q, PHASE_BEGAN);
	j->bytes_done = db_u64(q, BYTES_DONE);
	j->bytes_total = db_u64(q, BYTES_TOTAL);
	j->items_done = db_u64(q, ITEMS_DONE);
	j->items_total = db_u64(q, ITEMS_TOTAL);
	j->beat = db_time(q, BEAT);
	j->pid = (int)db_i64(q, PID);
}

static void read_end(const struct db_row *q, struct job_record *j)
{
	j->error_kind = db_dup(q, ERROR_KIND);
	j->error = db_dup(q, ERROR);
	j->hint = db_dup(q, HINT);
	j->size = db_u64(q, SIZE);
	j->added = db_u64(q, ADDED);
	j->rows = db_u64(q, ROWS);
	j->files = db_u64(q, FILES);
}

static int read_row(const struct db_row *q, void *record, struct error *e)
{
	struct job_record *j = record;
	if (!job_state_parse(db_text(q, STATE), &j->state) || strlen(db_text(q, ID)) != JOB_ID_LEN)
		return error_set(e, ERR_CORRUPT, "job %s of the catalog is damaged", db_text(q, ID));
	memcpy(j->id, db_text(q, ID), JOB_ID_LEN);
	j->kind = db_dup(q, KIND);
	j->partial = db_bool(q, PARTIAL);
	j->title = db_dup(q, TITLE);
	db_list(q, SOURCES, &j->sources);
	db_list(q, LOCKS, &j->locks);
	j->repository = db_dup(q, REPOSITORY);
	j->schedule = db_i64(q, SCHEDULE);
	j->author = db_dup(q, AUTHOR);
	j->notes = db_dup(q, NOTES);
	j->attempt = (int)db_i64(q, ATTEMPT);
	j->attempts = (int)db_i64(q, ATTEMPTS);
	j->retry_of = db_dup(q, RETRY_OF);
	j->undo_of = db_dup(q, UNDO_OF);
	j->backup = db_dup(q, BACKUP);
	j->created = db_time(q, CREATED);
	j->not_before = db_time(q, NOT_BEFORE);
	j->started = db_time(q, STARTED);
	j->ended = db_time(q, ENDED);
	j->time_limit = db_u64(q, TIME_LIMIT);
	j->cancel = db_bool(q, CANCEL);
	read_progress(q, j);
	read_end(q, j);
	return 0;
}

/* Words are bytes, which a list of JSON strings cannot carry: a zero ends each. */
static void pack_words(const struct strlist *words, struct secret *out)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	for (size_t i = 0; i < words->n; i++)
		buf_add(&b, words->v[i], strlen(words->v[i]) + 1);
	if (b.len) {
		secret_set(out, b.p, b.len);
		secret_wipe(b.p, b.len);
	}
}

static int read_words(const struct db_row *q, struct job_record *j, struct error *e)
{
	CLEANUP(secret_release) struct secret packed = {0};
	AUTO_FREE char *about = mem_printf("job.words %s", j->id);
	int rc = db_secret(q, WORDS, about, &packed, e);
	for (size_t at = 0; !rc && at < packed.len; at += strlen((char *)packed.p + at) + 1)
		strlist_add(&j->words, (char *)packed.p + at);
	return rc;
}

/* ---- locks ---- */

/* What holds one of these locks, told. */
static int check_locks(struct catalog *c, const struct job_record *j, struct error *e)
{
	struct db_row q = {0};
	int rc = j->locks.n == 0 ? 0 : db_query(c, &q, e,
		"SELECT id, title, started FROM job WHERE state = 'running' AND id <> ?1 AND EXISTS (SELECT 1 FROM json_each(job.locks) AS held "
		"WHERE held.value IN (SELECT value FROM json_each(?2))) ORDER BY n LIMIT 1", "sl", j->id, &j->locks);
	if (!rc && q.statement && db_next(&q, &rc, e)) {
		char since[32];
		time_to_local(db_time(&q, 2), since);
		rc = error_set(e, ERR_LOCKED, "%s is running since %s (job %s)", db_text(&q, 1), since, db_text(&q, 0));
		error_hint_typed(e, "wait for its end, or cancel it",
					": --wait 10m, or backstay job cancel %s", db_text(&q, 0));
	}
	db_done(&q);
	return rc;
}

/* ---- making ---- */

static void name_it(struct job_record *j)
{
	unsigned char bytes[JOB_ID_LEN / 2];
	random_bytes(bytes, sizeof bytes);
	hex_encode(bytes, sizeof bytes, j->id);
}

static int insert_sources(struct catalog *c, const struct job_record *j, int64_t n, struct timespec created, struct error *e)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < j->sources.n; i++)
		rc = db_run(c, e, "INSERT OR IGNORE INTO job_source (source, created, job) VALUES (?1, ?2, ?3)", "sti", j->sources.v[i], created, n);
	return rc;
}

static int insert(struct catalog *c, const struct job_record *j, const struct secret *words, const char *about, struct error *e)
{
	int rc = db_run(c, e,
		"INSERT INTO job (id, kind, state, title, words, sources, locks, repository, schedule, author, notes, attempt, attempts, "
		"retry_of, undo_of, backup, created, not_before, started, time_limit, pid) "
		"VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)", "ssssSllsissiissstttui",
		j->id, j->kind, job_state_name(j->state), j->title, words, about, &j->sources, &j->locks, j->repository, j->schedule, j->author,
		j->notes, (int64_t)j->attempt, (int64_t)j->attempts, j->retry_of, j->undo_of, j->backup, j->created, j->not_before, j->started,
		j->time_limit, (int64_t)j->pid);
	return rc ? rc : insert_sources(c, j, db_last_id(c), j->created, e);
}

int job_add(struct catalog *c, struct job_record *j, struct error *e)
{
	CLEANUP(secret_release) struct secret words = {0};
	name_it(j);
	AUTO_FREE char *about = mem_printf("job.words %s", j->id);
	pack_words(&j->words, &words);
	j->created = time_now();
	j->state = j->words.n ? JOB_QUEUED : JOB_RUNNING;
	if (j->state == JOB_RUNNING)
		j->started = j->created;
	int rc = catalog_begin(c, e);
	if (rc)
		return rc;
	if (j->state == JOB_RUNNING)
		rc = check_locks(c, j, e);
	if (!rc)
		rc = insert(c, j, &words, about, e);
	return catalog_end(c, rc, e);
}

/* ---- finding ---- */

/* A row by id or prefix: -ERR_NOT_FOUND, -ERR_USAGE. */
static int find(struct catalog *c, const char *id, struct db_row *q, struct error *e)
{
	size_t len = strlen(id);
	int64_t count = 0;
	bool fits = len >= 4 && len <= JOB_ID_LEN && strspn(id, "0123456789abcdef") == len;
	AUTO_FREE char *end = mem_printf("%sg", id);
	int rc = fits ? db_number(c, &count, e, "SELECT count(*) FROM job WHERE id >= ?1 AND id < ?2", "ss", id, end) : 0;
	if (rc)
		return rc;
	if (count == 0)
		return error_set(e, ERR_NOT_FOUND, "there is no job %s", id);
	if (count > 1)
		return error_set(e, ERR_USAGE, "%s is ambiguous: %lld jobs begin with it", id, (long long)count);
	return db_query(c, q, e,
		"SELECT " COLUMNS ", words, (SELECT result FROM job_result WHERE job = n) FROM job WHERE id >= ?1 AND id < ?2", "ss", id, end);
}

int job_get(struct catalog *c, const char *id, struct job_record *out, struct error *e)
{
	struct db_row q = {0};
	*out = (struct job_record){0};
	int rc = find(c, id, &q, e);
	if (!rc && !db_next(&q, &rc, e) && !rc)
		rc = error_set(e, ERR_NOT_FOUND, "there is no job %s", id);
	if (!rc)
		rc = read_row(&q, out, e);
	if (!rc) {
		out->result = db_dup(&q, RESULT);
		rc = read_words(&q, out, e);
	}
	db_done(&q);
	if (rc)
		job_record_release(out);
	return rc;
}

static void fill_filter(const struct job_filter *f, struct db_filter *d)
{
	if (f->source)
		db_filter_add(d, "job_source.source = ?", 's', f->source);
	db_filter_among(d, "job.state", &f->states);
	db_filter_among(d, "job.kind", &f->kinds);
	if (f->repository)
		db_filter_add(d, "job.repository = ?", 's', f->repository);
	if (f->author)
		db_filter_add(d, "job.author = ?", 's', f->author);
	if (f->schedule)
		db_filter_add(d, "job.schedule = ?", 'i', f->schedule);
	if (f->after.tv_sec)
		db_filter_add(d, f->source ? "job_source.created >= ?" : "job.created >= ?", 't', f->after);
	if (f->before.tv_sec)
		db_filter_add(d, f->source ? "job_source.created < ?" : "job.created < ?", 't', f->before);
	if (f->text)
		db_filter_text(d, "job.title LIKE ? ESCAPE '\\' OR job.error LIKE ? ESCAPE '\\' OR job.notes LIKE ? ESCAPE '\\'", f->text);
}

/* Whether job_source alone cannot tell how many there are. */
static bool asks_job(const struct job_filter *f)
{
	return f->states.n || f->kinds.n || f->repository || f->author || f->schedule || f->text;
}

int job_list_some(struct catalog *c, const struct job_filter *f, const struct catalog_page *p, struct job_list *out, uint64_t *total, struct error *e)
{
	CLEANUP(db_filter_release) struct db_filter d = {0};
	struct db_row q = {0};
	fill_filter(f, &d);
	const char *table = f->source ? "job_source JOIN job ON job.n = job_source.job" : "job";
	const char *time = f->source ? "job_source.created" : "job.created", *direction = f->oldest_first ? "ASC" : "DESC";
	AUTO_FREE char *select = mem_printf("SELECT " COLUMNS " FROM %s", table);
	AUTO_FREE char *order = mem_printf("%s %s, %s %s", time, direction, f->source ? "job_source.job" : "job.n", direction);
	int rc = db_query_filter(c, &q, e, select, &d, order, p);
	rc = db_all(&q, rc, read_row, out, sizeof *out->v, e);
	if (!rc && total)
		rc = db_count_filter(c, total, e, f->source && !asks_job(f) ? "job_source" : table, &d, p, out->n);
	if (rc)
		job_list_release(out);
	return rc;
}

/* ---- changing ---- */

static int take(struct catalog *c, const struct job_record *j, int pid, struct error *e)
{
	int rc = check_locks(c, j, e);
	if (!rc)
		rc = db_run(c, e, "UPDATE job SET state = 'running', started = ?2, pid = ?3 WHERE id = ?1 AND state = 'queued'", "sti", j->id, time_now(), (int64_t)pid);
	if (!rc && db_changed(c) == 0)
		rc = error_set(e, ERR_NOT_FOUND, "job %s does not wait to be started any more", j->id);
	return rc;
}

int job_start(struct catalog *c, struct job_record *j, int pid, struct error *e)
{
	struct job_record fresh = {0};
	int rc = catalog_begin(c, e);
	if (rc)
		return rc;
	rc = take(c, j, pid, e);
	if (!rc)
		rc = job_get(c, j->id, &fresh, e);
	if (rc) {
		catalog_rollback(c);
		return rc;
	}
	job_record_release(j);
	*j = fresh;
	return catalog_commit(c, e);
}

static int replace_sources(struct catalog *c, const struct job_record *j, struct error *e)
{
	struct db_row q = {0};
	struct timespec created = {0};
	int64_t n = 0;
	int rc = db_query(c, &q, e, "SELECT n, created FROM job WHERE id = ?1", "s", j->id);
	if (!rc && db_next(&q, &rc, e)) {
		n = db_i64(&q, 0);
		created = db_time(&q, 1);
	}
	db_done(&q);
	if (!rc)
		rc = db_run(c, e, "DELETE FROM job_source WHERE job = ?1", "i", n);
	return rc ? rc : insert_sources(c, j, n, created, e);
}

int job_about(struct catalog *c, const struct job_record *j, struct error *e)
{
	int rc = catalog_begin(c, e);
	if (rc)
		return rc;
	rc = check_locks(c, j, e);
	if (!rc)
		rc = db_run(c, e, "UPDATE job SET title = ?2, sources = ?3, locks = ?4, repository = ?5 WHERE id = ?1 AND state = 'running'", "sslls", j->id, j->title,
			&j->sources, &j->locks, j->repository);
	if (!rc && db_changed(c) > 0)
		rc = replace_sources(c, j, e);
	return catalog_end(c, rc, e);
}

int job_beat(struct catalog *c, const struct job_record *j, bool *cancel, struct error *e)
{
	int64_t asked = 0;
	int rc = db_run_lightly(c, e,
		"UPDATE job SET phase_began = CASE WHEN phase IS ?2 THEN phase_began ELSE ?8 END, phase = ?2, unit = ?3, bytes_done = ?4, "
		"bytes_total = ?5, items_done = ?6, items_total = ?7, beat = ?8 WHERE id = ?1 AND state = 'running'", "sssuuuut",
		j->id, j->phase, j->unit, j->bytes_done, j->bytes_total, j->items_done, j->items_total, time_now());
	if (!rc)
		rc = db_number(c, &asked, e, "SELECT cancel FROM job WHERE id = ?1", "s", j->id);
	*cancel = asked != 0;
	return rc;
}

static int keep_result(struct catalog *c, const struct job_record *j, struct error *e)
{
	if (!j->result)
		return 0;
	if (strlen(j->result) > JOB_RESULT_MAX)
		return job_log(c, j->id, 5, "the result is too large to be kept", e);
	return db_run(c, e, "INSERT OR REPLACE INTO job_result (job, result) SELECT n, ?2 FROM job WHERE id = ?1", "ss", j->id, j->result);
}

int job_end(struct catalog *c, const struct job_record *j, struct error *e)
{
	int rc = catalog_begin(c, e);
	if (rc)
		return rc;
	rc = db_run(c, e,
		"UPDATE job SET state = ?2, partial = ?3, undo_of = ?4, backup = ?5, ended = ?6, error_kind = ?7, error = ?8, hint = ?9, size = ?10, "
		"added = ?11, rows = ?12, files = ?13 WHERE id = ?1 AND state IN ('running', 'queued')", "ssisstsssuuuu",
		j->id, job_state_name(j->state), (int64_t)j->partial, j->undo_of, j->backup, j->ended.tv_sec ? j->ended : time_now(), j->error_kind,
		j->error, j->hint, j->size, j->added, j->rows, j->files);
	if (!rc && db_changed(c) > 0)
		rc = keep_result(c, j, e);
	return catalog_end(c, rc, e);
}

int job_ask_cancel(struct catalog *c, const char *id, struct error *e)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	int rc = catalog_begin(c, e);
	if (rc)
		return rc;
	rc = job_get(c, id, &j, e);
	if (!rc && j.state > JOB_RUNNING)
		rc = error_set(e, ERR_REFUSED, "job %s has ended already: %s", j.id, job_state_name(j.state));
	if (!rc && j.state == JOB_QUEUED)
		rc = db_run(c, e, "UPDATE job SET state = 'cancelled', cancel = 1, ended = ?2, error_kind = 'cancelled', error = 'cancelled before it began' WHERE id = ?1", "st", j.id, time_now());
	if (!rc && j.state == JOB_RUNNING)
		rc = db_run(c, e, "UPDATE job SET cancel = 1 WHERE id = ?1", "s", j.id);
	return catalog_end(c, rc, e);
}

int job_set_notes(struct catalog *c, const char *id, const char *notes, struct error *e)
{
	int rc = db_run(c, e, "UPDATE job SET notes = ?2 WHERE id = ?1", "ss", id, notes);
	if (!rc && db_changed(c) == 0)
		rc = error_set(e, ERR_NOT_FOUND, "there is no job %s", id);
	return rc;
}
