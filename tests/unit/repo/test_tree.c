#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/fs.h"
#include "base/mem.h"
#include "repo/tree.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ID1 "18ac3e7343f016890c510e93f935261169d9e3f565436429830faf0934f4f8e4"
#define ID2 "aaa9402664f1a41f40ebbc52c9993eb66aeb366602958fdfaa283b71e64db123"
#define TIMES "\"mtime\":\"2023-11-14T18:43:20.5-03:30\",\"atime\":\"2023-11-14T18:43:20.5-03:30\"," \
	"\"ctime\":\"2023-11-14T18:43:21-03:30\""

/* A zone with half hours and summer time, in which the golden tree was written. */
static int set_zone(void **state)
{
	setenv("TZ", "America/St_Johns", 1);
	tzset();
	return 0;
}

static int parse(const char *json, unsigned flags, struct tree *t, struct error *e)
{
	/* An exact copy, so that a sanitizer sees a step past the end. */
	AUTO_FREE char *exact = mem_copy(json, strlen(json));

	return tree_parse(exact, strlen(json), flags, t, e);
}

static struct tree parsed(const char *json)
{
	struct tree t;
	struct error e = {0};

	assert_int_equal(parse(json, 0, &t, &e), 0);
	return t;
}

static void assert_encodes(const struct tree *t, const char *wanted)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT;

	tree_encode(t, &out);
	assert_string_equal(buf_text(&out), wanted);
}

static void assert_refused(const char *json, unsigned flags, const char *text)
{
	struct tree t;
	struct error e = {0};

	assert_int_equal(parse(json, flags, &t, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, text);
	assert_int_equal(t.n, 0);
	assert_null(t.v);
}

#define NODE(members) "{\"nodes\":[{" members "}]}"

static void what_is_no_tree_is_refused(void **state)
{
	assert_refused("", 0, "invalid JSON at byte 0: unexpected end");
	assert_refused("[]", 0, "invalid JSON at byte 0: an object expected");
	assert_refused("{\"nodes\":[", 0, "invalid JSON at byte 10: unexpected end");
	assert_refused("{\"nodes\":[]}x", 0, "invalid JSON at byte 12: more text than one value");
	assert_refused("{\"nodes\":{}}", 0, "invalid JSON at byte 9: an array expected");
	assert_refused("{\"nodes\":[\"a\"]}", 0, "invalid JSON at byte 10: an object expected");
}

static void names_that_would_leave_the_folder_are_refused(void **state)
{
	assert_refused(NODE("\"type\":\"file\""), 0, "\"\" is not a name inside a folder");
	assert_refused(NODE("\"name\":\".\",\"type\":\"file\""), 0, "\".\" is not a name inside a folder");
	assert_refused(NODE("\"name\":\"..\",\"type\":\"file\""), 0, "\"..\" is not a name inside a folder");
	assert_refused(NODE("\"name\":\"a/b\",\"type\":\"file\""), 0, "\"a/b\" is not a name inside a folder");
	assert_refused(NODE("\"name\":\"\\\\x2e.\",\"type\":\"file\""), 0, "\"\\x2e.\" is not a name inside a folder");
	assert_refused(NODE("\"name\":\"a\\\\x00\",\"type\":\"file\""), 0, "zero byte in the name \"a\\x00\"");
	assert_refused(NODE("\"name\":\"a\\\\q\",\"type\":\"file\""), 0, "malformed escape in the name \"a\\q\"");
}

static void entries_that_make_no_sense_are_refused(void **state)
{
	assert_refused(NODE("\"name\":\"a\""), 0, "entry \"a\" has the unknown type \"\"");
	assert_refused(NODE("\"name\":\"a\",\"type\":\"irregular\""), 0, "entry \"a\" has the unknown type "
		"\"irregular\"");
	assert_refused(NODE("\"name\":\"a\",\"type\":\"dir\""), 0, "folder \"a\" has no tree");
	assert_refused(NODE("\"name\":\"a\",\"type\":\"dir\",\"subtree\":null"), 0, "folder \"a\" has no tree");
}

static void broken_members_are_refused(void **state)
{
	assert_refused(NODE("\"content\":[\"ab\"]"), 0,
		       "invalid JSON at byte 26: an id of 64 lower-case hexadecimal digits expected");
	assert_refused(NODE("\"content\":[{}]"), 0,
		       "invalid JSON at byte 24: an id of 64 lower-case hexadecimal digits expected");
	assert_refused(NODE("\"mtime\":\"yesterday\""), 0,
		       "invalid JSON at byte 30: a time in the form of RFC 3339 expected");
	assert_refused(NODE("\"uid\":4294967296"), 0, "invalid JSON at byte 27: number out of range");
	assert_refused(NODE("\"size\":-1"), 0, "invalid JSON at byte 18: number out of range");
	assert_refused(NODE("\"size\":1.5"), 0, "invalid JSON at byte 18: an integer expected");
	assert_refused(NODE("\"linktarget_raw\":\"?\""), 0, "invalid JSON at byte 31: broken base64");
	assert_refused(NODE("\"linktarget_raw\":\"YQBi\""), 0, "invalid JSON at byte 34: a zero byte in a link target");
	assert_refused(NODE("\"extended_attributes\":[{\"value\":\"YQ==\"}]"), 0,
		       "invalid JSON at byte 50: an extended attribute without a name");
}

static void names_out_of_order_are_refused_on_request(void **state)
{
	static const char unsorted[] = "{\"nodes\":[{\"name\":\"b\",\"type\":\"fifo\"},{\"name\":\"a\","
		"\"type\":\"fifo\"}]}";
	static const char twice[] = "{\"nodes\":[{\"name\":\"b\",\"type\":\"fifo\"},{\"name\":\"b\","
		"\"type\":\"file\"}]}";

	assert_refused(unsorted, TREE_STRICT, "entry \"a\" is out of order");
	assert_refused(twice, TREE_STRICT, "entry \"b\" is out of order");
}

static void unsorted_trees_can_be_searched_and_sorted(void **state)
{
	CLEANUP(tree_release) struct tree t = parsed("{\"nodes\":[{\"name\":\"c\",\"type\":\"fifo\"},"
		"{\"name\":\"a\",\"type\":\"fifo\"},{\"name\":\"\\\\xff\",\"type\":\"fifo\"},{\"name\":\"b\","
			"\"type\":\"fifo\"}]}");
	struct error e = {0};

	assert_string_equal(tree_find(&t, "a")->meta.name, "a");
	assert_string_equal(tree_find(&t, "b")->meta.name, "b");
	assert_null(tree_find(&t, "bb"));
	assert_int_equal(tree_sort(&t, &e), 0);
	assert_string_equal(t.v[0].meta.name, "a");
	assert_string_equal(t.v[1].meta.name, "b");
	assert_string_equal(t.v[2].meta.name, "c");
	assert_string_equal(t.v[3].meta.name, "\xff");
	for (size_t i = 0; i < t.n; i++)
		assert_ptr_equal(tree_find(&t, t.v[i].meta.name), &t.v[i]);
	assert_null(tree_find(&t, ""));
	assert_null(tree_find(&t, "bb"));
	assert_null(tree_find(&t, "\xff\xff"));
}

static void two_entries_of_one_name_cannot_be_sorted(void **state)
{
	CLEANUP(tree_release) struct tree t = {0};
	struct error e = {0};

	for (int i = 0; i < 3; i++) {
		struct tree_node n = {0};

		node_synthetic(&n.meta, i == 1 ? "a" : "x\n", NODE_FIFO, (struct timespec){0});
		tree_add(&t, &n);
		assert_null(n.meta.name);
	}
	assert_int_equal(tree_sort(&t, &e), -ERR_EXISTS);
	assert_string_equal(e.text, "two entries are named \"x\\n\"");
}

static void an_empty_tree_is_an_empty_list(void **state)
{
	CLEANUP(tree_release) struct tree null_nodes = parsed("{\"nodes\":null}");
	CLEANUP(tree_release) struct tree no_nodes = parsed("{}");
	struct tree t = {0};

	assert_int_equal(null_nodes.n, 0);
	assert_int_equal(no_nodes.n, 0);
	assert_encodes(&t, "{\"nodes\":[]}\n");
}

/* What every entry of these tests has in common. */
static struct tree_node entry(const char *name, enum node_type type, uint32_t mode)
{
	struct tree_node n = {.meta = {.name = mem_string(name), .type = type, .mode = mode, .links = 1}};

	n.meta.mtime = (struct timespec){1700000000, 500000000};
	n.meta.ctime = (struct timespec){1700000001, 0};
	return n;
}

static void assert_node(struct tree_node *n, const char *wanted)
{
	CLEANUP(tree_release) struct tree t = {0};
	AUTO_FREE char *whole = mem_printf("{\"nodes\":[%s]}\n", wanted);
	struct error e = {0};
	struct tree again;

	tree_add(&t, n);
	assert_encodes(&t, whole);
	assert_int_equal(parse(whole, TREE_STRICT, &again, &e), 0);
	assert_encodes(&again, whole);
	tree_release(&again);
}

static void a_file_has_all_its_members_in_order(void **state)
{
	struct tree_node n = entry("f<\"\xff", NODE_FILE, 04755);
	struct id id;

	n.meta.uid = 1000;
	n.meta.gid = 100;
	n.meta.user = mem_string("alice");
	n.meta.group = mem_string("users");
	n.meta.inode = UINT64_MAX;
	n.meta.dev_id = 65024;
	n.meta.size = 9007199254740993;
	n.meta.links = 2;
	node_add_xattr(&n.meta, "user.z", "\0\1", 2);
	node_add_xattr(&n.meta, "user.a", "", 0);
	assert_true(id_parse(&id, ID1, ID_HEX_LEN));
	id_list_add(&n.content, &id);
	assert_true(id_parse(&id, ID2, ID_HEX_LEN));
	id_list_add(&n.content, &id);
	assert_node(&n, "{\"name\":\"f\\u003c\\\\\\\"\\\\xff\",\"type\":\"file\",\"mode\":8389101," TIMES
			",\"uid\":1000,\"gid\":100,\"user\":\"alice\",\"group\":\"users\","
				"\"inode\":18446744073709551615,"
			"\"device_id\":65024,\"size\":9007199254740993,\"links\":2,\"extended_attributes\":["
			"{\"name\":\"user.z\",\"value\":\"AAE=\"},{\"name\":\"user.a\",\"value\":\"\"}],"
			"\"content\":[\"" ID1 "\",\"" ID2 "\"]}");
}

static void an_empty_file_has_empty_content_and_no_size(void **state)
{
	struct tree_node n = entry("e", NODE_FILE, 0);

	assert_node(&n, "{\"name\":\"e\",\"type\":\"file\"," TIMES ",\"uid\":0,\"gid\":0,\"links\":1,\"content\":[]}");
}

static void a_folder_has_a_tree_and_no_links(void **state)
{
	struct tree_node n = entry("d", NODE_DIR, 0755);

	n.meta.size = 4096;
	assert_true(id_parse(&n.subtree, ID1, ID_HEX_LEN));
	assert_node(&n, "{\"name\":\"d\",\"type\":\"dir\",\"mode\":2147484141," TIMES
			",\"uid\":0,\"gid\":0,\"content\":null,\"subtree\":\"" ID1 "\"}");
}

static void a_link_has_its_target(void **state)
{
	struct tree_node n = entry("l", NODE_SYMLINK, 0777);

	n.meta.link_target = mem_string("\xc3\xa9 <a>");
	assert_node(&n, "{\"name\":\"l\",\"type\":\"symlink\",\"mode\":134218239," TIMES
			",\"uid\":0,\"gid\":0,\"links\":1,\"linktarget\":\"\xc3\xa9 \\u003ca\\u003e\","
				"\"content\":null}");
}

static void a_link_target_that_is_not_utf8_is_kept(void **state)
{
	CLEANUP(tree_release) struct tree t = {0};
	struct tree_node n = entry("l", NODE_SYMLINK, 0777);
	static const char json[] = "{\"nodes\":[{\"name\":\"l\",\"type\":\"symlink\",\"mode\":134218239," TIMES
		",\"uid\":0,\"gid\":0,\"links\":1,\"linktarget\":\"to\\ufffd\\ufffd\",\"linktarget_raw\":\"dG///g==\","
		"\"content\":null}]}\n";

	n.meta.link_target = mem_string("to\xff\xfe");
	tree_add(&t, &n);
	assert_encodes(&t, json);

	CLEANUP(tree_release) struct tree back = parsed(json);
	assert_string_equal(back.v[0].meta.link_target, "to\xff\xfe");
}

static void fifos_and_devices_have_no_content(void **state)
{
	struct tree_node fifo = entry("p", NODE_FIFO, 0644);
	struct tree_node block = entry("b", NODE_BLOCKDEV, 0644);
	struct tree_node character = entry("c", NODE_CHARDEV, 02755);

	assert_node(&fifo, "{\"name\":\"p\",\"type\":\"fifo\",\"mode\":33554852," TIMES
			   ",\"uid\":0,\"gid\":0,\"content\":null}");
	block.meta.rdev = 2049;
	assert_node(&block, "{\"name\":\"b\",\"type\":\"dev\",\"mode\":67109284," TIMES
			    ",\"uid\":0,\"gid\":0,\"links\":1,\"device\":2049,\"content\":null}");
	character.meta.rdev = 259;
	assert_node(&character, "{\"name\":\"c\",\"type\":\"chardev\",\"mode\":73400813," TIMES
				",\"uid\":0,\"gid\":0,\"links\":1,\"device\":259,\"content\":null}");
}

static void modes_are_those_of_go(void **state)
{
	static const struct {
		enum node_type type;
		uint32_t mode, go;
	} cases[] = {
		{NODE_FILE, 0644, 420},           {NODE_DIR, 0755, 2147484141},     {NODE_DIR, 01777, 2148532735},
		{NODE_FILE, 04755, 8389101},      {NODE_SYMLINK, 0777, 134218239},  {NODE_FIFO, 0644, 33554852},
		{NODE_BLOCKDEV, 0644, 67109284},  {NODE_CHARDEV, 02755, 73400813},  {NODE_SOCKET, 0755, 16777709},
		{NODE_FILE, 07777, 13631999}, {NODE_FILE, 0, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(tree_go_mode(cases[i].type, cases[i].mode), cases[i].go);
		assert_int_equal(tree_unix_mode(cases[i].go), cases[i].mode);
	}
}

static void members_are_matched_as_go_does(void **state)
{
	CLEANUP(tree_release) struct tree t = parsed("{\"version\":{\"a\":[1]},\"NODES\":[{\"Name\":\"old\","
		"\"name\":\"new\","
		"\"TYPE\":\"file\",\"content\":[\"" ID1 "\"],\"content\":null,\"generic_attributes\":{\"x\":[]},"
		"\"user\":\"a\",\"user\":\"\",\"linktarget\":\"x\",\"error\":\"e\"}]}");

	assert_int_equal(t.n, 1);
	assert_string_equal(t.v[0].meta.name, "new");
	assert_int_equal(t.v[0].content.n, 0);
	assert_null(t.v[0].meta.user);
}

static void of_two_lists_of_nodes_the_last_counts(void **state)
{
	CLEANUP(tree_release) struct tree t = parsed("{\"nodes\":[{\"name\":\"b\",\"type\":\"fifo\"}],"
						     "\"nodes\":[{\"name\":\"a\",\"type\":\"fifo\"}]}");

	assert_int_equal(t.n, 1);
	assert_string_equal(t.v[0].meta.name, "a");
	assert_false(t.unsorted);
}

static struct tree golden(struct buf *bytes)
{
	struct error e = {0};
	struct tree t;

	assert_int_equal(fs_read_file("tests/unit/repo/golden/tree.json", 1 << 20, bytes, &e), 0);
	assert_int_equal(tree_parse(bytes->p, bytes->len, TREE_STRICT, &t, &e), 0);
	return t;
}

static void a_tree_of_restic_is_encoded_to_the_same_bytes(void **state)
{
	CLEANUP(buf_release) struct buf bytes = BUF_INIT;
	CLEANUP(tree_release) struct tree t = golden(&bytes);

	assert_encodes(&t, buf_text(&bytes));
}

static void the_entries_of_a_restic_tree_are_understood(void **state)
{
	static const char *const names[] = {
		"-leading dash", "<html>&amp;", "badlnk.txt", "bad\xff\xfe\xc3", "bell\a\b\f\v\x01\x7f", "blk",
			"chr", "dir",
		"emoji \xf0\x9f\x98\x80 \xc3\xa9 e\xcc\x81", "empty", "emptydir", "fifo", "hardlink", "link",
			"link utf8",
		"mode000",
		("nbsp\xc2\xa0shy\xc2\xad ls\xe2\x80\xa8 bom\xef\xbb\xbf zw\xe2\x80\x8b pu\xee\x80\x80 "
			"id\xe3\x80\x80 fs\xe2\x81\x84"),
		"new\nline\ttab\rcr", "plain.txt", "quote\"and\\back", "repl\xef\xbf\xbd", "setgid", "setuid",
			"sgid", "sticky",
		"sticky file", "sur\xed\xa0\x80", "tag\xf3\xa0\x80\x81 vs\xf3\xa0\x84\x80",
			"unassigned\xcd\xb8", "xattrs",
	};
	CLEANUP(buf_release) struct buf bytes = BUF_INIT;
	CLEANUP(tree_release) struct tree t = golden(&bytes);

	assert_int_equal(t.n, ARRAY_LEN(names));
	for (size_t i = 0; i < t.n; i++)
		assert_string_equal(t.v[i].meta.name, names[i]);
	assert_int_equal(tree_find(&t, "hardlink")->meta.inode, tree_find(&t, "plain.txt")->meta.inode);
	assert_int_equal(tree_find(&t, "hardlink")->meta.links, 2);
	assert_int_equal(tree_find(&t, "setuid")->meta.mode, 04755);
	assert_int_equal(tree_find(&t, "sgid")->meta.mode, 02750);
	assert_int_equal(tree_find(&t, "mode000")->meta.mode, 0);
	assert_int_equal(tree_find(&t, "plain.txt")->meta.mtime.tv_sec, 1700000000);
	assert_int_equal(tree_find(&t, "plain.txt")->meta.mtime.tv_nsec, 123456000);
	assert_int_equal(tree_find(&t, "empty")->content.n, 0);
	assert_string_equal(tree_find(&t, "link utf8")->meta.link_target, "\xc3\xa9 <&> \xe2\x80\xa8");

	const struct node *x = &tree_find(&t, "xattrs")->meta;
	assert_int_equal(x->xattr_count, 4);
	assert_string_equal(x->xattrs[0].name, "user.zeta");
	assert_int_equal(x->xattrs[0].len, 9);
	assert_memory_equal(x->xattrs[0].value, "\0\1binary\xff", 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_tree_is_refused),
		cmocka_unit_test(names_that_would_leave_the_folder_are_refused),
		cmocka_unit_test(entries_that_make_no_sense_are_refused),
		cmocka_unit_test(broken_members_are_refused),
		cmocka_unit_test(names_out_of_order_are_refused_on_request),
		cmocka_unit_test(unsorted_trees_can_be_searched_and_sorted),
		cmocka_unit_test(two_entries_of_one_name_cannot_be_sorted),
		cmocka_unit_test(an_empty_tree_is_an_empty_list),
		cmocka_unit_test(a_file_has_all_its_members_in_order),
		cmocka_unit_test(an_empty_file_has_empty_content_and_no_size),
		cmocka_unit_test(a_folder_has_a_tree_and_no_links),
		cmocka_unit_test(a_link_has_its_target),
		cmocka_unit_test(a_link_target_that_is_not_utf8_is_kept),
		cmocka_unit_test(fifos_and_devices_have_no_content),
		cmocka_unit_test(modes_are_those_of_go),
		cmocka_unit_test(members_are_matched_as_go_does),
		cmocka_unit_test(of_two_lists_of_nodes_the_last_counts),
		cmocka_unit_test(a_tree_of_restic_is_encoded_to_the_same_bytes),
		cmocka_unit_test(the_entries_of_a_restic_tree_are_understood),
	};

	return cmocka_run_group_tests(tests, set_zone, NULL);
}
