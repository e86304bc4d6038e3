#include "base/human.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "catalog/audit.h"
#include "cli/actions.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/names.h"
#include "cli/scheduled.h"
#include "job/supervisor.h"

#include <string.h>

static const struct opt options[] = {
	SCHEDULED_OPTIONS,
	{"force", 0, OPT_FLAG, NULL, "run: as if it were due now", NULL},
	{"id", 0, OPT_COUNT, "N", "run: only the schedule with this number", NULL},
	{"dry-run", 0, OPT_FLAG, NULL, "run: only tell what would be run", NULL},
	COMMON_YES,
	{0},
};

/* ---- list and show ---- */

static void print_list(const struct schedule_list *l)
{
	static const char *const headers[] = {"NAME", "WHAT", "WHEN", "NEXT RUN", "KEEPS"};
	struct table *t = table_new(headers, "lLLLL");

	for (size_t i = 0; i < l->n; i++) {
		AUTO_FREE char *what = scheduled_what(&l->v[i]);
		AUTO_FREE char *when = scheduled_when(&l->v[i]);
		AUTO_FREE char *next = scheduled_next(&l->v[i]);
		AUTO_FREE char *keep = scheduled_keep(&l->v[i].keep);
		const char *const row[] = {l->v[i].name, what, when, next,
					   l->v[i].action == ACTION_BACKUP ? keep : "-"};

		table_row(t, row);
	}
	table_print(t);
}

/* The one that the second argument names, by its name or number. */
static int find(const struct parsed *p, struct catalog **c, struct schedule_record *s, struct error *e)
{
	int rc = names_need_catalog(c, e);

	return rc ? rc : schedule_find(*c, p->args.v[1], s, e);
}

static int list(const struct parsed *p, struct error *e)
{
	CLEANUP(schedule_list_release) struct schedule_list l = {0};
	CLEANUP(out_document_release) struct out_document d = {0};
	struct catalog *c;
	int rc = names_need_catalog(&c, e);

	if (!rc)
		rc = schedule_list_all(c, &l, e);
	if (rc)
		return rc;
	if (!out_mode.json) {
		if (l.n)
			print_list(&l);
		else
			out_print("there is no schedule yet; make one with: backstay schedule add nightly --daily "
				  "02:00\n");
		return 0;
	}
	out_document_begin(&d);
	jw_name(&d.w, "schedules");
	jw_array(&d.w);
	for (size_t i = 0; i < l.n; i++)
		schedule_json(&l.v[i], &d.w);
	jw_array_end(&d.w);
	return out_document_end(&d, e);
}

static void line(const char *name, const char *value)
{
	out_print("%-12s %s\n", name, value);
}

static void print_care(const struct schedule_record *s)
{
	char text[HUMAN_MAX];

	if (s->verify_level)
		out_print("%-12s to level %d, after each backup\n", "verified", s->verify_level);
	if (s->retries)
		out_print("%-12s %d time%s, first after %s\n", "tried again", s->retries, s->retries == 1 ? "" : "s",
			  human_duration((double)s->retry_wait, text));
	if (s->time_limit)
		line("time limit", human_duration((double)s->time_limit, text));
	if (s->jitter)
		out_print("%-12s up to %s later\n", "begins", human_duration((double)s->jitter, text));
	line("missed runs", s->catch_up ? "made up for, once" : "told, not made up for");
	if (s->action == ACTION_EXPORT)
		out_print("%-12s as %s into %s\n", "exports", s->export_format, s->export_dir);
}

static void print_one(const struct schedule_record *s)
{
	AUTO_FREE char *what = scheduled_what(s);
	AUTO_FREE char *when = scheduled_when(s);
	AUTO_FREE char *next = scheduled_next(s);
	AUTO_FREE char *keep = scheduled_keep(&s->keep);

	out_print("%-12s %s (number %lld)\n", "schedule", s->name, (long long)s->id);
	line("what", what);
	line("when", when);
	line("next run", next);
	if (s->last_run.tv_sec) {
		AUTO_FREE char *last = scheduled_time(s, s->last_run);

		out_print("%-12s %s%s%s\n", "last run", last, s->last_job[0] ? ", job " : "", s->last_job);
	}
	if (s->repository)
		line("repository", s->repository);
	if (s->action == ACTION_BACKUP || s->action == ACTION_CLEANUP)
		line("keeps", keep);
	print_care(s);
}

static int document(const struct schedule_record *s, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d = {0};

	out_document_begin(&d);
	jw_name(&d.w, "schedule");
	schedule_json(s, &d.w);
	return out_document_end(&d, e);
}

static int show(const struct parsed *p, struct error *e)
{
	CLEANUP(schedule_record_release) struct schedule_record s = {0};
	struct catalog *c;
	int rc = find(p, &c, &s, e);

	if (rc || out_mode.json)
		return rc ? rc : document(&s, e);
	print_one(&s);
	return 0;
}

/* ---- add, edit, enable, disable, remove ---- */

static int tell(const struct schedule_record *s, const char *done, struct error *e)
{
	if (out_mode.json)
		return document(s, e);
	AUTO_FREE char *what = scheduled_what(s);
	AUTO_FREE char *when = scheduled_when(s);
	AUTO_FREE char *next = scheduled_next(s);
	AUTO_FREE char *keep = scheduled_keep(&s->keep);

	out_print("schedule %s %s: %s, %s\n", s->name, done, what, when);
	out_print("next run: %s\n", next);
	if (s->action == ACTION_BACKUP)
		out_print("keeps: %s\n", keep);
	return 0;
}

typedef int (*change_fn)(struct catalog *c, struct schedule_record *s, struct error *e);

/* With its row in the audit trail, or not at all. */
static int change(struct catalog *c, change_fn fn, const char *action, struct schedule_record *s, struct error *e)
{
	AUTO_FREE char *who = common_author();
	AUTO_FREE char *what = scheduled_what(s);
	int rc = catalog_begin(c, e);

	if (rc)
		return rc;
	rc = fn(c, s, e);
	AUTO_FREE char *when = rc ? NULL : scheduled_when(s);

	if (!rc)
		rc = audit_add(c, who, NULL, action, s->name, e, "%s, %s", what, when);
	return catalog_end(c, rc, e);
}

static int remove_record(struct catalog *c, struct schedule_record *s, struct error *e)
{
	return schedule_remove(c, s->id, e);
}

static int check_sources(struct catalog *c, const struct schedule_record *s, struct error *e)
{
	CLEANUP(source_list_release) struct source_list l = {0};
	int rc = source_list_all(c, &l, e);

	if (rc || l.n || s->action == ACTION_CHECK || s->action == ACTION_CLEANUP)
		return rc;
	out_say("there is no source yet, so it has nothing to do; add one with: backstay source add NAME URL");
	return 0;
}

static int add(const struct parsed *p, struct error *e)
{
	CLEANUP(schedule_record_release) struct schedule_record s = schedule_record_new();

	struct catalog *c;
	int rc = names_need_catalog(&c, e);

	s.name = mem_string(p->args.v[1]);
	if (!rc)
		rc = scheduled_take_options(p, &s, e);
	if (!rc && !schedule_keeps(&s.keep) && !opt_flag(p, "keep-all") && s.action == ACTION_BACKUP)
		rc = schedule_usual_keep(c, &s.keep, e);
	if (!rc)
		rc = change(c, schedule_add, "schedule-add", &s, e);
	if (!rc)
		rc = check_sources(c, &s, e);
	return rc ? rc : tell(&s, "added", e);
}

static int edit(const struct parsed *p, struct error *e)
{
	CLEANUP(schedule_record_release) struct schedule_record s = {0};

	struct catalog *c;

	if (!scheduled_any_option(p))
		return error_set(e, ERR_USAGE, "schedule edit needs to know what to change, such as --daily 03:00");
	int rc = find(p, &c, &s, e);

	if (!rc)
		rc = scheduled_take_options(p, &s, e);
	if (!rc)
		rc = change(c, schedule_update, "schedule-change", &s, e);
	return rc ? rc : tell(&s, "changed", e);
}

static int set_enabled(const struct parsed *p, bool enabled, struct error *e)
{
	CLEANUP(schedule_record_release) struct schedule_record s = {0};
	struct catalog *c;
	int rc = find(p, &c, &s, e);

	s.enabled = enabled;
	if (!rc)
		rc = change(c, schedule_update, enabled ? "schedule-enable" : "schedule-disable", &s, e);
	return rc ? rc : tell(&s, enabled ? "enabled" : "disabled", e);
}

static int enable(const struct parsed *p, struct error *e)
{
	return set_enabled(p, true, e);
}

static int disable(const struct parsed *p, struct error *e)
{
	return set_enabled(p, false, e);
}

static int remove_one(const struct parsed *p, struct error *e)
{
	CLEANUP(schedule_record_release) struct schedule_record s = {0};
	CLEANUP(out_document_release) struct out_document d = {0};
	struct catalog *c;
	int rc = find(p, &c, &s, e);
	AUTO_FREE char *question = mem_printf(
		"Remove the schedule %s? Its backups stay, and no cleanup removes them any more.", p->args.v[1]);

	if (!rc && out_mode.interactive)
		rc = out_confirm(opt_flag(p, "yes"), question, e);
	if (!rc)
		rc = change(c, remove_record, "schedule-remove", &s, e);
	if (rc)
		return rc;
	out_print("schedule %s removed; its backups stay\n", s.name);
	if (!out_mode.json)
		return 0;
	out_document_begin(&d);
	jw_kv_string(&d.w, "removed", s.name);
	return out_document_end(&d, e);
}

/* ---- run ---- */

struct running {
	struct out_document d;
	size_t jobs;
	struct strlist left_out;
	bool dry_run;
};

static void running_release(struct running *r)
{
	out_document_release(&r->d);
	strlist_release(&r->left_out);
}

static void tell_job(void *ctx, const struct job_record *j)
{
	struct running *r = ctx;
	char text[HUMAN_MAX];

	/* With --quiet only what went wrong is told: cron sends mail about anything else, too. */
	r->jobs++;
	if (out_mode.json)
		job_json(j, &r->d.w);
	else if (r->dry_run)
		out_print("would run: %s\n", j->title);
	else if (j->state == JOB_SUCCESS && !out_mode.quiet)
		out_print("%s: done in %s\n", j->title, human_duration(time_between(j->started, j->ended), text));
	else if (j->state != JOB_SUCCESS)
		out_print("%s: %s%s%s (job %s)\n", j->title, job_state_name(j->state), j->error ? ": " : "",
			  j->error ? j->error : "", j->id);
}

static void tell_left_out(void *ctx, const struct schedule_record *s, const char *why)
{
	struct running *r = ctx;

	strlist_add(&r->left_out, s->name);
	strlist_add(&r->left_out, why);
	out_say("schedule %s: %s", s->name, why);
}

static int end_document(struct running *r, struct error *e)
{
	struct json_out *w = &r->d.w;

	jw_array_end(w);
	jw_name(w, "left_out");
	jw_array(w);
	for (size_t i = 0; i < r->left_out.n; i += 2) {
		jw_object(w);
		jw_kv_string(w, "schedule", r->left_out.v[i]);
		jw_kv_string(w, "why", r->left_out.v[i + 1]);
		jw_object_end(w);
	}
	jw_array_end(w);
	return out_document_end(&r->d, e);
}

static int named_id(struct catalog *c, const struct parsed *p, int64_t *id, struct error *e)
{
	CLEANUP(schedule_record_release) struct schedule_record s = {0};
	const struct opt_value *number = opt_get(p, "id");

	*id = (int64_t)number->number;
	if (p->args.n < 2)
		return number->given && !*id ? error_set(e, ERR_USAGE, "there is no schedule with the number 0") : 0;
	if (number->given)
		return error_set(e, ERR_USAGE, "schedule run takes a NAME or --id, not both");
	int rc = schedule_find(c, p->args.v[1], &s, e);

	*id = s.id;
	return rc;
}

static int run_due(const struct parsed *p, struct error *e)
{
	CLEANUP(running_release) struct running r = {.dry_run = opt_flag(p, "dry-run")};
	const struct supervisor_options o = {.program = "/proc/self/exe"};
	struct supervisor_due due = {
		.force = opt_flag(p, "force"),
		.dry_run = r.dry_run,
		.progress = &common_progress,
		.job = tell_job,
		.left_out = tell_left_out,
		.ctx = &r,
	};
	struct catalog *c;
	int rc = names_need_catalog(&c, e);

	if (!rc)
		rc = named_id(c, p, &due.id, e);
	if (rc)
		return rc;
	log_setup(out_mode.verbose ? LOG_INFO : LOG_ERROR, false);
	if (out_mode.json) {
		out_document_begin(&r.d);
		jw_kv_bool(&r.d.w, "dry_run", r.dry_run);
		jw_name(&r.d.w, "jobs");
		jw_array(&r.d.w);
	}
	rc = supervisor_run_due(c, &o, &due, e);
	if (!r.jobs && !r.left_out.n && !rc && !out_mode.quiet)
		out_print("nothing is due\n");
	if (!out_mode.json)
		return rc;
	struct error late = {0};
	int written = end_document(&r, rc ? &late : e);

	return rc ? rc : written;
}

/* ---- the command ---- */

static const struct action actions[] = {
	{"list", 0, 0, "", NULL, list},
	{"add", 1, 1, "NAME", SCHEDULED_OPTION_NAMES, add},
	{"show", 1, 1, "NAME", NULL, show},
	{"edit", 1, 1, "NAME", SCHEDULED_OPTION_NAMES, edit},
	{"enable", 1, 1, "NAME", NULL, enable},
	{"disable", 1, 1, "NAME", NULL, disable},
	{"remove", 1, 1, "NAME", "yes", remove_one},
	{"run", 0, 1, "[NAME]", "force|id|dry-run", run_due},
	{0},
};

static int run(const struct parsed *p, struct error *e)
{
	return actions_run(actions, p, e);
}

const struct command cmd_schedule = {
	.name = "schedule",
	.arguments = "ACTION [NAME]",
	.summary = "back up, verify, clean up or export by itself, at set times",
	.details =
		"ACTION is list, add, show, edit, enable, disable, remove or run.\n"
		"Schedules run in \"backstay serve\"; without it, \"schedule run\" does what is\n"
		"due, for cron or a systemd timer. A time of day that the clocks skip in spring\n"
		"is due at the moment of the change, one that comes twice in autumn the first\n"
		"time. What was missed while the machine was off is made up for, once. Each\n"
		"schedule has its own rules for how long its backups are kept; with none given\n"
		"they are those of the settings. The newest good backup is never removed.\n",
	.examples =
		"backstay schedule add nightly --daily 02:00\n"
		"backstay schedule add hourly --cron \"0 * * * *\" --keep-hourly 24\n"
		"backstay schedule add drill --weekly sun@03:00 --action verify\n"
		"backstay schedule edit nightly --zone Europe/Berlin --keep-days 90\n"
		"backstay schedule run nightly --force\n",
	.min_args = 1,
	.max_args = 2,
	.choices = "list|add|show|edit|enable|disable|remove|run",
	.options = options,
	.run = run,
};
