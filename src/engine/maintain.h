/* Looking after a database: what there is, and optimize, check, repair, table by table. */
#ifndef ENGINE_MAINTAIN_H
#define ENGINE_MAINTAIN_H

#include "base/progress.h"
#include "base/strlist.h"

struct source_url;

struct info_table {
	char *schema, *name;      /* schema may be NULL */
	char *kind;               /* of storage: "heap", "InnoDB", "MyISAM", "table"; or NULL */
	uint64_t rows;
	bool rows_exact;          /* otherwise the server's estimate */
	uint64_t bytes;           /* with indexes and whatever else belongs to it */
	uint64_t index_bytes;     /* of these; 0: none, or not told apart */
	uint64_t reclaimable;     /* bytes optimize is expected to give back; 0: none, or unknown */
};

struct source_info {
	char *name;               /* of the database: "shop", "app.db" */
	char *title;              /* "PostgreSQL 15.20", "MariaDB 10.11.19", "SQLite 3.40.1" */
	char *encoding;           /* "UTF8", "utf8mb4"; or NULL */
	uint64_t bytes;           /* of all of it */
	struct info_table *tables;   /* in name order */
	size_t table_count;
	struct strlist notes;     /* "2 tables cannot be read by this user: a, b" */
};
void source_info_release(struct source_info *i);
struct info_table *source_info_add(struct source_info *i, const char *schema, const char *name);

enum maintain_action { MAINTAIN_OPTIMIZE, MAINTAIN_CHECK, MAINTAIN_REPAIR };
enum maintain_state { MAINTAIN_OK, MAINTAIN_SKIPPED, MAINTAIN_FAILED };

struct maintain_result {      /* of one table, or of the database (table NULL); texts are the engine's, valid during the call */
	const char *schema, *table;
	enum maintain_state state;
	const char *message;      /* the server's words: "Table does not support optimize, doing recreate + analyze instead" */
	double seconds;
	int64_t reclaimed;        /* bytes by which it became smaller; negative: larger */
};

struct engine_maintenance {
	const struct source_url *url;
	enum maintain_action action;
	const struct strlist *tables;     /* empty: all */
	/* Called as each table is done. 0 to go on. */
	int (*report)(void *ctx, const struct maintain_result *r, struct error *e);
	void *ctx;
	struct progress *progress;        /* items are tables; cancelled between tables, and within one where the server lets us */
};

#endif
