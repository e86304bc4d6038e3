/* Sending by mail. */
#include "base/mail.h"
#include "base/mem.h"
#include "job/notify_parts.h"

#include <stdlib.h>
#include <string.h>

#define SUBJECT 150      /* bytes of the sentence that every list of mails shows; the whole is in the text */

/* ---- the text as HTML ---- */

static void add_escaped(const char *s, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++)
		switch (s[i]) {
		case '&':
			buf_add_str(out, "&amp;");
			break;
		case '<':
			buf_add_str(out, "&lt;");
			break;
		case '>':
			buf_add_str(out, "&gt;");
			break;
		case '"':
			buf_add_str(out, "&quot;");
			break;
		default:
			buf_add_byte(out, (unsigned char)s[i]);
		}
}

/* Lines are lines, an empty one parts paragraphs. */
static void add_paragraphs(const char *text, struct buf *out)
{
	bool open = false;

	for (const char *end; *text; text = *end ? end + 1 : end) {
		end = text + strcspn(text, "\n");
		if (end == text) {
			buf_add_str(out, open ? "</p>\n" : "");
			open = false;
			continue;
		}
		buf_add_str(out, open ? "<br>\n" : "<p>");
		add_escaped(text, (size_t)(end - text), out);
		open = true;
	}
	buf_add_str(out, open ? "</p>\n" : "");
}

static void make_html(const struct notify_message *m, struct buf *out)
{
	bool good = m->event == NOTICE_SUCCESS || m->event == NOTICE_TEST;

	buf_printf(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Backstay</title></head>\n"
			"<body style=\"font-family: sans-serif; line-height: 1.5; max-width: 40em\">\n"
			"<p style=\"font-size: 1.15em; border-left: 4px solid %s; padding-left: 0.7em\"><strong>", good ? "#2e7d32" : "#c62828");
	add_escaped(m->title, strlen(m->title), out);
	buf_add_str(out, ".</strong></p>\n");
	add_paragraphs(m->text, out);
	buf_add_str(out, "</body></html>\n");
}

/* ---- where to ---- */

/* What the notice does not say, the settings do. */
struct settings {
	char *server, *security, *user, *password, *from;
	struct strlist to;
};

static void settings_release(struct settings *s)
{
	if (s->password)
		secret_wipe(s->password, strlen(s->password));
	free(s->server);
	free(s->security);
	free(s->user);
	free(s->password);
	free(s->from);
	strlist_release(&s->to);
}

static int server_settings(struct catalog *c, struct settings *s, struct error *e)
{
	int rc = notify_setting(c, "smtp_server", &s->server, e);

	if (!rc && !s->server) {
		error_set(e, ERR_NOT_FOUND, "no mail server is known");
		return error_hint(e, "name one in the settings (smtp_server, smtp_security, smtp_user, smtp_password), or in the notice itself");
	}
	if (!rc)
		rc = notify_setting(c, "smtp_security", &s->security, e);
	if (!rc)
		rc = notify_setting(c, "smtp_user", &s->user, e);
	return rc ? rc : notify_setting(c, "smtp_password", &s->password, e);
}

/* "a@x, b@y" */
static int recipients(struct catalog *c, struct strlist *out, struct error *e)
{
	AUTO_FREE char *all = NULL;
	int rc = notify_setting(c, "notification_email", &all, e);

	if (!rc && !all)
		return error_set(e, ERR_NOT_FOUND, "the setting notification_email is empty");
	for (const char *at = all; !rc && *at; at += *at != '\0') {
		at += strspn(at, " \t");
		size_t n = strcspn(at, ",;");
		AUTO_FREE char *one = mem_string_n(at, n);

		while (*one && strchr(" \t", one[strlen(one) - 1]))
			one[strlen(one) - 1] = '\0';
		if (*one)
			strlist_add(out, one);
		at += n;
	}
	return rc;
}

static int find_settings(struct catalog *c, const struct notice_record *n, struct settings *s, struct error *e)
{
	int rc = n->server ? 0 : server_settings(c, s, e);

	if (!rc && !n->from)
		rc = notify_setting(c, "smtp_from", &s->from, e);
	if (!rc && !n->to.n)
		rc = recipients(c, &s->to, e);
	return rc;
}

static char *usual_sender(const char *host)
{
	bool plain = host[strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")] == '\0';

	return mem_printf("Backstay on %s <backstay@%s>", host, plain ? host : "localhost");
}

static void use_settings(const struct settings *s, const struct secret *password, struct mail_server *server)
{
	server->server = s->server;
	server->user = s->user;
	server->password = password;
	if (s->security)
		(void)mail_security_parse(s->security, &server->security);
}

static void use_notice(const struct notice_record *n, struct mail_server *server)
{
	server->server = n->server;
	server->user = n->user;
	server->password = &n->password;
	if (n->security)
		(void)mail_security_parse(n->security, &server->security);
}

/* ---- sending ---- */

static char *subject_of(const char *title)
{
	size_t n = strlen(title);

	if (n <= SUBJECT)
		return mem_string(title);
	for (n = SUBJECT; ((unsigned char)title[n] & 0xc0) == 0x80;)
		n--;
	return mem_printf("%.*s...", (int)n, title);
}

int notify_mail(struct catalog *c, const struct notice_record *n, const struct notify_message *m, struct progress *p, struct notify_outcome *out, struct error *e)
{
	CLEANUP(settings_release) struct settings s = {0};
	CLEANUP(secret_release) struct secret password = {0};
	CLEANUP(strlist_release) struct strlist refused = {0};
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	CLEANUP(buf_release) struct buf html = BUF_INIT;
	AUTO_FREE char *subject = subject_of(m->title);
	AUTO_FREE char *sender = usual_sender(m->host);
	struct mail_server server = {.security = MAIL_STARTTLS};
	int rc = find_settings(c, n, &s, e);

	if (rc)
		return rc;
	if (s.password)
		secret_set(&password, s.password, strlen(s.password));
	if (n->server)
		use_notice(n, &server);
	else
		use_settings(&s, &password, &server);
	notify_whole(m, &text);
	make_html(m, &html);
	struct mail mail = {
		.from = n->from ? n->from : s.from ? s.from : sender,
		.to = n->to.n ? &n->to : &s.to,
		.subject = subject,
		.text = buf_text(&text),
		.html = buf_text(&html),
		.date = time_now(),
	};
	rc = mail_send(&server, &mail, &refused, p, e);
	if (!rc && refused.n)
		out->note = strlist_join(&refused, "; ");
	return rc;
}
