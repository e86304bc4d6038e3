/* Stored archives: opening one, and V2: all of it read again and held against the manifest. */
#include "engine/pg.h"

#include "base/codec.h"
#include "base/human.h"
#include "base/json.h"
#include "base/mem.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK ((size_t)1 << 20)
#define SHA256_LEN 32

static void release_source(struct source **s)
{
	source_close(*s);
}

static void release_watch(struct pg_watch **w)
{
	pg_watch_free(*w);
}

static const struct manifest_artifact *artifact_of(const struct stored *s, const char *format)
{
	for (size_t i = 0; i < s->manifest->artifact_count; i++)
		if (strcmp(s->manifest->artifacts[i].format, format) == 0)
			return &s->manifest->artifacts[i];
	return NULL;
}

int pg_stored_open(const struct stored *s, struct source **out, struct pg_toc *toc, struct error *e)
{
	CLEANUP(release_source) struct source *from = NULL;
	const struct manifest_artifact *a = artifact_of(s, PG_FORMAT);
	if (!a)
		return error_set(e, ERR_MISMATCH, "%s holds no archive of PostgreSQL", s->manifest->name);
	int err = s->open(s, a->path, &from, e);
	if (!err)
		err = pg_toc_read(from, toc, e);
	if (err)
		return error_wrap(e, "%s", a->path);
	*out = TAKE(from);
	return 0;
}

const char *pg_stored_script(const struct manifest_source *m)
{
	const struct stored s = {.manifest = m};
	const struct manifest_artifact *a = artifact_of(&s, PG_FORMAT_SQL);
	return a ? a->path : NULL;
}

/* ---- comparing with the manifest ---- */

/* As the manifest's JSON gives a name back, which may have bytes that are no UTF-8. Heap; NULL stays NULL. */
static char *as_kept(const char *name)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	struct json_out w;
	struct json j;
	struct error ignored = {0};
	if (!name || utf8_valid(name, strlen(name)))
		return name ? mem_string(name) : NULL;
	jw_init(&w, &text);
	jw_string(&w, name);
	json_init(&j, text.p, text.len);
	char *kept = json_string_dup(&j);
	if (json_finish(&j, &ignored))
		abort();
	return kept;
}

static bool same_name(const char *found, const char *expected)
{
	AUTO_FREE char *kept = as_kept(found);
	return kept && expected ? strcmp(kept, expected) == 0 : !kept && !expected;
}

static char *name_of(const struct manifest_table *t)
{
	return t->schema ? mem_printf("%s.%s", t->schema, t->name) : mem_string(t->name);
}

static bool same_columns(const struct manifest_table *a, const struct manifest_table *b)
{
	if (a->column_count != b->column_count)
		return false;
	for (size_t i = 0; i < a->column_count; i++)
		if (!same_name(b->columns[i].name, a->columns[i].name) || a->columns[i].key != b->columns[i].key)
			return false;
	return true;
}

static int compare_table(const struct manifest_table *a, const struct manifest_table *b, struct error *e)
{
	char want[HUMAN_MAX], have[HUMAN_MAX];
	AUTO_FREE char *name = name_of(a);
	if (!same_columns(a, b))
		return error_set(e, ERR_VERIFY, "table \"%s\" has other columns than the manifest says", name);
	if (a->rows_known && b->rows_known && a->rows != b->rows)
		return error_set(e, ERR_VERIFY, "table \"%s\" has %s rows instead of %s", name,
			human_count(b->rows, have), human_count(a->rows, want));
	if (a->rows_known != b->rows_known)
		return error_set(e, ERR_VERIFY, "table \"%s\" has %s where the manifest says otherwise", name,
			b->rows_known ? "rows" : "no rows");
	if (a->row_hash && b->row_hash && strcmp(a->row_hash, b->row_hash) != 0)
		return error_set(e, ERR_VERIFY, "table \"%s\" has other rows than the manifest says", name);
	return 0;
}

/* Both are in the same order: both were made by reading an archive. */
static int compare_tables(const struct manifest_source *a, const struct manifest_source *b, struct error *e)
{
	for (size_t i = 0; i < a->table_count || i < b->table_count; i++) {
		const struct manifest_table *x = i < a->table_count ? &a->tables[i] : NULL;
		const struct manifest_table *y = i < b->table_count ? &b->tables[i] : NULL;
		bool same = x && y && same_name(y->name, x->name) && same_name(y->schema, x->schema);
		AUTO_FREE char *want = x ? name_of(x) : NULL;
		AUTO_FREE char *have = y ? name_of(y) : NULL;
		if (!same && x && (!y || strcmp(want, have) < 0))
			return error_set(e, ERR_VERIFY, "table \"%s\" is missing", want);
		if (!same)
			return error_set(e, ERR_VERIFY, "table \"%s\" is not in the manifest", have);
		int err = compare_table(x, y, e);
		if (err)
			return err;
	}
	return 0;
}

static uint64_t count_of(const struct manifest_source *m, const char *type)
{
	for (size_t i = 0; i < m->object_count; i++)
		if (strcmp(m->objects[i].type, type) == 0)
			return m->objects[i].count;
	return 0;
}

/* Every type that `of` has. */
static int compare_objects(const struct manifest_source *of, const struct manifest_source *a,
	const struct manifest_source *b, struct error *e)
{
	for (size_t i = 0; i < of->object_count; i++) {
		const char *type = of->objects[i].type;
		uint64_t want = count_of(a, type), have = count_of(b, type);
		if (have != want)
			return error_set(e, ERR_VERIFY, "the number of %s objects is %" PRIu64 " instead of %" PRIu64,
				type, have, want);
	}
	return 0;
}

static int compare(const struct manifest_source *expected, const struct manifest_source *found, struct error *e)
{
	int err = compare_tables(expected, found, e);
	if (!err)
		err = compare_objects(expected, expected, found, e);
	return err ? err : compare_objects(found, expected, found, e);
}

/* ---- reading again ---- */

static int open_artifact(const struct stored *s, const struct manifest_artifact *a, struct source **out, struct error *e)
{
	int err = s->open(s, a->path, out, e);
	if (!err && (*out)->size != a->bytes)
		err = error_set(e, ERR_VERIFY, "it has %" PRIu64 " bytes instead of %" PRIu64, (*out)->size, a->bytes);
	return err;
}

static int read_all(struct source *from, struct progress *p, int (*each)(void *ctx, const void *p, size_t n,
	struct error *e), void *ctx, struct error *e)
{
	AUTO_FREE unsigned char *block = mem_alloc(BLOCK);
	for (uint64_t at = 0;;) {
		int err = progress_check(p, e);
		ssize_t got = err ? err : from->pread(from, block, BLOCK, at, e);
		if (got <= 0)
			return (int)got;
		err = each(ctx, block, (size_t)got, e);
		if (err)
			return err;
		progress_bytes(p, (uint64_t)got);
		at += (uint64_t)got;
	}
}

static int to_watch(void *ctx, const void *p, size_t n, struct error *e)
{
	return pg_watch_write(ctx, p, n, e);
}

static int to_digest(void *ctx, const void *p, size_t n, struct error *e)
{
	return EVP_DigestUpdate(ctx, p, n) == 1 ? 0 : error_set(e, ERR_INTERNAL, "cannot compute a SHA-256");
}

static void say(const struct stored *s, const char *what, const struct manifest_source *found, struct strlist *evidence)
{
	char tables[HUMAN_MAX], rows[HUMAN_MAX];
	uint64_t sum = 0;
	for (size_t i = 0; i < found->table_count; i++)
		sum += found->tables[i].rows;
	strlist_addf(evidence, "%s: %s ok; %s table%s and %s row%s as in the manifest", s->manifest->name, what,
		human_count(found->table_count, tables), found->table_count == 1 ? "" : "s", human_count(sum, rows),
		sum == 1 ? "" : "s");
}

static int check_archive(const struct stored *s, struct source *from, struct progress *p, struct strlist *evidence,
	struct error *e)
{
	CLEANUP(release_watch) struct pg_watch *w = pg_watch_new(NULL, NULL);
	CLEANUP(manifest_source_release) struct manifest_source found = {0};
	CLEANUP(pg_toc_release) struct pg_toc toc = {0};
	int err = read_all(from, p, to_watch, w, e);
	if (!err)
		err = pg_watch_finish(w, &found, &toc, e);
	if (!err)
		err = compare(s->manifest, &found, e);
	if (!err && !toc.by_id)
		strlist_addf(evidence, "%s: archive of format %d.%d, not understood, read to its end", s->manifest->name,
			toc.major, toc.minor);
	else if (!err)
		say(s, "archive", &found, evidence);
	return err;
}

static int check_script(const struct stored *s, struct source *from, struct progress *p, struct strlist *evidence,
	struct error *e)
{
	CLEANUP(manifest_source_release) struct manifest_source found = {0};
	int err = pg_script_check(from, &found, e);
	if (!err)
		err = compare(s->manifest, &found, e);
	if (!err)
		say(s, "script", &found, evidence);
	return err;
}

static void release_digest(EVP_MD_CTX **d)
{
	EVP_MD_CTX_free(*d);
}

/* Roles and settings: nothing is known of them but their bytes. */
static int check_bytes(const struct stored *s, const struct manifest_artifact *a, struct source *from,
	struct progress *p, struct strlist *evidence, struct error *e)
{
	CLEANUP(release_digest) EVP_MD_CTX *digest = EVP_MD_CTX_new();
	uint8_t hash[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1], size[HUMAN_MAX];
	if (!digest || EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1)
		abort();
	int err = read_all(from, p, to_digest, digest, e);
	if (err)
		return err;
	if (EVP_DigestFinal_ex(digest, hash, NULL) != 1)
		abort();
	hex_encode(hash, sizeof hash, hex);
	if (a->sha256 && strcmp(hex, a->sha256) != 0)
		return error_set(e, ERR_VERIFY, "its SHA-256 is not that in the manifest");
	strlist_addf(evidence, "%s: roles and settings ok; %s%s", s->manifest->name, human_size(a->bytes, size),
		a->sha256 ? ", SHA-256 as in the manifest" : " read to the end");
	return 0;
}

static int check_artifact(const struct stored *s, const struct manifest_artifact *a, struct progress *p,
	struct strlist *evidence, struct error *e)
{
	CLEANUP(release_source) struct source *from = NULL;
	int err = open_artifact(s, a, &from, e);
	if (!err && strcmp(a->format, PG_FORMAT) == 0)
		err = check_archive(s, from, p, evidence, e);
	else if (!err && strcmp(a->format, PG_FORMAT_SQL) == 0)
		err = check_script(s, from, p, evidence, e);
	else if (!err)
		err = check_bytes(s, a, from, p, evidence, e);
	if (!err)
		return 0;
	error_wrap(e, "%s", a->path);
	e->kind = err == -ERR_CORRUPT ? ERR_VERIFY : e->kind;
	return -(int)e->kind;
}

int pg_check_structure(const struct stored *s, struct progress *p, struct strlist *evidence, struct error *e)
{
	if (!artifact_of(s, PG_FORMAT) && !artifact_of(s, PG_FORMAT_SQL))
		return error_set(e, ERR_VERIFY, "%s holds no dump of PostgreSQL", s->manifest->name);
	uint64_t bytes = 0;
	for (size_t i = 0; i < s->manifest->artifact_count; i++)
		bytes += s->manifest->artifacts[i].bytes;
	progress_phase(p, "checking", NULL, bytes, 0);
	for (size_t i = 0; i < s->manifest->artifact_count; i++) {
		int err = check_artifact(s, &s->manifest->artifacts[i], p, evidence, e);
		if (err)
			return err;
	}
	return 0;
}
