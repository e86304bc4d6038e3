/* store/fault.c - a store that fails on purpose, for tests of everything above it. */
#include "store/store.h"

#include "base/mem.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KILLED = 128 + 9 }; /* the exit status a shell shows for SIGKILL */

struct fault {
	struct store store;
	struct store *inner;
	struct fault_plan plan;
	atomic_ulong count;
};

static struct fault *fault_of(struct store *s)
{
	return (struct fault *)s;
}

/* Count an operation and tell what is to happen to it. */
static enum fault_kind meet(struct fault *t, bool writes)
{
	const struct fault_plan *p = &t->plan;
	if (p->writes_only && !writes)
		return FAULT_NONE;
	unsigned long n = atomic_fetch_add(&t->count, 1) + 1;
	bool hit = p->at && (n == p->at || (p->and_after && n > p->at));
	if (hit && p->kind == FAULT_KILL)
		_exit(KILLED);
	return hit ? p->kind : FAULT_NONE;
}

static int fail(const struct fault *t, const char *what, struct error *e)
{
	return error_set(e, t->plan.error, "%s: made to fail by a test", what);
}

static int fail_file(const struct fault *t, const struct store_file *f, struct error *e)
{
	char path[STORE_PATH_MAX];
	store_path(f, path);
	return fail(t, path, e);
}

/* What happens after an operation of any member was done with the result r. */
static int finish(const struct fault *t, enum fault_kind hit, int r, const char *what, struct error *e)
{
	if (hit == FAULT_KILL_AFTER)
		_exit(KILLED);
	return hit == FAULT_LOST_REPLY ? fail(t, what, e) : r;
}

static int finish_file(const struct fault *t, enum fault_kind hit, int r, const struct store_file *f, struct error *e)
{
	char path[STORE_PATH_MAX];
	store_path(f, path);
	return finish(t, hit, r, path, e);
}

static int fault_create(struct store *s, struct error *e)
{
	struct fault *t = fault_of(s);
	enum fault_kind hit = meet(t, true);
	if (hit == FAULT_ERROR)
		return fail(t, "create", e);
	return finish(t, hit, store_create(t->inner, e), "create", e);
}

/* The first half of the bytes, which is what a store that does not write atomically may leave behind. */
static int put_half(struct store *inner, const struct store_file *f, const struct iovec *v, int n, struct error *e)
{
	size_t left = store_iov_size(v, n) / 2;
	AUTO_FREE struct iovec *half = mem_array(NULL, (size_t)n + 1, sizeof *half);
	int pieces = 0;
	for (; pieces < n && left > 0; pieces++) {
		half[pieces] = v[pieces];
		if (half[pieces].iov_len > left)
			half[pieces].iov_len = left;
		left -= half[pieces].iov_len;
	}
	return store_put(inner, f, half, pieces, e);
}

static int fault_put(struct store *s, const struct store_file *f, const struct iovec *v, int n, struct error *e)
{
	struct fault *t = fault_of(s);
	enum fault_kind hit = meet(t, true);
	if (hit == FAULT_ERROR)
		return fail_file(t, f, e);
	if (hit == FAULT_SHORT) {
		int r = put_half(t->inner, f, v, n, e);
		return r ? r : fail_file(t, f, e);
	}
	return finish_file(t, hit, store_put(t->inner, f, v, n, e), f, e);
}

static int fault_get(struct store *s, const struct store_file *f, uint64_t at, void *p, size_t n, struct error *e)
{
	struct fault *t = fault_of(s);
	enum fault_kind hit = meet(t, false);
	if (hit == FAULT_ERROR)
		return fail_file(t, f, e);
	int r = store_get(t->inner, f, at, p, n, e);
	if (r == 0 && hit == FAULT_SHORT)
		return store_cut_short(f, at, n, at + n / 2, e);
	if (r == 0 && hit == FAULT_FLIP && n > 0)
		((unsigned char *)p)[n / 2] ^= 1;
	return finish_file(t, hit, r, f, e);
}

static int fault_size(struct store *s, const struct store_file *f, uint64_t *size, struct error *e)
{
	struct fault *t = fault_of(s);
	enum fault_kind hit = meet(t, false);
	if (hit == FAULT_ERROR)
		return fail_file(t, f, e);
	return finish_file(t, hit, store_size(t->inner, f, size, e), f, e);
}

static int fault_remove(struct store *s, const struct store_file *f, struct error *e)
{
	struct fault *t = fault_of(s);
	enum fault_kind hit = meet(t, true);
	if (hit == FAULT_ERROR)
		return fail_file(t, f, e);
	return finish_file(t, hit, store_remove(t->inner, f, e), f, e);
}

static int fault_list(struct store *s, enum store_kind kind, store_list_fn fn, void *ctx, struct error *e)
{
	struct fault *t = fault_of(s);
	enum fault_kind hit = meet(t, false);
	if (hit == FAULT_ERROR)
		return fail(t, store_kind_name(kind), e);
	if (hit == FAULT_EMPTY_LIST)
		return 0;
	return finish(t, hit, store_list(t->inner, kind, fn, ctx, e), store_kind_name(kind), e);
}

static void fault_tidy(struct store *s)
{
	store_tidy(fault_of(s)->inner);
}

static void fault_free(struct store *s)
{
	store_free(fault_of(s)->inner);
	free(s->url);
	free(s);
}

static const struct store_ops fault_ops = {
	.create = fault_create,
	.put = fault_put,
	.get = fault_get,
	.size = fault_size,
	.remove = fault_remove,
	.list = fault_list,
	.tidy = fault_tidy,
	.free = fault_free,
};

struct store *fault_new(struct store *inner, const struct fault_plan *plan)
{
	struct fault *t = mem_zero(sizeof *t);
	t->store = (struct store){&fault_ops, inner->features, mem_string(inner->url)};
	t->inner = inner;
	t->plan = *plan;
	if (!t->plan.error)
		t->plan.error = ERR_IO;
	return &t->store;
}

unsigned long fault_count(const struct store *s)
{
	return atomic_load(&((const struct fault *)s)->count);
}

static const struct {
	const char *name;
	enum fault_kind kind;
	enum err_kind error;
} plan_words[] = {
	{"kill", FAULT_KILL, ERR_NONE},
	{"kill-after", FAULT_KILL_AFTER, ERR_NONE},
	{"error", FAULT_ERROR, ERR_IO},
	{"nospace", FAULT_ERROR, ERR_NO_SPACE},
	{"temporary", FAULT_ERROR, ERR_TEMPORARY},
	{"short", FAULT_SHORT, ERR_IO},
	{"lost", FAULT_LOST_REPLY, ERR_IO},
	{"flip", FAULT_FLIP, ERR_NONE},
	{"empty-list", FAULT_EMPTY_LIST, ERR_NONE},
};

static bool parse_word(const char *word, size_t len, struct fault_plan *plan)
{
	for (size_t i = 0; i < ARRAY_LEN(plan_words); i++) {
		if (strlen(plan_words[i].name) == len && !strncmp(plan_words[i].name, word, len)) {
			plan->kind = plan_words[i].kind;
			plan->error = plan_words[i].error;
			return true;
		}
	}
	return false;
}

/* "7" or "7+" */
static bool parse_at(const char *text, struct fault_plan *plan)
{
	size_t digits = strspn(text, "0123456789");
	plan->and_after = text[digits] == '+';
	errno = 0;
	plan->at = strtoul(text, NULL, 10);
	return digits && plan->at && !errno && !text[digits + plan->and_after];
}

int fault_plan_parse(const char *text, struct fault_plan *plan, struct error *e)
{
	bool writes_only = !strncmp(text, "w:", 2);
	const char *word = text + (writes_only ? 2 : 0);
	size_t len = strcspn(word, "@");
	*plan = (struct fault_plan){.writes_only = writes_only};
	if (parse_word(word, len, plan) && word[len] == '@' && parse_at(word + len + 1, plan))
		return 0;
	*plan = (struct fault_plan){0};
	error_set(e, ERR_USAGE, "\"%s\" is no plan for a fault", text);
	return error_hint(e, "write [w:]KIND@NUMBER[+], KIND being kill, kill-after, error, nospace, temporary, short, "
			     "lost, flip or empty-list");
}
