/* Whom to tell what. */
#include "base/mem.h"
#include "catalog/audit.h"
#include "cli/actions.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/notice_options.h"
#include "cli/notice_show.h"
#include "job/notify.h"
#include "job/record.h"

#include <string.h>

static void close_catalog(struct catalog **c)
{
	catalog_close(*c);
}

/* The catalog, and the notice that the n-th argument names. */
static int open_named(const struct parsed *p, size_t n, struct catalog **c, struct notice_record *out, struct error *e)
{
	CLEANUP(notice_list_release) struct notice_list all = {0};
	int rc = record_catalog(false, c, e);

	/* One that the settings make is there from now on. */
	if (!rc)
		rc = notify_list(*c, &all, e);
	return rc ? rc : notice_find(*c, p->args.v[n], out, e);
}

typedef int (*change_fn)(struct catalog *c, struct notice_record *n, struct error *e);

static int change(struct catalog *c, change_fn fn, const char *action, struct notice_record *n, struct error *e)
{
	int rc = catalog_begin(c, e);

	return rc ? rc : common_audited(c, fn(c, n, e), action, n->name, e);
}

static int remove_record(struct catalog *c, struct notice_record *n, struct error *e)
{
	return notice_remove(c, n->id, e);
}

static int show_stored(const struct notice_record *n, const char *what, struct error *e)
{
	AUTO_FREE char *events = notice_show_events(n->events);

	if (out_mode.json)
		return notice_show_document(n, e);
	out_print("notice %s %s: it tells %s\n", n->name, what, events);
	out_say("try it: backstay notice test %s", n->name);
	return 0;
}

/* ---- actions ---- */

static int add(const struct parsed *p, struct error *e)
{
	CLEANUP(notice_record_release) struct notice_record n = {.enabled = true};
	CLEANUP(close_catalog) struct catalog *c = NULL;
	const char *kind = p->args.v[1];

	if (strcmp(kind, "mail") != 0 && strcmp(kind, "webhook") != 0 && strcmp(kind, "heartbeat") != 0)
		return error_set(e, ERR_USAGE, "a notice is a mail, a webhook or a heartbeat, not \"%s\"", kind);
	n.kind = mem_string(kind);
	n.name = mem_string(p->args.v[2]);
	int rc = notice_options_read(p, 3, &n, e);

	if (!rc)
		rc = record_catalog(true, &c, e);
	if (!rc)
		rc = change(c, notice_add, "notice-add", &n, e);
	return rc ? rc : show_stored(&n, "added", e);
}

static int edit(const struct parsed *p, struct error *e)
{
	CLEANUP(notice_record_release) struct notice_record n = {0};
	CLEANUP(close_catalog) struct catalog *c = NULL;
	int rc = open_named(p, 1, &c, &n, e);

	if (!rc)
		rc = notice_options_read(p, 2, &n, e);
	if (!rc)
		rc = change(c, notice_update, "notice-change", &n, e);
	return rc ? rc : show_stored(&n, "changed", e);
}

static int set_enabled(const struct parsed *p, bool enabled, struct error *e)
{
	CLEANUP(notice_record_release) struct notice_record n = {0};
	CLEANUP(close_catalog) struct catalog *c = NULL;
	int rc = open_named(p, 1, &c, &n, e);

	n.enabled = enabled;
	if (!rc)
		rc = change(c, notice_update, "notice-change", &n, e);
	if (rc || out_mode.json)
		return rc ? rc : notice_show_document(&n, e);
	out_print("notice %s is %s\n", n.name, enabled ? "on" : "off");
	return 0;
}

static int enable(const struct parsed *p, struct error *e)
{
	return set_enabled(p, true, e);
}

static int disable(const struct parsed *p, struct error *e)
{
	return set_enabled(p, false, e);
}

static int list(const struct parsed *p, struct error *e)
{
	CLEANUP(notice_list_release) struct notice_list l = {0};
	CLEANUP(close_catalog) struct catalog *c = NULL;
	int rc = record_catalog(true, &c, e);

	if (!rc)
		rc = notify_list(c, &l, e);
	return rc ? rc : notice_show_list(c, &l, e);
}

static int show(const struct parsed *p, struct error *e)
{
	CLEANUP(notice_record_release) struct notice_record n = {0};
	CLEANUP(close_catalog) struct catalog *c = NULL;
	int rc = open_named(p, 1, &c, &n, e);

	if (rc || out_mode.json)
		return rc ? rc : notice_show_document(&n, e);
	notice_show_one(c, &n);
	return 0;
}

static int remove_notice(const struct parsed *p, struct error *e)
{
	CLEANUP(notice_record_release) struct notice_record n = {0};
	CLEANUP(close_catalog) struct catalog *c = NULL;
	AUTO_FREE char *question = mem_printf("Remove the notice %s, and its messages that were not sent yet?", p->args.v[1]);
	int rc = open_named(p, 1, &c, &n, e);

	if (!rc && out_mode.interactive)
		rc = out_confirm(opt_flag(p, "yes"), question, e);
	if (!rc)
		rc = change(c, remove_record, "notice-remove", &n, e);
	if (rc || out_mode.json)
		return rc ? rc : notice_show_document(&n, e);
	out_print("notice %s removed\n", n.name);
	return 0;
}

static int test(const struct parsed *p, struct error *e)
{
	CLEANUP(notice_record_release) struct notice_record n = {0};
	CLEANUP(close_catalog) struct catalog *c = NULL;
	CLEANUP(out_document_release) struct out_document d = {0};
	int rc = open_named(p, 1, &c, &n, e);

	if (!rc)
		rc = notify_test(c, &n, &common_progress, e);
	if (rc)
		return rc;
	if (!out_mode.json) {
		out_print("sent a test message over %s\n", n.name);
		return 0;
	}
	out_document_begin(&d);
	jw_kv_bool(&d.w, "ok", true);
	return out_document_end(&d, e);
}

static int warn_of_problems(struct catalog *c, struct error *e)
{
	CLEANUP(strlist_release) struct strlist problems = {0};
	int rc = notify_problems(c, &problems, e);

	for (size_t i = 0; i < problems.n; i++)
		out_warn("%s", problems.v[i]);
	return rc;
}

static int deliver(const struct parsed *p, struct error *e)
{
	CLEANUP(close_catalog) struct catalog *c = NULL;
	CLEANUP(out_document_release) struct out_document d = {0};
	uint64_t sent, failed;
	int rc = record_catalog(false, &c, e);

	if (!rc)
		rc = notify_deliver(c, &common_progress, &sent, &failed, e);
	if (!rc && failed)
		rc = warn_of_problems(c, e);
	if (rc)
		return rc;
	if (!out_mode.json) {
		if (sent)
			out_print("%llu message%s sent\n", (unsigned long long)sent, sent == 1 ? "" : "s");
		return 0;
	}
	out_document_begin(&d);
	jw_kv_u64(&d.w, "sent", sent);
	jw_kv_u64(&d.w, "failed", failed);
	return out_document_end(&d, e);
}

static int forget_seen(struct catalog *c, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d = {0};
	AUTO_FREE char *who = common_author();
	uint64_t n;
	int rc = catalog_begin(c, e);

	if (rc)
		return rc;
	rc = delivery_seen(c, 0, &n, e);
	if (!rc)
		rc = audit_add(c, who, NULL, "deliveries-seen", NULL, e, "%llu", (unsigned long long)n);
	rc = catalog_end(c, rc, e);
	if (rc)
		return rc;
	if (!out_mode.json) {
		out_print("%llu message%s forgotten\n", (unsigned long long)n, n == 1 ? "" : "s");
		return 0;
	}
	out_document_begin(&d);
	jw_kv_u64(&d.w, "forgotten", n);
	return out_document_end(&d, e);
}

static int deliveries(const struct parsed *p, struct error *e)
{
	CLEANUP(close_catalog) struct catalog *c = NULL;
	CLEANUP(delivery_list_release) struct delivery_list l = {0};
	const struct opt_value *limit = opt_get(p, "limit");
	struct catalog_page page = {.limit = limit->given && limit->number ? limit->number : 20};
	uint64_t total;
	int rc = record_catalog(true, &c, e);

	if (!rc && opt_flag(p, "seen"))
		return forget_seen(c, e);
	if (!rc)
		rc = delivery_list_some(c, NULL, opt_flag(p, "failed"), &page, &l, &total, e);
	return rc ? rc : notice_show_deliveries(&l, total, opt_flag(p, "failed"), e);
}

static const struct action actions[] = {
	{"add", 2, 52, "mail|webhook|heartbeat NAME ADDRESS...|URL", NOTICE_OPTIONS, add},
	{"list", 0, 0, "", NULL, list},
	{"show", 1, 1, "NAME", NULL, show},
	{"edit", 1, 51, "NAME [ADDRESS...|URL]", NOTICE_OPTIONS, edit},
	{"enable", 1, 1, "NAME", NULL, enable},
	{"disable", 1, 1, "NAME", NULL, disable},
	{"test", 1, 1, "NAME", NULL, test},
	{"remove", 1, 1, "NAME", "yes", remove_notice},
	{"deliver", 0, 0, "", NULL, deliver},
	{"deliveries", 0, 0, "", "failed|seen|limit", deliveries},
	{0},
};

static int run(const struct parsed *p, struct error *e)
{
	return actions_run(actions, p, e);
}

const struct command cmd_notice = {
	.name = "notice",
	.arguments = "ACTION ...",
	.summary = "tell people and programs what happened",
	.details =
		"ACTION is add, list, show, edit, enable, disable, test, remove, deliver or\n"
		"deliveries; all but add, list, deliver and deliveries take a NAME.\n"
		"\"add mail NAME ADDRESS...\" tells people by mail, \"add webhook NAME URL\" a chat\n"
		"service or a program, \"add heartbeat NAME URL\" a monitor that waits for a sign\n"
		"of life: it calls URL after each good backup and URL/fail after a failed one.\n"
		"Events are success, failure, missed (a schedule's run), overdue (no good backup\n"
		"for too long), drill-failed (a verification), low-space, and, for heartbeats,\n"
		"start. Without --on mails and webhooks tell everything but successes.\n"
		"\n"
		"URLs hold tokens: they are kept sealed, and never shown with their path.\n"
		"What cannot be sent is tried again after 1, 5, 15, 60 and 240 minutes, then\n"
		"given up and shown by \"list\" and \"deliveries --failed\" until \"deliveries\n"
		"--seen\". \"deliver\" sends what is due now, as the daemon does by itself.\n"
		"\"edit\" changes what is given; an empty value takes away what was there.\n",
	.examples =
		"backstay notice add mail admins admin@example.org\n"
		"backstay notice add mail night a@example.org --server smtp.example.org:587 \\\n"
		"    --user backup --password-file /root/smtp-password\n"
		"backstay notice add webhook chat --format slack --url-file /root/slack-url\n"
		"backstay notice add heartbeat watch https://hc.example.org/1234 --on all\n"
		"backstay notice test admins\n"
		"backstay notice edit admins --on all --source shop\n"
		"backstay notice deliveries --failed\n",
	.min_args = 1,
	.max_args = -1,
	.choices = "add|list|show|edit|enable|disable|test|remove|deliver|deliveries",
	.options = notice_options,
	.run = run,
};
