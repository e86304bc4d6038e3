/* What a schedule does, as jobs. */
#include "base/mem.h"
#include "base/path.h"
#include "engine/engine.h"
#include "job/request_parts.h"
#include "job/source_kind.h"

#include <stdlib.h>
#include <string.h>

/* ---- its sources, by repository ---- */

struct group {
	char *repository;               /* NULL: the usual place */
	struct strlist sources;
};
struct groups { struct group *v; size_t n, cap; };

static void groups_release(struct groups *g)
{
	for (size_t i = 0; i < g->n; i++) {
		free(g->v[i].repository);
		strlist_release(&g->v[i].sources);
	}
	free(g->v);
}

static struct group *group_of(struct groups *g, char *repository)
{
	for (size_t i = 0; i < g->n; i++)
		if (request_same(g->v[i].repository, repository)) {
			free(repository);
			return &g->v[i];
		}
	GROW(g->v, g->n, g->cap);
	g->v[g->n] = (struct group){.repository = repository};
	return &g->v[g->n++];
}

static int group_sources(struct catalog *c, const struct schedule_record *s, const struct source_list *l, struct groups *out, struct error *e)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < l->n; i++) {
		char *repository = mem_string_or_null(s->repository);

		if (!repository)
			rc = request_repository(c, &l->v[i], &repository, e);
		if (!rc)
			strlist_add(&group_of(out, repository)->sources, l->v[i].name);
	}
	return rc;
}

static int group_default(struct catalog *c, const struct schedule_record *s, struct groups *out, struct error *e)
{
	char *repository = mem_string_or_null(s->repository);
	int rc = repository ? 0 : request_repository(c, NULL, &repository, e);

	if (!rc)
		group_of(out, repository);
	return rc;
}

/* Those it names, else all there are. */
static int load_sources(struct catalog *c, const struct schedule_record *s, struct source_list *out, struct error *e)
{
	if (!s->sources.n)
		return source_list_all(c, out, e);
	for (size_t i = 0; i < s->sources.n; i++) {
		struct source_record r = {0};
		int rc = source_find(c, s->sources.v[i], &r, e);

		if (rc)
			return rc;
		GROW(out->v, out->n, out->cap);
		out->v[out->n++] = r;
	}
	return 0;
}

/* ---- the jobs ---- */

static void take_job(const struct schedule_record *s, struct job_record *j, struct job_list *out)
{
	j->schedule = s->id;
	j->author = mem_printf("schedule %s", s->name);
	j->time_limit = s->time_limit;
	j->attempts = s->retries + 1;
	GROW(out->v, out->n, out->cap);
	out->v[out->n++] = *j;
}

static int backup(struct catalog *c, const struct schedule_record *s, const struct group *g, struct job_record *j, struct error *e)
{
	const struct request_backup r = {.sources = &g->sources, .repository = g->repository, .name = s->name, .schedule = s->name};

	return request_backup(c, &r, j, e);
}

static int verify(struct catalog *c, const struct schedule_record *s, const struct group *g, struct job_record *j, struct error *e)
{
	CLEANUP(strlist_release) struct strlist backups = {0};

	for (size_t i = 0; i < g->sources.n; i++)
		strlist_addf(&backups, "latest:%s", g->sources.v[i]);
	return request_verify(c, g->repository, &backups, s->verify_level, j, e);
}

static int cleanup(struct catalog *c, const struct schedule_record *s, const struct group *g, struct job_record *j, struct error *e)
{
	const struct request_cleanup r = {.repository = g->repository, .schedule = s->name};

	return request_cleanup(c, &r, j, e);
}

static int of_group(struct catalog *c, const struct schedule_record *s, const struct group *g, struct job_list *out, struct error *e)
{
	struct job_record j = {0};
	int rc = s->action == ACTION_BACKUP ? backup(c, s, g, &j, e)
		 : s->action == ACTION_VERIFY ? verify(c, s, g, &j, e)
		 : s->action == ACTION_CLEANUP ? cleanup(c, s, g, &j, e)
					       : request_check(c, g->repository, false, false, &j, e);

	if (!rc)
		take_job(s, &j, out);
	return rc;
}

/* "/srv/exports/sqlite_backup_20261128_020000.db", of the time the schedule was due; with the source's name in front when it is not in the name and the schedule
 * has several sources. Heap. */
static char *export_file(const struct schedule_record *s, const struct source_record *r, bool several, int64_t due)
{
	AUTO_FREE char *own = source_kind_export_name(r->engine, r->name, s->export_format, (struct timespec){.tv_sec = due});
	AUTO_FREE char *name = several && !strstr(own, r->name) ? mem_printf("%s-%s", r->name, own) : mem_string(own);

	return path_join(s->export_dir, name);
}

static int export(struct catalog *c, const struct schedule_record *s, const struct source_record *r, bool several, int64_t due, struct job_record *j,
		  struct error *e)
{
	AUTO_FREE char *what = mem_printf("latest:%s", r->name);

	if (!s->export_format || !s->export_dir)
		return error_set(e, ERR_USAGE, "schedule %s does not say to what format and folder it exports", s->name);
	AUTO_FREE char *file = export_file(s, r, several, due);
	const struct request_export x = {
		.what = what, .repository = s->repository, .format = s->export_format, .output = file,
	};

	return request_export(c, &x, j, e);
}

/* Among all sources those that are no database are passed over; one that is named is told to be none. */
static bool fits(const struct schedule_record *s, const struct source_record *r)
{
	const struct engine *engine = engine_by_name(r->engine);

	return s->sources.n || s->action == ACTION_EXPORT || (engine && engine->maintain);
}

static int of_source(struct catalog *c, const struct schedule_record *s, const struct source_record *r, bool several, int64_t due, struct job_list *out,
		     struct error *e)
{
	struct job_record j = {0};

	if (!fits(s, r))
		return 0;
	int rc = s->action == ACTION_EXPORT ? export(c, s, r, several, due, &j, e)
					    : request_maintain(c, schedule_action_name(s->action), r->name, NULL, false, &j, e);

	if (!rc)
		take_job(s, &j, out);
	return rc;
}

int request_schedule(struct catalog *c, const struct schedule_record *s, int64_t due, struct job_list *out, struct error *e)
{
	CLEANUP(source_list_release) struct source_list sources = {0};
	CLEANUP(groups_release) struct groups groups = {0};
	bool single = s->action == ACTION_OPTIMIZE || s->action == ACTION_CHECK_TABLES || s->action == ACTION_EXPORT;
	int rc = load_sources(c, s, &sources, e);

	for (size_t i = 0; !rc && single && i < sources.n; i++)
		rc = of_source(c, s, &sources.v[i], sources.n > 1, due, out, e);
	if (!rc && !single)
		rc = group_sources(c, s, &sources, &groups, e);
	/* A repository can be checked whatever is configured. */
	if (!rc && !groups.n && s->action == ACTION_CHECK)
		rc = group_default(c, s, &groups, e);
	for (size_t i = 0; !rc && i < groups.n; i++)
		rc = of_group(c, s, &groups.v[i], out, e);
	return rc ? error_wrap(e, "schedule %s", s->name) : 0;
}
