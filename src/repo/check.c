#include "repo/check_state.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdlib.h>

void check_report_release(struct check_report *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->v[i].text);
		free(r->v[i].object);
		id_list_release(&r->v[i].snapshots);
	}
	free(r->v);
	id_list_release(&r->hurt);
	*r = (struct check_report){0};
}

size_t check_add(struct check *c, enum check_severity severity, const char *object, const char *fmt, ...)
{
	struct check_problem p = {.severity = severity, .object = mem_string(object)};
	va_list ap;

	va_start(ap, fmt);
	p.text = mem_vprintf(fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&c->lock);
	GROW(c->out->v, c->out->n, c->out->cap);
	size_t number = c->out->n++;
	c->out->v[number] = p;
	if (severity == CHECK_ERROR)
		c->out->errors++;
	else
		c->out->hints++;
	pthread_mutex_unlock(&c->lock);
	return number;
}

void check_suspect(struct check *c, size_t problem, enum blob_type type, const struct id *id, uint32_t pack)
{
	pthread_mutex_lock(&c->lock);
	GROW(c->suspects, c->suspect_count, c->suspect_cap);
	c->suspects[c->suspect_count++] = (struct check_suspect){*id, type, pack, problem};
	pthread_mutex_unlock(&c->lock);
}

static void add_last(struct id_list *l, const struct id *id)
{
	if (l->n == 0 || !id_equal(&l->v[l->n - 1], id))
		id_list_add(l, id);
}

void check_hurt(struct check *c, size_t problem, const struct id *snapshot)
{
	pthread_mutex_lock(&c->lock);
	add_last(&c->out->v[problem].snapshots, snapshot);
	pthread_mutex_unlock(&c->lock);
}

/* Which packs hold something that is needed. */
struct needs {
	const struct check *c;
	struct bits *packs;
};

static int note_needed(const struct blob_place *p, void *ctx)
{
	struct needs *n = ctx;
	size_t number;

	if (index_number(n->c->r->index, p->blob.type, &p->blob.id, &number) && bits_has(&n->c->used, number))
		bits_set(n->packs, inventory_find(&n->c->inv, &p->pack));
	return 0;
}

static int count_unused(const struct blob_place *p, void *ctx)
{
	struct check *c = ctx;
	size_t number;

	if (index_number(c->r->index, p->blob.type, &p->blob.id, &number) && !bits_has(&c->used, number)) {
		c->out->unused_blobs++;
		c->out->unused_bytes += p->blob.length;
	}
	return 0;
}

static int check_all_packs(struct check *c, struct error *e)
{
	CLEANUP(bits_release) struct bits needed = {0};
	bool some = c->o->snapshots;

	if (some) {
		bits_init(&needed, c->inv.pack_count);
		index_each(c->r->index, note_needed, &(struct needs){c, &needed});
	}
	check_files_packs(c, some ? &needed : NULL);
	return c->o->read_data ? check_packs_run(c, some ? &needed : NULL, e) : 0;
}

static int by_weight(const void *a, const void *b)
{
	const struct check_problem *x = a, *y = b;

	if (x->severity != y->severity)
		return x->severity == CHECK_ERROR ? -1 : 1;
	int order = strcmp(x->object, y->object);
	return order ? order : strcmp(x->text, y->text);
}

static int by_id(const void *a, const void *b)
{
	return id_cmp(a, b);
}

/* Every backup that an error touches, each once. */
static void gather_hurt(struct check_report *out)
{
	CLEANUP(id_list_release) struct id_list all = {0};

	for (size_t i = 0; i < out->n; i++)
		for (size_t k = 0; out->v[i].severity == CHECK_ERROR && k < out->v[i].snapshots.n; k++)
			id_list_add(&all, &out->v[i].snapshots.v[k]);
	if (all.n)
		qsort(all.v, all.n, sizeof *all.v, by_id);
	for (size_t i = 0; i < all.n; i++)
		add_last(&out->hurt, &all.v[i]);
}

static void finish_report(struct check *c)
{
	struct check_report *out = c->out;

	out->blobs = index_blob_count(c->r->index);
	out->packs = index_pack_count(c->r->index);
	if (!c->o->snapshots && !c->unread_trees)
		index_each(c->r->index, count_unused, c);
	if (out->n)
		qsort(out->v, out->n, sizeof *out->v, by_weight);
	gather_hurt(out);
}

static void release(struct check *c)
{
	inventory_release(&c->inv);
	snapshot_list_release(&c->snapshots);
	bits_release(&c->used);
	free(c->suspects);
	pthread_mutex_destroy(&c->lock);
}

/* Snapshots are listed before the index is read: a backup that ends in between adds to the index first, so what the
 * snapshots listed need is there. */
static int run(struct check *c, struct error *e)
{
	int rc = check_files_config(c, e);
	if (rc == 0 && c->o->read_data)
		rc = check_files_keys(c, e);
	if (rc == 0)
		rc = check_files_snapshots(c, e);
	if (rc == 0)
		rc = check_files_index(c, e);
	if (rc == 0)
		rc = check_trees_run(c, e);
	if (rc == 0)
		rc = check_all_packs(c, e);
	if (rc == 0 && c->suspect_count)
		rc = check_blame_run(c, e);
	if (rc == 0)
		finish_report(c);
	return rc;
}

int check_run(struct repo *r, const struct check_options *o, struct check_report *out, struct error *e)
{
	CLEANUP(release) struct check c = {.r = r, .o = o, .out = out};

	*out = (struct check_report){0};
	pthread_mutex_init(&c.lock, NULL);
	int rc = run(&c, e);
	if (rc)
		check_report_release(out);
	return rc;
}
