/* Whether a notice can work. */
#include "catalog/notice_check.h"

#include "base/http.h"
#include "base/mail.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/template.h"
#include "catalog/name.h"

#include <stdlib.h>
#include <string.h>

const char *const notice_template_names[] = {"title", "text", "source", "state", "event", "job", "host", "time", NULL};

int notice_check_event(const char *name, unsigned *events, struct error *e)
{
	struct nearest near = nearest_to(name);
	enum notice_event event;

	if (notice_event_parse(name, &event) && event != NOTICE_TEST) {
		*events |= NOTICE_BIT(event);
		return 0;
	}
	for (event = 0; event < NOTICE_TEST; event++)
		nearest_consider(&near, notice_event_name(event));
	error_set(e, ERR_USAGE, "there is no event \"%.100s\"", name);
	if (near.found)
		return error_hint(e, "did you mean \"%s\"?", near.found);
	return error_hint(e, "there are success, failure, missed, overdue, drill-failed, low-space, and start for heartbeats");
}

/* ---- by kind ---- */

static bool is(const struct notice_record *n, const char *kind)
{
	return !strcmp(n->kind, kind);
}

/* What a notice of this kind has no use for would be believed to do something. */
static int check_unused(const struct notice_record *n, struct error *e)
{
	bool mail = is(n, "mail"), webhook = is(n, "webhook");
	const struct { const char *name; bool given, known; } fields[] = {
		{"server", n->server != NULL, mail}, {"security", n->security != NULL, mail}, {"user", n->user != NULL, mail}, {"from", n->from != NULL, mail},
		{"password", n->password.len > 0, mail}, {"to", n->to.n > 0, mail}, {"url", n->url != NULL, !mail}, {"url_success", n->url_success != NULL, webhook},
		{"url_failure", n->url_failure != NULL, !mail}, {"format", n->format != NULL, webhook}, {"template", n->template_ != NULL, webhook},
		{"signing", n->signing.len > 0, webhook},
	};

	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (fields[i].given && !fields[i].known)
			return error_set(e, ERR_USAGE, "a %s notice has no \"%s\"", n->kind, fields[i].name);
	return 0;
}

static int check_address(const char *text, struct error *e)
{
	AUTO_FREE char *name = NULL;
	AUTO_FREE char *address = NULL;

	return mail_address(text, &name, &address, e);
}

static int check_mail(const struct notice_record *n, struct error *e)
{
	enum mail_security ignored;
	int rc = n->from ? check_address(n->from, e) : 0;

	if (!rc && n->to.n > MAIL_RECIPIENTS)
		rc = error_set(e, ERR_USAGE, "a mail goes to at most %d addresses", MAIL_RECIPIENTS);
	for (size_t i = 0; !rc && i < n->to.n; i++)
		rc = check_address(n->to.v[i], e);
	if (!rc && n->server)
		rc = mail_check_server(n->server, e);
	if (!rc && n->security && !mail_security_parse(n->security, &ignored))
		rc = error_set(e, ERR_USAGE, "there is no security \"%s\"; there are starttls, tls and none", n->security);
	if (!rc && !n->server && (n->security || n->user || n->password.len))
		rc = error_set(e, ERR_USAGE, "security, user and password belong to a server, and none is given");
	if (!rc && n->password.len && !n->user)
		rc = error_set(e, ERR_USAGE, "a password needs a user");
	return rc;
}

static int check_url(const char *name, const char *url, struct error *e)
{
	int rc = url ? http_check_url(url, e) : 0;

	return rc ? error_wrap(e, "\"%s\"", name) : 0;
}

/* With harmless values it must be JSON, if that is what it wants to be: values are escaped, so it is with any. */
static int check_template(const char *text, struct error *e)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT;
	struct template_value values[ARRAY_LEN(notice_template_names)] = {{0}};
	struct error why;
	struct json j;

	for (size_t i = 0; notice_template_names[i]; i++)
		values[i] = (struct template_value){notice_template_names[i], "x"};
	int rc = template_fill(text, values, &out, e);

	if (rc)
		return error_wrap(e, "the template");
	if (!template_is_json(text))
		return 0;
	json_init(&j, out.p, out.len);
	json_skip(&j);
	if (!json_finish(&j, &why))
		return 0;
	error_set(e, ERR_USAGE, "the template begins like JSON and is none: %s", why.text);
	return error_hint(e, "places belong within quotes: \"{{title}}\"");
}

static int check_telegram(const char *name, const char *url, struct error *e)
{
	CLEANUP(strlist_release) struct strlist query = {0};
	AUTO_FREE char *bare = NULL;
	int rc = url ? http_split_query(url, &bare, &query, e) : 0;

	for (size_t i = 0; i < query.n; i++)
		if (!strncmp(query.v[i], "chat_id=", 8) && query.v[i][8])
			return 0;
	if (rc || !url)
		return rc;
	error_set(e, ERR_USAGE, "\"%s\" does not say which chat", name);
	return error_hint(e, "write it as https://api.telegram.org/bot<TOKEN>/sendMessage?chat_id=<CHAT>");
}

static int check_format(const struct notice_record *n, struct error *e)
{
	const char *found = n->format ? strstr("|" NOTICE_FORMATS "|", n->format) : NULL;
	bool template = n->format && !strcmp(n->format, "template");

	if (!found || found[-1] != '|' || found[strlen(n->format)] != '|')
		return error_set(e, ERR_USAGE, "there is no format \"%s\"; there are json, slack, discord, teams, telegram and template", n->format ? n->format : "");
	if (template != (n->template_ != NULL))
		return error_set(e, ERR_USAGE, template ? "the format template needs a template" : "a template needs the format template");
	if (template)
		return check_template(n->template_, e);
	if (strcmp(n->format, "telegram") != 0)
		return 0;
	int rc = check_telegram("url", n->url, e);

	if (!rc)
		rc = check_telegram("url_success", n->url_success, e);
	return rc ? rc : check_telegram("url_failure", n->url_failure, e);
}

static int check_urls(const struct notice_record *n, struct error *e)
{
	int rc = check_url("url", n->url, e);

	if (!rc)
		rc = check_url("url_success", n->url_success, e);
	if (!rc)
		rc = check_url("url_failure", n->url_failure, e);
	if (!rc && !n->url && !n->url_success && (!n->url_failure || is(n, "heartbeat")))
		rc = error_set(e, ERR_USAGE, "a %s notice needs a URL", n->kind);
	return rc;
}

int notice_check(const struct notice_record *n, struct error *e)
{
	int rc = name_check("notice", n->name, e);

	if (rc)
		return rc;
	if (!n->kind || (!is(n, "mail") && !is(n, "webhook") && !is(n, "heartbeat")))
		return error_set(e, ERR_USAGE, "a notice is a mail, a webhook or a heartbeat, not \"%s\"", n->kind ? n->kind : "");
	if (!n->events)
		return error_set(e, ERR_USAGE, "the notice %s would never say anything: it has no events", n->name);
	if ((n->events & NOTICE_BIT(NOTICE_START)) && !is(n, "heartbeat"))
		return error_set(e, ERR_USAGE, "the event start is for heartbeats");
	rc = check_unused(n, e);
	if (!rc && is(n, "mail"))
		return check_mail(n, e);
	if (!rc)
		rc = check_urls(n, e);
	return !rc && is(n, "webhook") ? check_format(n, e) : rc;
}
