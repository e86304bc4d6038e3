/* Engines: what Backstay can back up. An engine writes a source into a tree_sink while watching what passes, fills in the manifest, restores from a stored tree, and opens stored or live data as rows.
 * Callers ask for features, never for the name. An engine knows nothing of repositories. */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "base/progress.h"
#include "base/stream.h"
#include "engine/maintain.h"
#include "engine/manifest.h"
#include "engine/rows.h"
#include "engine/url.h"

enum engine_features {
	ENGINE_DATABASE = 1 << 0,         /* `--only database` takes it; otherwise it is "files" */
	ENGINE_ROWS = 1 << 1,             /* rows_stored() and rows_live() work */
	ENGINE_RESTORE = 1 << 2,
	ENGINE_TABLES = 1 << 3,           /* restore() takes chosen tables */
	ENGINE_PATHS = 1 << 4,            /* restore() takes chosen paths */
	ENGINE_PRESERVE = 1 << 5,         /* restore() can fill in what is missing */
	ENGINE_STRUCTURE = 1 << 6,        /* check_structure() works */
};

/* How to reach what a backup holds of one source. Paths are relative to the snapshot's root. */
struct stored {
	const struct manifest_source *manifest;
	int (*open)(const struct stored *s, const char *path, struct source **out, struct error *e);
	int (*tree)(const struct stored *s, const char *path, struct tree_source **out, struct error *e);
	void *ctx;
};

struct backup_options {
	struct strlist include, exclude;  /* patterns (base/path.h); include, when not empty, limits files to those that match */
	bool include_logs;                /* do not apply the default excludes (logs, caches) */
	bool one_file_system;
	enum { CHECK_AUTO, CHECK_FULL, CHECK_NONE } check;    /* SQLite: run integrity_check on the copy (auto: up to SQLITE_CHECK_AUTO bytes) */
	bool tolerate;                    /* a safety backup: definitions that cannot be dumped (a broken view) are noted and counted in `skipped`; tables never are */
	bool force;                       /* read everything, whatever looks unchanged */
};

struct engine_backup {
	const struct source_url *url;
	const char *name;                 /* entry to create in the sink's current folder */
	struct tree_sink *sink;
	const struct manifest_source *previous;   /* of the last good backup of this source whose tree the sink's known() sees, or NULL */
	const struct backup_options *options;
	struct progress *progress;
};

enum restore_mode { RESTORE_OVERWRITE, RESTORE_PRESERVE };

struct engine_restore {
	const struct stored *from;
	const struct source_url *target;
	enum restore_mode mode;
	const struct strlist *tables;     /* empty: all */
	const struct strlist *paths;      /* empty: all */
	/* Called once, when the scratch copy is whole and compared, before the first change to a target that exists; what it returns other than 0 stops the restore with the target as it was. May be NULL. */
	int (*before_swap)(void *ctx, struct error *e);
	void *ctx;
	struct progress *progress;
};

struct restore_result {
	uint64_t tables, rows, files, folders, bytes;
	bool replaced;                    /* the target existed */
	struct strlist notes;             /* "owner of 3 files could not be set (not root)" */
};
void restore_result_release(struct restore_result *r);

/* A private, empty place to restore to for proof's sake, gone with close(). */
struct engine_scratch {
	struct source_url target;         /* of this engine */
	char *where;                      /* "a throw-away server", "the verify server db:5432"; heap; NULL: a path of this machine */
	void (*close)(struct engine_scratch *s);
	void *own;
};
void engine_scratch_close(struct engine_scratch *s);   /* legal on a zeroed one */

struct engine {
	const char *name;                 /* "sqlite" */
	const char *title;                /* "SQLite" */
	const char *const *schemes;       /* NULL-terminated; the first is the usual one */
	unsigned features;
	/* Whether this plain path is its business, by content. NULL: never. */
	bool (*claims)(const char *path);
	/* How a source that is no file is named: u->text is as given, u->rest what follows the scheme. Fills in shown, identity and name. NULL: sources are paths. */
	int (*parse)(struct source_url *u, struct error *e);
	/* What a restore would replace: *there, and then a line for people ("postgresql://db/shop: 14 tables, 1.1 GiB"; heap). NULL: what lies at the target's path. */
	int (*look)(const struct source_url *target, bool *there, char **line, struct error *e);
	/* Back up. The manifest's name, engine, url, start and end are filled in by engine_backup_source(). Anything that makes the result less than the source is either an error or counted in `skipped`. */
	int (*backup)(const struct engine_backup *b, struct manifest_source *out, struct error *e);
	/* Restore steps 3 to 7 of ARCHITECTURE.md: scratch beside the target, stop at the first error, compare with the manifest, before_swap, swap. */
	int (*restore)(const struct engine_restore *r, struct restore_result *out, struct error *e);
	/* V2: the stored artifact is structurally whole and its counts equal the manifest; evidence (one line) appended to `evidence`. -ERR_VERIFY with the first thing that does not hold. */
	int (*check_structure)(const struct stored *s, struct progress *p, struct strlist *evidence, struct error *e);
	int (*rows_stored)(const struct stored *s, struct rows_db **out, struct error *e);
	int (*rows_live)(const struct source_url *u, struct rows_db **out, struct error *e);
	/* V3: a place for the rehearsal of s below the folder `dir`, which is its own: a throw-away server and an empty database on it. -ERR_NOT_FOUND when this machine lacks what it takes; the text says what. NULL: a path below dir.
	 * When verify_env is set, the place is a database of its own on the server it names (engine_verify_server()): that is somebody's choice, so that a server that does not answer is an error. */
	int (*scratch)(const char *dir, const struct stored *s, struct engine_scratch *out, struct error *e);
	/* V4: what was restored equals what is stored, row by row. NULL: by comparing rows, or the bytes of files. */
	int (*compare)(const struct stored *s, const struct source_url *restored, struct progress *p, struct strlist *evidence, struct error *e);
	/* SQL text that the database's own client loads (tables: empty or NULL means all). NULL: rows_sql(). */
	int (*sql_stored)(const struct stored *s, const struct strlist *tables, struct sink *out, struct progress *p, struct error *e);
	int (*sql_live)(const struct source_url *u, const struct strlist *tables, struct sink *out, struct progress *p, struct error *e);
	/* Sizes and versions; optimize, check, repair (engine/maintain.h). NULL: not for this engine. */
	int (*info)(const struct source_url *u, struct source_info *out, struct error *e);
	int (*maintain)(const struct engine_maintenance *m, struct error *e);
	const char *verify_env;           /* the environment variable with the URL of a server for rehearsals; or NULL */
};

extern const struct engine engine_sqlite, engine_folder, engine_postgresql, engine_mysql, engine_command;
const struct engine *const *engine_all(void);                     /* NULL-terminated */
const struct engine *engine_by_name(const char *name);            /* or scheme; NULL when unknown */
/* The URL of the server that rehearsals of this engine are to use instead of a throw-away one; NULL: none is named. It may hold a password. */
const char *engine_verify_server(const struct engine *x);
/* It, parsed: -ERR_USAGE when it is of another kind. No part of it is in the text. */
int engine_verify_url(const struct engine *x, struct source_url *out, struct error *e) MUST_USE;
int engine_backup_source(const struct engine_backup *b, struct manifest_source *out, struct error *e) MUST_USE;

#endif
