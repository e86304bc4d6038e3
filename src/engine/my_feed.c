/* The vendor's client as a child, fed through its stdin. Its own errors name a line of what it was given; ours name what
 * that line belongs to. */
#include "engine/my_restore.h"

#include "base/fs.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#define LOOK_UP_MS 200

static void client_args(const char *client, bool mariadb_tool, const struct my_place *place, const char *database,
	struct strlist *argv)
{
	/* binary-mode: the bytes are taken as they are, and none of the client's own commands works but DELIMITER. Whatever a
	 * dump says: no file of this machine is sent, and where the client knows how, none is read or run. */
	static const char *const options[] = {"--batch", "--binary-mode", "--comments", "--skip-auto-rehash", "--skip-reconnect",
		"--default-character-set=utf8mb4", "--max-allowed-packet=1G", "--local-infile=0", "--loose-sandbox",
		/* A server's limit of time on statements would hit long INSERTs; MySQL has one for reading only. */
		"--init-command=SET @backstay = 1 /*M!100101 , SESSION max_statement_time = 0 */"};
	strlist_add(argv, client);
	my_tool_args(place, mariadb_tool, argv);
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		strlist_add(argv, options[i]);
	strlist_addf(argv, "--database=%s", database);
	strlist_take(argv, NULL);
}

int my_feed_start(struct my_feed *f, const char *client, bool mariadb_tool, const struct my_place *place, const char *database,
	struct error *e)
{
	CLEANUP(strlist_release) struct strlist argv = {0}, env = {0};
	client_args(client, mariadb_tool, place, database, &argv);
	my_tool_env(place, &env);
	strlist_take(&env, NULL);
	f->line = 1;
	int err = proc_start(&f->proc, (const char *const *)argv.v, (const char *const *)env.v, PROC_PIPE_IN, e);
	if (err)
		return err;
	if (fcntl(f->proc.in, F_SETFL, O_NONBLOCK) != 0)
		return error_sys(e, errno, "writing to %s", client);
	return 0;
}

void my_feed_mark(struct my_feed *f, const char *what)
{
	GROW(f->marks, f->n, f->cap);
	f->marks[f->n++] = (struct my_feed_mark){.line = f->line, .what = mem_string(what)};
}

static int check(const struct my_feed *f, struct error *e)
{
	if (f->stop && atomic_load(f->stop))
		return error_set(e, ERR_CANCELLED, "cancelled");
	return progress_check(f->progress, e);
}

/* ---- what went wrong ---- */

static enum err_kind kind_of(unsigned code, const char *text)
{
	static const unsigned access[] = {1044, 1045, 1142, 1143, 1227, 1290, 1370, 1419}, gone[] = {2002, 2003, 2005, 2006, 2013, 1053, 1927};
	if (code == 1021 || code == 1114 || strstr(text, "No space left") || strstr(text, "Disk full"))
		return ERR_NO_SPACE;
	for (size_t i = 0; i < ARRAY_LEN(access); i++)
		if (code == access[i])
			return ERR_ACCESS;
	for (size_t i = 0; i < ARRAY_LEN(gone); i++)
		if (code == gone[i])
			return ERR_TEMPORARY;
	return ERR_CHILD;
}

static const char *what_is_at(const struct my_feed *f, uint64_t line)
{
	const char *what = NULL;
	for (size_t i = 0; i < f->n && f->marks[i].line <= line; i++)
		what = f->marks[i].what;
	return what ? what : "the dump";
}

/* The last line of what it said that begins with ERROR: "ERROR 1062 (23000) at line 27: Duplicate entry". */
static char *error_line(const struct buf *said)
{
	const char *text = buf_text(said), *found = NULL;
	for (const char *at = text; (at = strstr(at, "ERROR ")); at++)
		if (at == text || at[-1] == '\n')
			found = at;
	return found ? mem_string_n(found, strcspn(found, "\n")) : NULL;
}

/* In our words, from its own; it was `failed` otherwise. */
static int translate(const struct my_feed *f, const struct buf *said, struct error *e)
{
	AUTO_FREE char *line = error_line(said);
	if (!line)
		return error_wrap(e, "loading the dump");
	unsigned code = (unsigned)strtoul(line + 6, NULL, 10);
	char *at = strstr(line, " at line "), *end = NULL;
	uint64_t number = at ? strtoull(at + 9, &end, 10) : 0;
	if (!end || *end != ':')
		return error_set(e, kind_of(code, line), "loading the dump: %s", line);
	*at = '\0';
	return error_set(e, kind_of(code, end), "%s: %s%s", what_is_at(f, number), line, end);
}

int my_feed_finish(struct my_feed *f, struct error *e)
{
	CLEANUP(buf_release) struct buf said = BUF_INIT;
	fs_close(&f->proc.in);
	f->proc.in = -1;
	CLEANUP(fs_close) int ended = pidfd_open(f->proc.pid, 0);
	struct pollfd end = {.fd = ended, .events = POLLIN};
	/* Interrupted by a signal, which may be the one that cancels, is not the end. */
	while (ended >= 0 && poll(&end, 1, LOOK_UP_MS) <= 0) {
		int err = check(f, e);
		if (err)
			return err;
	}
	return proc_wait_said(&f->proc, &said, e) ? translate(f, &said, e) : 0;
}

void my_feed_release(struct my_feed *f)
{
	proc_stop(&f->proc);
	for (size_t i = 0; i < f->n; i++)
		free(f->marks[i].what);
	free(f->marks);
	*f = (struct my_feed){0};
}

/* ---- writing ---- */

/* The client reads no more: it says why itself. */
static int closed(struct my_feed *f, struct error *e)
{
	int err = my_feed_finish(f, e);
	return err ? err : error_set(e, ERR_CHILD, "the client ended before it had read everything");
}

static void count_lines(struct my_feed *f, const char *p, size_t n)
{
	for (const char *end = p + n; (p = memchr(p, '\n', (size_t)(end - p))); p++)
		f->line++;
}

int my_feed_write(struct my_feed *f, const void *p, size_t n, struct error *e)
{
	const char *from = p;
	while (n) {
		struct pollfd room = {.fd = f->proc.in, .events = POLLOUT};
		int err = check(f, e);
		if (err)
			return err;
		if (poll(&room, 1, LOOK_UP_MS) <= 0)
			continue;
		ssize_t done = write(f->proc.in, from, n);
		if (done < 0 && errno == EPIPE)
			return closed(f, e);
		if (done < 0 && errno != EAGAIN && errno != EINTR)
			return error_sys(e, errno, "writing to the client");
		if (done <= 0)
			continue;
		count_lines(f, from, (size_t)done);
		from += done;
		n -= (size_t)done;
	}
	return 0;
}
