/* By what an unchanged database is known again without reading it. */
#include "engine/sqlite.h"

#include "base/codec.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/timefmt.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define SETTLED_AFTER 2.0         /* seconds: file systems' times are coarse */

static void add_times(struct buf *b, const struct stat *st, struct timespec now, bool *settled)
{
	buf_printf(b, " %lld.%09ld %lld.%09ld", (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
		(long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
	if (time_between(st->st_mtim, now) < SETTLED_AFTER || time_between(st->st_ctim, now) < SETTLED_AFTER)
		*settled = false;
}

/* The first n bytes of a file beside the database, which nobody locks; zeros behind its end. */
static int read_begin(const char *path, void *p, size_t n, struct stat *st, struct error *e)
{
	CLEANUP(fs_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	memset(p, 0, n);
	*st = (struct stat){0};
	if (fd < 0)
		return errno == ENOENT ? 0 : error_sys(e, errno, "opening %s", path);
	if (fstat(fd, st) != 0 || fs_pread_full(fd, p, n, 0) < 0)
		return error_sys(e, errno, "reading %s", path);
	return 0;
}

static int add_wal(struct buf *b, const char *path, struct timespec now, bool *settled, struct error *e)
{
	AUTO_FREE char *wal = mem_printf("%s-wal", path);
	unsigned char head[32];
	char salts[17];
	struct stat st;
	int err = read_begin(wal, head, sizeof head, &st, e);
	/* A WAL that is empty is as good as none. */
	if (err || st.st_size == 0)
		return err;
	hex_encode(head + 16, 8, salts);
	buf_printf(b, " wal %lld %s", (long long)st.st_size, salts);
	add_times(b, &st, now, settled);
	return 0;
}

/* A rollback journal whose header is not wiped belongs to a transaction that runs, or died. */
static int journal_is_hot(const char *path, bool *hot, struct error *e)
{
	AUTO_FREE char *journal = mem_printf("%s-journal", path);
	unsigned char head[8], wiped[8] = {0};
	struct stat st;
	int err = read_begin(journal, head, sizeof head, &st, e);
	*hot = st.st_size > 0 && memcmp(head, wiped, sizeof head) != 0;
	return err;
}

int sqlite_fingerprint(const char *path, char **text, bool *settled, struct error *e)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct timespec now = time_now();
	unsigned char head[SQLITE_HEADER];
	char counter[9], cookie[9];
	uint64_t size;
	struct stat st;
	bool hot;
	*text = NULL;
	*settled = true;
	if (stat(path, &st) != 0)
		return error_sys(e, errno, "looking at %s", path);
	int err = journal_is_hot(path, &hot, e);
	if (err || hot)
		return err;
	err = sqlite_read_header(path, head, &size, e);
	if (err)
		return err;
	hex_encode(head + 24, 4, counter);
	hex_encode(head + 40, 4, cookie);
	buf_printf(&b, "1 %llu:%llu %lld %s %s", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
		(long long)st.st_size, counter, cookie);
	add_times(&b, &st, now, settled);
	err = add_wal(&b, path, now, settled, e);
	if (!err)
		*text = buf_take_text(&b);
	return err;
}
