/* Jobs from typed arguments. */
#include "job/request_parts.h"

#include "base/mem.h"
#include "catalog/place.h"
#include "catalog/source.h"
#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

#define LOCK_WAIT "10m"         /* for a repository that another program has locked */

/* ---- words ---- */

void request_option(struct job_record *j, const char *name, const char *value)
{
	if (value)
		strlist_addf(&j->words, "--%s=%s", name, value);
}

void request_options(struct job_record *j, const char *name, const struct strlist *values)
{
	for (size_t i = 0; values && i < values->n; i++)
		request_option(j, name, values->v[i]);
}

void request_flag(struct job_record *j, const char *name, bool given)
{
	if (given)
		strlist_addf(&j->words, "--%s", name);
}

/* What no option can be mistaken for. */
void request_arguments(struct job_record *j, const struct strlist *values)
{
	strlist_add(&j->words, "--");
	strlist_copy(&j->words, values);
}

void request_argument(struct job_record *j, const char *value)
{
	strlist_add(&j->words, "--");
	strlist_add(&j->words, value);
}

void request_begin(struct job_record *j, const char *kind)
{
	*j = (struct job_record){.kind = mem_string(kind), .attempt = 1, .attempts = 1};
	strlist_add(&j->words, kind);
}

/* The last step of each: an error leaves nothing behind. */
int request_ready(struct job_record *j, int rc)
{
	if (rc)
		job_record_release(j);
	return rc;
}

int request_need(const char *value, const char *what, struct error *e)
{
	return value && *value ? 0 : error_set(e, ERR_USAGE, "%s is missing", what);
}

/* ---- sources ---- */

char *request_lock(const struct source_url *u)
{
	return u->path || u->engine->look ? mem_printf("source:%s", u->identity) : NULL;
}

void request_add_once(struct strlist *l, const char *text)
{
	if (!strlist_has(l, text))
		strlist_add(l, text);
}

/* Of a path the identity is in what is shown of it, so that no disk is asked; of what cannot be parsed it is what is shown. */
static char *lock_of(const char *url, const char *shown)
{
	CLEANUP(source_url_release) struct source_url u = {0};
	struct error ignored = {0};
	size_t n = strcspn(shown, ":");
	AUTO_FREE char *scheme = mem_string_n(shown, n);
	const struct engine *engine = shown[n] ? engine_by_name(scheme) : NULL;

	if (engine && !engine->parse)
		return mem_printf("source:%s", shown + n + 1);
	if (source_url_parse(url, true, NULL, &u, &ignored) == 0)
		return request_lock(&u);
	return mem_printf("source:%s", shown);
}

void request_add_lock(struct job_record *j, const char *url, const char *shown)
{
	AUTO_FREE char *lock = lock_of(url, shown);

	if (lock)
		request_add_once(&j->locks, lock);
}

bool request_is_location(const char *text)
{
	return strpbrk(text, "/:") != NULL;
}

/* What people call a source, as its configured name or what may be shown of its URL. *s is filled in for a configured one. */
static int name_source(struct catalog *c, const char *text, struct source_record *s, char **name, struct error *e)
{
	CLEANUP(source_url_release) struct source_url u = {0};
	int rc = request_is_location(text) ? source_url_parse(text, false, NULL, &u, e) : source_find(c, text, s, e);

	if (!rc)
		*name = mem_string(s->name ? s->name : u.shown);
	return rc;
}

/* Into the job's sources and locks. */
int request_add_source(struct catalog *c, struct job_record *j, const char *text, struct source_record *s, struct error *e)
{
	AUTO_FREE char *name = NULL;
	int rc = name_source(c, text, s, &name, e);

	if (rc)
		return rc;
	request_add_once(&j->sources, name);
	request_add_lock(j, s->url ? s->url : text, s->shown ? s->shown : name);
	return 0;
}

/* ---- repositories ---- */

int request_repository(struct catalog *c, const struct source_record *s, char **out, struct error *e)
{
	CLEANUP(place_record_release) struct place_record p = {0};
	struct error failed = {0};

	*out = NULL;
	if (s && s->repository) {
		*out = mem_string(s->repository);
		return 0;
	}
	int rc = place_default(c, &p, &failed);

	if (rc && rc != -ERR_NOT_FOUND) {
		*e = failed;
		return rc;
	}
	if (!rc)
		*out = TAKE(p.name);
	return 0;
}

void request_choose_repository(struct job_record *j, const char *name)
{
	j->repository = mem_string_or_null(name);
}

/* Once it has been chosen. */
void request_repository_options(struct job_record *j)
{
	request_option(j, "repo", j->repository);
	request_option(j, "wait", LOCK_WAIT);
}

int request_default_repository(struct catalog *c, struct job_record *j, struct error *e)
{
	int rc = j->repository ? 0 : request_repository(c, NULL, &j->repository, e);

	if (!rc)
		request_repository_options(j);
	return rc;
}

bool request_same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* What is stored together goes to one repository. */
static int agree(struct catalog *c, struct job_record *j, const struct source_record *s, struct error *e)
{
	AUTO_FREE char *own = NULL;
	int rc = request_repository(c, s, &own, e);

	if (!rc && j->sources.n == 1)
		j->repository = TAKE(own);
	else if (!rc && !request_same(own, j->repository))
		rc = error_set(e, ERR_USAGE, "%s is backed up to %s, and %s to %s: ask for each apart", j->sources.v[0],
			       j->repository ? j->repository : "the usual place", j->sources.v[j->sources.n - 1],
			       own ? own : "the usual place");
	return rc;
}

static int add_sources(struct catalog *c, struct job_record *j, const struct strlist *sources, struct error *e)
{
	bool chosen = j->repository != NULL;
	int rc = sources && sources->n ? 0 : error_set(e, ERR_USAGE, "no source is named");

	for (size_t i = 0; !rc && i < sources->n; i++) {
		CLEANUP(source_record_release) struct source_record s = {0};

		rc = request_add_source(c, j, sources->v[i], &s, e);
		if (!rc && !chosen)
			rc = agree(c, j, &s, e);
	}
	return rc;
}

bool request_is_exclusive(const char *kind)
{
	return !strcmp(kind, "prune") || !strcmp(kind, "cleanup") || !strcmp(kind, "forget");
}

/* ---- backup ---- */

int request_backup(struct catalog *c, const struct request_backup *r, struct job_record *out, struct error *e)
{
	request_begin(out, "backup");
	request_choose_repository(out, r->repository);
	int rc = add_sources(c, out, r->sources, e);

	if (rc)
		return request_ready(out, rc);
	request_repository_options(out);
	AUTO_FREE char *names = strlist_join(&out->sources, ", ");

	out->title = mem_printf("backup %s", names);
	request_option(out, "name", r->name);
	request_option(out, "description", r->description);
	request_option(out, "schedule", r->schedule);
	request_option(out, "compression", r->compression);
	request_options(out, "tag", r->tags);
	request_options(out, "exclude", r->exclude);
	request_flag(out, "include-logs", r->include_logs);
	request_flag(out, "force", r->force);
	request_arguments(out, r->sources);
	return 0;
}

/* ---- live databases ---- */

int request_maintain(struct catalog *c, const char *kind, const char *source, const struct strlist *tables, bool force,
		     struct job_record *out, struct error *e)
{
	CLEANUP(source_record_release) struct source_record s = {0};
	bool repair = !strcmp(kind, "repair");
	int rc = request_need(source, "the database", e);

	request_begin(out, kind);
	if (!rc)
		rc = request_add_source(c, out, source, &s, e);
	/* Repair looks there for a fresh backup. */
	if (!rc && repair)
		rc = request_repository(c, &s, &out->repository, e);
	if (rc)
		return request_ready(out, rc);
	out->title = mem_printf("%s %s", kind, out->sources.v[0]);
	request_option(out, "repo", out->repository);
	request_options(out, "table", tables);
	request_flag(out, "force", repair && force);
	request_argument(out, source);
	return 0;
}
