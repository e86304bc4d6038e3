/* Rows matched by their whole content, wherever they stand. */
#include "engine/rows_diff.h"

#include "base/mem.h"
#include "engine/rows_bag.h"

#define MAX_DIFFERENT ((size_t)20000000)

struct bags {
	struct rows_diff *f;
	struct rows_hash *hash;
	struct rows_bag *bag; /* how many more of a row a has than b */
};

/* The current row of s: its compared columns, or all when the sides share none. */
static void hash_row(const struct bags *x, const struct rows_diff_side *s, uint8_t out[ROWS_HASH])
{
	if (x->f->n)
		rows_hash_row(x->hash, s->picked, x->f->n, out);
	else
		rows_hash_row(x->hash, s->row, s->t->column_count, out);
}

static int weigh(const struct bags *x, struct rows_diff_side *s, int by, struct error *e)
{
	uint8_t hash[ROWS_HASH];
	int rc;

	if (!s->row)
		return 0;
	hash_row(x, s, hash);
	rc = rows_bag_add(x->bag, hash, by, e);
	return rc < 0 ? rc : rows_diff_side_step(x->f, s, e);
}

/* Both sides side by side, so that rows which find their like soon are soon forgotten. */
static int weigh_all(const struct bags *x, struct error *e)
{
	struct rows_diff *f = x->f;
	int rc;

	if ((rc = rows_diff_side_begin(f, &f->a, ROWS_STORED, e)) < 0 ||
	    (rc = rows_diff_side_begin(f, &f->b, ROWS_STORED, e)) < 0)
		return rc;
	while (f->a.row || f->b.row)
		if ((rc = weigh(x, &f->a, 1, e)) < 0 || (rc = weigh(x, &f->b, -1, e)) < 0)
			return rc;
	return 0;
}

/* Tell the rows of one side that the bag has too many of; `sign` is that side's there. */
static int tell_side(const struct bags *x, struct rows_diff_side *s, int sign, struct error *e)
{
	uint8_t hash[ROWS_HASH];
	int rc = rows_diff_side_begin(x->f, s, ROWS_STORED, e);

	while (rc == 0 && s->row) {
		hash_row(x, s, hash);
		if (rows_bag_count(x->bag, hash) * sign > 0) {
			if ((rc = rows_bag_add(x->bag, hash, -sign, e)) < 0 ||
			    (rc = rows_diff_side_tell(x->f, sign > 0 ? DIFF_ONLY_A : DIFF_ONLY_B, e)) < 0)
				return rc;
		}
		rc = rows_diff_side_step(x->f, s, e);
	}
	return rc;
}

int rows_diff_bag(struct rows_diff *f, struct error *e)
{
	CLEANUP(rows_hash_free) struct rows_hash *hash = rows_hash_new();
	CLEANUP(rows_bag_free) struct rows_bag *bag = rows_bag_new(MAX_DIFFERENT);
	struct bags x = {.f = f, .hash = hash, .bag = bag};
	uint64_t rows_a, rows_b;
	int rc = weigh_all(&x, e);

	if (rc < 0)
		return rc;
	rows_bag_sums(bag, &f->out->removed, &f->out->added);
	if (!f->on_row || f->out->removed + f->out->added == 0)
		return 0;
	/* The second reading counts anew on each side. */
	rows_a = f->a.rows;
	rows_b = f->b.rows;
	if ((rc = tell_side(&x, &f->a, 1, e)) < 0 || (rc = tell_side(&x, &f->b, -1, e)) < 0)
		return rc;
	if (f->a.rows != rows_a || f->b.rows != rows_b)
		return error_set(e, ERR_INTERNAL, "there are other rows when read again");
	return 0;
}
