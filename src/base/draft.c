#include "base/draft.h"

#include "base/codec.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define INFIX "backstay-draft-"
#define RANDOM_BYTES 8
#define BESIDE_MAX 200        /* so much of a name goes into ours, so that it stays one */
#define NAME_TRIES 100
#define MARK ".backstay-draft"

static const char text[] = "A draft of Backstay. It may be removed when no process has this file locked.\n";

/* All of a draft's name but its random digits. */
static char *name_begin(const char *beside)
{
	int n = (int)strnlen(beside, BESIDE_MAX);
	return mem_printf(".%.*s%s" INFIX, n, beside, n ? "." : "");
}

bool draft_is(const char *name, const char *beside)
{
	unsigned char random[RANDOM_BYTES];
	AUTO_FREE char *begin = name_begin(beside);
	size_t n = strlen(begin);
	return strncmp(name, begin, n) == 0 && hex_decode(name + n, strlen(name + n), random, sizeof random);
}

/* The mark goes last: until then another may finish what a killed one began. */
static int clear(const char *path, struct error *e)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	int err = fs_exists(path) ? fs_list(path, &names, e) : 0;
	for (size_t i = 0; i < names.n && !err; i++) {
		AUTO_FREE char *entry = path_join(path, names.v[i]);
		err = strcmp(names.v[i], MARK) == 0 ? 0 : fs_remove_tree(entry, e);
	}
	return err ? err : fs_remove_tree(path, e);
}

/* ---- what others left ---- */

static bool is_ours(int fd, mode_t type)
{
	struct stat st;
	return fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == type && st.st_uid == geteuid();
}

static bool has_text(int fd)
{
	char found[sizeof text] = {0};
	return fs_pread_full(fd, found, sizeof found, 0) == sizeof text - 1 && memcmp(found, text, sizeof text) == 0;
}

static void sweep_one(const char *path)
{
	struct error ignored = {0};
	CLEANUP(fs_close) int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (!is_ours(dir, S_IFDIR))
		return;
	CLEANUP(fs_close) int mark = openat(dir, MARK, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (is_ours(mark, S_IFREG) && has_text(mark) && flock(mark, LOCK_EX | LOCK_NB) == 0)
		(void)!clear(path, &ignored);
}

void draft_sweep(const char *dir, const char *beside)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	struct error ignored = {0};
	if (fs_list(dir, &names, &ignored) != 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *path = path_join(dir, names.v[i]);
		if (draft_is(names.v[i], beside))
			sweep_one(path);
	}
}

/* ---- ours ---- */

/* In a folder that was just made. False with errno. */
static bool set_mark(struct draft *d)
{
	d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (d->fd >= 0)
		d->mark = openat(d->fd, MARK, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (d->mark < 0)
		return false;
	if (flock(d->mark, LOCK_EX | LOCK_NB) != 0)
		return true;
	return fs_write_full(d->mark, text, sizeof text - 1) == 0 && fsync(d->mark) == 0;
}

/* A folder of a new name. False with errno. */
static bool make_folder(const char *dir, const char *beside, struct draft *out)
{
	AUTO_FREE char *begin = name_begin(beside);
	for (int i = 0; i < NAME_TRIES; i++) {
		unsigned char random[RANDOM_BYTES];
		char hex[2 * RANDOM_BYTES + 1];
		random_bytes(random, sizeof random);
		hex_encode(random, sizeof random, hex);
		AUTO_FREE char *name = mem_printf("%s%s", begin, hex);
		AUTO_FREE char *path = path_join(dir, name);
		if (mkdir(path, 0700) == 0) {
			out->path = TAKE(path);
			return true;
		}
		if (errno != EEXIST)
			return false;
	}
	return false;
}

static void (*_Atomic watcher)(const char *dir, const char *beside);

void draft_watch(void (*made)(const char *dir, const char *beside))
{
	watcher = made;
}

/* Before it is made, so that none is there which was not told of. */
static void tell(const char *dir, const char *beside)
{
	void (*made)(const char *dir, const char *beside) = watcher;
	AUTO_FREE char *absolute = made ? path_absolute(dir) : NULL;
	if (made)
		made(absolute, beside);
}

int draft_make(const char *dir, const char *beside, struct draft *out, struct error *e)
{
	dir = fs_temp_folder(dir);
	*out = DRAFT_NONE;
	draft_sweep(dir, beside);
	tell(dir, beside);
	if (make_folder(dir, beside, out) && set_mark(out))
		return 0;
	int err = errno;
	draft_release(out);
	return error_sys(e, err, "making a folder in %s for what is not yet whole", dir);
}

int draft_remove(struct draft *d, struct error *e)
{
	AUTO_FREE char *path = TAKE(d->path);
	int err = path ? clear(path, e) : 0;
	fs_close(&d->fd);
	fs_close(&d->mark);
	return err;
}

void draft_release(struct draft *d)
{
	struct error ignored = {0};
	draft_remove(d, &ignored);
}
