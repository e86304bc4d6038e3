/* The audit trail. */
#include "catalog/audit.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "job/record.h"

#define MOST 1000

static const struct opt options[] = {
	{"since", 0, OPT_DURATION, "DURATION", "only what happened since: 24h, 7d", NULL},
	{"who", 0, OPT_STRING, "TEXT", "only what was done by those with TEXT in their name", NULL},
	{"action", 0, OPT_STRING, "ACTION", "only this: login, login-failed, user-add, job-start ...", NULL},
	{"object", 0, OPT_STRING, "NAME", "only what was done to this", NULL},
	{"limit", 'n', OPT_COUNT, "N", "at most so many, the newest; else 100", NULL},
	{"check", 0, OPT_FLAG, NULL, "follow the chain of hashes, and list nothing", NULL},
	{0},
};

/* ---- the chain ---- */

static int check(struct catalog *c, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d = {0};
	uint64_t rows;
	int rc = audit_check(c, &rows, e);

	if (rc)
		return rc;
	if (!out_mode.json) {
		out_print("%llu row%s, each as it was written\n", (unsigned long long)rows, rows == 1 ? "" : "s");
		return 0;
	}
	out_document_begin(&d);
	jw_kv_bool(&d.w, "ok", true);
	jw_kv_u64(&d.w, "rows", rows);
	return out_document_end(&d, e);
}

/* ---- the list ---- */

static void print_rows(const struct audit_list *l)
{
	static const char *const headers[] = {"TIME", "WHO", "ADDRESS", "ACTION", "OBJECT", "DETAILS"};
	struct table *t = table_new(headers, "lLllLL");

	for (size_t i = 0; i < l->n; i++) {
		const struct audit_record *a = &l->v[i];
		char time[32];

		time_to_local(a->time, time);
		const char *const row[] = {time, a->who, a->address, a->action, a->object, a->details};

		table_row(t, row);
	}
	table_print(t);
}

static int document(const struct audit_list *l, uint64_t total, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;

	out_document_begin(&d);
	jw_name(&d.w, "entries");
	jw_array(&d.w);
	for (size_t i = 0; i < l->n; i++)
		audit_json(&l->v[i], &d.w);
	jw_array_end(&d.w);
	jw_kv_u64(&d.w, "total", total);
	return out_document_end(&d, e);
}

static int list(struct catalog *c, const struct parsed *p, struct error *e)
{
	CLEANUP(audit_list_release) struct audit_list l = {0};
	struct audit_filter f = {.who = opt_text(p, "who"), .action = opt_text(p, "action"), .object = opt_text(p, "object")};
	struct catalog_page page = {.limit = opt_flag(p, "limit") ? opt_get(p, "limit")->number : 100};
	uint64_t total;

	if (!page.limit || page.limit > MOST)
		return error_set(e, ERR_USAGE, "--limit is 1 to %d", MOST);
	if (opt_flag(p, "since"))
		f.after.tv_sec = time_now().tv_sec - (time_t)opt_get(p, "since")->number;
	int rc = audit_list_some(c, &f, &page, &l, &total, e);

	if (rc)
		return rc;
	if (out_mode.json)
		return document(&l, total, e);
	if (l.n)
		print_rows(&l);
	else
		out_print("nothing was written down\n");
	if (total > l.n)
		out_say("%llu more; --limit shows them", (unsigned long long)(total - l.n));
	return 0;
}

static int run(const struct parsed *p, struct error *e)
{
	struct catalog *c = NULL;
	int rc = record_catalog(false, &c, e);

	if (!rc)
		rc = opt_flag(p, "check") ? check(c, e) : list(c, p, e);
	catalog_close(c);
	return rc;
}

const struct command cmd_audit = {
	.name = "audit",
	.arguments = "",
	.summary = "who did what, when",
	.details =
		"Newest first. Nothing in the program changes or removes a row of the trail,\n"
		"and each row's hash covers the row before it: --check tells whether one was\n"
		"changed, taken out or put in behind the program's back.\n",
	.examples =
		"backstay audit --since 7d\n"
		"backstay audit --who maria --action user-role\n"
		"backstay audit --check\n",
	.max_args = 0,
	.options = options,
	.run = run,
};
