/* Nothing live is replaced by a slip: who asks for it gives the name of what goes. */
#include "web/api.h"

#include <string.h>

/* "restore", "--dry-run", ... */
static void dry_words(const struct job_record *restore, struct strlist *out)
{
	for (size_t i = 0; i < restore->words.n; i++) {
		strlist_add(out, restore->words.v[i]);
		if (i == 0)
			strlist_add(out, "--dry-run");
	}
}

static int dry_run(struct web_request *r, const struct job_record *restore, struct strlist *replaces, struct error *e)
{
	CLEANUP(strlist_release) struct strlist words = {0};
	CLEANUP(buf_release) struct buf document = BUF_INIT;
	struct json j;

	dry_words(restore, &words);
	int rc = api_run(r, &words, API_SECONDS, &document, e);

	if (rc)
		return rc;
	json_init(&j, document.p, document.len);
	json_object_begin(&j);
	while (json_member(&j)) {
		if (!json_name_is(&j, "replaces")) {
			json_skip(&j);
			continue;
		}
		json_array_begin(&j);
		while (json_element(&j))
			strlist_take(replaces, json_string_dup(&j));
	}
	return json_finish(&j, e);
}

/* ---- names ---- */

static bool is_source(const struct source_record *s, const char *target)
{
	const char *path = strchr(s->shown, ':');

	return !strcmp(s->shown, target) || (path && !strcmp(path + 1, target));
}

/* The last component of a path or URL. */
static char *last_part(const char *target)
{
	size_t n = strcspn(target, "?");

	while (n > 1 && target[n - 1] == '/')
		n--;
	size_t from = n;

	while (from && target[from - 1] != '/' && target[from - 1] != ':')
		from--;
	return mem_string_n(target + from, n - from);
}

/* Of "postgresql://db/shop: 14 tables, 1.1 GiB" and "sqlite:/srv/app.db as it was at 2026-11-21 07:14:05", what is in front. */
static char *target_of(const char *line)
{
	const char *as = strstr(line, " as it was at "), *end = as ? as : strstr(line, ": ");

	return end ? mem_string_n(line, (size_t)(end - line)) : mem_string(line);
}

/* What the source is called here, else the last part. */
static int name_of(const struct source_list *sources, const char *line, char **out, struct error *e)
{
	AUTO_FREE char *target = target_of(line);
	const struct source_record *s = NULL;

	for (size_t i = 0; !s && i < sources->n; i++)
		if (is_source(&sources->v[i], target))
			s = &sources->v[i];
	if (s && s->restore_protected) {
		error_set(e, ERR_REFUSED, "the source %s is protected: no restore may replace it", s->name);
		return error_hint(e, "restore to another place, or take the protection off the source");
	}
	*out = s ? mem_string(s->name) : last_part(target);
	return 0;
}

static int join_names(struct web_request *r, const struct strlist *replaces, char **out, struct error *e)
{
	CLEANUP(source_list_release) struct source_list sources = {0};
	CLEANUP(strlist_release) struct strlist names = {0};
	int rc = source_list_all(r->catalog, &sources, e);

	for (size_t i = 0; !rc && i < replaces->n; i++) {
		AUTO_FREE char *name = NULL;

		rc = name_of(&sources, replaces->v[i], &name, e);
		if (!rc)
			strlist_add(&names, name);
	}
	*out = rc ? NULL : strlist_join(&names, ", ");
	return rc;
}

/* ---- the answer ---- */

static void ask(const char *name, const struct strlist *replaces, struct web_response *out)
{
	AUTO_FREE char *detail = mem_printf("this replaces %s: say so with \"confirm\"", name);
	struct json_out w;

	jw_init(&w, &out->body);
	jw_object(&w);
	jw_kv_string(&w, "type", "urn:backstay:refused");
	jw_kv_string(&w, "title", "Conflict");
	jw_kv_u64(&w, "status", 409);
	jw_kv_string(&w, "kind", "refused");
	jw_kv_string(&w, "detail", detail);
	jw_kv_string(&w, "confirm", name);
	jw_name(&w, "replaces");
	jw_array(&w);
	for (size_t i = 0; i < replaces->n; i++)
		jw_string(&w, replaces->v[i]);
	jw_array_end(&w);
	jw_object_end(&w);
	out->status = 409;
	out->type = "application/problem+json";
}

int api_confirm(struct web_request *r, const struct job_record *restores, size_t n, bool *asked, struct web_response *out, struct error *e)
{
	CLEANUP(strlist_release) struct strlist replaces = {0};
	AUTO_FREE char *given = web_field_text(r, "confirm");
	AUTO_FREE char *name = NULL;
	int rc = 0;

	for (size_t i = 0; !rc && i < n; i++)
		rc = dry_run(r, &restores[i], &replaces, e);
	if (!rc)
		rc = join_names(r, &replaces, &name, e);
	*asked = !rc && replaces.n && (!given || strcmp(given, name) != 0);
	if (*asked)
		ask(name, &replaces, out);
	return rc;
}
