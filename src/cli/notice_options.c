/* Options into a notice. */
#include "cli/notice_options.h"

#include "base/fs.h"
#include "base/mem.h"
#include "catalog/notice_check.h"
#include "cli/common.h"
#include "cli/terminal.h"

#include <stdlib.h>
#include <string.h>

const struct opt notice_options[] = {
	{"on", 0, OPT_LIST, "EVENTS", "tell these, with commas between them; or all", NULL},
	{"source", 's', OPT_LIST, "NAME", "only about this source; may be given several times", NULL},
	{"disabled", 0, OPT_FLAG, NULL, "tell nothing yet", NULL},
	{"server", 0, OPT_STRING, "HOST:PORT", "of mail; else that of the settings", NULL},
	{"security", 0, OPT_STRING, "HOW", "of mail: starttls (the default), tls or none", "starttls|tls|none"},
	{"user", 0, OPT_STRING, "NAME", "of mail: log in as NAME", NULL},
	{"password-file", 0, OPT_STRING, "FILE", "of mail: the password's file (- is standard input)", NULL},
	{"from", 0, OPT_STRING, "ADDRESS", "of mail: the sender", NULL},
	{"url-file", 0, OPT_STRING, "FILE", "read the URL from FILE (- is standard input)", NULL},
	{"url-success", 0, OPT_STRING, "URL", "of webhooks: for successes instead", NULL},
	{"url-failure", 0, OPT_STRING, "URL", "for failures instead", NULL},
	{"format", 0, OPT_STRING, "FORMAT", "of webhooks: who reads it; json unless said", NOTICE_FORMATS},
	{"template", 0, OPT_STRING, "FILE", "of webhooks: the text for --format template", NULL},
	{"signing-file", 0, OPT_STRING, "FILE", "of webhooks: the key's file, to sign with", NULL},
	{"failed", 0, OPT_FLAG, NULL, "only messages that were given up", NULL},
	{"seen", 0, OPT_FLAG, NULL, "forget those that were given up", NULL},
	{"limit", 0, OPT_COUNT, "N", "so many messages; 20 unless said", NULL},
	COMMON_YES,
	{0},
};

static bool is(const struct notice_record *n, const char *kind)
{
	return !strcmp(n->kind, kind);
}

static void set_text(char **to, const char *text)
{
	free(*to);
	*to = *text ? mem_string(text) : NULL;
}

static void take_text(const struct parsed *p, const char *option, char **to)
{
	const char *text = opt_text(p, option);

	if (text)
		set_text(to, text);
}

/* ---- events and sources ---- */

static int add_events(const char *text, const char *kind, unsigned *events, struct error *e)
{
	int rc = 0;

	if (!strcmp(text, "all")) {
		*events |= NOTICE_BIT(NOTICE_START) - 1;
		*events |= !strcmp(kind, "heartbeat") ? NOTICE_BIT(NOTICE_START) : 0;
		return 0;
	}
	for (const char *at = text; !rc && *at; at += *at == ',') {
		size_t n = strcspn(at, ",");
		AUTO_FREE char *name = mem_string_n(at, n);

		rc = notice_check_event(name, events, e);
		at += n;
	}
	return rc;
}

static int take_events(const struct parsed *p, struct notice_record *n, struct error *e)
{
	const struct strlist *given = &opt_get(p, "on")->list;
	int rc = 0;

	if (given->n)
		n->events = 0;
	for (size_t i = 0; !rc && i < given->n; i++)
		rc = add_events(given->v[i], n->kind, &n->events, e);
	return rc;
}

static void replace_list(struct strlist *to, const char *const *v, size_t n)
{
	strlist_release(to);
	for (size_t i = 0; i < n; i++)
		if (*v[i])
			strlist_add(to, v[i]);
}

/* ---- secrets ---- */

static int file_of(const struct parsed *p, const char *option, struct secret *out, struct error *e)
{
	const char *path = opt_text(p, option);
	int rc = path ? common_secret_from_file(path, out, e) : 0;

	return rc ? error_wrap(e, "--%s", option) : 0;
}

static int take_password(const struct parsed *p, struct notice_record *n, struct error *e)
{
	AUTO_FREE char *prompt = mem_printf("password of %s at %s: ", n->user ? n->user : "", n->server ? n->server : "");

	if (!n->user)
		secret_release(&n->password);
	if (!n->user || opt_text(p, "password-file"))
		return file_of(p, "password-file", &n->password, e);
	if (!opt_text(p, "user"))
		return 0;
	if (terminal_present())
		return terminal_secret(prompt, &n->password, e);
	error_set(e, ERR_USAGE, "there is no terminal to ask for the password of %s on", n->user);
	return error_hint(e, "give --password-file FILE");
}

static int take_url(const struct parsed *p, size_t first, struct notice_record *n, struct error *e)
{
	CLEANUP(secret_release) struct secret url = {0};
	bool argument = p->args.n > first;

	if (argument && opt_text(p, "url-file"))
		return error_set(e, ERR_USAGE, "the URL is given twice: as an argument, and by --url-file");
	int rc = file_of(p, "url-file", &url, e);

	if (!rc && (argument || opt_text(p, "url-file")))
		set_text(&n->url, argument ? p->args.v[first] : (const char *)url.p);
	return rc;
}

static int take_template(const struct parsed *p, struct notice_record *n, struct error *e)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	const char *path = opt_text(p, "template");
	int rc = path && *path ? fs_read_file(path, NOTICE_TEMPLATE_MAX, &text, e) : 0;

	if (rc)
		return error_wrap(e, "--template");
	if (path)
		set_text(&n->template_, buf_text(&text));
	return 0;
}

/* ---- by kind ---- */

static int read_mail(const struct parsed *p, size_t first, struct notice_record *n, struct error *e)
{
	take_text(p, "server", &n->server);
	take_text(p, "security", &n->security);
	take_text(p, "user", &n->user);
	take_text(p, "from", &n->from);
	if (p->args.n > first)
		replace_list(&n->to, (const char *const *)p->args.v + first, p->args.n - first);
	return take_password(p, n, e);
}

static int read_web(const struct parsed *p, size_t first, struct notice_record *n, struct error *e)
{
	if (p->args.n > first + 1)
		return error_set(e, ERR_USAGE, "a %s has one URL: \"%s\" is too much", n->kind, p->args.v[first + 1]);
	take_text(p, "url-success", &n->url_success);
	take_text(p, "url-failure", &n->url_failure);
	take_text(p, "format", &n->format);
	int rc = take_url(p, first, n, e);

	if (!rc)
		rc = take_template(p, n, e);
	return rc ? rc : file_of(p, "signing-file", &n->signing, e);
}

/* An option that another kind has would be passed over in silence. */
static int check_kind(const struct parsed *p, const struct notice_record *n, struct error *e)
{
	static const char *const of_mail[] = {"server", "security", "user", "password-file", "from"};
	static const char *const of_web[] = {"url-file", "url-success", "url-failure", "format", "template", "signing-file"};
	bool mail = is(n, "mail");
	const char *const *others = mail ? of_web : of_mail;
	size_t count = mail ? ARRAY_LEN(of_web) : ARRAY_LEN(of_mail);

	for (size_t i = 0; i < count; i++)
		if (opt_get(p, others[i])->given)
			return error_set(e, ERR_USAGE, "a %s has no --%s", n->kind, others[i]);
	return 0;
}

int notice_options_read(const struct parsed *p, size_t first, struct notice_record *n, struct error *e)
{
	const struct opt_value *sources = opt_get(p, "source");
	int rc = check_kind(p, n, e);

	if (!rc)
		rc = take_events(p, n, e);
	if (rc)
		return rc;
	if (sources->given)
		replace_list(&n->sources, (const char *const *)sources->list.v, sources->list.n);
	if (opt_flag(p, "disabled"))
		n->enabled = false;
	return is(n, "mail") ? read_mail(p, first, n, e) : read_web(p, first, n, e);
}
