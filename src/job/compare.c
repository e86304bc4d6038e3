/* Two backups, or a backup and the live source, side by side. */
#include "job/compare.h"

#include "base/mem.h"
#include "job/compare_files.h"

#include <stdlib.h>
#include <string.h>

void compare_result_release(struct compare_result *c)
{
	table_diff_free(c->tables, c->table_count);
	for (size_t i = 0; i < c->file_count; i++)
		free(c->files[i].path);
	free(c->files);
	strlist_release(&c->only_a);
	strlist_release(&c->only_b);
	*c = (struct compare_result){0};
}

/* ---- which sources ---- */

/* The same source in the other backup: by name and URL, which commands may share; else by one of them. */
static const struct manifest_source *counterpart(const struct manifest *m, const struct manifest_source *s)
{
	const struct manifest_source *named = manifest_find_source(m, s->name);

	if (named && !strcmp(named->url, s->url))
		return named;
	for (size_t i = 0; i < m->source_count; i++)
		if (!strcmp(m->sources[i].url, s->url))
			return &m->sources[i];
	return named;
}

/* One source on both sides; b.backup NULL: the other is live. */
struct pair {
	struct compare_side a, b;
};

struct pairs {
	struct pair *v;
	size_t n, cap;
};

static void pairs_release(struct pairs *p)
{
	free(p->v);
}

static bool chosen(const struct compare_options *o, const struct manifest_source *s)
{
	return !o->source || backup_source_is(s, o->source);
}

static void find_pairs(const struct backup *a, const struct backup *b, const struct compare_options *o,
		       struct pairs *out, struct strlist *alone)
{
	for (size_t i = 0; i < a->manifest.source_count; i++) {
		const struct manifest_source *s = &a->manifest.sources[i];
		const struct manifest_source *t = b ? counterpart(&b->manifest, s) : s;

		if (!chosen(o, s))
			continue;
		if (!t || strcmp(t->engine, s->engine)) {
			strlist_add(alone, s->name);
			continue;
		}
		GROW(out->v, out->n, out->cap);
		out->v[out->n++] = (struct pair){{a, s}, {b, t}};
	}
}

/* Sources of b that no pair has. */
static void find_only_b(const struct backup *b, const struct compare_options *o, const struct pairs *p,
			struct strlist *alone)
{
	for (size_t i = 0; i < b->manifest.source_count; i++) {
		const struct manifest_source *t = &b->manifest.sources[i];
		bool paired = false;

		for (size_t k = 0; k < p->n; k++)
			paired = paired || p->v[k].b.source == t;
		if (!paired && chosen(o, t))
			strlist_add(alone, t->name);
	}
}

static bool is_rows(const struct pair *x)
{
	const struct engine *engine = engine_by_name(x->a.source->engine);

	return engine && (engine->features & ENGINE_ROWS);
}

/* ---- rows ---- */

static int open_rows(const struct backup *b, const struct manifest_source *s, struct rows_db **out, struct error *e)
{
	struct stored stored;

	backup_stored(b, s, &stored);
	return engine_by_name(s->engine)->rows_stored(&stored, out, e);
}

static int open_live_rows(const struct compare_side *a, struct rows_db **out, struct error *e)
{
	CLEANUP(source_url_release) struct source_url url = {0};
	AUTO_FREE char *text = repository_source_url(a->backup->repository, a->source->url);
	int rc = source_url_parse(text, false, NULL, &url, e);

	return rc ? rc : url.engine->rows_live(&url, out, e);
}

static void take_tables(struct compare_result *out, struct table_diff *v, size_t n)
{
	out->tables = mem_array(out->tables, out->table_count + n, sizeof *v);
	if (n)
		memcpy(out->tables + out->table_count, v, n * sizeof *v);
	out->table_count += n;
	free(v);
	for (size_t i = 0; i < out->table_count; i++)
		out->equal = out->equal && out->tables[i].kind == DIFF_SAME && !out->tables[i].columns_differ;
}

static int compare_rows(const struct pair *x, const struct compare_options *o, struct compare_result *out,
			struct error *e)
{
	struct rows_db *left = NULL, *right = NULL;
	struct table_diff *v = NULL;
	size_t n = 0;
	int rc = open_rows(x->a.backup, x->a.source, &left, e);

	if (!rc)
		rc = x->b.backup ? open_rows(x->b.backup, x->b.source, &right, e)
				 : open_live_rows(&x->a, &right, e);
	if (!rc)
		rc = rows_diff(left, right, &o->tables, o->on_row, o->ctx, o->progress, &v, &n, e);
	if (!rc)
		take_tables(out, v, n);
	rows_close(left);
	rows_close(right);
	return rc;
}

/* ---- all ---- */

static int compare_pair(const struct pair *x, bool prefix, const struct compare_options *o, struct compare_result *out,
			struct error *e)
{
	const struct manifest_source *s = x->a.source;
	const struct engine *engine = engine_by_name(s->engine);

	if (!engine)
		return error_set(e, ERR_VERSION, "it was made by the engine \"%s\", which this program does not know",
				 s->engine);
	if (is_rows(x))
		return compare_rows(x, o, out, e);
	if (!x->b.backup && !(engine->features & ENGINE_RESTORE))
		return error_set(e, ERR_USAGE, "there is no live side to compare with");
	return compare_files(&x->a, &x->b, prefix, o->progress, out, e);
}

static int nothing_in_common(const struct backup *b, const struct compare_options *o, struct error *e)
{
	if (!o->source)
		return error_set(e, ERR_NOT_FOUND, "the two sides have no source in common");
	return error_set(e, ERR_NOT_FOUND,
			 b ? "the two sides have no source in common that is called %s"
			   : "the backup has no source that is called %s",
			 o->source);
}

int job_compare(struct repository *r, const struct backup *a, const struct backup *b, const struct compare_options *o,
		struct compare_result *out, struct error *e)
{
	CLEANUP(pairs_release) struct pairs p = {0};
	size_t trees = 0;
	int rc = 0;

	*out = (struct compare_result){0};
	find_pairs(a, b, o, &p, &out->only_a);
	if (b)
		find_only_b(b, o, &p, &out->only_b);
	if (!p.n)
		return nothing_in_common(b, o, e);
	out->equal = !out->only_a.n && !out->only_b.n;
	for (size_t i = 0; i < p.n; i++)
		trees += !is_rows(&p.v[i]);
	progress_phase(o->progress, "comparing", NULL, 0, 0);
	for (size_t i = 0; !rc && i < p.n; i++) {
		rc = compare_pair(&p.v[i], trees > 1, o, out, e);
		if (rc)
			error_wrap(e, "comparing %s", p.v[i].a.source->name);
	}
	return rc;
}

int job_rows(struct repository *r, const struct backup *b, const char *source, struct rows_db **out, struct error *e)
{
	const struct manifest_source *found = NULL;
	size_t n = 0;

	for (size_t i = 0; i < b->manifest.source_count; i++) {
		const struct manifest_source *s = &b->manifest.sources[i];
		const struct engine *engine = engine_by_name(s->engine);

		if (!engine || !(engine->features & ENGINE_ROWS) || (source && !backup_source_is(s, source)))
			continue;
		found = s;
		n++;
	}
	if (n == 1)
		return open_rows(b, found, out, e);
	if (!n)
		return error_set(e, ERR_NOT_FOUND, "backup \"%s\" holds no database%s%s", backup_name(b),
				 source ? " called " : "", source ? source : "");
	error_set(e, ERR_USAGE, "backup \"%s\" holds %zu databases", backup_name(b), n);
	return error_hint_typed(e, "name one", " with --source");
}
