/* The manifest: what a backup holds and how it came about, stored as `.backstay/manifest.json` inside the same snapshot, so that everything about a backup can be known from the repository alone.
 * docs/manifest.md has the JSON, member by member. */
#ifndef ENGINE_MANIFEST_H
#define ENGINE_MANIFEST_H

#include "base/buf.h"
#include "base/strlist.h"

#include <time.h>

#define MANIFEST_DIR ".backstay"
#define MANIFEST_FILE "manifest.json"
#define MANIFEST_VERSION 1
#define MANIFEST_MAX ((size_t)64 << 20)

struct manifest_column {
	char *name, *type;
	int key;                          /* 1.. position in the primary key; 0: not part of it */
};

struct manifest_table {
	char *schema, *name;              /* schema may be NULL */
	struct manifest_column *columns;
	size_t column_count;
	bool rows_known;
	uint64_t rows;
	uint64_t bytes;                   /* its share of the artifact; 0: unknown */
	uint64_t offset, length;          /* where it lies in the artifact; 0, 0: not in one piece */
	char *row_hash;                   /* hex, order-independent (rows.h), or NULL */
};

struct manifest_artifact {
	char *path;                       /* within the snapshot: "app.db" */
	char *format;                     /* "sqlite3", "stream" */
	uint64_t bytes;
	char *sha256;                     /* hex of the whole content, or NULL (its blobs are hashed in any case) */
	uint64_t block;                   /* fixed block size it was cut at, or 0 */
};

struct manifest_note {
	char *kind;                       /* "unreadable", "vanished", "changed", "excluded", "unsupported", "note" */
	char *path;                       /* or NULL */
	char *text;
};

struct manifest_object {              /* counted things that are not tables */
	char *type;                       /* "view", "trigger", "index", "file", "folder", "symlink", ... */
	uint64_t count;
};

struct manifest_source {
	char *name;                       /* also its top-level entry in the snapshot; unique within the backup */
	char *engine;                     /* "sqlite", "folder", "command" */
	char *url;                        /* shown form */
	char *server_version, *tool_version;   /* or NULL */
	struct timespec start, end;
	char *consistency;                /* "one read transaction, change counter 17"; or NULL */
	char *charset;                    /* default of the database, with its collation: "utf8mb4/utf8mb4_general_ci"; or NULL */
	char *fingerprint;                /* what the engine needs to know an unchanged source again; or NULL */
	char *structure;                  /* how the structure was checked: "integrity_check", "pages", "counted"; or NULL */
	bool unchanged;                   /* taken over from the previous backup */
	uint64_t bytes;                   /* size of the source as stored */
	struct manifest_artifact *artifacts;
	size_t artifact_count;
	struct manifest_table *tables;
	size_t table_count;
	struct manifest_object *objects;
	size_t object_count;
	struct manifest_note *notes;      /* at most MANIFEST_NOTES; the rest only counted */
	size_t note_count;
	uint64_t notes_dropped;
	uint64_t skipped;                 /* entries that should be in the backup and are not (unreadable, vanished) */
};
#define MANIFEST_NOTES 1000

struct manifest {
	int version;
	char *name, *description;         /* of the backup; description may be NULL */
	char *program;                    /* "backstay 0.1.0" */
	char *hostname;
	char *job;                        /* id of the job that made it; or NULL */
	char *safety_target;              /* a safety backup: the URL a restore was about to replace; or NULL */
	struct manifest_source *sources;
	size_t source_count;
};

void manifest_release(struct manifest *m);
void manifest_source_release(struct manifest_source *s);
void manifest_table_release(struct manifest_table *t);
void manifest_encode(const struct manifest *m, struct buf *out);
/* Unknown members are ignored; -ERR_VERSION for a newer version number; lengths and counts are checked. */
int manifest_parse(const void *p, size_t n, struct manifest *out, struct error *e) MUST_USE;

struct manifest_source *manifest_add_source(struct manifest *m);                 /* zeroed; pointers to earlier ones become invalid */
const struct manifest_source *manifest_find_source(const struct manifest *m, const char *name);
struct manifest_table *manifest_add_table(struct manifest_source *s, const char *schema, const char *name);
void manifest_table_add_column(struct manifest_table *t, const char *name, const char *type, int key);
const struct manifest_table *manifest_find_table(const struct manifest_source *s, const char *name);   /* "name" or "schema.name" */
struct manifest_artifact *manifest_add_artifact(struct manifest_source *s, const char *path, const char *format, uint64_t bytes);
void manifest_count(struct manifest_source *s, const char *type, uint64_t more);
void manifest_note(struct manifest_source *s, const char *kind, const char *path, const char *fmt, ...) PRINTF_LIKE(4, 5);
void manifest_source_copy(struct manifest_source *to, const struct manifest_source *from);

#endif
