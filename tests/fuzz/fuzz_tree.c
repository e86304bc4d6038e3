/* Any bytes as a tree: refused, or a tree whose encoding is read back as the same tree. */
#include "base/mem.h"
#include "repo/tree.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static bool parsed(const void *p, size_t n, unsigned flags, struct tree *t)
{
	struct error e = {0};
	int r = tree_parse(p, n, flags, t, &e);

	demand(r == 0 || (r == -ERR_CORRUPT && e.text[0] && t->n == 0));
	return r == 0;
}

static void check_names(const struct tree *t)
{
	for (size_t i = 0; i < t->n; i++) {
		const char *name = t->v[i].meta.name;

		demand(name[0] && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
		demand(strcmp(tree_find(t, name)->meta.name, name) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(tree_release) struct tree t = {0}, strict = {0}, again = {0};
	CLEANUP(buf_release) struct buf once = BUF_INIT, twice = BUF_INIT;
	struct error e = {0};

	bool sound = parsed(data, size, 0, &t);
	demand(parsed(data, size, TREE_STRICT, &strict) == (sound && !t.unsorted));
	if (!sound)
		return 0;
	check_names(&t);
	if (tree_sort(&t, &e) < 0)
		return 0;
	check_names(&t);
	tree_encode(&t, &once);
	demand(parsed(once.p, once.len, TREE_STRICT, &again));
	demand(again.n == t.n);
	tree_encode(&again, &twice);
	demand(once.len == twice.len && memcmp(once.p, twice.p, once.len) == 0);
	return 0;
}
