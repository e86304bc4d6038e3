#include "web/body.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/secret.h"
#include "web/framing.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CSRF_FIELD "csrf_token"

/* ---- a form with files ---- */

static bool csrf_wanted(const struct body *b)
{
	return b->rules.csrf && !b->csrf_seen;
}

static int csrf_missing(struct error *e)
{
	error_set(e, ERR_ACCESS, "the request has no CSRF token");
	return error_hint(e, "send the session's token in the header X-CSRF-Token, or as the form's first field " CSRF_FIELD);
}

static int check_csrf(struct body *b, const char *given, struct error *e)
{
	if (!b->rules.csrf)
		return 0;
	if (strlen(given) != strlen(b->rules.csrf) || !secret_equal(given, b->rules.csrf, strlen(given)))
		return error_set(e, ERR_ACCESS, "the CSRF token is not that of this session");
	b->csrf_seen = true;
	return 0;
}

static int too_much(const struct body *b, struct error *e)
{
	return error_set(e, ERR_LIMIT, "the body is larger than %zu bytes", b->rules.most);
}

static int part_begin(void *ctx, const struct multipart_part *part, struct error *e)
{
	struct body *b = ctx;

	b->in_file = part->file != NULL;
	buf_clear(&b->text);
	if (!part->file) {
		strlist_add(&b->fields.names, part->name);
		return 0;
	}
	if (csrf_wanted(b))
		return csrf_missing(e);
	if (!b->rules.files)
		return error_set(e, ERR_MISMATCH, "no file is taken here");
	return upload_begin(&b->uploads, part->name, part->file, e);
}

static int part_data(void *ctx, const void *p, size_t n, struct error *e)
{
	struct body *b = ctx;

	if (b->in_file)
		return upload_data(&b->uploads, p, n, e);
	b->field_bytes += n;
	if (b->field_bytes > b->rules.most)
		return too_much(b, e);
	buf_add(&b->text, p, n);
	return 0;
}

static int part_end(void *ctx, struct error *e)
{
	struct body *b = ctx;
	const char *text = buf_text(&b->text);

	if (b->in_file)
		return upload_end(&b->uploads, e);
	if (strlen(text) != b->text.len)
		return error_set(e, ERR_USAGE, "a field of the form has a zero byte in it");
	strlist_add(&b->fields.values, text);
	return strcmp(b->fields.names.v[b->fields.names.n - 1], CSRF_FIELD) ? 0 : check_csrf(b, text, e);
}

/* ---- any body ---- */

/* Whether the Content-Type is this one, whatever parameters are behind it. */
static bool type_is(const char *type, const char *wanted)
{
	size_t n = strlen(wanted);

	return type && !strncasecmp(type, wanted, n) && (!type[n] || strchr("; \t", type[n]));
}

static int kind_of(const struct body_rules *r, enum body_kind *out, struct error *e)
{
	*out = BODY_NONE;
	if (!r->length)
		return 0;
	if (type_is(r->type, "application/json"))
		*out = BODY_JSON;
	else if (type_is(r->type, "application/x-www-form-urlencoded"))
		*out = BODY_FORM;
	else if (type_is(r->type, "multipart/form-data"))
		*out = BODY_MULTIPART;
	else if (r->files)
		*out = BODY_FILE;
	else
		return error_set(e, ERR_MISMATCH, "a body of the type %.80s is not taken here; send application/json", r->type ? r->type : "(none)");
	return 0;
}

static int begin_kind(struct body *b, struct error *e)
{
	const struct multipart_events events = {part_begin, part_data, part_end, b};
	bool known = b->rules.length != FRAMING_CHUNKED;
	bool long_one = b->kind == BODY_FILE || (b->kind == BODY_MULTIPART && b->rules.files);
	int rc = 0;

	if (b->rules.csrf && b->kind != BODY_FORM && b->kind != BODY_MULTIPART)
		return csrf_missing(e);
	if (known && !long_one && b->rules.length > b->rules.most)
		return too_much(b, e);
	if (long_one)
		rc = upload_allowed(&b->uploads, known ? b->rules.length : 0, e);
	if (!rc && b->kind == BODY_MULTIPART)
		rc = multipart_begin(&b->multipart, b->rules.type, &events, e);
	if (!rc && b->kind == BODY_FILE) {
		AUTO_FREE char *name = multipart_clean_name(b->rules.file_name ? b->rules.file_name : "");

		rc = upload_begin(&b->uploads, "file", name, e);
	}
	return rc;
}

int body_begin(struct body *b, const struct body_rules *rules, struct error *e)
{
	*b = (struct body){.rules = *rules};
	if (!b->rules.most)
		b->rules.most = WEB_BODY_MAX;
	b->text.max = b->rules.most;
	upload_init(&b->uploads, rules->state_dir, rules->upload_max);
	int rc = kind_of(rules, &b->kind, e);

	return rc ? rc : begin_kind(b, e);
}

int body_feed(struct body *b, const void *p, size_t n, struct error *e)
{
	if (b->kind == BODY_MULTIPART)
		return multipart_feed(&b->multipart, p, n, e);
	if (b->kind == BODY_FILE)
		return upload_data(&b->uploads, p, n, e);
	if (!buf_fits(&b->text, n))
		return too_much(b, e);
	buf_add(&b->text, p, n);
	return 0;
}

/* ---- its end ---- */

static int check_json(const struct buf *text, struct error *e)
{
	struct json j;

	json_init(&j, text->p, text->len);
	bool object = json_peek(&j) == JSON_OBJECT;

	json_skip(&j);
	if (json_finish(&j, e))
		return error_set(e, ERR_USAGE, "the body is %s", e->text);
	return object ? 0 : error_set(e, ERR_USAGE, "the body is no JSON object");
}

static void fields_json(const struct uri_pairs *fields, struct buf *json)
{
	struct json_out w;

	jw_init(&w, json);
	jw_object(&w);
	for (size_t i = 0; i < fields->names.n; i++)
		if (strcmp(fields->names.v[i], CSRF_FIELD))
			jw_kv_string(&w, fields->names.v[i], fields->values.v[i]);
	jw_object_end(&w);
}

static int end_form(struct body *b, struct buf *json, struct error *e)
{
	int rc = 0;

	if (b->kind == BODY_FORM)
		rc = uri_pairs_parse(buf_text(&b->text), b->text.len, &b->fields, e);
	else
		rc = multipart_end(&b->multipart, e);
	const char *csrf = rc ? NULL : uri_pairs_get(&b->fields, CSRF_FIELD);

	if (!rc && csrf_wanted(b))
		rc = csrf ? check_csrf(b, csrf, e) : csrf_missing(e);
	if (!rc)
		fields_json(&b->fields, json);
	return rc;
}

int body_end(struct body *b, struct buf *json, struct error *e)
{
	int rc = 0;

	buf_clear(json);
	if (b->kind == BODY_FORM || b->kind == BODY_MULTIPART)
		return end_form(b, json, e);
	if (b->kind == BODY_FILE)
		rc = upload_end(&b->uploads, e);
	else if (b->text.len)
		rc = check_json(&b->text, e);
	buf_swap(json, &b->text);
	if (!rc && !json->len)
		buf_add_str(json, "{}");
	return rc;
}

void body_release(struct body *b)
{
	multipart_release(&b->multipart);
	uri_pairs_release(&b->fields);
	buf_release(&b->text);
	upload_release(&b->uploads);
}
