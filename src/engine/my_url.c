/* URLs of MySQL and MariaDB databases, and what the vendor's tools are told of them. No text made here holds a part of
 * a URL that could be a password: a character that should have been encoded moves the borders between its parts. */
#include "engine/my.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/secret.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void forget(char **secret)
{
	if (*secret)
		secret_wipe(*secret, strlen(*secret));
	mem_free_ptr(secret);
}

void my_place_release(struct my_place *p)
{
	forget(&p->password);
	char *rest[] = {p->user, p->host, p->socket, p->database, p->ssl_mode, p->ssl_ca, p->ssl_cert, p->ssl_key,
		p->defaults_file};
	for (size_t i = 0; i < ARRAY_LEN(rest); i++)
		free(rest[i]);
	*p = (struct my_place){0};
}

/* ---- reading ---- */

static int not_a_url(struct error *e, const char *why)
{
	error_set(e, ERR_USAGE, "the URL of the database makes no sense: %s", why);
	return error_hint(e, "write mysql://USER:PASSWORD@HOST:3306/DATABASE, other characters than letters and digits "
			     "as %%XX, or mysql:///DATABASE?socket=FILE");
}

static int hex_digit(char c)
{
	return isdigit((unsigned char)c)    ? c - '0'
	       : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
					    : -1;
}

/* The n characters at s without their percent-encoding; heap. */
static int decode(const char *s, size_t n, char **out, struct error *e)
{
	AUTO_FREE char *text = mem_alloc(n + 1);
	size_t len = 0;
	for (size_t i = 0; i < n; i++) {
		text[len++] = s[i];
		if (s[i] != '%')
			continue;
		int high = n - i > 2 ? hex_digit(s[i + 1]) : -1, low = n - i > 2 ? hex_digit(s[i + 2]) : -1;
		if (high < 0 || low < 0 || high + low == 0)
			return not_a_url(e, "two hexadecimal digits, not 00, must follow a percent sign");
		text[len - 1] = (char)(high * 16 + low);
		i += 2;
	}
	text[len] = '\0';
	*out = TAKE(text);
	return 0;
}

static int parse_port(const char *s, size_t n, struct my_place *p, struct error *e)
{
	unsigned long port = 0;
	for (size_t i = 0; i < n; i++) {
		if (!isdigit((unsigned char)s[i]))
			return not_a_url(e, "the port is not a number");
		port = port * 10 + (unsigned long)(s[i] - '0');
		if (port > 65535)
			return not_a_url(e, "the port is above 65535");
	}
	if (n && !port)
		return not_a_url(e, "the port is 0");
	p->port = (unsigned)port;
	return 0;
}

static int parse_host(const char *s, size_t n, struct my_place *p, struct error *e)
{
	const char *end = memchr(s, ':', n);
	size_t host = end ? (size_t)(end - s) : n, skip = 0;
	if (n && *s == '[') {
		const char *bracket = memchr(s, ']', n);
		if (!bracket)
			return not_a_url(e, "a bracket is not closed");
		skip = 1;
		host = (size_t)(bracket - s) - 1;
		end = host + 2 < n ? bracket + 1 : NULL;
		if (end && *end != ':')
			return not_a_url(e, "only a port may follow an address in brackets");
	}
	if (host) {
		int err = decode(s + skip, host, &p->host, e);
		if (err)
			return err;
	}
	return end ? parse_port(end + 1, (size_t)(s + n - end - 1), p, e) : 0;
}

static int parse_authority(const char *s, size_t n, struct my_place *p, struct error *e)
{
	const char *at = memrchr(s, '@', n);
	int err = 0;
	if (at) {
		size_t who = (size_t)(at - s);
		const char *colon = memchr(s, ':', who);
		size_t user = colon ? (size_t)(colon - s) : who;
		if (user)
			err = decode(s, user, &p->user, e);
		if (!err && colon)
			err = decode(colon + 1, (size_t)(at - colon - 1), &p->password, e);
		n -= who + 1;
		s = at + 1;
	}
	return err ? err : parse_host(s, n, p, e);
}

static bool is_ssl_mode(const char *mode)
{
	static const char *const modes[] = {"disabled", "preferred", "required", "verify-ca", "verify-identity"};
	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		if (strcmp(mode, modes[i]) == 0)
			return true;
	return false;
}

static int parse_setting(const char *s, size_t n, struct my_place *p, struct error *e)
{
	const struct {
		const char *key;
		char **field;
	} known[] = {{"socket", &p->socket}, {"ssl-mode", &p->ssl_mode}, {"ssl-ca", &p->ssl_ca},
		{"ssl-cert", &p->ssl_cert}, {"ssl-key", &p->ssl_key}, {"defaults-file", &p->defaults_file}};
	const char *equals = memchr(s, '=', n);
	size_t key = equals ? (size_t)(equals - s) : n;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (key != strlen(known[i].key) || memcmp(s, known[i].key, key) != 0)
			continue;
		if (!equals || *known[i].field || key + 1 == n)
			return not_a_url(e, "a setting has no value, or two");
		return decode(equals + 1, n - key - 1, known[i].field, e);
	}
	return not_a_url(e, "it may set socket, ssl-mode, ssl-ca, ssl-cert, ssl-key and defaults-file, nothing else");
}

static int parse_settings(const char *s, struct my_place *p, struct error *e)
{
	int err = 0;
	while (*s && !err) {
		size_t n = strcspn(s, "&");
		err = n ? parse_setting(s, n, p, e) : 0;
		s += n + (s[n] == '&');
	}
	if (!err && p->ssl_mode && !is_ssl_mode(p->ssl_mode))
		err = not_a_url(e, "ssl-mode is one of disabled, preferred, required, verify-ca, verify-identity");
	return err;
}

static int parse(const char *rest, struct my_place *p, struct error *e)
{
	if (strncmp(rest, "//", 2) != 0)
		return not_a_url(e, "two slashes must follow the scheme");
	const char *s = rest + 2;
	size_t authority = strcspn(s, "/?"), path = 0;
	if (strchr(s + authority, '@'))
		return not_a_url(e, "an @ follows the first slash or question mark; in a user name or password these "
				    "are %2F and %3F");
	int err = parse_authority(s, authority, p, e);
	s += authority;
	if (!err && *s == '/') {
		path = strcspn(++s, "?");
		if (memchr(s, '/', path))
			err = not_a_url(e, "a slash in the name of a database is written %2F");
		else
			err = decode(s, path, &p->database, e);
		s += path;
	}
	if (!err && (!p->database || !*p->database))
		err = not_a_url(e, "it names no database");
	if (!err && *s == '?')
		err = parse_settings(s + 1, p, e);
	p->tcp = p->port != 0 && !p->socket;
	return err;
}

int my_place_parse(const char *rest, struct my_place *out, struct error *e)
{
	CLEANUP(my_place_release) struct my_place p = {0};
	int err = parse(rest, &p, e);
	if (err)
		return err;
	*out = p;
	p = (struct my_place){0};
	return 0;
}

/* ---- showing ---- */

/* Everything but letters, digits and a few harmless characters percent-encoded. */
static void encode(struct buf *b, const char *s, const char *also)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if (isalnum(c) || strchr("-._~", c) || strchr(also, c))
			buf_add_byte(b, c);
		else
			buf_printf(b, "%%%02X", c);
	}
}

static void show_settings(struct buf *b, const struct my_place *p)
{
	const char *const settings[][2] = {{"socket", p->socket}, {"ssl-mode", p->ssl_mode}, {"ssl-ca", p->ssl_ca},
		{"ssl-cert", p->ssl_cert}, {"ssl-key", p->ssl_key}, {"defaults-file", p->defaults_file}};
	char before = '?';
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		if (!settings[i][1])
			continue;
		buf_printf(b, "%c%s=", before, settings[i][0]);
		encode(b, settings[i][1], "/");
		before = '&';
	}
}

static void show_host(struct buf *b, const struct my_place *p)
{
	bool six = p->host && strchr(p->host, ':');
	if (p->host) {
		buf_add_str(b, six ? "[" : "");
		encode(b, p->host, six ? ":" : "");
		buf_add_str(b, six ? "]" : "");
	}
	if (p->port)
		buf_printf(b, ":%u", p->port);
}

/* As given, but without the password. */
static char *shown(const struct my_place *p)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	buf_add_str(&b, "mysql://");
	if (p->user) {
		encode(&b, p->user, "");
		buf_add_byte(&b, '@');
	}
	show_host(&b, p);
	buf_add_byte(&b, '/');
	encode(&b, p->database, "");
	show_settings(&b, p);
	return buf_take_text(&b);
}

/* Where it really is, option files included. */
static char *identity(const struct my_place *p)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	const char *host = p->host && *p->host ? p->host : "localhost";
	buf_add_str(&b, "/mysql/");
	if (p->socket)
		buf_add_str(&b, p->socket + (*p->socket == '/'));
	else {
		for (const char *c = host; *c; c++)
			buf_add_byte(&b, (unsigned char)tolower((unsigned char)*c));
		if (p->tcp || strcmp(host, "localhost") != 0)
			buf_printf(&b, ":%u", p->port ? p->port : MYSQL_PORT);
	}
	buf_add_byte(&b, '/');
	for (const char *c = p->database; *c; c++)
		buf_printf(&b, *c == '/' || *c == '%' || (*c == '.' && c == p->database) ? "%%%02X" : "%c",
			(unsigned char)*c);
	AUTO_FREE char *text = buf_take_text(&b);
	return path_clean(text);
}

/* The entry of a backup: one component of a path. */
static char *entry_name(const char *database)
{
	char *name = mem_string(database);
	for (char *c = name; *c; c++)
		*c = *c == '/' || (*c == '.' && c == name) ? '_' : *c;
	return name;
}

int my_parse(struct source_url *u, struct error *e)
{
	CLEANUP(my_place_release) struct my_place given = {0}, whole = {0};
	int err = my_place_parse(u->rest, &given, e);
	if (!err)
		err = my_place_of(u, &whole, e);
	if (err)
		return err;
	u->shown = shown(&given);
	u->identity = identity(&whole);
	u->name = entry_name(whole.database);
	return 0;
}

int my_place_of(const struct source_url *u, struct my_place *out, struct error *e)
{
	CLEANUP(my_place_release) struct my_place p = {0};
	int err = my_place_parse(u->rest, &p, e);
	if (!err)
		err = my_optfile_read(p.defaults_file, &p, e);
	if (err)
		return err;
	const char *password = getenv("MYSQL_PWD");
	if (!p.password && password)
		p.password = mem_string(password);
	if (p.ssl_mode && !is_ssl_mode(p.ssl_mode))
		return error_set(e, ERR_USAGE, "ssl-mode \"%s\" in an option file is none that is known", p.ssl_mode);
	p.progress = u->progress;
	*out = p;
	p = (struct my_place){0};
	return 0;
}

/* ---- the vendor's tools ---- */

static void add(struct strlist *argv, const char *option, const char *value)
{
	if (value)
		strlist_addf(argv, "--%s=%s", option, value);
}

static void add_tls(const struct my_place *p, bool mariadb_tool, struct strlist *argv)
{
	const char *mode = p->ssl_mode ? p->ssl_mode : "preferred";
	bool verify = strncmp(mode, "verify-", 7) == 0;
	if (!mariadb_tool)
		strlist_addf(argv, "--ssl-mode=%s",
			strcmp(mode, "verify-ca") == 0         ? "VERIFY_CA"
			: strcmp(mode, "verify-identity") == 0 ? "VERIFY_IDENTITY"
							       : mode);
	else if (strcmp(mode, "disabled") == 0)
		strlist_add(argv, "--skip-ssl");
	else {
		strlist_add(argv, "--ssl");
		strlist_add(argv, verify ? "--ssl-verify-server-cert" : "--skip-ssl-verify-server-cert");
	}
}

void my_tool_args(const struct my_place *p, bool mariadb_tool, struct strlist *argv)
{
	strlist_add(argv, "--no-defaults");
	add(argv, "user", p->user);
	add(argv, "host", p->host ? p->host : "localhost");
	if (p->socket)
		add(argv, "socket", p->socket);
	else if (p->tcp || (p->host && strcmp(p->host, "localhost") != 0)) {
		strlist_addf(argv, "--port=%u", p->port ? p->port : MYSQL_PORT);
		add(argv, "protocol", "TCP");
	}
	add_tls(p, mariadb_tool, argv);
	add(argv, "ssl-ca", my_tls_ca(p));
	add(argv, "ssl-cert", p->ssl_cert);
	add(argv, "ssl-key", p->ssl_key);
}

void my_tool_env(const struct my_place *p, struct strlist *env)
{
	strlist_addf(env, "MYSQL_PWD=%s", p->password ? p->password : "");
	/* MySQL's tools read a login file even with --no-defaults, and its password would come first. */
	strlist_add(env, "MYSQL_TEST_LOGIN_FILE=/nonexistent/.mylogin.cnf");
}
