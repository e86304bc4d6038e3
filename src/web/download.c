/* Exports as downloads: a job makes the file, which is kept for an hour for whoever asks for the same again, or goes on where a
 * download broke off. */
#include "base/codec.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "catalog/job.h"
#include "catalog/known.h"
#include "catalog/place.h"
#include "job/request.h"
#include "web/answer.h"
#include "web/exchange.h"
#include "web/run.h"

#include <stdlib.h>
#include <string.h>

#define FRESH_SECONDS 3600.0
#define WAIT_SECONDS 15.0               /* for small ones, whose file is then the answer */
#define LOOK_SECONDS 0.1

struct wanted {
	const struct web_export *what;
	struct known_backup backup;
	char *repository;               /* its name */
	char *path;
};

static void wanted_release(struct wanted *w)
{
	known_backup_release(&w->backup);
	free(w->repository);
	free(w->path);
}

/* ---- which file ---- */

/* The same for the same content: an id that a pin has changed makes no difference. */
static char *path_of(const struct wanted *w, const char *state_dir)
{
	CLEANUP(buf_release) struct buf key = BUF_INIT;
	const struct web_export *x = w->what;
	unsigned char hash[DIGEST_SHA256];
	char name[33];

	buf_printf(&key, "%s\n%s\n%s\n", w->backup.original ? w->backup.original : w->backup.id, x->format, x->source ? x->source : "");
	if (x->path)
		buf_printf(&key, "/%s\n", x->path);
	for (size_t i = 0; x->tables && i < x->tables->n; i++)
		buf_printf(&key, "%zu:%s\n", strlen(x->tables->v[i]), x->tables->v[i]);
	digest_sha256(key.p, key.len, hash);
	hex_encode(hash, 16, name);
	return mem_printf("%s/exports/%s", state_dir, name);
}

static int find(struct web_request *r, const char *backup, struct wanted *w, struct error *e)
{
	CLEANUP(place_record_release) struct place_record place = {0};
	AUTO_FREE char *dir = path_join(exchange_of(r)->site->state_dir, "exports");
	int rc = known_get(r->catalog, backup, &w->backup, e);

	if (!rc)
		rc = place_get(r->catalog, w->backup.place, &place, e);
	if (!rc)
		rc = fs_make_dirs(dir, 0700, e);
	if (rc)
		return rc;
	w->repository = mem_string(place.name);
	w->path = path_of(w, exchange_of(r)->site->state_dir);
	return 0;
}

static bool is_fresh(const char *path)
{
	struct stat st;

	return !lstat(path, &st) && time_between(st.st_mtim, time_now()) < FRESH_SECONDS;
}

/* ---- the job ---- */

static int words_have(struct catalog *c, const char *id, const char *word, bool *have, struct error *e)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	int rc = job_get(c, id, &j, e);

	*have = !rc && strlist_has(&j.words, word);
	return rc == -ERR_NOT_FOUND ? 0 : rc;
}

/* The job that makes it already; *id stays empty when there is none. */
static int job_under_way(struct catalog *c, const char *path, char id[JOB_ID_LEN + 1], struct error *e)
{
	CLEANUP(job_list_release) struct job_list jobs = {0};
	AUTO_FREE char *word = mem_printf("--output=%s", path);
	struct job_filter f = {0};
	struct catalog_page page = {.limit = 100};

	strlist_add(&f.kinds, "export");
	strlist_add(&f.states, job_state_name(JOB_QUEUED));
	strlist_add(&f.states, job_state_name(JOB_RUNNING));
	int rc = job_list_some(c, &f, &page, &jobs, NULL, e);

	strlist_release(&f.kinds);
	strlist_release(&f.states);
	for (size_t i = 0; i < jobs.n && !rc && !*id; i++) {
		bool have;

		rc = words_have(c, jobs.v[i].id, word, &have, e);
		if (have)
			memcpy(id, jobs.v[i].id, JOB_ID_LEN + 1);
	}
	return rc;
}

static int begin_job(struct web_request *r, const struct wanted *w, char id[JOB_ID_LEN + 1], struct error *e)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	const struct request_export x = {
		.what = w->backup.id, .repository = w->repository, .source = w->what->source, .path = w->what->path, .format = w->what->format,
		.output = w->path, .tables = w->what->tables, .force = true,
	};
	int rc = request_export(r->catalog, &x, &j, e);

	if (!rc)
		rc = run_queue(r, &j, e);
	if (!rc)
		memcpy(id, j.id, JOB_ID_LEN + 1);
	return rc;
}

static bool is_over(const struct job_record *j)
{
	return j->state != JOB_QUEUED && j->state != JOB_RUNNING;
}

/* Until it is over, or for WAIT_SECONDS. */
static int wait_for(struct web_request *r, const char *id, struct job_record *out, struct error *e)
{
	const struct exchange *x = exchange_of(r);
	double until = time_monotonic() + WAIT_SECONDS;
	int64_t stamp = -1;
	int rc = 0;

	for (;;) {
		int64_t now = catalog_stamp(r->catalog);

		if (now != stamp || now < 0) {
			job_record_release(out);
			rc = job_get(r->catalog, id, out, e);
		}
		stamp = now;
		if (rc || is_over(out) || time_monotonic() > until || exchange_is_unwanted(x))
			return rc;
		time_sleep(LOOK_SECONDS);
	}
}

/* What became of it. */
static int answer_job(const struct wanted *w, const struct job_record *j, struct web_response *out, struct error *e)
{
	if (!is_over(j)) {
		run_answer_job(out, j);
		answer_header(out, "Retry-After", "2");
		return 0;
	}
	if (j->state == JOB_SUCCESS) {
		out->file = mem_string(w->path);
		return 0;
	}
	error_set(e, ERR_CHILD, "the export %s: %s", job_state_name(j->state), j->error ? j->error : "no reason is known");
	return j->hint ? error_hint(e, "%s", j->hint) : error_hint(e, "the log of the job %s says more", j->id);
}

int web_download(struct web_request *r, const char *backup, const struct web_export *what, struct web_response *out, struct error *e)
{
	CLEANUP(wanted_release) struct wanted w = {.what = what};
	CLEANUP(job_record_release) struct job_record j = {0};
	char id[JOB_ID_LEN + 1] = "";
	int rc = find(r, backup, &w, e);

	if (rc)
		return rc;
	if (is_fresh(w.path)) {
		out->file = mem_string(w.path);
		return 0;
	}
	rc = job_under_way(r->catalog, w.path, id, e);
	if (!rc && !*id)
		rc = begin_job(r, &w, id, e);
	if (!rc)
		rc = wait_for(r, id, &j, e);
	return rc ? rc : answer_job(&w, &j, out, e);
}
