/* Names that people give to records: of sources, repositories, schedules, notices. */
#ifndef CATALOG_NAME_H
#define CATALOG_NAME_H

#include "catalog/catalog.h"

#define NAME_LEN 64

/* Letters, digits and ". _ -", the first one a letter or digit; 1 to NAME_LEN bytes. Anything else is a path or URL. */
bool name_ok(const char *name);
/* -ERR_USAGE "a source cannot be called "a/b"", with the rule as hint. `what` is "source", "repository", ... */
int name_check(const char *what, const char *name, struct error *e) MUST_USE;
/* -ERR_NOT_FOUND "there is no source named "shp"", with the nearest of the names that `sql` (a constant: "SELECT name FROM source") gives as hint. */
int name_unknown(struct catalog *c, const char *what, const char *sql, const char *name, struct error *e);
/* A name made out of any text ("my shop.db" -> "my-shop.db"), with a number behind it until taken(ctx, name) is false. Heap. */
char *name_from(const char *text, bool (*taken)(void *ctx, const char *name), void *ctx);

#endif
