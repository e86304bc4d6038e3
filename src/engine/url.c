/* How sources and targets are named. */
#include "engine/url.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/engine.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void source_url_release(struct source_url *u)
{
	free(u->text);
	free(u->shown);
	free(u->path);
	free(u->rest);
	free(u->identity);
	free(u->name);
	*u = (struct source_url){0};
}

/* Length of the scheme in front of the first colon, 0 when there is none. */
static size_t scheme_length(const char *text)
{
	size_t n = 0;
	while (isalnum((unsigned char)text[n]) || (n > 0 && text[n] && strchr("+-.", text[n])))
		n++;
	return text[n] == ':' && isalpha((unsigned char)text[0]) ? n : 0;
}

static void list_schemes(struct strlist *out)
{
	for (const struct engine *const *e = engine_all(); *e; e++)
		for (const char *const *s = (*e)->schemes; *s; s++)
			strlist_addf(out, "%s:", *s);
}

static int unknown_scheme(const char *text, size_t n, struct error *e)
{
	CLEANUP(strlist_release) struct strlist schemes = {0};
	list_schemes(&schemes);
	AUTO_FREE char *all = strlist_join(&schemes, ", ");
	/* It may be a URL with a password. */
	if (strncmp(text + n, "://", 3) == 0) {
		error_set(e, ERR_USAGE, "unknown scheme \"%.*s\"", (int)n, text);
		return error_hint(e, "known are: %s, or a plain path", all);
	}
	error_set(e, ERR_USAGE, "unknown scheme \"%.*s\" in %s", (int)n, text, text);
	return error_hint(e, "known are: %s, or a plain path; a path with a colon in it can be written as ./%s", all,
		text);
}

/* ---- another database of the same server ---- */

static bool has_server(const char *text)
{
	size_t n = scheme_length(text);
	AUTO_FREE char *scheme = mem_string_n(text, n);
	const struct engine *engine = n ? engine_by_name(scheme) : NULL;
	return engine && engine->look && strncmp(text + n, "://", 3) == 0 && !strstr(text, "dbname=");
}

int source_url_with_database(const char *text, const char *database, char **out, struct error *e)
{
	struct buf b = BUF_INIT;
	*out = NULL;
	if (!*database)
		return error_set(e, ERR_USAGE, "the new database has no name");
	/* It may hold a password. */
	if (!has_server(text)) {
		error_set(e, ERR_USAGE, "only of a server's URL can another database be named");
		return error_hint(e, "write it as postgresql://HOST/DATABASE or mysql://HOST/DATABASE, or leave the database's name out");
	}
	const char *server = strstr(text, "://") + 3, *path = server + strcspn(server, "/?#"), *settings = path + strcspn(path, "?#");
	buf_add(&b, text, (size_t)(path - text));
	buf_add_byte(&b, '/');
	for (const char *p = database; *p; p++)
		buf_printf(&b, isalnum((unsigned char)*p) || strchr("-._~", *p) ? "%c" : "%%%02X", (unsigned char)*p);
	buf_add_str(&b, settings);
	*out = buf_take_text(&b);
	return 0;
}

/* "an SQLite database", "a folder" */
static void put_kind(const struct engine *engine, char out[64])
{
	if (engine->features & ENGINE_DATABASE)
		snprintf(out, 64, "%s %s database", strchr("AEIOUS", engine->title[0]) ? "an" : "a", engine->title);
	else
		snprintf(out, 64, "a %s", engine->name);
}

/* A path that exists must hold what the engine reads. */
static int check_content(const struct source_url *u, const char *given, bool may_be_new, struct error *e)
{
	char kind[64];
	if (!fs_exists(u->path))
		return may_be_new ? 0 : error_set(e, ERR_NOT_FOUND, "%s: no such file or folder", given);
	if (!u->engine->claims || u->engine->claims(u->path))
		return 0;
	put_kind(u->engine, kind);
	error_set(e, ERR_MISMATCH, "%s is not %s", given, kind);
	return may_be_new ? error_hint(e, "if it is a damaged one, move it aside and restore again") : -ERR_MISMATCH;
}

static void set_path(struct source_url *u, const char *path)
{
	u->path = path_absolute(path);
	u->identity = mem_string(u->path);
	u->shown = mem_printf("%s:%s", u->engine->schemes[0], u->path);
	u->name = mem_string(strcmp(u->path, "/") == 0 ? "root" : path_base(u->path));
}

static int parse_scheme(const char *text, size_t n, bool may_be_new, struct source_url *u, struct error *e)
{
	u->rest = mem_string(text + n + 1);
	if (u->engine->parse)
		return u->engine->parse(u, e);
	const char *path = u->rest;
	if (strncmp(path, "//", 2) == 0) {
		path += 2;
		if (path[0] && path[0] != '/') {
			error_set(e, ERR_USAGE, "%s names a host, but %s sources lie on this machine", text,
				u->engine->title);
			return error_hint(e, "write %s:%s or %s:///%s", u->engine->schemes[0], path,
				u->engine->schemes[0], path);
		}
	}
	if (!*path)
		return error_set(e, ERR_USAGE, "%s names no path", text);
	set_path(u, path);
	return check_content(u, path, may_be_new, e);
}

static int parse_path(const char *text, bool may_be_new, const struct engine *hint, struct source_url *u,
	struct error *e)
{
	AUTO_FREE char *absolute = path_absolute(text);
	u->rest = mem_string(text);
	u->engine = hint && hint->claims ? hint : NULL;
	for (const struct engine *const *x = engine_all(); *x && !u->engine; x++)
		if ((*x)->claims && (*x)->claims(absolute))
			u->engine = *x;
	if (!u->engine && !fs_exists(absolute)) {
		if (!may_be_new)
			return error_set(e, ERR_NOT_FOUND, "%s: no such file or folder", text);
		error_set(e, ERR_USAGE, "%s does not exist, and nothing says what it should become", text);
		return error_hint(e, "put the kind in front: sqlite:%s or folder:%s", text, text);
	}
	if (!u->engine) {
		error_set(e, ERR_MISMATCH, "%s is neither a folder nor a database file known here", text);
		return error_hint_typed(e, "back up the folder it lies in", ", with --include");
	}
	set_path(u, text);
	return check_content(u, text, may_be_new, e);
}

int source_url_parse(const char *text, bool may_be_new, const struct engine *hint, struct source_url *out,
	struct error *e)
{
	struct source_url u = {.text = mem_string(text)};
	size_t n = scheme_length(text);
	AUTO_FREE char *scheme = mem_string_n(text, n);
	int err;
	u.engine = n ? engine_by_name(scheme) : NULL;
	if (u.engine)
		err = parse_scheme(text, n, may_be_new, &u, e);
	else if (!*text)
		err = error_set(e, ERR_USAGE, "an empty name is no source");
	else if (n && !fs_exists(text))
		err = unknown_scheme(text, n, e);
	else
		err = parse_path(text, may_be_new, hint, &u, e);
	if (err) {
		source_url_release(&u);
		return err;
	}
	*out = u;
	return 0;
}
