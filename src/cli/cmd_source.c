/* Configured sources. */
#include "base/fs.h"
#include "base/words.h"
#include "base/human.h"
#include "base/proc.h"
#include "catalog/known.h"
#include "catalog/name.h"
#include "cli/actions.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/names.h"
#include "cli/present.h"
#include "job/maintain.h"

#include <stdlib.h>
#include <string.h>

#define RESETS "include|exclude|include-logs|one-file-system|check|before|after|optimize|protect|overdue-hours|repo|notes"

static const struct opt options[] = {
	{"url", 0, OPT_STRING, "URL", "edit: the URL it is to have", NULL},
	{"url-file", 0, OPT_STRING, "FILE", "add, edit: read the URL from FILE (- is standard input), for one with a password", NULL},
	{"rename", 0, OPT_STRING, "NAME", "edit: the name it is to have", NULL},
	{"include", 0, OPT_LIST, "PATTERN", "only files that match; may be given several times", NULL},
	{"exclude", 'x', OPT_LIST, "PATTERN", "leave out files of folders; may be given several times", NULL},
	{"include-logs", 0, OPT_FLAG, NULL, "take logs and caches too, which are left out else", NULL},
	{"one-file-system", 0, OPT_FLAG, NULL, "do not enter other file systems below a folder", NULL},
	{"check", 0, OPT_STRING, "HOW", "SQLite's integrity_check on the copy: auto, full or none", "auto|full|none"},
	{"before", 0, OPT_STRING, "COMMAND", "run COMMAND before each backup; when it fails, there is none", NULL},
	{"after", 0, OPT_STRING, "COMMAND", "run COMMAND after each backup, however it went", NULL},
	{"optimize", 0, OPT_FLAG, NULL, "optimize the tables before each backup", NULL},
	{"protect", 0, OPT_FLAG, NULL, "refuse restores that would replace it", NULL},
	{"overdue-hours", 0, OPT_COUNT, "N", "alarm when there is no good backup for so long", NULL},
	{"notes", 0, OPT_STRING, "TEXT", "a note for people", NULL},
	{"reset", 0, OPT_LIST, "WHAT", "edit: take this option back; may be given several times", RESETS},
	{0},
};

/* ---- from the options ---- */

/* What is given first replaces what there was: an edited list is a new one. */
static void put_list(const struct parsed *p, const char *name, struct strlist *to)
{
	if (!opt_flag(p, name))
		return;
	strlist_release(to);
	strlist_copy(to, &opt_get(p, name)->list);
}

static void put_text(const struct parsed *p, const char *name, char **to)
{
	if (!opt_flag(p, name))
		return;
	free(*to);
	*to = *opt_text(p, name) ? mem_string(opt_text(p, name)) : NULL;
}

static void from_options(const struct parsed *p, struct source_record *s)
{
	put_list(p, "include", &s->include);
	put_list(p, "exclude", &s->exclude);
	put_text(p, "check", &s->check);
	put_text(p, "before", &s->before);
	put_text(p, "after", &s->after);
	put_text(p, "notes", &s->notes);
	put_text(p, "repo", &s->repository);
	s->include_logs = s->include_logs || opt_flag(p, "include-logs");
	s->one_file_system = s->one_file_system || opt_flag(p, "one-file-system");
	s->optimize_first = s->optimize_first || opt_flag(p, "optimize");
	s->restore_protected = s->restore_protected || opt_flag(p, "protect");
	if (opt_flag(p, "overdue-hours"))
		s->overdue_hours = opt_get(p, "overdue-hours")->number;
}

static void drop(char **text)
{
	free(*text);
	*text = NULL;
}

static void reset(struct source_record *s, const struct strlist *what)
{
	if (strlist_has(what, "include"))
		strlist_release(&s->include);
	if (strlist_has(what, "exclude"))
		strlist_release(&s->exclude);
	s->include_logs = s->include_logs && !strlist_has(what, "include-logs");
	s->one_file_system = s->one_file_system && !strlist_has(what, "one-file-system");
	s->optimize_first = s->optimize_first && !strlist_has(what, "optimize");
	s->restore_protected = s->restore_protected && !strlist_has(what, "protect");
	if (strlist_has(what, "overdue-hours"))
		s->overdue_hours = 0;
	const struct { const char *name; char **text; } texts[] = {
		{"check", &s->check}, {"before", &s->before}, {"after", &s->after}, {"repo", &s->repository}, {"notes", &s->notes}};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (strlist_has(what, texts[i].name))
			drop(texts[i].text);
}

/* A path is kept as it is from everywhere. */
static int set_url(struct source_record *s, const char *text, struct error *e)
{
	CLEANUP(source_url_release) struct source_url u = {0};
	int rc = source_url_parse(text, false, NULL, &u, e);

	if (rc)
		return rc;
	drop(&s->url);
	drop(&s->shown);
	drop(&s->engine);
	s->url = mem_string(u.path ? u.shown : u.text);
	s->shown = mem_string(u.shown);
	s->engine = mem_string(u.engine->name);
	return 0;
}

/* One of both ways to say it; neither leaves *s as it is. */
static int take_url(const struct parsed *p, const char *given, struct source_record *s, struct error *e)
{
	CLEANUP(secret_release) struct secret read = {0};
	const char *file = opt_text(p, "url-file");

	if (given && file)
		return error_set(e, ERR_USAGE, "the URL is given twice");
	int rc = file ? common_secret_from_file(file, &read, e) : 0;

	if (rc)
		return error_wrap(e, "reading the URL");
	if (file)
		given = read.len ? (const char *)read.p : "";
	return given ? set_url(s, given, e) : 0;
}

/* ---- as people see it ---- */

static void line(const char *name, const char *value)
{
	if (value && *value)
		out_print("%-14s %s\n", name, value);
}

static void list_lines(const char *name, const struct strlist *l)
{
	for (size_t i = 0; i < l->n; i++)
		line(name, l->v[i]);
}

/* "3 h ago", or "never"; heap. */
static char *last_backup(struct catalog *c, const struct source_record *s)
{
	struct error ignored = {0};
	struct timespec time;
	char id[65];

	if (known_newest_good(c, s->shown, &time, id, &ignored) || !time.tv_sec)
		return mem_string("never");
	return present_age(time);
}

static void print_source(struct catalog *c, const struct source_record *s)
{
	AUTO_FREE char *last = last_backup(c, s);
	AUTO_FREE char *hours = s->overdue_hours ? mem_printf("%llu hours", (unsigned long long)s->overdue_hours) : NULL;

	line("source", s->name);
	line("url", s->shown);
	line("engine", s->engine);
	line("repository", s->repository ? s->repository : "the default one");
	line("last backup", last);
	list_lines("include", &s->include);
	list_lines("exclude", &s->exclude);
	line("logs", s->include_logs ? "are taken too" : NULL);
	line("file systems", s->one_file_system ? "only the folder's own" : NULL);
	line("check", s->check && strcmp(s->check, "auto") ? s->check : NULL);
	line("before", s->before);
	line("after", s->after);
	line("optimize", s->optimize_first ? "before each backup" : NULL);
	line("protected", s->restore_protected ? "no restore may replace it" : NULL);
	line("overdue after", hours);
	line("notes", s->notes);
}

static int document(const struct source_record *s, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;

	out_document_begin(&d);
	jw_name(&d.w, "source");
	source_json(s, &d.w);
	return out_document_end(&d, e);
}

static int show_done(const struct source_record *s, const char *what, struct error *e)
{
	if (out_mode.json)
		return document(s, e);
	out_print("source %s %s\n", s->name, what);
	return 0;
}

/* ---- the actions ---- */

typedef int (*change_fn)(struct catalog *c, struct source_record *s, struct error *e);

static int change(struct catalog *c, change_fn fn, const char *action, struct source_record *s, struct error *e)
{
	int rc = catalog_begin(c, e);

	return rc ? rc : common_audited(c, fn(c, s, e), action, s->name, e);
}

static int remove_record(struct catalog *c, struct source_record *s, struct error *e)
{
	return source_remove(c, s->id, e);
}

static int add(const struct parsed *p, struct error *e)
{
	CLEANUP(source_record_release) struct source_record s = {.name = mem_string(p->args.v[1])};
	struct catalog *c;
	int rc = name_check("source", s.name, e);

	if (!rc)
		rc = take_url(p, p->args.n > 2 ? p->args.v[2] : NULL, &s, e);
	if (!rc && !s.url) {
		error_set(e, ERR_USAGE, "source add needs a URL or path");
		rc = error_hint(e, "backstay source add %s sqlite:/srv/app.db; or --url-file FILE", s.name);
	}
	from_options(p, &s);
	if (!rc)
		rc = names_need_catalog(&c, e);
	if (!rc)
		rc = change(c, source_add, "source-add", &s, e);
	return rc ? rc : show_done(&s, "added", e);
}

static int list_document(const struct source_list *l, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;

	out_document_begin(&d);
	jw_name(&d.w, "sources");
	jw_array(&d.w);
	for (size_t i = 0; i < l->n; i++)
		source_json(&l->v[i], &d.w);
	jw_array_end(&d.w);
	return out_document_end(&d, e);
}

static int list(const struct parsed *p, struct error *e)
{
	static const char *const headers[] = {"NAME", "ENGINE", "URL", "REPOSITORY", "LAST BACKUP"};
	CLEANUP(source_list_release) struct source_list l = {0};
	int rc = names_readable(e);

	if (!rc && names_catalog())
		rc = source_list_all(names_catalog(), &l, e);
	if (rc)
		return rc;
	if (out_mode.json)
		return list_document(&l, e);
	if (!l.n) {
		out_print("no source is configured; add one with: backstay source add NAME URL\n");
		return 0;
	}
	struct table *t = table_new(headers, "llLll");

	for (size_t i = 0; i < l.n; i++) {
		AUTO_FREE char *last = last_backup(names_catalog(), &l.v[i]);
		const char *const row[] = {l.v[i].name, l.v[i].engine, l.v[i].shown, l.v[i].repository, last};

		table_row(t, row);
	}
	table_print(t);
	return 0;
}

static int find(const struct parsed *p, struct source_record *s, struct error *e)
{
	*s = (struct source_record){0};
	if (names_catalog())
		return source_find(names_catalog(), p->args.v[1], s, e);
	int rc = names_readable(e);

	return rc ? rc : error_set(e, ERR_NOT_FOUND, "there is no source named \"%s\"", p->args.v[1]);
}

static int show(const struct parsed *p, struct error *e)
{
	CLEANUP(source_record_release) struct source_record s;
	int rc = find(p, &s, e);

	if (rc)
		return rc;
	if (out_mode.json)
		return document(&s, e);
	print_source(names_catalog(), &s);
	return 0;
}

static int edit(const struct parsed *p, struct error *e)
{
	CLEANUP(source_record_release) struct source_record s;
	int rc = find(p, &s, e);

	if (!rc)
		rc = take_url(p, opt_text(p, "url"), &s, e);
	if (rc)
		return rc;
	reset(&s, &opt_get(p, "reset")->list);
	from_options(p, &s);
	put_text(p, "rename", &s.name);
	rc = change(names_catalog(), source_update, "source-change", &s, e);
	return rc ? rc : show_done(&s, "changed", e);
}

static int remove_source(const struct parsed *p, struct error *e)
{
	CLEANUP(source_record_release) struct source_record s;
	int rc = find(p, &s, e);

	if (!rc)
		rc = change(names_catalog(), remove_record, "source-remove", &s, e);
	return rc ? rc : show_done(&s, "removed; its backups stay", e);
}

/* ---- test ---- */

/* What was found there. */
struct found {
	char *version;
	uint64_t bytes, tables;
	struct strlist notes;
};

static void found_release(struct found *f)
{
	free(f->version);
	strlist_release(&f->notes);
}

static int look_at_database(const struct source_url *u, struct found *f, struct error *e)
{
	CLEANUP(source_info_release) struct source_info i = {0};
	int rc = job_info(u, &i, e);

	if (rc)
		return rc;
	f->version = mem_string(i.title);
	f->bytes = i.bytes;
	f->tables = i.table_count;
	strlist_copy(&f->notes, &i.notes);
	return 0;
}

static int look_at_folder(const struct source_url *u, struct found *f, struct error *e)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	int rc = fs_list(u->path, &names, e);

	f->version = mem_printf("a folder with %zu entr%s", names.n, names.n == 1 ? "y" : "ies");
	return rc;
}

/* It is not run: nobody knows what that does. */
static int look_at_command(const struct source_url *u, struct found *f, struct error *e)
{
	CLEANUP(strlist_release) struct strlist words = {0};
	int rc = words_split(u->rest, &words, e);

	if (!rc && !proc_available(words.v[0]))
		rc = error_set(e, ERR_NOT_FOUND, "there is no program %s", words.v[0]);
	f->version = mem_string("the program is there; it was not run");
	return rc;
}

static int look(const struct source_url *u, struct found *f, struct error *e)
{
	if (u->engine->info)
		return look_at_database(u, f, e);
	return u->path ? look_at_folder(u, f, e) : look_at_command(u, f, e);
}

static int show_found(const struct source_url *u, const struct found *f, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d = {0};
	AUTO_FREE char *tables = human_plural(f->tables, "table");
	char size[HUMAN_MAX];

	if (out_mode.json) {
		out_document_begin(&d);
		jw_kv_string(&d.w, "source", u->shown);
		jw_kv_bool(&d.w, "ok", true);
		jw_kv_string(&d.w, "engine", u->engine->name);
		jw_kv_string(&d.w, "version", f->version);
		jw_kv_u64(&d.w, "bytes", f->bytes);
		jw_kv_u64(&d.w, "tables", f->tables);
		present_strings_json("notes", &f->notes, &d.w);
		return out_document_end(&d, e);
	}
	if (u->engine->info)
		out_print("%s: %s, %s, %s\n", u->shown, f->version, tables, human_size(f->bytes, size));
	else
		out_print("%s: %s\n", u->shown, f->version);
	for (size_t i = 0; i < f->notes.n; i++)
		out_warn("%s", f->notes.v[i]);
	return 0;
}

static int test(const struct parsed *p, struct error *e)
{
	CLEANUP(source_url_release) struct source_url u = {0};
	CLEANUP(found_release) struct found f = {0};
	int rc = names_source(p->args.v[1], false, &u, NULL, e);

	u.progress = &common_progress;
	if (!rc)
		rc = look(&u, &f, e);
	return rc ? rc : show_found(&u, &f, e);
}

/* ---- the command ---- */

#define SETTINGS "include|exclude|include-logs|one-file-system|check|before|after|optimize|protect|overdue-hours|notes"

static const struct action actions[] = {
	{"add", 1, 2, "NAME URL", "url-file|" SETTINGS, add},
	{"list", 0, 0, "", NULL, list},
	{"show", 1, 1, "NAME", NULL, show},
	{"test", 1, 1, "NAME|URL", NULL, test},
	{"edit", 1, 1, "NAME", "url|url-file|rename|reset|" SETTINGS, edit},
	{"remove", 1, 1, "NAME", NULL, remove_source},
	{0},
};

static int run(const struct parsed *p, struct error *e)
{
	return actions_run(actions, p, e);
}

const struct command cmd_source = {
	.name = "source",
	.arguments = "ACTION [NAME [URL]]",
	.summary = "names for databases and folders, with how they are backed up",
	.details =
		"ACTION is add, list, show, test, edit or remove.\n"
		"A name stands wherever the URL could: backstay backup shop, restore\n"
		"latest:shop, diff latest:shop live. Its URL is kept sealed, password included,\n"
		"and --repo NAME is the configured repository that its backups go to. \"test\"\n"
		"connects, and tells the real reason when that fails.\n",
	.examples =
		"backstay source add shop postgresql://backup@db/shop --overdue-hours 26\n"
		"backstay source add media /srv/media --exclude '*.tmp' --repo offsite\n"
		"backstay source edit shop --before 'systemctl stop shop' --reset protect\n"
		"backstay source test shop\n",
	.min_args = 1,
	.max_args = -1,
	.choices = "add|list|show|test|edit|remove",
	.options = options,
	.run = run,
};
