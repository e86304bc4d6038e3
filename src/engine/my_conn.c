/* Talking to a MySQL or MariaDB server. */
#include "engine/my.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "engine/line.h"

#include <errmsg.h>
#include <errno.h>
#include <mysqld_error.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_SECONDS 10
#define LOOK_UP_MS 100
#define PACKET_MAX ((unsigned long)1 << 30)
#define SYSTEM_CA "/etc/ssl/certs/ca-certificates.crt"
/* Codes of newer or other servers that this library's headers need not have. */
#define CONNECTION_WAS_KILLED 1927 /* MariaDB */
#define TABLE_IS_FULL 1114
#define NO_ROUTINE_RIGHT 1370

static bool has_mode(const struct my_place *p, const char *mode)
{
	return p->ssl_mode && strcmp(p->ssl_mode, mode) == 0;
}

/* The library has no check of the chain alone: both verify the host's name too. */
static bool verifies(const struct my_place *p)
{
	return has_mode(p, "verify-ca") || has_mode(p, "verify-identity");
}

const char *my_tls_ca(const struct my_place *p)
{
	if (p->ssl_ca || !verifies(p))
		return p->ssl_ca;
	return fs_exists(SYSTEM_CA) ? SYSTEM_CA : NULL;
}

/* ---- errors ---- */

static enum err_kind kind_of_code(unsigned code)
{
	static const struct {
		unsigned code;
		enum err_kind kind;
	} known[] = {
		{ER_DBACCESS_DENIED_ERROR, ERR_ACCESS},
		{ER_ACCESS_DENIED_ERROR, ERR_ACCESS},
		{ER_TABLEACCESS_DENIED_ERROR, ERR_ACCESS},
		{ER_COLUMNACCESS_DENIED_ERROR, ERR_ACCESS},
		{ER_SPECIFIC_ACCESS_DENIED_ERROR, ERR_ACCESS},
		{NO_ROUTINE_RIGHT, ERR_ACCESS},
		{ER_HOST_NOT_PRIVILEGED, ERR_ACCESS},
		{ER_HOST_IS_BLOCKED, ERR_ACCESS},
		{ER_ACCESS_DENIED_NO_PASSWORD_ERROR, ERR_ACCESS},
		{ER_OPTION_PREVENTS_STATEMENT, ERR_ACCESS},
		{ER_BAD_DB_ERROR, ERR_NOT_FOUND},
		{ER_NO_SUCH_TABLE, ERR_NOT_FOUND},
		{ER_DB_CREATE_EXISTS, ERR_EXISTS},
		{ER_TABLE_EXISTS_ERROR, ERR_EXISTS},
		{ER_DISK_FULL, ERR_NO_SPACE},
		{TABLE_IS_FULL, ERR_NO_SPACE},
		{CR_CONNECTION_ERROR, ERR_TEMPORARY},
		{CR_CONN_HOST_ERROR, ERR_TEMPORARY},
		{CR_UNKNOWN_HOST, ERR_TEMPORARY},
		{CR_SERVER_GONE_ERROR, ERR_TEMPORARY},
		{CR_SERVER_LOST, ERR_TEMPORARY},
		{CR_SERVER_LOST_EXTENDED, ERR_TEMPORARY},
		{ER_CON_COUNT_ERROR, ERR_TEMPORARY},
		{ER_TOO_MANY_USER_CONNECTIONS, ERR_TEMPORARY},
		{ER_SERVER_SHUTDOWN, ERR_TEMPORARY},
		{CONNECTION_WAS_KILLED, ERR_TEMPORARY},
		{ER_LOCK_WAIT_TIMEOUT, ERR_LOCKED},
		{ER_LOCK_DEADLOCK, ERR_TEMPORARY},
	};
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].code == code)
			return known[i].kind;
	return ERR_CHILD;
}

static const char *hint_of_code(unsigned code)
{
	switch (code) {
	case ER_ACCESS_DENIED_ERROR:
	case ER_ACCESS_DENIED_NO_PASSWORD_ERROR:
		return "check the user and the password: in the URL, in the group [client] of ~/.my.cnf, or in "
		       "MYSQL_PWD";
	case CR_CONNECTION_ERROR:
	case CR_CONN_HOST_ERROR:
	case CR_UNKNOWN_HOST:
		return "check that the server runs and that host, port or socket are right";
	case ER_BAD_DB_ERROR:
		return "check the name of the database, which is what follows the host in the URL";
	case CR_SSL_CONNECTION_ERROR:
		return "ssl-mode and ssl-ca in the URL say whether the connection is encrypted and whom to trust";
	default:
		return NULL;
	}
}

int my_error(MYSQL *c, struct error *e, const char *fmt, ...)
{
	unsigned code = mysql_errno(c);
	const char *text = mysql_error(c), *hint = hint_of_code(code);
	va_list ap;
	va_start(ap, fmt);
	AUTO_FREE char *what = mem_vprintf(fmt, ap);
	va_end(ap);
	if (line_is_cut(c))
		return error_set(e, ERR_CANCELLED, "cancelled");
	/* Full disks come in many codes, and with the system's words. */
	bool full = strstr(text, "No space left") || strstr(text, "Disk full") || strstr(text, "Disk quota exceeded");
	error_set(e, full ? ERR_NO_SPACE : kind_of_code(code), "%s: %s (%u)", what, *text ? text : "no reason given",
		code);
	return hint ? error_hint(e, "%s", hint) : -(int)e->kind;
}

/* ---- connecting ---- */

static void start_library(void)
{
	mysql_library_init(0, NULL, NULL);
}

/* The library tells who waits on a socket by nothing but the thread. */
static _Thread_local struct {
	struct progress *progress;
	double since;                     /* cancelled; 0: not */
	bool cut;
} connecting;

/* Cancelled so long ago that nothing more is waited for. A connection that is made after that, to tidy up, has a time of its own. */
static bool is_over(void)
{
	struct error ignored;
	if (!progress_check(connecting.progress, &ignored))
		return false;
	if (connecting.since == 0)
		connecting.since = time_monotonic();
	connecting.cut = time_monotonic() - connecting.since >= LINE_GRACE_SECONDS;
	return connecting.cut;
}

/* In the library's place: more than 0 when the socket is ready, 0 after `timeout` milliseconds (-1: none), -1 on failure. Once there
 * is a connection, line.h ends what waits too long. */
static int wait_for_socket(my_socket fd, my_bool to_read, int timeout)
{
	struct pollfd wait = {.fd = fd, .events = to_read ? POLLIN : POLLOUT};
	double end = time_monotonic() + timeout / 1000.0;
	while (!connecting.progress || !is_over()) {
		int left = timeout < 0 ? LOOK_UP_MS : (int)((end - time_monotonic()) * 1000);
		if (timeout >= 0 && left <= 0)
			break;
		int ready = poll(&wait, 1, left < LOOK_UP_MS ? left : LOOK_UP_MS);
		if (ready > 0 || (ready < 0 && errno != EINTR))
			return ready;
	}
	errno = ETIMEDOUT;
	return 0;
}

static void set_tls(MYSQL *c, const struct my_place *p)
{
	const my_bool yes = 1, verify = verifies(p);
	if (has_mode(p, "disabled") || p->socket)
		return;
	mysql_optionsv(c, MYSQL_OPT_SSL_ENFORCE, &yes);
	mysql_optionsv(c, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
	if (my_tls_ca(p))
		mysql_optionsv(c, MYSQL_OPT_SSL_CA, my_tls_ca(p));
	if (p->ssl_cert)
		mysql_optionsv(c, MYSQL_OPT_SSL_CERT, p->ssl_cert);
	if (p->ssl_key)
		mysql_optionsv(c, MYSQL_OPT_SSL_KEY, p->ssl_key);
}

static void set_options(MYSQL *c, const struct my_place *p)
{
	const unsigned seconds = CONNECT_SECONDS, no = 0, protocol = MYSQL_PROTOCOL_TCP;
	const unsigned long packet = PACKET_MAX;
	mysql_optionsv(c, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
	mysql_optionsv(c, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	mysql_optionsv(c, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet);
	/* A server must not ask us for files. */
	mysql_optionsv(c, MYSQL_OPT_LOCAL_INFILE, &no);
	mysql_optionsv(c, MARIADB_OPT_IO_WAIT, wait_for_socket);
	if (p->tcp)
		mysql_optionsv(c, MYSQL_OPT_PROTOCOL, &protocol);
	set_tls(c, p);
}

/* What an encrypted connection was asked for must be one: the library goes on without when the server cannot. */
static int check_tls(MYSQL *c, const struct my_place *p, struct error *e)
{
	bool must = has_mode(p, "required") || verifies(p);
	if (!must || p->socket || mysql_get_ssl_cipher(c))
		return 0;
	error_set(e, ERR_ACCESS, "the server does not encrypt the connection, as ssl-mode=%s demands", p->ssl_mode);
	return error_hint(e, "let the server use TLS, or give ssl-mode=preferred");
}

static int settle(MYSQL *c, struct error *e)
{
	int err = my_exec(c, e,
		my_sql("SET NAMES utf8mb4, time_zone = '+00:00', sql_mode = 'NO_AUTO_VALUE_ON_ZERO', "
		       "wait_timeout = 31536000, net_read_timeout = 31536000, net_write_timeout = 31536000"));
	if (err)
		return err;
	if (my_is_mariadb(c))
		return my_exec(c, e, my_sql("SET max_statement_time = 0"));
	/* Older MySQL knows neither. */
	struct error ignored;
	(void)!my_exec(c, &ignored, my_sql("SET max_execution_time = 0"));
	(void)!my_exec(c, &ignored, my_sql("SET information_schema_stats_expiry = 0"));
	return 0;
}

static char *where(const struct my_place *p)
{
	if (p->socket)
		return mem_string(p->socket);
	const char *host = p->host ? p->host : "localhost";
	if (!p->tcp && strcmp(host, "localhost") == 0)
		return mem_string(host);
	return mem_printf(strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, p->port ? p->port : MYSQL_PORT);
}

/* Where the library waits for the server meanwhile it can be cancelled. */
static int establish(const struct my_place *p, const char *database, MYSQL *c, struct error *e)
{
	AUTO_FREE char *at = where(p);
	connecting.progress = p->progress;
	connecting.since = 0;
	connecting.cut = false;
	bool made = mysql_real_connect(c, p->socket ? "localhost" : p->host, p->user, p->password ? p->password : "",
		database && *database ? database : NULL, p->socket || !p->port ? MYSQL_PORT : p->port, p->socket, 0);
	connecting.progress = NULL;
	if (!made && connecting.cut)
		return error_set(e, ERR_CANCELLED, "cancelled");
	if (!made)
		return my_error(c, e, "connecting to %s", at);
	line_watch(c, mysql_get_socket(c), p->progress);
	int err = check_tls(c, p, e);
	if (!err)
		err = settle(c, e);
	return err ? error_wrap(e, "connecting to %s", at) : 0;
}

int my_connect(const struct my_place *p, const char *database, MYSQL **out, struct error *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, start_library);
	CLEANUP(my_disconnect) MYSQL *c = mysql_init(NULL);
	if (!c)
		abort();
	set_options(c, p);
	int err = establish(p, database ? database : p->database, c, e);
	if (!err)
		*out = TAKE(c);
	return err;
}

void my_disconnect(MYSQL **c)
{
	if (!*c)
		return;
	line_forget(*c);
	mysql_close(*c);
	*c = NULL;
}

void my_stop_statement(const struct my_place *p, MYSQL *busy)
{
	CLEANUP(my_disconnect) MYSQL *c = NULL;
	struct error ignored;
	if (my_connect(p, "", &c, &ignored) == 0)
		(void)!my_exec(c, &ignored, my_sql("KILL QUERY %llu", (unsigned long long)mysql_thread_id(busy)));
}

void my_clear(MYSQL_RES **r)
{
	if (*r)
		mysql_free_result(*r);
	*r = NULL;
}

bool my_is_mariadb(MYSQL *c)
{
	const char *version = mysql_get_server_info(c);
	return version && strcasestr(version, "mariadb");
}

char *my_server_title(MYSQL *c)
{
	const char *version = mysql_get_server_info(c);
	/* Servers behind old replication protocols call themselves 5.5.5-10.11.6-MariaDB. */
	if (my_is_mariadb(c) && strncmp(version, "5.5.5-", 6) == 0)
		version += 6;
	return mem_printf("%s %.*s", my_is_mariadb(c) ? "MariaDB" : "MySQL", (int)strcspn(version, "-"), version);
}

/* ---- statements ---- */

static void add_name(struct buf *b, const char *name)
{
	buf_add_byte(b, '`');
	for (; *name; name++) {
		if (*name == '`')
			buf_add_byte(b, '`');
		buf_add_byte(b, (unsigned char)*name);
	}
	buf_add_byte(b, '`');
}

/* The session's sql_mode has no NO_BACKSLASH_ESCAPES, and utf8mb4 no character with such a byte in it. */
static void add_literal(struct buf *b, const char *text)
{
	if (!text) {
		buf_add_str(b, "NULL");
		return;
	}
	buf_add_byte(b, '\'');
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			buf_add_byte(b, '\\');
		buf_add_byte(b, (unsigned char)*text);
	}
	buf_add_byte(b, '\'');
}

/* One conversion; returns what follows it. */
static const char *add_value(struct buf *b, const char *f, va_list *ap)
{
	if (*f == 'I')
		add_name(b, va_arg(*ap, const char *));
	else if (*f == 'L')
		add_literal(b, va_arg(*ap, const char *));
	else if (*f == 's')
		buf_add_str(b, va_arg(*ap, const char *));
	else if (*f == '%')
		buf_add_byte(b, '%');
	else if (strncmp(f, "lld", 3) == 0)
		buf_printf(b, "%lld", va_arg(*ap, long long));
	else if (strncmp(f, "llu", 3) == 0)
		buf_printf(b, "%llu", va_arg(*ap, unsigned long long));
	else if (*f == 'd')
		buf_printf(b, "%d", va_arg(*ap, int));
	else if (*f == 'u')
		buf_printf(b, "%u", va_arg(*ap, unsigned));
	else
		abort();
	return f + (strncmp(f, "ll", 2) == 0 ? 3 : 1);
}

char *my_sql(const char *fmt, ...)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	va_list ap;
	va_start(ap, fmt);
	while (*fmt) {
		size_t n = strcspn(fmt, "%");
		buf_add(&b, fmt, n);
		fmt += n;
		if (*fmt)
			fmt = add_value(&b, fmt + 1, &ap);
	}
	va_end(ap);
	return buf_take_text(&b);
}

/* The first words of a statement, for messages. Statements with passwords are not made here. */
static char *excerpt(const char *sql)
{
	size_t n = strlen(sql);
	return n <= 100 ? mem_string(sql) : mem_printf("%.*s...", 97, sql);
}

char *my_names(const struct strlist *names)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	for (size_t i = 0; i < names->n; i++) {
		AUTO_FREE char *name = my_sql("%I", names->v[i]);
		buf_printf(&b, "%s%s", i ? ", " : "", name);
	}
	return buf_take_text(&b);
}

int my_exec(MYSQL *c, struct error *e, char *sql)
{
	AUTO_FREE char *own = sql;
	AUTO_FREE char *shown = excerpt(own);
	line_touch(c);
	int rc = mysql_real_query(c, own, strlen(own));
	while (rc == 0) {
		MYSQL_RES *r = mysql_use_result(c);
		if (r)
			mysql_free_result(r);
		rc = mysql_next_result(c);
	}
	return rc > 0 && mysql_errno(c) ? my_error(c, e, "%s", shown) : 0;
}

int my_query(MYSQL *c, MYSQL_RES **out, struct error *e, char *sql)
{
	AUTO_FREE char *own = sql;
	AUTO_FREE char *shown = excerpt(own);
	*out = NULL;
	line_touch(c);
	if (mysql_real_query(c, own, strlen(own)) == 0)
		*out = mysql_store_result(c);
	return *out ? 0 : my_error(c, e, "%s", shown);
}

int my_value(MYSQL *c, char **out, struct error *e, char *sql)
{
	CLEANUP(my_clear) MYSQL_RES *r = NULL;
	int err = my_query(c, &r, e, sql);
	if (err)
		return err;
	MYSQL_ROW row = mysql_fetch_row(r);
	*out = row && row[0] ? mem_string_n(row[0], mysql_fetch_lengths(r)[0]) : NULL;
	return 0;
}
