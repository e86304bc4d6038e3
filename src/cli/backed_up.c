/* What a backup did. */
#include "cli/backed_up.h"

#include "base/human.h"
#include "cli/common.h"
#include "cli/present.h"

#include <stdio.h>
#include <string.h>

#define NOTES_SHOWN 10

enum weight { WEIGHT_NONE, WEIGHT_CHANGED, WEIGHT_MISSING };

static enum weight weight_of(const struct manifest_note *n)
{
	if (!strcmp(n->kind, "unreadable") || !strcmp(n->kind, "vanished"))
		return WEIGHT_MISSING;
	return strcmp(n->kind, "excluded") && strcmp(n->kind, "note") ? WEIGHT_CHANGED : WEIGHT_NONE;
}

/* Warnings of one weight, as many as are still to be shown. Returns how many there are. */
static size_t warn_of(const struct manifest_source *s, enum weight weight, size_t *room)
{
	size_t n = 0;

	for (size_t i = 0; i < s->note_count; i++) {
		const struct manifest_note *note = &s->notes[i];

		if (weight_of(note) != weight)
			continue;
		n++;
		if (!*room)
			continue;
		out_warn("%s: %s%s%s", note->kind, note->path ? note->path : s->name, note->text && *note->text ? ": " : "",
			 note->text ? note->text : "");
		--*room;
	}
	return n;
}

/* What is missing comes first. */
static void print_notes(const struct manifest *m, const char *id)
{
	size_t room = NOTES_SHOWN, all = 0;

	for (enum weight w = WEIGHT_MISSING; w > WEIGHT_NONE; w--)
		for (size_t i = 0; i < m->source_count; i++)
			all += warn_of(&m->sources[i], w, &room);
	for (size_t i = 0; i < m->source_count; i++)
		all += m->sources[i].notes_dropped;
	if (all > NOTES_SHOWN - room)
		out_warn("and %zu more: backstay show %s", all - (NOTES_SHOWN - room), id);
}

static char *checked(const struct manifest_source *s)
{
	if (s->skipped)
		return mem_printf("%llu not read", (unsigned long long)s->skipped);
	if (s->unchanged)
		return mem_string("unchanged");
	return mem_string(s->structure ? s->structure : "-");
}

static void source_row(struct table *t, const struct manifest_source *s)
{
	const struct present_counts counts = present_count_source(s);
	AUTO_FREE char *content = present_content(&counts);
	AUTO_FREE char *check = checked(s);
	char size[HUMAN_MAX];
	const char *const row[] = {s->name, s->engine, human_size(s->bytes, size), content, check};

	table_row(t, row);
}

static void print_result(const struct job_backup_result *res)
{
	static const char *const headers[] = {"SOURCE", "ENGINE", "SIZE", "CONTENT", "CHECKED"};
	const struct packer_stats *stored = &res->stats.stored;
	char id[9], new_bytes[HUMAN_MAX], read[HUMAN_MAX], time[HUMAN_MAX];
	struct table *t = table_new(headers, "LlrLl");

	backup_short_id(&res->backup, id);
	for (size_t i = 0; i < res->backup.manifest.source_count; i++)
		source_row(t, &res->backup.manifest.sources[i]);
	table_print(t);
	out_print("backup %s \"%s\" made in %s: %s read, %s added to the repository\n", id, backup_name(&res->backup),
		  human_duration(res->seconds, time), human_size(res->stats.bytes_read, read),
		  human_size(stored->pack_bytes, new_bytes));
}

static void stats_json(const struct archive_stats *s, struct json_out *w)
{
	jw_kv_u64(w, "files_new", s->files_new);
	jw_kv_u64(w, "files_changed", s->files_changed);
	jw_kv_u64(w, "files_unmodified", s->files_unmodified);
	jw_kv_u64(w, "files_total", s->files_total);
	jw_kv_u64(w, "bytes_read", s->bytes_read);
	jw_kv_u64(w, "bytes_total", s->bytes_total);
	jw_kv_u64(w, "data_blobs_added", s->stored.blobs[BLOB_DATA]);
	jw_kv_u64(w, "tree_blobs_added", s->stored.blobs[BLOB_TREE]);
	jw_kv_u64(w, "bytes_added", s->stored.pack_bytes);
}

static int document(const struct repository *r, const struct job_backup_result *res, bool made, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;

	common_document_begin(&d, r);
	jw_kv_bool(&d.w, "repository_made", made);
	jw_kv_string(&d.w, "password_file", r->password_file);
	jw_kv_string(&d.w, "recovery_sheet", r->recovery_sheet);
	present_backup_members(&res->backup, &d.w);
	stats_json(&res->stats, &d.w);
	jw_kv_u64(&d.w, "skipped", res->skipped);
	jw_name(&d.w, "seconds");
	jw_double(&d.w, res->seconds);
	return out_document_end(&d, e);
}

int backed_up_show(const struct repository *r, const struct job_backup_result *res, bool made, int rc, struct error *e)
{
	char id[9];

	print_notes(&res->backup.manifest, backup_short_id(&res->backup, id));
	if (out_mode.json) {
		struct error late = {0};
		int written = document(r, res, made, rc ? &late : e);

		return rc ? rc : written;
	}
	print_result(res);
	return rc;
}
