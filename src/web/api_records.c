#include "web/api_records.h"

#include <stdlib.h>
#include <string.h>

/* Every record begins so. */
struct head {
	int64_t id;
	char *name;
};

static const char *name_of(const void *record)
{
	return ((const struct head *)record)->name;
}

static int64_t id_of(const void *record)
{
	return ((const struct head *)record)->id;
}

int api_record(const struct api_records *k, const struct web_request *r, void *out, struct error *e)
{
	const char *id = r->params[0];
	struct error unknown = {0};

	if (api_is_number(id) && k->get(r->catalog, strtoll(id, NULL, 10), out, &unknown) == 0)
		return 0;
	return k->find(r->catalog, id, out, e);
}

int api_record_answer(const struct api_records *k, struct web_request *r, int64_t id, struct web_response *out, struct error *e)
{
	AUTO_FREE void *record = mem_zero(k->size);
	struct json_out w;
	int rc = k->get(r->catalog, id, record, e);

	if (rc)
		return rc;
	jw_init(&w, &out->body);
	k->write(record, &w);
	k->release(record);
	return 0;
}

int api_records_get(const struct api_records *k, struct web_request *r, struct web_response *out, struct error *e)
{
	AUTO_FREE void *record = mem_zero(k->size);
	int rc = api_record(k, r, record, e);

	if (!rc)
		rc = api_record_answer(k, r, id_of(record), out, e);
	k->release(record);
	return rc;
}

/* ---- changes ---- */

static int read_body(const struct api_records *k, struct web_request *r, void *record, const void *before, struct error *e)
{
	int rc = api_read(r, k->read, record, e);

	return rc || !k->complete ? rc : k->complete(r, record, before, e);
}

/* Written and in the audit trail, or neither. */
static int store(const struct api_records *k, struct web_request *r, void *record, bool fresh, struct error *e)
{
	AUTO_FREE char *action = mem_printf("%s-%s", k->what, fresh ? "add" : "change");
	int rc = catalog_begin(r->catalog, e);

	if (rc)
		return rc;
	rc = fresh ? k->add(r->catalog, record, e) : k->update(r->catalog, record, e);
	if (!rc)
		rc = api_audit(r, action, name_of(record), e, NULL);
	return api_commit(r, rc, e);
}

int api_records_create(const struct api_records *k, struct web_request *r, struct web_response *out, struct error *e)
{
	AUTO_FREE void *record = mem_zero(k->size), *nothing = mem_zero(k->size);

	int rc = k->begin ? k->begin(r->catalog, record, e) : 0;

	if (!rc)
		rc = read_body(k, r, record, nothing, e);
	if (!rc)
		rc = store(k, r, record, true, e);
	if (!rc) {
		api_created(out, "%s%lld/", k->path, (long long)id_of(record));
		rc = api_record_answer(k, r, id_of(record), out, e);
	}
	k->release(record);
	return rc;
}

int api_records_change(const struct api_records *k, struct web_request *r, struct web_response *out, struct error *e)
{
	AUTO_FREE void *record = mem_zero(k->size), *before = mem_zero(k->size);
	int rc = api_record(k, r, record, e);

	if (!rc)
		rc = api_record(k, r, before, e);
	if (!rc)
		rc = read_body(k, r, record, before, e);
	if (!rc)
		rc = store(k, r, record, false, e);
	if (!rc)
		rc = api_record_answer(k, r, id_of(record), out, e);
	k->release(record);
	k->release(before);
	return rc;
}

int api_records_remove(const struct api_records *k, struct web_request *r, struct web_response *out, struct error *e)
{
	AUTO_FREE void *record = mem_zero(k->size);
	AUTO_FREE char *action = mem_printf("%s-remove", k->what);
	int rc = api_record(k, r, record, e);

	if (!rc)
		rc = catalog_begin(r->catalog, e);
	if (!rc) {
		rc = k->remove(r->catalog, id_of(record), e);
		if (!rc)
			rc = api_audit(r, action, name_of(record), e, NULL);
		rc = api_commit(r, rc, e);
	}
	k->release(record);
	return rc;
}
