#include "base/fs.h"
#include "base/log.h"
#include "base/path.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/names.h"
#include "cli/present.h"
#include "cli/recorded.h"
#include "cli/restored.h"
#include "engine/unpack.h"
#include "job/forget.h"

#include <stdio.h>
#include <string.h>

static const struct opt options[] = {
	{"to", 0, OPT_STRING, "TARGET", "path or URL to restore to; else where it came from", NULL},
	{"database", 0, OPT_STRING, "NAME", "into a database of this name on the target's server", NULL},
	COMMON_TABLE,
	{"path", 'p', OPT_LIST, "PATH", "only this file or folder, as \"ls\" shows it; may be given several times", NULL},
	{"source", 's', OPT_LIST, "SOURCE", "only this source of several, by its name or URL; else the one that latest:SOURCE names", NULL},
	{"only", 0, OPT_STRING, "WHAT", "only the database, or only files", "database|files"},
	{"mode", 0, OPT_STRING, "MODE", "overwrite, or preserve what is there and fill in what is missing", "overwrite|preserve"},
	{"no-safety", 0, OPT_FLAG, NULL, "make no backup of what is replaced: it cannot be undone", NULL},
	{"name", 0, OPT_STRING, "NAME", "of FILE: what to call the backup that it is taken in as; else as the file", NULL},
	{"undo", 0, OPT_FLAG, NULL, "undo the last restore, or the one that JOB names", NULL},
	{"dry-run", 0, OPT_FLAG, NULL, "only show what would be replaced", NULL},
	COMMON_YES,
	{0},
};

/* ---- what there is to restore ---- */

/* The newest that is no safety backup, and was not dated ahead by a wrong clock; else the newest. */
static const struct backup *suggested(const struct backup_list *l)
{
	for (size_t i = l->n; i-- > 0;)
		if (!backup_is_safety(&l->v[i]) && !retention_is_ahead(l->v[i].snapshot.time, time_now()))
			return &l->v[i];
	return &l->v[l->n - 1];
}

static int list_choices(const struct parsed *p, struct error *e)
{
	CLEANUP(repository_release) struct repository r = {0};
	CLEANUP(backup_list_release) struct backup_list l = {0};
	char id[9];
	int rc = common_open(p, REPOSITORY_READ, COMMON_INDEX, &r, e);

	if (!rc)
		rc = backup_list_load(&r, NULL, &l, e);
	if (rc)
		return rc;
	present_damaged(&l);
	if (out_mode.json)
		return present_list_document(&r, &l, e);
	if (!l.n) {
		out_print("there is no backup in %s yet; make one with: backstay backup SOURCE\n", r.location);
		return 0;
	}
	present_list(&l);
	backup_short_id(suggested(&l), id);
	out_print("\nrestore one with: backstay restore %s\n"
		  "or beside what is there: backstay restore %s --to TARGET\n", id, id);
	return 0;
}

/* ---- dry runs ---- */

static int preview_target(const char *to, struct restore_preview *out, struct error *e)
{
	struct source_url u = {0};
	struct error ignored = {0};
	AUTO_FREE char *line = NULL;
	bool there = false;
	int rc = 0;

	if (source_url_parse(to, true, NULL, &u, &ignored) == 0) {
		u.progress = &common_progress;
		rc = restore_target_look(&u, &there, &line, e);
	} else if ((there = fs_exists(to)))
		line = mem_string(to);
	if (!rc && there) {
		strlist_add(&out->targets, u.shown ? u.shown : to);
		strlist_take(&out->lines, TAKE(line));
	}
	source_url_release(&u);
	return rc;
}

/* An outside file is only looked at: taking it in would write to the repository. to NULL: just what it is. */
static int preview_file(const struct repository *r, const char *path, const char *to, struct error *e)
{
	CLEANUP(restore_preview_release) struct restore_preview there = {0};
	AUTO_FREE char *what = NULL;
	enum unpack_format format;
	int rc = unpack_recognise(path, to, &format, &what, e);

	if (!rc && to)
		rc = preview_target(to, &there, e);
	if (rc)
		return rc;
	const struct restored_file file = {.what = what, .engine = format == UNPACK_SQL && !to ? NULL : unpack_engine(format)->name};

	out_say("%s is a %s", path, what);
	return restored_preview(r, &file, &there, e);
}

/* ---- what is restored ---- */

static bool names_backup(const char *text)
{
	size_t n = strlen(text);

	return !strcmp(text, "latest") || backup_which_source(text) || (n >= 4 && n <= ID_HEX_LEN && strspn(text, "0123456789abcdef") == n);
}

/* A backup of that name, or else an outside file, taken in as a backup first (*file). */
static int choose(struct repository *r, const struct parsed *p, struct backup *out, bool *file, struct error *e)
{
	const char *which = p->args.v[0];
	int rc = names_backup(which) ? backup_find(r, which, out, e) : -ERR_NOT_FOUND;

	*file = false;
	if (rc != -ERR_NOT_FOUND)
		return rc;
	*file = fs_exists(which);
	if (!*file && !names_backup(which)) {
		error_set(e, ERR_NOT_FOUND, "there is no backup and no file \"%s\"", which);
		return error_hint_typed(e, "", "backstay list");
	}
	if (!*file)
		return rc;
	error_clear(e);
	if (!opt_text(p, "to") && !opt_flag(p, "dry-run")) {
		AUTO_FREE char *word = common_word(which);

		error_set(e, ERR_USAGE, "where should %s be restored to?", which);
		return error_hint_typed(e, "", "backstay restore %s --to TARGET", word);
	}
	return 0;
}

static int import(struct repository *r, const char *path, const char *name, const char *to, struct backup *out, struct error *e)
{
	CLEANUP(job_backup_result_release) struct job_backup_result res = {0};
	struct progress_bar *bar = progress_bar_start(&common_progress, "reading the file");
	int rc = job_import(r, path, name, to, &common_progress, &res, e);
	char id[9];

	progress_bar_stop(bar);
	if (rc)
		return rc == -ERR_NO_SPACE ? common_hint_full(e) : rc;
	*out = res.backup;
	res.backup = (struct backup){0};
	out_say("%s was taken in as backup %s", path, backup_short_id(out, id));
	return 0;
}

/* ---- what is replaced ---- */

/* ctx of what jobs ask and tell. */
struct restoring {
	struct common_asking asking;      /* first, for common_confirm() */
	const struct parsed *p;
};

/* Whether replacing `target` replaces the source, or a part of it, or what it lies in. */
static bool touches(const struct source_url *target, const struct source_record *s)
{
	CLEANUP(source_url_release) struct source_url u = {0};
	struct error ignored = {0};

	if (source_url_parse(s->url, true, engine_by_name(s->engine), &u, &ignored))
		return false;
	if (target->path && u.path)
		return path_within(u.path, target->path) || path_within(target->path, u.path);
	return target->engine == u.engine && !strcmp(target->identity, u.identity);
}

static int check_protected(const struct source_url *target, struct error *e)
{
	CLEANUP(source_list_release) struct source_list l = {0};
	int rc = names_catalog() ? source_list_all(names_catalog(), &l, e) : 0;

	for (size_t i = 0; !rc && i < l.n; i++) {
		if (!l.v[i].restore_protected || !touches(target, &l.v[i]))
			continue;
		error_set(e, ERR_REFUSED, "the source %s is protected: no restore may replace %s", l.v[i].name, target->shown);
		return error_hint_typed(e, "restore beside it, or lift it",
					": --to; backstay source edit %s --reset protect", l.v[i].name);
	}
	return rc;
}

static int on_target(void *ctx, const struct source_url *target, bool exists, struct error *e)
{
	const struct restoring *x = ctx;
	CLEANUP(recorder_about_release) struct recorder_about about = {0};
	int rc = exists ? check_protected(target, e) : 0;

	recorded_source(&about, target, NULL, RECORDED_WORKS_ON);
	return rc ? rc : recorded_about(x->p, &about, e);
}

/* ---- doing it ---- */

static void from_options(const struct parsed *p, const char *to, struct job_restore *j)
{
	const char *only = opt_text(p, "only"), *mode = opt_text(p, "mode");

	j->to = to;
	j->database = to ? NULL : opt_text(p, "database");
	j->tables = opt_get(p, "table")->list;
	j->paths = opt_get(p, "path")->list;
	j->sources = opt_get(p, "source")->list;
	j->only = !only ? ONLY_ALL : !strcmp(only, "database") ? ONLY_DATABASE : ONLY_FILES;
	j->mode = mode && !strcmp(mode, "preserve") ? RESTORE_PRESERVE : RESTORE_OVERWRITE;
	j->no_safety = opt_flag(p, "no-safety");
	j->progress = &common_progress;
}

static void keep_figures(const struct job_restore_result *res)
{
	struct job_record *f = recorded_figures();

	for (size_t i = 0; i < res->n; i++) {
		f->size += res->v[i].result.bytes;
		f->rows += res->v[i].result.rows;
		f->files += res->v[i].result.files;
	}
	f->undo_of = res->undone ? mem_string(res->undone) : NULL;
	for (size_t i = 0; i < res->safety.n; i++)
		recorded_log(LOG_NOTICE, "what was there before is backup %.8s", res->safety.v[i]);
}

static int restore(struct repository *r, const struct parsed *p, struct job_restore *j, struct error *e)
{
	CLEANUP(job_restore_result_release) struct job_restore_result res = {0};
	CLEANUP(recorder_about_release) struct recorder_about about = {0};
	struct restoring x = {.asking = {.yes = opt_flag(p, "yes"), .what = "restore"}, .p = p};
	char hex[ID_HEX_LEN + 1];

	recorded_backup(&about, j->backup);
	recorded_figures()->backup = mem_string(id_hex(&j->backup->snapshot.id, hex));
	int rc = recorded_about(p, &about, e);

	if (rc)
		return rc;
	j->job = recorded_id();
	j->target = on_target;
	j->confirm = common_confirm;
	j->ctx = &x;
	x.asking.bar = progress_bar_start(&common_progress, x.asking.what);
	rc = job_restore(r, j, &res, e);
	progress_bar_stop(x.asking.bar);
	keep_figures(&res);
	recorded_scan(r, RECORD_NEW);
	return rc ? rc : restored_show(r, &res, j->backup, e);
}

/* `source`: the one that latest:SOURCE names, or NULL. */
static int restore_or_preview(struct repository *r, const struct parsed *p, const struct backup *b, const char *source, const char *to,
			      struct error *e)
{
	CLEANUP(restore_preview_release) struct restore_preview there = {0};
	CLEANUP(strlist_release) struct strlist implied = {0};
	struct job_restore j = {.backup = b};

	from_options(p, to, &j);
	if (source && !j.sources.n) {
		strlist_add(&implied, source);
		j.sources = implied;
	}
	if (!opt_flag(p, "dry-run"))
		return restore(r, p, &j, e);
	int rc = job_restore_preview(r, &j, &there, e);

	return rc ? rc : restored_preview(r, NULL, &there, e);
}

static int begin(const struct parsed *p, const struct repository *r, struct error *e)
{
	const char *to = opt_text(p, "to");
	AUTO_FREE char *which = recorded_which(p->args.v[0]);
	AUTO_FREE char *where = to ? recorded_shown(to) : NULL;

	if (opt_flag(p, "dry-run"))
		return 0;
	return where ? recorded_begin("restore", r, e, "restore %s to %s", which, where) : recorded_begin("restore", r, e, "restore %s", which);
}

static int restore_named(const struct parsed *p, const char *to, struct error *e)
{
	CLEANUP(repository_release) struct repository r = {0};
	CLEANUP(backup_release) struct backup b = {0};
	const char *which = p->args.v[0];
	bool dry_run = opt_flag(p, "dry-run"), file;
	int rc = common_locate(p, &r, e);

	if (!rc)
		rc = begin(p, &r, e);
	if (!rc)
		rc = common_open(p, REPOSITORY_RESTORE, COMMON_INDEX, &r, e);
	if (!rc)
		rc = choose(&r, p, &b, &file, e);
	if (rc)
		return rc;
	if (file && dry_run)
		return preview_file(&r, which, to, e);
	if (file)
		rc = import(&r, which, opt_text(p, "name"), to, &b, e);
	return rc ? rc : restore_or_preview(&r, p, &b, file ? NULL : backup_which_source(which), to, e);
}

/* --to may be the name of a source, and --database another one there. */
static int restore_to(const struct parsed *p, struct error *e)
{
	CLEANUP(source_record_release) struct source_record s = {0};
	AUTO_FREE char *url = NULL;
	const char *to = opt_text(p, "to"), *database = opt_text(p, "database");
	int rc = 0;

	if (to && names_is_source(to, &s))
		to = s.url;
	if (to && database) {
		rc = source_url_with_database(to, database, &url, e);
		to = url;
	}
	return rc ? rc : restore_named(p, to, e);
}

static int undo_dry(struct repository *r, const char *which, struct error *e)
{
	CLEANUP(restore_preview_release) struct restore_preview back = {0};
	int rc = job_undo_preview(r, which, &back, e);

	return rc ? rc : restored_preview(r, NULL, &back, e);
}

static int undo_now(struct repository *r, const struct parsed *p, const char *which, struct error *e)
{
	CLEANUP(job_restore_result_release) struct job_restore_result res = {0};
	struct restoring x = {.asking = {.yes = opt_flag(p, "yes"), .what = "undo"}, .p = p};
	const struct job_restore how = {.job = recorded_id(), .progress = &common_progress, .target = on_target, .confirm = common_confirm, .ctx = &x};

	x.asking.bar = progress_bar_start(&common_progress, x.asking.what);
	int rc = job_undo(r, which, &how, &res, e);

	progress_bar_stop(x.asking.bar);
	keep_figures(&res);
	recorded_scan(r, RECORD_NEW);
	return rc ? rc : restored_show(r, &res, NULL, e);
}

static int undo(const struct parsed *p, struct error *e)
{
	CLEANUP(repository_release) struct repository r = {0};
	const char *which = p->args.n ? p->args.v[0] : NULL;
	bool dry_run = opt_flag(p, "dry-run");
	int rc = common_locate(p, &r, e);

	if (!rc && !dry_run)
		rc = recorded_begin("restore", &r, e, "undo %s", which ? which : "the last restore");
	if (!rc)
		rc = common_open(p, dry_run ? REPOSITORY_READ : REPOSITORY_WRITE, COMMON_INDEX, &r, e);
	if (rc)
		return rc;
	return dry_run ? undo_dry(&r, which, e) : undo_now(&r, p, which, e);
}

static int run(const struct parsed *p, struct error *e)
{
	static const char *const not_with_undo[] = {"to", "database", "table", "path", "source", "only", "mode", "no-safety", "name"};

	if (!opt_flag(p, "undo"))
		return p->args.n ? restore_to(p, e) : list_choices(p, e);
	for (size_t i = 0; i < ARRAY_LEN(not_with_undo); i++)
		if (opt_flag(p, not_with_undo[i]))
			return error_set(e, ERR_USAGE, "--undo brings back exactly what was replaced; --%s has no place there", not_with_undo[i]);
	return undo(p, e);
}

const struct command cmd_restore = {
	.name = "restore",
	.arguments = "[BACKUP|FILE|JOB]",
	.summary = "bring a backup, or a file from elsewhere, back",
	.details =
		"Everything is restored beside the target first and compared; then what is\n"
		"there is kept as a safety backup; only then it is replaced. A restore that\n"
		"fails leaves the target as it was. latest:SOURCE restores that source alone,\n"
		"whatever else the backup holds. With nothing named, the backups are listed.\n"
		"\n"
		"FILE is a database file, a dump of pg_dump, mariadb-dump or mysqldump, SQL\n"
		"text (all of them also .gz and .zst), .tar.gz, .tar.zst or .zip, recognised\n"
		"by its content. It needs --to. JOB goes with --undo: the safety backup that\n"
		"the restore to undo has left.\n",
	.examples =
		"backstay restore latest --to copy.db\n"
		"backstay restore latest:app.db --table orders --mode preserve\n"
		"backstay restore latest:shop --database shop_copy --table orders\n"
		"backstay restore 1a2b3c4d --path media/2026 --dry-run\n"
		"backstay restore old.sql.gz --to new.db\n"
		"backstay restore shop.dump --to postgresql://localhost/shop_copy\n"
		"backstay restore --undo\n",
	.max_args = 1,
	.options = options,
	.about_backups = true,
	.run = run,
};
