/* Finding the vendor's client programs. Both families call themselves by both names on some systems, so that each is
 * asked for its version. */
#include "engine/my.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VERSION_MAX ((size_t)4096)

struct tool {
	char *path, *version;
	bool mariadb;
};

static void tool_release(struct tool *t)
{
	free(t->path);
	free(t->version);
	*t = (struct tool){0};
}

/* What it prints of itself, at most so much. */
static int ask_version(const char *path, struct buf *text, struct error *e)
{
	const char *const argv[] = {path, "--no-defaults", "--version", NULL};
	struct proc p = {0};
	char block[512];
	int err = proc_start(&p, argv, NULL, PROC_PIPE_OUT, e);
	if (err)
		return err;
	for (ssize_t n; (n = read(p.out, block, sizeof block)) > 0;)
		if (buf_fits(text, (size_t)n))
			buf_add(text, block, (size_t)n);
	return proc_wait(&p, e);
}

/* The word behind `before`, up to a space or comma; NULL when it is not there. Heap. */
static char *word_after(const char *text, const char *before)
{
	const char *at = strstr(text, before);
	if (!at)
		return NULL;
	at += strlen(before);
	return mem_string_n(at, strcspn(at, " ,\n"));
}

/* "mariadb-dump  Ver 10.19 Distrib 10.11.14-MariaDB, for ...", "mariadb-dump from 11.8.3-MariaDB, client ...",
 * "mysqldump  Ver 8.0.36 for Linux ...". */
static char *short_version(const char *path, const char *text)
{
	AUTO_FREE char *number = word_after(text, "Distrib ");
	if (!number)
		number = word_after(text, " from ");
	if (!number)
		number = word_after(text, "Ver ");
	return number ? mem_printf("%s %s", path_base(path), number) : mem_string(path_base(path));
}

static int look_at(const char *path, struct tool *out, struct error *e)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT_MAX(VERSION_MAX);
	int err = ask_version(path, &text, e);
	if (err)
		return error_wrap(e, "asking %s for its version", path);
	*out = (struct tool){.path = mem_string(path),
		.version = short_version(path, buf_text(&text)),
		.mariadb = strcasestr(buf_text(&text), "mariadb") != NULL};
	return 0;
}

/* Where programs are looked for; true: the first folder was named for that. */
static bool list_folders(struct strlist *out)
{
	const char *own = getenv("BACKSTAY_MYSQL_BIN"), *path = getenv("PATH");
	if (own && *own)
		strlist_add(out, own);
	AUTO_FREE char *copy = mem_string(path ? path : "/usr/bin:/bin");
	char *rest = copy;
	for (char *dir; (dir = strsep(&rest, ":"));)
		if (*dir)
			strlist_add(out, dir);
	return own && *own;
}

int my_tool_find(
	const char *name, bool mariadb_server, char **path, char **version, bool *mariadb_tool, struct error *e)
{
	bool dump = strcmp(name, "dump") == 0;
	const char *names[] = {dump ? "mariadb-dump" : "mariadb", dump ? "mysqldump" : "mysql"};
	CLEANUP(strlist_release) struct strlist folders = {0};
	CLEANUP(tool_release) struct tool best = {0};
	bool told = list_folders(&folders);
	/* What lies in the folder that was named is meant. */
	for (size_t i = 0; i < folders.n && !(told && best.path && i > 0); i++) {
		for (size_t k = 0; k < ARRAY_LEN(names) && (!best.path || best.mariadb != mariadb_server); k++) {
			CLEANUP(tool_release) struct tool found = {0};
			AUTO_FREE char *file = path_join(folders.v[i], names[mariadb_server ? k : 1 - k]);
			if (!proc_available(file))
				continue;
			int err = look_at(file, &found, e);
			if (err)
				return err;
			if (best.path && found.mariadb != mariadb_server)
				continue;
			tool_release(&best);
			best = found;
			found = (struct tool){0};
		}
	}
	if (!best.path) {
		error_set(e, ERR_NOT_FOUND, "neither %s nor %s is installed", names[0], names[1]);
		return error_hint(e, "install mariadb-client or MySQL's client programs, or name their folder in "
				     "BACKSTAY_MYSQL_BIN");
	}
	*path = TAKE(best.path);
	*version = TAKE(best.version);
	*mariadb_tool = best.mariadb;
	return 0;
}
