/* Jobs: what was done, what is being done, and running what waits. */
#include "base/human.h"
#include "base/log.h"
#include "cli/actions.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/names.h"
#include "cli/present.h"
#include "cli/recorded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_SECONDS 0.25
#define LIST_USUAL 20
#define LIST_MOST 1000

static const struct opt options[] = {
	{"state", 0, OPT_LIST, "STATE", "list: only these: queued, running, success, failed, cancelled or interrupted", "queued|running|success|failed|cancelled|interrupted"},
	{"kind", 0, OPT_LIST, "KIND", "list: only these: backup, restore, verify ...", NULL},
	{"source", 's', OPT_STRING, "SOURCE", "list: only about this source: its name or URL", NULL},
	{"author", 0, OPT_STRING, "WHO", "list: only of this author", NULL},
	{"limit", 0, OPT_COUNT, "N", "list: at most so many, 20 if not given", NULL},
	{"offset", 0, OPT_COUNT, "N", "list: pass over so many", NULL},
	{"follow", 0, OPT_FLAG, NULL, "log: go on until the job has ended", NULL},
	{0},
};

/* ---- as people see it ---- */

static char *state_text(const struct job_record *j)
{
	if (j->state == JOB_SUCCESS && j->partial)
		return mem_string("partial");
	if (j->state == JOB_RUNNING && j->bytes_total)
		return mem_printf("running, %d%%", j->bytes_done >= j->bytes_total ? 100 : (int)((double)j->bytes_done / (double)j->bytes_total * 100));
	return mem_string(job_state_name(j->state));
}

static char *took(const struct job_record *j)
{
	char text[HUMAN_MAX];

	if (!j->started.tv_sec)
		return mem_string("-");
	return mem_string(human_duration(time_between(j->started, j->ended.tv_sec ? j->ended : time_now()), text));
}

static void list_row(struct table *t, const struct job_record *j)
{
	AUTO_FREE char *id = mem_string_n(j->id, 8);
	AUTO_FREE char *state = state_text(j);
	AUTO_FREE char *age = present_age(j->started.tv_sec ? j->started : j->created);
	AUTO_FREE char *time = took(j);
	const char *const row[] = {id, state, j->title, j->author, age, time, j->error};

	table_row(t, row);
}

/* ---- list ---- */

static int list_document(const struct job_list *l, uint64_t total, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;
	int rc = 0;

	out_document_begin(&d);
	jw_kv_u64(&d.w, "total", total);
	jw_name(&d.w, "jobs");
	jw_array(&d.w);
	for (size_t i = 0; !rc && i < l->n; i++) {
		job_json(&l->v[i], &d.w);
		rc = out_document_part(&d, e);
	}
	jw_array_end(&d.w);
	return rc ? rc : out_document_end(&d, e);
}

static void print_list(const struct job_list *l, uint64_t total)
{
	static const char *const headers[] = {"ID", "STATE", "WHAT", "BY", "BEGUN", "TOOK", "WHY"};

	if (!l->n) {
		out_print("there is no such job\n");
		return;
	}
	struct table *t = table_new(headers, "llLLlrL");

	for (size_t i = 0; i < l->n; i++)
		list_row(t, &l->v[i]);
	table_print(t);
	if (total > l->n)
		out_print("%zu of %llu\n", l->n, (unsigned long long)total);
}

/* A configured name, or what is shown of the URL. */
static char *source_filter(const char *text)
{
	return text ? recorded_shown(text) : NULL;
}

static int list(const struct parsed *p, struct error *e)
{
	CLEANUP(job_list_release) struct job_list l = {0};
	AUTO_FREE char *source = source_filter(opt_text(p, "source"));
	const struct job_filter f = {
		.states = opt_get(p, "state")->list,
		.kinds = opt_get(p, "kind")->list,
		.source = source,
		.author = opt_text(p, "author"),
	};
	const struct opt_value *limit = opt_get(p, "limit");
	const struct catalog_page page = {.limit = limit->given ? limit->number : LIST_USUAL, .offset = opt_get(p, "offset")->number};
	uint64_t total = 0;
	int rc;

	if (limit->given && (limit->number < 1 || limit->number > LIST_MOST))
		return error_set(e, ERR_USAGE, "--limit is 1 to %d", LIST_MOST);
	rc = names_readable(e);
	if (!rc && names_catalog())
		rc = record_sweep(names_catalog(), NULL, e);
	if (!rc && names_catalog())
		rc = job_list_some(names_catalog(), &f, &page, &l, &total, e);
	if (rc)
		return rc;
	if (out_mode.json)
		return list_document(&l, total, e);
	print_list(&l, total);
	return 0;
}

/* ---- show ---- */

/* A job that is there, told as it is now. */
static int get(const struct parsed *p, struct job_record *j, struct error *e)
{
	const char *id = p->args.v[1];

	*j = (struct job_record){0};
	int rc = names_readable(e);
	if (rc)
		return rc;
	if (!names_catalog())
		return error_set(e, ERR_NOT_FOUND, "there is no job %s", id);
	rc = record_sweep(names_catalog(), NULL, e);

	rc = rc ? rc : job_get(names_catalog(), id, j, e);
	return rc == -ERR_NOT_FOUND && !*e->hint ? error_hint(e, "backstay job list") : rc;
}

static void line(const char *name, const char *value)
{
	if (value && *value)
		out_print("%-12s %s\n", name, value);
}

static void time_line(const char *name, struct timespec t)
{
	char text[32];

	if (!t.tv_sec)
		return;
	time_to_local(t, text);
	line(name, text);
}

static void size_line(const char *name, uint64_t bytes)
{
	char text[HUMAN_MAX];

	if (bytes)
		line(name, human_size(bytes, text));
}

static void count_line(const char *name, uint64_t n)
{
	char text[HUMAN_MAX];

	if (n)
		line(name, human_count(n, text));
}

static void print_job(const struct job_record *j)
{
	AUTO_FREE char *state = state_text(j);
	AUTO_FREE char *sources = strlist_join(&j->sources, ", ");
	AUTO_FREE char *time = took(j);

	out_print("job %s: %s\n", j->id, j->title);
	line("state", state);
	line("by", j->author);
	line("sources", sources);
	line("repository", j->repository);
	time_line("created", j->created);
	time_line("begun", j->started);
	time_line("ended", j->ended);
	line("took", time);
	if (j->state == JOB_RUNNING)
		line("phase", j->phase);
	line("backup", j->backup);
	line("undoes", j->undo_of);
	size_line("size", j->size);
	size_line("added", j->added);
	count_line("rows", j->rows);
	count_line("files", j->files);
	line("error", j->error);
	line("hint", j->hint);
	line("notes", j->notes);
}

static int document(const struct job_record *j, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;

	out_document_begin(&d);
	jw_name(&d.w, "job");
	job_json(j, &d.w);
	return out_document_end(&d, e);
}

static int show(const struct parsed *p, struct error *e)
{
	CLEANUP(job_record_release) struct job_record j;
	int rc = get(p, &j, e);

	if (rc)
		return rc;
	if (out_mode.json)
		return document(&j, e);
	print_job(&j);
	return 0;
}

/* ---- cancel ---- */

static int cancel(const struct parsed *p, struct error *e)
{
	CLEANUP(job_record_release) struct job_record j, now = {0};
	int rc = get(p, &j, e);

	if (!rc)
		rc = catalog_begin(names_catalog(), e);
	if (!rc)
		rc = common_audited(names_catalog(), job_ask_cancel(names_catalog(), j.id, e), "job-cancel", j.id, e);
	if (!rc)
		rc = job_get(names_catalog(), j.id, &now, e);
	if (rc)
		return rc;
	if (out_mode.json)
		return document(&now, e);
	out_print(now.state == JOB_CANCELLED ? "job %s is cancelled\n" : "job %s was told to end\n", now.id);
	return 0;
}

/* ---- log ---- */

static void print_line(const struct job_line *l)
{
	char when[32];

	time_to_local(l->time, when);
	if (l->level <= LOG_WARNING)
		out_print("%s  %s: %s\n", when, log_level_name(l->level), l->text);
	else
		out_print("%s  %s\n", when, l->text);
}

static int log_document(const struct job_record *j, const struct job_lines *l, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;
	int rc = 0;

	out_document_begin(&d);
	jw_kv_string(&d.w, "job", j->id);
	jw_name(&d.w, "lines");
	jw_array(&d.w);
	for (size_t i = 0; !rc && i < l->n; i++) {
		jw_object(&d.w);
		jw_kv_u64(&d.w, "n", l->v[i].n);
		jw_kv_time(&d.w, "time", l->v[i].time);
		jw_kv_string(&d.w, "level", log_level_name(l->v[i].level));
		jw_kv_string(&d.w, "text", l->v[i].text);
		jw_object_end(&d.w);
		rc = out_document_part(&d, e);
	}
	jw_array_end(&d.w);
	return rc ? rc : out_document_end(&d, e);
}

/* Lines after *n; *over when the job had ended before they were read. */
static int read_lines(const struct parsed *p, uint64_t *n, bool *over, struct error *e)
{
	CLEANUP(job_record_release) struct job_record j;
	CLEANUP(job_lines_release) struct job_lines l = {0};
	int rc = get(p, &j, e);

	*over = j.state > JOB_RUNNING;
	if (!rc)
		rc = job_log_read(names_catalog(), j.id, *n, &l, e);
	if (!rc && out_mode.json)
		return log_document(&j, &l, e);
	for (size_t i = 0; !rc && i < l.n; i++) {
		print_line(&l.v[i]);
		*n = l.v[i].n;
	}
	return rc;
}

static int show_log(const struct parsed *p, struct error *e)
{
	uint64_t n = 0;
	bool over = false, follow = opt_flag(p, "follow");
	int rc = 0;

	if (follow && out_mode.json)
		return error_set(e, ERR_USAGE, "--follow has no end yet, which a document of --json needs");
	while (!rc) {
		rc = read_lines(p, &n, &over, e);
		if (rc || over || !follow)
			return rc;
		rc = out_finish(e);
		time_sleep(LOOK_SECONDS);
		if (!rc)
			rc = progress_check(&common_progress, e);
	}
	return rc;
}

/* ---- run ---- */

static int check_queued(const struct job_record *j, struct error *e)
{
	if (j->state == JOB_RUNNING)
		return error_set(e, ERR_LOCKED, "job %s is running already", j->id);
	if (j->state != JOB_QUEUED)
		return error_set(e, ERR_REFUSED, "job %s has ended already: %s", j->id, job_state_name(j->state));
	if (!j->words.n || !strcmp(j->words.v[0], "job") || !strcmp(j->words.v[0], "serve"))
		return error_set(e, ERR_REFUSED, "job %s is none that can be run so", j->id);
	return 0;
}

/* Its words in this process, its document in `result`. */
static int run_words(const struct job_record *j, struct buf *result, struct error *e)
{
	AUTO_FREE char **argv = mem_array(NULL, j->words.n + 3, sizeof *argv);
	CLEANUP(opt_release) struct parsed own = {0};
	const struct out_mode before = out_mode;
	char program[] = "backstay", json[] = "--json";
	int n = 0;

	argv[n++] = program;
	argv[n++] = json;
	for (size_t i = 0; i < j->words.n; i++)
		argv[n++] = j->words.v[i];
	argv[n] = NULL;
	out_mode = (struct out_mode){.json = true, .quiet = before.quiet};
	out_capture(result);
	int rc = opt_parse(n, argv, &own, e);

	if (!rc)
		rc = common_run(&own, e);
	out_capture(NULL);
	out_mode = before;
	return rc;
}

/* What failed before it had begun has failed as a job. One that waits for a source to be free goes on waiting. */
static int begin_after_all(const struct job_record *j, int rc, struct error *e)
{
	struct error why = {0};

	if (recorded_id() || rc == -ERR_LOCKED)
		return rc;
	int begun = recorded_begin(j->kind, NULL, &why, "%s", j->title);

	if (!begun)
		return rc;
	*e = why;
	return begun;
}

static int run_job(const struct parsed *p, struct error *e)
{
	static struct buf result = {.max = JOB_RESULT_MAX};        /* until recorded_end() */
	static struct job_record j;
	int rc = get(p, &j, e);

	if (!rc)
		rc = check_queued(&j, e);
	if (rc)
		return rc;
	setenv("BACKSTAY_AUTHOR", j.author, 1);
	recorded_continue(&j, &result);
	rc = begin_after_all(&j, run_words(&j, &result, e), e);
	if (out_mode.json && result.len)
		fwrite(result.p, 1, result.len, stdout);
	return rc;
}

/* ---- the command ---- */

static const struct action actions[] = {
	{"list", 0, 0, "", "state|kind|source|author|limit|offset", list},
	{"show", 1, 1, "ID", NULL, show},
	{"cancel", 1, 1, "ID", NULL, cancel},
	{"log", 1, 1, "ID", "follow", show_log},
	{"run", 1, 1, "ID", NULL, run_job},
	{0},
};

static int run(const struct parsed *p, struct error *e)
{
	return actions_run(actions, p, e);
}

const struct command cmd_job = {
	.name = "job",
	.arguments = "ACTION [ID]",
	.summary = "list, follow and cancel jobs: all that was done, and is being done",
	.details =
		"ACTION is list, show, cancel, log or run.\n"
		"When there is a state folder, what changes or reads much is kept as a job:\n"
		"when, what, by whom, how it ended, and its messages. A job whose process is\n"
		"gone is \"interrupted\", with what it had done. ID may be its beginning, 4\n"
		"digits or more. \"run\" is what the daemon does with one that is queued.\n",
	.examples =
		"backstay job list --state failed --state interrupted\n"
		"backstay job log 1a2b3c4d --follow\n"
		"backstay job cancel 1a2b3c4d\n",
	.min_args = 1,
	.max_args = -1,
	.choices = "list|show|cancel|log|run",
	.options = options,
	.run = run,
};
