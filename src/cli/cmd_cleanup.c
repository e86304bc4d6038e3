#include "base/human.h"
#include "base/log.h"
#include "base/mem.h"
#include "catalog/schedule.h"
#include "catalog/setting.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/forgetting.h"
#include "cli/names.h"
#include "cli/present.h"
#include "cli/pruning.h"
#include "cli/recorded.h"
#include "job/cleanup.h"

#include <stdlib.h>
#include <string.h>

static const struct opt options[] = {
	{"days", 0, OPT_COUNT, "N", "use N instead of the days that rules have", NULL},
	{"schedule", 0, OPT_STRING, "NAME",
	 "only backups that this schedule made; or what this schedule of cleaning up does", NULL},
	{"source", 's', OPT_LIST, "SOURCE", "look only at backups of this source; may be given several times", NULL},
	{"dry-run", 0, OPT_FLAG, NULL, "only show what would be removed", NULL},
	{"force", 0, OPT_FLAG, NULL, "also when the setting auto_cleanup is off", NULL},
	{"prune", 0, OPT_FLAG, NULL, "give the space back afterwards, as \"prune\" does", NULL},
	COMMON_YES,
	{0},
};

struct cleaning {
	const struct parsed *p;
	struct schedule_record schedule; /* of --schedule; zeroed without */
	struct strlist sources;          /* only backups of these */
	struct cleanup_rules rules;
	struct out_document d;
	size_t removed, kept, repositories, failed;
	struct error first; /* of those that failed */
};

static void cleaning_release(struct cleaning *c)
{
	schedule_record_release(&c->schedule);
	strlist_release(&c->sources);
	cleanup_rules_release(&c->rules);
	out_document_release(&c->d);
}

/* ---- one repository ---- */

static void print_result(const struct cleaning *c, const struct repository *r, const struct forget_result *f,
			 bool dry_run)
{
	AUTO_FREE char *removed = human_plural(f->removed, "backup");

	if (f->backups.n && forgetting_is_news(c->p, dry_run))
		forgetting_print(f);
	out_print("%s: %s %s, %zu kept\n", recorded_place(r), removed, dry_run ? "would be removed" : "removed",
		  f->kept);
}

static void result_json(struct cleaning *c, const struct repository *r, const struct forget_result *f,
			const struct prune_stats *pruned)
{
	struct json_out *w = &c->d.w;

	jw_object(w);
	present_path_json("repository", r->location, w);
	forgetting_members(f, w);
	jw_name(w, "prune");
	if (pruned)
		pruning_json(pruned, w);
	else
		jw_null(w);
	jw_kv_string(w, "error", NULL);
	jw_object_end(w);
}

static void failure_json(struct cleaning *c, const struct place_record *place, const struct error *why)
{
	struct json_out *w = &c->d.w;

	jw_object(w);
	present_path_json("repository", place->location, w);
	jw_kv_string(w, "error", why->text);
	jw_object_end(w);
}

static int prune(struct repository *r, struct prune_stats *s, struct error *e)
{
	int rc = pruning_run(r, false, false, s, e);

	if (rc)
		return error_wrap(e, "what was removed is gone, but its space was not given back");
	if (!out_mode.json)
		pruning_print(s, false);
	return 0;
}

static int remove_old(struct cleaning *c, struct repository *r, struct error *e)
{
	CLEANUP(forget_result_release) struct forget_result f = {0};
	const struct forget_rules rules = {.v = c->rules.v, .n = c->rules.n, .host = c->rules.host};
	const struct forget_options o = {
		.rules = &rules,
		.sources = c->sources,
		.dry_run = opt_flag(c->p, "dry-run"),
		.schedule = c->schedule.action == ACTION_CLEANUP ? NULL : c->schedule.name,
	};
	bool wants_prune = opt_flag(c->p, "prune") && !o.dry_run;
	struct prune_stats pruned;
	int rc = forgetting_ask(c->p, r, &o, e);

	if (!rc)
		rc = job_forget(r, &o, &f, e);
	c->removed += f.removed;
	c->kept += f.kept;
	if (!rc && !out_mode.json)
		print_result(c, r, &f, o.dry_run);
	recorded_log(LOG_NOTICE, "%s: %zu removed, %zu kept", recorded_place(r), f.removed, f.kept);
	if (!rc && wants_prune)
		rc = prune(r, &pruned, e);
	if (!o.dry_run)
		recorded_scan(r, wants_prune && !rc ? RECORD_SIZES : RECORD_NEW);
	if (!rc && out_mode.json)
		result_json(c, r, &f, wants_prune ? &pruned : NULL);
	return rc;
}

static int clean(struct cleaning *c, struct repository *r, struct error *e)
{
	enum repository_access access = opt_flag(c->p, "dry-run") ? REPOSITORY_READ : REPOSITORY_EXCLUSIVE;
	int rc = cleanup_check_passed(names_catalog(), r->location, e);

	if (!rc)
		rc = common_open(c->p, access, COMMON_INDEX, r, e);
	return rc ? rc : remove_old(c, r, e);
}

/* ---- all of them ---- */

/* One that cannot be cleaned up keeps no other from it. */
static int clean_place(struct cleaning *c, const struct place_record *place, struct error *e)
{
	CLEANUP(repository_release) struct repository r = {0};
	struct error why = {0};
	int rc = repository_locate(place->location, &r, &why);

	if (!rc)
		rc = common_locate(c->p, &r, &why);
	if (!rc)
		rc = clean(c, &r, &why);
	c->repositories++;
	if (!rc)
		return 0;
	error_wrap(&why, "the repository %s", place->name);
	if (rc == -ERR_CANCELLED) {
		*e = why;
		return rc;
	}
	if (out_mode.json)
		failure_json(c, place, &why);
	if (!c->failed++)
		c->first = why;
	else
		out_warn("%s", why.text);
	return 0;
}

static int clean_all(struct cleaning *c, const struct place_list *l, struct error *e)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < l->n; i++)
		rc = clean_place(c, &l->v[i], e);
	if (rc || !c->failed)
		return rc;
	*e = c->first;
	return c->repositories == 1
		       ? -(int)e->kind
		       : error_wrap(e, "%zu of %zu repositories could not be cleaned up", c->failed, c->repositories);
}

static int clean_one(struct cleaning *c, struct error *e)
{
	CLEANUP(repository_release) struct repository r = {0};
	int rc = common_locate(c->p, &r, e);

	if (!rc)
		rc = recorded_begin("cleanup", &r, e, "cleanup %s", recorded_place(&r));
	return rc ? rc : clean(c, &r, e);
}

static int clean_up(struct cleaning *c, struct error *e)
{
	CLEANUP(place_list_release) struct place_list l = {0};
	int rc = names_catalog() && !opt_flag(c->p, "repo") ? place_list_all(names_catalog(), &l, e) : 0;

	if (rc || l.n < 2)
		return rc ? rc : clean_one(c, e);
	rc = recorded_begin("cleanup", NULL, e, "cleanup all repositories");
	return rc ? rc : clean_all(c, &l, e);
}

/* ---- the command ---- */

/* Off means that nothing is removed by rules, unless somebody insists; that is no error. */
static int is_off(const struct parsed *p, bool *off, struct error *e)
{
	bool on = true;
	int rc = setting_bool(names_catalog(), "auto_cleanup", &on, e);

	*off = !on && !opt_flag(p, "force") && !opt_flag(p, "dry-run");
	return rc;
}

/* Names, and what is shown of their URLs, which backups have that were made by these. */
static int add_source(struct strlist *l, const char *name, struct error *e)
{
	CLEANUP(source_record_release) struct source_record s = {0};
	int rc = source_find(names_catalog(), name, &s, e);

	if (!rc)
		strlist_add(l, s.name);
	if (!rc)
		strlist_add(l, s.shown);
	return rc;
}

/* A schedule that backs up has its backups cleaned up; one that cleans up says of which sources, and by which rules
 * those of no schedule. */
static int take_schedule(struct cleaning *c, struct error *e)
{
	const char *name = opt_text(c->p, "schedule");
	struct schedule_record *s = &c->schedule;
	int rc = !name             ? 0
		 : names_catalog() ? schedule_find(names_catalog(), name, s, e)
				   : error_set(e, ERR_NOT_FOUND, "there is no schedule named \"%s\"", name);

	if (!name || rc)
		return rc;
	if (s->action != ACTION_BACKUP && s->action != ACTION_CLEANUP)
		return error_set(e, ERR_USAGE, "the schedule %s makes no backups, and cleans up none", name);
	for (size_t i = 0; !rc && s->action == ACTION_CLEANUP && i < s->sources.n; i++)
		rc = add_source(&c->sources, s->sources.v[i], e);
	return rc;
}

static int prepare(struct cleaning *c, struct error *e)
{
	const uint64_t *days = opt_flag(c->p, "days") ? &opt_get(c->p, "days")->number : NULL;
	int rc = take_schedule(c, e);
	bool own = c->schedule.action == ACTION_CLEANUP && schedule_keeps(&c->schedule.keep);

	strlist_copy(&c->sources, &opt_get(c->p, "source")->list);
	return rc ? rc : cleanup_rules_load(names_catalog(), own ? &c->schedule.keep : NULL, days, &c->rules, e);
}

static void begin_document(struct cleaning *c, bool off)
{
	out_document_begin(&c->d);
	jw_kv_bool(&c->d.w, "dry_run", opt_flag(c->p, "dry-run"));
	jw_kv_bool(&c->d.w, "off", off);
	jw_name(&c->d.w, "repositories");
	jw_array(&c->d.w);
}

static int end_document(struct cleaning *c, struct error *e)
{
	jw_array_end(&c->d.w);
	jw_kv_u64(&c->d.w, "removed", c->removed);
	jw_kv_u64(&c->d.w, "kept", c->kept);
	return out_document_end(&c->d, e);
}

static int run(const struct parsed *p, struct error *e)
{
	CLEANUP(cleaning_release) struct cleaning c = {.p = p};
	bool off = false;
	int rc = is_off(p, &off, e);

	if (!rc)
		rc = prepare(&c, e);
	if (rc)
		return rc;
	if (out_mode.json)
		begin_document(&c, off);
	if (off)
		out_print("the setting auto_cleanup is off, so nothing was removed; to clean up now: backstay cleanup "
			  "--force\n");
	else
		rc = clean_up(&c, e);
	if (c.removed && !opt_flag(p, "dry-run") && !opt_flag(p, "prune"))
		out_print("the space comes back with: backstay prune\n");
	/* What was done in other repositories is told in spite of one that failed. */
	if (!out_mode.json || (rc && !c.failed))
		return rc;
	struct error late = {0};
	int written = end_document(&c, rc ? &late : e);

	return rc ? rc : written;
}

const struct command cmd_cleanup = {
	.name = "cleanup",
	.arguments = "",
	.summary = "remove old backups by the rules that are configured",
	.details =
		"Backups of a schedule are kept by its rules, all others by the settings\n"
		"retention_days and max_backups; in every configured repository, or in the one\n"
		"of --repo. Whatever the rules say, the newest good and the newest verified\n"
		"backup of each source are kept, and what is pinned; and backups of other\n"
		"machines, other programs, and schedules that are not configured here. Nothing\n"
		"is removed while a backup cannot be read, nor after a check that found damage.\n"
		"On a terminal you are asked first.\n",
	.examples =
		"backstay cleanup --dry-run\n"
		"backstay cleanup --days 14 --prune\n"
		"backstay cleanup --schedule nightly --yes\n",
	.max_args = 0,
	.options = options,
	.about_backups = true,
	.run = run,
};
