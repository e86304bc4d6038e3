#include "cli/present.h"

#include "base/codec.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/common.h"
#include "job/forget.h"

#include <string.h>

/* ---- counting ---- */

struct present_counts present_count_source(const struct manifest_source *s)
{
	struct present_counts c = {.tables = s->table_count, .rows_known = true};

	for (size_t i = 0; i < s->table_count; i++) {
		c.rows += s->tables[i].rows;
		c.rows_known = c.rows_known && s->tables[i].rows_known;
	}
	for (size_t i = 0; i < s->object_count; i++)
		if (!strcmp(s->objects[i].type, "file")) {
			c.files += s->objects[i].count;
			c.files_known = true;
		}
	return c;
}

struct present_counts present_count(const struct backup *b)
{
	struct present_counts sum = {.rows_known = true};

	if (!b->has_manifest)
		return (struct present_counts){.files = b->snapshot.summary.total_files_processed, .files_known = b->snapshot.summary.present};
	for (size_t i = 0; i < b->manifest.source_count; i++) {
		struct present_counts c = present_count_source(&b->manifest.sources[i]);

		sum.tables += c.tables;
		sum.rows += c.rows;
		sum.files += c.files;
		sum.rows_known = sum.rows_known && c.rows_known;
		sum.files_known = sum.files_known || c.files_known;
	}
	return sum;
}

char *present_content(const struct present_counts *c)
{
	CLEANUP(strlist_release) struct strlist parts = {0};

	if (c->tables)
		strlist_take(&parts, human_plural(c->tables, "table"));
	if (c->files_known)
		strlist_take(&parts, human_plural(c->files, "file"));
	return parts.n ? strlist_join(&parts, ", ") : mem_string("-");
}

/* ---- words ---- */

const char *present_level(enum verify_level level)
{
	static const char *const names[] = {
		[LEVEL_NONE] = "none", [LEVEL_BYTES] = "bytes", [LEVEL_STRUCTURE] = "structure", [LEVEL_RESTORED] = "restored", [LEVEL_COMPARED] = "compared"};

	return names[level];
}

const char *present_verification(const struct backup *b)
{
	if (b->verify_failed)
		return "failed";
	if (b->level != LEVEL_NONE)
		return present_level(b->level);
	return b->has_manifest ? "when made" : "-";
}

char *present_age(struct timespec t)
{
	char text[HUMAN_MAX];

	return mem_string(human_age(time_between(t, time_now()), text));
}

static char *source_names(const struct backup *b)
{
	CLEANUP(strlist_release) struct strlist names = {0};

	for (size_t i = 0; i < b->manifest.source_count; i++)
		strlist_add(&names, b->manifest.sources[i].name);
	return strlist_join(&names, ", ");
}

static char *flags(const struct backup *b)
{
	CLEANUP(strlist_release) struct strlist words = {0};

	if (backup_is_pinned(b))
		strlist_add(&words, "pinned");
	if (snapshot_has_tag(&b->snapshot, TAG_PARTIAL))
		strlist_add(&words, "partial");
	if (backup_is_safety(b))
		strlist_add(&words, "safety");
	if (snapshot_has_tag(&b->snapshot, TAG_IMPORTED))
		strlist_add(&words, "imported");
	if (retention_is_ahead(b->snapshot.time, time_now()))
		strlist_add(&words, "ahead");
	if (!b->has_manifest)
		strlist_add(&words, "foreign");
	return strlist_join(&words, ",");
}

const char *present_size(const struct backup *b, char out[HUMAN_MAX])
{
	return b->has_manifest || b->snapshot.summary.present ? human_size(backup_bytes(b), out) : "-";
}

static void list_row(struct table *t, const struct backup *b)
{
	const struct present_counts counts = present_count(b);
	AUTO_FREE char *age = present_age(b->snapshot.time);
	AUTO_FREE char *sources = source_names(b);
	AUTO_FREE char *content = present_content(&counts);
	AUTO_FREE char *words = flags(b);
	char id[9], size[HUMAN_MAX];
	const char *const row[] = {
		backup_short_id(b, id), age, backup_name(b), sources, present_size(b, size), content, present_verification(b), words,
	};

	table_row(t, row);
}

void present_list(const struct backup_list *l)
{
	static const char *const headers[] = {"ID", "AGE", "NAME", "SOURCES", "SIZE", "CONTENT", "VERIFIED", "FLAGS"};
	struct table *t = table_new(headers, "llLLrLll");

	for (size_t i = l->n; i-- > 0;)
		list_row(t, &l->v[i]);
	table_print(t);
}

void present_damaged(const struct backup_list *l)
{
	for (size_t i = 0; i < l->damaged.n; i++)
		out_warn("%s", l->damaged.v[i]);
}

/* ---- JSON ---- */

void present_strings_json(const char *name, const struct strlist *l, struct json_out *w)
{
	jw_name(w, name);
	jw_array(w);
	for (size_t i = 0; i < l->n; i++)
		jw_string(w, l->v[i]);
	jw_array_end(w);
}

void present_time_json(const char *name, struct timespec t, struct json_out *w)
{
	char text[TIME_RFC3339_MAX];

	time_to_rfc3339_local(t, text);
	jw_kv_string(w, name, text);
}

void present_id_json(const char *name, const struct id *id, struct json_out *w)
{
	char hex[ID_HEX_LEN + 1];

	jw_kv_string(w, name, id_hex(id, hex));
}

void present_path_json(const char *name, const char *path, struct json_out *w)
{
	jw_kv_string(w, name, path);
	if (!path || utf8_valid(path, strlen(path)))
		return;
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	AUTO_FREE char *raw = mem_printf("%s_base64", name);

	base64_encode(path, strlen(path), &text);
	jw_kv_string(w, raw, buf_text(&text));
}

static void counts_json(const struct present_counts *c, struct json_out *w)
{
	jw_kv_u64(w, "tables", c->tables);
	jw_name(w, "rows");
	if (c->rows_known && c->tables)
		jw_u64(w, c->rows);
	else
		jw_null(w);
	jw_name(w, "files");
	if (c->files_known)
		jw_u64(w, c->files);
	else
		jw_null(w);
}

static void sources_json(const struct backup *b, struct json_out *w)
{
	jw_name(w, "sources");
	jw_array(w);
	for (size_t i = 0; i < b->manifest.source_count; i++) {
		const struct manifest_source *s = &b->manifest.sources[i];
		const struct present_counts counts = present_count_source(s);

		jw_object(w);
		present_path_json("name", s->name, w);
		jw_kv_string(w, "engine", s->engine);
		present_path_json("url", s->url, w);
		jw_kv_u64(w, "bytes", s->bytes);
		counts_json(&counts, w);
		jw_kv_bool(w, "unchanged", s->unchanged);
		jw_object_end(w);
	}
	jw_array_end(w);
}

/* The safety backup that this one keeps the state before the undo of. */
static const char *undo_of(const struct backup *b)
{
	for (size_t i = 0; i < b->snapshot.tags.n; i++)
		if (!strncmp(b->snapshot.tags.v[i], TAG_UNDO_OF, sizeof TAG_UNDO_OF - 1))
			return b->snapshot.tags.v[i] + sizeof TAG_UNDO_OF - 1;
	return NULL;
}

void present_backup_members(const struct backup *b, struct json_out *w)
{
	const struct present_counts counts = present_count(b);
	char id[9];

	present_id_json("id", &b->snapshot.id, w);
	jw_kv_string(w, "short_id", backup_short_id(b, id));
	present_time_json("time", b->snapshot.time, w);
	present_path_json("name", backup_name(b), w);
	jw_kv_string(w, "description", b->manifest.description);
	jw_kv_string(w, "hostname", b->snapshot.hostname);
	jw_kv_string(w, "username", b->snapshot.username);
	present_strings_json("tags", &b->snapshot.tags, w);
	sources_json(b, w);
	jw_kv_u64(w, "bytes", backup_bytes(b));
	counts_json(&counts, w);
	jw_kv_string(w, "verification", b->verify_failed || b->level != LEVEL_NONE ? present_verification(b) : NULL);
	if (b->verify_failed || b->level != LEVEL_NONE)
		present_time_json("verified", b->verified, w);
	else
		jw_kv_string(w, "verified", NULL);
	jw_kv_bool(w, "pinned", backup_is_pinned(b));
	jw_kv_string(w, "schedule", backup_schedule(b));
	jw_kv_bool(w, "partial", snapshot_has_tag(&b->snapshot, TAG_PARTIAL));
	jw_kv_bool(w, "safety", backup_is_safety(b));
	jw_kv_bool(w, "imported", snapshot_has_tag(&b->snapshot, TAG_IMPORTED));
	jw_kv_bool(w, "foreign", !b->has_manifest);
	jw_kv_string(w, "safety_target", b->manifest.safety_target);
	jw_kv_string(w, "undo_of", undo_of(b));
}

void present_backup_json(const struct backup *b, struct json_out *w)
{
	jw_object(w);
	present_backup_members(b, w);
	jw_object_end(w);
}

int present_list_document(const struct repository *r, const struct backup_list *l, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;
	int rc = 0;

	common_document_begin(&d, r);
	jw_name(&d.w, "backups");
	jw_array(&d.w);
	for (size_t i = l->n; !rc && i-- > 0;) {
		present_backup_json(&l->v[i], &d.w);
		rc = out_document_part(&d, e);
	}
	jw_array_end(&d.w);
	present_strings_json("damaged", &l->damaged, &d.w);
	return rc ? rc : out_document_end(&d, e);
}
