/* Jobs about backups and their repositories. */
#include "job/request_parts.h"

#include "base/mem.h"
#include "catalog/known.h"
#include "catalog/place.h"
#include "catalog/source.h"
#include "job/backups.h"

#include <string.h>

static const struct strlist nothing;

/* ---- what is about backups ---- */

static int about_source(struct catalog *c, struct job_record *j, const char *source, struct error *e)
{
	CLEANUP(source_record_release) struct source_record s = {0};
	struct error unknown = {0};
	int rc = request_is_location(source) ? -ERR_NOT_FOUND : source_find(c, source, &s, &unknown);

	request_add_once(&j->sources, source);
	if (s.url)
		request_add_lock(j, s.url, s.shown);
	if (rc == -ERR_NOT_FOUND)
		return 0;
	if (!rc)
		return j->repository ? 0 : request_repository(c, &s, &j->repository, e);
	*e = unknown;
	return rc;
}

static int about_known(struct catalog *c, struct job_record *j, const char *id, struct error *e)
{
	CLEANUP(known_backup_release) struct known_backup b = {0};
	CLEANUP(place_record_release) struct place_record p = {0};
	struct error unknown = {0};
	int rc = known_get(c, id, &b, &unknown);

	if (!rc)
		rc = place_get(c, b.place, &p, &unknown);
	for (size_t i = 0; !rc && i < b.source_count; i++) {
		request_add_once(&j->sources, b.sources[i].name);
		request_add_lock(j, b.sources[i].shown, b.sources[i].shown);
	}
	if (!rc && !j->repository)
		j->repository = TAKE(p.name);
	if (rc && rc != -ERR_NOT_FOUND)
		*e = unknown;
	return rc == -ERR_NOT_FOUND ? 0 : rc;
}

/* The sources of a backup, their locks and its repository, as far as its name or the catalog says. */
static int about_backup(struct catalog *c, struct job_record *j, const char *which, struct error *e)
{
	const char *source = backup_which_source(which);

	if (source)
		return about_source(c, j, source, e);
	return request_is_location(which) ? 0 : about_known(c, j, which, e);
}

/* Ids are long. */
static char *shown_backup(const char *which)
{
	return strlen(which) == ID_HEX_LEN ? mem_string_n(which, 8) : mem_string(which);
}

static char *shown_backups(const struct strlist *backups)
{
	CLEANUP(strlist_release) struct strlist shown = {0};

	for (size_t i = 0; i < backups->n; i++)
		strlist_take(&shown, shown_backup(backups->v[i]));
	return strlist_join(&shown, ", ");
}

static int about_backups(struct catalog *c, struct job_record *j, const struct strlist *backups, struct error *e)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < backups->n; i++)
		rc = about_backup(c, j, backups->v[i], e);
	/* Others may read and remove them meanwhile; the repository's own lock sees to that. */
	strlist_release(&j->locks);
	return rc ? rc : request_default_repository(c, j, e);
}

/* ---- restore ---- */

static char *shown_url(const char *url)
{
	CLEANUP(source_url_release) struct source_url u = {0};
	struct error ignored = {0};

	if (source_url_parse(url, true, NULL, &u, &ignored) == 0)
		return mem_string(u.shown);
	/* A path of what is not there yet; what has a scheme may hold a secret. */
	return mem_string(strchr(url, ':') ? "its target" : url);
}

/* What is written to is what is locked: the target, else where the backup came from. */
static int lock_target(struct catalog *c, struct job_record *j, const struct request_restore *r, char **shown, struct error *e)
{
	CLEANUP(source_record_release) struct source_record s = {0};
	AUTO_FREE char *url = NULL;
	bool location = request_is_location(r->to);
	int rc = location ? 0 : source_find(c, r->to, &s, e);
	const char *to = location ? r->to : s.url;

	if (!rc && r->database)
		rc = source_url_with_database(to, r->database, &url, e);
	if (rc)
		return rc;
	strlist_release(&j->locks);
	*shown = url || location ? shown_url(url ? url : to) : mem_string(s.name);
	request_add_lock(j, url ? url : to, url || location ? *shown : s.shown);
	return 0;
}

int request_restore(struct catalog *c, const struct request_restore *r, struct job_record *out, struct error *e)
{
	AUTO_FREE char *to = NULL;
	int rc = request_need(r->what, "the backup to restore", e);

	request_begin(out, "restore");
	request_choose_repository(out, r->repository);
	if (!rc)
		rc = about_backup(c, out, r->what, e);
	if (!rc && r->to)
		rc = lock_target(c, out, r, &to, e);
	if (!rc)
		rc = request_default_repository(c, out, e);
	if (rc)
		return request_ready(out, rc);
	AUTO_FREE char *what = r->name ? mem_string(r->name) : shown_backup(r->what);

	out->title = to ? mem_printf("restore %s to %s", what, to) : mem_printf("restore %s", what);
	request_option(out, "to", r->to);
	request_option(out, "database", r->database);
	request_option(out, "name", r->name);
	request_option(out, "only", r->only);
	request_option(out, "mode", r->mode);
	request_options(out, "source", r->sources);
	request_options(out, "table", r->tables);
	request_options(out, "path", r->paths);
	request_flag(out, "no-safety", r->no_safety);
	request_flag(out, "yes", true);
	request_argument(out, r->what);
	return 0;
}

int request_undo(struct catalog *c, const char *repository, const char *which, struct job_record *out, struct error *e)
{
	request_begin(out, "restore");
	request_choose_repository(out, repository);
	int rc = request_default_repository(c, out, e);

	if (rc)
		return request_ready(out, rc);
	out->title = which ? mem_printf("undo the restore %s", which) : mem_string("undo the last restore");
	request_flag(out, "undo", true);
	request_flag(out, "yes", true);
	if (which)
		request_argument(out, which);
	return 0;
}

/* ---- verify, export ---- */

int request_verify(struct catalog *c, const char *repository, const struct strlist *backups, int level,
		   struct job_record *out, struct error *e)
{
	const struct strlist *named = backups ? backups : &nothing;
	AUTO_FREE char *text = level ? mem_printf("%d", level) : NULL;

	request_begin(out, "verify");
	request_choose_repository(out, repository);
	int rc = level < 0 || level > LEVEL_COMPARED ? error_set(e, ERR_USAGE, "there is no verification level %d; they are 1 to 4", level) : 0;

	if (!rc)
		rc = about_backups(c, out, named, e);
	if (rc)
		return request_ready(out, rc);
	AUTO_FREE char *shown = shown_backups(named);

	out->title = named->n ? mem_printf("verify %s", shown) : mem_string("verify everything");
	request_option(out, "level", text);
	request_flag(out, "all", !named->n);
	if (named->n)
		request_arguments(out, named);
	return 0;
}

static int about_export(struct catalog *c, struct job_record *j, const struct request_export *r, struct error *e)
{
	CLEANUP(source_record_release) struct source_record s = {0};
	int rc = request_need(r->what, "what to export", e);

	if (!rc)
		rc = request_need(r->format, "the format of the export", e);
	if (!rc)
		rc = request_need(r->output, "the file to export to", e);
	if (!rc && r->live)
		return request_add_source(c, j, r->what, &s, e);
	if (!rc)
		rc = about_backup(c, j, r->what, e);
	return rc ? rc : request_default_repository(c, j, e);
}

int request_export(struct catalog *c, const struct request_export *r, struct job_record *out, struct error *e)
{
	request_begin(out, "export");
	request_choose_repository(out, r->repository);
	int rc = about_export(c, out, r, e);

	/* It only reads. */
	strlist_release(&out->locks);
	if (rc)
		return request_ready(out, rc);
	AUTO_FREE char *what = r->live ? mem_string(out->sources.v[0]) : shown_backup(r->what);

	out->title = mem_printf("export %s as %s", what, r->format);
	request_option(out, "format", r->format);
	request_option(out, "output", r->output);
	request_option(out, "source", r->source);
	request_option(out, "path", r->path);
	request_options(out, "table", r->tables);
	request_flag(out, "force", r->force);
	request_flag(out, "live", r->live);
	request_argument(out, r->what);
	return 0;
}

/* ---- repositories ---- */

static int about_cleanup(struct catalog *c, struct job_record *j, const struct request_cleanup *r, struct error *e)
{
	int rc = r->source ? about_source(c, j, r->source, e) : 0;

	strlist_release(&j->locks);
	return rc ? rc : request_default_repository(c, j, e);
}

int request_cleanup(struct catalog *c, const struct request_cleanup *r, struct job_record *out, struct error *e)
{
	AUTO_FREE char *days = r->days ? mem_printf("%llu", (unsigned long long)r->days) : NULL;

	request_begin(out, "cleanup");
	request_choose_repository(out, r->repository);
	int rc = about_cleanup(c, out, r, e);

	if (rc)
		return request_ready(out, rc);
	out->title = mem_printf("cleanup %s%s", r->dry_run ? "(dry run) " : "",
				r->schedule ? r->schedule : r->source ? r->source : "all sources");
	request_option(out, "schedule", r->schedule);
	request_option(out, "source", r->source);
	request_option(out, "days", days);
	request_flag(out, "dry-run", r->dry_run);
	request_flag(out, "force", r->force);
	return 0;
}

int request_forget(struct catalog *c, const char *repository, const struct strlist *backups, struct job_record *out, struct error *e)
{
	const struct strlist *named = backups ? backups : &nothing;

	request_begin(out, "forget");
	request_choose_repository(out, repository);
	int rc = named->n ? about_backups(c, out, named, e) : error_set(e, ERR_USAGE, "no backup is named");

	if (rc)
		return request_ready(out, rc);
	AUTO_FREE char *shown = shown_backups(named);

	out->title = mem_printf("forget %s", shown);
	request_flag(out, "yes", true);
	request_arguments(out, named);
	return 0;
}

int request_pin(struct catalog *c, const char *repository, const char *backup, bool pin, struct job_record *out, struct error *e)
{
	CLEANUP(strlist_release) struct strlist named = {0};
	const char *kind = pin ? "pin" : "unpin";

	strlist_add(&named, backup);
	request_begin(out, kind);
	request_choose_repository(out, repository);
	int rc = about_backups(c, out, &named, e);

	if (rc)
		return request_ready(out, rc);
	AUTO_FREE char *shown = shown_backup(backup);

	out->title = mem_printf("%s %s", kind, shown);
	request_arguments(out, &named);
	return 0;
}

/* "prune main" */
static int about_repository(struct catalog *c, const char *kind, const char *repository, struct job_record *out, struct error *e)
{
	request_begin(out, kind);
	request_choose_repository(out, repository);
	int rc = request_default_repository(c, out, e);

	if (!rc)
		out->title = mem_printf("%s %s", kind, out->repository ? out->repository : "the repository");
	return request_ready(out, rc);
}

int request_prune(struct catalog *c, const char *repository, struct job_record *out, struct error *e)
{
	int rc = about_repository(c, "prune", repository, out, e);

	if (!rc)
		request_flag(out, "yes", true);
	return rc;
}

int request_check(struct catalog *c, const char *repository, bool read_data, bool repair_index, struct job_record *out, struct error *e)
{
	int rc = about_repository(c, "check", repository, out, e);

	if (rc)
		return rc;
	request_flag(out, "read-data", read_data);
	request_flag(out, "repair-index", repair_index);
	return 0;
}
