/* The backups in a repository, with their manifests. */
#include "job/backups.h"

#include "base/codec.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/thread.h"
#include "job/verify.h"
#include "repo/artifact.h"
#include "repo/walk.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

void backup_release(struct backup *b)
{
	snapshot_release(&b->snapshot);
	manifest_release(&b->manifest);
	*b = (struct backup){0};
}

void backup_list_release(struct backup_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		backup_release(&l->v[i]);
	free(l->v);
	strlist_release(&l->damaged);
	*l = (struct backup_list){0};
}

char *backup_short_id(const struct backup *b, char out[9])
{
	char hex[ID_HEX_LEN + 1];

	id_hex(&b->snapshot.id, hex);
	memcpy(out, hex, 8);
	out[8] = 0;
	return out;
}

const char *backup_name(const struct backup *b)
{
	if (b->has_manifest && b->manifest.name)
		return b->manifest.name;
	return b->snapshot.paths.n ? path_base(b->snapshot.paths.v[0]) : "(no name)";
}

bool backup_is_safety(const struct backup *b)
{
	return snapshot_has_tag(&b->snapshot, TAG_SAFETY);
}

/* What follows the scheme of a URL, or the whole of a plain path. */
static const char *after_scheme(const char *url)
{
	const char *colon = strchr(url, ':'), *slash = strchr(url, '/');

	return colon && (!slash || colon < slash) ? colon + 1 : url;
}

bool backup_has_source(const struct backup *b, const char *source)
{
	AUTO_FREE char *absolute = path_absolute(after_scheme(source));

	for (size_t i = 0; i < b->manifest.source_count; i++) {
		const struct manifest_source *s = &b->manifest.sources[i];

		if (!strcmp(s->name, source) || !strcmp(s->url, source) || !strcmp(after_scheme(s->url), absolute))
			return true;
	}
	return false;
}

uint64_t backup_bytes(const struct backup *b)
{
	uint64_t sum = 0;

	if (b->snapshot.summary.present)
		return b->snapshot.summary.total_bytes_processed;
	for (size_t i = 0; i < b->manifest.source_count; i++)
		sum += b->manifest.sources[i].bytes;
	return sum;
}

/* ---- reading manifests ---- */

static int read_small_file(struct repo *r, const struct tree_node *n, struct buf *out, struct error *e)
{
	struct source *src = NULL;
	int rc = artifact_open(r, n, 0, &src, e);

	if (rc)
		return rc;
	if (src->size > MANIFEST_MAX)
		rc = error_set(e, ERR_LIMIT, "the manifest is larger than %zu bytes", MANIFEST_MAX);
	else {
		buf_reserve(out, (size_t)src->size);
		rc = source_read_exact(src, out->p, (size_t)src->size, 0, e);
		if (!rc)
			out->len = (size_t)src->size;
	}
	source_close(src);
	return rc;
}

static int load_manifest(struct repo *r, const struct snapshot *s, struct manifest *out, struct error *e)
{
	struct tree_node node = {0};
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	int rc = walk_find(r, &s->tree, MANIFEST_DIR "/" MANIFEST_FILE, &node, e);

	if (rc)
		return rc;
	rc = read_small_file(r, &node, &text, e);
	tree_node_release(&node);
	return rc ? rc : manifest_parse(text.p, text.len, out, e);
}

/* A backup that another program made: each path it names is a folder source. */
static void make_up_manifest(struct backup *b)
{
	const struct snapshot *s = &b->snapshot;

	b->manifest = (struct manifest){.version = MANIFEST_VERSION};
	for (size_t i = 0; i < s->paths.n; i++) {
		struct manifest_source *m = manifest_add_source(&b->manifest);
		const char *path = s->paths.v[i];

		m->name = mem_string(path + strspn(path, "/"));
		m->engine = mem_string("folder");
		m->url = mem_printf("folder:%s", path);
		m->start = m->end = s->time;
		m->bytes = s->summary.present ? s->summary.total_bytes_processed : 0;
	}
	b->manifest.name = mem_string(backup_name(b));
	b->manifest.hostname = s->hostname ? mem_string(s->hostname) : NULL;
}

/* Move `s` into a backup and add its manifest. 0, or -kind when the manifest is there but cannot be read. */
static int complete(struct repository *r, struct snapshot *s, struct backup *b, struct error *e)
{
	*b = (struct backup){.repository = r, .snapshot = *s};
	*s = (struct snapshot){0};
	int rc = load_manifest(r->repo, &b->snapshot, &b->manifest, e);

	b->has_manifest = rc == 0;
	if (rc)
		make_up_manifest(b);
	evidence_load(r->repo->config.id, b);
	return rc == -ERR_NOT_FOUND && !snapshot_has_tag(&b->snapshot, TAG_BACKSTAY) ? 0 : rc;
}

struct loading {
	struct repository *repository;
	struct snapshot_list *snapshots;
	struct backup *v;
	struct strlist *damaged;
	pthread_mutex_t lock;
};

static void load_one(int worker, void *item, void *ctx)
{
	struct loading *l = ctx;
	struct backup *b = item;
	struct snapshot *s = &l->snapshots->v[b - l->v];
	char hex[ID_HEX_LEN + 1];
	struct error e = {0};

	id_hex(&s->id, hex);
	if (complete(l->repository, s, b, &e) == 0)
		return;
	pthread_mutex_lock(&l->lock);
	strlist_addf(l->damaged, "backup %.8s: %s", hex, e.text);
	pthread_mutex_unlock(&l->lock);
}

static void keep_only(struct backup_list *l, const char *source)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++)
		if (backup_has_source(&l->v[i], source))
			l->v[kept++] = l->v[i];
		else
			backup_release(&l->v[i]);
	l->n = kept;
}

int backup_list_load(struct repository *r, const char *source, struct backup_list *out, struct error *e)
{
	CLEANUP(snapshot_list_release) struct snapshot_list snapshots = {0};
	int rc = snapshot_list_load(r->repo, &snapshots, e);

	*out = (struct backup_list){0};
	if (rc)
		return rc;
	out->v = mem_zero(snapshots.n * sizeof *out->v);
	out->n = out->cap = snapshots.n;
	struct loading l = {.repository = r, .snapshots = &snapshots, .v = out->v, .damaged = &out->damaged};

	pthread_mutex_init(&l.lock, NULL);
	struct pool *pool = pool_new("manifests", pool_cpus(4), 64, load_one, &l);
	for (size_t i = 0; i < out->n; i++)
		pool_submit(pool, &out->v[i]);
	pool_free(pool);
	pthread_mutex_destroy(&l.lock);
	strlist_copy(&out->damaged, &snapshots.damage);
	strlist_sort(&out->damaged);
	if (source)
		keep_only(out, source);
	return 0;
}

/* ---- finding one ---- */

static int find_latest(struct repository *r, const char *source, struct backup *out, struct error *e)
{
	CLEANUP(backup_list_release) struct backup_list list = {0};
	int rc = backup_list_load(r, source, &list, e);

	if (rc)
		return rc;
	for (size_t i = list.n; i-- > 0;)
		if (!backup_is_safety(&list.v[i])) {
			*out = list.v[i];
			list.v[i] = (struct backup){0};
			return 0;
		}
	if (source)
		error_set(e, ERR_NOT_FOUND, "there is no backup of %s in %s", source, r->location);
	else
		error_set(e, ERR_NOT_FOUND, "there is no backup in %s yet", r->location);
	return error_hint(e, "backstay list shows what is there");
}

int backup_find(struct repository *r, const char *which, struct backup *out, struct error *e)
{
	struct id id;
	CLEANUP(snapshot_release) struct snapshot s = {0};

	if (!strcmp(which, "latest"))
		return find_latest(r, NULL, out, e);
	if (!strncmp(which, "latest:", 7))
		return find_latest(r, which + 7, out, e);
	int rc = repo_resolve(r->repo, STORE_SNAPSHOT, which, &id, e);
	if (rc) {
		error_wrap(e, "backup %s", which);
		return error_hint(e, "name it by its id from `backstay list`, \"latest\" or \"latest:SOURCE\"");
	}
	rc = snapshot_load(r->repo, &id, &s, e);
	if (!rc) {
		rc = complete(r, &s, out, e);
		if (rc)
			backup_release(out);
	}
	return rc ? error_wrap(e, "backup %s", which) : 0;
}

/* ---- access for engines ---- */

int backup_entry(const struct backup *b, const char *path, struct tree_node *out, struct error *e)
{
	return walk_find(b->repository->repo, &b->snapshot.tree, path, out, e);
}

static int stored_open(const struct stored *s, const char *path, struct source **out, struct error *e)
{
	const struct backup *b = s->ctx;
	struct tree_node node = {0};
	int rc = backup_entry(b, path, &node, e);

	if (!rc)
		rc = artifact_open(b->repository->repo, &node, 0, out, e);
	tree_node_release(&node);
	return rc;
}

static int stored_tree(const struct stored *s, const char *path, struct tree_source **out, struct error *e)
{
	const struct backup *b = s->ctx;
	struct tree_node node = {0};
	int rc = backup_entry(b, path, &node, e);

	if (!rc && node.meta.type != NODE_DIR)
		rc = error_set(e, ERR_MISMATCH, "%s is not a folder", path);
	if (!rc)
		rc = walk_source(b->repository->repo, &node.subtree, NULL, out, e);
	tree_node_release(&node);
	return rc;
}

void backup_stored(const struct backup *b, const struct manifest_source *s, struct stored *out)
{
	*out = (struct stored){.manifest = s, .open = stored_open, .tree = stored_tree, .ctx = (void *)b};
}
