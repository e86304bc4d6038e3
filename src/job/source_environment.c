#include "job/source_environment.h"

#include "base/mem.h"
#include "catalog/audit.h"
#include "job/source_kind.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define NAME "mysql"
#define NOTES "from BACKUP_MYSQL_* in the environment"

static const char *variable(const char *name)
{
	const char *v = getenv(name);
	return v && *v ? v : NULL;
}

bool source_environment_given(void)
{
	return variable("BACKUP_MYSQL_DATABASE") != NULL;
}

static void add_encoded(struct buf *b, const char *text)
{
	for (; *text; text++)
		if (isalnum((unsigned char)*text) || strchr("-._~", *text))
			buf_add_byte(b, (unsigned char)*text);
		else
			buf_printf(b, "%%%02X", (unsigned char)*text);
}

/* "mysql://user:password@host:3306/database"; heap. */
static char *url_of_variables(void)
{
	struct buf b = BUF_INIT;
	const char *user = variable("BACKUP_MYSQL_USER"), *password = variable("BACKUP_MYSQL_PASSWORD");
	const char *host = variable("BACKUP_MYSQL_HOST"), *port = variable("BACKUP_MYSQL_PORT");
	buf_add_str(&b, "mysql://");
	if (user) {
		add_encoded(&b, user);
		if (password) {
			buf_add_byte(&b, ':');
			add_encoded(&b, password);
		}
		buf_add_byte(&b, '@');
	}
	bool six = host && strchr(host, ':') && *host != '[';
	buf_printf(&b, "%s%s%s:%s/", six ? "[" : "", host ? host : "127.0.0.1", six ? "]" : "", port ? port : "3306");
	add_encoded(&b, variable("BACKUP_MYSQL_DATABASE"));
	return buf_take_text(&b);
}

static void take_url(struct source_record *s, char *url)
{
	if (s->url)
		secret_wipe(s->url, strlen(s->url));
	free(s->url);
	s->url = url;
}

static int add(struct catalog *c, char *url, struct error *e)
{
	CLEANUP(source_record_release) struct source_record s = {.name = mem_string(NAME), .url = url, .notes = mem_string(NOTES)}, same = {0};
	struct error absent = {0};
	int rc = source_kind_parse(&s, e);
	if (rc || source_find_shown(c, s.shown, &same, &absent) == 0)
		return rc;
	rc = source_add(c, &s, e);
	return rc ? rc : audit_add(c, "the environment", NULL, "source-add", NAME, e, "%s", s.shown);
}

static int update(struct catalog *c, struct source_record *s, char *url, struct error *e)
{
	take_url(s, url);
	int rc = source_kind_parse(s, e);
	if (!rc)
		rc = source_update(c, s, e);
	return rc ? rc : audit_add(c, "the environment", NULL, "source-edit", NAME, e, "%s", s->shown);
}

static int apply(struct catalog *c, struct error *e)
{
	CLEANUP(source_record_release) struct source_record s = {0};
	struct error absent = {0};
	AUTO_FREE char *url = url_of_variables();
	int rc = source_find(c, NAME, &s, &absent);
	if (rc == -ERR_NOT_FOUND)
		return add(c, TAKE(url), e);
	if (rc) {
		*e = absent;
		return rc;
	}
	bool ours = s.notes && !strcmp(s.notes, NOTES);
	return !ours || !strcmp(s.url, url) ? 0 : update(c, &s, TAKE(url), e);
}

int source_environment_apply(struct catalog *c, struct error *e)
{
	if (!source_environment_given())
		return 0;
	int rc = catalog_begin(c, e);
	if (!rc)
		rc = catalog_end(c, apply(c, e), e);
	return rc ? error_wrap(e, "the source of BACKUP_MYSQL_*") : 0;
}
