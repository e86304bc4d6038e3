#include "base/human.h"
#include "base/timefmt.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/present.h"

#include <stdio.h>
#include <string.h>

static const struct opt options[] = {
	COMMON_NO_LOCK,
	{0},
};

static void line(const char *what, const char *text)
{
	if (text && *text)
		out_print("%-14s %s\n", what, text);
}

static void print_backup(const struct backup *b)
{
	char id[ID_HEX_LEN + 1], when[32], verified[32], size[HUMAN_MAX];
	AUTO_FREE char *age = present_age(b->snapshot.time);
	AUTO_FREE char *tags = strlist_join(&b->snapshot.tags, ", ");

	time_to_local(b->snapshot.time, when);
	time_to_local(b->verified, verified);
	line("backup", id_hex(&b->snapshot.id, id));
	line("name", backup_name(b));
	line("description", b->manifest.description);
	out_print("%-14s %s (%s)\n", "made", when, age);
	out_print("%-14s %s@%s\n", "by", b->snapshot.username ? b->snapshot.username : "", b->snapshot.hostname ? b->snapshot.hostname : "");
	line("program", b->has_manifest ? b->manifest.program : b->snapshot.program_version);
	line("tags", tags);
	line("schedule", backup_schedule(b));
	line("pinned", backup_is_pinned(b) ? "no rule removes it" : NULL);
	line("safety of", b->manifest.safety_target);
	line("size", present_size(b, size));
	if (b->verify_failed || b->level != LEVEL_NONE)
		out_print("%-14s %s, %s\n", "verified", present_verification(b), verified);
	else
		line("verified", "not yet: backstay verify");
	if (!b->has_manifest)
		line("manifest", "none: this backup was made by another program");
}

static char *column_names(const struct manifest_table *t)
{
	CLEANUP(strlist_release) struct strlist names = {0};

	for (size_t i = 0; i < t->column_count; i++)
		strlist_add(&names, t->columns[i].name);
	return strlist_join(&names, ", ");
}

static void print_tables(const struct manifest_source *s)
{
	static const char *const headers[] = {"TABLE", "ROWS", "SIZE", "COLUMNS"};
	struct table *t = table_new(headers, "LrrL");

	for (size_t i = 0; i < s->table_count; i++) {
		const struct manifest_table *m = &s->tables[i];
		AUTO_FREE char *name = m->schema ? mem_printf("%s.%s", m->schema, m->name) : mem_string(m->name);
		AUTO_FREE char *columns = column_names(m);
		char rows[HUMAN_MAX], size[HUMAN_MAX];
		const char *const row[] = {
			name, m->rows_known ? human_count(m->rows, rows) : "?", m->bytes ? human_size(m->bytes, size) : "-", columns,
		};

		table_row(t, row);
	}
	table_print(t);
}

static char *objects(const struct manifest_source *s)
{
	CLEANUP(strlist_release) struct strlist parts = {0};

	for (size_t i = 0; i < s->object_count; i++)
		strlist_take(&parts, human_plural(s->objects[i].count, s->objects[i].type));
	return strlist_join(&parts, ", ");
}

static void print_notes(const struct manifest_source *s)
{
	for (size_t i = 0; i < s->note_count; i++) {
		const struct manifest_note *n = &s->notes[i];

		out_print("  %-12s %s%s%s\n", n->kind, n->path ? n->path : "", n->path && n->text && *n->text ? ": " : "", n->text ? n->text : "");
	}
	if (s->notes_dropped)
		out_print("  and %llu more\n", (unsigned long long)s->notes_dropped);
}

static void print_source(const struct manifest_source *s)
{
	char start[32], size[HUMAN_MAX], took[HUMAN_MAX];
	AUTO_FREE char *counted = objects(s);

	time_to_local(s->start, start);
	out_print("\n");
	line("source", s->name);
	line("  from", s->url);
	line("  engine", s->engine);
	line("  server", s->server_version);
	line("  tool", s->tool_version);
	out_print("%-14s %s, in %s\n", "  read", start, human_duration(time_between(s->start, s->end), took));
	line("  size", human_size(s->bytes, size));
	line("  consistency", s->consistency);
	line("  structure", s->structure);
	line("  unchanged", s->unchanged ? "taken over from the backup before" : NULL);
	line("  holds", counted);
	for (size_t i = 0; i < s->artifact_count; i++) {
		const struct manifest_artifact *a = &s->artifacts[i];

		out_print("%-14s %s (%s, %s%s%s)\n", "  file", a->path, a->format, human_size(a->bytes, size), a->sha256 ? ", SHA-256 " : "",
			  a->sha256 ? a->sha256 : "");
	}
	if (s->skipped)
		out_print("%-14s %llu entries could not be read\n", "  skipped", (unsigned long long)s->skipped);
	print_notes(s);
	if (s->table_count) {
		out_print("\n");
		print_tables(s);
	}
}

static int document(const struct repository *r, const struct backup *b, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;
	CLEANUP(buf_release) struct buf manifest = BUF_INIT;

	common_document_begin(&d, r);
	jw_name(&d.w, "backup");
	present_backup_json(b, &d.w);
	jw_name(&d.w, "manifest");
	if (b->has_manifest) {
		manifest_encode(&b->manifest, &manifest);
		jw_raw(&d.w, buf_text(&manifest), strcspn(buf_text(&manifest), "\n"));
	} else {
		jw_null(&d.w);
	}
	return out_document_end(&d, e);
}

static int run(const struct parsed *p, struct error *e)
{
	CLEANUP(repository_release) struct repository r = {0};
	CLEANUP(backup_release) struct backup b = {0};
	int rc = common_open(p, REPOSITORY_READ, COMMON_INDEX, &r, e);

	if (!rc)
		rc = backup_find(&r, p->args.v[0], &b, e);
	if (rc)
		return rc;
	if (out_mode.json)
		return document(&r, &b, e);
	print_backup(&b);
	for (size_t i = 0; i < b.manifest.source_count; i++)
		print_source(&b.manifest.sources[i]);
	return 0;
}

const struct command cmd_show = {
	.name = "show",
	.arguments = "BACKUP",
	.summary = "show all that is known about a backup",
	.details =
		"Its sources with their tables, columns, rows and sizes, how it was made, and\n"
		"notes on what was left out.\n"
		"\n"
		"BACKUP is an id or the beginning of one (4 digits or more) from the list,\n"
		"\"latest\", or \"latest:SOURCE\".\n",
	.examples =
		"backstay show latest\n"
		"backstay show latest:app.db\n"
		"backstay show 1a2b3c4d --json\n",
	.min_args = 1,
	.max_args = 1,
	.options = options,
	.about_backups = true,
	.run = run,
};
