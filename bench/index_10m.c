/* What a large repository costs to open: index_10m [BLOBS]
 *
 * A child process writes a repository in a private temporary folder whose index files list BLOBS (10 million) blobs;
 * there are no packs. This process, whose memory is thus the index's alone, opens it as every command does, and looks
 * blobs up one by one that are there and that are not. It prints name=number pairs; the folder is removed. */
#include "base/fs.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "repo/repo.h"
#include "repo/unpacked.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOBS_IN_PACK 32u /* of about half a MiB each, compressed */
#define LOOK_UPS 2000000u
#define STORED 520000u

enum { BLOB_NAMES, PACK_NAMES, UNKNOWN_NAMES };

/* The n-th name of its kind: splitmix64 (Steele, Lea, Flood 2014), four words. */
static void name_of(uint64_t kind, uint64_t n, struct id *out)
{
	uint64_t state = (kind << 60) + n * 4 * 0x9e3779b97f4a7c15u;

	for (size_t i = 0; i < ID_LEN / 8; i++) {
		state += 0x9e3779b97f4a7c15u;
		uint64_t z = (state ^ state >> 30) * 0xbf58476d1ce4e5b9u;
		z = (z ^ z >> 27) * 0x94d049bb133111ebu;
		z ^= z >> 31;
		memcpy(out->b + 8 * i, &z, 8);
	}
}

static uint32_t offset_of(uint64_t blob)
{
	return (uint32_t)(blob % BLOBS_IN_PACK) * STORED;
}

/* Pack number `pack` of the index, up to the last blob. */
static void describe_pack(uint64_t pack, uint64_t blobs, struct index_pack *out)
{
	uint64_t first = pack * BLOBS_IN_PACK;

	name_of(PACK_NAMES, pack, &out->id);
	for (out->n = 0; out->n < BLOBS_IN_PACK && first + out->n < blobs; out->n++) {
		struct pack_blob *b = &out->blobs[out->n];

		*b = (struct pack_blob){.type = BLOB_DATA, .offset = offset_of(first + out->n), .length = STORED, .plain_len = CHUNK_AVERAGE};
		name_of(BLOB_NAMES, first + out->n, &b->id);
	}
}

static int write_index_files(struct repo *r, uint64_t blobs, struct error *e)
{
	enum { PACKS = INDEX_FILE_BLOBS / BLOBS_IN_PACK };
	AUTO_FREE struct pack_blob *room = mem_zero(sizeof *room * PACKS * BLOBS_IN_PACK);
	struct index_pack packs[PACKS];
	uint64_t pack = 0;
	int rc = 0;

	while (!rc && pack * BLOBS_IN_PACK < blobs) {
		CLEANUP(buf_release) struct buf json = BUF_INIT;
		struct id id;
		size_t n = 0;

		for (; n < PACKS && pack * BLOBS_IN_PACK < blobs; n++, pack++) {
			packs[n].blobs = room + n * BLOBS_IN_PACK;
			describe_pack(pack, blobs, &packs[n]);
		}
		index_file_encode(packs, n, &json);
		rc = unpacked_save(r->store, &r->key, r->config.version, STORE_INDEX, json.p, json.len, &id, e);
	}
	return rc;
}

static int make(const char *path, const struct secret *password, uint64_t blobs, struct error *e)
{
	struct store *store;
	struct repo *r;
	int rc = store_open(path, &store, e);

	if (!rc)
		rc = repo_create(store, password, &KEY_PARAMS_RANDOM, &r, e);
	if (rc)
		return rc;
	rc = write_index_files(r, blobs, e);
	repo_free(r);
	return rc;
}

static int make_in_child(const char *path, const struct secret *password, uint64_t blobs, struct error *e)
{
	int status;
	pid_t child = fork();

	if (child < 0)
		return error_sys(e, errno, "fork");
	if (child == 0) {
		int rc = make(path, password, blobs, e);
		if (rc)
			fprintf(stderr, "index_10m: %s\n", e->text);
		_exit(rc ? 1 : 0);
	}
	if (waitpid(child, &status, 0) != child || status != 0)
		return error_set(e, ERR_CHILD, "the repository could not be made");
	return 0;
}

/* Look-ups a second of names that are all there, or all not. */
static int look_up(const struct index *x, uint64_t kind, uint64_t blobs, double *rate, struct error *e)
{
	double start = time_monotonic();
	uint64_t state = 1;

	for (unsigned i = 0; i < LOOK_UPS; i++) {
		struct id id;
		struct blob_place place;

		state = state * 6364136223846793005u + 1442695040888963407u;
		uint64_t n = (state >> 16) % blobs;
		name_of(kind, n, &id);
		bool found = index_find(x, BLOB_DATA, &id, &place);
		if (found != (kind == BLOB_NAMES) || (found && place.blob.offset != offset_of(n)))
			return error_set(e, ERR_INTERNAL, "wrong answer for blob %llu", (unsigned long long)n);
	}
	*rate = LOOK_UPS / (time_monotonic() - start);
	return 0;
}

static int measure(const char *path, const struct secret *password, uint64_t blobs, struct error *e)
{
	struct store *store;
	struct repo *r;
	struct rusage used;
	double hits = 0, misses = 0, start = time_monotonic();
	int rc = store_open(path, &store, e);

	if (!rc)
		rc = repo_open(store, password, &r, e);
	if (rc)
		return rc;
	rc = repo_load_index(r, NULL, NULL, e);
	double open_seconds = time_monotonic() - start;
	if (!rc && index_blob_count(r->index) != blobs)
		rc = error_set(e, ERR_INTERNAL, "the index holds %zu blobs", index_blob_count(r->index));
	if (!rc)
		rc = look_up(r->index, BLOB_NAMES, blobs, &hits, e);
	if (!rc)
		rc = look_up(r->index, UNKNOWN_NAMES, blobs, &misses, e);
	getrusage(RUSAGE_SELF, &used);
	if (!rc)
		printf("blobs=%zu packs=%zu open_seconds=%.2f found_a_second=%.0f not_found_a_second=%.0f index_bytes=%zu rss=%lld\n",
		       index_blob_count(r->index), index_pack_count(r->index), open_seconds, hits, misses,
		       index_memory(r->index), used.ru_maxrss * 1024LL);
	repo_free(r);
	return rc;
}

int main(int argc, char **argv)
{
	struct secret password = {0};
	struct error e = {0}, late = {0};
	AUTO_FREE char *path = NULL;
	uint64_t blobs = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000000;

	if (blobs < 1 || blobs > 100000000) {
		fprintf(stderr, "usage: index_10m [BLOBS]\n");
		return 2;
	}
	secret_set(&password, "bench", 5);
	int rc = fs_temp_dir(NULL, "index-", &path, &e);
	if (!rc)
		rc = make_in_child(path, &password, blobs, &e);
	if (!rc)
		rc = measure(path, &password, blobs, &e);
	if (path && fs_remove_tree(path, &late) && !rc)
		rc = -ERR_IO, e = late;
	secret_release(&password);
	if (rc)
		fprintf(stderr, "index_10m: %s\n", e.text);
	return rc ? 1 : 0;
}
