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

/* What the dry runs tell: an element in each for each thing that would be replaced. */
struct replaced {
	struct strlist targets, lines;
};

static void replaced_release(struct replaced *p)
{
	strlist_release(&p->targets);
	strlist_release(&p->lines);
}

static int run_dry(struct web_request *r, const struct strlist *words, struct buf *document, struct replaced *out, struct error *e)
{
	struct json j;
	int rc = api_run(r, words, API_SECONDS, document, e);

	if (rc)
		return rc;
	json_init(&j, document->p, document->len);
	json_object_begin(&j);
	while (json_member(&j)) {
		struct strlist *list = json_name_is(&j, "replaces") ? &out->lines : json_name_is(&j, "targets") ? &out->targets : NULL;

		if (!list) {
			json_skip(&j);
			continue;
		}
		json_array_begin(&j);
		while (json_element(&j))
			strlist_take(list, json_string_dup(&j));
	}
	return json_finish(&j, e);
}

static int run_restore_dry(struct web_request *r, const struct job_record *restore, struct replaced *out, struct error *e)
{
	CLEANUP(strlist_release) struct strlist words = {0};
	CLEANUP(buf_release) struct buf document = BUF_INIT;

	dry_words(restore, &words);
	return run_dry(r, &words, &document, out, e);
}

/* ---- names ---- */

/* The last component of a path or URL. */
static char *last_part(const char *target)
{
	size_t n = strstr(target, "://") ? strcspn(target, "?") : strlen(target);

	while (n > 1 && target[n - 1] == '/')
		n--;
	const char *before = memrchr(target, '/', n);

	if (!before)
		before = memchr(target, ':', n);
	const char *from = before ? before + 1 : target;

	return mem_string_n(from, (size_t)(target + n - from));
}

/* What the source is called here, else the last part. */
static int name_of(const struct source_list *sources, const char *target, char **out, struct error *e)
{
	const struct source_record *s = NULL;

	for (size_t i = 0; !s && i < sources->n; i++)
		if (!strcmp(sources->v[i].shown, target))
			s = &sources->v[i];
	if (s && s->restore_protected) {
		error_set(e, ERR_REFUSED, "the source %s is protected: no restore may replace it", s->name);
		return error_hint(e, "restore to another place, or take the protection off the source");
	}
	*out = s ? mem_string(s->name) : last_part(target);
	return 0;
}

static int join_names(struct web_request *r, const struct strlist *targets, char **out, struct error *e)
{
	CLEANUP(source_list_release) struct source_list sources = {0};
	CLEANUP(strlist_release) struct strlist names = {0};
	int rc = source_list_all(r->catalog, &sources, e);

	for (size_t i = 0; !rc && i < targets->n; i++) {
		AUTO_FREE char *name = NULL;

		rc = name_of(&sources, targets->v[i], &name, e);
		if (!rc)
			strlist_add(&names, name);
	}
	*out = rc ? NULL : strlist_join(&names, ", ");
	return rc;
}

/* ---- the answer ---- */

static void write_list(struct json_out *w, const char *name, const struct strlist *l)
{
	jw_name(w, name);
	jw_array(w);
	for (size_t i = 0; i < l->n; i++)
		jw_string(w, l->v[i]);
	jw_array_end(w);
}

static void ask(const char *name, const struct replaced *p, struct web_response *out)
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
	write_list(&w, "replaces", &p->lines);
	write_list(&w, "targets", &p->targets);
	jw_object_end(&w);
	out->status = 409;
	out->type = "application/problem+json";
}

int api_confirm(struct web_request *r, const struct job_record *restores, size_t n, bool *asked, struct web_response *out, struct error *e)
{
	CLEANUP(replaced_release) struct replaced p = {0};
	AUTO_FREE char *given = web_field_text(r, "confirm");
	AUTO_FREE char *name = NULL;
	int rc = 0;

	for (size_t i = 0; !rc && i < n; i++)
		rc = run_restore_dry(r, &restores[i], &p, e);
	if (!rc)
		rc = join_names(r, &p.targets, &name, e);
	*asked = !rc && p.targets.n && (!given || strcmp(given, name) != 0);
	if (*asked)
		ask(name, &p, out);
	return rc;
}

int api_dry_run(struct web_request *r, const struct strlist *words, struct buf *document, char **confirm, struct error *e)
{
	CLEANUP(replaced_release) struct replaced p = {0};
	int rc = run_dry(r, words, document, &p, e);

	*confirm = NULL;
	return rc || !p.targets.n ? rc : join_names(r, &p.targets, confirm, e);
}
