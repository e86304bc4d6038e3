/* Any program's output as a source, stored as it comes. It is a good backup only if the program ended well and printed something. */
#include "base/codec.h"
#include "base/draft.h"
#include "base/fs.h"
#include "base/human.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/timefmt.h"
#include "base/words.h"
#include "engine/engine.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FORMAT "stream"
#define SHA256_LEN 32

static int split(const char *command, struct strlist *words, struct error *e)
{
	int err = words_split(command, words, e);
	return err ? error_wrap(e, "the command makes no sense") : 0;
}

/* Arguments can hold passwords, so that only the program and their number are shown: "pg_dump (3 arguments)". */
static int command_parse(struct source_url *u, struct error *e)
{
	CLEANUP(strlist_release) struct strlist words = {0};
	int err = split(u->rest, &words, e);
	if (err)
		return err;
	const char *program = path_base(words.v[0]);
	if (!path_component_ok(program, strlen(program)))
		return error_set(e, ERR_USAGE, "\"%s\" is no program", words.v[0]);
	size_t n = words.n - 1;
	u->shown = n == 0 ? mem_printf("command:%s", words.v[0])
	                  : mem_printf("command:%s (%zu argument%s)", words.v[0], n, n == 1 ? "" : "s");
	u->identity = mem_printf("/%s", program);
	u->name = mem_string(program);
	return 0;
}

/* ---- backup ---- */

/* Its output on the way into the backup. */
struct storing {
	struct sink sink;
	struct file_sink *to;
};

static int storing_write(struct sink *s, const void *p, size_t n, struct error *e)
{
	struct file_sink *to = ((struct storing *)s)->to;
	return to->write(to, p, n, e);
}

/* Run it to its end; only what it printed before a good one counts. */
static int run(const struct engine_backup *b, const char *const argv[], struct file_sink *to, uint64_t *size,
	struct error *e)
{
	struct storing storing = {.sink.write = storing_write, .to = to};
	struct proc p = {0};
	int err = proc_start(&p, argv, NULL, PROC_PIPE_OUT, e);
	if (err)
		return err;
	err = proc_output(&p, &storing.sink, b->progress, size, e);
	if (err) {
		proc_stop(&p);
		return err;
	}
	err = proc_wait(&p, e);
	if (!err && *size == 0)
		err = error_set(e, ERR_CHILD, "%s printed nothing", argv[0]);
	return err;
}

static int command_backup(const struct engine_backup *b, struct manifest_source *out, struct error *e)
{
	CLEANUP(strlist_release) struct strlist words = {0};
	CLEANUP(node_release) struct node node = {0};
	uint8_t hash[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	struct file_sink *file;
	uint64_t size;
	int err = split(b->url->rest, &words, e);
	if (!err)
		err = b->sink->file(b->sink, true, &file, e);
	if (err)
		return err;
	strlist_take(&words, NULL);
	progress_phase(b->progress, "reading", NULL, 0, 0);
	err = run(b, (const char *const *)words.v, file, &size, e);
	if (err) {
		file->abort(file);
		return err;
	}
	node_synthetic(&node, b->name, NODE_FILE, time_now());
	err = file->close(file, &node, hash, e);
	if (err)
		return err;
	hex_encode(hash, sizeof hash, hex);
	manifest_add_artifact(out, b->name, FORMAT, size)->sha256 = mem_string(hex);
	out->bytes = size;
	return 0;
}

/* ---- what is stored ---- */

static int open_stored(const struct stored *s, const struct manifest_artifact **artifact, struct source **out,
	struct error *e)
{
	*artifact = s->manifest->artifact_count == 1 ? s->manifest->artifacts : NULL;
	if (!*artifact || strcmp((*artifact)->format, FORMAT) != 0)
		return error_set(e, ERR_MISMATCH, "%s holds no output of a program", s->manifest->name);
	return s->open(s, (*artifact)->path, out, e);
}

/* A sink that hashes what passes to the next one, if there is any. */
struct hashing {
	struct sink sink;
	struct sink *next;
	EVP_MD_CTX *digest;
	struct progress *progress;
};

static int hashing_write(struct sink *s, const void *p, size_t n, struct error *e)
{
	struct hashing *h = (struct hashing *)s;
	int err = progress_check(h->progress, e);
	if (err)
		return err;
	if (EVP_DigestUpdate(h->digest, p, n) != 1)
		return error_set(e, ERR_INTERNAL, "cannot compute a SHA-256");
	progress_bytes(h->progress, n);
	return h->next ? sink_write(h->next, p, n, e) : 0;
}

/* All of the stored output to `to` (or nowhere), compared with the manifest. */
static int read_stored(const struct stored *s, struct sink *to, struct progress *p, struct error *e)
{
	const struct manifest_artifact *artifact;
	struct source *from;
	uint8_t hash[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	int err = open_stored(s, &artifact, &from, e);
	if (err)
		return err;
	struct hashing h = {.sink.write = hashing_write, .next = to, .digest = EVP_MD_CTX_new(), .progress = p};
	if (!h.digest || EVP_DigestInit_ex(h.digest, EVP_sha256(), NULL) != 1)
		abort();
	err = from->size != artifact->bytes
		? error_set(e, ERR_VERIFY, "%s has %llu bytes where %llu were expected", artifact->path,
			(unsigned long long)from->size, (unsigned long long)artifact->bytes)
		: source_copy(from, &h.sink, e);
	source_close(from);
	if (EVP_DigestFinal_ex(h.digest, hash, NULL) != 1)
		abort();
	EVP_MD_CTX_free(h.digest);
	hex_encode(hash, sizeof hash, hex);
	if (!err && artifact->sha256 && strcmp(hex, artifact->sha256) != 0)
		err = error_set(e, ERR_VERIFY, "the SHA-256 of %s is not that of what the program printed",
			artifact->path);
	return err;
}

static int command_check_structure(const struct stored *s, struct progress *p, struct strlist *evidence,
	struct error *e)
{
	char size[HUMAN_MAX];
	progress_phase(p, "checking", NULL, s->manifest->bytes, 0);
	int err = read_stored(s, NULL, p, e);
	if (!err)
		strlist_addf(evidence, "output: %s, SHA-256 as in the manifest", human_size(s->manifest->bytes, size));
	return err;
}

/* ---- restore: the output into a file ---- */

static int check_target(const struct engine_restore *r, bool *exists, struct error *e)
{
	const char *path = r->target->path;
	struct stat st;
	if (!path) {
		error_set(e, ERR_USAGE, "what a program printed is not given back to it");
		return error_hint_typed(e, "name the file that receives it", ": --to FILE");
	}
	*exists = stat(path, &st) == 0;
	if (*exists && !S_ISREG(st.st_mode))
		return error_set(e, ERR_MISMATCH, "%s is not a file", path);
	return 0;
}

static int command_restore(const struct engine_restore *r, struct restore_result *out, struct error *e)
{
	bool exists = false;
	int err = check_target(r, &exists, e);
	if (err)
		return err;
	/* A link stays one: the file it leads to is replaced. */
	AUTO_FREE char *real = exists ? realpath(r->target->path, NULL) : NULL;
	AUTO_FREE char *target = mem_string(real ? real : r->target->path);
	AUTO_FREE char *dir = path_dir(target);
	CLEANUP(draft_release) struct draft draft = DRAFT_NONE;
	CLEANUP(fs_close) int fd = -1;
	AUTO_FREE char *file = NULL;
	struct fd_sink to;
	progress_phase(r->progress, "restoring", NULL, r->from->manifest->bytes, 0);
	err = draft_make(dir, path_base(target), &draft, e);
	if (!err)
		err = fs_temp_file(draft.path, "file-", &file, &fd, e);
	if (err)
		return err;
	fd_sink_init(&to, fd);
	err = read_stored(r->from, &to.sink, r->progress, e);
	if (!err && fsync(fd) != 0)
		err = error_sys(e, errno, "writing %s", target);
	if (!err && exists && r->before_swap)
		err = r->before_swap(r->ctx, e);
	if (!err && rename(file, target) != 0)
		err = error_sys(e, errno, "putting %s in its place", target);
	if (err)
		return err;
	*out = (struct restore_result){.files = 1, .bytes = to.written, .replaced = exists};
	return fs_sync_dir(dir, e);
}

static const char *const schemes[] = {"command", NULL};

const struct engine engine_command = {
	.name = "command",
	.title = "Command",
	.schemes = schemes,
	.features = ENGINE_STRUCTURE,
	.parse = command_parse,
	.backup = command_backup,
	.restore = command_restore,
	.check_structure = command_check_structure,
};
