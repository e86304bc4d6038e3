#include "base/human.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/present.h"
#include "cli/value.h"
#include "job/compare.h"

#include <stdio.h>
#include <string.h>

static const struct opt options[] = {
	COMMON_TABLE,
	{"source", 's', OPT_STRING, "SOURCE", "only this source of several; else the one that latest:SOURCE names", NULL},
	{"rows", 0, OPT_FLAG, NULL, "show every row that differs", NULL},
	{"exit-code", 0, OPT_FLAG, NULL, "exit with status 5 when there is a difference", NULL},
	COMMON_NO_LOCK,
	{0},
};

static const char *kind_name(enum diff_kind k)
{
	static const char *const names[] = {[DIFF_SAME] = "same", [DIFF_CHANGED] = "changed", [DIFF_ONLY_A] = "removed", [DIFF_ONLY_B] = "added"};

	return names[k];
}

static char mark(enum diff_kind k)
{
	return k == DIFF_ONLY_A ? '-' : k == DIFF_ONLY_B ? '+' : '~';
}

/* ---- rows ---- */

struct rows_output {
	struct out_document *document;    /* or NULL: text */
};

static void add_value(struct buf *line, const struct value *v)
{
	if (v->type == VALUE_TEXT)
		buf_add_byte(line, '\'');
	value_text(v, line);
	if (v->type == VALUE_TEXT)
		buf_add_byte(line, '\'');
}

/* "~ orders  id=3  total: 1.25 -> 2.5": the key and what changed; or the whole row. */
static void print_row(const struct row_diff *d)
{
	CLEANUP(buf_release) struct buf line = BUF_INIT;
	CLEANUP(buf_release) struct buf safe = BUF_INIT;
	const struct value *any = d->b ? d->b : d->a;

	buf_printf(&line, "%c %s ", mark(d->kind), d->table->name);
	for (size_t i = 0; i < d->table->column_count; i++) {
		const struct rows_column *c = &d->table->columns[i];
		bool differs = d->a && d->b && (d->a[i].type != d->b[i].type || rows_compare_values(&d->a[i], &d->b[i]) != 0);

		if (d->a && d->b && !differs && !c->key)
			continue;
		buf_printf(&line, differs ? " %s: " : " %s=", c->name);
		add_value(&line, differs ? &d->a[i] : &any[i]);
		if (differs) {
			buf_add_str(&line, " -> ");
			add_value(&line, &d->b[i]);
		}
	}
	out_safe_add(&safe, line.p, line.len);
	puts(buf_text(&safe));
}

static void row_json(const char *name, const struct rows_table *t, const struct value *v, struct json_out *w)
{
	jw_name(w, name);
	if (!v) {
		jw_null(w);
		return;
	}
	jw_object(w);
	for (size_t i = 0; i < t->column_count; i++) {
		jw_name(w, t->columns[i].name);
		value_json(&v[i], w);
	}
	jw_object_end(w);
}

static int show_row(const struct row_diff *d, void *ctx, struct error *e)
{
	const struct rows_output *o = ctx;

	if (!o->document) {
		print_row(d);
		return ferror(stdout) ? out_finish(e) : 0;
	}
	struct json_out *w = &o->document->w;

	jw_object(w);
	jw_kv_string(w, "table", d->table->name);
	jw_kv_string(w, "change", kind_name(d->kind));
	row_json("a", d->table, d->a, w);
	row_json("b", d->table, d->b, w);
	jw_object_end(w);
	return out_document_part(o->document, e);
}

/* ---- tables and files ---- */

/* Tables that are the same only with --verbose. */
static void print_tables(const struct compare_result *c)
{
	static const char *const headers[] = {"TABLE", "CHANGE", "ROWS A", "ROWS B", "ADDED", "REMOVED", "CHANGED", ""};
	struct table *t = table_new(headers, "Llrrrrrl");

	for (size_t i = 0; i < c->table_count; i++) {
		const struct table_diff *d = &c->tables[i];

		if (d->kind == DIFF_SAME && !out_mode.verbose)
			continue;
		char a[HUMAN_MAX], b[HUMAN_MAX], added[HUMAN_MAX], removed[HUMAN_MAX], changed[HUMAN_MAX];
		const char *const row[] = {
			d->name, kind_name(d->kind), d->kind == DIFF_ONLY_B ? "-" : human_count(d->rows_a, a),
			d->kind == DIFF_ONLY_A ? "-" : human_count(d->rows_b, b), human_count(d->added, added),
			human_count(d->removed, removed), human_count(d->changed, changed), d->columns_differ ? "other columns" : "",
		};

		table_row(t, row);
	}
	table_print(t);
}

static void print_files(const struct compare_result *c)
{
	char a[HUMAN_MAX], b[HUMAN_MAX];

	for (size_t i = 0; i < c->file_count; i++) {
		const struct file_diff *f = &c->files[i];

		if (f->kind == DIFF_CHANGED)
			out_print("~ %s  %s -> %s\n", f->path, human_size(f->size_a, a), human_size(f->size_b, b));
		else
			out_print("%c %s  %s\n", mark(f->kind), f->path, human_size(f->kind == DIFF_ONLY_A ? f->size_a : f->size_b, a));
	}
}

static size_t same_tables(const struct compare_result *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->table_count; i++)
		n += c->tables[i].kind == DIFF_SAME;
	return n;
}

static void print_lone(const char *side, const struct strlist *sources)
{
	for (size_t i = 0; i < sources->n; i++)
		out_print("only %s has the source %s\n", side, sources->v[i]);
}

static void print_result(const struct compare_result *c, const char *a, const char *b)
{
	size_t same = same_tables(c);
	AUTO_FREE char *tables = human_plural(same, "table");
	AUTO_FREE char *files = human_plural(c->files_same, "file");

	if (c->table_count > (out_mode.verbose ? 0 : same))
		print_tables(c);
	print_files(c);
	print_lone("A", &c->only_a);
	print_lone("B", &c->only_b);
	if (same)
		out_print("%s %s the same\n", tables, same == 1 ? "is" : "are");
	if (c->files_same)
		out_print("%s %s the same\n", files, c->files_same == 1 ? "is" : "are");
	out_print(c->equal ? "%s and %s are equal\n" : "%s and %s differ\n", a, b);
}

static void tables_json(const struct compare_result *c, struct json_out *w)
{
	jw_name(w, "tables");
	jw_array(w);
	for (size_t i = 0; i < c->table_count; i++) {
		const struct table_diff *d = &c->tables[i];

		jw_object(w);
		jw_kv_string(w, "name", d->name);
		jw_kv_string(w, "change", kind_name(d->kind));
		jw_kv_bool(w, "columns_differ", d->columns_differ);
		jw_kv_u64(w, "rows_a", d->rows_a);
		jw_kv_u64(w, "rows_b", d->rows_b);
		jw_kv_u64(w, "added", d->added);
		jw_kv_u64(w, "removed", d->removed);
		jw_kv_u64(w, "changed", d->changed);
		jw_object_end(w);
	}
	jw_array_end(w);
}

static int files_json(const struct compare_result *c, struct out_document *d, struct error *e)
{
	struct json_out *w = &d->w;
	int rc = 0;

	jw_name(w, "files");
	jw_array(w);
	for (size_t i = 0; !rc && i < c->file_count; i++) {
		const struct file_diff *f = &c->files[i];

		jw_object(w);
		present_path_json("path", f->path, w);
		jw_kv_string(w, "change", kind_name(f->kind));
		jw_kv_u64(w, "size_a", f->size_a);
		jw_kv_u64(w, "size_b", f->size_b);
		jw_object_end(w);
		rc = out_document_part(d, e);
	}
	jw_array_end(w);
	jw_kv_u64(w, "files_same", c->files_same);
	return rc;
}

/* ---- doing it ---- */

struct sides {
	struct backup a, b;
	bool live;                /* b is the source as it is now */
};

static void sides_release(struct sides *s)
{
	backup_release(&s->a);
	backup_release(&s->b);
}

static int compare_json(struct repository *r, const struct sides *s, struct compare_options *o, bool rows, struct compare_result *c, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;
	struct rows_output output = {.document = &d};

	common_document_begin(&d, r);
	present_id_json("a", &s->a.snapshot.id, &d.w);
	if (s->live)
		jw_kv_string(&d.w, "b", "live");
	else
		present_id_json("b", &s->b.snapshot.id, &d.w);
	if (rows) {
		jw_name(&d.w, "rows");
		jw_array(&d.w);
		o->on_row = show_row;
		o->ctx = &output;
	}
	int rc = job_compare(r, &s->a, s->live ? NULL : &s->b, o, c, e);

	if (rc)
		return rc;
	if (rows)
		jw_array_end(&d.w);
	tables_json(c, &d.w);
	rc = files_json(c, &d, e);
	present_strings_json("only_a", &c->only_a, &d.w);
	present_strings_json("only_b", &c->only_b, &d.w);
	jw_kv_bool(&d.w, "equal", c->equal);
	return rc ? rc : out_document_end(&d, e);
}

static int compare_text(const struct parsed *p, struct repository *r, const struct sides *s, struct compare_options *o, struct compare_result *c, struct error *e)
{
	struct rows_output output = {0};
	struct progress_bar *bar = NULL;

	if (opt_flag(p, "rows")) {
		o->on_row = show_row;
		o->ctx = &output;
	} else {
		bar = progress_bar_start(&common_progress, "compare");
	}
	int rc = job_compare(r, &s->a, s->live ? NULL : &s->b, o, c, e);

	progress_bar_stop(bar);
	if (!rc)
		print_result(c, p->args.v[0], p->args.v[1]);
	return rc;
}

static bool is_one_source(const struct backup *b, const char *name, const char *other)
{
	for (size_t i = 0; i < b->manifest.source_count; i++) {
		const struct manifest_source *m = &b->manifest.sources[i];

		if (backup_source_is(m, name) && backup_source_is(m, other))
			return true;
	}
	return false;
}

/* Both sides may name one with latest:SOURCE; then it must be the same. */
static int choose_source(const struct parsed *p, const struct sides *s, const char **out, struct error *e)
{
	const char *a = common_source(p, p->args.v[0]), *b = common_source(p, p->args.v[1]);

	*out = a ? a : b;
	if (!a || !b || !strcmp(a, b) || is_one_source(&s->b, a, b))
		return 0;
	error_set(e, ERR_USAGE, "%s and %s are not the same source", a, b);
	return error_hint_typed(e, "a source is compared with itself, at another time; name it", " with --source");
}

static int run(const struct parsed *p, struct error *e)
{
	CLEANUP(repository_release) struct repository r = {0};
	CLEANUP(sides_release) struct sides s = {.live = !strcmp(p->args.v[1], "live")};
	CLEANUP(compare_result_release) struct compare_result c = {0};
	struct compare_options o = {.tables = opt_get(p, "table")->list, .progress = &common_progress};
	int rc = common_open(p, REPOSITORY_READ, COMMON_INDEX, &r, e);

	if (!rc)
		rc = backup_find(&r, p->args.v[0], &s.a, e);
	if (!rc && !s.live)
		rc = backup_find(&r, p->args.v[1], &s.b, e);
	if (!rc)
		rc = choose_source(p, &s, &o.source, e);
	if (!rc)
		rc = out_mode.json ? compare_json(&r, &s, &o, opt_flag(p, "rows"), &c, e) : compare_text(p, &r, &s, &o, &c, e);
	if (!rc && !c.equal && opt_flag(p, "exit-code"))
		return error_set(e, ERR_VERIFY, "%s and %s differ", p->args.v[0], p->args.v[1]);
	return rc;
}

const struct command cmd_diff = {
	.name = "diff",
	.arguments = "A B",
	.summary = "compare two backups, or a backup and the live source",
	.details =
		"A is a backup; B is another one, or \"live\": the source as it is now. Tables\n"
		"are compared row by row, folders file by file. With --rows \"-\" stands before\n"
		"rows of A only, \"+\" before rows of B only, \"~\" before changed ones.\n",
	.examples =
		"backstay diff 1a2b3c4d latest\n"
		"backstay diff latest:app.db live --table orders --rows\n"
		"backstay diff latest live --exit-code --quiet\n",
	.min_args = 2,
	.max_args = 2,
	.options = options,
	.about_backups = true,
	.run = run,
};
