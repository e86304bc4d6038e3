/* What the environment and the file of BACKSTAY_CONFIG say. */
#include "base/fs.h"
#include "base/keyvalue.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/path.h"
#include "catalog/setting_inner.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)1 << 20)

extern char **environ;

/* The file as it was read last; read anew when it is another. */
static struct {
	pthread_mutex_t lock;
	char *path;
	struct stat st;
	struct strlist names, values;
} file = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void forget(void)
{
	free(file.path);
	file.path = NULL;
	strlist_release(&file.names);
	strlist_release(&file.values);
}

static bool is_same(const char *path, const struct stat *st)
{
	return file.path && !strcmp(file.path, path) && file.st.st_ino == st->st_ino && file.st.st_dev == st->st_dev &&
	       file.st.st_size == st->st_size && time_cmp(file.st.st_mtim, st->st_mtim) == 0 && time_cmp(file.st.st_ctim, st->st_ctim) == 0;
}

static int read_file(const char *path, const struct stat *st, struct error *e)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	forget();
	int rc = fs_read_file(path, FILE_MAX, &text, e);
	if (!rc)
		rc = keyvalue_parse(buf_text(&text), text.len, &file.names, &file.values, e);
	if (text.p)
		secret_wipe(text.p, text.len);
	if (rc) {
		forget();
		return error_wrap(e, "the settings in %s (BACKSTAY_CONFIG)", path);
	}
	file.path = mem_string(path);
	file.st = *st;
	return 0;
}

/* With the lock. */
static int refresh(struct error *e)
{
	const char *path = getenv("BACKSTAY_CONFIG");
	struct stat st;
	if (!path || !*path) {
		forget();
		return 0;
	}
	if (stat(path, &st) != 0) {
		error_sys(e, errno, "opening it");
		return error_wrap(e, "the settings in %s (BACKSTAY_CONFIG)", path);
	}
	return is_same(path, &st) ? 0 : read_file(path, &st, e);
}

/* The last of that name, as a shell would have it; NULL: none, or empty. */
static const char *in_file(const char *name)
{
	for (size_t i = file.names.n; i-- > 0;)
		if (!strcmp(file.names.v[i], name))
			return *file.values.v[i] ? file.values.v[i] : NULL;
	return NULL;
}

static const char *in_environment(const char *name)
{
	const char *v = getenv(name);
	return v && *v ? v : NULL;
}

/* The first of "A|B" that `ask` knows. */
static const char *first_of(const char *names, const char *(*ask)(const char *name), char **which)
{
	for (const char *c = names; c && *c;) {
		size_t n = strcspn(c, "|");
		AUTO_FREE char *name = mem_string_n(c, n);
		const char *value = ask(name);
		if (value) {
			*which = TAKE(name);
			return value;
		}
		c += n + (c[n] != '\0');
	}
	return NULL;
}

int setting_given(const struct setting *s, struct setting_source *out, struct error *e)
{
	*out = (struct setting_source){0};
	const char *value = first_of(s->environment, in_environment, &out->variable);
	if (value) {
		out->value = mem_string(value);
		out->origin = SETTING_ENVIRONMENT;
		return 0;
	}
	pthread_mutex_lock(&file.lock);
	int rc = refresh(e);
	value = rc ? NULL : first_of(s->environment, in_file, &out->variable);
	if (value) {
		out->value = mem_string(value);
		out->origin = SETTING_FILE;
	}
	pthread_mutex_unlock(&file.lock);
	return rc;
}

/* ---- variables ---- */

/* Whether a setting goes by this name. */
static bool is_settings(const char *variable)
{
	size_t n = strlen(variable);
	for (const struct setting *s = settings; s->name; s++)
		for (const char *c = s->environment; *c; c += strcspn(c, "|"), c += *c == '|')
			if (strcspn(c, "|") == n && !strncmp(c, variable, n))
				return true;
	return false;
}

/* A program is named where we take the folder of programs. */
static void use_mysql_path(void)
{
	const char *program = in_environment("BACKUP_MYSQL_PATH");
	if (!program || !strchr(program, '/') || in_environment("BACKSTAY_MYSQL_BIN"))
		return;
	AUTO_FREE char *folder = path_dir(program);
	setenv("BACKSTAY_MYSQL_BIN", folder, 1);
}

int setting_environment(struct error *e)
{
	pthread_mutex_lock(&file.lock);
	int rc = refresh(e);
	for (size_t i = 0; i < file.names.n; i++)
		if (!is_settings(file.names.v[i]) && !getenv(file.names.v[i]))
			setenv(file.names.v[i], in_file(file.names.v[i]) ? in_file(file.names.v[i]) : "", 1);
	pthread_mutex_unlock(&file.lock);
	const char *folder = in_environment("BACKUP_DIRECTORY");
	if (folder && !in_environment("BACKUP_DIR"))
		setenv("BACKUP_DIR", folder, 1);
	use_mysql_path();
	return rc;
}

/* ---- what has no effect ---- */

static const char *const variables[] = {
	"BACKSTAY_AUTHOR", "BACKSTAY_CONFIG", "BACKSTAY_HOME", "BACKSTAY_JOB", "BACKSTAY_MYSQL_BIN", "BACKSTAY_PASSWORD", "BACKSTAY_PASSWORD_FILE",
	"BACKSTAY_PG_BIN", "BACKSTAY_REPOSITORY", "BACKSTAY_VERIFY_MYSQL", "BACKSTAY_VERIFY_POSTGRESQL", "BACKUP_DIR", "BACKUP_DIRECTORY",
	"BACKUP_MYSQL_DATABASE", "BACKUP_MYSQL_HOST", "BACKUP_MYSQL_PASSWORD", "BACKUP_MYSQL_PATH", "BACKUP_MYSQL_PORT", "BACKUP_MYSQL_USER",
};

static bool begins(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

static bool is_known(const char *variable)
{
	for (size_t i = 0; i < ARRAY_LEN(variables); i++)
		if (!strcmp(variables[i], variable))
			return true;
	return is_settings(variable) || begins(variable, "BACKSTAY_TEST_");
}

static size_t prefix_of(const char *variable)
{
	return strcspn(variable, "_") + 1;
}

/* Only what is behind the prefix tells names apart. */
static void consider(struct nearest *n, const char *variable, const char *candidate)
{
	size_t prefix = prefix_of(variable);
	if (!strncmp(candidate, variable, prefix))
		nearest_consider(n, candidate + prefix);
}

/* The known name nearest to it; heap or NULL. */
static char *nearest_variable(const char *variable)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	for (size_t i = 0; i < ARRAY_LEN(variables); i++)
		strlist_add(&names, variables[i]);
	for (const struct setting *s = settings; s->name; s++)
		for (const char *c = s->environment; *c; c += strcspn(c, "|"), c += *c == '|')
			strlist_take(&names, mem_string_n(c, strcspn(c, "|")));
	struct nearest n = nearest_to(variable + prefix_of(variable));
	for (size_t i = 0; i < names.n; i++)
		consider(&n, variable, names.v[i]);
	return n.found ? mem_printf("%.*s%s", (int)prefix_of(variable), variable, n.found) : NULL;
}

/* With the lock. Whoever has switched sending to SFTP off misses nothing. */
static bool sftp_is_off(void)
{
	const char *given = in_environment("BACKUP_SFTP_ENABLED"), *text = given ? given : in_file("BACKUP_SFTP_ENABLED");
	bool enabled;

	return text && setting_parse_bool(text, &enabled) && !enabled;
}

static void judge(const char *variable, bool sftp_off, struct strlist *out)
{
	if (!(begins(variable, "BACKSTAY_") || begins(variable, "BACKUP_")) || is_known(variable))
		return;
	if (begins(variable, "BACKUP_SFTP_")) {
		if (!sftp_off)
			strlist_addf(out, "%s is for a store that is not built in yet", variable);
		return;
	}
	AUTO_FREE char *near = nearest_variable(variable);
	if (near)
		strlist_addf(out, "%s is nothing that Backstay knows; did you mean %s?", variable, near);
	else
		strlist_addf(out, "%s is nothing that Backstay knows", variable);
}

int setting_notes(struct strlist *out, struct error *e)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	for (char **v = environ; *v; v++)
		strlist_take(&names, mem_string_n(*v, strcspn(*v, "=")));
	pthread_mutex_lock(&file.lock);
	int rc = refresh(e);
	bool sftp_off = sftp_is_off();
	strlist_copy(&names, &file.names);
	pthread_mutex_unlock(&file.lock);
	strlist_sort(&names);
	for (size_t i = 0; i < names.n; i++)
		if (i == 0 || strcmp(names.v[i], names.v[i - 1]) != 0)
			judge(names.v[i], sftp_off, out);
	return rc;
}
