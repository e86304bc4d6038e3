/* A stored dump: opened for reading, and looked at again from end to end. */
#include "engine/my.h"

#include "base/mem.h"
#include "engine/manifest_compare.h"

#include <string.h>

#define READ ((size_t)1 << 20)

static const struct manifest_artifact *artifact_of(const struct stored *s)
{
	for (size_t i = 0; i < s->manifest->artifact_count; i++)
		if (strcmp(s->manifest->artifacts[i].format, MY_FORMAT) == 0)
			return &s->manifest->artifacts[i];
	return NULL;
}

static int open_dump(const struct stored *s, struct source **out, struct error *e)
{
	const struct manifest_artifact *a = artifact_of(s);
	*out = NULL;
	return a ? s->open(s, a->path, out, e)
		 : error_set(e, ERR_MISMATCH, "%s in the backup is not a MySQL or MariaDB dump", s->manifest->name);
}

int my_stored_open(const struct stored *s, struct source **out, struct sqldump_map *map, struct error *e)
{
	if (map)
		*map = (struct sqldump_map){0};
	int err = open_dump(s, out, e);
	if (err || !map)
		return err;
	err = sqldump_map_read(*out, s->manifest, map, e);
	if (err) {
		source_close(*out);
		*out = NULL;
		return error_wrap(e, "%s", s->manifest->name);
	}
	return 0;
}

/* ---- V2 ---- */

static int watch_all(struct source *s, struct sqldump_watch *w, struct progress *p, struct sqldump_map *map,
		     struct error *e)
{
	AUTO_FREE unsigned char *block = mem_alloc(READ);
	int err = 0;
	progress_phase(p, "checking", NULL, s->size, 0);
	for (uint64_t at = 0; !err && at < s->size;) {
		size_t n = s->size - at < READ ? (size_t)(s->size - at) : READ;
		err = progress_check(p, e);
		if (!err)
			err = source_read_exact(s, block, n, at, e);
		if (!err)
			err = sqldump_watch_write(w, block, n, e);
		progress_bytes(p, n);
		at += n;
	}
	return err ? err : sqldump_watch_finish(w, map, e);
}

/* A file from elsewhere may never have had one; its import says so. */
static bool trailer_expected(const struct manifest_source *s)
{
	for (size_t i = 0; i < s->note_count; i++)
		if (strcmp(s->notes[i].kind, MY_NO_TRAILER) == 0)
			return false;
	return true;
}

static int compare(const struct manifest_source *want, const struct sqldump_map *map,
		   const struct manifest_source *have, struct error *e)
{
	if (!map->complete && trailer_expected(want))
		return error_set(e, ERR_VERIFY, "the dump lacks its last line, \"-- Dump completed\"");
	return manifest_compare(want, have, e);
}

static void release_watch(struct sqldump_watch **w)
{
	sqldump_watch_free(*w);
}

static int look_again(const struct stored *s, struct progress *p, struct manifest_source *found, struct error *e)
{
	CLEANUP(source_drop) struct source *src = NULL;
	CLEANUP(release_watch) struct sqldump_watch *w = sqldump_watch_new(NULL, NULL);
	CLEANUP(sqldump_map_release) struct sqldump_map map = {0};
	int err = open_dump(s, &src, e);
	if (!err && src->size != artifact_of(s)->bytes)
		err = error_set(e, ERR_VERIFY, "the dump has %llu bytes, the manifest says %llu",
				(unsigned long long)src->size, (unsigned long long)artifact_of(s)->bytes);
	if (!err)
		err = watch_all(src, w, p, &map, e);
	if (err)
		return err;
	sqldump_map_describe(&map, found);
	return compare(s->manifest, &map, found, e);
}

int my_check_structure(const struct stored *s, struct progress *p, struct strlist *evidence, struct error *e)
{
	CLEANUP(manifest_source_release) struct manifest_source found = {0};
	int err = look_again(s, p, &found, e);
	if (err) {
		if (err == -ERR_MISMATCH)
			return err;
		error_wrap(e, "%s", s->manifest->name);
		e->kind = err == -ERR_CORRUPT ? ERR_VERIFY : e->kind;
		return -(int)e->kind;
	}
	manifest_evidence(s->manifest->name, "dump", &found, evidence);
	return 0;
}
