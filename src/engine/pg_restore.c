/* Restoring a database: it, or chosen tables for a new one, grows in a scratch database on the target's server, is compared with the manifest, and takes the target's
 * place in one transaction. Where that is not possible, and for a part of it, everything happens in one transaction of the target. */
#include "engine/pg_target.h"

#include "base/human.h"
#include "base/mem.h"
#include "engine/line.h"

#include <stdlib.h>
#include <string.h>

struct restoring {
	const struct engine_restore *r;
	struct restore_result *result;
	struct pg_target target;
	struct source *from;
	struct pg_toc toc;
	bool archive;                     /* else a script */
};

static void release(struct restoring *x)
{
	pg_target_release(&x->target);
	pg_toc_release(&x->toc);
	source_close(x->from);
}

static bool has_tables(const struct engine_restore *r)
{
	return r->tables && r->tables->n > 0;
}

static bool is_part(const struct engine_restore *r)
{
	return has_tables(r) || r->mode == RESTORE_PRESERVE;
}

/* ---- before anything else ---- */

static int check_tables(const struct engine_restore *r, struct error *e)
{
	const struct manifest_source *m = r->from->manifest;
	for (size_t i = 0; r->tables && i < r->tables->n; i++) {
		CLEANUP(strlist_release) struct strlist names = {0};
		if (manifest_find_table(m, r->tables->v[i]))
			continue;
		for (size_t k = 0; k < m->table_count; k++)
			strlist_addf(&names, "%s%s%s", m->tables[k].schema ? m->tables[k].schema : "", m->tables[k].schema ? "." : "", m->tables[k].name);
		AUTO_FREE char *all = strlist_join(&names, ", ");
		return error_set(e, ERR_NOT_FOUND, "there is no table \"%s\" in the backup; its tables are: %s", r->tables->v[i], all);
	}
	return 0;
}

static int major_of(const char *version)
{
	return version ? atoi(version) : 0;
}

/* What a newer server has dumped may say what an older one does not understand. */
static int check_version(const struct restoring *x, struct error *e)
{
	int server = PQserverVersion(x->target.control) / 10000, dumped = major_of(x->toc.server_version);
	if (!x->archive || dumped < 10 || dumped <= server)
		return 0;
	error_set(e, ERR_VERSION, "the backup is of PostgreSQL %s, and the server is PostgreSQL %d, which is older; nothing was changed",
		x->toc.server_version, server);
	return error_hint(e, "restore to a server of version %d or newer", dumped);
}

static const char *script_path(const struct stored *s)
{
	for (size_t i = 0; i < s->manifest->artifact_count; i++)
		if (strcmp(s->manifest->artifacts[i].format, PG_FORMAT_SQL) == 0)
			return s->manifest->artifacts[i].path;
	return NULL;
}

static int open_stored(struct restoring *x, struct error *e)
{
	const char *script = script_path(x->r->from);
	x->archive = !script;
	return script ? x->r->from->open(x->r->from, script, &x->from, e) : pg_stored_open(x->r->from, &x->from, &x->toc, e);
}

/* ---- filling the scratch database ---- */

int pg_count_tables(PGconn *c, uint64_t *out, struct error *e)
{
	AUTO_FREE char *n = NULL;
	int err = pg_value(c, &n, e, pg_sql("SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
		"WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"));
	*out = n ? strtoull(n, NULL, 10) : 0;
	return err;
}

static int run_script(struct restoring *x, struct error *e)
{
	CLEANUP(pg_disconnect) PGconn *c = NULL;
	int err = pg_connect(&x->target.place, x->target.scratch, &c, e);
	progress_phase(x->r->progress, "writing", NULL, x->from->size, 0);
	/* Scripts expect to find what is in "public" by its name alone. */
	if (!err)
		err = pg_exec(c, e, mem_string("RESET search_path; RESET timezone; SET synchronous_commit = off"));
	if (!err)
		err = pg_script_run(c, x->from, &x->result->notes, &x->result->rows, x->r->progress, e);
	if (!err)
		err = pg_count_tables(c, &x->result->tables, e);
	x->result->bytes = x->from->size;
	return err;
}

static int fill(struct restoring *x, struct error *e)
{
	int err = pg_scratch_create(&x->target, x->archive ? &x->toc : NULL, e);
	const struct pg_load l = {.from = x->r->from, .place = &x->target.place, .database = x->target.scratch, .owners = true,
		.tables = x->r->tables, .progress = x->r->progress};
	if (!err)
		err = x->archive ? pg_load(&l, x->result, e) : run_script(x, e);
	if (!err)
		err = pg_compare(&x->target.place, x->target.scratch, x->r->from, x->r->tables, false, x->r->progress, NULL, e);
	return err ? error_wrap(e, "in a scratch database; nothing was changed") : 0;
}

static int whole(struct restoring *x, struct error *e)
{
	struct pg_target *t = &x->target;
	int err = fill(x, e);
	if (!err)
		err = pg_properties_set(t, x->archive ? &x->toc : NULL, e);
	if (!err && t->exists && x->r->before_swap)
		err = x->r->before_swap(x->r->ctx, e);
	if (err)
		return err;
	/* Once begun, the swap is not cut off: whether it happened would not be known. */
	t->place.progress = NULL;
	line_forget(t->control);
	return pg_swap(t, x->r->progress, e);
}

/* A scratch database needs the right to create one, and the right to rename the target. */
static bool can_swap(const struct pg_target *t)
{
	return t->aside && t->rights.createdb && (!t->exists || t->ours);
}

static int choose_way(struct restoring *x, struct error *e)
{
	struct pg_target *t = &x->target;
	if (is_part(x->r) && t->exists && x->archive)
		return pg_merge(t, x->r, &x->toc, x->from, x->result, e);
	if (!x->archive && (has_tables(x->r) || (is_part(x->r) && t->exists))) {
		error_set(e, ERR_USAGE, "%s is a script, of which no part can be restored", x->r->from->manifest->name);
		return error_hint(e, "restore all of it to a database of another name");
	}
	if (can_swap(t))
		return whole(x, e);
	if (!t->exists) {
		error_set(e, ERR_ACCESS, "there is no database \"%s\", and the user %s may not create one", t->name, t->rights.user);
		return error_hint(e, "have it created, or let a superuser run: ALTER ROLE \"%s\" CREATEDB", t->rights.user);
	}
	return pg_in_place(t, x->r, x->archive ? &x->toc : NULL, x->from, x->result, e);
}

int pg_restore(const struct engine_restore *r, struct restore_result *out, struct error *e)
{
	CLEANUP(release) struct restoring x = {.r = r, .result = out};
	*out = (struct restore_result){0};
	int err = check_tables(r, e);
	if (!err)
		err = open_stored(&x, e);
	if (!err)
		err = pg_target_open(&x.target, r->target, &out->notes, e);
	if (!err)
		err = check_version(&x, e);
	if (err)
		return err;
	pg_leftovers_remove(&x.target);
	err = choose_way(&x, e);
	out->replaced = x.target.exists;
	return err;
}
