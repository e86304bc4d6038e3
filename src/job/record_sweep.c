/* Jobs whose process is gone. */
#include "job/record.h"

#include "base/draft.h"
#include "base/fs.h"
#include "base/human.h"
#include "base/mem.h"
#include "base/path.h"
#include "job/leftover.h"
#include "job/password.h"
#include "job/record_parts.h"
#include "job/source_environment.h"

#include <stdlib.h>
#include <string.h>

#define PAGE 200

int record_catalog(bool make, struct catalog **out, struct error *e)
{
	AUTO_FREE char *state = NULL;
	bool given = source_environment_given();
	int rc = password_state_dir(make || given, &state, e);

	*out = NULL;
	if (!rc && !make && !given && !fs_is_dir(state))
		rc = error_set(e, ERR_NOT_FOUND, "there is no state folder %s yet", state);
	if (!rc)
		rc = catalog_open(state, out, e);
	if (!rc)
		rc = source_environment_apply(*out, e);
	if (rc) {
		catalog_close(*out);
		*out = NULL;
	}
	return rc;
}

/* ---- what it had done ---- */

/* "reading" is something one does, "safety backup" is not. */
static void say_phase(const char *phase, struct buf *out)
{
	size_t n = strcspn(phase, " ");
	bool doing = n > 3 && !strncmp(phase + n - 3, "ing", 3);

	buf_printf(out, doing ? " while it was %s" : " during: %s", phase);
}

static void say_figures(const struct job_record *j, struct buf *out)
{
	char text[HUMAN_MAX];

	if (j->bytes_done)
		buf_printf(out, ", after %s", human_size(j->bytes_done, text));
	else if (j->items_done && j->unit)
		buf_printf(out, ", after %s %s", human_count(j->items_done, text), j->unit);
}

static char *story(const struct job_record *j, const char *end)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;

	buf_add_str(&text, end);
	if (j->phase)
		say_phase(j->phase, &text);
	say_figures(j, &text);
	return buf_take_text(&text);
}

static const struct record_loss usual = {.state = JOB_INTERRUPTED, .kind = "interrupted", .error = "its process ended"};
static const struct record_loss asked = {.state = JOB_CANCELLED, .kind = "cancelled", .error = "cancelled"};

static int mark_lost(struct catalog *c, const struct job_record *j, const struct record_loss *how, struct error *e)
{
	AUTO_FREE char *told = how->state == JOB_INTERRUPTED ? story(j, how->error) : mem_string(how->error);
	struct job_record end = *j;

	end.state = how->state;
	end.error_kind = (char *)how->kind;
	end.error = told;
	end.hint = (char *)how->hint;
	end.ended = (struct timespec){0};
	return job_end(c, &end, e);
}

/* ---- what it left ---- */

/* If it is in that folder of the state folder. */
static void remove_file_in(const char *state, const char *folder, const char *word)
{
	const char *value = !strncmp(word, "--", 2) && strchr(word, '=') ? strchr(word, '=') + 1 : word;
	AUTO_FREE char *wanted = path_join(state, folder);
	AUTO_FREE char *path = path_clean(value);
	AUTO_FREE char *dir = path_dir(path);
	struct error ignored = {0};

	if (strcmp(dir, wanted))
		return;
	draft_sweep(dir, path_base(path));
	(void)!fs_remove_tree(path, &ignored);
}

static void remove_files_in(struct catalog *c, const struct job_record *j, const char *folder)
{
	for (size_t i = 0; i < j->words.n; i++)
		remove_file_in(catalog_state_dir(c), folder, j->words.v[i]);
}

void record_remove_uploads(struct catalog *c, const struct job_record *j)
{
	remove_files_in(c, j, "uploads");
}

static void clear_up(struct catalog *c, const struct job_record *j, int fd)
{
	leftover_kill(j->id);
	if (fd >= 0)
		record_lock_read(fd, draft_sweep);
	/* Files that were made for this job alone: what was sent for it, what was to be fetched. */
	remove_files_in(c, j, "uploads");
	remove_files_in(c, j, "exports");
}

int record_lost(struct catalog *c, const char *id, const struct record_loss *how, struct error *e)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	CLEANUP(fs_close) int fd = -1;
	int rc = job_get(c, id, &j, e);

	if (rc)
		return rc;
	(void)record_lock_seize(catalog_state_dir(c), id, &fd);
	if (j.state == JOB_RUNNING)
		clear_up(c, &j, fd);
	if (j.state == JOB_RUNNING || j.state == JOB_QUEUED)
		rc = mark_lost(c, &j, how, e);
	if (!rc)
		record_lock_drop(catalog_state_dir(c), id, &fd);
	return rc;
}

/* *running: it is alive, or was so when it was looked at. */
static int sweep_one(struct catalog *c, const char *id, bool *running, bool *swept, struct error *e)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	CLEANUP(fs_close) int fd = -1;

	*swept = false;
	*running = !record_lock_seize(catalog_state_dir(c), id, &fd);
	if (*running)
		return 0;
	/* It may have ended as it should since it was listed; a record that is still "running" has nobody now. */
	int rc = job_get(c, id, &j, e);

	if (!rc && j.state == JOB_RUNNING) {
		clear_up(c, &j, fd);
		rc = mark_lost(c, &j, j.cancel ? &asked : &usual, e);
		*swept = !rc;
	}
	if (!rc)
		record_lock_drop(catalog_state_dir(c), id, &fd);
	return rc;
}

/* The file of a job that was killed when it had not begun yet, or had ended already. */
static int drop_stale(struct catalog *c, const char *id, struct error *e)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	CLEANUP(fs_close) int fd = -1;
	struct error none = {0};
	int rc = record_lock_seize(catalog_state_dir(c), id, &fd) && fd >= 0 ? job_get(c, id, &j, &none) : 0;

	if (rc && rc != -ERR_NOT_FOUND)
		*e = none;
	else if (j.state != JOB_RUNNING)
		record_lock_drop(catalog_state_dir(c), id, &fd);
	return rc == -ERR_NOT_FOUND ? 0 : rc;
}

static int drop_all_stale(struct catalog *c, struct error *e)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	AUTO_FREE char *dir = path_join(catalog_state_dir(c), "jobs");
	struct error ignored = {0};
	int rc = 0;

	if (fs_list(dir, &names, &ignored))
		return 0;
	for (size_t i = 0; !rc && i < names.n; i++) {
		AUTO_FREE char *id = mem_string_n(names.v[i], strcspn(names.v[i], "."));

		if (strlen(id) == JOB_ID_LEN && !strcmp(names.v[i] + JOB_ID_LEN, ".lock"))
			rc = drop_stale(c, id, e);
	}
	return rc;
}

/* The oldest first, page by page: those that run on are passed over. */
int record_sweep(struct catalog *c, uint64_t *n, struct error *e)
{
	CLEANUP(strlist_release) struct strlist states = {0};
	struct catalog_page page = {.limit = PAGE};
	uint64_t count = 0, total = 1;
	int rc = 0;

	strlist_add(&states, job_state_name(JOB_RUNNING));
	while (!rc && page.offset < total) {
		CLEANUP(job_list_release) struct job_list l = {0};
		const struct job_filter f = {.states = states, .oldest_first = true};

		rc = job_list_some(c, &f, &page, &l, &total, e);
		for (size_t i = 0; !rc && i < l.n; i++) {
			bool running, swept;

			rc = sweep_one(c, l.v[i].id, &running, &swept, e);
			count += swept;
			page.offset += running;
		}
	}
	if (n)
		*n = count;
	return rc ? rc : drop_all_stale(c, e);
}
