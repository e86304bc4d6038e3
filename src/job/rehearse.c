/* A restore for proof's sake, into a private scratch place. */
#include "job/rehearse.h"

#include "base/fs.h"
#include "base/human.h"
#include "base/mem.h"
#include "base/path.h"

#include <fcntl.h>
#include <string.h>

static char *place(const struct stored *s, const char *scratch)
{
	return path_join(scratch, path_base(s->manifest->name));
}

static int enough_room(const struct stored *s, const char *scratch, struct error *e)
{
	uint64_t room;
	char need[HUMAN_MAX], have[HUMAN_MAX];
	int rc = fs_free_space(scratch, &room, e);

	if (rc)
		return rc;
	if (room / 2 >= s->manifest->bytes)
		return 0;
	error_set(e, ERR_NO_SPACE, "a rehearsal of %s needs %s twice, and %s has %s", s->manifest->name, human_size(s->manifest->bytes, need), scratch, human_size(room, have));
	return error_hint(e, "set TMPDIR to a larger place, or verify with --level 2");
}

int rehearse_restore(const struct engine *engine, const struct stored *s, const char *scratch, struct progress *p, struct strlist *evidence, struct error *e)
{
	AUTO_FREE char *path = place(s, scratch);
	CLEANUP(source_url_release) struct source_url target = {0};
	CLEANUP(restore_result_release) struct restore_result done = {0};
	const struct strlist all = {0};
	char a[HUMAN_MAX], b[HUMAN_MAX];
	int rc = enough_room(s, scratch, e);

	if (!rc)
		rc = source_url_parse(path, true, engine, &target, e);
	if (rc)
		return rc;
	const struct engine_restore r = {.from = s, .target = &target, .mode = RESTORE_OVERWRITE, .tables = &all, .paths = &all, .progress = p};

	rc = engine->restore(&r, &done, e);
	if (rc)
		return rc;
	if (engine->features & ENGINE_DATABASE)
		strlist_addf(evidence, "%s restored to a scratch database: %s tables, %s rows", s->manifest->name, human_count(done.tables, a), human_count(done.rows, b));
	else
		strlist_addf(evidence, "%s restored to a scratch folder: %s files, %s", s->manifest->name, human_count(done.files, a), human_size(done.bytes, b));
	return 0;
}

/* ---- comparing databases ---- */

static int compare_table(const struct stored *s, struct rows_db *kept, struct rows_db *back, const struct rows_table *t, struct progress *p, struct error *e)
{
	const struct manifest_table *m = manifest_find_table(s->manifest, t->name);
	const struct rows_table *other;
	uint64_t rows_kept, rows_back;
	char hash_kept[65], hash_back[65];
	int rc = rows_find_table(back, t->name, &other, e);

	if (!rc)
		rc = rows_hash_table(kept, t, p, &rows_kept, hash_kept, e);
	if (!rc)
		rc = rows_hash_table(back, other, p, &rows_back, hash_back, e);
	if (rc)
		return rc;
	if (rows_kept != rows_back || strcmp(hash_kept, hash_back))
		return error_set(e, ERR_VERIFY, "table %s differs from the stored one after the rehearsal", t->name);
	if (m && m->rows_known && m->rows != rows_back)
		return error_set(e, ERR_VERIFY, "table %s has %llu rows, the manifest says %llu", t->name, (unsigned long long)rows_back, (unsigned long long)m->rows);
	if (m && m->row_hash && strcmp(m->row_hash, hash_back))
		return error_set(e, ERR_VERIFY, "the rows of table %s are not those the manifest has the hash of", t->name);
	return 0;
}

static int compare_databases(const struct engine *engine, const struct stored *s, const char *path, struct progress *p, struct strlist *evidence, struct error *e)
{
	CLEANUP(source_url_release) struct source_url live = {0};
	struct rows_db *kept = NULL, *back = NULL;
	char n[HUMAN_MAX];
	int rc = source_url_parse(path, false, engine, &live, e);

	if (!rc)
		rc = engine->rows_stored(s, &kept, e);
	if (!rc)
		rc = engine->rows_live(&live, &back, e);
	for (size_t i = 0; !rc && i < kept->table_count; i++)
		rc = compare_table(s, kept, back, &kept->tables[i], p, e);
	if (!rc)
		strlist_addf(evidence, "%s compared: rows and row hashes of %s tables equal", s->manifest->name, human_count(kept->table_count, n));
	rows_close(kept);
	rows_close(back);
	return rc;
}

/* ---- comparing files ---- */

static int compare_content(struct source *kept, const char *path, struct progress *p, struct error *e)
{
	enum { STEP = 1 << 20 };
	struct source *back = NULL;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return error_set(e, ERR_VERIFY, "%s is missing after the rehearsal", path);
	int rc = source_from_fd(fd, &back, e);
	AUTO_FREE char *a = mem_alloc(STEP);
	AUTO_FREE char *b = mem_alloc(STEP);

	for (uint64_t at = 0; !rc && at < kept->size;) {
		size_t n = kept->size - at < STEP ? (size_t)(kept->size - at) : STEP;

		rc = source_read_exact(kept, a, n, at, e);
		if (!rc)
			rc = source_read_exact(back, b, n, at, e);
		if (!rc && memcmp(a, b, n))
			rc = error_set(e, ERR_VERIFY, "%s differs from the stored file after the rehearsal", path);
		if (!rc)
			rc = progress_check(p, e);
		at += n;
	}
	if (!rc && back->size != kept->size)
		rc = error_set(e, ERR_VERIFY, "%s differs in size from the stored file after the rehearsal", path);
	source_close(back);
	return rc;
}

static int compare_files(const struct stored *s, const char *top, struct progress *p, struct strlist *evidence, struct error *e)
{
	struct tree_source *tree = NULL;
	enum tree_event event = TREE_ENTER;
	const struct node *node;
	const char *path;
	uint64_t files = 0;
	char n[HUMAN_MAX];
	int rc = s->tree(s, s->manifest->name, &tree, e);

	while (!rc && event != TREE_END) {
		rc = tree->next(tree, &event, &node, &path, e);
		if (rc || event != TREE_NODE || node->type != NODE_FILE)
			continue;
		AUTO_FREE char *full = path_join(top, path);
		struct source *kept = NULL;

		rc = tree->open(tree, &kept, e);
		if (!rc)
			rc = compare_content(kept, full, p, e);
		source_close(kept);
		files++;
	}
	if (tree)
		tree->close(tree);
	if (!rc)
		strlist_addf(evidence, "%s compared: every byte of %s files equal", s->manifest->name, human_count(files, n));
	return rc;
}

static int compare_one_file(const struct stored *s, const char *path, struct progress *p, struct strlist *evidence, struct error *e)
{
	struct source *kept = NULL;
	int rc = s->open(s, s->manifest->name, &kept, e);

	if (!rc)
		rc = compare_content(kept, path, p, e);
	source_close(kept);
	if (!rc)
		strlist_addf(evidence, "%s compared: every byte equal", s->manifest->name);
	return rc;
}

int rehearse_compare(const struct engine *engine, const struct stored *s, const char *scratch, struct progress *p, struct strlist *evidence, struct error *e)
{
	AUTO_FREE char *path = place(s, scratch);

	if (engine->features & ENGINE_ROWS)
		return compare_databases(engine, s, path, p, evidence, e);
	return fs_is_dir(path) ? compare_files(s, path, p, evidence, e) : compare_one_file(s, path, p, evidence, e);
}
