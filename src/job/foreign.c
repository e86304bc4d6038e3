/* Manifests for backups that have none. */
#include "job/foreign.h"

#include "base/mem.h"
#include "base/path.h"
#include "repo/walk.h"

#include <stdlib.h>
#include <string.h>

static void begin(const struct snapshot *s, struct manifest *m)
{
	*m = (struct manifest){
		.version = MANIFEST_VERSION,
		.name = mem_string(s->paths.n ? path_base(s->paths.v[0]) : "(no name)"),
		.hostname = s->hostname ? mem_string(s->hostname) : NULL,
	};
}

static void add_source(struct manifest *m, const struct snapshot *s, const char *name, const char *path)
{
	if (manifest_find_source(m, name))
		return;
	struct manifest_source *x = manifest_add_source(m);

	x->name = mem_string(name);
	x->engine = mem_string("folder");
	x->url = mem_printf("folder:%s", path);
	x->start = x->end = s->time;
	if (s->paths.n == 1 && s->summary.present)
		x->bytes = s->summary.total_bytes_processed;
}

void foreign_outline(const struct snapshot *s, struct manifest *out)
{
	begin(s, out);
	for (size_t i = 0; i < s->paths.n; i++)
		add_source(out, s, s->paths.v[i] + strspn(s->paths.v[i], "/"), s->paths.v[i]);
}

/* Where a path lies in the tree: restic keeps all of it when it was given from the root, else what was given. *out is
 * its end, or NULL when it is not there. */
static int locate(struct repo *r, const struct snapshot *s, const char *path, const char **out, struct error *e)
{
	*out = NULL;
	for (const char *p = path + strspn(path, "/"); *p; p += strspn(p, "/")) {
		struct tree_node node = {0};
		int rc = walk_find(r, &s->tree, p, &node, e);

		tree_node_release(&node);
		if (rc == 0)
			*out = p;
		if (rc != -ERR_NOT_FOUND)
			return rc;
		error_clear(e);
		p += strcspn(p, "/");
	}
	return 0;
}

/* The folder itself was given as ".", or is the root: what lies in it is the top of the tree. */
static int add_entries(struct repo *r, const struct snapshot *s, struct manifest *out, struct error *e)
{
	CLEANUP(tree_release) struct tree top = {0};
	struct blob_codec *codec = blob_codec_new(&r->key);
	const char *above = s->paths.n == 1 ? s->paths.v[0] : "/";
	int rc = walk_load_tree(r, codec, &s->tree, &top, e);

	blob_codec_free(codec);
	for (size_t i = 0; i < top.n; i++) {
		AUTO_FREE char *path = path_join(above, top.v[i].meta.name);

		add_source(out, s, top.v[i].meta.name, path);
	}
	return rc;
}

int foreign_manifest(struct repo *r, const struct snapshot *s, struct manifest *out, struct error *e)
{
	begin(s, out);
	for (size_t i = 0; i < s->paths.n; i++) {
		const char *name;
		int rc = locate(r, s, s->paths.v[i], &name, e);

		if (rc)
			return rc;
		if (name)
			add_source(out, s, name, s->paths.v[i]);
	}
	return out->source_count ? 0 : add_entries(r, s, out, e);
}
