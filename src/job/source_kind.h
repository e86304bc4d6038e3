/* What kind of thing a source is, for those who know its engine's name only. */
#ifndef JOB_SOURCE_KIND_H
#define JOB_SOURCE_KIND_H

#include "catalog/source.h"

/* A database, by the features of its engine; false also for an engine this program has not. */
bool source_kind_is_database(const char *engine);
/* Look at s->url: sets shown and engine. A path becomes absolute. Errors are source_url_parse()'s. */
int source_kind_parse(struct source_record *s, struct error *e) MUST_USE;
/* The format a person most likely wants when none was named: "archive" for databases and commands, "tar.gz" for folders. */
const char *source_kind_format(const char *engine);
/* The name of an export's file, as the systems that people come from call theirs: "sqlite_backup_20261121_071405.db", "shop_backup_....backup",
 * "postgres_backup_....sql.gz", "backup_shop_....sql" (.xlsx, .zip of CSV), "media_backup_....tar.gz". `t` is the time of what it holds, told in the machine's
 * zone; what does not belong into a file's name becomes "_". Heap. */
char *source_kind_export_name(const char *engine, const char *source, const char *format, struct timespec t);

#endif
