#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "base/fs.h"
#include "base/path.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int support_setup(void **state)
{
	struct support *s = mem_zero(sizeof *s);
	if (fs_temp_dir(NULL, "backstay-catalog-", &s->dir, &s->e) || catalog_open(s->dir, &s->c, &s->e))
		return -1;
	*state = s;
	return 0;
}

int support_teardown(void **state)
{
	struct support *s = *state;
	catalog_close(s->c);
	int rc = fs_remove_tree(s->dir, &s->e);
	free(s->dir);
	free(s);
	return rc;
}

struct catalog *support_open(const struct support *s)
{
	struct catalog *c;
	struct error e;
	assert_int_equal(catalog_open(s->dir, &c, &e), 0);
	return c;
}

/* Begins when the gate is closed. Its catalog is its own: a connection must not cross a fork. */
static _Noreturn void child(const struct support *s, int gate, int i, int (*fn)(struct support *s, int i))
{
	struct support mine = {.dir = s->dir};
	char c;
	while (read(gate, &c, 1) > 0)
		;
	int rc = catalog_open(mine.dir, &mine.c, &mine.e) ? 99 : fn(&mine, i);
	catalog_close(mine.c);
	_exit(rc);
}

int support_at_once(struct support *s, int n, int (*fn)(struct support *s, int i))
{
	int gate[2], good = 0;
	catalog_close(s->c);
	assert_int_equal(pipe(gate), 0);
	for (int i = 0; i < n; i++)
		if (fork() == 0) {
			close(gate[1]);
			child(s, gate[0], i, fn);
		}
	close(gate[0]);
	close(gate[1]);
	for (int i = 0; i < n; i++) {
		int status;
		assert_true(wait(&status) > 0);
		good += WIFEXITED(status) && WEXITSTATUS(status) == 0;
	}
	s->c = support_open(s);
	return good;
}

bool support_on_disk(struct support *s, const char *text)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	struct error e;
	bool found = false;
	catalog_close(s->c);
	assert_int_equal(fs_list(s->dir, &names, &e), 0);
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *path = path_join(s->dir, names.v[i]);
		CLEANUP(buf_release) struct buf b = BUF_INIT;
		if (fs_is_dir(path))
			continue;
		assert_int_equal(fs_read_file(path, (size_t)1 << 30, &b, &e), 0);
		found |= memmem(b.p, b.len, text, strlen(text)) != NULL;
	}
	s->c = support_open(s);
	return found;
}
