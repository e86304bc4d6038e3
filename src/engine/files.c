/* The folder engine: its members, and what they count. */
#include "engine/files.h"

#include "base/fs.h"
#include "base/human.h"
#include "base/mem.h"

#include <string.h>

static const struct {
	const char *type, *one, *many;
} kinds[FILES_KINDS] = {
	[FILES_FILE] = {"file", "file", "files"},
	[FILES_FOLDER] = {"folder", "folder", "folders"},
	[FILES_SYMLINK] = {"symlink", "symbolic link", "symbolic links"},
	[FILES_FIFO] = {"fifo", "FIFO", "FIFOs"},
	[FILES_SOCKET] = {"socket", "socket", "sockets"},
	[FILES_DEVICE] = {"device", "device", "devices"},
};

static enum files_kind kind_of(enum node_type t)
{
	switch (t) {
	case NODE_FILE:
		return FILES_FILE;
	case NODE_DIR:
		return FILES_FOLDER;
	case NODE_SYMLINK:
		return FILES_SYMLINK;
	case NODE_FIFO:
		return FILES_FIFO;
	case NODE_SOCKET:
		return FILES_SOCKET;
	default:
		return FILES_DEVICE;
	}
}

void files_tally_add(struct files_tally *t, const struct node *n)
{
	t->n[kind_of(n->type)]++;
	if (n->type == NODE_FILE)
		t->bytes += n->size;
}

void files_tally_save(const struct files_tally *t, struct manifest_source *out)
{
	for (size_t i = 0; i < FILES_KINDS; i++)
		if (t->n[i] > 0)
			manifest_count(out, kinds[i].type, t->n[i]);
	out->bytes = t->bytes;
}

static void tally_of_manifest(const struct manifest_source *s, struct files_tally *out)
{
	*out = (struct files_tally){.bytes = s->bytes};
	for (size_t i = 0; i < FILES_KINDS; i++)
		for (size_t k = 0; k < s->object_count; k++)
			if (strcmp(s->objects[k].type, kinds[i].type) == 0)
				out->n[i] = s->objects[k].count;
}

int files_tally_compare(const struct files_tally *found, const struct files_tally *expected, struct error *e)
{
	char a[HUMAN_MAX], b[HUMAN_MAX];
	for (size_t i = 0; i < FILES_KINDS; i++)
		if (found->n[i] != expected->n[i])
			return error_set(e, ERR_VERIFY, "%s %s where %s were expected", human_count(found->n[i], a),
				found->n[i] == 1 ? kinds[i].one : kinds[i].many, human_count(expected->n[i], b));
	if (found->bytes != expected->bytes)
		return error_set(e, ERR_VERIFY, "%s bytes of files where %s were expected",
			human_count(found->bytes, a), human_count(expected->bytes, b));
	return 0;
}

int files_tally_check(const struct files_tally *found, const struct manifest_source *s, struct error *e)
{
	struct files_tally expected;
	if (s->object_count == 0)
		return 0;
	tally_of_manifest(s, &expected);
	return files_tally_compare(found, &expected, e);
}

static int files_check_structure(const struct stored *s, struct progress *p, struct strlist *evidence, struct error *e)
{
	static const struct strlist all;
	struct files_tally expected;
	struct files_plan found;
	char files[HUMAN_MAX], size[HUMAN_MAX];
	tally_of_manifest(s->manifest, &expected);
	progress_phase(p, "checking", "files", 0, expected.n[FILES_FILE]);
	int err = files_plan(s, &all, p, &found, e);
	if (!err)
		err = files_tally_check(&found.tally, s->manifest, e);
	if (err)
		return err;
	human_count(found.tally.n[FILES_FILE], files);
	human_size(found.tally.bytes, size);
	AUTO_FREE char *folders = human_plural(found.tally.n[FILES_FOLDER], "folder");
	strlist_addf(evidence, "files: %s in %s, %s%s", files, folders, size,
		s->manifest->object_count ? ", as the manifest says" : "");
	return 0;
}

static const char *const schemes[] = {"folder", NULL};

const struct engine engine_folder = {
	.name = "folder",
	.title = "Folder",
	.schemes = schemes,
	.features = ENGINE_RESTORE | ENGINE_PATHS | ENGINE_PRESERVE | ENGINE_STRUCTURE,
	.claims = fs_is_dir,
	.backup = files_backup,
	.restore = files_restore,
	.check_structure = files_check_structure,
};
