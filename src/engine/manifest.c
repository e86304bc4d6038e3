/* The manifest in memory; its JSON is manifest_json.c. */
#include "engine/manifest.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void manifest_table_release(struct manifest_table *t)
{
	for (size_t i = 0; i < t->column_count; i++) {
		free(t->columns[i].name);
		free(t->columns[i].type);
	}
	free(t->columns);
	free(t->schema);
	free(t->name);
	free(t->row_hash);
	*t = (struct manifest_table){0};
}

static void release_lists(struct manifest_source *s)
{
	for (size_t i = 0; i < s->artifact_count; i++) {
		free(s->artifacts[i].path);
		free(s->artifacts[i].format);
		free(s->artifacts[i].sha256);
	}
	for (size_t i = 0; i < s->table_count; i++)
		manifest_table_release(&s->tables[i]);
	for (size_t i = 0; i < s->object_count; i++)
		free(s->objects[i].type);
	for (size_t i = 0; i < s->note_count; i++) {
		free(s->notes[i].kind);
		free(s->notes[i].path);
		free(s->notes[i].text);
	}
	free(s->artifacts);
	free(s->tables);
	free(s->objects);
	free(s->notes);
}

void manifest_source_release(struct manifest_source *s)
{
	release_lists(s);
	free(s->name);
	free(s->engine);
	free(s->url);
	free(s->server_version);
	free(s->tool_version);
	free(s->consistency);
	free(s->charset);
	free(s->fingerprint);
	free(s->structure);
	*s = (struct manifest_source){0};
}

void manifest_release(struct manifest *m)
{
	for (size_t i = 0; i < m->source_count; i++)
		manifest_source_release(&m->sources[i]);
	free(m->sources);
	free(m->name);
	free(m->description);
	free(m->program);
	free(m->hostname);
	free(m->job);
	free(m->safety_target);
	*m = (struct manifest){0};
}

/* The lists of a manifest are short-lived and grow by one; their count doubles as the capacity. */
#define APPEND(list, count) \
	((list) = mem_array((list), (count) + 1, sizeof *(list)), memset(&(list)[count], 0, sizeof *(list)), &(list)[(count)++])

static char *copy(const char *s)
{
	return s ? mem_string(s) : NULL;
}

struct manifest_source *manifest_add_source(struct manifest *m)
{
	return APPEND(m->sources, m->source_count);
}

const struct manifest_source *manifest_find_source(const struct manifest *m, const char *name)
{
	for (size_t i = 0; i < m->source_count; i++)
		if (m->sources[i].name && !strcmp(m->sources[i].name, name))
			return &m->sources[i];
	return NULL;
}

struct manifest_table *manifest_add_table(struct manifest_source *s, const char *schema, const char *name)
{
	struct manifest_table *t = APPEND(s->tables, s->table_count);

	t->schema = copy(schema);
	t->name = mem_string(name);
	return t;
}

void manifest_table_add_column(struct manifest_table *t, const char *name, const char *type, int key)
{
	struct manifest_column *c = APPEND(t->columns, t->column_count);

	c->name = mem_string(name);
	c->type = mem_string(type ? type : "");
	c->key = key;
}

const struct manifest_table *manifest_find_table(const struct manifest_source *s, const char *name)
{
	for (size_t i = 0; i < s->table_count; i++) {
		const struct manifest_table *t = &s->tables[i];

		if (!strcmp(t->name, name))
			return t;
		AUTO_FREE char *full = t->schema ? mem_printf("%s.%s", t->schema, t->name) : NULL;
		if (full && !strcmp(full, name))
			return t;
	}
	return NULL;
}

struct manifest_artifact *manifest_add_artifact(struct manifest_source *s, const char *path, const char *format, uint64_t bytes)
{
	struct manifest_artifact *a = APPEND(s->artifacts, s->artifact_count);

	a->path = mem_string(path);
	a->format = mem_string(format);
	a->bytes = bytes;
	return a;
}

void manifest_count(struct manifest_source *s, const char *type, uint64_t more)
{
	for (size_t i = 0; i < s->object_count; i++)
		if (!strcmp(s->objects[i].type, type)) {
			s->objects[i].count += more;
			return;
		}
	struct manifest_object *o = APPEND(s->objects, s->object_count);

	o->type = mem_string(type);
	o->count = more;
}

static void add_note(struct manifest_source *s, const char *kind, const char *path, char *text)
{
	struct manifest_note *n = APPEND(s->notes, s->note_count);

	n->kind = mem_string(kind);
	n->path = copy(path);
	n->text = text;
}

void manifest_note(struct manifest_source *s, const char *kind, const char *path, const char *fmt, ...)
{
	if (s->note_count >= MANIFEST_NOTES) {
		s->notes_dropped++;
		return;
	}
	va_list ap;

	va_start(ap, fmt);
	add_note(s, kind, path, mem_vprintf(fmt, ap));
	va_end(ap);
}

static void copy_table(struct manifest_source *to, const struct manifest_table *from)
{
	struct manifest_table *t = manifest_add_table(to, from->schema, from->name);

	for (size_t i = 0; i < from->column_count; i++)
		manifest_table_add_column(t, from->columns[i].name, from->columns[i].type, from->columns[i].key);
	t->rows_known = from->rows_known;
	t->rows = from->rows;
	t->bytes = from->bytes;
	t->offset = from->offset;
	t->length = from->length;
	t->row_hash = copy(from->row_hash);
}

void manifest_source_copy(struct manifest_source *to, const struct manifest_source *from)
{
	*to = *from;
	to->artifacts = NULL;
	to->tables = NULL;
	to->objects = NULL;
	to->notes = NULL;
	to->artifact_count = to->table_count = to->object_count = to->note_count = 0;
	to->name = copy(from->name);
	to->engine = copy(from->engine);
	to->url = copy(from->url);
	to->server_version = copy(from->server_version);
	to->tool_version = copy(from->tool_version);
	to->consistency = copy(from->consistency);
	to->charset = copy(from->charset);
	to->fingerprint = copy(from->fingerprint);
	to->structure = copy(from->structure);
	for (size_t i = 0; i < from->artifact_count; i++) {
		const struct manifest_artifact *f = &from->artifacts[i];
		struct manifest_artifact *a = manifest_add_artifact(to, f->path, f->format, f->bytes);

		a->sha256 = copy(f->sha256);
		a->block = f->block;
	}
	for (size_t i = 0; i < from->table_count; i++)
		copy_table(to, &from->tables[i]);
	for (size_t i = 0; i < from->object_count; i++)
		manifest_count(to, from->objects[i].type, from->objects[i].count);
	for (size_t i = 0; i < from->note_count; i++)
		add_note(to, from->notes[i].kind, from->notes[i].path, mem_string(from->notes[i].text));
}
