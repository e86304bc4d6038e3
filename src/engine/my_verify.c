/* Rehearsals on the server that BACKSTAY_VERIFY_MYSQL names, in a database of their own. It is there before the restore, with our mark in
 * it; empty as it is, the restore keeps nothing of it. */
#include "engine/my_restore.h"

#include "base/mem.h"
#include "engine/manifest_compare.h"

#include <stdlib.h>
#include <string.h>

struct own {
	struct source_url url;            /* as named */
	struct my_place place;
	MYSQL *c;                         /* has the lock of the database */
	struct my_scratch scratch;        /* name NULL: not made yet */
};

static void own_free(struct own *o)
{
	struct error ignored = {0};
	/* A rehearsal is long enough for a connection to be lost. What cannot be dropped now the next one drops. */
	if (o->scratch.name && mysql_ping(o->c)) {
		my_disconnect(&o->c);
		(void)!my_connect(&o->place, "", &o->c, &ignored);
	}
	if (o->scratch.name && o->c)
		(void)!my_scratch_drop(o->c, o->scratch.name, &ignored);
	my_disconnect(&o->c);
	my_scratch_release(&o->scratch);
	my_place_release(&o->place);
	source_url_release(&o->url);
	free(o);
}

static void close_scratch(struct engine_scratch *s)
{
	source_url_release(&s->target);
	own_free(s->own);
	*s = (struct engine_scratch){0};
}

static int connect_server(struct own *o, struct error *e)
{
	int err = engine_verify_url(&engine_mysql, &o->url, e);
	if (!err)
		err = my_place_of(&o->url, &o->place, e);
	if (!err)
		err = my_connect(&o->place, "", &o->c, e);
	/* Somebody named it: that it is not there is no reason to go without a rehearsal. */
	if (err == -ERR_NOT_FOUND)
		e->kind = ERR_USAGE;
	return err ? error_wrap(e, "connecting to the server for verification") : 0;
}

static char *describe(const struct my_place *p)
{
	const char *host = p->host && *p->host ? p->host : "localhost";
	if (p->socket)
		return mem_printf("the verify server %s", p->socket);
	if (!p->tcp && strcmp(host, "localhost") == 0)
		return mem_string("the verify server localhost");
	return mem_printf("the verify server %s:%u", host, p->port ? p->port : MYSQL_PORT);
}

/* What the server cannot hold is no fault of the backup, and what would act there by itself must not. */
static int suits(const struct own *o, const struct stored *s, const char *where, struct error *e)
{
	AUTO_FREE char *events = NULL;
	if (manifest_object_count(s->manifest, "sequence") && !my_is_mariadb(o->c))
		return error_set(e, ERR_NOT_FOUND, "the backup holds sequences, and %s is MySQL, which does not have them", where);
	if (!manifest_object_count(s->manifest, "event"))
		return 0;
	int err = my_value(o->c, &events, e, my_sql("SELECT @@global.event_scheduler"));
	if (err || (events && strcmp(events, "OFF") == 0))
		return err;
	return error_set(e, ERR_NOT_FOUND, "the backup holds events, which can be restored but must not happen, and %s has event_scheduler=%s "
		"instead of OFF", where, events ? events : "");
}

/* The URL as named, with another database: "//authority/DATABASE?settings". */
static int name_target(const struct own *o, struct source_url *out, struct error *e)
{
	const char *rest = o->url.rest;
	size_t authority = 2 + strcspn(rest + 2, "/?");
	AUTO_FREE char *text = mem_printf("mysql:%.*s/%s%s", (int)authority, rest, o->scratch.name, rest + authority + strcspn(rest + authority, "?"));
	return source_url_parse(text, true, &engine_mysql, out, e);
}

int my_verify_scratch(const struct stored *s, struct engine_scratch *out, struct error *e)
{
	struct own *o = mem_zero(sizeof *o);
	AUTO_FREE char *where = NULL;
	*out = (struct engine_scratch){0};
	int err = connect_server(o, e);
	if (!err) {
		where = describe(&o->place);
		err = suits(o, s, where, e);
	}
	if (!err)
		err = my_scratch_make_verify(o->c, &o->scratch, e);
	if (!err)
		err = name_target(o, &out->target, e);
	if (err) {
		own_free(o);
		return err;
	}
	out->where = TAKE(where);
	out->own = o;
	out->close = close_scratch;
	return 0;
}
