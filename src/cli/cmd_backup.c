#include "base/fs.h"
#include "catalog/setting.h"
#include "cli/backed_up.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/hooks.h"
#include "cli/names.h"
#include "cli/present.h"
#include "cli/recorded.h"
#include "job/backup.h"
#include "job/maintain.h"

#include <stdlib.h>
#include <string.h>

#define THREADS_MAX 64
#define PATTERNS_MAX ((size_t)16 << 20)

static const struct opt options[] = {
	{"name", 'n', OPT_STRING, "NAME", "what to call the backup; else the names of its sources", NULL},
	{"description", 'd', OPT_STRING, "TEXT", "a note kept with the backup", NULL},
	{"tag", 0, OPT_LIST, "TAG", "a tag, for forget --keep-tag; may be given several times", NULL},
	{"schedule", 0, OPT_STRING, "NAME", "as a backup of this schedule, which is kept by its rules", NULL},
	{"exclude", 'x', OPT_LIST, "PATTERN", "leave out files of folders; may be given several times", NULL},
	{"include", 0, OPT_LIST, "PATTERN", "only files that match; may be given several times", NULL},
	{"exclude-file", 0, OPT_LIST, "FILE", "exclude the patterns in FILE, one a line, # for comments", NULL},
	{"include-logs", 0, OPT_FLAG, NULL, "take logs and caches too, which are left out else", NULL},
	{"one-file-system", 0, OPT_FLAG, NULL, "do not enter other file systems below a folder", NULL},
	{"check", 0, OPT_STRING, "HOW", "SQLite's integrity_check on the copy: auto (up to 256 MiB), full or none", "auto|full|none"},
	{"compression", 0, OPT_STRING, "LEVEL", "zstd level 1 to 19, off, auto or max; else as the settings say", NULL},
	{"force", 0, OPT_FLAG, NULL, "read everything, whatever looks unchanged", NULL},
	{"optimize", 0, OPT_FLAG, NULL, "optimize the tables of databases first", NULL},
	{"before", 0, OPT_STRING, "COMMAND", "run COMMAND first; when it fails, there is no backup", NULL},
	{"after", 0, OPT_STRING, "COMMAND", "run COMMAND at the end, however the backup went", NULL},
	{"threads", 0, OPT_COUNT, "N", "threads that compress and encrypt; else one a CPU, at most 2", NULL},
	{0},
};

/* ---- from the options ---- */

static int parse_compression(const char *text, int *level, struct error *e)
{
	*level = -1;
	if (!text || !strcmp(text, "auto"))
		return 0;
	if (!strcmp(text, "off"))
		*level = BLOB_LEVEL_OFF;
	else if (!strcmp(text, "max"))
		*level = BLOB_LEVEL_MAX;
	else if (strlen(text) <= 2 && strspn(text, "0123456789") == strlen(text))
		*level = atoi(text);
	if (*level >= 0 && *level <= BLOB_LEVEL_MAX && *text)
		return 0;
	return error_set(e, ERR_USAGE, "--compression cannot be \"%s\"; it is 1 to %d, off, auto or max", text, BLOB_LEVEL_MAX);
}

static int read_patterns(const char *path, struct strlist *out, struct error *e)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	int rc = fs_read_file(path, PATTERNS_MAX, &text, e);

	if (rc)
		return error_wrap(e, "reading the patterns of --exclude-file");
	for (const char *line = buf_text(&text); *line; line += *line == '\n') {
		size_t n = strcspn(line, "\n"), used = n;

		while (used && strchr(" \t\r", line[used - 1]))
			used--;
		if (used && line[0] != '#')
			strlist_take(out, mem_string_n(line, used));
		line += n;
	}
	return 0;
}

static int check_of(const char *how)
{
	return !how || !strcmp(how, "auto") ? CHECK_AUTO : !strcmp(how, "full") ? CHECK_FULL : CHECK_NONE;
}

/* As the option says, else the setting. */
static int choose_compression(const struct parsed *p, int *level, struct error *e)
{
	AUTO_FREE char *usual = NULL;
	const char *given = opt_text(p, "compression");
	int rc = given ? 0 : setting_text(names_catalog(), "compression_level", &usual, NULL, e);

	return rc ? rc : parse_compression(given ? given : usual, level, e);
}

static int parse_options(const struct parsed *p, struct job_backup *j, struct error *e)
{
	const char *check = opt_text(p, "check");
	const struct strlist *files = &opt_get(p, "exclude-file")->list;
	uint64_t threads = opt_get(p, "threads")->number;
	int rc = choose_compression(p, &j->level, e);

	if (!rc && threads > THREADS_MAX)
		rc = error_set(e, ERR_USAGE, "--threads cannot be more than %d", THREADS_MAX);
	for (size_t i = 0; !rc && i < files->n; i++)
		rc = read_patterns(files->v[i], &j->options.exclude, e);
	if (rc)
		return rc;
	strlist_copy(&j->options.exclude, &opt_get(p, "exclude")->list);
	strlist_copy(&j->options.include, &opt_get(p, "include")->list);
	j->options.include_logs = opt_flag(p, "include-logs");
	j->options.one_file_system = opt_flag(p, "one-file-system");
	j->options.check = check_of(check);
	j->options.force = opt_flag(p, "force");
	j->threads = (int)threads;
	j->name = opt_text(p, "name");
	j->description = opt_text(p, "description");
	j->schedule = opt_text(p, "schedule");
	j->tags = &opt_get(p, "tag")->list;
	return 0;
}

/* ---- what is backed up, and how ---- */

/* Everything about the sources of one backup, `n` of each. */
struct backing_up {
	struct job_backup job;
	size_t n;
	struct source_url *urls;
	struct source_record *records; /* zeroed for what is not configured */
	struct backup_options *options;
	struct hooks hooks;
	struct strlist names;
	char *all_names;
};

static void backing_up_release(struct backing_up *x)
{
	for (size_t i = 0; i < x->n; i++) {
		source_url_release(&x->urls[i]);
		source_record_release(&x->records[i]);
		strlist_release(&x->options[i].exclude);
		strlist_release(&x->options[i].include);
	}
	free(x->urls);
	free(x->records);
	free(x->options);
	free(x->hooks.v);
	free(x->all_names);
	strlist_release(&x->names);
	strlist_release(&x->job.options.exclude);
	strlist_release(&x->job.options.include);
}

/* What is configured, and what the command line adds to it. */
static void set_options(const struct parsed *p, struct backing_up *x, size_t i)
{
	const struct source_record *s = &x->records[i];
	struct backup_options *o = &x->options[i];

	*o = x->job.options;
	o->exclude = o->include = (struct strlist){0};
	strlist_copy(&o->exclude, &s->exclude);
	strlist_copy(&o->exclude, &x->job.options.exclude);
	strlist_copy(&o->include, &s->include);
	strlist_copy(&o->include, &x->job.options.include);
	o->include_logs = o->include_logs || s->include_logs;
	o->one_file_system = o->one_file_system || s->one_file_system;
	if (s->check && !opt_text(p, "check"))
		o->check = check_of(s->check);
}

/* What is stored together goes to one place. */
static int use_repository(const struct parsed *p, const struct backing_up *x, size_t i, struct error *e)
{
	const struct source_record *s = &x->records[i];

	for (size_t k = 0; k < i && !opt_text(p, "repo"); k++) {
		const char *other = x->records[k].repository;

		if (s->repository && other && strcmp(s->repository, other) != 0) {
			error_set(e, ERR_USAGE, "%s is backed up to %s, and %s to %s", x->records[k].name, other, s->name, s->repository);
			return error_hint_typed(e, "back them up apart, or name one repository", " with --repo");
		}
	}
	names_use_repository(s->repository);
	return 0;
}

static int add_source(const struct parsed *p, struct backing_up *x, size_t i, struct error *e)
{
	int rc = names_source(p->args.v[i], false, &x->urls[i], &x->records[i], e);

	x->n = i + 1;
	if (rc)
		return rc;
	x->urls[i].progress = &common_progress;
	strlist_take(&x->names, x->records[i].name ? mem_string(x->records[i].name) : names_of(x->urls[i].shown));
	x->hooks.v[i + 1] = (struct hooks_entry){x->names.v[i], x->records[i].before, x->records[i].after};
	set_options(p, x, i);
	return use_repository(p, x, i, e);
}

static int prepare(const struct parsed *p, struct backing_up *x, struct error *e)
{
	size_t n = p->args.n;
	int rc = parse_options(p, &x->job, e);

	x->urls = mem_zero(n * sizeof *x->urls);
	x->records = mem_zero(n * sizeof *x->records);
	x->options = mem_zero(n * sizeof *x->options);
	x->hooks = (struct hooks){.v = mem_zero((n + 1) * sizeof *x->hooks.v), .n = n + 1};
	for (size_t i = 0; !rc && i < n; i++)
		rc = add_source(p, x, i, e);
	if (rc)
		return rc;
	x->all_names = strlist_join(&x->names, ", ");
	x->hooks.v[0] = (struct hooks_entry){x->all_names, opt_text(p, "before"), opt_text(p, "after")};
	x->job.sources = x->urls;
	x->job.source_count = n;
	x->job.source_options = x->options;
	x->job.progress = &common_progress;
	return 0;
}

/* ---- doing it ---- */

static int begin(const struct parsed *p, struct backing_up *x, const struct repository *r, struct error *e)
{
	CLEANUP(recorder_about_release) struct recorder_about about = {0};
	int rc = recorded_begin("backup", r, e, "backup %s", x->all_names);

	for (size_t i = 0; i < x->n; i++)
		recorded_source(&about, &x->urls[i], x->records[i].name, RECORDED_WORKS_ON);
	if (!rc)
		rc = recorded_about(p, &about, e);
	x->job.job = recorded_id();
	return rc;
}

/* A database that cannot be made smaller is backed up all the same. */
static int optimize(const struct source_url *u, const char *name, struct error *e)
{
	const struct job_maintenance j = {.source = u, .action = MAINTAIN_OPTIMIZE, .progress = &common_progress};
	struct job_maintenance_result result;
	struct error why = {0};
	int rc = u->engine->maintain ? job_maintain(&j, &result, &why) : 0;

	if (rc == -ERR_CANCELLED)
		*e = why;
	else if (rc)
		out_warn("%s was not optimized first: %s", name, why.text);
	return rc == -ERR_CANCELLED ? rc : 0;
}

static int optimize_first(const struct parsed *p, const struct backing_up *x, struct error *e)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < x->n; i++)
		if (opt_flag(p, "optimize") || x->records[i].optimize_first)
			rc = optimize(&x->urls[i], x->names.v[i], e);
	return rc;
}

static int between_hooks(const struct parsed *p, struct backing_up *x, struct repository *r, struct job_backup_result *res, struct error *e)
{
	int rc = hooks_before(&x->hooks, e);

	if (rc)
		return rc;
	struct progress_bar *bar = progress_bar_start(&common_progress, "backup");

	rc = optimize_first(p, x, e);
	if (!rc)
		rc = job_backup(r, &x->job, res, e);
	progress_bar_stop(bar);
	return rc == -ERR_NO_SPACE ? common_hint_full(e) : rc;
}

/* The commands behind it are run whatever happened. A good backup stays when one of them fails, but the job has failed. */
static int with_hooks(const struct parsed *p, struct backing_up *x, struct repository *r, struct job_backup_result *res, struct error *e)
{
	struct error after = {0};
	char id[9];
	int rc = between_hooks(p, x, r, res, e);
	int failed = hooks_after(&x->hooks, rc, &after);

	if (!failed)
		return rc;
	if (rc && rc != -ERR_PARTIAL) {
		out_warn("%s", after.text);
		return rc;
	}
	return error_set(e, ERR_CHILD, "backup %s was made, but %s", backup_short_id(&res->backup, id), after.text);
}

static void keep_figures(struct repository *r, const struct job_backup_result *res)
{
	const struct present_counts counts = present_count(&res->backup);
	struct job_record *f = recorded_figures();
	char hex[ID_HEX_LEN + 1];

	f->backup = mem_string(id_hex(&res->backup.snapshot.id, hex));
	f->size = backup_bytes(&res->backup);
	f->added = res->stats.stored.pack_bytes;
	f->rows = counts.rows;
	f->files = counts.files;
	recorded_scan(r, RECORD_NEW);
}

static int back_up(const struct parsed *p, struct backing_up *x, struct error *e)
{
	CLEANUP(repository_release) struct repository r = {0};
	CLEANUP(job_backup_result_release) struct job_backup_result res = {0};
	bool made = false;
	int rc = common_locate(p, &r, e);

	if (!rc)
		rc = begin(p, x, &r, e);
	if (!rc)
		rc = common_open_or_make(p, &r, &made, e);
	/* With the first repository there is a state folder, too. */
	if (!rc && made)
		rc = begin(p, x, &r, e);
	if (rc)
		return rc;
	rc = with_hooks(p, x, &r, &res, e);
	if (!res.backup.repository)
		return rc;
	keep_figures(&r, &res);
	return backed_up_show(&r, &res, made, rc, e);
}

/* A configured source that is not there any more is a backup that failed, and is kept as one; a slip of the pen on the command line is not. */
static void keep_refusal(const struct parsed *p, const struct backing_up *x)
{
	CLEANUP(recorder_about_release) struct recorder_about about = {0};
	struct error ignored = {0};
	bool configured = false;

	for (size_t i = 0; i < p->args.n; i++) {
		configured = configured || (x->records && x->records[i].name);
		strlist_take(&about.sources, recorded_shown(p->args.v[i]));
	}
	AUTO_FREE char *names = strlist_join(&about.sources, ", ");

	if (configured && !recorded_begin("backup", NULL, &ignored, "backup %s", names))
		(void)!recorded_about(p, &about, &ignored);
}

static int run(const struct parsed *p, struct error *e)
{
	CLEANUP(backing_up_release) struct backing_up x = {0};
	int rc = prepare(p, &x, e);

	if (!rc)
		return back_up(p, &x, e);
	keep_refusal(p, &x);
	return rc;
}

const struct command cmd_backup = {
	.name = "backup",
	.arguments = "SOURCE...",
	.summary = "back up databases and folders",
	.details =
		"A source is a path, whose content tells what it is, or a URL: sqlite:app.db,\n"
		"folder:./media, \"command:pg_dump -Fc shop\". Several sources make one backup.\n"
		"A failed source makes no backup at all. Files of a folder that cannot be read\n"
		"are named; the backup is then kept as \"partial\", with exit status 3.\n"
		"A configured source's name stands for its URL and brings its settings.\n"
		"\n"
		"When no repository was chosen by --repo or the environment and there is none\n"
		"at the usual place, it is made.\n",
	.examples =
		"backstay backup app.db\n"
		"backstay backup app.db media --name nightly --tag nightly\n"
		"backstay backup --exclude '*.tmp' --exclude /cache ./site\n"
		"backstay backup 'command:pg_dump -Fc shop'\n"
		"backstay backup shop --before 'app stop' --after 'app start'\n",
	.min_args = 1,
	.max_args = -1,
	.options = options,
	.run = run,
};
