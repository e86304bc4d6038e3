/* One SQLite VFS whose main database files are objects of ours: here a read-only file over a random-access source, in
 * sqlite_writer_vfs.c a file_sink. There are no journals and no locks; spilled sorts go to the system's own VFS. */
#include "engine/sqlite.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define VFS_NAME "backstay"

/* What the next xOpen() on this thread takes: SQLite opens the file before sqlite3_open_v2() or ATTACH returns. */
static _Thread_local struct {
	const sqlite3_io_methods *methods;        /* NULL: nothing, or it was taken */
	void *owner;
} handed_over;

static sqlite3_vfs *system_vfs(sqlite3_vfs *vfs)
{
	return vfs->pAppData;
}

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	const int temporary = SQLITE_OPEN_TEMP_DB | SQLITE_OPEN_TRANSIENT_DB | SQLITE_OPEN_TEMP_JOURNAL |
		SQLITE_OPEN_SUBJOURNAL;
	if (flags & temporary)
		return system_vfs(vfs)->xOpen(system_vfs(vfs), name, file, flags, out_flags);
	file->pMethods = NULL;
	if (!(flags & SQLITE_OPEN_MAIN_DB) || !handed_over.methods)
		return SQLITE_CANTOPEN;
	struct sqlite_vfs_file *f = (struct sqlite_vfs_file *)file;
	f->base.pMethods = TAKE(handed_over.methods);
	f->owner = handed_over.owner;
	if (out_flags)
		*out_flags = f->base.pMethods->xWrite ? flags : SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_READONLY;
	return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
	*result = 0;
	return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *name, int n, char *out)
{
	sqlite3_snprintf(n, out, "%s", name);
	return SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *vfs, int n, char *out)
{
	return system_vfs(vfs)->xRandomness(system_vfs(vfs), n, out);
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
	return system_vfs(vfs)->xSleep(system_vfs(vfs), microseconds);
}

static int vfs_time(sqlite3_vfs *vfs, double *now)
{
	return system_vfs(vfs)->xCurrentTime(system_vfs(vfs), now);
}

static void register_vfs(void)
{
	static sqlite3_vfs vfs = {
		.iVersion = 1,
		.mxPathname = 512,
		.zName = VFS_NAME,
		.xOpen = vfs_open,
		.xDelete = vfs_delete,
		.xAccess = vfs_access,
		.xFullPathname = vfs_full_path,
		.xRandomness = vfs_randomness,
		.xSleep = vfs_sleep,
		.xCurrentTime = vfs_time,
	};
	sqlite3_vfs *below = sqlite3_vfs_find(NULL);
	int own = (int)sizeof(struct sqlite_vfs_file);
	vfs.pAppData = below;
	vfs.szOsFile = own > below->szOsFile ? own : below->szOsFile;
	sqlite3_vfs_register(&vfs, 0);
}

static void hand_over(const sqlite3_io_methods *methods, void *owner)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, register_vfs);
	handed_over.methods = methods;
	handed_over.owner = owner;
}

int sqlite_vfs_open(const sqlite3_io_methods *methods, void *owner, sqlite3 **out)
{
	int how = methods->xWrite ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
	hand_over(methods, owner);
	int rc = sqlite3_open_v2("copy", out, how | SQLITE_OPEN_NOMUTEX, VFS_NAME);
	handed_over.methods = NULL;
	if (*out)
		sqlite3_extended_result_codes(*out, 1);
	return rc;
}

int sqlite_vfs_ignore(sqlite3_file *file, int flags)
{
	return SQLITE_OK;
}

int sqlite_vfs_unreserved(sqlite3_file *file, int *held)
{
	*held = 0;
	return SQLITE_OK;
}

int sqlite_vfs_sector(sqlite3_file *file)
{
	return 4096;
}

/* The owner of a file that is read. */
struct reader {
	struct source *source;
	struct error why;
};

static struct reader *reader_of(sqlite3_file *file)
{
	return ((struct sqlite_vfs_file *)file)->owner;
}

static int reader_close(sqlite3_file *file)
{
	source_close(reader_of(file)->source);
	free(reader_of(file));
	return SQLITE_OK;
}

static int reader_read(sqlite3_file *file, void *p, int n, sqlite3_int64 at)
{
	struct reader *r = reader_of(file);
	struct error e = {0};
	ssize_t got = r->source->pread(r->source, p, (size_t)n, (uint64_t)at, &e);
	if (got < 0) {
		r->why = e;
		return SQLITE_IOERR_READ;
	}
	memset((char *)p + got, 0, (size_t)(n - got));
	return got == n ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int reader_size(sqlite3_file *file, sqlite3_int64 *size)
{
	*size = (sqlite3_int64)reader_of(file)->source->size;
	return SQLITE_OK;
}

static int reader_control(sqlite3_file *file, int op, void *arg)
{
	if (op != SQLITE_VFS_WHY)
		return SQLITE_NOTFOUND;
	*(const struct error **)arg = &reader_of(file)->why;
	return SQLITE_OK;
}

/* Immutable: SQLite neither locks nor looks for journals, and has no WAL even when the header says so. */
static int reader_traits(sqlite3_file *file)
{
	return SQLITE_IOCAP_IMMUTABLE;
}

static const sqlite3_io_methods reader_methods = {
	.iVersion = 1,
	.xClose = reader_close,
	.xRead = reader_read,
	.xSync = sqlite_vfs_ignore,
	.xFileSize = reader_size,
	.xLock = sqlite_vfs_ignore,
	.xUnlock = sqlite_vfs_ignore,
	.xCheckReservedLock = sqlite_vfs_unreserved,
	.xFileControl = reader_control,
	.xSectorSize = sqlite_vfs_sector,
	.xDeviceCharacteristics = reader_traits,
};

/* SQLite reads the header while it opens, and closes the file with all we knew of an error: so it is tried before.
 * NULL when it cannot be read; then src is closed. */
static struct reader *reader_new(struct source *src, struct error *e)
{
	unsigned char head[SQLITE_HEADER];
	ssize_t got = src->pread(src, head, sizeof head, 0, e);
	if (got < 0) {
		source_close(src);
		error_wrap(e, "opening the stored database");
		return NULL;
	}
	struct reader *r = mem_zero(sizeof *r);
	r->source = src;
	return r;
}

int sqlite_open_source(struct source *src, sqlite3 **out, struct error *e)
{
	CLEANUP(sqlite_close_handle) sqlite3 *db = NULL;
	struct reader *r = reader_new(src, e);
	if (!r)
		return -(int)e->kind;
	int rc = sqlite_vfs_open(&reader_methods, r, &db);
	if (rc == SQLITE_OK) {
		sqlite_harden(db);
		rc = sqlite3_exec(db, "PRAGMA cache_size=-8192; SELECT 1 FROM sqlite_schema LIMIT 1", NULL, NULL, NULL);
	}
	if (rc != SQLITE_OK)
		return sqlite_error(db, rc, e, "opening the stored database");
	*out = TAKE(db);
	return 0;
}

int sqlite_attach_source(sqlite3 *db, struct source *src, const char *schema, struct error *e)
{
	struct reader *r = reader_new(src, e);
	if (!r)
		return -(int)e->kind;
	hand_over(&reader_methods, r);
	int err = sqlite_exec(db, e, "ATTACH 'file:copy?vfs=" VFS_NAME "' AS \"%w\"", schema);
	if (handed_over.methods) {
		/* SQLite refused before it opened anything. */
		handed_over.methods = NULL;
		source_close(r->source);
		free(r);
	}
	return err ? error_wrap(e, "opening the stored database") : 0;
}
