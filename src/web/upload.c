#include "web/upload.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "catalog/job.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_EVERY ((uint64_t)64 << 20)      /* bytes between two looks at the free space */

void upload_init(struct upload_set *s, const char *state_dir, uint64_t most)
{
	*s = (struct upload_set){.state_dir = state_dir, .most = most};
}

/* The folder, made when it is not there. Heap. */
static char *folder(const char *state_dir, struct error *e)
{
	AUTO_FREE char *dir = path_join(state_dir, "uploads");

	return fs_make_dirs(dir, 0700, e) ? NULL : TAKE(dir);
}

static int look_at_space(const char *dir, uint64_t wanted, struct error *e)
{
	uint64_t space;
	int rc = fs_free_space(dir, &space, e);

	if (rc || (space >= UPLOAD_KEEP_FREE && space - UPLOAD_KEEP_FREE >= wanted))
		return rc;
	error_set(e, ERR_NO_SPACE, "there is no room for the upload in %s", dir);
	return error_hint(e, "make room there, or restore the file from this machine's command line: backstay restore FILE --to TARGET");
}

static int too_large(const struct upload_set *s, struct error *e)
{
	error_set(e, ERR_LIMIT, "the upload is larger than %" PRIu64 " bytes", s->most);
	return error_hint(e, "the setting upload_max says how large an upload may be");
}

int upload_allowed(const struct upload_set *s, uint64_t expected, struct error *e)
{
	AUTO_FREE char *dir = folder(s->state_dir, e);

	if (!dir)
		return -(int)e->kind;
	return expected > s->most ? too_large(s, e) : look_at_space(dir, expected, e);
}

/* "upload-shop.dump.": what is said of the file later names it as who sent it does. */
static char *prefix_of(const char *name)
{
	AUTO_FREE char *plain = mem_printf("%.100s", name);

	for (char *p = plain; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
			*p = '_';
	return mem_printf("upload-%s.", plain);
}

int upload_begin(struct upload_set *s, const char *field, const char *name, struct error *e)
{
	AUTO_FREE char *dir = folder(s->state_dir, e);
	char *path;

	if (!dir)
		return -(int)e->kind;
	if (s->n == UPLOAD_FILES_MAX)
		return error_set(e, ERR_LIMIT, "the form has more than %d files", UPLOAD_FILES_MAX);
	AUTO_FREE char *prefix = prefix_of(name);
	int rc = fs_temp_file(dir, prefix, &path, &s->fd, e);

	if (rc)
		return rc;
	GROW(s->v, s->n, s->cap);
	s->writing = true;
	s->v[s->n++] = (struct web_upload){.field = mem_string(field), .name = mem_string(name), .path = path};
	return 0;
}

int upload_data(struct upload_set *s, const void *p, size_t n, struct error *e)
{
	struct web_upload *u = &s->v[s->n - 1];
	int rc = 0;

	if (n > s->most - s->bytes)
		return too_large(s, e);
	if (s->bytes >= s->next_look) {
		rc = look_at_space(u->path, LOOK_EVERY, e);
		s->next_look = s->bytes + LOOK_EVERY;
	}
	if (!rc && fs_write_full(s->fd, p, n))
		rc = error_sys(e, errno, "writing the upload %s", u->path);
	s->bytes += n;
	u->bytes += n;
	return rc;
}

int upload_end(struct upload_set *s, struct error *e)
{
	s->writing = false;
	return close(s->fd) ? error_sys(e, errno, "writing the upload %s", s->v[s->n - 1].path) : 0;
}

void upload_release(struct upload_set *s)
{
	if (s->writing)
		close(s->fd);
	for (size_t i = 0; i < s->n; i++) {
		struct web_upload *u = &s->v[i];

		if (!u->keep)
			unlink(u->path);
		free(u->field);
		free(u->name);
		free(u->path);
	}
	free(s->v);
	*s = (struct upload_set){0};
}

/* ---- what is left over ---- */

/* The arguments of one job. */
static int words_of(struct catalog *c, const char *id, struct strlist *words, struct error *e)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	int rc = job_get(c, id, &j, e);

	strlist_copy(words, &j.words);
	return rc;
}

/* Those of all jobs that wait or run: paths they still need are among them. */
static int words_in_use(struct catalog *c, struct strlist *words, struct error *e)
{
	CLEANUP(job_list_release) struct job_list jobs = {0};
	struct job_filter f = {0};
	struct catalog_page page = {.limit = 1000};
	uint64_t total = 0;

	strlist_add(&f.states, job_state_name(JOB_QUEUED));
	strlist_add(&f.states, job_state_name(JOB_RUNNING));
	int rc = job_list_some(c, &f, &page, &jobs, &total, e);

	strlist_release(&f.states);
	if (!rc && total > jobs.n)
		rc = error_set(e, ERR_LIMIT, "%" PRIu64 " jobs wait", total);
	for (size_t i = 0; i < jobs.n && !rc; i++)
		rc = words_of(c, jobs.v[i].id, words, e);
	return rc;
}

/* As an argument, or as the value of an option. */
static bool is_named(const struct strlist *words, const char *path)
{
	size_t n = strlen(path);

	for (size_t i = 0; i < words->n; i++) {
		size_t len = strlen(words->v[i]);

		if (len >= n && !strcmp(words->v[i] + len - n, path) && (len == n || words->v[i][len - n - 1] == '='))
			return true;
	}
	return false;
}

static void sweep_file(const char *path, double seconds, const struct strlist *in_use)
{
	struct stat st;

	if (lstat(path, &st) || time_between(st.st_mtim, time_now()) < seconds || is_named(in_use, path))
		return;
	if (!unlink(path))
		log_write(LOG_INFO, "web", "removed %s, which nobody needs any more", path);
}

static void sweep_folder(const char *state_dir, const char *name, double seconds, const struct strlist *in_use)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	AUTO_FREE char *dir = path_join(state_dir, name);
	struct error ignored = {0};

	if (fs_list(dir, &names, &ignored))
		return;
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *path = path_join(dir, names.v[i]);

		sweep_file(path, seconds, in_use);
	}
}

void upload_sweep(struct catalog *c, double seconds)
{
	CLEANUP(strlist_release) struct strlist in_use = {0};
	struct error e = {0};

	if (words_in_use(c, &in_use, &e)) {
		log_write(LOG_WARNING, "web", "old uploads stay for now: %s", e.text);
		return;
	}
	sweep_folder(catalog_state_dir(c), "uploads", seconds, &in_use);
	sweep_folder(catalog_state_dir(c), "exports", seconds, &in_use);
}
