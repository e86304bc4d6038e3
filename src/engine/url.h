/* How a source or target is named: `sqlite:app.db`, `sqlite:///srv/app.db`, `folder:./media`, `postgresql://db/shop`, `mysql://db/shop`, `command:pg_dump -Fc shop`, or a plain path whose
 * content tells which engine reads it. Passwords in URLs never get into the `shown` form. */
#ifndef ENGINE_URL_H
#define ENGINE_URL_H

#include "base/error.h"

struct engine;
struct progress;

struct source_url {
	const struct engine *engine;
	char *text;               /* as given */
	char *shown;              /* normalised, without secrets: what manifests, lists and messages hold; "sqlite:/srv/app.db" */
	char *path;               /* absolute path for engines of local files, else NULL */
	char *rest;               /* what follows the scheme, for the engine to parse */
	char *identity;           /* absolute path that no other source of this machine has: "/srv/app.db", "/postgresql/db:5432/shop"; in snapshots' `paths` */
	char *name;               /* default name of the source: "app.db", "media", "pg_dump" */
	struct progress *progress;        /* set by whoever parsed it, or NULL: once it is cancelled, nobody waits for its server any more */
};
void source_url_release(struct source_url *u);

/* Parse. A plain path must exist unless `may_be_new` (a restore target; then `hint`, which may be NULL, gives the engine). -ERR_USAGE unknown scheme (the hint lists those known), -ERR_NOT_FOUND
 * "./x.db: no such file or folder", -ERR_MISMATCH when a scheme is given and the content is something else ("notes.txt is not an SQLite database"). */
int source_url_parse(const char *text, bool may_be_new, const struct engine *hint, struct source_url *out, struct error *e) MUST_USE;

/* The URL of another database on the same server, for the same user; heap, with what secrets `text` has. -ERR_USAGE when it is no URL with a server in it. */
int source_url_with_database(const char *text, const char *database, char **out, struct error *e) MUST_USE;

#endif
