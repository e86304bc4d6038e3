/* Configured names, in the place of URLs. */
#include "cli/names.h"

#include "base/mem.h"
#include "catalog/name.h"
#include "cli/out.h"
#include "engine/engine.h"
#include "job/backups.h"
#include "job/password.h"
#include "job/record.h"

#include <stdlib.h>
#include <string.h>

static struct catalog *catalog;
static struct error unreadable; /* why it cannot be read; of no kind while that is not known */
static char *repository;        /* of the sources that were named */

/* Who only looks for a name makes no catalog. */
static bool is_there(void)
{
	AUTO_FREE char *state = NULL;
	struct error ignored = {0};

	return password_state_dir(false, &state, &ignored) == 0 && catalog_exists(state);
}

struct catalog *names_catalog(void)
{
	struct error e = {0};

	if (catalog || unreadable.kind || !is_there())
		return catalog;
	int rc = record_catalog(false, &catalog, &e);

	if (rc && rc != -ERR_NOT_FOUND) {
		unreadable = e;
		out_warn("configured names are not known: %s", e.text);
	}
	return catalog;
}

int names_readable(struct error *e)
{
	if (names_catalog() || !unreadable.kind)
		return 0;
	*e = unreadable;
	return -(int)e->kind;
}

int names_need_catalog(struct catalog **out, struct error *e)
{
	int rc = catalog ? 0 : record_catalog(true, &catalog, e);

	*out = catalog;
	return rc;
}

void names_close(void)
{
	catalog_close(catalog);
	catalog = NULL;
	unreadable = (struct error){0};
	free(repository);
	repository = NULL;
}

/* ---- sources ---- */

/* 1 found, 0 not, -kind. `e` then says what is wrong, or which name is near. */
static int find_source(const char *text, struct source_record *s, struct error *e)
{
	*s = (struct source_record){0};
	if (!name_ok(text) || !names_catalog())
		return 0;
	int rc = source_find(catalog, text, s, e);

	return rc == -ERR_NOT_FOUND ? 0 : rc ? rc : 1;
}

bool names_is_source(const char *text, struct source_record *s)
{
	struct error ignored = {0};

	return find_source(text, s, &ignored) == 1;
}

static int parse_configured(const struct source_record *s, bool may_be_new, struct source_url *u, struct error *e)
{
	int rc = source_url_parse(s->url, may_be_new, engine_by_name(s->engine), u, e);

	if (rc)
		return error_wrap(e, "the source %s", s->name);
	free(u->name);
	u->name = mem_string(s->name);
	return 0;
}

int names_source(const char *text, bool may_be_new, struct source_url *u, struct source_record *s, struct error *e)
{
	struct source_record found = {0};
	struct error near = {0};
	int rc = find_source(text, &found, &near);

	*u = (struct source_url){0};
	if (rc < 0)
		*e = near;
	else if (rc)
		rc = parse_configured(&found, may_be_new, u, e);
	else
		rc = source_url_parse(text, may_be_new, NULL, u, e);
	if (rc == -ERR_NOT_FOUND && !*e->hint && *near.hint)
		error_hint_as(e, &near);
	if (s)
		*s = found;
	else
		source_record_release(&found);
	return rc;
}

static bool is_whole(const char *shown)
{
	AUTO_FREE char *scheme = mem_string_n(shown, strcspn(shown, ":"));
	const struct engine *engine = engine_by_name(scheme);

	return engine && (engine->claims || engine->look);
}

static bool find_shown(const char *shown, struct source_record *s)
{
	struct error ignored = {0};

	*s = (struct source_record){0};
	return is_whole(shown) && names_catalog() && source_find_shown(catalog, shown, s, &ignored) == 0;
}

char *names_of(const char *shown)
{
	CLEANUP(source_record_release) struct source_record s;

	return mem_string(find_shown(shown, &s) ? s.name : shown);
}

char *names_url(const char *shown)
{
	CLEANUP(source_record_release) struct source_record s;

	return find_shown(shown, &s) ? mem_string(s.url) : NULL;
}

/* ---- in the words of a command ---- */

/* What is shown of a URL, or of the source of a name; NULL: it is neither. */
static int find_shown_form(const char *text, char **shown, struct error *e)
{
	CLEANUP(source_record_release) struct source_record s = {0};
	CLEANUP(source_url_release) struct source_url u = {0};
	int rc = strstr(text, "://") ? source_url_parse(text, true, NULL, &u, e) : 0;

	*shown = NULL;
	if (rc)
		return rc;
	if (u.shown)
		*shown = mem_string(u.shown);
	else if (names_is_source(text, &s)) {
		*shown = mem_string(s.shown);
		names_use_repository(s.repository);
	}
	return 0;
}

/* *text, heap, which is or ends with a source from `at` on. */
static int put_shown(char **text, const char *at, struct error *e)
{
	AUTO_FREE char *shown = NULL;
	int rc = find_shown_form(at, &shown, e);

	if (rc || !shown)
		return rc;
	char *now = mem_printf("%.*s%s", (int)(at - *text), *text, shown);

	free(*text);
	*text = now;
	return 0;
}

int names_in_words(struct parsed *p, struct error *e)
{
	struct opt_value *v = (struct opt_value *)opt_find(p, "source");
	int rc = 0;

	for (size_t i = 0; !rc && i < p->args.n; i++) {
		const char *source = backup_which_source(p->args.v[i]);

		if (source)
			rc = put_shown(&p->args.v[i], source, e);
	}
	for (size_t i = 0; !rc && v && i < v->list.n; i++)
		rc = put_shown(&v->list.v[i], v->list.v[i], e);
	if (v && v->list.n)
		v->text = v->list.v[v->list.n - 1];
	return rc;
}

/* ---- repositories ---- */

void names_use_repository(const char *name)
{
	if (name && *name && !repository)
		repository = mem_string(name);
}

bool names_place(const char *option, bool usual, struct place_record *out, const char **why)
{
	struct error ignored = {0};
	const char *name = option ? option : repository;

	*out = (struct place_record){0};
	if (name && (!name_ok(name) || !names_catalog() || place_find(catalog, name, out, &ignored)))
		return false;
	if (!name && (!usual || !names_catalog() || place_default(catalog, out, &ignored)))
		return false;
	*why = option ? "--repo" : name ? "its source" : "default";
	return true;
}
