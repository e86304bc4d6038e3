#include "base/log.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/forgetting.h"
#include "cli/names.h"
#include "cli/pruning.h"
#include "cli/recorded.h"
#include "job/cleanup.h"

#include <limits.h>
#include <stdio.h>

static const struct opt options[] = {
	{"keep-last", 0, OPT_COUNT, "N", "keep the newest N backups", NULL},
	{"keep-hourly", 0, OPT_COUNT, "N", "keep one an hour, for the last N hours that have one", NULL},
	{"keep-daily", 0, OPT_COUNT, "N", "keep one a day, for N days", NULL},
	{"keep-weekly", 0, OPT_COUNT, "N", "keep one a week, for N weeks", NULL},
	{"keep-monthly", 0, OPT_COUNT, "N", "keep one a month, for N months", NULL},
	{"keep-yearly", 0, OPT_COUNT, "N", "keep one a year, for N years", NULL},
	{"keep-days", 0, OPT_COUNT, "N", "keep all that are younger than N days", NULL},
	{"keep-within", 0, OPT_DURATION, "DURATION", "keep all younger than this before the newest: 30d, 1y", NULL},
	{"keep-tag", 0, OPT_LIST, "TAG", "keep backups with this tag; may be given several times", NULL},
	{"max-backups", 0, OPT_COUNT, "N", "of all those, at most the newest N; by itself: the newest N", NULL},
	{"source", 's', OPT_LIST, "SOURCE", "look only at backups of this source; may be given several times", NULL},
	{"schedule", 0, OPT_STRING, "NAME", "look only at backups that this schedule made", NULL},
	{"dry-run", 0, OPT_FLAG, NULL, "only show what would be forgotten", NULL},
	{"prune", 0, OPT_FLAG, NULL, "give the space back afterwards, as \"prune\" does", NULL},
	COMMON_YES,
	{0},
};

static const char *const rules[] = {"keep-last", "keep-hourly", "keep-daily", "keep-weekly", "keep-monthly", "keep-yearly", "keep-days", "keep-within", "keep-tag", "max-backups"};

static unsigned count_of(const struct parsed *p, const char *name)
{
	uint64_t n = opt_get(p, name)->number;

	return n > UINT_MAX ? UINT_MAX : (unsigned)n;
}

static int parse_options(const struct parsed *p, struct forget_options *o, struct error *e)
{
	bool any = false;

	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		any = any || opt_flag(p, rules[i]);
	if (any == (p->args.n > 0)) {
		error_set(e, ERR_USAGE, any ? "forget takes either the names of backups or rules of what to keep"
					    : "forget needs to know what: the names of backups, or rules of what to keep");
		return error_hint(e, "backstay forget --keep-daily 7 --keep-weekly 4 --dry-run");
	}
	*o = (struct forget_options){
		.policy = {
			.last = count_of(p, "keep-last"),
			.hourly = count_of(p, "keep-hourly"),
			.daily = count_of(p, "keep-daily"),
			.weekly = count_of(p, "keep-weekly"),
			.monthly = count_of(p, "keep-monthly"),
			.yearly = count_of(p, "keep-yearly"),
			.days = count_of(p, "keep-days"),
			.max = count_of(p, "max-backups"),
			.within_seconds = opt_get(p, "keep-within")->number,
			.keep_tags = opt_get(p, "keep-tag")->list,
		},
		.sources = opt_get(p, "source")->list,
		.schedule = opt_text(p, "schedule"),
		.ids = p->args,
		.dry_run = opt_flag(p, "dry-run"),
	};
	return 0;
}

static int document(const struct repository *r, const struct forget_result *f, bool dry_run, const struct prune_stats *pruned, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;

	common_document_begin(&d, r);
	jw_kv_bool(&d.w, "dry_run", dry_run);
	forgetting_members(f, &d.w);
	jw_name(&d.w, "prune");
	if (pruned)
		pruning_json(pruned, &d.w);
	else
		jw_null(&d.w);
	return out_document_end(&d, e);
}

static void print_result(const struct parsed *p, const struct forget_result *f)
{
	bool dry_run = opt_flag(p, "dry-run");

	if (forgetting_is_news(p, dry_run))
		forgetting_print(f);
	out_print(dry_run ? "%zu would be forgotten, %zu kept\n" : "%zu forgotten, %zu kept\n", f->removed, f->kept);
	if (f->removed && !opt_flag(p, "prune"))
		out_print("the space comes back with: backstay prune\n");
}

static int forget(const struct parsed *p, struct repository *r, const struct forget_options *o, struct error *e)
{
	CLEANUP(forget_result_release) struct forget_result f = {0};
	struct prune_stats stats;
	bool prune = opt_flag(p, "prune") && !o->dry_run;
	int rc = forgetting_ask(p, r, o, e);

	if (!rc)
		rc = job_forget(r, o, &f, e);
	if (rc)
		return rc;
	if (!out_mode.json && f.backups.n + f.unreadable.n)
		print_result(p, &f);
	else
		out_print("there is no backup to forget\n");
	recorded_log(LOG_NOTICE, "%zu forgotten, %zu kept", f.removed, f.kept);
	if (prune)
		rc = pruning_run(r, false, p->args.n > 0, &stats, e);
	if (!o->dry_run)
		recorded_scan(r, prune && !rc ? RECORD_SIZES : RECORD_NEW);
	if (rc)
		return error_wrap(e, "%zu backups were forgotten, but their space was not given back", f.removed);
	if (out_mode.json)
		return document(r, &f, o->dry_run, prune ? &stats : NULL, e);
	if (prune)
		pruning_print(&stats, false);
	return 0;
}

static int run(const struct parsed *p, struct error *e)
{
	CLEANUP(repository_release) struct repository r = {0};
	struct forget_options o;
	AUTO_FREE char *which = recorded_which(p->args.n ? p->args.v[0] : "by rules");
	int rc = parse_options(p, &o, e);

	if (!rc)
		rc = common_locate(p, &r, e);
	if (!rc && !o.ids.n)
		rc = cleanup_check_passed(names_catalog(), r.location, e);
	if (!rc && !o.dry_run)
		rc = recorded_begin("forget", &r, e, "forget %s", which);
	if (!rc)
		rc = common_open(p, o.dry_run ? REPOSITORY_READ : REPOSITORY_EXCLUSIVE, COMMON_INDEX, &r, e);
	return rc ? rc : forget(p, &r, &o, e);
}

const struct command cmd_forget = {
	.name = "forget",
	.arguments = "[BACKUP...]",
	.summary = "remove backups: those named, or all that no rule keeps",
	.details =
		"Rules hold for each host and set of sources apart. Whatever they say, of each\n"
		"source the newest good backup and the newest verified one are kept, what is\n"
		"pinned, and safety backups for 30 days. The space of what was forgotten comes\n"
		"back with \"prune\". Rules that are configured are applied by \"cleanup\".\n"
		"On a terminal you are asked first.\n",
	.examples =
		"backstay forget --keep-daily 7 --keep-weekly 4 --keep-monthly 12 --dry-run\n"
		"backstay forget --keep-last 10 --source app.db --prune\n"
		"backstay forget 1a2b3c4d\n",
	.max_args = -1,
	.options = options,
	.about_backups = true,
	.run = run,
};
