/* Mail: composing a message (RFC 5322, MIME) and handing it to a server (SMTP by libcurl).
 *
 * Whatever is in the texts, the headers are ours: a subject is one line, encoded (RFC 2047) when it is not plain ASCII, and addresses are
 * checked, so that no name from outside can add a header or a recipient. */
#ifndef BASE_MAIL_H
#define BASE_MAIL_H

#include "base/buf.h"
#include "base/progress.h"
#include "base/secret.h"
#include "base/strlist.h"

#include <time.h>

#define MAIL_RECIPIENTS 50

struct mail {
	const char *from;               /* "backup@example.org" or "Backups at home <backup@example.org>" */
	const struct strlist *to;       /* the same, 1..MAIL_RECIPIENTS */
	const char *subject;            /* UTF-8; control characters become spaces */
	const char *text;               /* UTF-8, lines ended by \n */
	const char *html;               /* the same as a document of its own; or NULL */
	struct timespec date;
};
/* The message with its headers, CRLF line ends: multipart/alternative when there is html, both as quoted-printable. */
int mail_compose(const struct mail *m, struct buf *out, struct error *e) MUST_USE;

/* Take an address apart; *name is NULL when there is none. -ERR_USAGE ""x y" is not a mail address": an address is ASCII. Heap. */
int mail_address(const char *text, char **name, char **address, struct error *e) MUST_USE;

/* With MAIL_STARTTLS and MAIL_TLS nothing, least of all a password, passes before the connection is encrypted and the server's
 * certificate was checked. MAIL_NONE encrypts nothing. Ports when none is given: 587, 465, 25. */
enum mail_security { MAIL_STARTTLS, MAIL_TLS, MAIL_NONE };
const char *mail_security_name(enum mail_security s);       /* "starttls", "tls", "none" */
bool mail_security_parse(const char *text, enum mail_security *out);

struct mail_server {
	const char *server;             /* "smtp.example.org", "localhost:2525", "[::1]:25" */
	enum mail_security security;
	const char *user;               /* NULL or "": no login */
	const struct secret *password;
	double timeout;                 /* seconds for all of it; 0: 60 */
};
/* -ERR_USAGE: "... is not a mail server; write it as host or host:port". */
int mail_check_server(const char *server, struct error *e) MUST_USE;
/* 0 when the server has taken the message for at least one recipient; those it refused are added to `refused`, each with the server's words.
 * -ERR_PASSWORD for a login that is refused, -ERR_ACCESS for a certificate that does not hold or a STARTTLS that is not offered, -ERR_REFUSED for
 * a server that does not want the mail (5xx), -ERR_TEMPORARY for all that may pass (4xx, no connection). */
int mail_send(const struct mail_server *s, const struct mail *m, struct strlist *refused, struct progress *p, struct error *e) MUST_USE;

#endif
