/* What a backup of a folder leaves out. */
#include "engine/files.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"

#include <string.h>

/* Logs, caches and litter; --include-logs brings them. None has a slash but at its end: the name alone decides. */
static const char *const litter[] = {
	"*.log", "*.log.[0-9]*", "*.log.gz", "logs/", "log/", ".cache/", "cache/", "__pycache__/", "*.tmp", ".Trash*/",
	"Thumbs.db", ".DS_Store", "lost+found/",
};

const char *files_left_out(const struct backup_options *o, const char *path, bool is_dir)
{
	for (size_t i = 0; i < o->exclude.n; i++)
		if (path_match(o->exclude.v[i], path, is_dir))
			return o->exclude.v[i];
	for (size_t i = 0; i < ARRAY_LEN(litter) && !o->include_logs; i++)
		if (path_match(litter[i], path_base(path), is_dir))
			return litter[i];
	return NULL;
}

bool files_included(const struct backup_options *o, const char *path, bool is_dir)
{
	for (size_t i = 0; i < o->include.n; i++)
		if (path_match(o->include.v[i], path, is_dir))
			return true;
	return o->include.n == 0;
}

bool files_is_cache(int dir)
{
	static const char signature[] = "Signature: 8a477f597d28d172789f06886806bc55";
	char text[sizeof signature - 1];
	CLEANUP(fs_close) int fd = files_open_file(dir, "CACHEDIR.TAG");
	return fd >= 0 && fs_read_full(fd, text, sizeof text) == (ssize_t)sizeof text &&
		memcmp(text, signature, sizeof text) == 0;
}
