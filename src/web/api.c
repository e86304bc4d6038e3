/* What the handlers share. */
#include "web/api.h"

#include "base/fs.h"
#include "base/timefmt.h"
#include "catalog/audit.h"
#include "web/answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- what a request names ---- */

bool api_is_number(const char *text)
{
	size_t n = strlen(text);

	return n && n < 19 && strspn(text, "0123456789") == n;
}

int api_backup(const struct web_request *r, struct known_backup *out, char **place, struct error *e)
{
	int rc = known_get(r->catalog, r->params[0], out, e);

	return rc || !place ? rc : api_place_of(r, out, place, e);
}

bool api_secret(const struct web_request *r, const char *name, struct secret *out)
{
	char *text = web_field_text(r, name);

	if (!text)
		return false;
	secret_set(out, text, strlen(text));
	secret_wipe(text, strlen(text));
	mem_free_ptr(&text);
	return true;
}

int api_number(const struct web_request *r, int parameter, const char *what, int64_t *out, struct error *e)
{
	const char *text = r->params[parameter];

	if (!api_is_number(text))
		return error_set(e, ERR_NOT_FOUND, "there is no %s \"%.64s\"", what, text);
	*out = strtoll(text, NULL, 10);
	return 0;
}

bool api_query_bool(const struct web_request *r, const char *name, bool otherwise)
{
	const char *text = web_query(r, name);

	return text ? !strcmp(text, "true") || !strcmp(text, "1") : otherwise;
}

uint64_t api_query_number(const struct web_request *r, const char *name, uint64_t otherwise)
{
	const char *text = web_query(r, name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

struct timespec api_query_time(const struct web_request *r, const char *name)
{
	const char *text = web_query(r, name);
	struct timespec t = {0};

	if (text && !time_from_rfc3339(text, strlen(text), &t, NULL))
		t = (struct timespec){0};
	return t;
}

/* ---- work ---- */

int api_known_sources(const struct web_request *r, const struct strlist *names, struct error *e)
{
	for (size_t i = 0; i < names->n; i++) {
		CLEANUP(source_record_release) struct source_record s = {0};
		int rc = source_find(r->catalog, names->v[i], &s, e);

		if (rc)
			return rc;
	}
	return 0;
}

int api_known_repository(const struct web_request *r, const char *name, struct error *e)
{
	CLEANUP(place_record_release) struct place_record p = {0};

	return name ? place_find(r->catalog, name, &p, e) : 0;
}

int api_place_of(const struct web_request *r, const struct known_backup *b, char **out, struct error *e)
{
	CLEANUP(place_record_release) struct place_record p = {0};
	int rc = place_get(r->catalog, b->place, &p, e);

	*out = rc ? NULL : TAKE(p.name);
	return rc;
}

void api_option(struct strlist *words, const char *name, const char *value)
{
	if (value)
		strlist_addf(words, "--%s=%s", name, value);
}

int api_run(struct web_request *r, const struct strlist *words, double seconds, struct buf *document, struct error *e)
{
	CLEANUP(answer_release) struct web_response out = {0};
	int rc = web_run(r, words, seconds, &out, e);

	if (!rc)
		buf_swap(document, &out.body);
	/* The password of a repository is not that of whoever asks. */
	if (rc == -ERR_PASSWORD)
		e->kind = ERR_REFUSED;
	return rc ? -(int)e->kind : 0;
}

int api_scratch_file(struct web_request *r, char **out, struct error *e)
{
	AUTO_FREE char *folder = mem_printf("%s/exports", catalog_state_dir(r->catalog));
	CLEANUP(fs_close) int fd = -1;
	int rc = fs_make_dirs(folder, 0700, e);

	return rc ? rc : fs_temp_file(folder, "answer-", out, &fd, e);
}

int api_show(struct web_request *r, const struct known_backup *b, struct buf *document, struct error *e)
{
	CLEANUP(strlist_release) struct strlist words = {0};
	AUTO_FREE char *place = NULL;
	int rc = api_place_of(r, b, &place, e);

	if (rc)
		return rc;
	strlist_add(&words, "show");
	api_option(&words, "repo", place);
	strlist_add(&words, b->id);
	return api_run(r, &words, API_SECONDS, document, e);
}

/* ---- lists ---- */

static void write_list(struct web_request *r, const struct catalog_page *p, uint64_t total, size_t from, size_t to, api_write_fn write, const void *list, struct web_response *out)
{
	struct json_out w;

	web_list_begin(out, &w, total, p);
	for (size_t i = from; i < to; i++)
		write(list, i, &w);
	web_list_end(r, out, &w);
}

int api_list_page(struct web_request *r, const struct catalog_page *p, uint64_t total, size_t n, api_write_fn write, const void *list, struct web_response *out)
{
	write_list(r, p, total, 0, n, write, list, out);
	return 0;
}

int api_list_slice(struct web_request *r, size_t n, api_write_fn write, const void *list, struct web_response *out, struct error *e)
{
	struct catalog_page p;
	int rc = web_page(r, &p, e);

	if (rc)
		return rc;
	size_t from = p.offset < n ? (size_t)p.offset : n, to = p.limit < n - from ? from + (size_t)p.limit : n;

	write_list(r, &p, n, from, to, write, list, out);
	return 0;
}

/* ---- JSON ---- */

void api_copy_members(const struct buf *object, struct json_out *w)
{
	struct json j;
	const char *p;
	size_t n;

	json_init(&j, object->p, object->len);
	json_object_begin(&j);
	while (json_member(&j)) {
		jw_name(w, json_name(&j));
		json_raw(&j, &p, &n);
		jw_raw(w, p, n);
	}
	json_release(&j);
}

bool api_copy_member(const struct buf *object, const char *name, struct json_out *w)
{
	struct json j;
	const char *p;
	size_t n;
	bool found = false;

	json_init(&j, object->p, object->len);
	json_object_begin(&j);
	while (!found && json_member(&j)) {
		found = !strcmp(json_name(&j), name);
		json_raw(&j, &p, &n);
		if (found)
			jw_raw(w, p, n);
	}
	json_release(&j);
	return found;
}

/* ---- records ---- */

int api_read(const struct web_request *r, api_from_json read, void *record, struct error *e)
{
	struct json j;
	struct error late = {0};

	json_init(&j, r->body.len ? (const char *)r->body.p : "{}", r->body.len ? r->body.len : 2);
	int rc = read(record, &j, e);
	int ended = json_finish(&j, rc ? &late : e);

	return rc ? rc : ended;
}

int api_audit(const struct web_request *r, const char *action, const char *object, struct error *e, const char *details, ...)
{
	AUTO_FREE char *text = NULL;
	va_list ap;

	va_start(ap, details);
	text = details ? mem_vprintf(details, ap) : NULL;
	va_end(ap);
	return text ? audit_add(r->catalog, r->who, r->address, action, object, e, "%s", text) : audit_add(r->catalog, r->who, r->address, action, object, e, NULL);
}

int api_commit(const struct web_request *r, int rc, struct error *e)
{
	if (!rc)
		return catalog_commit(r->catalog, e);
	catalog_rollback(r->catalog);
	return rc;
}

void api_created(struct web_response *out, const char *location, ...)
{
	AUTO_FREE char *path = NULL;
	va_list ap;

	va_start(ap, location);
	path = mem_vprintf(location, ap);
	va_end(ap);
	out->status = 201;
	strlist_addf(&out->headers, "Location: %s", path);
}
