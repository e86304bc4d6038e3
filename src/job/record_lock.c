/* The lock files of running jobs. */
#include "job/record_parts.h"

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define READ_MAX ((size_t)1 << 20)

char *record_lock_path(const char *state_dir, const char *id)
{
	return mem_printf("%s/jobs/%s.lock", state_dir, id);
}

/* Whether the path still leads to the open file: who held it before may have removed it. */
static bool is_at(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int take(const char *path, int *fd, struct error *e)
{
	do {
		fs_close(fd);
		*fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (*fd < 0)
			return error_sys(e, errno, "%s", path);
		if (flock(*fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
			return error_set(e, ERR_LOCKED, "%s is held by another process", path);
	} while (!is_at(*fd, path));
	return 0;
}

int record_lock_make(const char *state_dir, const char *id, int *fd, struct error *e)
{
	AUTO_FREE char *dir = mem_printf("%s/jobs", state_dir);
	AUTO_FREE char *path = record_lock_path(state_dir, id);
	int rc = fs_make_dirs(dir, 0700, e);

	*fd = -1;
	if (!rc)
		rc = take(path, fd, e);
	if (rc)
		fs_close(fd);
	return rc;
}

void record_lock_drop(const char *state_dir, const char *id, int *fd)
{
	AUTO_FREE char *path = record_lock_path(state_dir, id);

	if (*fd >= 0)
		unlink(path);
	fs_close(fd);
}

bool record_lock_seize(const char *state_dir, const char *id, int *fd)
{
	AUTO_FREE char *path = record_lock_path(state_dir, id);

	*fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (*fd < 0)
		return errno == ENOENT;
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	fs_close(fd);
	return false;
}

/* ---- what it says ---- */

void record_lock_note(int fd, const char *dir, const char *beside)
{
	CLEANUP(buf_release) struct buf line = BUF_INIT;
	struct json_out w;

	jw_init(&w, &line);
	jw_array(&w);
	jw_string(&w, dir);
	jw_string(&w, beside);
	jw_array_end(&w);
	buf_add_byte(&line, '\n');
	/* What is not written down is removed by the next draft beside the same place. */
	(void)!fs_write_full(fd, line.p, line.len);
}

static void read_line(const char *p, size_t n, void (*fn)(const char *dir, const char *beside))
{
	char *part[2] = {NULL, NULL};
	struct error ignored = {0};
	struct json j;

	json_init(&j, p, n);
	json_array_begin(&j);
	for (int i = 0; i < 2 && json_element(&j); i++)
		part[i] = json_string_dup(&j);
	while (json_element(&j))
		json_skip(&j);
	if (json_finish(&j, &ignored) == 0 && part[0] && part[1] && part[0][0] == '/')
		fn(part[0], part[1]);
	free(part[0]);
	free(part[1]);
}

void record_lock_read(int fd, void (*fn)(const char *dir, const char *beside))
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;

	buf_reserve(&text, READ_MAX);
	ssize_t n = fs_pread_full(fd, text.p, READ_MAX, 0);
	const char *p = (const char *)text.p, *end = p + (n > 0 ? n : 0), *newline;

	for (; (newline = memchr(p, '\n', (size_t)(end - p))); p = newline + 1)
		read_line(p, (size_t)(newline - p), fn);
}
