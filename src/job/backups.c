/* The backups in a repository, with their manifests. */
#include "job/backups.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/thread.h"
#include "job/foreign.h"
#include "job/verify.h"
#include "repo/artifact.h"
#include "repo/walk.h"

#include <stdlib.h>
#include <string.h>

#define READINGS_MAX 5 /* of a repository that changes while it is listed */

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

bool backup_is_pinned(const struct backup *b)
{
	return snapshot_has_tag(&b->snapshot, TAG_PINNED);
}

const char *backup_schedule(const struct backup *b)
{
	const struct strlist *tags = &b->snapshot.tags;

	for (size_t i = 0; i < tags->n; i++)
		if (!strncmp(tags->v[i], TAG_SCHEDULE, strlen(TAG_SCHEDULE)))
			return tags->v[i] + strlen(TAG_SCHEDULE);
	return NULL;
}

bool backup_is_good(const struct backup *b)
{
	return !snapshot_has_tag(&b->snapshot, TAG_PARTIAL) && !b->verify_failed;
}

/* What follows the scheme of a URL, or the whole of a plain path. */
static const char *after_scheme(const char *url)
{
	const char *colon = strchr(url, ':'), *slash = strchr(url, '/');

	return colon && (!slash || colon < slash) ? colon + 1 : url;
}

/* As it is shown, whatever password it has. */
static bool is_url_of(const struct manifest_source *s, const char *text)
{
	CLEANUP(source_url_release) struct source_url u = {0};
	struct error ignored = {0};

	return source_url_parse(text, true, engine_by_name(s->engine), &u, &ignored) == 0 && !strcmp(u.shown, s->url);
}

bool backup_source_is(const struct manifest_source *s, const char *source)
{
	if (!strcmp(s->name, source) || !strcmp(s->url, source))
		return true;
	if (strstr(source, "://"))
		return is_url_of(s, source);
	AUTO_FREE char *absolute = path_absolute(after_scheme(source));

	return !strcmp(after_scheme(s->url), absolute);
}

bool backup_has_source(const struct backup *b, const char *source)
{
	for (size_t i = 0; i < b->manifest.source_count; i++)
		if (backup_source_is(&b->manifest.sources[i], source))
			return true;
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

int backup_of_snapshot(struct repository *r, struct snapshot *s, struct backup *out, struct error *e)
{
	*out = (struct backup){.repository = r, .snapshot = *s};
	*s = (struct snapshot){0};
	int rc = load_manifest(r->repo, &out->snapshot, &out->manifest, e);

	out->has_manifest = rc == 0;
	if (rc == -ERR_NOT_FOUND && !snapshot_has_tag(&out->snapshot, TAG_BACKSTAY)) {
		error_clear(e);
		rc = foreign_manifest(r->repo, &out->snapshot, &out->manifest, e);
	}
	if (rc) {
		manifest_release(&out->manifest);
		foreign_outline(&out->snapshot, &out->manifest);
	}
	evidence_load(r->repo->config.id, out);
	return rc;
}

/* ---- lists ---- */

struct loading {
	struct repository *repository;
	struct snapshot_list *snapshots;
	struct backup *v;
	struct strlist *damaged;
	pthread_mutex_t lock; /* guards damaged */
};

static void load_one(int worker, void *item, void *ctx)
{
	struct loading *l = ctx;
	struct backup *b = item;
	struct error e = {0};
	char id[9];

	if (backup_of_snapshot(l->repository, &l->snapshots->v[b - l->v], b, &e) == 0)
		return;
	pthread_mutex_lock(&l->lock);
	strlist_addf(l->damaged, "backup %s: %s", backup_short_id(b, id), e.text);
	pthread_mutex_unlock(&l->lock);
}

/* Takes over what the snapshots own. */
static void load_manifests(struct repository *r, struct snapshot_list *snapshots, struct backup_list *out)
{
	*out = (struct backup_list){
		.v = mem_zero(snapshots->n * sizeof *out->v), .n = snapshots->n, .cap = snapshots->n};
	struct loading l = {.repository = r, .snapshots = snapshots, .v = out->v, .damaged = &out->damaged};
	struct pool *pool;

	pthread_mutex_init(&l.lock, NULL);
	pool = pool_new("manifests", pool_cpus(4), 64, load_one, &l);
	for (size_t i = 0; i < out->n; i++)
		pool_submit(pool, &out->v[i]);
	pool_free(pool);
	pthread_mutex_destroy(&l.lock);
	strlist_copy(&out->damaged, &snapshots->damage);
	strlist_sort(&out->damaged);
}

void backup_list_keep_source(struct backup_list *l, const char *source)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++)
		if (backup_has_source(&l->v[i], source))
			l->v[kept++] = l->v[i];
		else
			backup_release(&l->v[i]);
	l->n = kept;
}

static void keep_tagged(struct snapshot_list *l, const char *tag)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++)
		if (snapshot_has_tag(&l->v[i], tag))
			l->v[kept++] = l->v[i];
		else
			snapshot_release(&l->v[i]);
	l->n = kept;
}

static int load_once(struct repository *r, const char *tag, struct backup_list *out, struct error *e)
{
	CLEANUP(snapshot_list_release) struct snapshot_list snapshots = {0};
	int rc = snapshot_list_load(r->repo, &snapshots, e);

	*out = (struct backup_list){0};
	if (rc)
		return rc;
	if (tag)
		keep_tagged(&snapshots, tag);
	load_manifests(r, &snapshots, out);
	return 0;
}

static bool same_texts(const struct strlist *a, const struct strlist *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = !strcmp(a->v[i], b->v[i]);
	return same;
}

/* What looks damaged may have been made, forgotten or packed anew since our index was read: damage is what is there
 * again when all is read again. */
static int load_sure(struct repository *r, const char *tag, struct backup_list *out, struct error *e)
{
	CLEANUP(strlist_release) struct strlist before = {0};
	int rc = load_once(r, tag, out, e);

	for (int i = 1; !rc && i < READINGS_MAX && !same_texts(&before, &out->damaged); i++) {
		strlist_release(&before);
		before = out->damaged;
		out->damaged = (struct strlist){0};
		backup_list_release(out);
		rc = repo_load_index(r->repo, NULL, NULL, e);
		if (!rc)
			rc = load_once(r, tag, out, e);
	}
	return rc;
}

int backup_list_load(struct repository *r, const char *source, struct backup_list *out, struct error *e)
{
	int rc = load_sure(r, NULL, out, e);

	if (!rc && source)
		backup_list_keep_source(out, source);
	return rc;
}

int backup_list_load_tagged(struct repository *r, const char *tag, struct backup_list *out, struct error *e)
{
	return load_sure(r, tag, out, e);
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
