/* A stored tree as an archive for people. */
#include "engine/unpack_inner.h"

#include "base/codec.h"
#include "base/human.h"
#include "base/map.h"
#include "base/mem.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK ((size_t)1 << 20)

struct packing {
	struct tree_source *from;
	struct archive *a;
	enum pack_format format;
	struct sink *sink;
	struct progress *progress;
	struct map *links;           /* first names of files with several: device and inode */
	uint64_t sockets, devices, fifos, attributes;     /* left out */
	bool broken;                 /* nothing more goes into the sink */
	struct error failed;         /* of the sink */
	unsigned char *block;
};

struct unpack_locale unpack_locale_enter(const char *name)
{
	struct unpack_locale l = {.own = newlocale(LC_CTYPE_MASK, name, (locale_t)0)};
	if (l.own)
		l.before = uselocale(l.own);
	return l;
}

void unpack_locale_leave(struct unpack_locale *l)
{
	if (!l->own)
		return;
	uselocale(l->before);
	freelocale(l->own);
}

/* After a failure libarchive believes that all goes well, until it has cleared up. */
static la_ssize_t put(struct archive *a, void *ctx, const void *p, size_t n)
{
	struct packing *x = ctx;
	if (!x->broken)
		x->broken = sink_write(x->sink, p, n, &x->failed) != 0;
	return (la_ssize_t)n;
}

/* Why libarchive failed: what the sink said comes first. */
static int fail(struct packing *x, struct error *e)
{
	const char *why = archive_error_string(x->a);
	if (x->failed.kind == ERR_NONE)
		return error_set(e, ERR_IO, "packing: %s", why ? why : "it failed");
	*e = x->failed;
	return -(int)e->kind;
}

static int open_archive(struct packing *x, struct error *e)
{
	int bad = x->format == PACK_ZIP ? archive_write_set_format_zip(x->a) : archive_write_set_format_pax(x->a);
	if (!bad && x->format == PACK_TAR_GZ)
		bad = archive_write_add_filter_gzip(x->a);
	if (!bad && x->format == PACK_TAR_ZST)
		bad = archive_write_add_filter_zstd(x->a);
	/* Attributes in the one form that every tar reads. */
	if (!bad && x->format != PACK_ZIP)
		bad = archive_write_set_format_option(x->a, "pax", "xattrheader", "SCHILY");
	/* No bytes behind the end. */
	if (!bad)
		bad = archive_write_set_bytes_in_last_block(x->a, 1);
	if (!bad)
		bad = archive_write_open(x->a, x, NULL, put, NULL);
	return bad || x->broken ? fail(x, e) : 0;
}

static unsigned file_type(enum node_type t)
{
	static const unsigned types[] = {
		[NODE_FILE] = AE_IFREG, [NODE_DIR] = AE_IFDIR, [NODE_SYMLINK] = AE_IFLNK, [NODE_FIFO] = AE_IFIFO,
		[NODE_SOCKET] = AE_IFSOCK, [NODE_CHARDEV] = AE_IFCHR, [NODE_BLOCKDEV] = AE_IFBLK,
	};
	return types[t];
}

static void describe(struct packing *x, struct archive_entry *entry, const struct node *n, const char *path)
{
	archive_entry_copy_pathname(entry, path);
	archive_entry_set_filetype(entry, file_type(n->type));
	archive_entry_set_perm(entry, n->mode);
	archive_entry_set_uid(entry, n->uid);
	archive_entry_set_gid(entry, n->gid);
	archive_entry_copy_uname(entry, n->user);
	archive_entry_copy_gname(entry, n->group);
	archive_entry_set_mtime(entry, n->mtime.tv_sec, n->mtime.tv_nsec);
	archive_entry_set_size(entry, n->type == NODE_FILE ? (la_int64_t)n->size : 0);
	if (n->type == NODE_SYMLINK)
		archive_entry_copy_symlink(entry, n->link_target ? n->link_target : "");
	if (n->type == NODE_CHARDEV || n->type == NODE_BLOCKDEV)
		archive_entry_set_rdev(entry, (dev_t)n->rdev);
	for (size_t i = 0; i < n->xattr_count && x->format != PACK_ZIP; i++)
		archive_entry_xattr_add_entry(entry, n->xattrs[i].name, n->xattrs[i].value, n->xattrs[i].len);
	x->attributes += x->format == PACK_ZIP && n->xattr_count > 0;
}

/* In zip a name says whether it is UTF-8, which libarchive takes from the locale. */
static int write_header(struct packing *x, struct archive_entry *entry, const char *path, struct error *e)
{
	bool raw = x->format == PACK_ZIP && !utf8_valid(path, strlen(path));
	CLEANUP(unpack_locale_leave) struct unpack_locale l = unpack_locale_enter(raw ? "C" : "C.UTF-8");
	int got = archive_write_header(x->a, entry);
	return got < ARCHIVE_WARN || x->broken ? fail(x, e) : 0;
}

static int write_content(struct packing *x, const struct node *n, struct error *e)
{
	struct source *s;
	int err = x->from->open(x->from, &s, e);
	if (err)
		return err;
	if (s->size != n->size)
		err = error_set(e, ERR_CORRUPT, "it has %llu bytes where %llu were expected",
			(unsigned long long)s->size, (unsigned long long)n->size);
	for (uint64_t at = 0; at < n->size && !err;) {
		size_t step = n->size - at < BLOCK ? (size_t)(n->size - at) : BLOCK;
		err = progress_check(x->progress, e);
		if (!err)
			err = source_read_exact(s, x->block, step, at, e);
		if (!err && (archive_write_data(x->a, x->block, step) != (la_ssize_t)step || x->broken))
			err = fail(x, e);
		progress_bytes(x->progress, step);
		at += step;
	}
	source_close(s);
	return err;
}

/* Make a further name of a file in the archive a link to its first, which must be the same file still. */
static bool link_to_first(struct packing *x, struct archive_entry *entry, const struct node *n, const char *path)
{
	const uint64_t key[4] = {n->dev_id, n->inode, n->size, (uint64_t)n->mtime.tv_sec};
	if (n->type != NODE_FILE || n->links < 2 || x->format == PACK_ZIP)
		return false;
	const char *first = map_get(x->links, key, sizeof key);
	if (!first) {
		map_put(x->links, key, sizeof key, mem_string(path));
		return false;
	}
	archive_entry_copy_hardlink(entry, first);
	archive_entry_set_size(entry, 0);
	return true;
}

/* Whether the format has no place for it; counted. */
static bool left_out(struct packing *x, const struct node *n)
{
	bool zip = x->format == PACK_ZIP;
	bool fifo = zip && n->type == NODE_FIFO, device = zip && (n->type == NODE_CHARDEV || n->type == NODE_BLOCKDEV);
	x->sockets += n->type == NODE_SOCKET;
	x->fifos += fifo;
	x->devices += device;
	return fifo || device || n->type == NODE_SOCKET;
}

static void free_entry(struct archive_entry **entry)
{
	archive_entry_free(*entry);
}

static int pack_entry(struct packing *x, const struct node *n, const char *path, struct error *e)
{
	if (left_out(x, n))
		return 0;
	CLEANUP(free_entry) struct archive_entry *entry = archive_entry_new();
	if (!entry)
		abort();
	describe(x, entry, n, path);
	bool linked = link_to_first(x, entry, n, path);
	int err = write_header(x, entry, path, e);
	if (!err && n->type == NODE_FILE && !linked)
		err = write_content(x, n, e);
	progress_items(x->progress, n->type == NODE_FILE);
	return err ? error_wrap(e, "%s", path) : 0;
}

static int pack_all(struct packing *x, struct error *e)
{
	for (;;) {
		enum tree_event event;
		const struct node *node;
		const char *path;
		int err = progress_check(x->progress, e);
		if (!err)
			err = x->from->next(x->from, &event, &node, &path, e);
		if (err || event == TREE_END)
			return err;
		if (event != TREE_LEAVE)
			err = pack_entry(x, node, path, e);
		if (err)
			return err;
	}
}

static void tell(struct strlist *notes, uint64_t n, const char *one, const char *many, const char *what)
{
	char number[HUMAN_MAX];
	if (n > 0 && notes)
		strlist_addf(notes, "%s %s %s", human_count(n, number), n == 1 ? one : many, what);
}

static int pack(struct packing *x, struct error *e)
{
	int err = open_archive(x, e);
	if (!err)
		err = pack_all(x, e);
	x->broken = x->broken || err;
	/* A tar would be filled up to the size its entry was to have; a zip must be closed to be freed. */
	if (err && x->format != PACK_ZIP)
		archive_write_fail(x->a);
	if ((archive_write_close(x->a) != ARCHIVE_OK || x->broken) && !err)
		err = fail(x, e);
	return err;
}

int unpack_pack(struct tree_source *from, enum pack_format format, struct sink *out, struct strlist *notes,
	struct progress *p, struct error *e)
{
	CLEANUP(unpack_locale_leave) struct unpack_locale l = unpack_locale_enter("C.UTF-8");
	struct packing x = {.from = from, .format = format, .sink = out, .progress = p, .a = archive_write_new(),
		.links = map_new(), .block = mem_alloc(BLOCK)};
	if (!x.a)
		abort();
	progress_phase(p, "packing", "files", 0, 0);
	int err = pack(&x, e);
	archive_write_free(x.a);
	map_free(x.links, free);
	free(x.block);
	if (err)
		return err;
	tell(notes, x.sockets, "socket", "sockets", "left out: no archive holds them");
	tell(notes, x.fifos, "FIFO", "FIFOs", "left out: zip has no place for them");
	tell(notes, x.devices, "device", "devices", "left out: zip has no place for them");
	tell(notes, x.attributes, "entry", "entries", "without extended attributes: zip has no place for them");
	return 0;
}
