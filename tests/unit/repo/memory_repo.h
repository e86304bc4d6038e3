/* A repository in memory for tests, with a key that costs nothing to open, and a store whose members a test may
 * replace. */
#ifndef TEST_MEMORY_REPO_H
#define TEST_MEMORY_REPO_H

#include "base/mem.h"
#include "repo/repo.h"

#include <assert.h>

__attribute__((unused)) static struct repo *memory_repo(void)
{
	struct key_params cheap = {2, 1, 1};
	struct error e = {0};
	struct secret password = {0};
	struct repo *r = NULL;

	secret_set(&password, "geheim", 6);
	int rc = repo_create(mem_store_new(), &password, &cheap, &r, &e);
	assert(rc == 0);
	secret_release(&password);
	return r;
}

/* Let the store of `r` work with a copy of its operations, to be changed; *original receives what they were. */
__attribute__((unused)) static struct store_ops *patch_store(struct repo *r, struct store_ops *copy,
							     const struct store_ops **original)
{
	*original = r->store->ops;
	*copy = **original;
	r->store->ops = copy;
	return copy;
}

#endif
