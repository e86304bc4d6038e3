#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/engine/unpack_helper.h"

#include <locale.h>
#include <sys/sysmacros.h>

static const enum pack_format formats[] = {PACK_TAR_GZ, PACK_TAR_ZST, PACK_ZIP};

/* A sink that is full after some bytes. */
struct small_sink {
	struct fd_sink file;
	uint64_t room;
};

static int small_write(struct sink *s, const void *p, size_t n, struct error *e)
{
	struct small_sink *x = (struct small_sink *)s;
	if (x->file.written + n > x->room)
		return error_set(e, ERR_NO_SPACE, "the disk is full");
	x->file.written += n;
	return 0;
}

static struct tree_source *open_tree(struct media *m)
{
	struct stored s = test_stored(m->tree, &m->manifest);
	struct tree_source *from;
	struct error e = {0};
	assert_int_equal(s.tree(&s, "media", &from, &e), 0);
	return from;
}

static int try_pack(struct media *m, enum pack_format format, const char *to, struct strlist *notes, struct error *e)
{
	struct tree_source *from = open_tree(m);
	CLEANUP(fs_close) int fd = open(at(to), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct fd_sink out;
	fd_sink_init(&out, fd);
	int err = unpack_pack(from, format, &out.sink, notes, &m->progress, e);
	from->close(from);
	return err;
}

static void a_sink_that_fails_is_an_error(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	put("media/a", "text");
	back_up(&m);
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		for (uint64_t bytes = 0; bytes < 60; bytes += 20) {
			struct tree_source *from = open_tree(&m);
			struct small_sink out = {.file.sink.write = small_write, .room = bytes};
			struct error e = {0};
			assert_int_equal(unpack_pack(from, formats[i], &out.file.sink, NULL, NULL, &e), -ERR_NO_SPACE);
			assert_non_null(strstr(e.text, "the disk is full"));
			from->close(from);
		}
}

static void content_that_is_not_what_the_tree_says_is_an_error(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	put("media/a", "text");
	back_up(&m);
	((struct test_entry *)stored(&m, "a"))->node.size = 5;
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		struct error e = {0};
		assert_int_equal(try_pack(&m, formats[i], "x", NULL, &e), -ERR_CORRUPT);
		assert_string_equal(e.text, "a: it has 4 bytes where 5 were expected");
	}
}

static void packing_can_be_cancelled(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	struct error e = {0};
	put("media/a", "text");
	back_up(&m);
	atomic_store(&m.progress.cancel, true);
	assert_int_equal(try_pack(&m, PACK_ZIP, "x.zip", NULL, &e), -ERR_CANCELLED);
}

static const char *const names[] = {
	"-rf", "a\nb", "a\rb", " space ", "'quote'", "\"double\"", "`id`", "100%s%n", "a\\b", "*", "...", "~",
	"caf\xc3\xa9", "\xff\xfe", "\xe2\x98\x83", "\xf0\x9f\x92\xbe", "caf\xe9", "\x01\x7f",
	("a-name-that-is-longer-than-the-hundred-bytes-that-old-tar-headers-have-room-for-"
	"and-so-needs-an-extended-one-to-be-kept"),
};

static void make_media(void)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char path[300];
		snprintf(path, sizeof path, "media/deep/%s/%s", names[i], names[i]);
		put(path, names[i]);
	}
	put("media/empty", "");
	make_dir("media/nothing");
	assert_int_equal(symlink("deep/caf\xc3\xa9", at("media/link")), 0);
	assert_int_equal(symlink("/no\xff", at("media/dangling")), 0);
	assert_int_equal(chmod(at("media/empty"), 0751), 0);
	assert_int_equal(chmod(at("media/nothing"), 0500), 0);
	test_file_age(at("media/empty"), 100000);
	test_file_age(at("media/nothing"), 100000);
}

static void assert_same_node(const struct node *a, const struct node *b, bool zip)
{
	assert_string_equal(a->name, b->name);
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->mode, b->mode);
	assert_int_equal(a->uid, b->uid);
	assert_int_equal(a->gid, b->gid);
	assert_int_equal(a->size, b->size);
	assert_int_equal(a->rdev, b->rdev);
	assert_int_equal(a->mtime.tv_sec, b->mtime.tv_sec);
	assert_string_equal(a->link_target ? a->link_target : "", b->link_target ? b->link_target : "");
	if (zip)
		return;
	assert_int_equal(a->mtime.tv_nsec, b->mtime.tv_nsec);
	assert_int_equal(a->links, b->links);
	assert_int_equal(a->xattr_count, b->xattr_count);
	for (size_t i = 0; i < a->xattr_count; i++) {
		assert_string_equal(a->xattrs[i].name, b->xattrs[i].name);
		assert_int_equal(a->xattrs[i].len, b->xattrs[i].len);
		assert_memory_equal(a->xattrs[i].value, b->xattrs[i].value, a->xattrs[i].len);
	}
}

static void assert_same_entries(const struct test_entry *a, const struct test_entry *b, bool zip)
{
	assert_int_equal(a->count, b->count);
	for (size_t i = 0; i < a->count; i++) {
		const struct test_entry *x = a->children[i], *y = b->children[i];
		assert_same_node(&x->node, &y->node, zip);
		assert_int_equal(x->size, y->size);
		if (x->size)
			assert_memory_equal(x->bytes, y->bytes, x->size);
		assert_same_entries(x, y, zip);
	}
}

static void R12_what_is_packed_can_be_imported_to_the_byte(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	make_media();
	back_up(&m);
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		CLEANUP(imported_release) struct imported x = {0};
		CLEANUP(strlist_release) struct strlist notes = {0};
		struct error e = {0};
		if (try_pack(&m, formats[i], "packed", &notes, &e))
			fail_msg("%s", e.text);
		assert_int_equal(notes.n, 0);
		import(&x, "packed");
		assert_same_entries(test_tree_find(m.tree, "media"), test_tree_find(x.tree, "media"),
			formats[i] == PACK_ZIP);
	}
}

/* The locale the program runs in makes no difference. */
static void names_do_not_depend_on_the_locale(void **state)
{
	setlocale(LC_ALL, "C.UTF-8");
	R12_what_is_packed_can_be_imported_to_the_byte(state);
	setlocale(LC_ALL, "C");
}

static void tar_holds_links_pipes_and_attributes(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	CLEANUP(imported_release) struct imported x = {0};
	CLEANUP(strlist_release) struct strlist notes = {0};
	struct error e = {0};
	put("media/a", "text");
	assert_int_equal(link(at("media/a"), at("media/b")), 0);
	assert_int_equal(mkfifo(at("media/fifo"), 0640), 0);
	setxattr(at("media/a"), "user.color", "r\0d", 3, 0);
	back_up(&m);
	assert_int_equal(try_pack(&m, PACK_TAR_GZ, "x.tar.gz", &notes, &e), 0);
	assert_int_equal(notes.n, 0);
	import(&x, "x.tar.gz");
	assert_same_entries(test_tree_find(m.tree, "media"), test_tree_find(x.tree, "media"), false);
	assert_true(node_of(&x, "a")->inode == node_of(&x, "b")->inode);
}

static void B6_what_a_format_cannot_hold_is_told(void **state)
{
	CLEANUP(media_release) struct media m = {0};
	CLEANUP(imported_release) struct imported x = {0};
	CLEANUP(strlist_release) struct strlist tar = {0}, zip = {0};
	struct error e = {0};
	put("media/a", "text");
	assert_int_equal(link(at("media/a"), at("media/b")), 0);
	assert_int_equal(mkfifo(at("media/fifo"), 0640), 0);
	put_socket("media/socket");
	bool attributes = setxattr(at("media/a"), "user.color", "red", 3, 0) == 0;
	bool device = mknod(at("media/null"), S_IFCHR | 0600, makedev(1, 3)) == 0;
	back_up(&m);
	assert_int_equal(try_pack(&m, PACK_TAR_ZST, "x.tar.zst", &tar, &e), 0);
	assert_int_equal(try_pack(&m, PACK_ZIP, "x.zip", &zip, &e), 0);
	assert_int_equal(tar.n, 1);
	assert_string_equal(tar.v[0], "1 socket left out: no archive holds them");
	assert_int_equal(zip.n, 2 + attributes + device);
	assert_string_equal(zip.v[1], "1 FIFO left out: zip has no place for them");
	if (device)
		assert_string_equal(zip.v[2], "1 device left out: zip has no place for them");
	if (attributes)
		assert_string_equal(zip.v[2 + device],
			"2 entries without extended attributes: zip has no place for them");
	import(&x, "x.zip");
	assert_imported(&x, "a", "text");
	assert_imported(&x, "b", "text");
	assert_int_equal(test_tree_find(x.tree, "media")->count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ROOM(a_sink_that_fails_is_an_error),
		IN_ROOM(content_that_is_not_what_the_tree_says_is_an_error),
		IN_ROOM(packing_can_be_cancelled),
		IN_ROOM(R12_what_is_packed_can_be_imported_to_the_byte),
		IN_ROOM(names_do_not_depend_on_the_locale),
		IN_ROOM(tar_holds_links_pipes_and_attributes),
		IN_ROOM(B6_what_a_format_cannot_hold_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
