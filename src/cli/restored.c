/* What a restore did, or would do. */
#include "cli/restored.h"

#include "base/human.h"
#include "cli/common.h"
#include "cli/present.h"
#include "job/access.h"

static char *restored_content(const struct restore_result *r)
{
	CLEANUP(strlist_release) struct strlist parts = {0};

	if (r->tables) {
		strlist_take(&parts, human_plural(r->tables, "table"));
		strlist_take(&parts, human_plural(r->rows, "row"));
	}
	if (r->files || r->folders)
		strlist_take(&parts, human_plural(r->files, "file"));
	if (!parts.n)
		strlist_add(&parts, "nothing");
	return strlist_join(&parts, ", ");
}

static void print_result(const struct job_restore_result *res)
{
	static const char *const headers[] = {"SOURCE", "TARGET", "CONTENT", "SIZE", ""};
	struct table *t = table_new(headers, "LLLrl");
	char size[HUMAN_MAX], time[HUMAN_MAX];

	for (size_t i = 0; i < res->n; i++) {
		const struct job_restored *d = &res->v[i];
		AUTO_FREE char *content = restored_content(&d->result);
		const char *const row[] = {d->source, d->target, content, human_size(d->result.bytes, size), d->result.replaced ? "replaced" : "new"};

		table_row(t, row);
	}
	table_print(t);
	out_print("restored in %s\n", human_duration(res->seconds, time));
	for (size_t i = 0; i < res->safety.n; i++)
		out_print("what was there before is backup %.8s\n", res->safety.v[i]);
	if (res->safety.n)
		out_print("bring it back with: backstay restore --undo\n");
}

static void print_notes(const struct job_restore_result *res)
{
	for (size_t i = 0; i < res->n; i++)
		for (size_t k = 0; k < res->v[i].result.notes.n; k++)
			out_warn("%s: %s", res->v[i].target, res->v[i].result.notes.v[k]);
}

/* Whoever was logged in with what is not there any more is not any longer. */
static void follow(const struct job_restore_result *res)
{
	CLEANUP(strlist_release) struct strlist warnings = {0};
	AUTO_FREE char *who = common_author();
	bool replaced = false;

	for (size_t i = 0; i < res->n; i++)
		replaced |= res->v[i].result.replaced;
	if (replaced)
		access_after_restore(who, &common_progress, &warnings);
	for (size_t i = 0; i < warnings.n; i++)
		out_warn("%s", warnings.v[i]);
}

static int document(const struct repository *r, const struct job_restore_result *res, const struct backup *b, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;

	common_document_begin(&d, r);
	if (b)
		present_id_json("backup", &b->snapshot.id, &d.w);
	else
		jw_kv_string(&d.w, "backup", NULL);
	jw_name(&d.w, "restored");
	jw_array(&d.w);
	for (size_t i = 0; i < res->n; i++) {
		const struct job_restored *done = &res->v[i];

		jw_object(&d.w);
		present_path_json("source", done->source, &d.w);
		present_path_json("target", done->target, &d.w);
		jw_kv_bool(&d.w, "replaced", done->result.replaced);
		jw_kv_u64(&d.w, "tables", done->result.tables);
		jw_kv_u64(&d.w, "rows", done->result.rows);
		jw_kv_u64(&d.w, "files", done->result.files);
		jw_kv_u64(&d.w, "folders", done->result.folders);
		jw_kv_u64(&d.w, "bytes", done->result.bytes);
		present_strings_json("notes", &done->result.notes, &d.w);
		jw_object_end(&d.w);
	}
	jw_array_end(&d.w);
	present_strings_json("safety", &res->safety, &d.w);
	jw_name(&d.w, "seconds");
	jw_double(&d.w, res->seconds);
	return out_document_end(&d, e);
}

int restored_show(const struct repository *r, const struct job_restore_result *res, const struct backup *b, struct error *e)
{
	follow(res);
	print_notes(res);
	if (out_mode.json)
		return document(r, res, b, e);
	print_result(res);
	return 0;
}

int restored_preview(const struct repository *r, const struct restored_file *file, const struct restore_preview *p, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d = {0};

	if (out_mode.json) {
		common_document_begin(&d, r);
		jw_kv_bool(&d.w, "dry_run", true);
		if (file) {
			jw_name(&d.w, "file");
			jw_object(&d.w);
			jw_kv_string(&d.w, "what", file->what);
			jw_kv_string(&d.w, "engine", file->engine);
			jw_object_end(&d.w);
		}
		present_strings_json("replaces", &p->lines, &d.w);
		present_strings_json("targets", &p->targets, &d.w);
		return out_document_end(&d, e);
	}
	out_print(p->lines.n ? "this would replace:\n" : "nothing that exists would be replaced\n");
	for (size_t i = 0; i < p->lines.n; i++)
		out_print("  %s\n", p->lines.v[i]);
	return 0;
}
