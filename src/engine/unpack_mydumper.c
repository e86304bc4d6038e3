/* What mydumper writes: a file a table, in SQL of its own. Only myloader reads that; here it is told from other folders and archives. */
#include "engine/unpack_inner.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <string.h>

#define METADATA "metadata"
#define HEAD 64               /* "Started dump at: 2026-11-29 08:47:14", since version 0.12 behind "# " */

static bool is_metadata(const char *head, size_t n)
{
	static const char words[] = "Started dump at: ";
	size_t skip = n >= 2 && memcmp(head, "# ", 2) == 0 ? 2 : 0;
	return n >= skip + sizeof words - 1 && memcmp(head + skip, words, sizeof words - 1) == 0;
}

static bool in_folder(const char *path)
{
	AUTO_FREE char *file = path_join(path, METADATA);
	char head[HEAD];
	CLEANUP(fs_close) int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : fs_read_full(fd, head, sizeof head);
	return n > 0 && is_metadata(head, (size_t)n);
}

static bool in_archive(const char *path)
{
	CLEANUP(unpack_locale_leave) struct unpack_locale l = unpack_locale_enter("C.UTF-8");
	CLEANUP(unpack_reader_close) struct unpack_reader r = {0};
	struct error ignored = {0};
	struct archive_entry *x;
	char head[HEAD];
	int got;
	if (unpack_reader_open(&r, path, &ignored) != 0)
		return false;
	while ((got = archive_read_next_header(r.a, &x)) == ARCHIVE_OK || got == ARCHIVE_WARN) {
		const char *name = archive_entry_pathname(x);
		if (!name || archive_entry_filetype(x) != AE_IFREG || strcmp(path_base(name), METADATA) != 0)
			continue;
		la_ssize_t n = archive_read_data(r.a, head, sizeof head);
		return n > 0 && is_metadata(head, (size_t)n);
	}
	return false;
}

bool unpack_is_mydumper(const char *path)
{
	return fs_is_dir(path) ? in_folder(path) : in_archive(path);
}
