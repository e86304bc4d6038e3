/* Where libFuzzer is not at hand: feed every file of the folders given to the target this is linked with. */
#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_INPUT ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path, struct error *e)
{
	CLEANUP(buf_release) struct buf content = BUF_INIT;

	if (fs_read_file(path, MAX_INPUT, &content, e))
		return -(int)e->kind;
	/* A copy of exactly its size, so that a sanitizer sees the first step past its end. */
	AUTO_FREE uint8_t *exact = mem_copy(content.p, content.len);
	LLVMFuzzerTestOneInput(exact, content.len);
	return 0;
}

static int replay_folder(const char *folder, struct error *e)
{
	CLEANUP(strlist_release) struct strlist names = {0};

	if (fs_list(folder, &names, e))
		return -(int)e->kind;
	if (names.n == 0)
		return error_set(e, ERR_NOT_FOUND, "%s is empty", folder);
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *path = path_join(folder, names.v[i]);

		if (replay_file(path, e))
			return -(int)e->kind;
	}
	printf("%s: %zu inputs\n", folder, names.n);
	return 0;
}

int main(int argc, char **argv)
{
	struct error e = {0};

	if (argc < 2) {
		fprintf(stderr, "usage: %s FOLDER...\n", argv[0]);
		return 2;
	}
	for (int i = 1; i < argc; i++) {
		if (replay_folder(argv[i], &e)) {
			fprintf(stderr, "replay: %s\n", e.text);
			return 1;
		}
	}
	return 0;
}
