#include "job/source_kind.h"

#include "base/mem.h"
#include "base/timefmt.h"
#include "engine/engine.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

bool source_kind_is_database(const char *engine)
{
	const struct engine *x = engine_by_name(engine);

	return x && x->features & ENGINE_DATABASE;
}

int source_kind_parse(struct source_record *s, struct error *e)
{
	CLEANUP(source_url_release) struct source_url u = {0};
	int rc = source_url_parse(s->url ? s->url : "", false, NULL, &u, e);

	if (rc)
		return rc;
	free(s->shown);
	free(s->engine);
	s->engine = mem_string(u.engine->name);
	if (u.path) {
		free(s->url);
		s->url = mem_string(u.shown);
	}
	s->shown = TAKE(u.shown);
	return 0;
}

const char *source_kind_format(const char *engine)
{
	return strcmp(engine, "folder") ? "archive" : "tar.gz";
}

/* "shop.db" is called shop; "app 2" app_2. */
static char *stem(const char *source)
{
	static const char *const endings[] = {".db", ".sqlite", ".sqlite3"};
	size_t n = strlen(source);

	for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
		size_t e = strlen(endings[i]);

		if (n > e && !strcmp(source + n - e, endings[i])) {
			n -= e;
			break;
		}
	}
	char *s = mem_string_n(source, n);

	for (char *p = s; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("._-", *p) && !((unsigned char)*p & 0x80))
			*p = '_';
	return s;
}

/* "20261121_071405" */
static void stamp(struct timespec t, char out[32])
{
	char local[32];
	size_t n = 0;

	time_to_local(t, local);
	for (const char *p = local; *p && n < 31; p++)
		if (*p != '-' && *p != ':')
			out[n++] = *p == ' ' ? '_' : *p;
	out[n] = '\0';
}

/* Of the engine's own file. */
static char *archive_name(const char *engine, const char *name, const char *when)
{
	if (!strcmp(engine, "sqlite"))
		return mem_printf("sqlite_backup_%s.db", when);
	if (!strcmp(engine, "mysql"))
		return mem_printf("backup_%s_%s.sql", name, when);
	return mem_printf("%s_backup_%s.%s", name, when, strcmp(engine, "postgresql") ? "dump" : "backup");
}

char *source_kind_export_name(const char *engine, const char *source, const char *format, struct timespec t)
{
	AUTO_FREE char *name = stem(source);
	char when[32];

	stamp(t, when);
	if (!strcmp(format, "archive"))
		return archive_name(engine, name, when);
	bool sql = !strncmp(format, "sql", 3);

	if (sql && !strcmp(engine, "postgresql"))
		return mem_printf("postgres_backup_%s.%s", when, format);
	if (sql || !strcmp(format, "csv") || !strcmp(format, "xlsx"))
		return mem_printf("backup_%s_%s.%s", name, when, strcmp(format, "csv") ? format : "zip");
	return mem_printf("%s_backup_%s.%s", name, when, format);
}
