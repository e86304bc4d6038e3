/* Settings: a table of names with their kinds, defaults and the variables that give them (docs/settings.md holds the same,
 * which a test sees to). The first of these that says something counts: the environment; the file of KEY=VALUE lines that
 * BACKSTAY_CONFIG names (base/keyvalue.h); the catalog; the default. What the environment or the file says cannot be changed in the
 * catalog. A variable that is empty says nothing. */
#ifndef CATALOG_SETTING_H
#define CATALOG_SETTING_H

#include "catalog/catalog.h"

enum setting_type {
	SETTING_TEXT,       /* one line */
	SETTING_NUMBER,
	SETTING_SIZE,       /* bytes, "10G" too */
	SETTING_BOOL,       /* true, yes, on, 1; false, no, off, 0; in any case */
	SETTING_CHOICE,
	SETTING_SECRET,     /* one line; sealed in the catalog, never shown */
	SETTING_LISTEN,     /* as listen_open() takes it (web/listen.h): a wrong one locks everybody out */
	SETTING_URL         /* "https://host/", or nothing */
};
struct setting {
	const char *name;               /* "retention_days" */
	enum setting_type type;
	const char *value;              /* default */
	uint64_t min, max;              /* numbers and sizes */
	const char *choices;            /* "text|json" */
	const char *environment;        /* names, first wins: "BACKSTAY_RETENTION_DAYS|BACKUP_RETENTION_DAYS" */
	const char *help;
};
extern const struct setting settings[];                     /* ends with a zeroed entry */
const struct setting *setting_find(const char *name);       /* NULL: there is none */
/* "a number, 0 to 36500", "true or false", "text or json": what it may be. Heap. */
char *setting_describe(const struct setting *s);

/* At the start of the program, before there are threads: every variable of the file BACKSTAY_CONFIG names becomes one of the environment unless it is
 * there or is a setting's, so that one file holds everything; and seeds' names that mean another variable of ours stand for that.
 * Settings of the file are looked at again whenever it has changed. */
int setting_environment(struct error *e) MUST_USE;
/* What is said and has no effect, a sentence each: "BACKUP_SFTP_HOST is for a store that is not built in yet",
 * "BACKSTAY_RETENTION_DAY is nothing that Backstay knows; did you mean BACKSTAY_RETENTION_DAYS?". Appends. */
int setting_notes(struct strlist *out, struct error *e) MUST_USE;

enum setting_origin { SETTING_DEFAULT, SETTING_CATALOG, SETTING_ENVIRONMENT, SETTING_FILE };
const char *setting_origin_name(enum setting_origin o);     /* "default", "catalog", "environment", "file" */
/* Heap, "" when it is empty; origin may be NULL. A value that does not fit its type is an error (-ERR_USAGE) that names where it came from. c may be NULL:
 * no catalog. */
int setting_text(struct catalog *c, const char *name, char **out, enum setting_origin *origin, struct error *e) MUST_USE;
int setting_number(struct catalog *c, const char *name, uint64_t *out, struct error *e) MUST_USE;
int setting_bool(struct catalog *c, const char *name, bool *out, struct error *e) MUST_USE;
/* Whether `text` fits: -ERR_USAGE. */
int setting_check(const struct setting *s, const char *text, struct error *e) MUST_USE;
/* NULL text: back to the default. -ERR_USAGE for a value that does not fit or a name that is none; -ERR_REFUSED when the environment or the file gives it. */
int setting_set(struct catalog *c, const char *name, const char *text, struct error *e) MUST_USE;
/* All, as {"name": {"value":, "default":, "origin":, "variable":, "type":, "min":, "max":, "choices":, "help":, "error":}}; a secret has "known" instead
 * of its value. `variable` is the one that gives it now, or null; `error` says why a value does not fit (it is then the default that is shown), or is null. */
int settings_json(struct catalog *c, struct json_out *w, struct error *e) MUST_USE;
/* Those that the catalog has, as {"name": value}: the secrets alone, or all others. */
int settings_export(struct catalog *c, bool secrets, struct json_out *w, struct error *e) MUST_USE;

#endif
