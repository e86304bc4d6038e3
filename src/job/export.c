/* Plain files for people, from any backup. */
#include "job/export.h"

#include "base/draft.h"
#include "base/fs.h"
#include "base/gzip_sink.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/unpack.h"
#include "job/checked_sink.h"
#include "repo/artifact.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name;
	enum export_format format;
} formats[] = {
	{"archive", EXPORT_ARCHIVE}, {"sql", EXPORT_SQL},       {"sql.gz", EXPORT_SQL_GZ},   {"csv", EXPORT_CSV},
	{"xlsx", EXPORT_XLSX},       {"tar.gz", EXPORT_TAR_GZ}, {"tar.zst", EXPORT_TAR_ZST}, {"zip", EXPORT_ZIP},
};

int export_format_parse(const char *name, enum export_format *out, struct error *e)
{
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (!strcmp(formats[i].name, name)) {
			*out = formats[i].format;
			return 0;
		}
	error_set(e, ERR_USAGE, "unknown format \"%s\"", name);
	return error_hint(e, "one of: archive, sql, sql.gz, csv, xlsx, tar.gz, tar.zst, zip");
}

void job_export_result_release(struct job_export_result *r)
{
	strlist_release(&r->notes);
	*r = (struct job_export_result){0};
}

static bool is_rows_format(enum export_format f)
{
	return f == EXPORT_SQL || f == EXPORT_SQL_GZ || f == EXPORT_CSV || f == EXPORT_XLSX;
}

static bool is_tree_format(enum export_format f)
{
	return f == EXPORT_TAR_GZ || f == EXPORT_TAR_ZST || f == EXPORT_ZIP;
}

/* ---- which source ---- */

static bool fits(const struct job_export *j, const struct manifest_source *s)
{
	const struct engine *engine = engine_by_name(s->engine);

	if (j->source && !backup_source_is(s, j->source))
		return false;
	if (!engine)
		return j->format == EXPORT_ARCHIVE && s->artifact_count > 0;
	if (is_rows_format(j->format))
		return engine->features & ENGINE_ROWS;
	return is_tree_format(j->format) ? s->artifact_count == 0 : s->artifact_count > 0;
}

static int choose_source(const struct job_export *j, const struct manifest_source **out, struct error *e)
{
	const struct manifest *m = &j->backup->manifest;
	CLEANUP(strlist_release) struct strlist names = {0};
	size_t found = 0;

	if (j->source && !backup_has_source(j->backup, j->source))
		return error_set(e, ERR_NOT_FOUND, "backup \"%s\" has no source \"%s\"", backup_name(j->backup),
				 j->source);
	for (size_t i = 0; i < m->source_count; i++) {
		strlist_addf(&names, "%s (%s)", m->sources[i].name, m->sources[i].engine);
		if (fits(j, &m->sources[i])) {
			found++;
			*out = &m->sources[i];
		}
	}
	if (found == 1)
		return 0;
	AUTO_FREE char *all = strlist_join(&names, ", ");

	if (!found && j->source)
		return error_set(e, ERR_MISMATCH, "%s cannot be exported so; the backup holds: %s", j->source, all);
	if (!found)
		return error_set(e, ERR_MISMATCH, "no source of this backup can be exported so; it holds: %s", all);
	error_set(e, ERR_USAGE, "several sources of this backup can be exported so: %s", all);
	return error_hint_typed(e, "name one", " with --source");
}

/* ---- writing ---- */

/* One export under way. */
struct run {
	struct repository *repository;
	const struct job_export *job;
	const struct engine *engine;
	struct stored stored; /* unless it is from a live source */
	struct job_export_result *result;
};

static int open_rows(const struct run *x, struct rows_db **out, struct error *e)
{
	return x->job->live ? x->engine->rows_live(x->job->live, out, e) : x->engine->rows_stored(&x->stored, out, e);
}

static int write_sql(const struct run *x, struct sink *to, struct error *e)
{
	const struct job_export *j = x->job;
	struct rows_db *db = NULL;

	if (j->live && x->engine->sql_live)
		return x->engine->sql_live(j->live, &j->tables, to, j->progress, e);
	if (!j->live && x->engine->sql_stored)
		return x->engine->sql_stored(&x->stored, &j->tables, to, j->progress, e);
	int rc = open_rows(x, &db, e);

	if (!rc)
		rc = rows_sql(db, &j->tables, to, j->progress, e);
	rows_close(db);
	return rc;
}

static int write_sql_gz(const struct run *x, struct sink *to, struct error *e)
{
	CLEANUP(gzip_sink_release) struct gzip_sink packed;

	gzip_sink_init(&packed, to);
	int rc = write_sql(x, &packed.sink, e);

	return rc ? rc : gzip_sink_finish(&packed, e);
}

static int write_csv(const struct run *x, struct sink *to, struct error *e)
{
	struct rows_db *db = NULL;
	int rc = open_rows(x, &db, e);

	if (!rc)
		rc = rows_csv_zip(db, &x->job->tables, to, x->job->progress, e);
	rows_close(db);
	return rc;
}

static int write_tree(const struct run *x, struct sink *to, struct error *e)
{
	static const enum pack_format formats_of[] = {
		[EXPORT_TAR_GZ] = PACK_TAR_GZ, [EXPORT_TAR_ZST] = PACK_TAR_ZST, [EXPORT_ZIP] = PACK_ZIP};
	const char *path = x->job->path ? x->job->path : x->stored.manifest->name;
	struct tree_source *tree = NULL;
	int rc = x->stored.tree(&x->stored, path, &tree, e);

	if (!rc)
		rc = unpack_pack(tree, formats_of[x->job->format], to, &x->result->notes, x->job->progress, e);
	if (tree)
		tree->close(tree);
	return rc;
}

static int write_artifact(const struct run *x, struct sink *to, struct error *e)
{
	const char *path = x->job->path ? x->job->path : x->stored.manifest->artifacts[0].path;
	struct tree_node node = {0};
	int rc = backup_entry(x->job->backup, path, &node, e);

	if (!rc && node.meta.type != NODE_FILE)
		rc = error_set(e, ERR_MISMATCH, "%s is no file in the backup; a folder becomes tar.gz, tar.zst or zip", path);
	if (!rc)
		rc = artifact_copy(x->repository->repo, &node, to, x->job->progress, e);
	tree_node_release(&node);
	return rc;
}

static int write_to(const struct run *x, struct sink *to, struct error *e)
{
	if (x->job->format == EXPORT_SQL)
		return write_sql(x, to, e);
	if (x->job->format == EXPORT_SQL_GZ)
		return write_sql_gz(x, to, e);
	if (x->job->format == EXPORT_CSV)
		return write_csv(x, to, e);
	return is_tree_format(x->job->format) ? write_tree(x, to, e) : write_artifact(x, to, e);
}

/* Excel files are made, and read back, by their library at a new path. */
static int write_xlsx(const struct run *x, const char *path, struct error *e)
{
	struct rows_db *db = NULL;
	uint64_t cuts = 0;
	int rc = open_rows(x, &db, e);

	if (!rc)
		rc = rows_xlsx(db, &x->job->tables, path, &cuts, x->job->progress, e);
	rows_close(db);
	if (!rc && cuts)
		strlist_addf(&x->result->notes, "%llu %s cut or changed at Excel's limits; the sheet Notes says which",
			     (unsigned long long)cuts, cuts == 1 ? "value was" : "values were");
	return rc;
}

static int write_checked(const struct run *x, const char *path, struct error *e)
{
	CLEANUP(fs_close) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct checked_sink sink;

	if (fd < 0)
		return error_sys(e, errno, "creating %s", path);
	checked_sink_init(&sink, fd);
	int rc = write_to(x, &sink.sink, e);

	if (!rc)
		rc = checked_sink_verify(&sink, path, e);
	checked_sink_release(&sink);
	return rc;
}

/* ---- to a file ---- */

/* Nothing but a plain file is ever replaced: not a device, not a folder. */
static int check_output(const struct job_export *j, struct error *e)
{
	struct stat st;

	if (lstat(j->output, &st))
		return errno == ENOENT ? 0 : error_sys(e, errno, "%s", j->output);
	if (stat(j->output, &st) == 0 && !S_ISREG(st.st_mode))
		return error_set(e, ERR_EXISTS, "%s is no plain file, and is not replaced", j->output);
	if (j->force)
		return 0;
	error_set(e, ERR_EXISTS, "%s exists already", j->output);
	return error_hint_typed(e, "choose another name, or insist on replacing it", " with --force");
}

static int sync_file(const char *path, uint64_t *size, struct error *e)
{
	CLEANUP(fs_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fsync(fd) || fstat(fd, &st))
		return error_sys(e, errno, "%s", path);
	*size = (uint64_t)st.st_size;
	return 0;
}

/* Under its own name, which may have been taken meanwhile. */
static int give_name(const struct job_export *j, const char *file, struct error *e)
{
	unsigned flags = j->force ? 0 : RENAME_NOREPLACE;
	int rc = renameat2(AT_FDCWD, file, AT_FDCWD, j->output, flags);

	/* Not every file system knows that flag. */
	if (rc && flags && (errno == EINVAL || errno == ENOSYS)) {
		if (check_output(j, e))
			return -(int)e->kind;
		rc = rename(file, j->output);
	}
	return rc ? error_sys(e, errno, "giving it its name") : 0;
}

/* In a private folder beside its place until it is whole and has been read back. */
static int export_to_file(const struct run *x, struct error *e)
{
	const struct job_export *j = x->job;
	AUTO_FREE char *dir = path_dir(j->output);
	CLEANUP(draft_release) struct draft draft = DRAFT_NONE;
	int rc = check_output(j, e);

	if (!rc)
		rc = draft_make(dir, path_base(j->output), &draft, e);
	if (rc)
		return rc;
	AUTO_FREE char *file = path_join(draft.path, "file");

	rc = j->format == EXPORT_XLSX ? write_xlsx(x, file, e) : write_checked(x, file, e);
	if (!rc)
		rc = sync_file(file, &x->result->bytes, e);
	if (!rc)
		rc = give_name(j, file, e);
	if (!rc)
		rc = fs_sync_dir(dir, e);
	if (!rc)
		rc = draft_remove(&draft, e);
	return rc ? error_wrap(e, "exporting to %s", j->output) : 0;
}

/* ---- to a sink ---- */

struct counting_sink {
	struct sink sink;
	struct sink *next;
	uint64_t *bytes;
};

static int count_and_pass(struct sink *s, const void *p, size_t n, struct error *e)
{
	struct counting_sink *c = (struct counting_sink *)s;

	*c->bytes += n;
	return sink_write(c->next, p, n, e);
}

static int copy_file(const char *path, struct sink *to, struct error *e)
{
	struct source *src = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc = fd < 0 ? error_sys(e, errno, "%s", path) : source_from_fd(fd, &src, e);

	if (!rc)
		rc = source_copy(src, to, e);
	source_close(src);
	return rc;
}

static int xlsx_to_sink(const struct run *x, struct sink *to, struct error *e)
{
	CLEANUP(draft_release) struct draft draft = DRAFT_NONE;
	int rc = draft_make(NULL, "export", &draft, e);

	if (rc)
		return rc;
	AUTO_FREE char *file = path_join(draft.path, "file");

	rc = write_xlsx(x, file, e);
	if (!rc)
		rc = copy_file(file, to, e);
	return rc ? rc : draft_remove(&draft, e);
}

static int export_to_sink(const struct run *x, struct error *e)
{
	struct counting_sink to = {.sink.write = count_and_pass, .next = x->job->sink, .bytes = &x->result->bytes};

	return x->job->format == EXPORT_XLSX ? xlsx_to_sink(x, &to.sink, e) : write_to(x, &to.sink, e);
}

static int set_live(struct run *x, struct error *e)
{
	const struct source_url *u = x->job->live;

	x->engine = u->engine;
	if (x->job->path)
		return error_set(e, ERR_USAGE, "a path can be exported from a backup only");
	if (is_rows_format(x->job->format) && (u->engine->features & ENGINE_ROWS))
		return 0;
	error_set(e, ERR_MISMATCH, "%s cannot be exported so without a backup", u->shown);
	return error_hint(e, "a live database can be exported as sql, sql.gz, csv or xlsx; for anything else, back it up first");
}

/* One entry of the backup, whichever source it is of. */
static int set_path(struct run *x, struct error *e)
{
	const struct job_export *j = x->job;

	if (is_rows_format(j->format))
		return error_set(e, ERR_USAGE, "a path of the backup can be exported as archive (a file), tar.gz, tar.zst or zip (a folder)");
	backup_stored(j->backup, NULL, &x->stored);
	return 0;
}

static int set_stored(struct run *x, struct error *e)
{
	const struct job_export *j = x->job;
	const struct manifest_source *s = NULL;
	int rc = choose_source(j, &s, e);

	if (rc)
		return rc;
	x->engine = engine_by_name(s->engine);
	backup_stored(j->backup, s, &x->stored);
	progress_phase(j->progress, "exporting", NULL, s->bytes, 0);
	for (size_t i = 1; j->format == EXPORT_ARCHIVE && i < s->artifact_count; i++)
		strlist_addf(&x->result->notes, "%s is not in it: backstay dump has it", s->artifacts[i].path);
	return 0;
}

int job_export(struct repository *r, const struct job_export *j, struct job_export_result *out, struct error *e)
{
	struct run x = {.repository = r, .job = j, .result = out};

	*out = (struct job_export_result){0};
	if (j->tables.n && !is_rows_format(j->format))
		return error_set(e, ERR_USAGE, "tables can be chosen for sql, sql.gz, csv and xlsx only");
	progress_phase(j->progress, "exporting", NULL, 0, 0);
	int rc = j->live ? set_live(&x, e) : j->path ? set_path(&x, e) : set_stored(&x, e);

	if (rc)
		return rc;
	return j->sink ? export_to_sink(&x, e) : export_to_file(&x, e);
}
