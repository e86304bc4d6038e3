#include "engine/files.h"

#include "base/mem.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool files_plain_renames;

static bool cannot(int err)
{
	return err == EINVAL || err == ENOSYS || err == EOPNOTSUPP;
}

static int rename_flags(int a, const char *name_a, int b, const char *name_b, unsigned flags)
{
	if (files_plain_renames)
		return EINVAL;
	return renameat2(a, name_a, b, name_b, flags) == 0 ? 0 : errno;
}

int files_exchange(int a, const char *name_a, int b, const char *name_b, const char *aside)
{
	int err = rename_flags(a, name_a, b, name_b, RENAME_EXCHANGE);
	if (!cannot(err))
		return err;
	if (renameat(b, name_b, a, aside) != 0)
		return errno;
	if (renameat(a, name_a, b, name_b) != 0) {
		err = errno;
		(void)!renameat(a, aside, b, name_b);
		return err;
	}
	return renameat(a, aside, a, name_a) == 0 ? 0 : errno;
}

int files_move(int from, const char *name_from, int to, const char *name_to)
{
	struct stat st;
	int err = rename_flags(from, name_from, to, name_to, RENAME_NOREPLACE);
	if (!cannot(err))
		return err;
	if (fstatat(to, name_to, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return EEXIST;
	return renameat(from, name_from, to, name_to) == 0 ? 0 : errno;
}

/* "\040" and its like, in place. */
static void decode_octal(char *s)
{
	char *to = s;
	for (const char *p = s; *p; to++) {
		bool code = p[0] == '\\' && strspn(p + 1, "01234567") >= 3;
		*to = code ? (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0')) : *p;
		p += code ? 4 : 1;
	}
	*to = '\0';
}

static void file_close(FILE **f)
{
	if (*f)
		fclose(*f);
}

char *files_mount_within(const char *path)
{
	CLEANUP(file_close) FILE *f = fopen("/proc/self/mountinfo", "re");
	AUTO_FREE char *line = NULL;
	size_t cap = 0;
	while (f && getline(&line, &cap, f) > 0) {
		/* "36 35 98:0 /root /mount/point options ...": the fifth field */
		char *field = line;
		for (int i = 0; i < 4 && field; i++)
			field = (field = strchr(field, ' ')) ? field + 1 : NULL;
		if (!field)
			continue;
		field[strcspn(field, " \n")] = '\0';
		decode_octal(field);
		if (path_within(field, path))
			return mem_string(field);
	}
	return NULL;
}
