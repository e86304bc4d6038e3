/* What the tests of prune share: a repository of two backups, one of which goes. */
#ifndef TEST_PRUNE_SUPPORT_H
#define TEST_PRUNE_SUPPORT_H

#include "support.h"

#include "base/mem.h"
#include "repo/check.h"
#include "repo/prune.h"
#include "repo/tree.h"

#include <stdlib.h>
#include <string.h>

#define UNUSED_OK __attribute__((unused))

#define KEPT "a text that stays"
#define GONE "a text that goes away"
#define BOTH "a text that both backups hold"

/* Two backups: "stays" holds KEPT and BOTH, "goes" holds GONE and BOTH. */
struct fixture {
	struct store *mem;
	struct repo *r;
	struct id stays, goes;
};

UNUSED_OK static const struct support_file staying[] = {{"both", BOTH}, {"kept", KEPT}};
UNUSED_OK static const struct support_file going[] = {{"both", BOTH}, {"gone", GONE}};

UNUSED_OK static int fixture_new(void **state)
{
	struct fixture *f = mem_zero(sizeof *f);

	f->mem = mem_store_new();
	f->r = support_create(f->mem);
	support_backup(f->r, going, 2, &f->goes);
	support_backup(f->r, staying, 2, &f->stays);
	*state = f;
	return 0;
}

UNUSED_OK static int fixture_free(void **state)
{
	struct fixture *f = *state;

	repo_free(f->r);
	store_free(f->mem);
	free(f);
	return 0;
}

UNUSED_OK static const char *hex(const struct id *id)
{
	static char room[4][ID_HEX_LEN + 1];
	static unsigned next;

	return id_hex(id, room[next++ % 4]);
}

UNUSED_OK static void forget(struct fixture *f, const struct id *snapshot)
{
	support_remove(f->mem, STORE_SNAPSHOT, snapshot);
}

UNUSED_OK static size_t count(struct fixture *f, enum store_kind kind)
{
	CLEANUP(id_list_release) struct id_list l = {0};

	support_list(f->mem, kind, &l);
	return l.n;
}

UNUSED_OK static bool is_listed(const struct id_list *l, const struct id *id)
{
	for (size_t i = 0; i < l->n; i++)
		if (id_equal(&l->v[i], id))
			return true;
	return false;
}

UNUSED_OK static struct prune_stats prune_with(struct fixture *f, double max_unused)
{
	struct prune_options o = {.max_unused = max_unused};
	struct prune_stats stats;
	struct error e = {0};

	int rc = prune_run(f->r, &o, &stats, &e);
	if (rc)
		fail_msg("%s", e.text);
	return stats;
}

UNUSED_OK static void expect_whole(struct fixture *f, size_t hints)
{
	struct check_report report;
	struct error e = {0};

	assert_int_equal(check_run(f->r, &(struct check_options){.read_data = true}, &report, &e), 0);
	for (size_t i = 0; i < report.n; i++)
		print_message("found: %s\n", report.v[i].text);
	assert_int_equal(report.errors, 0);
	assert_int_equal(report.hints, hints);
	check_report_release(&report);
}

UNUSED_OK static void expect_refusal(struct fixture *f, const char *fmt, ...) PRINTF_LIKE(2, 3);
UNUSED_OK static void expect_refusal(struct fixture *f, const char *fmt, ...)
{
	struct prune_options o = {.max_unused = 0};
	struct prune_stats stats;
	struct error e = {0};
	va_list ap;

	va_start(ap, fmt);
	AUTO_FREE char *text = mem_vprintf(fmt, ap);
	va_end(ap);
	size_t packs = count(f, STORE_DATA), files = count(f, STORE_INDEX);
	assert_int_equal(prune_run(f->r, &o, &stats, &e), -ERR_REFUSED);
	assert_string_equal(e.text, text);
	assert_true(e.hint[0] != 0);
	assert_int_equal(count(f, STORE_DATA), packs);
	assert_int_equal(count(f, STORE_INDEX), files);
}

/* Two blobs in one pack, of which a backup needs the first. */
UNUSED_OK static void pack_of_two(struct fixture *f, struct id *snapshot, struct id *pack)
{
	CLEANUP(buf_release) struct buf bytes = BUF_INIT;
	struct cipher *c = cipher_new(&f->r->key);
	struct pack_blob b[2] = {{.type = BLOB_DATA}, {.type = BLOB_DATA}};
	const char *text[2] = {"first half", "other half"};
	struct tree t = {0};
	struct tree_node n = {0};

	for (int i = 0; i < 2; i++) {
		id_hash(&b[i].id, text[i], 10);
		b[i].offset = (uint32_t)bytes.len;
		cipher_seal(c, text[i], 10, &bytes);
		b[i].length = 10 + CIPHER_OVERHEAD;
	}
	pack_write_header(c, b, 2, &bytes);
	cipher_free(c);
	id_hash(pack, bytes.p, bytes.len);
	support_write(f->mem, STORE_DATA, pack, bytes.p, bytes.len);
	support_index_save(f->r, &(struct index_pack){*pack, b, 2}, 1, NULL);
	node_synthetic(&n.meta, "half", NODE_FILE, (struct timespec){.tv_sec = 1});
	n.meta.size = 10;
	id_list_add(&n.content, &b[0].id);
	tree_add(&t, &n);
	support_snapshot(f->r, &t, NULL, snapshot);
}

#endif
