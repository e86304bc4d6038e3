#include "base/log.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/present.h"
#include "cli/pruning.h"
#include "cli/recorded.h"
#include "job/forget.h"

#include <limits.h>
#include <stdio.h>

static const struct opt options[] = {
	{"keep-last", 0, OPT_COUNT, "N", "keep the newest N backups", NULL},
	{"keep-hourly", 0, OPT_COUNT, "N", "keep one an hour, for the last N hours that have one", NULL},
	{"keep-daily", 0, OPT_COUNT, "N", "keep one a day, for N days", NULL},
	{"keep-weekly", 0, OPT_COUNT, "N", "keep one a week, for N weeks", NULL},
	{"keep-monthly", 0, OPT_COUNT, "N", "keep one a month, for N months", NULL},
	{"keep-yearly", 0, OPT_COUNT, "N", "keep one a year, for N years", NULL},
	{"keep-within", 0, OPT_DURATION, "DURATION", "keep all younger than this before the newest: 30d, 1y", NULL},
	{"keep-tag", 0, OPT_LIST, "TAG", "keep backups with this tag; may be given several times", NULL},
	{"source", 's', OPT_STRING, "SOURCE", "look only at backups of this source", NULL},
	{"dry-run", 0, OPT_FLAG, NULL, "only show what would be forgotten", NULL},
	{"prune", 0, OPT_FLAG, NULL, "give the space back afterwards, as \"prune\" does", NULL},
	COMMON_YES,
	{0},
};

static const char *const rules[] = {"keep-last", "keep-hourly", "keep-daily", "keep-weekly", "keep-monthly", "keep-yearly", "keep-within", "keep-tag"};

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
			.within_seconds = opt_get(p, "keep-within")->number,
			.keep_tags = opt_get(p, "keep-tag")->list,
		},
		.source = opt_text(p, "source"),
		.ids = p->args,
		.dry_run = opt_flag(p, "dry-run"),
	};
	return 0;
}

static void print_decisions(const struct forget_result *f)
{
	static const char *const headers[] = {"", "ID", "AGE", "NAME", "WHY"};
	struct table *t = table_new(headers, "lllLL");

	for (size_t i = f->backups.n; i-- > 0;) {
		const struct backup *b = &f->backups.v[i];
		AUTO_FREE char *age = present_age(b->snapshot.time);
		char id[9];
		const char *const row[] = {f->items[i].keep ? "keep" : "forget", backup_short_id(b, id), age, backup_name(b), f->items[i].reason};

		table_row(t, row);
	}
	table_print(t);
	for (size_t i = 0; i < f->unreadable.n; i++) {
		char hex[ID_HEX_LEN + 1];

		out_print("forget  %.8s, which cannot be read\n", id_hex(&f->unreadable.v[i], hex));
	}
}

static int document(const struct repository *r, const struct forget_result *f, bool dry_run, const struct prune_stats *pruned, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;
	char id[9];

	common_document_begin(&d, r);
	jw_kv_bool(&d.w, "dry_run", dry_run);
	jw_kv_u64(&d.w, "removed", f->removed);
	jw_kv_u64(&d.w, "kept", f->kept);
	jw_name(&d.w, "backups");
	jw_array(&d.w);
	for (size_t i = f->backups.n; i-- > 0;) {
		const struct backup *b = &f->backups.v[i];

		jw_object(&d.w);
		present_id_json("id", &b->snapshot.id, &d.w);
		jw_kv_string(&d.w, "short_id", backup_short_id(b, id));
		present_time_json("time", b->snapshot.time, &d.w);
		present_path_json("name", backup_name(b), &d.w);
		jw_kv_bool(&d.w, "keep", f->items[i].keep);
		jw_kv_string(&d.w, "reason", f->items[i].reason);
		jw_object_end(&d.w);
	}
	jw_array_end(&d.w);
	jw_name(&d.w, "unreadable");
	jw_array(&d.w);
	for (size_t i = 0; i < f->unreadable.n; i++) {
		char hex[ID_HEX_LEN + 1];

		jw_string(&d.w, id_hex(&f->unreadable.v[i], hex));
	}
	jw_array_end(&d.w);
	jw_name(&d.w, "prune");
	if (pruned)
		pruning_json(pruned, &d.w);
	else
		jw_null(&d.w);
	return out_document_end(&d, e);
}

/* On a terminal: show what would go, and ask. A script that names its rules has decided. */
static int ask(const struct parsed *p, struct repository *r, const struct forget_options *o, struct error *e)
{
	CLEANUP(forget_result_release) struct forget_result f = {0};
	struct forget_options look = *o;

	if (o->dry_run || opt_flag(p, "yes") || !out_mode.interactive)
		return 0;
	look.dry_run = true;
	int rc = job_forget(r, &look, &f, e);

	if (rc || !f.removed)
		return rc;
	print_decisions(&f);
	fflush(stdout);
	AUTO_FREE char *count = present_plural(f.removed, "backup");
	AUTO_FREE char *question = mem_printf("Forget %s? %s cannot be brought back.", count, f.removed == 1 ? "It" : "They");

	return out_confirm(false, question, e);
}

static void print_result(const struct parsed *p, const struct forget_result *f)
{
	bool dry_run = opt_flag(p, "dry-run");

	if (dry_run || opt_flag(p, "yes") || !out_mode.interactive)
		print_decisions(f);
	out_print(dry_run ? "%zu would be forgotten, %zu kept\n" : "%zu forgotten, %zu kept\n", f->removed, f->kept);
	if (f->removed && !opt_flag(p, "prune"))
		out_print("the space comes back with: backstay prune\n");
}

static int forget(const struct parsed *p, struct repository *r, const struct forget_options *o, struct error *e)
{
	CLEANUP(forget_result_release) struct forget_result f = {0};
	struct prune_stats stats;
	bool prune = opt_flag(p, "prune") && !o->dry_run;
	int rc = ask(p, r, o, e);

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
		"Rules hold for each host and set of sources apart. Whatever they say, the\n"
		"newest good backup and the newest verified one are kept, and safety backups\n"
		"for 30 days. The space of what was forgotten comes back with \"prune\".\n"
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
