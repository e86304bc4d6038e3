/* Records that people configure (sources, repositories, schedules, notices): listed, shown, added, changed and removed in one way. */
#ifndef WEB_API_RECORDS_H
#define WEB_API_RECORDS_H

#include "web/api.h"

struct api_records {
	const char *what;                       /* "source": for texts and the audit trail */
	const char *path;                       /* API "sources/" */
	size_t size;                            /* of a record, which begins with its id and its name */
	int (*get)(struct catalog *c, int64_t id, void *out, struct error *e);
	int (*find)(struct catalog *c, const char *name, void *out, struct error *e);
	int (*add)(struct catalog *c, void *record, struct error *e);
	int (*update)(struct catalog *c, void *record, struct error *e);
	int (*remove)(struct catalog *c, int64_t id, struct error *e);
	int (*read)(void *record, struct json *j, struct error *e);
	void (*write)(const void *record, struct json_out *w);
	void (*release)(void *record);
	int (*list)(struct web_request *r, struct web_response *out, struct error *e);
	int (*begin)(struct catalog *c, void *record, struct error *e);       /* what a new one is before its body is read; NULL: zeroed */
	/* Look at what was read from a body, and complete it. `before` is the record as it was, zeroed for a new one. NULL: nothing to do. */
	int (*complete)(struct web_request *r, void *record, const void *before, struct error *e);
};

/* The members that call catalog/<kind>.h's functions, with a list of `kind`_list. */
#define API_RECORDS(kind) \
	static int kind##_get_any(struct catalog *c, int64_t id, void *out, struct error *e) { return kind##_get(c, id, out, e); } \
	static int kind##_find_any(struct catalog *c, const char *name, void *out, struct error *e) { return kind##_find(c, name, out, e); } \
	static int kind##_add_any(struct catalog *c, void *x, struct error *e) { return kind##_add(c, x, e); } \
	static int kind##_update_any(struct catalog *c, void *x, struct error *e) { return kind##_update(c, x, e); } \
	static int kind##_read_any(void *x, struct json *j, struct error *e) { return kind##_from_json(x, j, e); } \
	static void kind##_write_any(const void *x, struct json_out *w) { kind##_json(x, w); } \
	static void kind##_release_any(void *x) { kind##_record_release(x); } \
	static void kind##_write_one(const void *l, size_t i, struct json_out *w) { kind##_json(&((const struct kind##_list *)l)->v[i], w); } \
	static int kind##_list_any(struct web_request *r, struct web_response *out, struct error *e) \
	{ \
		CLEANUP(kind##_list_release) struct kind##_list l = {0}; \
		int rc = kind##_list_all(r->catalog, &l, e); \
		return rc ? rc : api_list_slice(r, l.n, kind##_write_one, &l, out, e); \
	}
#define API_RECORD_MEMBERS(kind) \
	.size = sizeof(struct kind##_record), .get = kind##_get_any, .find = kind##_find_any, .add = kind##_add_any, .update = kind##_update_any, \
	.remove = kind##_remove, .read = kind##_read_any, .write = kind##_write_any, .release = kind##_release_any, .list = kind##_list_any

/* Handlers over a kind. "{id}" is a record's number or name. */
int api_records_get(const struct api_records *k, struct web_request *r, struct web_response *out, struct error *e) MUST_USE;
int api_records_create(const struct api_records *k, struct web_request *r, struct web_response *out, struct error *e) MUST_USE;
int api_records_change(const struct api_records *k, struct web_request *r, struct web_response *out, struct error *e) MUST_USE;
int api_records_remove(const struct api_records *k, struct web_request *r, struct web_response *out, struct error *e) MUST_USE;
/* These five of the kind `k`, as list(), get(), create(), change() and remove_one(). */
#define API_RECORD_HANDLERS(k) \
	static int list(struct web_request *r, struct web_response *out, struct error *e) { return k.list(r, out, e); } \
	static int get(struct web_request *r, struct web_response *out, struct error *e) { return api_records_get(&k, r, out, e); } \
	static int create(struct web_request *r, struct web_response *out, struct error *e) { return api_records_create(&k, r, out, e); } \
	static int change(struct web_request *r, struct web_response *out, struct error *e) { return api_records_change(&k, r, out, e); } \
	static int remove_one(struct web_request *r, struct web_response *out, struct error *e) { return api_records_remove(&k, r, out, e); }

/* The record that "{id}" of the request stands for. */
int api_record(const struct api_records *k, const struct web_request *r, void *out, struct error *e) MUST_USE;
/* Answer with a record as the catalog has it now. */
int api_record_answer(const struct api_records *k, struct web_request *r, int64_t id, struct web_response *out, struct error *e) MUST_USE;

#endif
