/* Settings: a table of names with their kinds, defaults and the environment variables that give them (docs/settings.md is
 * made from it). What the environment or the file BACKSTAY_CONFIG (KEY=VALUE lines) says wins over the catalog and cannot
 * be changed there. */
#ifndef CATALOG_SETTING_H
#define CATALOG_SETTING_H

#include "catalog/catalog.h"

enum setting_type { SETTING_TEXT, SETTING_NUMBER, SETTING_BOOL, SETTING_SECRET, SETTING_CHOICE };
struct setting {
	const char *name;               /* "retention_days" */
	enum setting_type type;
	const char *value;              /* default */
	uint64_t min, max;              /* numbers */
	const char *choices;            /* "text|json" */
	const char *environment;        /* names, first wins: "BACKSTAY_RETENTION_DAYS|BACKUP_RETENTION_DAYS" */
	const char *help;
};
extern const struct setting settings[];                     /* ends with a zeroed entry */
const struct setting *setting_find(const char *name);       /* NULL: there is none */

enum setting_origin { SETTING_DEFAULT, SETTING_CATALOG, SETTING_ENVIRONMENT, SETTING_FILE };
/* Heap. A value that does not fit its type is an error that names where it came from. c may be NULL: no catalog. */
int setting_text(struct catalog *c, const char *name, char **out, enum setting_origin *origin, struct error *e) MUST_USE;
int setting_number(struct catalog *c, const char *name, uint64_t *out, struct error *e) MUST_USE;
int setting_bool(struct catalog *c, const char *name, bool *out, struct error *e) MUST_USE;
/* NULL text: back to the default. -ERR_USAGE for a value that does not fit; -ERR_REFUSED when the environment gives it. */
int setting_set(struct catalog *c, const char *name, const char *text, struct error *e) MUST_USE;
/* All, as {"name": {"value":, "default":, "origin":, "help":, ...}}; secrets as "known". */
int settings_json(struct catalog *c, struct json_out *w, struct error *e) MUST_USE;

#endif
