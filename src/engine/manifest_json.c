/* The manifest as JSON: docs/manifest.md. Absent members mean zero, false or unknown. */
#include "engine/manifest.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/timefmt.h"

#include <stdlib.h>
#include <string.h>

/* ---- writing ---- */

static void put_string(struct json_out *w, const char *name, const char *s)
{
	if (s)
		jw_kv_string(w, name, s);
}

static void put_u64(struct json_out *w, const char *name, uint64_t v)
{
	if (v)
		jw_kv_u64(w, name, v);
}

static void put_true(struct json_out *w, const char *name, bool v)
{
	if (v)
		jw_kv_bool(w, name, true);
}

static void put_time(struct json_out *w, const char *name, struct timespec t)
{
	char text[TIME_RFC3339_MAX];

	if (!t.tv_sec)
		return;
	time_to_rfc3339(t, 0, text);
	jw_kv_string(w, name, text);
}

static void write_table(struct json_out *w, const struct manifest_table *t)
{
	jw_object(w);
	put_string(w, "schema", t->schema);
	put_string(w, "name", t->name);
	if (t->rows_known)
		jw_kv_u64(w, "rows", t->rows);
	put_u64(w, "bytes", t->bytes);
	put_u64(w, "offset", t->offset);
	put_u64(w, "length", t->length);
	put_string(w, "row_hash", t->row_hash);
	jw_name(w, "columns");
	jw_array(w);
	for (size_t i = 0; i < t->column_count; i++) {
		jw_object(w);
		jw_kv_string(w, "name", t->columns[i].name);
		jw_kv_string(w, "type", t->columns[i].type);
		put_u64(w, "key", (uint64_t)t->columns[i].key);
		jw_object_end(w);
	}
	jw_array_end(w);
	jw_object_end(w);
}

static void write_artifacts(struct json_out *w, const struct manifest_source *s)
{
	jw_name(w, "artifacts");
	jw_array(w);
	for (size_t i = 0; i < s->artifact_count; i++) {
		const struct manifest_artifact *a = &s->artifacts[i];

		jw_object(w);
		jw_kv_string(w, "path", a->path);
		jw_kv_string(w, "format", a->format);
		jw_kv_u64(w, "bytes", a->bytes);
		put_string(w, "sha256", a->sha256);
		put_u64(w, "block", a->block);
		jw_object_end(w);
	}
	jw_array_end(w);
}

static void write_objects(struct json_out *w, const struct manifest_source *s)
{
	jw_name(w, "objects");
	jw_object(w);
	for (size_t i = 0; i < s->object_count; i++)
		jw_kv_u64(w, s->objects[i].type, s->objects[i].count);
	jw_object_end(w);
}

static void write_notes(struct json_out *w, const struct manifest_source *s)
{
	jw_name(w, "notes");
	jw_array(w);
	for (size_t i = 0; i < s->note_count; i++) {
		jw_object(w);
		jw_kv_string(w, "kind", s->notes[i].kind);
		put_string(w, "path", s->notes[i].path);
		jw_kv_string(w, "text", s->notes[i].text);
		jw_object_end(w);
	}
	jw_array_end(w);
	put_u64(w, "notes_dropped", s->notes_dropped);
}

static void write_source(struct json_out *w, const struct manifest_source *s)
{
	jw_object(w);
	put_string(w, "name", s->name);
	put_string(w, "engine", s->engine);
	put_string(w, "url", s->url);
	put_string(w, "server_version", s->server_version);
	put_string(w, "tool_version", s->tool_version);
	put_time(w, "start", s->start);
	put_time(w, "end", s->end);
	put_string(w, "consistency", s->consistency);
	put_string(w, "charset", s->charset);
	put_string(w, "fingerprint", s->fingerprint);
	put_string(w, "structure", s->structure);
	put_true(w, "unchanged", s->unchanged);
	jw_kv_u64(w, "bytes", s->bytes);
	write_artifacts(w, s);
	jw_name(w, "tables");
	jw_array(w);
	for (size_t i = 0; i < s->table_count; i++)
		write_table(w, &s->tables[i]);
	jw_array_end(w);
	write_objects(w, s);
	write_notes(w, s);
	put_u64(w, "skipped", s->skipped);
	jw_object_end(w);
}

void manifest_encode(const struct manifest *m, struct buf *out)
{
	struct json_out w;

	jw_init(&w, out);
	jw_object(&w);
	jw_kv_u64(&w, "version", (uint64_t)m->version);
	put_string(&w, "program", m->program);
	put_string(&w, "name", m->name);
	put_string(&w, "description", m->description);
	put_string(&w, "hostname", m->hostname);
	put_string(&w, "job", m->job);
	put_string(&w, "safety_target", m->safety_target);
	jw_name(&w, "sources");
	jw_array(&w);
	for (size_t i = 0; i < m->source_count; i++)
		write_source(&w, &m->sources[i]);
	jw_array_end(&w);
	jw_object_end(&w);
	buf_add_byte(out, '\n');
}

/* ---- reading ---- */

static void take_string(struct json *j, char **out)
{
	char *s = json_peek(j) == JSON_NULL ? (json_skip(j), NULL) : json_string_dup(j);

	free(*out);
	*out = s;
}

static void take_time(struct json *j, struct timespec *out)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;

	json_string(j, &text);
	if (!json_failed(j) && !time_from_rfc3339(buf_text(&text), text.len, out, NULL))
		json_fail(j, "not a time");
}

static void read_column(struct json *j, struct manifest_table *t)
{
	AUTO_FREE char *name = NULL, *type = NULL;
	uint64_t key = 0;

	json_object_begin(j);
	while (json_member(j))
		if (json_name_is(j, "name"))
			take_string(j, &name);
		else if (json_name_is(j, "type"))
			take_string(j, &type);
		else if (json_name_is(j, "key"))
			key = json_u64(j);
		else
			json_skip(j);
	if (!name || key > 32767)
		json_fail(j, "not a column");
	else
		manifest_table_add_column(t, name, type, (int)key);
}

static void read_table_member(struct json *j, struct manifest_table *t)
{
	if (json_name_is(j, "schema"))
		take_string(j, &t->schema);
	else if (json_name_is(j, "name"))
		take_string(j, &t->name);
	else if (json_name_is(j, "rows")) {
		t->rows = json_u64(j);
		t->rows_known = true;
	} else if (json_name_is(j, "bytes"))
		t->bytes = json_u64(j);
	else if (json_name_is(j, "offset"))
		t->offset = json_u64(j);
	else if (json_name_is(j, "length"))
		t->length = json_u64(j);
	else if (json_name_is(j, "row_hash"))
		take_string(j, &t->row_hash);
	else if (json_name_is(j, "columns")) {
		json_array_begin(j);
		while (json_element(j))
			read_column(j, t);
	} else
		json_skip(j);
}

static void read_table(struct json *j, struct manifest_source *s)
{
	struct manifest_table *t = manifest_add_table(s, NULL, "");
	bool named = false;

	json_object_begin(j);
	while (json_member(j)) {
		named = named || json_name_is(j, "name");
		read_table_member(j, t);
	}
	if (!t->name)
		t->name = mem_string("");
	/* In SQLite a table may be called "". */
	if (!named)
		json_fail(j, "a table without a name");
}

static void read_artifact(struct json *j, struct manifest_source *s)
{
	struct manifest_artifact *a = manifest_add_artifact(s, "", "", 0);

	json_object_begin(j);
	while (json_member(j))
		if (json_name_is(j, "path"))
			take_string(j, &a->path);
		else if (json_name_is(j, "format"))
			take_string(j, &a->format);
		else if (json_name_is(j, "bytes"))
			a->bytes = json_u64(j);
		else if (json_name_is(j, "sha256"))
			take_string(j, &a->sha256);
		else if (json_name_is(j, "block"))
			a->block = json_u64(j);
		else
			json_skip(j);
	if (!a->path || !a->format || !*a->path)
		json_fail(j, "an artifact without path or format");
}

static void read_note(struct json *j, struct manifest_source *s)
{
	AUTO_FREE char *kind = NULL, *path = NULL, *text = NULL;

	json_object_begin(j);
	while (json_member(j))
		if (json_name_is(j, "kind"))
			take_string(j, &kind);
		else if (json_name_is(j, "path"))
			take_string(j, &path);
		else if (json_name_is(j, "text"))
			take_string(j, &text);
		else
			json_skip(j);
	if (!kind || !text)
		json_fail(j, "a note without kind or text");
	else
		manifest_note(s, kind, path, "%s", text);
}

/* Members that are lists; false when the name is none of them. */
static bool read_source_list(struct json *j, struct manifest_source *s)
{
	if (json_name_is(j, "objects")) {
		json_object_begin(j);
		while (json_member(j)) {
			AUTO_FREE char *type = mem_string(json_name(j));

			manifest_count(s, type, json_u64(j));
		}
		return true;
	}
	void (*read_one)(struct json *, struct manifest_source *) = json_name_is(j, "artifacts") ? read_artifact
								    : json_name_is(j, "tables")  ? read_table
								    : json_name_is(j, "notes")   ? read_note
												 : NULL;
	if (!read_one)
		return false;
	json_array_begin(j);
	while (json_element(j))
		read_one(j, s);
	return true;
}

static bool read_source_string(struct json *j, struct manifest_source *s)
{
	const struct {
		const char *name;
		char **to;
	} strings[] = {
		{"name", &s->name},
		{"engine", &s->engine},
		{"url", &s->url},
		{"server_version", &s->server_version},
		{"tool_version", &s->tool_version},
		{"consistency", &s->consistency},
		{"charset", &s->charset},
		{"fingerprint", &s->fingerprint},
		{"structure", &s->structure},
	};

	for (size_t i = 0; i < ARRAY_LEN(strings); i++)
		if (json_name_is(j, strings[i].name)) {
			take_string(j, strings[i].to);
			return true;
		}
	return false;
}

static void read_source(struct json *j, struct manifest *m)
{
	struct manifest_source *s = manifest_add_source(m);

	json_object_begin(j);
	while (json_member(j))
		if (read_source_string(j, s) || read_source_list(j, s))
			continue;
		else if (json_name_is(j, "start"))
			take_time(j, &s->start);
		else if (json_name_is(j, "end"))
			take_time(j, &s->end);
		else if (json_name_is(j, "unchanged"))
			s->unchanged = json_bool(j);
		else if (json_name_is(j, "bytes"))
			s->bytes = json_u64(j);
		else if (json_name_is(j, "notes_dropped"))
			s->notes_dropped = json_u64(j);
		else if (json_name_is(j, "skipped"))
			s->skipped = json_u64(j);
		else
			json_skip(j);
	if (!s->name || !*s->name || !s->engine || !s->url)
		json_fail(j, "a source without name, engine or url");
}

static void read_member(struct json *j, struct manifest *m, uint64_t *version)
{
	if (json_name_is(j, "version"))
		*version = json_u64(j);
	else if (json_name_is(j, "name"))
		take_string(j, &m->name);
	else if (json_name_is(j, "description"))
		take_string(j, &m->description);
	else if (json_name_is(j, "program"))
		take_string(j, &m->program);
	else if (json_name_is(j, "hostname"))
		take_string(j, &m->hostname);
	else if (json_name_is(j, "job"))
		take_string(j, &m->job);
	else if (json_name_is(j, "safety_target"))
		take_string(j, &m->safety_target);
	else if (json_name_is(j, "sources")) {
		json_array_begin(j);
		while (json_element(j))
			read_source(j, m);
	} else
		json_skip(j);
}

static int check_version(const struct manifest *m, uint64_t version, struct error *e)
{
	if (version > MANIFEST_VERSION)
		return error_set(e, ERR_VERSION, "manifest version %llu is newer than this program knows (%d)",
				 (unsigned long long)version, MANIFEST_VERSION);
	if (version == 0 || !m->name)
		return error_set(e, ERR_CORRUPT, "the manifest has no %s", version ? "name" : "version");
	return 0;
}

int manifest_parse(const void *p, size_t n, struct manifest *out, struct error *e)
{
	struct json j;
	uint64_t version = 0;

	*out = (struct manifest){0};
	if (n > MANIFEST_MAX)
		return error_set(e, ERR_LIMIT, "the manifest is larger than %zu bytes", MANIFEST_MAX);
	json_init(&j, p, n);
	json_object_begin(&j);
	while (json_member(&j))
		read_member(&j, out, &version);
	int rc = json_finish(&j, e);
	if (rc)
		error_wrap(e, "the manifest is damaged");
	else
		rc = check_version(out, version, e);
	if (rc) {
		manifest_release(out);
		return rc;
	}
	out->version = (int)version;
	return 0;
}
