/* Notices, shown. */
#include "cli/notice_show.h"

#include "base/http.h"
#include "base/mem.h"
#include "cli/out.h"
#include "cli/present.h"

#include <stdlib.h>
#include <string.h>

static bool is(const struct notice_record *n, const char *kind)
{
	return !strcmp(n->kind, kind);
}

char *notice_show_events(unsigned events)
{
	CLEANUP(strlist_release) struct strlist l = {0};

	for (enum notice_event i = 0; i < NOTICE_EVENTS; i++)
		if (events & NOTICE_BIT(i))
			strlist_add(&l, notice_event_name(i));
	return strlist_join(&l, ", ");
}

char *notice_show_where(const struct notice_record *n)
{
	const char *url = n->url ? n->url : n->url_failure ? n->url_failure : n->url_success;
	AUTO_FREE char *shown = url ? http_shown(url) : mem_string("");

	if (is(n, "mail"))
		return n->to.n ? strlist_join(&n->to, ", ") : mem_string("as the settings say");
	return is(n, "webhook") && strcmp(n->format, "json") != 0 ? mem_printf("%s %s", n->format, shown) : TAKE(shown);
}

static const char *state_of(struct catalog *c, const struct notice_record *n, const struct delivery_troubles *t)
{
	struct error ignored;
	bool active = false;

	if (notify_is_active(c, n, &active, &ignored) || !active)
		return "off";
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->v[i].name, n->name))
			return t->v[i].given_up ? "FAILED" : "trying again";
	return "on";
}

static void line(const char *name, const char *value)
{
	if (value && *value)
		out_print("%-12s %s\n", name, value);
}

static void url_line(const char *name, const char *url)
{
	AUTO_FREE char *shown = url ? http_shown(url) : NULL;

	line(name, shown);
}

void notice_show_one(struct catalog *c, const struct notice_record *n)
{
	CLEANUP(delivery_troubles_release) struct delivery_troubles t = {0};
	AUTO_FREE char *events = notice_show_events(n->events);
	AUTO_FREE char *sources = strlist_join(&n->sources, ", ");
	AUTO_FREE char *to = strlist_join(&n->to, ", ");
	struct error ignored;

	if (delivery_trouble_list(c, &t, &ignored))
		t.n = 0;
	line("name", n->name);
	line("kind", n->kind);
	line("state", state_of(c, n, &t));
	line("tells", events);
	line("about", n->sources.n ? sources : "every source");
	if (is(n, "mail")) {
		line("to", n->to.n ? to : "as the settings say");
		line("from", n->from);
		line("server", n->server ? n->server : "as the settings say");
		line("security", n->server && !n->security ? "starttls" : n->security);
		line("user", n->user);
	}
	line("format", n->format);
	url_line("url", n->url);
	url_line("on success", n->url_success);
	url_line("on failure", n->url_failure);
	line("signed", n->signing.len ? "yes" : NULL);
	for (size_t i = 0; i < t.n; i++)
		if (!strcmp(t.v[i].name, n->name))
			line("last error", t.v[i].error);
}

static int list_document(struct catalog *c, const struct notice_list *l, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;
	CLEANUP(strlist_release) struct strlist problems = {0};
	int rc = notify_problems(c, &problems, e);

	if (rc)
		return rc;
	out_document_begin(&d);
	jw_name(&d.w, "notices");
	jw_array(&d.w);
	for (size_t i = 0; i < l->n; i++)
		notice_json(&l->v[i], &d.w);
	jw_array_end(&d.w);
	present_strings_json("problems", &problems, &d.w);
	return out_document_end(&d, e);
}

int notice_show_list(struct catalog *c, const struct notice_list *l, struct error *e)
{
	static const char *const headers[] = {"NAME", "KIND", "WHERE", "TELLS", "ABOUT", "STATE"};
	CLEANUP(delivery_troubles_release) struct delivery_troubles troubles = {0};

	if (out_mode.json)
		return list_document(c, l, e);
	int rc = delivery_trouble_list(c, &troubles, e);

	if (rc)
		return rc;
	if (!l->n) {
		out_print("there is no notice yet; make one with: backstay notice add mail NAME ADDRESS\n");
		return 0;
	}
	struct table *t = table_new(headers, "llLLLl");

	for (size_t i = 0; i < l->n; i++) {
		const struct notice_record *n = &l->v[i];
		AUTO_FREE char *where = notice_show_where(n);
		AUTO_FREE char *events = notice_show_events(n->events);
		AUTO_FREE char *sources = strlist_join(&n->sources, ", ");
		const char *const row[] = {n->name, n->kind, where, events, n->sources.n ? sources : "every source", state_of(c, n, &troubles)};

		table_row(t, row);
	}
	table_print(t);
	for (size_t i = 0; i < troubles.n; i++)
		out_warn("notice %s: %s (see: backstay notice deliveries)", troubles.v[i].name, troubles.v[i].error);
	return 0;
}

int notice_show_document(const struct notice_record *n, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;

	out_document_begin(&d);
	jw_name(&d.w, "notice");
	notice_json(n, &d.w);
	return out_document_end(&d, e);
}

/* ---- messages ---- */

static int deliveries_document(const struct delivery_list *l, uint64_t total, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;

	out_document_begin(&d);
	jw_kv_u64(&d.w, "total", total);
	jw_name(&d.w, "deliveries");
	jw_array(&d.w);
	for (size_t i = 0; i < l->n; i++)
		delivery_json(&l->v[i], &d.w);
	jw_array_end(&d.w);
	return out_document_end(&d, e);
}

static char *delivery_state(const struct delivery_record *d)
{
	AUTO_FREE char *age = d->sent.tv_sec ? present_age(d->sent) : d->given_up ? NULL : present_age(d->not_before);

	if (d->sent.tv_sec)
		return mem_printf("%s%s%s", d->given_up ? "in part " : "sent ", age, d->error ? ": " : "");
	if (d->given_up)
		return mem_string("given up: ");
	return d->error ? mem_printf("again %s: ", age) : mem_string("waits");
}

int notice_show_deliveries(const struct delivery_list *l, uint64_t total, bool only_failed, struct error *e)
{
	static const char *const headers[] = {"AGE", "NOTICE", "EVENT", "TITLE", "STATE"};

	if (out_mode.json)
		return deliveries_document(l, total, e);
	if (!l->n) {
		out_print(only_failed ? "everything could be sent\n" : "there was nothing to tell yet\n");
		return 0;
	}
	struct table *t = table_new(headers, "lllLL");

	for (size_t i = 0; i < l->n; i++) {
		const struct delivery_record *d = &l->v[i];
		AUTO_FREE char *age = present_age(d->created);
		AUTO_FREE char *state = delivery_state(d);
		AUTO_FREE char *whole = mem_printf("%s%s", state, d->error ? d->error : "");
		const char *const row[] = {age, d->name, notice_event_name(d->event), d->title, whole};

		table_row(t, row);
	}
	table_print(t);
	if (total > l->n)
		out_say("%llu more; --limit shows more", (unsigned long long)(total - l->n));
	return 0;
}
