/* Stored archives: opening one, and V2: all of it read again and held against the manifest. */
#include "engine/pg.h"

#include "base/codec.h"
#include "base/human.h"
#include "base/mem.h"
#include "engine/manifest_compare.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK ((size_t)1 << 20)
#define SHA256_LEN 32

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
	CLEANUP(source_drop) struct source *from = NULL;
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
		err = manifest_compare(s->manifest, &found, e);
	if (!err && !toc.by_id)
		strlist_addf(evidence, "%s: archive of format %d.%d, not understood, read to its end", s->manifest->name,
			toc.major, toc.minor);
	else if (!err)
		manifest_evidence(s->manifest->name, "archive", &found, evidence);
	return err;
}

static int check_script(const struct stored *s, struct source *from, struct progress *p, struct strlist *evidence,
	struct error *e)
{
	CLEANUP(manifest_source_release) struct manifest_source found = {0};
	int err = pg_script_check(from, &found, e);
	if (!err)
		err = manifest_compare(s->manifest, &found, e);
	if (!err)
		manifest_evidence(s->manifest->name, "script", &found, evidence);
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
	CLEANUP(source_drop) struct source *from = NULL;
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
