/* A private folder for each test of the folder engine, and backups of what is in it. Include the cmocka preamble
 * first. */
#ifndef TESTS_UNIT_ENGINE_FILES_HELPER_H
#define TESTS_UNIT_ENGINE_FILES_HELPER_H

#include "unit/engine/support.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "engine/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

static char *room;

UNUSED static int enter_room(void **state)
{
	room = test_dir();
	return 0;
}

UNUSED static int leave_room(void **state)
{
	test_dir_remove(room);
	return 0;
}

#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, enter_room, leave_room)

/* "<room>/<name>", valid for a few calls. */
UNUSED static const char *at(const char *name)
{
	static char text[8][4096];
	static unsigned next;
	char *out = text[next++ % ARRAY_LEN(text)];
	snprintf(out, sizeof text[0], "%s/%s", room, name);
	return out;
}

UNUSED static void put(const char *name, const char *text)
{
	struct error e = {0};
	AUTO_FREE char *dir = path_dir(at(name));
	assert_int_equal(fs_make_dirs(dir, 0755, &e), 0);
	test_file_write(at(name), text, strlen(text));
}

UNUSED static void make_dir(const char *name)
{
	struct error e = {0};
	if (fs_make_dirs(at(name), 0755, &e))
		fail_msg("%s", e.text);
}

UNUSED static void assert_holds(const char *name, const char *text)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};
	if (fs_read_file(at(name), 1 << 20, &b, &e) != 0)
		fail_msg("%s", e.text);
	assert_string_equal(buf_text(&b), text);
}

UNUSED static void assert_names(const char *name, const char *joined)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	struct error e = {0};
	if (fs_list(at(name), &names, &e) != 0)
		fail_msg("%s", e.text);
	AUTO_FREE char *text = strlist_join(&names, " ");
	assert_string_equal(text, joined);
}

UNUSED static struct stat stat_of(const char *name)
{
	struct stat st;
	assert_int_equal(lstat(at(name), &st), 0);
	return st;
}

UNUSED static void put_socket(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof address.sun_path, "%s", at(name));
	CLEANUP(fs_close) int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
}

/* Root may read everything: be nobody for a while, with the room as a home. */
UNUSED static void become_nobody(void)
{
	if (geteuid() != 0)
		return;
	assert_int_equal(chown(room, 65534, 65534), 0);
	assert_int_equal(setegid(65534), 0);
	assert_int_equal(seteuid(65534), 0);
	prctl(PR_SET_DUMPABLE, 1);
}

UNUSED static void become_root_again(void)
{
	if (getuid() != 0)
		return;
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(setegid(0), 0);
}

/* One source, "media" in the room, and what a backup of it makes. */
struct media {
	struct backup_options options;
	struct progress progress;
	struct test_tree *tree;
	struct manifest_source manifest;
	const struct manifest_source *previous;
	const char *path;                 /* in the room, instead of "media" */
	struct error e;
};

UNUSED static int try_backup(struct media *m)
{
	AUTO_FREE char *path = mem_string(at(m->path ? m->path : "media"));
	struct source_url url = {.engine = &engine_folder, .path = path};
	struct engine_backup b = {.url = &url, .name = "media", .sink = &m->tree->sink, .previous = m->previous,
		.options = &m->options, .progress = &m->progress};
	m->manifest.name = mem_string("media");
	m->manifest.engine = mem_string("folder");
	m->manifest.url = mem_string("folder:media");
	m->manifest.start = time_now();
	return engine_folder.backup(&b, &m->manifest, &m->e);
}

UNUSED static void back_up(struct media *m)
{
	if (!m->tree)
		m->tree = test_tree_new(NULL);
	if (try_backup(m) != 0)
		fail_msg("%s", m->e.text);
	assert_int_equal(m->tree->depth, 0);
}

UNUSED static void media_release(struct media *m)
{
	test_tree_free(m->tree);
	manifest_source_release(&m->manifest);
	strlist_release(&m->options.include);
	strlist_release(&m->options.exclude);
}

UNUSED static uint64_t count_of(const struct media *m, const char *type)
{
	for (size_t i = 0; i < m->manifest.object_count; i++)
		if (strcmp(m->manifest.objects[i].type, type) == 0)
			return m->manifest.objects[i].count;
	return 0;
}

/* The text of the note of that kind about the path; NULL when there is none. */
UNUSED static const char *note_of(const struct media *m, const char *kind, const char *path)
{
	for (size_t i = 0; i < m->manifest.note_count; i++) {
		const struct manifest_note *n = &m->manifest.notes[i];
		if (strcmp(n->kind, kind) == 0 && n->path && strcmp(n->path, path) == 0)
			return n->text;
	}
	return NULL;
}

UNUSED static void assert_stored(const struct media *m, const char *path, const char *text)
{
	AUTO_FREE char *full = path_join("media", path);
	const struct test_entry *x = test_tree_find(m->tree, full);
	if (!x)
		fail_msg("%s is not in the backup", path);
	assert_int_equal(x->node.type, NODE_FILE);
	assert_int_equal(x->size, strlen(text));
	assert_int_equal(x->node.size, strlen(text));
	assert_memory_equal(x->bytes, text, strlen(text));
}

UNUSED static const struct test_entry *stored(const struct media *m, const char *path)
{
	AUTO_FREE char *full = path_join("media", path);
	return test_tree_find(m->tree, full);
}

#endif
