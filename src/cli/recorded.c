/* The one job of this process. */
#include "cli/recorded.h"

#include "base/log.h"
#include "base/mem.h"
#include "cli/common.h"
#include "cli/names.h"
#include "job/request.h"

#include <stdlib.h>
#include <string.h>

static struct recorder *recorder;
static struct job_record figures;                /* of its end */
static const struct job_record *queued;        /* that is to be continued */
static const struct buf *result;
static bool warned;

/* ---- the beginning ---- */

static void hear(int level, const char *text)
{
	recorder_log(recorder, level, text);
}

static void warn(char *warning)
{
	if (warning && !warned)
		out_warn("%s", warning);
	warned = warned || warning;
	free(warning);
}

const char *recorded_place(const struct repository *r)
{
	return r->name ? r->name : r->location;
}

char *recorded_shown(const char *source)
{
	CLEANUP(source_url_release) struct source_url u = {0};
	struct error ignored = {0};

	/* Whatever else has a scheme may hold a secret, too: a command's arguments. */
	if (!strchr(source, ':'))
		return names_of(source);
	return source_url_parse(source, true, NULL, &u, &ignored) ? mem_string("a URL") : names_of(u.shown);
}

char *recorded_which(const char *which)
{
	const char *source = backup_which_source(which);
	AUTO_FREE char *shown = source ? recorded_shown(source) : NULL;

	if (shown)
		return mem_printf("latest:%s", shown);
	return strlen(which) == ID_HEX_LEN ? mem_string_n(which, 8) : mem_string(which);
}

static int begin(struct job_record *j, const struct repository *r, struct error *e)
{
	const struct recorder_about about = {.repository = r ? recorded_place(r) : NULL};
	char *warning = NULL;
	int rc = recorder_begin(j, &common_progress, &recorder, &warning, e);

	warn(warning);
	if (rc || !recorder)
		return rc;
	out_listen(hear);
	return queued && about.repository ? recorder_about(recorder, &about, 0, e) : 0;
}

/* What the catalog has is read by job_start(). */
static int begin_queued(const struct repository *r, struct error *e)
{
	CLEANUP(job_record_release) struct job_record j = {.time_limit = queued->time_limit, .title = mem_string(queued->title)};

	memcpy(j.id, queued->id, sizeof j.id);
	strlist_copy(&j.locks, &queued->locks);
	return begin(&j, r, e);
}

int recorded_begin(const char *kind, const struct repository *r, struct error *e, const char *title, ...)
{
	va_list ap;

	if (recorder)
		return 0;
	if (queued)
		return begin_queued(r, e);
	va_start(ap, title);
	CLEANUP(job_record_release) struct job_record j = {.kind = mem_string(kind), .title = mem_vprintf(title, ap), .author = common_author()};
	va_end(ap);
	j.repository = r ? mem_string(recorded_place(r)) : NULL;
	return begin(&j, r, e);
}

/* ---- what it is about ---- */

void recorded_source(struct recorder_about *a, const struct source_url *u, const char *name, enum recorded_use use)
{
	char *lock = recorder && use == RECORDED_WORKS_ON ? request_lock(u) : NULL;

	if (!recorder)
		return;
	strlist_take(&a->sources, name ? mem_string(name) : names_of(u->shown));
	if (lock)
		strlist_take(&a->locks, lock);
	else if (use == RECORDED_WORKS_ON && name)
		strlist_addf(&a->locks, "source: %s", name);
}

void recorded_backup(struct recorder_about *a, const struct backup *b)
{
	for (size_t i = 0; recorder && i < b->manifest.source_count; i++)
		strlist_take(&a->sources, names_of(b->manifest.sources[i].url));
}

void recorder_about_release(struct recorder_about *a)
{
	strlist_release(&a->sources);
	strlist_release(&a->locks);
}

int recorded_about(const struct parsed *p, struct recorder_about *a, struct error *e)
{
	return recorder_about(recorder, a, (double)opt_get(p, "wait")->number, e);
}

struct job_record *recorded_figures(void)
{
	return &figures;
}

void recorded_log(int level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	AUTO_FREE char *text = mem_vprintf(fmt, ap);
	va_end(ap);
	recorder_log(recorder, level, text);
}

const char *recorded_id(void)
{
	return recorder_id(recorder);
}

/* ---- the catalog's list of backups ---- */

void recorded_warn(int rc, const struct error *e)
{
	if (rc)
		out_warn("the catalog is not up to date: %s", e->text);
}

void recorded_scan(struct repository *r, unsigned how)
{
	struct error e = {0};
	struct progress own = {0};      /* after the work: neither to be cancelled nor to be seen */

	if (recorder && r->repo && names_catalog())
		recorded_warn(record_scan(names_catalog(), r, how, &own, &e), &e);
}

/* ---- the end ---- */

void recorded_continue(const struct job_record *job, const struct buf *to_be_kept)
{
	queued = job;
	result = to_be_kept;
}

int recorded_end(int rc, const struct error *e)
{
	char *warning;

	out_listen(NULL);
	if (result && result->len && !figures.result)
		figures.result = mem_string_n(buf_text(result), strcspn(buf_text(result), "\n"));
	recorder_end(recorder, rc, e, &figures, &warning);
	recorder = NULL;
	job_record_release(&figures);
	warn(warning);
	return rc;
}
