/* Snapshots in a repository. */
#include "repo/snapshot.h"

#include "base/mem.h"
#include "base/thread.h"
#include "base/timefmt.h"
#include "repo/repo.h"
#include "repo/unpacked.h"

#include <stdlib.h>

#define LOAD_THREADS 8
#define LISTINGS_MAX 8 /* of a list that changes while it is read */

int snapshot_save(struct repo *r, struct snapshot *s, struct error *e)
{
	CLEANUP(buf_release) struct buf json = BUF_INIT;

	snapshot_encode(s, &json);
	return unpacked_save(r->store, &r->key, r->config.version, STORE_SNAPSHOT, json.p, json.len, &s->id, e);
}

int snapshot_load(struct repo *r, const struct id *id, struct snapshot *out, struct error *e)
{
	CLEANUP(buf_release) struct buf json = BUF_INIT;
	char hex[ID_HEX_LEN + 1];

	*out = (struct snapshot){0};
	int rc = unpacked_load(r->store, &r->key, STORE_SNAPSHOT, id, &json, e);
	if (rc < 0)
		return rc;
	if (snapshot_parse(json.p, json.len, out, e) < 0)
		return error_wrap(e, "snapshot %.8s is damaged", id_hex(id, hex));
	out->id = *id;
	return 0;
}

int snapshot_remove(struct repo *r, const struct id *id, struct error *e)
{
	struct store_file f = {.kind = STORE_SNAPSHOT};

	id_hex(id, f.name);
	return store_remove(r->store, &f, e);
}

void snapshot_list_release(struct snapshot_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		snapshot_release(&l->v[i]);
	free(l->v);
	id_list_release(&l->damaged);
	strlist_release(&l->damage);
	*l = (struct snapshot_list){0};
}

/* One file of the listing and what became of it. */
struct slot {
	struct repo *repo;
	struct id id;
	struct snapshot snapshot;
	int result;
	struct error *why;            /* heap, when result < 0 */
};

struct slots {
	struct slot *v;
	size_t n, cap;
};

static void slots_release(struct slots *s)
{
	for (size_t i = 0; i < s->n; i++) {
		snapshot_release(&s->v[i].snapshot);
		free(s->v[i].why);
	}
	free(s->v);
}

static int collect_name(const char *name, uint64_t size, void *ctx)
{
	struct slots *s = ctx;

	GROW(s->v, s->n, s->cap);
	s->v[s->n] = (struct slot){0};
	if (id_parse(&s->v[s->n].id, name, ID_HEX_LEN))
		s->n++;
	return 0;
}

static void load_slot(int worker, void *item, void *ctx)
{
	struct slot *s = item;
	struct error e = {0};

	s->result = snapshot_load(s->repo, &s->id, &s->snapshot, &e);
	if (s->result < 0)
		s->why = mem_copy(&e, sizeof e);
}

static void load_all(struct repo *r, struct slots *s)
{
	int threads = s->n < LOAD_THREADS ? (int)s->n : LOAD_THREADS;
	struct pool *p = pool_new("snapshots", threads, LOAD_THREADS, load_slot, NULL);

	for (size_t i = 0; i < s->n; i++) {
		s->v[i].repo = r;
		pool_submit(p, &s->v[i]);
	}
	pool_free(p);
}

/* A listed file that cannot be found was forgotten by someone in between, unless it is still listed: then the
 * store is broken, and silence would let its data be pruned. 1 when it is forgotten. */
static int was_forgotten(struct repo *r, const struct id *id, struct error *e)
{
	int rc = repo_is_listed(r, STORE_SNAPSHOT, id, e);

	return rc < 0 ? rc : !rc;
}

/* *forgotten: it went since it was listed. */
static int take_slot(struct repo *r, struct slot *s, struct snapshot_list *out, bool *forgotten, struct error *e)
{
	if (s->result == 0) {
		GROW(out->v, out->n, out->cap);
		out->v[out->n++] = s->snapshot;
		s->snapshot = (struct snapshot){0};
		return 0;
	}
	if (s->result == -ERR_NOT_FOUND) {
		int rc = was_forgotten(r, &s->id, e);
		if (rc > 0)
			*forgotten = true;
		if (rc != 0)
			return rc < 0 ? rc : 0;
	} else if (s->result != -ERR_CORRUPT && s->result != -ERR_LIMIT) {
		*e = *s->why;
		return s->result;
	}
	id_list_add(&out->damaged, &s->id);
	strlist_add(&out->damage, s->why->text);
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct snapshot *x = a, *y = b;
	int c = time_cmp(x->time, y->time);

	return c ? c : id_cmp(&x->id, &y->id);
}

static int load_listed(struct repo *r, struct snapshot_list *out, bool *forgotten, struct error *e)
{
	CLEANUP(slots_release) struct slots slots = {0};

	*forgotten = false;
	int rc = store_list(r->store, STORE_SNAPSHOT, collect_name, &slots, e);
	if (rc < 0 || slots.n == 0)
		return rc;
	load_all(r, &slots);
	for (size_t i = 0; i < slots.n && rc == 0; i++)
		rc = take_slot(r, &slots.v[i], out, forgotten, e);
	return rc;
}

/* What went may have gone because another took its place, which the first listing may not have had. */
int snapshot_list_load(struct repo *r, struct snapshot_list *out, struct error *e)
{
	bool forgotten = true;
	int rc = 0;

	*out = (struct snapshot_list){0};
	for (int i = 0; rc == 0 && forgotten && i < LISTINGS_MAX; i++) {
		snapshot_list_release(out);
		rc = load_listed(r, out, &forgotten, e);
	}
	if (rc < 0)
		snapshot_list_release(out);
	else if (out->n)
		qsort(out->v, out->n, sizeof *out->v, by_time);
	return rc;
}
