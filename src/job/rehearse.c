/* A restore for proof's sake, into a private scratch place. */
#include "job/rehearse.h"

#include "base/fs.h"
#include "base/human.h"
#include "base/mem.h"
#include "base/path.h"
#include "job/same_content.h"

#include <string.h>
#include <sys/stat.h>

static int enough_room(const struct stored *s, const char *scratch, struct error *e)
{
	uint64_t room;
	char need[HUMAN_MAX], have[HUMAN_MAX];
	int rc = fs_free_space(scratch, &room, e);

	if (rc || room / 2 >= s->manifest->bytes)
		return rc;
	error_set(e, ERR_NO_SPACE, "a rehearsal of %s needs %s twice, and %s has %s", s->manifest->name,
		  human_size(s->manifest->bytes, need), scratch, human_size(room, have));
	return error_hint_typed(e, "set TMPDIR to a larger place, or verify no more than the structure",
				" (--level 2)");
}

int rehearse_place(const struct engine *engine, const struct stored *s, const char *dir, struct engine_scratch *out,
		   struct error *e)
{
	*out = (struct engine_scratch){0};
	int rc = engine_verify_server(engine) ? 0 : enough_room(s, dir, e);

	if (rc)
		return rc;
	if (engine->scratch)
		return engine->scratch(dir, s, out, e);
	AUTO_FREE char *path = path_join(dir, path_base(s->manifest->name));

	out->target = (struct source_url){
		.engine = engine,
		.text = mem_string(path),
		.shown = mem_string(path),
		.path = mem_string(path),
		.identity = mem_string(path),
		.rest = mem_string(path),
		.name = mem_string(path_base(path)),
	};
	return 0;
}

int rehearse_restore(const struct engine *engine, const struct stored *s, const struct engine_scratch *place,
		     struct progress *p, struct strlist *evidence, struct error *e)
{
	CLEANUP(restore_result_release) struct restore_result done = {0};
	const struct strlist all = {0};
	const struct engine_restore r = {.from = s, .target = &place->target, .tables = &all, .paths = &all, .progress = p};
	const char *name = s->manifest->name;
	char size[HUMAN_MAX];
	int rc = engine->restore(&r, &done, e);

	if (rc)
		return rc;
	AUTO_FREE char *tables = human_plural(done.tables, "table");
	AUTO_FREE char *rows = human_plural(done.rows, "row");
	AUTO_FREE char *files = human_plural(done.files, "file");

	if (engine->features & ENGINE_DATABASE)
		strlist_addf(evidence, "%s restored to a scratch database%s%s: %s, %s", name, place->where ? " on " : "",
			     place->where ? place->where : "", tables, rows);
	else
		strlist_addf(evidence, "%s restored to a scratch folder: %s, %s", name, files, human_size(done.bytes, size));
	return 0;
}

/* ---- comparing databases ---- */

/* The two sides of a comparison. */
struct sides {
	const struct stored *stored;
	struct rows_db *kept, *back;
	struct progress *progress;
};

static void sides_release(struct sides *x)
{
	rows_close(x->kept);
	rows_close(x->back);
}

static int compare_table(const struct sides *x, const struct rows_table *t, struct error *e)
{
	const struct manifest_table *m = manifest_find_table(x->stored->manifest, t->name);
	const struct rows_table *other;
	uint64_t rows_kept, rows;
	char hash_kept[65], hash[65];
	int rc = rows_find_table(x->back, t->name, &other, e);

	if (!rc)
		rc = rows_hash_table(x->kept, t, x->progress, &rows_kept, hash_kept, e);
	if (!rc)
		rc = rows_hash_table(x->back, other, x->progress, &rows, hash, e);
	if (rc)
		return rc;
	if (rows_kept != rows || strcmp(hash_kept, hash))
		return error_set(e, ERR_VERIFY, "table %s differs from the stored one after the rehearsal", t->name);
	if (m && m->rows_known && m->rows != rows)
		return error_set(e, ERR_VERIFY, "table %s has %llu rows, the manifest says %llu", t->name,
				 (unsigned long long)rows, (unsigned long long)m->rows);
	if (m && m->row_hash && strcmp(m->row_hash, hash))
		return error_set(e, ERR_VERIFY, "the rows of table %s are not those the manifest has the hash of",
				 t->name);
	return 0;
}

static int compare_databases(const struct engine *engine, const struct stored *s, const struct source_url *place,
			     struct progress *p, struct strlist *evidence, struct error *e)
{
	CLEANUP(sides_release) struct sides x = {.stored = s, .progress = p};
	int rc = engine->rows_stored(s, &x.kept, e);

	if (!rc)
		rc = engine->rows_live(place, &x.back, e);
	if (!rc && x.kept->table_count != x.back->table_count)
		rc = error_set(e, ERR_VERIFY, "%zu tables after the rehearsal where %zu are stored",
			       x.back->table_count, x.kept->table_count);
	for (size_t i = 0; !rc && i < x.kept->table_count; i++)
		rc = compare_table(&x, &x.kept->tables[i], e);
	if (rc)
		return rc;
	AUTO_FREE char *tables = human_plural(x.kept->table_count, "table");

	strlist_addf(evidence, "%s compared: rows and row hashes of %s equal", s->manifest->name, tables);
	return 0;
}

/* ---- comparing files ---- */

static int compare_content(struct source *kept, const char *path, struct progress *p, struct error *e)
{
	bool same;
	int rc = same_content(kept, path, p, &same, e);

	/* What was restored without rights for its owner is given them: the place is ours alone. */
	if (rc == -ERR_ACCESS && chmod(path, 0600) == 0) {
		error_clear(e);
		rc = same_content(kept, path, p, &same, e);
	}
	if (rc == -ERR_NOT_FOUND)
		return error_set(e, ERR_VERIFY, "%s is missing after the rehearsal", path);
	return rc || same ? rc : error_set(e, ERR_VERIFY, "%s differs from the stored file after the rehearsal", path);
}

static int compare_entry(struct tree_source *tree, const char *path, struct progress *p, struct error *e)
{
	struct source *kept = NULL;
	int rc = tree->open(tree, &kept, e);

	if (!rc)
		rc = compare_content(kept, path, p, e);
	source_close(kept);
	return rc;
}

static int compare_files(const struct stored *s, const char *top, struct progress *p, struct strlist *evidence,
			 struct error *e)
{
	struct tree_source *tree = NULL;
	enum tree_event event = TREE_ENTER;
	const struct node *node;
	const char *path;
	uint64_t files = 0;
	int rc = s->tree(s, s->manifest->name, &tree, e);

	while (!rc && event != TREE_END) {
		rc = tree->next(tree, &event, &node, &path, e);
		if (rc || event == TREE_END || event == TREE_LEAVE)
			continue;
		AUTO_FREE char *full = path_join(top, path);

		if (event == TREE_ENTER && (node->mode & 0700) != 0700)
			(void)!chmod(full, 0700);
		if (event == TREE_NODE && node->type == NODE_FILE) {
			rc = compare_entry(tree, full, p, e);
			files++;
			progress_items(p, 1);
		}
	}
	if (tree)
		tree->close(tree);
	if (rc)
		return rc;
	AUTO_FREE char *all = human_plural(files, "file");

	strlist_addf(evidence, "%s compared: every byte of %s equal", s->manifest->name, all);
	return 0;
}

static int compare_one_file(const struct stored *s, const char *path, struct progress *p, struct strlist *evidence,
			    struct error *e)
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

int rehearse_compare(const struct engine *engine, const struct stored *s, const struct source_url *place,
		     struct progress *p, struct strlist *evidence, struct error *e)
{
	progress_phase(p, "comparing", NULL, s->manifest->bytes, 0);
	if (engine->compare)
		return engine->compare(s, place, p, evidence, e);
	if (engine->features & ENGINE_ROWS)
		return compare_databases(engine, s, place, p, evidence, e);
	return fs_is_dir(place->path) ? compare_files(s, place->path, p, evidence, e)
				      : compare_one_file(s, place->path, p, evidence, e);
}
