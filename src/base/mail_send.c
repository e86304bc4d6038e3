/* Handing a message to a server. */
#include "base/mail.h"

#include "base/mem.h"
#include "base/transfer.h"

#include <stdlib.h>
#include <string.h>

#define TIMEOUT 60
#define REPLY_MAX 200

static const struct {
	const char *name, *scheme, *port;
} securities[] = {
	[MAIL_STARTTLS] = {"starttls", "smtp", "587"},
	[MAIL_TLS] = {"tls", "smtps", "465"},
	[MAIL_NONE] = {"none", "smtp", "25"},
};

const char *mail_security_name(enum mail_security s)
{
	return securities[s].name;
}

bool mail_security_parse(const char *text, enum mail_security *out)
{
	for (size_t i = 0; i < ARRAY_LEN(securities); i++)
		if (!strcmp(text, securities[i].name)) {
			*out = (enum mail_security)i;
			return true;
		}
	return false;
}

/* ---- the server ---- */

/* "host" or "host:port", "[address]:port" */
int mail_check_server(const char *server, struct error *e)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_", digits[] = "0123456789";
	bool literal = *server == '[';
	size_t host = literal ? 1 + strspn(server + 1, "0123456789abcdefABCDEF:.") : strspn(server, letters);
	const char *rest = server + host;
	bool ok = host > (literal ? 1 : 0) && host < 256 && (!literal || *rest++ == ']');

	if (ok && *rest == ':') {
		size_t n = strspn(rest + 1, digits);
		long port = n && n <= 5 ? strtol(rest + 1, NULL, 10) : 0;

		ok = port > 0 && port < 65536;
		rest += 1 + n;
	}
	if (!ok || *rest)
		return error_set(e, ERR_USAGE, "\"%s\" is not a mail server; write it as host or host:port", server);
	return 0;
}

static bool has_port(const char *server)
{
	const char *bracket = strchr(server, ']');

	return strchr(bracket ? bracket : server, ':') != NULL;
}

/* ---- what is said on the way ---- */

struct talk {
	const struct buf *message;
	size_t sent;
	const struct strlist *addresses;
	struct strlist *refused;
	size_t asked;                   /* recipients that the server was told of */
	bool asking;                    /* the next reply is about the last of them */
	int code;                       /* of the last reply that says no; 0 before the first */
	char reply[REPLY_MAX];
};

static size_t give(char *to, size_t size, size_t n, void *ctx)
{
	struct talk *t = ctx;
	size_t left = t->message->len - t->sent;

	n = n * size < left ? n * size : left;
	memcpy(to, t->message->p + t->sent, n);
	t->sent += n;
	return n;
}

static size_t ignore(char *p, size_t size, size_t n, void *ctx)
{
	return size * n;
}

/* What is kept of a reply is its last line, made printable, when it says no: "550 5.1.1 no such user". */
static void hear(struct talk *t, const char *p, size_t n)
{
	bool asking = t->asking;
	size_t len = 0;

	if (n < 4 || p[3] != ' ')
		return;
	t->asking = false;
	if (*p != '4' && *p != '5')
		return;
	while (len < n && len < REPLY_MAX - 1 && p[len] != '\r' && p[len] != '\n') {
		t->reply[len] = p[len] >= 0x20 && p[len] < 0x7f ? p[len] : '?';
		len++;
	}
	t->reply[len] = '\0';
	t->code = (int)strtol(t->reply, NULL, 10);
	if (asking)
		strlist_addf(t->refused, "%s: %s", t->addresses->v[t->asked - 1], t->reply);
}

/* libcurl says what goes out and comes in, without telling us in any other way which recipients were refused. */
static int watch(CURL *c, curl_infotype what, char *p, size_t n, void *ctx)
{
	struct talk *t = ctx;

	if (what == CURLINFO_HEADER_OUT && n > 8 && !memcmp(p, "RCPT TO:", 8) && t->asked < t->addresses->n) {
		t->asked++;
		t->asking = true;
	} else if (what == CURLINFO_HEADER_IN) {
		hear(t, p, n);
	}
	return 0;
}

/* ---- sending ---- */

static void list_free(struct curl_slist **l)
{
	curl_slist_free_all(*l);
}

static int bare_addresses(const struct mail *m, char **from, struct strlist *to, struct curl_slist **list, struct error *e)
{
	AUTO_FREE char *ignored = NULL;
	int rc = mail_address(m->from, &ignored, from, e);

	for (size_t i = 0; !rc && i < m->to->n; i++) {
		AUTO_FREE char *name = NULL;
		char *address = NULL;

		rc = mail_address(m->to->v[i], &name, &address, e);
		if (rc)
			break;
		strlist_take(to, address);
		struct curl_slist *longer = curl_slist_append(*list, address);
		if (!longer)
			abort();
		*list = longer;
	}
	return rc;
}

static void set_up(CURL *c, const struct mail_server *s, const char *from, struct curl_slist *to, struct talk *t)
{
	AUTO_FREE char *url = mem_printf("%s://%s%s%s", securities[s->security].scheme, s->server, has_port(s->server) ? "" : ":",
					 has_port(s->server) ? "" : securities[s->security].port);

	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_USE_SSL, (long)(s->security == MAIL_STARTTLS ? CURLUSESSL_ALL : CURLUSESSL_NONE));
	if (s->user && *s->user) {
		curl_easy_setopt(c, CURLOPT_USERNAME, s->user);
		curl_easy_setopt(c, CURLOPT_PASSWORD, s->password && s->password->len ? (const char *)s->password->p : "");
	}
	curl_easy_setopt(c, CURLOPT_MAIL_FROM, from);
	curl_easy_setopt(c, CURLOPT_MAIL_RCPT, to);
	curl_easy_setopt(c, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
	curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)t->message->len);
	curl_easy_setopt(c, CURLOPT_READFUNCTION, give);
	curl_easy_setopt(c, CURLOPT_READDATA, t);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, ignore);
	curl_easy_setopt(c, CURLOPT_VERBOSE, 1L);
	curl_easy_setopt(c, CURLOPT_DEBUGFUNCTION, watch);
	curl_easy_setopt(c, CURLOPT_DEBUGDATA, t);
}

static int no_encryption(const struct transfer *t, struct error *e)
{
	error_set(e, ERR_ACCESS, "%s does not offer STARTTLS, so nothing was sent", t->host);
	return error_hint(e, "try the security \"tls\" (port 465), or \"none\" where the network is trusted");
}

static int failed(const struct transfer *t, const struct mail_server *s, const struct talk *talk, CURLcode code, struct error *e)
{
	bool said = code == CURLE_SEND_ERROR || code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_REMOTE_ACCESS_DENIED || code == CURLE_RECV_ERROR;

	if (code == CURLE_LOGIN_DENIED)
		return error_set(e, ERR_PASSWORD, "%s does not accept the user \"%s\" with this password (%s)", t->host, s->user ? s->user : "", talk->reply);
	if (code == CURLE_USE_SSL_FAILED)
		return no_encryption(t, e);
	if (said && talk->code >= 500)
		return error_set(e, ERR_REFUSED, "%s refuses the mail: %s", t->host, talk->reply);
	if (said && talk->code >= 400)
		return error_set(e, ERR_TEMPORARY, "%s does not take the mail now: %s", t->host, talk->reply);
	return transfer_error(t, code, e);
}

int mail_send(const struct mail_server *s, const struct mail *m, struct strlist *refused, struct progress *p, struct error *e)
{
	CLEANUP(buf_release) struct buf message = BUF_INIT;
	CLEANUP(strlist_release) struct strlist to = {0};
	CLEANUP(list_free) struct curl_slist *list = NULL;
	AUTO_FREE char *from = NULL;
	CLEANUP(transfer_release) struct transfer t = {0};
	struct talk talk = {.message = &message, .addresses = &to, .refused = refused};
	int rc = mail_check_server(s->server, e);

	if (!rc)
		rc = mail_compose(m, &message, e);
	if (!rc)
		rc = bare_addresses(m, &from, &to, &list, e);
	if (rc)
		return rc;
	transfer_init(&t, "smtp,smtps", mem_string(s->server), s->timeout > 0 ? s->timeout : TIMEOUT);
	set_up(t.curl, s, from, list, &talk);
	CURLcode code = transfer_run(&t, p);

	return code == CURLE_OK ? 0 : failed(&t, s, &talk, code, e);
}
