/* PostgreSQL's own programs: where they are, and which of them suits a server. */
#include "engine/pg.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"

#include <ctype.h>
#include <glob.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAID_LIMIT ((size_t)4096)

/* What `--version` of a program said, asked once per process. */
struct known {
	char *path;
	int version;              /* 0: it is none of PostgreSQL's */
};
static struct known *known;
static size_t known_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* "pg_dump (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)" -> 150020, "... 17beta1" -> 170000, "... 9.6.24" -> 90624 */
static int parse_version(const char *said)
{
	const char *p = strstr(said, "(PostgreSQL) ");
	unsigned part[3] = {0};
	if (!p)
		return 0;
	p += strlen("(PostgreSQL) ");
	for (int i = 0; i < 3 && isdigit((unsigned char)*p); i++) {
		char *end;
		unsigned long number = strtoul(p, &end, 10);
		part[i] = number < 1000 ? (unsigned)number : 0;
		p = *end == '.' ? end + 1 : "";
	}
	return part[0] >= 10 ? (int)(part[0] * 10000 + part[1]) : (int)(part[0] * 10000 + part[1] * 100 + part[2]);
}

static int ask(const char *path)
{
	const char *const argv[] = {path, "--version", NULL};
	struct error ignored = {0};
	struct proc p = {0};
	char said[SAID_LIMIT] = "";
	if (proc_start(&p, argv, NULL, PROC_PIPE_OUT, &ignored))
		return 0;
	ssize_t n = fs_read_full(p.out, said, sizeof said - 1);
	said[n > 0 ? n : 0] = '\0';
	return proc_wait(&p, &ignored) ? 0 : parse_version(said);
}

static int version_of(const char *path)
{
	pthread_mutex_lock(&lock);
	size_t i = 0;
	while (i < known_count && strcmp(known[i].path, path) != 0)
		i++;
	if (i == known_count) {
		known = mem_array(known, known_count + 1, sizeof *known);
		known[known_count++] = (struct known){mem_string(path), ask(path)};
	}
	int version = known[i].version;
	pthread_mutex_unlock(&lock);
	return version;
}

/* ---- candidates ---- */

static bool add_if_there(struct strlist *out, const char *folder, const char *name)
{
	AUTO_FREE char *path = path_join(folder, name);
	if (folder[0] != '/' || !proc_available(path))
		return false;
	if (!strlist_has(out, path))
		strlist_add(out, path);
	return true;
}

static void add_usual(struct strlist *out, const char *name)
{
	static const char *const folders[] = {"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin",
		"/opt/homebrew/opt/postgresql@*/bin"};
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		glob_t found = {0};
		if (glob(folders[i], 0, NULL, &found) == 0)
			for (size_t k = 0; k < found.gl_pathc; k++)
				add_if_there(out, found.gl_pathv[k], name);
		globfree(&found);
	}
}

static void add_path(struct strlist *out, const char *name)
{
	const char *path = getenv("PATH");
	while (path && *path) {
		size_t n = strcspn(path, ":");
		AUTO_FREE char *folder = mem_string_n(path, n);
		add_if_there(out, folder, name);
		path += n + (path[n] == ':');
	}
}

/* ---- choice ---- */

/* The part of a version number that says what a program can talk to: 1500 for 15, 906 for 9.6. */
static int major(int version)
{
	return version >= 100000 ? version / 10000 * 100 : version / 100;
}

static void put_major(int version, char out[32])
{
	if (version >= 100000)
		snprintf(out, 32, "%d", version / 10000);
	else
		snprintf(out, 32, "%d.%d", version / 10000, version / 100 % 100);
}

static void put_version(int version, char out[32])
{
	if (version >= 100000)
		snprintf(out, 32, "%d.%d", version / 10000, version % 10000);
	else
		snprintf(out, 32, "%d.%d.%d", version / 10000, version / 100 % 100, version % 100);
}

static int no_tool(const char *name, int server, int newest, struct error *e)
{
	bool serves = strcmp(name, "initdb") == 0 || strcmp(name, "postgres") == 0 || strcmp(name, "pg_ctl") == 0;
	char wanted[32], have[32];
	put_major(server, wanted);
	put_version(newest, have);
	if (newest == 0)
		error_set(e, ERR_NOT_FOUND, "%s is not installed on this machine", name);
	else
		error_set(e, ERR_VERSION, "the server is PostgreSQL %s, the newest %s here is %s", wanted, name, have);
	if (server == 0)
		return error_hint(e, "install postgresql%s, or set BACKSTAY_PG_BIN to the folder of PostgreSQL's programs",
			serves ? "" : "-client");
	return error_hint(e, "install postgresql-%s%s (Debian, Ubuntu: from apt.postgresql.org where the system has no such "
		"version) or postgresql%s%s (Red Hat), or set BACKSTAY_PG_BIN to the folder of its programs",
		serves ? "" : "client-", wanted, wanted, serves ? "-server" : "");
}

/* The newest of these; nothing changes when none is newer than *newest. */
static void take_newest(const struct strlist *paths, char **best, int *newest)
{
	for (size_t i = 0; i < paths->n; i++) {
		int version = version_of(paths->v[i]);
		if (version <= *newest)
			continue;
		*newest = version;
		free(*best);
		*best = mem_string(paths->v[i]);
	}
}

/* A folder that was named is not argued with: what it has is taken, newer ones elsewhere or not. PATH is asked only where the
 * usual folders have nothing for this server: on Debian it leads to a script that takes longer than the program it starts. */
static char *choose(const char *name, int server, int *newest)
{
	CLEANUP(strlist_release) struct strlist usual = {0}, others = {0};
	const char *named = getenv("BACKSTAY_PG_BIN");
	bool told = named && named[0] && add_if_there(&usual, named, name);
	char *best = NULL;
	if (!told)
		add_usual(&usual, name);
	take_newest(&usual, &best, newest);
	if (told || (best && major(*newest) >= major(server)))
		return best;
	add_path(&others, name);
	take_newest(&others, &best, newest);
	return best;
}

int pg_tool_find(const char *name, int server, char **path, int *version, struct error *e)
{
	int newest = 0;
	AUTO_FREE char *best = choose(name, server, &newest);
	if (!best || major(newest) < major(server))
		return no_tool(name, server, newest, e);
	*path = TAKE(best);
	if (version)
		*version = newest;
	return 0;
}
