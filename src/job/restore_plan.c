/* Which sources of a backup go where. */
#include "job/restore_plan.h"

#include "base/fs.h"
#include "base/human.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/timefmt.h"

#include <stdlib.h>
#include <string.h>

static void step_release(struct restore_step *s)
{
	strlist_release(&s->paths);
	source_url_release(&s->target);
	free(s->line);
}

void restore_plan_release(struct restore_plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		step_release(&p->v[i]);
	free(p->v);
	*p = (struct restore_plan){0};
}

/* Drop the steps whose mark is false. */
static void keep_marked(struct restore_plan *p, const bool *mark)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->n; i++)
		if (mark[i])
			p->v[kept++] = p->v[i];
		else
			step_release(&p->v[i]);
	p->n = kept;
}

/* ---- which sources ---- */

static bool is_named(const struct job_restore *j, const struct manifest_source *s)
{
	for (size_t i = 0; i < j->sources.n; i++)
		if (backup_source_is(s, j->sources.v[i]))
			return true;
	return j->sources.n == 0;
}

/* A name that means nothing must not be passed over because another one does. */
static int check_names(const struct job_restore *j, struct error *e)
{
	for (size_t i = 0; i < j->sources.n; i++)
		if (!backup_has_source(j->backup, j->sources.v[i]))
			return error_set(e, ERR_NOT_FOUND, "backup \"%s\" has no source \"%s\"", backup_name(j->backup),
					 j->sources.v[i]);
	return 0;
}

static bool suits(const struct job_restore *j, const struct engine *engine)
{
	bool database = engine->features & ENGINE_DATABASE;

	if ((j->only == ONLY_DATABASE && !database) || (j->only == ONLY_FILES && database))
		return false;
	return (!j->tables.n || (engine->features & ENGINE_TABLES)) &&
	       (!j->paths.n || (engine->features & ENGINE_PATHS));
}

static int nothing_fits(const struct job_restore *j, struct error *e)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	const struct manifest *m = &j->backup->manifest;

	for (size_t i = 0; i < m->source_count; i++)
		strlist_addf(&names, "%s (%s)", m->sources[i].name, m->sources[i].engine);
	AUTO_FREE char *all = strlist_join(&names, ", ");

	return error_set(e, ERR_NOT_FOUND, "nothing in backup \"%s\" fits what was asked for; it holds: %s",
			 backup_name(j->backup), all);
}

static int choose_sources(const struct job_restore *j, struct restore_plan *p, struct error *e)
{
	const struct manifest *m = &j->backup->manifest;

	for (size_t i = 0; i < m->source_count; i++) {
		const struct manifest_source *s = &m->sources[i];
		const struct engine *engine = engine_by_name(s->engine);

		if (!is_named(j, s))
			continue;
		if (!engine)
			return error_set(e, ERR_VERSION,
					 "%s was made by the engine \"%s\", which this program does not know", s->name,
					 s->engine);
		if (!suits(j, engine))
			continue;
		GROW(p->v, p->n, p->cap);
		p->v[p->n++] = (struct restore_step){.source = s, .engine = engine};
	}
	return p->n ? 0 : nothing_fits(j, e);
}

static int several_have(const struct restore_plan *p, const bool *mark, const char *what, struct error *e)
{
	CLEANUP(strlist_release) struct strlist names = {0};

	for (size_t i = 0; i < p->n; i++)
		if (mark[i])
			strlist_add(&names, p->v[i].source->name);
	AUTO_FREE char *all = strlist_join(&names, ", ");

	error_set(e, ERR_USAGE, "several sources have %s: %s", what, all);
	return error_hint_typed(e, "say which", " with --source");
}

static size_t count_marks(const bool *mark, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += mark[i];
	return count;
}

/* ---- which tables ---- */

static bool has_tables(const struct manifest_source *s, const struct strlist *tables)
{
	for (size_t i = 0; i < tables->n; i++) {
		bool there = manifest_find_table(s, tables->v[i]);

		for (size_t k = 0; k < s->table_count && !there; k++)
			there = !strcasecmp(s->tables[k].name, tables->v[i]);
		if (!there)
			return false;
	}
	return true;
}

/* Of several databases the one that has the tables. For a single one the engine says what is missing. */
static int choose_by_tables(const struct job_restore *j, struct restore_plan *p, struct error *e)
{
	AUTO_FREE char *tables = strlist_join(&j->tables, ", ");
	AUTO_FREE bool *mark = mem_zero(p->n * sizeof *mark);

	if (p->n == 1 || !j->tables.n)
		return 0;
	for (size_t i = 0; i < p->n; i++)
		mark[i] = has_tables(p->v[i].source, &j->tables);
	size_t found = count_marks(mark, p->n);

	if (!found || (j->sources.n && found < p->n))
		return error_set(e, ERR_NOT_FOUND, "not %s of backup \"%s\" has the table %s",
				 found ? "every chosen database" : "one database", backup_name(j->backup), tables);
	if (found > 1 && !j->sources.n)
		return several_have(p, mark, tables, e);
	keep_marked(p, mark);
	return 0;
}

/* ---- which paths ---- */

/* 1 it does, 0 it does not, -kind when that cannot be told. */
static int holds(const struct job_restore *j, const struct restore_step *s, const char *path, struct error *e)
{
	AUTO_FREE char *full = path_join(s->source->name, path);
	struct tree_node node = {0};
	int rc = backup_entry(j->backup, full, &node, e);

	tree_node_release(&node);
	if (rc == -ERR_NOT_FOUND)
		error_clear(e);
	return rc == -ERR_NOT_FOUND ? 0 : rc ? rc : 1;
}

/* Clean, and without a slash in front, as the backup has it. */
static char *clean(const char *path)
{
	return path_clean(path + strspn(path, "/"));
}

/* A path of the backup, if it begins with a source's name: 1, else 0. */
static int deal_full_path(const struct job_restore *j, struct restore_plan *p, const char *path, struct error *e)
{
	for (size_t i = 0; i < p->n; i++) {
		const char *name = p->v[i].source->name;

		if (!path_within(path, name))
			continue;
		const char *rest = path[strlen(name)] ? path + strlen(name) + 1 : ".";
		int rc = strcmp(rest, ".") ? holds(j, &p->v[i], rest, e) : 1;

		if (rc == 1)
			strlist_add(&p->v[i].paths, rest);
		if (rc)
			return rc;
	}
	return 0;
}

/* A path inside a source. */
static int deal_inner_path(const struct job_restore *j, struct restore_plan *p, const char *path, struct error *e)
{
	AUTO_FREE bool *mark = mem_zero(p->n * sizeof *mark);
	char id[9];

	for (size_t i = 0; i < p->n; i++) {
		int rc = holds(j, &p->v[i], path, e);

		if (rc < 0)
			return rc;
		mark[i] = rc;
	}
	size_t found = count_marks(mark, p->n);

	if (!found) {
		error_set(e, ERR_NOT_FOUND, "backup \"%s\" holds no \"%s\"", backup_name(j->backup), path);
		return error_hint_typed(e, "", "backstay ls -R %s", backup_short_id(j->backup, id));
	}
	if (found > 1 && !j->sources.n)
		return several_have(p, mark, path, e);
	for (size_t i = 0; i < p->n; i++)
		if (mark[i])
			strlist_add(&p->v[i].paths, path);
	return 0;
}

static int choose_by_paths(const struct job_restore *j, struct restore_plan *p, struct error *e)
{
	AUTO_FREE bool *mark = mem_zero(p->n * sizeof *mark);

	if (!j->paths.n)
		return 0;
	for (size_t i = 0; i < j->paths.n; i++) {
		AUTO_FREE char *path = clean(j->paths.v[i]);
		int rc = deal_full_path(j, p, path, e);

		if (rc == 0)
			rc = deal_inner_path(j, p, path, e);
		if (rc < 0)
			return rc;
	}
	for (size_t i = 0; i < p->n; i++)
		mark[i] = p->v[i].paths.n;
	keep_marked(p, mark);
	return 0;
}

/* ---- where to ---- */

/* Its targets are on servers, not paths. */
static bool on_server(const struct engine *engine)
{
	return engine->look;
}

/* What a program printed is not given back to it. */
static bool goes_to_file(const struct engine *engine)
{
	return !engine->claims && !on_server(engine);
}

/* Where it came from, or another database there. */
static int origin_text(const struct job_restore *j, const struct restore_step *s, char **text, struct error *e)
{
	AUTO_FREE char *origin = repository_source_url(j->backup->repository, s->source->url);

	if (j->database)
		return source_url_with_database(origin, j->database, text, e);
	*text = TAKE(origin);
	return 0;
}

/* `to` itself, or below it when there are several or when what is one file meets a folder. */
static char *target_text(const struct job_restore *j, const struct restore_step *s, bool several)
{
	bool one_file = (s->engine->features & ENGINE_DATABASE) || goes_to_file(s->engine);

	if (on_server(s->engine))
		return mem_string(j->to);
	if (several || (one_file && fs_is_dir(j->to)))
		return path_join(j->to, path_base(s->source->name));
	return mem_string(j->to);
}

static char *describe_path(const struct source_url *target)
{
	struct stat st;
	char size[HUMAN_MAX], age[HUMAN_MAX];

	if (stat(target->path, &st))
		return mem_string(target->shown);
	human_age(time_between(st.st_mtim, time_now()), age);
	if (S_ISDIR(st.st_mode))
		return mem_printf("%s: a folder, changed %s", target->path, age);
	return mem_printf("%s: %s, changed %s", target->path, human_size((uint64_t)st.st_size, size), age);
}

/* What a program printed goes into a new file. */
static int set_file(const struct job_restore *j, const char *text, struct restore_step *s, struct error *e)
{
	if (!j->to) {
		error_set(e, ERR_USAGE, "%s is what a program printed, which is not given back to it", s->source->name);
		return error_hint_typed(e, "name the file that receives it", ": --to FILE");
	}
	s->target = (struct source_url){
		.engine = s->engine,
		.text = mem_string(text),
		.shown = path_absolute(text),
		.path = path_absolute(text),
		.identity = path_absolute(text),
		.rest = mem_string(""),
		.name = mem_string(path_base(text)),
	};
	if (!fs_exists(s->target.path))
		return 0;
	error_set(e, ERR_EXISTS,
		  "%s exists already, and what a program printed is written to new files only; nothing was changed",
		  s->target.path);
	return error_hint(e, "choose another name");
}

int restore_target_look(const struct source_url *target, bool *there, char **line, struct error *e)
{
	if (on_server(target->engine))
		return target->engine->look(target, there, line, e);
	*there = target->path && fs_exists(target->path);
	*line = *there ? describe_path(target) : NULL;
	return 0;
}

static int set_url(const struct job_restore *j, const char *text, struct restore_step *s, struct error *e)
{
	if (!j->to && !strncmp(s->source->url, "import:", 7)) {
		error_set(e, ERR_USAGE, "%s came from an outside file and has no place to go back to", s->source->name);
		return error_hint_typed(e, "name one", " with --to");
	}
	if (on_server(s->engine) && !strchr(text, ':')) {
		error_set(e, ERR_MISMATCH, "%s is a backup of %s, and \"%s\" names no database on a server",
			  s->source->name, s->engine->title, text);
		return error_hint(e, "name a URL, %s://USER@HOST/DATABASE; or export it to a file",
				  s->engine->schemes[0]);
	}
	int rc = source_url_parse(text, true, s->engine, &s->target, e);

	if (rc)
		return error_wrap(e, "restoring %s", s->source->name);
	if (s->target.engine != s->engine)
		return error_set(e, ERR_MISMATCH,
				 "%s is a backup of %s and cannot be restored into %s; nothing was changed",
				 s->source->name, s->engine->title, s->target.shown);
	s->target.progress = j->progress;
	return restore_target_look(&s->target, &s->exists, &s->line, e);
}

static int set_target(const struct job_restore *j, struct restore_step *s, bool several, struct error *e)
{
	AUTO_FREE char *text = j->to ? target_text(j, s, several) : NULL;
	int rc = text ? 0 : origin_text(j, s, &text, e);

	if (rc)
		return rc;
	if (j->mode == RESTORE_PRESERVE && !(s->engine->features & ENGINE_PRESERVE))
		return error_set(e, ERR_USAGE, "%s cannot be restored with --mode preserve", s->source->name);
	return goes_to_file(s->engine) ? set_file(j, text, s, e) : set_url(j, text, s, e);
}

/* Several sources share a folder; databases on servers have no place in one. */
static int check_shared_target(const struct job_restore *j, const struct restore_plan *p, struct error *e)
{
	for (size_t i = 0; i < p->n; i++)
		if (on_server(p->v[i].engine)) {
			error_set(e, ERR_USAGE, "%zu sources cannot be restored to the one place %s", p->n, j->to);
			return error_hint_typed(e, "restore them one by one", ", with --source and --to");
		}
	if (fs_exists(j->to) && !fs_is_dir(j->to))
		return error_set(e, ERR_MISMATCH, "%s is no folder, which %zu sources could be restored into", j->to,
				 p->n);
	return 0;
}

static int set_targets(const struct job_restore *j, struct restore_plan *p, struct error *e)
{
	int err = p->n > 1 && j->to ? check_shared_target(j, p, e) : 0;

	if (err)
		return err;
	for (size_t i = 0; i < p->n; i++) {
		int rc = set_target(j, &p->v[i], p->n > 1, e);

		if (rc)
			return rc;
	}
	return 0;
}

static const char *place_of(const struct source_url *u)
{
	return u->path ? u->path : u->shown;
}

static int check_distinct(const struct restore_plan *p, struct error *e)
{
	for (size_t i = 0; i < p->n; i++)
		for (size_t k = 0; k < i; k++)
			if (!strcmp(p->v[i].target.identity, p->v[k].target.identity)) {
				error_set(e, ERR_USAGE, "%s and %s would both be restored to %s", p->v[k].source->name,
					  p->v[i].source->name, place_of(&p->v[i].target));
				return error_hint_typed(e, "restore them one by one", ", with --source and --to");
			}
	return 0;
}

/* What lies inside another target comes after it, so that the folder does not take the place of the database in it. */
static void put_outer_first(struct restore_plan *p)
{
	for (size_t i = 1; i < p->n; i++) {
		struct restore_step s = p->v[i];
		size_t k = i;

		for (; k > 0 && strlen(p->v[k - 1].target.identity) > strlen(s.target.identity); k--)
			p->v[k] = p->v[k - 1];
		p->v[k] = s;
	}
}

int restore_plan_make(const struct job_restore *j, struct restore_plan *p, struct error *e)
{
	int rc = check_names(j, e);

	if (!rc)
		rc = choose_sources(j, p, e);
	if (!rc)
		rc = choose_by_tables(j, p, e);
	if (!rc)
		rc = choose_by_paths(j, p, e);
	if (!rc)
		rc = set_targets(j, p, e);
	if (!rc)
		rc = check_distinct(p, e);
	if (!rc)
		put_outer_first(p);
	return rc;
}

/* ---- for people ---- */

void restore_plan_lacks(const struct restore_step *s, struct strlist *out)
{
	static const char *const kinds[] = {"unseen", "unreadable", "unsupported"};

	for (size_t i = 0; i < s->source->note_count; i++)
		for (size_t k = 0; k < ARRAY_LEN(kinds) && (s->engine->features & ENGINE_DATABASE); k++) {
			const struct manifest_note *n = &s->source->notes[i];

			if (!strcmp(n->kind, kinds[k]))
				strlist_addf(out, "%s%s%s", n->path ? n->path : "", n->path ? ": " : "", n->text);
		}
}

/* What is there, and what of it the backup could not bring back. */
static void describe_step(const struct job_restore *j, const struct restore_step *s, struct strlist *out)
{
	CLEANUP(strlist_release) struct strlist lacks = {0};

	if (!j->tables.n && j->mode == RESTORE_OVERWRITE)
		restore_plan_lacks(s, &lacks);
	AUTO_FREE char *all = strlist_join(&lacks, "\n    ");

	strlist_addf(out, "%s%s%s", s->line, lacks.n ? "\n    what the backup lacks would be gone:\n    " : "", all);
}

void restore_plan_describe(const struct job_restore *j, const struct restore_plan *p, struct restore_preview *out)
{
	for (size_t i = 0; i < p->n; i++) {
		if (!p->v[i].exists)
			continue;
		strlist_add(&out->targets, p->v[i].target.shown);
		describe_step(j, &p->v[i], &out->lines);
	}
}
