#include "engine/files.h"

#include "base/codec.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MARK ".backstay-restore-"
#define RANDOM_BYTES 4
#define BESIDE_MAX 200        /* so much of a name goes into ours, so that it stays one */
#define NAME_TRIES 100

bool files_plain_renames;

static size_t beside_len(const char *beside)
{
	size_t n = strlen(beside);
	return n < BESIDE_MAX ? n : BESIDE_MAX;
}

/* The process that made a scratch folder of this name for `beside`; 0 when it is no such name. */
static pid_t maker_of(const char *name, const char *beside)
{
	size_t n = beside_len(beside);
	unsigned char random[RANDOM_BYTES];
	if (strncmp(name, beside, n) != 0 || strncmp(name + n, MARK, strlen(MARK)) != 0)
		return 0;
	const char *digits = name + n + strlen(MARK);
	size_t len = strspn(digits, "0123456789");
	if (len == 0 || len > 9 || digits[0] == '0' || digits[len] != '-')
		return 0;
	const char *hex = digits + len + 1;
	return hex_decode(hex, strlen(hex), random, sizeof random) ? (pid_t)atol(digits) : 0;
}

bool files_scratch_is(const char *name, const char *beside)
{
	return maker_of(name, beside) != 0;
}

/* What was left by processes that are gone. It may belong to someone else: then it stays. */
static void sweep(const char *dir, const char *beside)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	struct error ignored = {0};
	if (fs_list(dir, &names, &ignored) != 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		pid_t pid = maker_of(names.v[i], beside);
		if (pid == 0 || kill(pid, 0) == 0 || errno != ESRCH)
			continue;
		AUTO_FREE char *path = path_join(dir, names.v[i]);
		(void)!fs_remove_tree(path, &ignored);
	}
}

int files_scratch_make(const char *dir, const char *beside, struct files_scratch *out, struct error *e)
{
	*out = (struct files_scratch){.fd = -1};
	sweep(dir, beside);
	for (int i = 0; i < NAME_TRIES; i++) {
		unsigned char random[RANDOM_BYTES];
		char hex[2 * RANDOM_BYTES + 1];
		random_bytes(random, sizeof random);
		hex_encode(random, sizeof random, hex);
		AUTO_FREE char *name = mem_printf("%.*s" MARK "%ld-%s", (int)beside_len(beside), beside, (long)getpid(),
			hex);
		AUTO_FREE char *path = path_join(dir, name);
		if (mkdir(path, 0700) != 0 && errno == EEXIST)
			continue;
		out->fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (out->fd < 0)
			break;
		out->path = TAKE(path);
		return 0;
	}
	return error_sys(e, errno, "making a folder in %s to restore into", dir);
}

int files_scratch_remove(struct files_scratch *s, struct error *e)
{
	AUTO_FREE char *path = TAKE(s->path);
	fs_close(&s->fd);
	return path ? fs_remove_tree(path, e) : 0;
}

void files_scratch_release(struct files_scratch *s)
{
	struct error ignored = {0};
	files_scratch_remove(s, &ignored);
}

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
