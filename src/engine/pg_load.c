/* Everything an archive holds, or chosen tables of it, into an empty database: structure, then the rows by several connections, largest table first, then
 * indexes, constraints and triggers as far as possible side by side. The first failure stops everything. */
#include "engine/pg_belongings.h"
#include "engine/pg_text.h"

#include "base/mem.h"
#include "base/thread.h"

#include <stdlib.h>
#include <string.h>

#define WORTH_TWO ((uint64_t)16 << 20)
#define WORKERS_MAX 16
#define CANCEL_SECONDS 2          /* for the server to take note of it */

struct job {
	const struct pg_entry *entry;
	uint64_t size;
	bool fresh;               /* its table was made here, and is empty: one of an extension has rows of that */
};

struct load {
	const struct pg_load *l;
	struct restore_result *result;
	struct source *from;
	struct pg_toc toc;
	struct pg_rights rights;
	struct pg_team team;
	enum pg_pass *passes;
	struct job *jobs;
	size_t job_count;
	uint64_t rows;
};

static void release(struct load *l)
{
	for (int i = 0; i < l->team.n; i++) {
		pg_session_close(&l->team.v[i]);
		if (l->team.cancels[i])
			PQfreeCancel(l->team.cancels[i]);
	}
	free(l->team.v);
	free(l->team.cancels);
	pthread_mutex_destroy(&l->team.lock);
	pthread_cond_destroy(&l->team.changed);
	pg_rights_release(&l->rights);
	pg_toc_release(&l->toc);
	source_close(l->from);
	free(l->passes);
	free(l->jobs);
}

void pg_team_fail(struct pg_team *t, const struct error *why)
{
	pthread_mutex_lock(&t->lock);
	if (!atomic_exchange(&t->stop, true)) {
		t->why = *why;
		pg_cancel(t->cancels, t->n, why->kind == ERR_CANCELLED ? 0 : CANCEL_SECONDS);
	}
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
}

/* ---- connections ---- */

static int connect_one(struct load *l, struct error *e)
{
	struct pg_session *s = &l->team.v[l->team.n];
	*s = (struct pg_session){.toc = &l->toc, .from = l->from, .rights = &l->rights, .progress = l->l->progress,
		.stop = &l->team.stop};
	int err = pg_session_open(s, l->l->place, l->l->database, e);
	if (!err)
		l->team.cancels[l->team.n] = PQgetCancel(s->c);
	l->team.n++;
	return err;
}

static uint64_t bytes_of_data(const struct load *l)
{
	uint64_t all = 0;
	for (size_t i = 0; i < l->job_count; i++)
		all += l->jobs[i].size;
	return all;
}

/* A server that grants fewer connections than wished for is given fewer. */
static int connect_others(struct load *l, struct error *e)
{
	int want = l->l->workers;
	if (want <= 0)
		want = bytes_of_data(l) > WORTH_TWO ? pool_cpus(2) : 1;
	want = want > WORKERS_MAX ? WORKERS_MAX : want;
	while (l->team.n < want) {
		struct error why = {0};
		if (connect_one(l, &why)) {
			l->team.n--;
			pg_session_close(&l->team.v[l->team.n]);
			return progress_check(l->l->progress, e);
		}
	}
	return 0;
}

/* ---- the rows ---- */

static int by_offset(const void *a, const void *b)
{
	uint64_t x = (*(const struct pg_entry *const *)a)->offset, y = (*(const struct pg_entry *const *)b)->offset;
	return x < y ? -1 : x > y;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = ((const struct job *)a)->size, y = ((const struct job *)b)->size;
	return x > y ? -1 : x < y;
}

static bool is_made_here(const struct pg_toc *t, const struct pg_entry *data)
{
	for (size_t k = 0; k < data->dep_count; k++) {
		const struct pg_entry *of = pg_toc_find(t, data->deps[k]);
		if (of && pg_entry_is(of, "TABLE") && strcmp(of->tag, data->tag) == 0)
			return true;
	}
	return false;
}

/* A block ends where the next one begins. Statements without data, such as those that set sequences, come last. */
static void list_jobs(struct load *l)
{
	AUTO_FREE const struct pg_entry **blocks = mem_alloc((l->toc.n + 1) * sizeof *blocks);
	size_t n = 0;
	l->jobs = mem_alloc((l->toc.n + 1) * sizeof *l->jobs);
	for (size_t i = 0; i < l->toc.n; i++) {
		if (l->passes[i] != PG_PASS_DATA)
			continue;
		if (l->toc.v[i].has_data)
			blocks[n++] = &l->toc.v[i];
		else
			l->jobs[l->job_count++] = (struct job){.entry = &l->toc.v[i]};
	}
	qsort(blocks, n, sizeof *blocks, by_offset);
	for (size_t i = 0; i < n; i++) {
		uint64_t end = i + 1 < n ? blocks[i + 1]->offset : l->from->size;
		l->jobs[l->job_count++] = (struct job){.entry = blocks[i], .fresh = is_made_here(&l->toc, blocks[i]),
			.size = blocks[i]->offset && end > blocks[i]->offset ? end - blocks[i]->offset : 1};
	}
	qsort(l->jobs, l->job_count, sizeof *l->jobs, by_size);
}

static void do_job(int worker, void *item, void *ctx)
{
	struct load *l = ctx;
	const struct job *j = item;
	struct error e = {0};
	uint64_t rows = 0;
	if (atomic_load(&l->team.stop))
		return;
	int err = pg_entry_load(&l->team.v[worker], j->entry, j->fresh, &rows, &e);
	if (err)
		pg_team_fail(&l->team, &e);
	pthread_mutex_lock(&l->team.lock);
	l->rows += rows;
	pthread_mutex_unlock(&l->team.lock);
	if (pg_entry_is(j->entry, "TABLE DATA"))
		progress_items(l->l->progress, 1);
}

static size_t count_tables(const struct load *l)
{
	size_t n = 0;
	for (size_t i = 0; i < l->toc.n; i++)
		n += l->passes[i] != PG_PASS_NEVER && pg_entry_is(&l->toc.v[i], "TABLE");
	return n;
}

static int load_rows(struct load *l, struct error *e)
{
	progress_phase(l->l->progress, "writing", "tables", bytes_of_data(l), 0);
	struct pool *pool = pool_new("restore", l->team.n, 1, do_job, l);
	for (size_t i = 0; i < l->job_count && !atomic_load(&l->team.stop); i++)
		pool_submit(pool, &l->jobs[i]);
	pool_free(pool);
	if (!atomic_load(&l->team.stop))
		return 0;
	*e = l->team.why;
	return -(int)e->kind;
}

/* ---- what is around them ---- */

static int put_all(struct load *l, enum pg_pass pass, struct error *e)
{
	int err = 0;
	for (size_t i = 0; i < l->toc.n && !err; i++)
		if (l->passes[i] == pass)
			err = pg_entry_put(&l->team.v[0], &l->toc.v[i], e);
	return err;
}

static int load_post(struct load *l, struct error *e)
{
	AUTO_FREE const struct pg_entry **v = mem_alloc((l->toc.n + 1) * sizeof *v);
	size_t n = 0;
	for (size_t i = 0; i < l->toc.n; i++)
		if (l->passes[i] == PG_PASS_POST)
			v[n++] = &l->toc.v[i];
	progress_phase(l->l->progress, "indexing", "steps", 0, n);
	return pg_load_post(&l->team, v, n, e);
}

static bool some_tables(const struct load *l)
{
	return l->l->tables && l->l->tables->n;
}

static int leave_out_others(struct load *l, struct error *e)
{
	AUTO_FREE size_t *owners = pg_belongings(&l->toc);
	AUTO_FREE bool *chosen = NULL;
	int err = pg_text_choose(&l->toc, l->l->tables, &chosen, e);
	for (size_t i = 0; !err && i < l->toc.n; i++) {
		if (chosen[i])
			continue;
		if (owners[i] && chosen[owners[i] - 1])
			strlist_addf(&l->result->notes, "%s %s was left out: it needs what was not chosen", l->toc.v[i].desc, l->toc.v[i].tag);
		l->passes[i] = PG_PASS_NEVER;
	}
	return err;
}

static int prepare(struct load *l, struct error *e)
{
	int err = pg_stored_open(l->l->from, &l->from, &l->toc, e);
	if (err)
		return err;
	l->passes = pg_passes(&l->toc);
	err = some_tables(l) ? leave_out_others(l, e) : 0;
	if (err)
		return err;
	list_jobs(l);
	l->team.v = mem_zero(WORKERS_MAX * sizeof *l->team.v);
	l->team.cancels = mem_zero(WORKERS_MAX * sizeof *l->team.cancels);
	err = connect_one(l, e);
	if (!err)
		err = pg_rights_read(l->team.v[0].c, &l->rights, e);
	l->rights.owners = l->l->owners;
	return err;
}

int pg_load(const struct pg_load *l, struct restore_result *out, struct error *e)
{
	CLEANUP(release) struct load x = {.l = l, .result = out, .team = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER}};
	/* Without a name the connection would be to the live database. */
	int err = l->database ? prepare(&x, e) : error_set(e, ERR_INTERNAL, "loading into no database");
	progress_phase(l->progress, "structure", NULL, 0, 0);
	if (!err)
		err = put_all(&x, PG_PASS_PRE, e);
	if (!err)
		err = connect_others(&x, e);
	if (!err)
		err = load_rows(&x, e);
	if (!err)
		err = load_post(&x, e);
	if (!err)
		err = put_all(&x, PG_PASS_ACL, e);
	if (!err)
		err = put_all(&x, PG_PASS_LAST, e);
	if (err)
		return err;
	pg_rights_tell(&x.rights, &out->notes);
	out->tables += count_tables(&x);
	out->rows += x.rows;
	out->bytes += some_tables(&x) ? bytes_of_data(&x) : x.from->size;
	return 0;
}
