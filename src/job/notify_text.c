/* Sentences about what happened. */
#include "base/human.h"
#include "base/mem.h"
#include "job/notify_parts.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMED 5      /* sources, before "and 3 more" */

char *notify_text_host(void)
{
	char name[256] = "";

	if (gethostname(name, sizeof name - 1) || !*name)
		return mem_string("this machine");
	return mem_string(name);
}

/* ---- pieces ---- */

static bool is_time(struct timespec t)
{
	return t.tv_sec != 0;
}

/* "2026-11-28 02:00:00 +01:00" */
static void add_time(struct timespec t, struct buf *b)
{
	int offset = time_local_offset(t) / 60, size = offset < 0 ? -offset : offset;
	char local[32];

	time_to_local(t, local);
	buf_printf(b, "%s %c%02d:%02d", local, offset < 0 ? '-' : '+', size / 60, size % 60);
}

static void time_line(struct buf *b, const char *name, struct timespec t)
{
	if (!is_time(t))
		return;
	buf_printf(b, "%s: ", name);
	add_time(t, b);
	buf_add_byte(b, '\n');
}

static void line(struct buf *b, const char *name, const char *value)
{
	if (value && *value)
		buf_printf(b, "%s: %s\n", name, value);
}

/* "shop", "shop and media", "a, b, c, d, e and 3 more" */
static void add_names(const struct strlist *l, struct buf *b)
{
	size_t shown = l->n <= NAMED + 1 ? l->n : NAMED;

	for (size_t i = 0; i < shown; i++)
		buf_printf(b, "%s%s", i == 0 ? "" : i + 1 == l->n ? " and " : ", ", l->v[i]);
	if (shown < l->n)
		buf_printf(b, " and %zu more", l->n - shown);
}

static void machine_line(struct buf *b)
{
	AUTO_FREE char *host = notify_text_host();

	line(b, "Machine", host);
}

static void what_to_do(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void what_to_do(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	buf_add_str(b, "What to do: ");
	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
	buf_add_str(b, "\n\n");
}

static void finish(struct buf *sentence, struct buf *details, char **title, char **text)
{
	machine_line(details);
	*title = buf_take_text(sentence);
	*text = buf_take_text(details);
}

/* ---- jobs ---- */

static const struct {
	const char *kind, *what;
	bool of_repository;
} works[] = {
	{"backup", "backup", false},
	{"restore", "restore", false},
	{"verify", "verification", false},
	{"export", "export", false},
	{"optimize", "optimization", false},
	{"check-tables", "check of the tables", false},
	{"repair", "repair of the tables", false},
	{"cleanup", "cleanup", true},
	{"prune", "pruning", true},
	{"check", "check", true},
	{"forget", "removal of backups", true},
};

/* "The backup of shop" */
static void add_work(const struct job_record *j, struct buf *b)
{
	bool of_repository = false;
	const char *what = NULL;

	for (size_t i = 0; i < ARRAY_LEN(works); i++)
		if (!strcmp(works[i].kind, j->kind)) {
			what = works[i].what;
			of_repository = works[i].of_repository;
		}
	buf_printf(b, "The %s", what ? what : j->kind);
	if (!of_repository && j->sources.n) {
		buf_add_str(b, " of ");
		add_names(&j->sources, b);
	} else if (j->repository) {
		buf_printf(b, " of the repository %s", j->repository);
	}
}

/* Of "backing up /srv/shop.db: no space left" what is not in our sentence already. */
static const char *reason_of(const struct job_record *j)
{
	const char *end = !strncmp(j->error, "backing up ", 11) ? strstr(j->error, ": ") : NULL;

	return end && end[2] ? end + 2 : j->error;
}

static void job_sentence(const struct job_record *j, struct buf *b)
{
	add_work(j, b);
	if (j->state == JOB_INTERRUPTED)
		buf_add_str(b, " was interrupted: its process ended before its time");
	else if (j->state == JOB_SUCCESS && j->partial)
		buf_add_str(b, " is not complete: some of it could not be read");
	else if (j->state == JOB_SUCCESS)
		buf_add_str(b, " succeeded");
	else
		buf_printf(b, " failed: %s", j->error && *j->error ? reason_of(j) : "the reason is in its log");
}

static void job_advice(const struct job_record *j, struct buf *b)
{
	if (j->state == JOB_INTERRUPTED)
		what_to_do(b, "nothing, when the machine was restarted: the next run does it again. Otherwise see how it ended: backstay job log %s", j->id);
	else if (j->state == JOB_SUCCESS && j->partial)
		what_to_do(b, "see what could not be read, give access to it or leave it out: backstay job log %s", j->id);
	else if (j->state != JOB_SUCCESS && j->hint && *j->hint)
		what_to_do(b, "%s", j->hint);
	else if (j->state != JOB_SUCCESS)
		what_to_do(b, "see its log: backstay job log %s", j->id);
}

static void size_line(struct buf *b, const char *name, uint64_t bytes)
{
	char size[HUMAN_MAX];

	if (bytes)
		line(b, name, human_size(bytes, size));
}

static void count_line(struct buf *b, const char *name, uint64_t n)
{
	char count[HUMAN_MAX];

	if (n)
		line(b, name, human_count(n, count));
}

static void job_details(const struct job_record *j, struct buf *b)
{
	char took[HUMAN_MAX];

	if (j->sources.n) {
		buf_add_str(b, "Sources: ");
		for (size_t i = 0; i < j->sources.n; i++)
			buf_printf(b, "%s%s", i ? ", " : "", j->sources.v[i]);
		buf_add_byte(b, '\n');
	}
	line(b, "Repository", j->repository);
	if (j->error && reason_of(j) != j->error)
		line(b, "Error", j->error);
	line(b, "Backup", j->backup);
	size_line(b, "Size", j->size);
	size_line(b, "Added", j->added);
	count_line(b, "Rows", j->rows);
	count_line(b, "Files", j->files);
	time_line(b, "Started", j->started);
	time_line(b, "Ended", j->ended);
	if (is_time(j->started) && is_time(j->ended))
		line(b, "Took", human_duration(time_between(j->started, j->ended), took));
	if (j->attempts > 1)
		buf_printf(b, "Attempt: %d of %d\n", j->attempt, j->attempts);
	line(b, "Begun by", j->author);
	line(b, "Job", j->id);
}

void notify_text_job(const struct job_record *j, char **title, char **text)
{
	CLEANUP(buf_release) struct buf sentence = BUF_INIT;
	CLEANUP(buf_release) struct buf details = BUF_INIT;

	job_sentence(j, &sentence);
	job_advice(j, &details);
	job_details(j, &details);
	finish(&sentence, &details, title, text);
}

void notify_text_start(const struct job_record *j, char **title, char **text)
{
	CLEANUP(buf_release) struct buf sentence = BUF_INIT;
	CLEANUP(buf_release) struct buf details = BUF_INIT;

	add_work(j, &sentence);
	buf_add_str(&sentence, " began");
	job_details(j, &details);
	finish(&sentence, &details, title, text);
}

/* ---- the rest ---- */

void notify_text_missed(const struct schedule_record *s, struct timespec due, uint64_t missed, bool made_up, char **title, char **text)
{
	CLEANUP(buf_release) struct buf sentence = BUF_INIT;
	CLEANUP(buf_release) struct buf details = BUF_INIT;

	buf_printf(&sentence, "The schedule %s missed ", s->name);
	if (missed > 1)
		buf_printf(&sentence, "%llu runs, the last one that of ", (unsigned long long)missed);
	else
		buf_add_str(&sentence, "its run of ");
	add_time(due, &sentence);
	if (made_up) {
		buf_add_str(&sentence, ", and makes up for it now");
		what_to_do(&details, "nothing, when this machine or Backstay was not running then");
	} else {
		what_to_do(&details, "run it now, when it should not wait for its next run: backstay schedule run --force --id %lld", (long long)s->id);
	}
	line(&details, "Action", schedule_action_name(s->action));
	AUTO_FREE char *sources = strlist_join(&s->sources, ", ");
	line(&details, "Sources", s->sources.n ? sources : "all");
	time_line(&details, "Next run", s->next_run);
	finish(&sentence, &details, title, text);
}

void notify_text_overdue(const char *source, struct timespec last_good, uint64_t hours, char **title, char **text)
{
	CLEANUP(buf_release) struct buf sentence = BUF_INIT;
	CLEANUP(buf_release) struct buf details = BUF_INIT;

	if (is_time(last_good))
		buf_printf(&sentence, "There is no good backup of %s from the last %llu hours", source, (unsigned long long)hours);
	else
		buf_printf(&sentence, "There is no good backup of %s at all", source);
	what_to_do(&details, "see what became of the last ones (backstay job list --source %s), and make one: backstay backup %s", source, source);
	line(&details, "Source", source);
	time_line(&details, "Last good backup", last_good);
	finish(&sentence, &details, title, text);
}

void notify_text_low_space(const struct place_record *p, uint64_t limit, char **title, char **text)
{
	CLEANUP(buf_release) struct buf sentence = BUF_INIT;
	CLEANUP(buf_release) struct buf details = BUF_INIT;
	char free_[HUMAN_MAX], size[HUMAN_MAX];

	buf_printf(&sentence, "The repository %s is running out of space: %s are free, less than %s", p->name, human_size(p->bytes_free, free_), human_size(limit, size));
	what_to_do(&details, "keep fewer backups (backstay cleanup), or give it more space. When it is full, backups fail");
	line(&details, "Repository", p->name);
	line(&details, "Location", p->location);
	size_line(&details, "Its size", p->bytes);
	line(&details, "Free", human_size(p->bytes_free, free_));
	finish(&sentence, &details, title, text);
}

void notify_text_test(const char *notice, char **title, char **text)
{
	CLEANUP(buf_release) struct buf sentence = BUF_INIT;
	CLEANUP(buf_release) struct buf details = BUF_INIT;

	buf_printf(&sentence, "This is a test of the notice %s", notice);
	what_to_do(&details, "nothing: that it arrived is all it has to say");
	time_line(&details, "Sent", time_now());
	finish(&sentence, &details, title, text);
}

/* ---- one message ---- */

const char *notify_state(const struct notify_message *m)
{
	if (!m->job)
		return notice_event_name(m->event);
	return m->job->state == JOB_SUCCESS && m->job->partial ? "partial" : job_state_name(m->job->state);
}

void notify_whole(const struct notify_message *m, struct buf *out)
{
	buf_printf(out, "%s.\n\n%s", m->title, m->text);
}
