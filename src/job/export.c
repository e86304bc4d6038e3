/* Plain files for people, from any backup. */
#include "job/export.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/unpack.h"
#include "job/checked_sink.h"
#include "repo/artifact.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name;
	enum export_format format;
} formats[] = {
	{"archive", EXPORT_ARCHIVE}, {"sql", EXPORT_SQL},         {"csv", EXPORT_CSV}, {"xlsx", EXPORT_XLSX},
	{"tar.gz", EXPORT_TAR_GZ},   {"tar.zst", EXPORT_TAR_ZST}, {"zip", EXPORT_ZIP},
};

int export_format_parse(const char *name, enum export_format *out, struct error *e)
{
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (!strcmp(formats[i].name, name)) {
			*out = formats[i].format;
			return 0;
		}
	error_set(e, ERR_USAGE, "unknown format \"%s\"", name);
	return error_hint(e, "one of: archive, sql, csv, xlsx, tar.gz, tar.zst, zip");
}

static bool is_rows_format(enum export_format f)
{
	return f == EXPORT_SQL || f == EXPORT_CSV || f == EXPORT_XLSX;
}

static bool is_tree_format(enum export_format f)
{
	return f == EXPORT_TAR_GZ || f == EXPORT_TAR_ZST || f == EXPORT_ZIP;
}

/* ---- which source ---- */

static bool fits(const struct job_export *j, const struct manifest_source *s)
{
	const struct engine *engine = engine_by_name(s->engine);

	if (j->source && strcmp(j->source, s->name) && strcmp(j->source, s->url))
		return false;
	if (!engine)
		return j->format == EXPORT_ARCHIVE && s->artifact_count == 1;
	if (is_rows_format(j->format))
		return engine->features & ENGINE_ROWS;
	return is_tree_format(j->format) ? s->artifact_count == 0 : s->artifact_count == 1;
}

static int choose_source(const struct job_export *j, const struct manifest_source **out, struct error *e)
{
	const struct manifest *m = &j->backup->manifest;
	CLEANUP(strlist_release) struct strlist names = {0};
	size_t found = 0;

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

	if (!found)
		return error_set(e, ERR_MISMATCH, "no source of this backup can be exported so; it holds: %s", all);
	error_set(e, ERR_USAGE, "several sources of this backup can be exported so: %s", all);
	return error_hint(e, "name one with --source");
}

/* ---- writing ---- */

static int write_rows(const struct job_export *j, const struct stored *s, struct sink *to, struct error *e)
{
	struct rows_db *db = NULL;
	int rc = engine_by_name(s->manifest->engine)->rows_stored(s, &db, e);

	if (!rc)
		rc = (j->format == EXPORT_SQL ? rows_sql : rows_csv_zip)(db, &j->tables, to, j->progress, e);
	rows_close(db);
	return rc;
}

static int write_tree(const struct job_export *j, const struct stored *s, struct sink *to, struct strlist *notes, struct error *e)
{
	static const enum pack_format formats_of[] = {[EXPORT_TAR_GZ] = PACK_TAR_GZ, [EXPORT_TAR_ZST] = PACK_TAR_ZST, [EXPORT_ZIP] = PACK_ZIP};
	struct tree_source *tree = NULL;
	int rc = s->tree(s, s->manifest->name, &tree, e);

	if (!rc)
		rc = unpack_pack(tree, formats_of[j->format], to, notes, j->progress, e);
	if (tree)
		tree->close(tree);
	return rc;
}

static int write_artifact(struct repository *r, const struct job_export *j, const struct stored *s, struct sink *to, struct error *e)
{
	struct tree_node node = {0};
	int rc = backup_entry(j->backup, s->manifest->artifacts[0].path, &node, e);

	if (!rc)
		rc = artifact_copy(r->repo, &node, to, j->progress, e);
	tree_node_release(&node);
	return rc;
}

static int write_to(struct repository *r, const struct job_export *j, const struct stored *s, struct sink *to, struct strlist *notes, struct error *e)
{
	if (is_rows_format(j->format))
		return write_rows(j, s, to, e);
	return is_tree_format(j->format) ? write_tree(j, s, to, notes, e) : write_artifact(r, j, s, to, e);
}

/* Excel files are made by their library at a path of their own. */
static int write_xlsx(const struct job_export *j, const struct stored *s, const char *path, struct job_export_result *out, struct error *e)
{
	struct rows_db *db = NULL;
	uint64_t cuts = 0;
	struct stat st;
	int rc = engine_by_name(s->manifest->engine)->rows_stored(s, &db, e);

	if (!rc)
		rc = rows_xlsx(db, &j->tables, path, &cuts, j->progress, e);
	rows_close(db);
	if (rc)
		return rc;
	if (stat(path, &st))
		return error_sys(e, errno, "%s", path);
	out->bytes = (uint64_t)st.st_size;
	if (cuts)
		strlist_addf(&out->notes, "%llu values were cut or changed at Excel's limits; the sheet Notes says which", (unsigned long long)cuts);
	return 0;
}

static int write_checked(struct repository *r, const struct job_export *j, const struct stored *s, const char *path, int fd, struct job_export_result *out, struct error *e)
{
	struct checked_sink sink;

	checked_sink_init(&sink, fd);
	int rc = write_to(r, j, s, &sink.sink, &out->notes, e);

	if (!rc)
		rc = checked_sink_verify(&sink, path, e);
	out->bytes = sink.written;
	checked_sink_release(&sink);
	return rc;
}

/* Below a temporary name, synced and read back; then it gets its name. */
static int export_to_file(struct repository *r, const struct job_export *j, const struct stored *s, struct job_export_result *out, struct error *e)
{
	AUTO_FREE char *dir = path_dir(j->output);
	AUTO_FREE char *temp = NULL;
	CLEANUP(fs_close) int fd = -1;

	if (!j->force && fs_exists(j->output)) {
		error_set(e, ERR_EXISTS, "%s exists already", j->output);
		return error_hint(e, "choose another name, or give --force to replace it");
	}
	int rc = fs_temp_file(dir, ".backstay-export-", &temp, &fd, e);

	if (rc)
		return rc;
	rc = j->format == EXPORT_XLSX ? write_xlsx(j, s, temp, out, e) : write_checked(r, j, s, temp, fd, out, e);
	if (!rc && rename(temp, j->output))
		rc = error_sys(e, errno, "naming %s", j->output);
	if (rc)
		unlink(temp);
	else
		rc = fs_sync_dir(dir, e);
	return rc ? error_wrap(e, "exporting to %s", j->output) : 0;
}

static int export_to_sink(struct repository *r, const struct job_export *j, const struct stored *s, struct job_export_result *out, struct error *e)
{
	if (j->format != EXPORT_XLSX)
		return write_to(r, j, s, j->sink, &out->notes, e);
	AUTO_FREE char *dir = NULL;
	struct error ignored = {0};
	struct source *src = NULL;
	int rc = fs_temp_dir(NULL, "backstay-export-", &dir, e);

	if (rc)
		return rc;
	AUTO_FREE char *file = path_join(dir, "export.xlsx");

	rc = write_xlsx(j, s, file, out, e);
	if (!rc) {
		int fd = open(file, O_RDONLY | O_CLOEXEC);

		rc = fd < 0 ? error_sys(e, errno, "%s", file) : source_from_fd(fd, &src, e);
	}
	if (!rc)
		rc = source_copy(src, j->sink, e);
	source_close(src);
	if (fs_remove_tree(dir, rc ? &ignored : e) && !rc)
		rc = -(int)e->kind;
	return rc;
}

int job_export(struct repository *r, const struct job_export *j, struct job_export_result *out, struct error *e)
{
	const struct manifest_source *s = NULL;
	struct stored stored;
	int rc = choose_source(j, &s, e);

	*out = (struct job_export_result){0};
	if (rc)
		return rc;
	progress_phase(j->progress, "exporting", NULL, s->bytes, 0);
	backup_stored(j->backup, s, &stored);
	return j->sink ? export_to_sink(r, j, &stored, out, e) : export_to_file(r, j, &stored, out, e);
}
