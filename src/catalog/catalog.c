#include "catalog/catalog.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "catalog/db_inner.h"

#include <stdlib.h>
#include <string.h>

extern const struct embedded catalog_schema[];

bool catalog_exists(const char *state_dir)
{
	AUTO_FREE char *path = path_join(state_dir, "catalog.db");
	return fs_exists(path);
}

const char *catalog_state_dir(const struct catalog *c)
{
	return c->state_dir;
}

static int schema_version(struct catalog *c, int64_t *version, struct error *e)
{
	return db_number(c, version, e, "PRAGMA user_version", "");
}

/* The next step, unless another process has made it meanwhile. */
static int step_up(struct catalog *c, const struct embedded *steps, int64_t *version, struct error *e)
{
	int64_t tables = 0;
	int rc = catalog_begin(c, e);
	if (rc)
		return rc;
	int64_t before = *version;
	rc = schema_version(c, version, e);
	if (!rc && *version == before) {
		if (before == 0)
			rc = db_number(c, &tables, e, "SELECT count(*) FROM sqlite_schema", "");
		if (!rc && tables > 0)
			rc = error_set(e, ERR_MISMATCH, "%s is a database of something else, no catalog", c->path);
		AUTO_FREE char *note = mem_printf("PRAGMA user_version = %d", (int)(before + 1));
		if (!rc)
			rc = db_script(c, (const char *)steps[before].p, e);
		if (!rc)
			rc = db_script(c, note, e);
		*version = before + 1;
	}
	return catalog_end(c, rc, e);
}

int catalog_migrate(struct catalog *c, const struct embedded *steps, struct error *e)
{
	int64_t version, last = 0;
	while (steps[last].name)
		last++;
	int rc = schema_version(c, &version, e);
	while (!rc && version < last)
		rc = step_up(c, steps, &version, e);
	if (!rc && version > last) {
		rc = error_set(e, ERR_VERSION, "the catalog %s was written by a newer Backstay: its version is %lld, this program knows up to %lld", c->path, (long long)version, (long long)last);
		error_hint(e, "run the newer program, or move the catalog away and run `backstay catalog rebuild`");
	}
	return rc;
}

int catalog_open(const char *state_dir, struct catalog **out, struct error *e)
{
	struct catalog *c = mem_zero(sizeof *c);
	c->state_dir = mem_string(state_dir);
	c->path = path_join(state_dir, "catalog.db");
	c->key_path = path_join(state_dir, "secret.key");
	int rc = db_connect(c, e);
	if (!rc)
		rc = catalog_migrate(c, catalog_schema, e);
	if (!rc)
		rc = db_watch_references(c, e);
	if (rc) {
		catalog_close(c);
		return rc;
	}
	*out = c;
	return 0;
}

void catalog_close(struct catalog *c)
{
	if (!c)
		return;
	db_disconnect(c);
	map_free(c->counts, NULL);
	secret_release(&c->key);
	free(c->state_dir);
	free(c->path);
	free(c->key_path);
	free(c);
}

int64_t catalog_stamp(struct catalog *c)
{
	struct error e;
	int64_t n;
	return db_number(c, &n, &e, "PRAGMA data_version", "") ? -1 : n;
}

int catalog_begin(struct catalog *c, struct error *e)
{
	int rc = c->depth == 0 ? db_script(c, "BEGIN IMMEDIATE", e) : 0;
	if (!rc)
		c->depth++;
	return rc;
}

int catalog_commit(struct catalog *c, struct error *e)
{
	if (!db_in_transaction(c)) {
		c->depth--;
		return error_set(e, ERR_INTERNAL, "a change of the catalog was undone before it was complete");
	}
	if (c->depth > 1) {
		c->depth--;
		return 0;
	}
	int rc = db_script(c, "COMMIT", e);
	if (rc)
		catalog_rollback(c);
	else
		c->depth--;
	return rc;
}

void catalog_rollback(struct catalog *c)
{
	db_undo(c);
	c->depth--;
}

int catalog_end(struct catalog *c, int rc, struct error *e)
{
	if (!rc)
		return catalog_commit(c, e);
	catalog_rollback(c);
	return rc;
}

int catalog_check(struct catalog *c, struct error *e)
{
	return db_check_pages(c, e);
}
