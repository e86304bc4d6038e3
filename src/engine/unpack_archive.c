/* Archives from outside onto the disk, into a folder that only we can reach.
 *
 * Every folder on the way to an entry is opened from the one above without following links, and nothing is ever opened
 * for writing that was there before: an archive cannot write anywhere else. */
#include "engine/unpack_inner.h"

#include "base/fs.h"
#include "base/human.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/files.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct unpacking {
	const char *path;
	struct unpack_reader in;
	struct archive_entry *entry;
	struct progress *progress;
	struct unpack_result *out;
	uint64_t bytes;              /* that the files say to hold, all together; then what of it is still to come */
	int top;
	char *above;                 /* the folder `dir` is, relative to the top; or NULL */
	int dir;
	struct map *folders;         /* path: node, dressed when all is in them */
	struct files_refused refused;
};

static void free_node(void *p)
{
	node_release(p);
	free(p);
}

static void unpacking_release(struct unpacking *u)
{
	unpack_reader_close(&u->in);
	map_free(u->folders, free_node);
	free(u->above);
	fs_close(&u->dir);
	fs_close(&u->top);
}

void unpack_result_release(struct unpack_result *r)
{
	strlist_release(&r->skipped);
	strlist_release(&r->notes);
}

/* 1: an entry; 0: the end. */
static int next(struct unpacking *u, struct error *e)
{
	int err = progress_check(u->progress, e);
	if (err)
		return err;
	int got = archive_read_next_header(u->in.a, &u->entry);
	if (got == ARCHIVE_OK || got == ARCHIVE_WARN)
		return 1;
	return got == ARCHIVE_EOF ? 0 : unpack_reader_damaged(&u->in, e);
}

/* A name as a path from the top: "" for the top itself. */
static int clean_name(const struct unpacking *u, const char *name, char **out, struct error *e)
{
	if (!name || !*name)
		return error_set(e, ERR_CORRUPT, "%s holds an entry without a name", u->path);
	bool leads_out = name[0] == '/';
	for (const char *p = name; *p && !leads_out; p += strcspn(p, "/"), p += *p == '/')
		leads_out = strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == '\0');
	if (leads_out)
		return error_set(e, ERR_CORRUPT, "%s holds \"%s\", which leads out of it", u->path, name);
	*out = path_clean(name);
	if (strcmp(*out, ".") == 0)
		(*out)[0] = '\0';
	return 0;
}

/* ---- the look ---- */

/* How much the data of an entry is, read when it does not say so. */
static int data_size(struct unpacking *u, uint64_t *size, struct error *e)
{
	const void *p;
	size_t n;
	la_int64_t at;
	int got = ARCHIVE_OK;
	*size = (uint64_t)archive_entry_size(u->entry);
	if (archive_entry_size_is_set(u->entry))
		return archive_read_data_skip(u->in.a) < ARCHIVE_WARN ? unpack_reader_damaged(&u->in, e) : 0;
	for (*size = 0; (got = archive_read_data_block(u->in.a, &p, &n, &at)) == ARCHIVE_OK;)
		*size = (uint64_t)at + n;
	return got == ARCHIVE_EOF ? 0 : unpack_reader_damaged(&u->in, e);
}

static int look_at_entry(struct unpacking *u, struct error *e)
{
	AUTO_FREE char *name = NULL, *link = NULL;
	uint64_t size;
	const char *hardlink = archive_entry_hardlink(u->entry);
	if (archive_entry_is_encrypted(u->entry))
		return error_set(e, ERR_MISMATCH, "%s is encrypted", u->path);
	int err = clean_name(u, archive_entry_pathname(u->entry), &name, e);
	if (!err && hardlink)
		err = clean_name(u, hardlink, &link, e);
	if (!err)
		err = data_size(u, &size, e);
	if (err)
		return err;
	if (size > INT64_MAX || u->bytes + size > INT64_MAX)
		return error_set(e, ERR_LIMIT, "%s says to hold more bytes than there are", u->path);
	u->bytes += size;
	return 0;
}

/* The whole of it once, before anything is written. A tar that was cut between two entries is told from a whole one by
 * the zeros at its end. */
static int look(struct unpacking *u, struct error *e)
{
	la_int64_t end = 0;
	int got;
	while ((got = next(u, e)) == 1) {
		int err = look_at_entry(u, e);
		if (err)
			return err;
		end = archive_filter_bytes(u->in.a, 0);
	}
	bool tar = (archive_format(u->in.a) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_TAR;
	if (got == 0 && tar && archive_filter_bytes(u->in.a, 0) == end)
		return error_set(e, ERR_CORRUPT, "%s is cut short: its end is missing", u->path);
	return got ? got : unpack_reader_finish(&u->in, e);
}

static int check_space(const struct unpacking *u, const char *into, struct error *e)
{
	AUTO_FREE char *room = path_dir(into);
	AUTO_FREE char *above = path_dir(room);
	char need[HUMAN_MAX], have[HUMAN_MAX];
	uint64_t bytes;
	int err = fs_free_space(room, &bytes, e);
	if (err || u->bytes <= bytes)
		return err;
	error_set(e, ERR_NO_SPACE, "unpacking %s takes %s, but there are only %s free in %s", u->path,
		human_size(u->bytes, need), human_size(bytes, have), above);
	return error_hint(e, "set TMPDIR to a folder with more room");
}

/* ---- one entry ---- */

static void describe_xattrs(struct archive_entry *x, struct node *n)
{
	const char *name;
	const void *value;
	size_t len;
	archive_entry_xattr_reset(x);
	while (archive_entry_xattr_next(x, &name, &value, &len) == ARCHIVE_OK)
		if (name && len <= XATTR_SIZE_MAX)
			node_add_xattr(n, name, value ? value : "", len);
}

/* What cannot be read by us could not be backed up: the owner's right to read stays. */
static mode_t readable(struct unpacking *u, mode_t mode, bool folder)
{
	mode_t least = geteuid() == 0 ? 0 : folder ? S_IRUSR | S_IXUSR : S_IRUSR;
	if ((mode & least) != least)
		u->refused.modes++;
	return mode | least;
}

static void describe(struct unpacking *u, enum node_type type, struct node *n)
{
	struct archive_entry *x = u->entry;
	bool plain = type == NODE_FILE || type == NODE_DIR;
	mode_t mode = archive_entry_perm(x) & 07777;
	*n = (struct node){
		.type = type,
		.mode = plain ? readable(u, mode, type == NODE_DIR) : mode,
		.uid = (uint32_t)archive_entry_uid(x),
		.gid = (uint32_t)archive_entry_gid(x),
		.mtime = {.tv_sec = archive_entry_mtime(x), .tv_nsec = archive_entry_mtime_nsec(x)},
	};
	describe_xattrs(x, n);
}

/* The folder above `path`, opened or made on the way; u->dir afterwards. Folders that have no entry of their own are
 * ours alone. */
static int go_above(struct unpacking *u, const char *path, struct error *e)
{
	AUTO_FREE char *above = path_dir(path);
	if (u->above && strcmp(u->above, above) == 0)
		return 0;
	fs_close(&u->dir);
	mem_free_ptr(&u->above);
	u->above = NULL;
	u->dir = openat(u->top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *p = strcmp(above, ".") == 0 ? "" : above;
	for (; *p && u->dir >= 0; p += strcspn(p, "/"), p += *p == '/') {
		AUTO_FREE char *name = mem_string_n(p, strcspn(p, "/"));
		CLEANUP(fs_close) int from = u->dir;
		u->dir = files_open_folder(from, name);
		if (u->dir < 0 && errno == ENOENT)
			u->dir = files_make_folder(from, name);
	}
	if (u->dir < 0 && (errno == ENOTDIR || errno == ELOOP))
		return error_set(e, ERR_CORRUPT, "%s holds \"%s\", which passes through something that is no folder",
			u->path, path);
	if (u->dir < 0)
		return error_sys(e, errno, "making the folder of %s", path);
	u->above = TAKE(above);
	return 0;
}

static int unpack_folder(struct unpacking *u, const char *path, struct error *e)
{
	const char *name = path_base(path);
	if (*path && mkdirat(u->dir, name, 0700) != 0) {
		struct stat st;
		if (errno != EEXIST || fstatat(u->dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			return error_sys(e, errno, "making folder %s", path);
		if (!S_ISDIR(st.st_mode))
			return error_set(e, ERR_CORRUPT, "%s holds \"%s\" twice, once as a folder", u->path, path);
	}
	struct node *n = mem_zero(sizeof *n);
	describe(u, NODE_DIR, n);
	struct node *before = map_put(u->folders, path, strlen(path), n);
	if (before)
		free_node(before);
	return 0;
}

static int write_data(struct unpacking *u, int fd, const char *path, struct error *e)
{
	const void *p;
	size_t n;
	la_int64_t at;
	uint64_t size = 0;
	int got = ARCHIVE_OK;
	while ((got = archive_read_data_block(u->in.a, &p, &n, &at)) == ARCHIVE_OK) {
		uint64_t end = (uint64_t)at + n;
		if (at < 0 || end < size || end - size > u->bytes)
			return error_set(e, ERR_CORRUPT, "%s holds more than it says", u->path);
		u->bytes -= end - size;
		size = end;
		if (fs_pwrite_full(fd, p, n, at) != 0)
			return error_sys(e, errno, "unpacking %s", path);
		progress_bytes(u->progress, n);
		int err = progress_check(u->progress, e);
		if (err)
			return err;
	}
	if (got != ARCHIVE_EOF)
		return unpack_reader_damaged(&u->in, e);
	/* A hole at the end. */
	uint64_t whole = archive_entry_size_is_set(u->entry) ? (uint64_t)archive_entry_size(u->entry) : size;
	if (whole < size || whole - size > u->bytes)
		return error_set(e, ERR_CORRUPT, "%s holds more than it says", u->path);
	u->bytes -= whole - size;
	return ftruncate(fd, (off_t)whole) != 0 ? error_sys(e, errno, "unpacking %s", path) : 0;
}

static int unpack_file(struct unpacking *u, const char *path, struct error *e)
{
	CLEANUP(node_release) struct node n = {0};
	CLEANUP(fs_close) int fd = files_make_file(u->dir, path_base(path));
	if (fd < 0)
		return error_sys(e, errno, "making %s", path);
	int err = write_data(u, fd, path, e);
	if (err)
		return err;
	describe(u, NODE_FILE, &n);
	files_dress(fd, &n, &u->refused);
	return 0;
}

static int unpack_hardlink(struct unpacking *u, const char *path, struct error *e)
{
	AUTO_FREE char *first = NULL;
	struct stat st;
	int err = clean_name(u, archive_entry_hardlink(u->entry), &first, e);
	if (!err)
		err = go_above(u, first, e);
	if (err)
		return err;
	CLEANUP(fs_close) int from = fcntl(u->dir, F_DUPFD_CLOEXEC, 0);
	err = go_above(u, path, e);
	if (err)
		return err;
	if (fstatat(from, path_base(first), &st, AT_SYMLINK_NOFOLLOW) != 0 || S_ISDIR(st.st_mode))
		return error_set(e, ERR_CORRUPT, "%s holds \"%s\" as a link to \"%s\", which is not before it",
			u->path, path, first);
	if (linkat(from, path_base(first), u->dir, path_base(path), 0) != 0)
		return error_sys(e, errno, "making %s", path);
	return 0;
}

static int unpack_special(struct unpacking *u, const char *path, enum node_type type, struct error *e)
{
	CLEANUP(node_release) struct node n = {0};
	const char *target = archive_entry_symlink(u->entry);
	describe(u, type, &n);
	if (type == NODE_SYMLINK && (!target || !*target))
		return error_set(e, ERR_CORRUPT, "%s holds the link \"%s\", which leads to nothing", u->path, path);
	n.link_target = target ? mem_string(target) : NULL;
	return files_make_special(u->dir, path_base(path), &n, &u->refused, e);
}

static void pass_over(struct unpacking *u, const char *path, const char *why)
{
	if (u->out->skipped.n < MANIFEST_NOTES)
		strlist_addf(&u->out->skipped, "%s: %s", path, why);
	u->out->skipped_count++;
}

/* Of a zip's names in UTF-8 libarchive composes the accents, and so may make one of two. */
static bool may_be_another(const struct unpacking *u, const char *path)
{
	bool zip = (archive_format(u->in.a) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_ZIP, plain = true;
	for (const char *p = path; *p; p++)
		plain = plain && (unsigned char)*p < 0x80;
	return zip && !plain && faccessat(u->dir, path_base(path), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A later entry of the same name replaces an earlier one, as tar has it; a folder is never replaced. */
static int make_way(struct unpacking *u, const char *path, struct error *e)
{
	if (may_be_another(u, path))
		return error_set(e, ERR_CORRUPT, "%s holds \"%s\" twice, or two names that differ only in how an accent is written",
			u->path, path);
	if (unlinkat(u->dir, path_base(path), 0) == 0 || errno == ENOENT)
		return 0;
	if (errno == EISDIR)
		return error_set(e, ERR_CORRUPT, "%s holds \"%s\" twice, once as a folder", u->path, path);
	return error_sys(e, errno, "making %s", path);
}

static int unpack_entry(struct unpacking *u, struct error *e)
{
	AUTO_FREE char *path = NULL;
	mode_t type = archive_entry_filetype(u->entry);
	int err = clean_name(u, archive_entry_pathname(u->entry), &path, e);
	if (!err && archive_entry_is_encrypted(u->entry))
		err = error_set(e, ERR_MISMATCH, "%s is encrypted", u->path);
	if (err)
		return err;
	bool link = archive_entry_hardlink(u->entry) != NULL;
	if (!link && type != AE_IFDIR && type != AE_IFREG && type != AE_IFLNK && type != AE_IFIFO) {
		pass_over(u, path, type == AE_IFSOCK ? "a socket" : type == AE_IFCHR || type == AE_IFBLK ? "a device" :
			"of an unknown kind");
		return 0;
	}
	if (!*path && (link || type != AE_IFDIR))
		return error_set(e, ERR_CORRUPT, "%s holds itself as something else than a folder", u->path);
	err = *path ? go_above(u, path, e) : 0;
	if (!err && (link || type != AE_IFDIR))
		err = make_way(u, path, e);
	if (err)
		return err;
	if (link)
		return unpack_hardlink(u, path, e);
	if (type == AE_IFDIR)
		return unpack_folder(u, path, e);
	if (type == AE_IFREG)
		return unpack_file(u, path, e);
	return unpack_special(u, path, type == AE_IFLNK ? NODE_SYMLINK : NODE_FIFO, e);
}

/* ---- all of them ---- */

/* Folders get their metadata last, the inner ones first: it may forbid what had to be done in them. */
static int dress_folders(struct unpacking *u, struct error *e)
{
	CLEANUP(strlist_release) struct strlist paths = {0};
	const void *key;
	size_t len;
	for (size_t i = 0; i < map_slots(u->folders); i++)
		if (map_at(u->folders, i, &key, &len, NULL))
			strlist_take(&paths, mem_string_n(key, len));
	strlist_sort(&paths);
	for (size_t i = paths.n; i-- > 0;) {
		const char *path = paths.v[i];
		int err = *path ? go_above(u, path, e) : 0;
		if (err)
			return err;
		CLEANUP(fs_close) int fd = *path ? files_open_folder(u->dir, path_base(path))
		                                 : fcntl(u->top, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return error_sys(e, errno, "opening %s", path);
		files_dress(fd, map_get(u->folders, path, strlen(path)), &u->refused);
	}
	return 0;
}

static int unpack_all(struct unpacking *u, struct error *e)
{
	int got;
	while ((got = next(u, e)) == 1) {
		int err = unpack_entry(u, e);
		if (err)
			return err;
	}
	return got ? got : dress_folders(u, e);
}

int unpack_archive_check(const char *path, struct progress *p, struct error *e)
{
	CLEANUP(unpack_locale_leave) struct unpack_locale l = unpack_locale_enter("C.UTF-8");
	CLEANUP(unpacking_release) struct unpacking u = {.path = path, .progress = p, .top = -1, .dir = -1};
	progress_phase(p, "looking", NULL, 0, 0);
	int err = unpack_reader_open(&u.in, path, e);
	return err ? err : look(&u, e);
}

int unpack_archive(const char *path, const char *into, struct unpack_result *out, struct progress *p, struct error *e)
{
	CLEANUP(unpack_locale_leave) struct unpack_locale l = unpack_locale_enter("C.UTF-8");
	CLEANUP(unpacking_release) struct unpacking u = {.path = path, .out = out, .progress = p, .top = -1, .dir = -1};
	u.folders = map_new();
	progress_phase(p, "looking", NULL, 0, 0);
	int err = unpack_reader_open(&u.in, path, e);
	if (!err)
		err = look(&u, e);
	unpack_reader_close(&u.in);
	if (!err)
		err = check_space(&u, into, e);
	if (!err)
		err = unpack_reader_open(&u.in, path, e);
	if (err)
		return err;
	progress_phase(p, "unpacking", NULL, u.bytes, 0);
	u.top = files_make_folder(AT_FDCWD, into);
	if (u.top < 0)
		return error_sys(e, errno, "making %s", into);
	err = unpack_all(&u, e);
	files_refused_tell(&u.refused, &out->notes);
	return err;
}
