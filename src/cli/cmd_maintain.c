/* Looking after a live database: info, optimize, check-tables, repair. */
#include "base/human.h"
#include "base/log.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/names.h"
#include "cli/present.h"
#include "cli/recorded.h"
#include "job/maintain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int parse_source(const struct parsed *p, struct source_url *u, struct error *e)
{
	CLEANUP(source_record_release) struct source_record s = {0};
	int rc = names_source(p->args.v[0], false, u, &s, e);

	u->progress = &common_progress;
	names_use_repository(s.repository);
	return rc;
}

/* Nobody else works on it meanwhile; a check only reads. */
static int begin(const struct parsed *p, const struct source_url *u, const struct repository *r, struct error *e)
{
	CLEANUP(recorder_about_release) struct recorder_about about = {0};
	AUTO_FREE char *name = names_of(u->shown);
	bool reads = !strcmp(p->command->name, "check-tables");
	int rc = recorded_begin(p->command->name, r, e, "%s %s", p->command->name, name);

	recorded_source(&about, u, name, reads ? RECORDED_READS : RECORDED_WORKS_ON);
	return rc ? rc : recorded_about(p, &about, e);
}

/* ---- info ---- */

static char *table_label(const char *schema, const char *name)
{
	return schema && *schema ? mem_printf("%s.%s", schema, name) : mem_string(name);
}

static void print_tables(const struct source_info *i)
{
	static const char *const headers[] = {"TABLE", "KIND", "ROWS", "SIZE", "INDEXES", "RECLAIMABLE", NULL};
	struct table *t = table_new(headers, "Llrrrr");
	char rows[HUMAN_MAX], size[HUMAN_MAX], index[HUMAN_MAX], back[HUMAN_MAX];

	for (size_t k = 0; k < i->table_count; k++) {
		const struct info_table *x = &i->tables[k];
		AUTO_FREE char *name = table_label(x->schema, x->name);
		AUTO_FREE char *count = mem_printf("%s%s", x->rows_exact ? "" : "~", human_count(x->rows, rows));
		const char *cells[] = {name, x->kind, count, human_size(x->bytes, size),
				       x->index_bytes ? human_size(x->index_bytes, index) : NULL,
				       x->reclaimable ? human_size(x->reclaimable, back) : NULL};

		table_row(t, cells);
	}
	table_print(t);
}

static void print_info(const struct source_url *u, const struct source_info *i)
{
	char size[HUMAN_MAX];
	AUTO_FREE char *tables = human_plural(i->table_count, "table");

	out_print("%-10s %s\n", "database", i->name);
	out_print("%-10s %s\n", "source", u->shown);
	out_print("%-10s %s\n", "version", i->title);
	if (i->encoding)
		out_print("%-10s %s\n", "encoding", i->encoding);
	out_print("%-10s %s in %s\n\n", "size", human_size(i->bytes, size), tables);
	print_tables(i);
	for (size_t k = 0; k < i->notes.n; k++)
		out_warn("%s", i->notes.v[k]);
}

static void table_json(const struct info_table *t, struct json_out *w)
{
	jw_object(w);
	jw_kv_string(w, "schema", t->schema);
	present_path_json("name", t->name, w);
	jw_kv_string(w, "kind", t->kind);
	jw_kv_u64(w, "rows", t->rows);
	jw_kv_bool(w, "rows_exact", t->rows_exact);
	jw_kv_u64(w, "bytes", t->bytes);
	jw_kv_u64(w, "index_bytes", t->index_bytes);
	jw_kv_u64(w, "reclaimable", t->reclaimable);
	jw_object_end(w);
}

static int info_document(const struct source_url *u, const struct source_info *i, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d = {0};

	out_document_begin(&d);
	jw_kv_string(&d.w, "source", u->shown);
	present_path_json("name", i->name, &d.w);
	jw_kv_string(&d.w, "engine", u->engine->name);
	jw_kv_string(&d.w, "version", i->title);
	jw_kv_string(&d.w, "encoding", i->encoding);
	jw_kv_u64(&d.w, "bytes", i->bytes);
	jw_name(&d.w, "tables");
	jw_array(&d.w);
	for (size_t k = 0; k < i->table_count; k++)
		table_json(&i->tables[k], &d.w);
	jw_array_end(&d.w);
	present_strings_json("notes", &i->notes, &d.w);
	return out_document_end(&d, e);
}

static int run_info(const struct parsed *p, struct error *e)
{
	CLEANUP(source_url_release) struct source_url u = {0};
	CLEANUP(source_info_release) struct source_info i = {0};
	int rc = parse_source(p, &u, e);

	if (!rc)
		rc = job_info(&u, &i, e);
	if (rc)
		return rc;
	if (out_mode.json)
		return info_document(&u, &i, e);
	print_info(&u, &i);
	return 0;
}

static const struct opt info_options[] = {{0}};

const struct command cmd_info = {
	.name = "info",
	.arguments = "SOURCE",
	.summary = "show a live database: version, size, tables with their rows and sizes",
	.details = "Rows with ~ are the server's estimate.\n",
	.examples = "backstay info app.db\nbackstay info postgresql://shop@db.example.org/shop\n",
	.min_args = 1,
	.max_args = 1,
	.options = info_options,
	.run = run_info,
};

/* ---- optimize, check-tables, repair ---- */

static const char *state_name(enum maintain_state s)
{
	return s == MAINTAIN_OK ? "ok" : s == MAINTAIN_SKIPPED ? "skipped" : "failed";
}

static void result_json(const struct maintain_result *r, struct json_out *w)
{
	jw_object(w);
	jw_kv_string(w, "schema", r->schema);
	if (r->table)
		present_path_json("table", r->table, w);
	else
		jw_kv_string(w, "table", NULL);
	jw_kv_string(w, "state", state_name(r->state));
	jw_kv_string(w, "message", r->message);
	jw_name(w, "seconds");
	jw_double(w, r->seconds);
	jw_kv_i64(w, "reclaimed", r->reclaimed);
	jw_object_end(w);
}

/* What is shown of a table: a line as it is done, or a member of the document. */
struct showing {
	struct out_document *document; /* NULL: for people */
};

static int show_result(void *ctx, const struct maintain_result *r, struct error *e)
{
	struct showing *s = ctx;
	char size[HUMAN_MAX];
	AUTO_FREE char *name = r->table ? table_label(r->schema, r->table) : mem_string("database");

	recorded_log(r->state == MAINTAIN_FAILED ? LOG_ERROR : LOG_INFO, "%s: %s%s%s", name, state_name(r->state), r->message && *r->message ? ": " : "",
		     r->message ? r->message : "");
	if (s->document) {
		result_json(r, &s->document->w);
		return out_document_part(s->document, e);
	}
	out_print("%-8s %s%s%s", state_name(r->state), name, r->message && *r->message ? ": " : "",
		  r->message ? r->message : "");
	if (r->reclaimed > 0)
		out_print(" (%s reclaimed)", human_size((uint64_t)r->reclaimed, size));
	out_print("\n");
	return 0;
}

static int end_document(struct out_document *d, const struct job_maintenance_result *r, struct error *e)
{
	jw_array_end(&d->w);
	jw_kv_u64(&d->w, "done", r->done);
	jw_kv_u64(&d->w, "skipped", r->skipped);
	jw_kv_u64(&d->w, "failed", r->failed);
	jw_kv_i64(&d->w, "reclaimed", r->reclaimed);
	jw_name(&d->w, "seconds");
	jw_double(&d->w, r->seconds);
	return out_document_end(d, e);
}

static void say_done(const struct job_maintenance_result *r)
{
	char size[HUMAN_MAX];
	AUTO_FREE char *tables = human_plural(r->done, "table");

	if (r->reclaimed > 0)
		out_say("%s done, %s reclaimed", tables, human_size((uint64_t)r->reclaimed, size));
	else
		out_say("%s done", tables);
}

static int maintain(const struct source_url *u, enum maintain_action action, const struct parsed *p, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d = {0};
	struct showing showing = {.document = out_mode.json ? &d : NULL};
	struct job_maintenance_result result = {0};
	const struct job_maintenance j = {
		.source = u,
		.action = action,
		.tables = opt_get(p, "table")->list,
		.report = show_result,
		.ctx = &showing,
		.progress = &common_progress,
	};
	struct error late = {0};

	if (out_mode.json) {
		out_document_begin(&d);
		jw_kv_string(&d.w, "source", u->shown);
		jw_name(&d.w, "tables");
		jw_array(&d.w);
	}
	int rc = job_maintain(&j, &result, e);

	if (rc && rc != -ERR_CHILD)
		return rc;
	if (out_mode.json) {
		int written = end_document(&d, &result, rc ? &late : e);

		return rc ? rc : written;
	}
	if (!rc)
		say_done(&result);
	return rc;
}

static int run_action(const struct parsed *p, enum maintain_action action, struct error *e)
{
	CLEANUP(source_url_release) struct source_url u = {0};
	int rc = parse_source(p, &u, e);

	if (!rc)
		rc = begin(p, &u, NULL, e);
	return rc ? rc : maintain(&u, action, p, e);
}

static int run_optimize(const struct parsed *p, struct error *e)
{
	return run_action(p, MAINTAIN_OPTIMIZE, e);
}

static int run_check_tables(const struct parsed *p, struct error *e)
{
	return run_action(p, MAINTAIN_CHECK, e);
}

static int run_repair(const struct parsed *p, struct error *e)
{
	CLEANUP(repository_release) struct repository r = {0};
	CLEANUP(source_url_release) struct source_url u = {0};
	bool force = opt_flag(p, "force");
	int rc = parse_source(p, &u, e);

	if (!rc && !force)
		rc = common_locate(p, &r, e);
	if (!rc)
		rc = begin(p, &u, force ? NULL : &r, e);
	if (!rc && !force)
		rc = common_open(p, REPOSITORY_READ, COMMON_INDEX, &r, e);
	if (!rc && !force)
		rc = job_repair_allowed(&r, &u, e);
	return rc ? rc : maintain(&u, MAINTAIN_REPAIR, p, e);
}

static const struct opt table_options[] = {COMMON_TABLE, {0}};

static const struct opt repair_options[] = {
	COMMON_TABLE,
	{"force", 0, OPT_FLAG, NULL, "without a fresh good backup", NULL},
	{0},
};

const struct command cmd_optimize = {
	.name = "optimize",
	.arguments = "SOURCE",
	.summary = "make a live database smaller and faster, table by table",
	.details =
		"PostgreSQL: VACUUM and ANALYZE, which lock nobody out. MySQL and MariaDB:\n"
		"OPTIMIZE TABLE. SQLite: VACUUM and ANALYZE of the whole file.\n",
	.examples = "backstay optimize app.db\nbackstay optimize mysql://root@localhost/shop --table orders\n",
	.min_args = 1,
	.max_args = 1,
	.options = table_options,
	.run = run_optimize,
};

const struct command cmd_check_tables = {
	.name = "check-tables",
	.arguments = "SOURCE",
	.summary = "look for damage in a live database, table by table",
	.details =
		"PostgreSQL: amcheck where its extension is there, else every row is read. MySQL\n"
		"and MariaDB: CHECK TABLE. SQLite: integrity_check and foreign_key_check.\n",
	.examples = "backstay check-tables app.db\nbackstay check-tables postgresql:///shop\n",
	.min_args = 1,
	.max_args = 1,
	.options = table_options,
	.run = run_check_tables,
};

const struct command cmd_repair = {
	.name = "repair",
	.arguments = "SOURCE",
	.summary = "repair damaged tables or indexes of a live database",
	.details =
		"PostgreSQL: REINDEX. MySQL and MariaDB: REPAIR TABLE, where the kind of table\n"
		"has it. SQLite: indexes are built anew, or what can still be read is saved into\n"
		"a sound database. Refused unless a good backup of the last 24 hours is there.\n",
	.examples = "backstay backup app.db && backstay repair app.db\n",
	.min_args = 1,
	.max_args = 1,
	.options = repair_options,
	.run = run_repair,
};
