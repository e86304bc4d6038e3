/* Notices: where people are told, and what is on its way to them. */
#include "catalog/notice.h"
#include "job/notify.h"
#include "web/api_records.h"

static int begin(struct catalog *c, void *record, struct error *e)
{
	*(struct notice_record *)record = (struct notice_record){.enabled = true};
	return 0;
}

API_RECORDS(notice)
static const struct api_records kind = {.what = "notice", .path = API "notices/", API_RECORD_MEMBERS(notice), .begin = begin};
API_RECORD_HANDLERS(kind)

/* The one that the settings ask for is made first. */
static int list_all(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(notice_list_release) struct notice_list l = {0};
	int rc = notify_list(r->catalog, &l, e);

	return rc ? rc : list(r, out, e);
}

/* A child sends it: mail servers take their time. */
static int test(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(notice_record_release) struct notice_record n = {0};
	CLEANUP(strlist_release) struct strlist words = {0};
	int rc = api_record(&kind, r, &n, e);

	if (rc)
		return rc;
	strlist_add(&words, "notice");
	strlist_add(&words, "test");
	strlist_add(&words, n.name);
	return web_run(r, &words, API_SECONDS, out, e);
}

static void write_delivery(const void *list, size_t i, struct json_out *w)
{
	delivery_json(&((const struct delivery_list *)list)->v[i], w);
}

static int deliveries(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(delivery_list_release) struct delivery_list l = {0};
	struct catalog_page page;
	uint64_t total;
	int rc = web_page(r, &page, e);

	if (!rc)
		rc = delivery_list_some(r->catalog, web_query(r, "notice"), api_query_bool(r, "failed", false), &page, &l, &total, e);
	return rc ? rc : api_list_page(r, &page, total, l.n, write_delivery, &l, out);
}

static int seen(struct web_request *r, struct web_response *out, struct error *e)
{
	uint64_t n;
	int rc = catalog_begin(r->catalog, e);

	if (rc)
		return rc;
	rc = delivery_seen(r->catalog, 0, &n, e);
	if (!rc)
		rc = api_audit(r, "deliveries-seen", NULL, e, "%llu", (unsigned long long)n);
	return api_commit(r, rc, e);
}

/* ---- the table ---- */

#define RECORD \
	{"enabled", "boolean", "whether it tells anything"}, \
	{"events", "array", "what it tells; what its kind usually does unless said", "success|failure|missed|overdue|drill-failed|low-space|start"}, \
	{"sources", "array", "only about these sources; all unless said"}, \
	{"server", "string", "of mail: \"smtp.example.org:587\"; as the settings say unless said"}, \
	{"security", "string", "of mail", "starttls|tls|none"}, \
	{"user", "string", "of mail: who logs in"}, \
	{"from", "string", "of mail: who writes"}, \
	{"password", "string", "of mail; kept sealed", NULL, 0, 1024}, \
	{"to", "array", "of mail: who is told"}, \
	{"url", "string", "of a webhook or heartbeat; kept sealed"}, \
	{"url_success", "string", "of a webhook: for successes instead"}, \
	{"url_failure", "string", "of a webhook or heartbeat: for failures instead"}, \
	{"format", "string", "of a webhook", "json|slack|discord|teams|telegram|template"}, \
	{"template", "string", "of a webhook of that format: text with {{title}} {{text}} {{source}} {{state}} {{event}} {{job}}", NULL, 0, 65536}, \
	{"signing", "string", "of a webhook: the key of X-Backstay-Signature; kept sealed", NULL, 0, 1024}, \
	{0},

static const struct web_field create_fields[] = {
	{"name", "string!", "letters, digits and \". _ -\"", NULL, 0, 64},
	{"kind", "string!", "how it tells", "mail|webhook|heartbeat"},
	RECORD
};
static const struct web_field change_fields[] = {
	{"name", "string", "letters, digits and \". _ -\"", NULL, 0, 64},
	{"kind", "string", "as it is: a kind never changes", "mail|webhook|heartbeat"},
	RECORD
};
static const struct web_field delivery_fields[] = {{"notice", "string?", "only those over this one"}, {"failed", "boolean?", "only those given up"}, {0}};

const struct web_route api_notices[] = {
	{"GET", API "notices/", WEB_ADMIN, list_all, "Notices", "Who is told what", NULL, "Notice[]"},
	{"POST", API "notices/", WEB_ADMIN, create, "Notices", "Add a notice", create_fields, "Notice", WEB_CREATES | WEB_RECORD},
	{"GET", API "notices/deliveries/", WEB_VIEWER, deliveries, "Notices", "Messages on their way, sent and given up, the newest first", delivery_fields, "Delivery[]"},
	{"DELETE", API "notices/deliveries/", WEB_OPERATOR, seen, "Notices", "Messages that were given up have been seen: forget them", NULL, NULL},
	{"GET", API "notices/{id}/", WEB_ADMIN, get, "Notices", "One notice, by its number or name", NULL, "Notice"},
	{"PUT", API "notices/{id}/", WEB_ADMIN, change, "Notices", "Change a notice", change_fields, "Notice", WEB_RECORD},
	{"PATCH", API "notices/{id}/", WEB_ADMIN, change, "Notices", "Change a notice", change_fields, "Notice", WEB_RECORD},
	{"DELETE", API "notices/{id}/", WEB_ADMIN, remove_one, "Notices", "Remove a notice", NULL, NULL},
	{"POST", API "notices/{id}/test/", WEB_ADMIN, test, "Notices", "Send a test message now", NULL, "NoticeTest", WEB_SLOW | WEB_SAFE},
	{0},
};
