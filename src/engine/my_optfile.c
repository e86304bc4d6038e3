/* Option files of MySQL and MariaDB: the groups that every client reads. MySQL Reference Manual, "Using Option Files";
 * MariaDB Knowledge Base, "Configuring MariaDB with Option Files". */
#include "engine/my.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/secret.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define OPTFILE_MAX ((size_t)1 << 20)
#define INCLUDE_DEPTH 10

/* What the files say. A later one overrides an earlier one. */
struct options {
	struct my_place place;
	bool tcp; /* protocol=tcp */
};

static bool is_client_group(const char *group)
{
	static const char *const ours[] = {"client", "client-server", "client-mariadb"};
	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (strcmp(group, ours[i]) == 0)
			return true;
	return false;
}

static bool is_true(const char *value)
{
	return !*value || (strcmp(value, "0") != 0 && strcasecmp(value, "off") != 0 && strcasecmp(value, "false") != 0);
}

static void set(char **field, const char *value)
{
	if (*field)
		secret_wipe(*field, strlen(*field));
	free(*field);
	*field = mem_string(value);
}

static void set_tls(struct my_place *p, const char *key, const char *value)
{
	if (strcmp(key, "ssl") == 0)
		set(&p->ssl_mode, is_true(value) ? "required" : "disabled");
	else if (strcmp(key, "skip-ssl") == 0 || strcmp(key, "disable-ssl") == 0)
		set(&p->ssl_mode, "disabled");
	else if (strcmp(key, "ssl-verify-server-cert") == 0 && is_true(value))
		set(&p->ssl_mode, "verify-identity");
	else if (strcmp(key, "ssl-mode") == 0) {
		set(&p->ssl_mode, value);
		for (char *c = p->ssl_mode; *c; c++)
			*c = *c == '_' ? '-' : (char)tolower((unsigned char)*c);
	}
}

static void set_option(struct options *o, const char *key, const char *value)
{
	struct my_place *p = &o->place;
	const struct {
		const char *key;
		char **field;
	} texts[] = {{"user", &p->user}, {"password", &p->password}, {"host", &p->host}, {"socket", &p->socket},
		{"ssl-ca", &p->ssl_ca}, {"ssl-cert", &p->ssl_cert}, {"ssl-key", &p->ssl_key}};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (strcmp(key, texts[i].key) == 0) {
			set(texts[i].field, value);
			return;
		}
	if (strcmp(key, "port") == 0)
		p->port = (unsigned)strtoul(value, NULL, 10) & 0xffff;
	else if (strcmp(key, "protocol") == 0)
		o->tcp = strcasecmp(value, "tcp") == 0;
	else
		set_tls(p, key, value);
}

/* A value without its quotes and escapes, in place; a comment may follow one that has no quotes. */
static void unquote(char *v)
{
	char *to = v, *from = v, quote = 0;
	if (*from == '"' || *from == '\'')
		quote = *from++;
	for (; *from && *from != quote; from++) {
		static const char known[] = "btnrs\\\"'", meant[] = "\b\t\n\r \\\"'";
		const char *escape = *from == '\\' && from[1] ? strchr(known, from[1]) : NULL;
		if (!quote && *from == '#')
			break;
		if (escape)
			from++;
		*to++ = escape ? meant[escape - known] : *from;
	}
	while (!quote && to > v && isspace((unsigned char)to[-1]))
		to--;
	*to = '\0';
}

static char *trim(char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	size_t n = strlen(s);
	while (n > 0 && isspace((unsigned char)s[n - 1]))
		s[--n] = '\0';
	return s;
}

static int read_file(const char *path, int depth, struct options *o, struct error *e);

static int read_folder(const char *dir, int depth, struct options *o, struct error *e)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	int err = fs_list(dir, &names, e);
	for (size_t i = 0; i < names.n && !err; i++) {
		size_t n = strlen(names.v[i]);
		AUTO_FREE char *path = path_join(dir, names.v[i]);
		if (n > 4 && strcmp(names.v[i] + n - 4, ".cnf") == 0)
			err = read_file(path, depth, o, e);
	}
	return err;
}

/* "!include FILE", "!includedir FOLDER": what cannot be read is passed over, as by the vendor's clients. */
static void read_directive(char *line, int depth, struct options *o)
{
	struct error ignored;
	char *arg = line + strcspn(line, " \t");
	if (*arg)
		*arg++ = '\0';
	arg = trim(arg);
	if (depth >= INCLUDE_DEPTH)
		return;
	if (strcmp(line, "!include") == 0)
		(void)!read_file(arg, depth + 1, o, &ignored);
	else if (strcmp(line, "!includedir") == 0)
		(void)!read_folder(arg, depth + 1, o, &ignored);
}

static void read_setting(char *line, struct options *o)
{
	char *equals = strchr(line, '=');
	char *value = equals ? trim(equals + 1) : line + strlen(line);
	if (equals)
		*equals = '\0';
	char *key = trim(line);
	for (char *c = key; *c; c++)
		*c = *c == '_' ? '-' : *c;
	if (strncmp(key, "loose-", 6) == 0)
		key += 6;
	unquote(value);
	set_option(o, key, value);
}

static void read_text(char *text, int depth, struct options *o)
{
	bool ours = false;
	for (char *line; (line = strsep(&text, "\n"));) {
		line = trim(line);
		size_t n = strlen(line);
		if (!n || *line == '#' || *line == ';')
			continue;
		if (*line == '!')
			read_directive(line, depth, o);
		else if (*line == '[' && line[n - 1] == ']') {
			line[n - 1] = '\0';
			ours = is_client_group(trim(line + 1));
		} else if (ours)
			read_setting(line, o);
	}
}

/* A file that everybody may write to is not listened to. */
static int read_file(const char *path, int depth, struct options *o, struct error *e)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	struct stat st;
	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & S_IWOTH))
		return error_set(e, ERR_ACCESS, "%s can be written by everybody, so that it is not used", path);
	int err = fs_read_file(path, OPTFILE_MAX, &text, e);
	if (err)
		return err;
	char *copy = mem_string(buf_text(&text));
	size_t n = strlen(copy);
	read_text(copy, depth, o);
	secret_wipe(copy, n);
	secret_wipe(text.p, text.len);
	free(copy);
	return 0;
}

/* The usual ones, in the order in which they override each other. */
static void read_usual(struct options *o)
{
	struct error ignored;
	static const char *const fixed[] = {"/etc/my.cnf", "/etc/mysql/my.cnf"};
	static const char *const homes[][2] = {
		{"MARIADB_HOME", "my.cnf"}, {"MYSQL_HOME", "my.cnf"}, {"HOME", ".my.cnf"}};
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		(void)!read_file(fixed[i], 0, o, &ignored);
	for (size_t i = 0; i < ARRAY_LEN(homes); i++) {
		const char *dir = getenv(homes[i][0]);
		AUTO_FREE char *path = path_join(dir ? dir : "", homes[i][1]);
		if (dir && *dir)
			(void)!read_file(path, 0, o, &ignored);
	}
}

static void fill(char **field, char **from)
{
	if (!*field)
		*field = TAKE(*from);
}

/* A socket of the files is for this machine's own server, not for a host or port that was named. */
static void fill_address(struct my_place *p, struct options *o)
{
	if (p->socket)
		return;
	if (!p->host) {
		fill(&p->host, &o->place.host);
		p->tcp = p->tcp || o->tcp;
	}
	bool local = !p->host || strcmp(p->host, "localhost") == 0;
	if (local && !p->tcp)
		fill(&p->socket, &o->place.socket);
	if (!p->port)
		p->port = o->place.port;
}

int my_optfile_read(const char *file, struct my_place *p, struct error *e)
{
	struct options o = {0};
	int err = 0;
	if (file)
		err = read_file(file, 0, &o, e);
	else
		read_usual(&o);
	if (!err) {
		fill_address(p, &o);
		fill(&p->user, &o.place.user);
		fill(&p->password, &o.place.password);
		if (!p->ssl_mode && !p->ssl_ca && !p->ssl_cert)
			fill(&p->ssl_mode, &o.place.ssl_mode);
		fill(&p->ssl_ca, &o.place.ssl_ca);
		fill(&p->ssl_cert, &o.place.ssl_cert);
		fill(&p->ssl_key, &o.place.ssl_key);
	}
	my_place_release(&o.place);
	return err;
}
