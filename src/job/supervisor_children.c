/* Children from their start to the end of their records. */
#include "job/supervisor_parts.h"

#include "base/fs.h"
#include "base/human.h"
#include "base/mem.h"
#include "job/record.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAID_SHOWN ((size_t)1000)
#define EXIT_LOCKED 11          /* docs/exit-codes.md */
#define CHORE_SECONDS 3600      /* so long may one take that is no job */
#define CHORE_PAUSE 60.0        /* after one that failed */

/* ---- starting ---- */

int supervisor_child_start(struct supervisor *s, enum child_kind kind, struct job_record *job, const struct strlist *words, struct error *e)
{
	struct child child = {.kind = kind, .output = -1, .end = -1, .began = s->steady};
	int rc = s->processes.start(s->processes.ctx, words, &child.pid, &child.output, e);

	if (rc)
		return rc;
	child.end = child.output >= 0 ? pidfd_open(child.pid, 0) : -1;
	if (job) {
		child.job = *job;
		*job = (struct job_record){0};
	}
	GROW(s->children, s->child_count, s->child_cap);
	s->children[s->child_count++] = child;
	return 0;
}

void supervisor_child_release(struct child *c)
{
	fs_close(&c->output);
	fs_close(&c->end);
	buf_release(&c->said);
	job_record_release(&c->job);
}

bool supervisor_child_runs(const struct supervisor *s, enum child_kind kind)
{
	for (size_t i = 0; i < s->child_count; i++)
		if (s->children[i].kind == kind)
			return true;
	return false;
}

size_t supervisor_child_jobs(const struct supervisor *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->child_count; i++)
		n += s->children[i].kind == CHILD_JOB;
	return n;
}

/* ---- what they say ---- */

static bool begins_with(const char *line, size_t n, const char *prefix)
{
	return n >= strlen(prefix) && !memcmp(line, prefix, strlen(prefix));
}

/* What a job says of how it ended is in its record, and told from there. */
static void log_line(const struct child *c, const char *line, size_t n)
{
	static const char *const areas[] = {[CHILD_JOB] = "job", [CHILD_DELIVER] = "notice", [CHILD_SCAN] = "catalog"};
	bool known = begins_with(line, n, "backstay: ") || begins_with(line, n, "  try: ");
	size_t skip = begins_with(line, n, "warning: ") ? strlen("warning: ") : 0;

	log_write(known && c->kind == CHILD_JOB ? LOG_DEBUG : LOG_WARNING, areas[c->kind], "%s%s%.*s", c->job.id, *c->job.id ? ": " : "",
		  (int)(n - skip), line + skip);
}

/* Whole lines go to our log, all there is at the end, and the last of it is kept. */
static void pass_lines(struct child *c, bool all)
{
	const char *text = buf_text(&c->said);

	while (c->passed < c->said.len) {
		const char *line = text + c->passed, *end = memchr(line, '\n', c->said.len - c->passed);
		size_t n = end ? (size_t)(end - line) : c->said.len - c->passed;

		if (!end && !all && n < SUPERVISOR_TAIL)
			break;
		if (n)
			log_line(c, line, n);
		c->passed += n + (end != NULL);
	}
	if (c->passed > SUPERVISOR_TAIL) {
		buf_remove_front(&c->said, c->passed - SUPERVISOR_TAIL);
		c->passed = SUPERVISOR_TAIL;
	}
}

static void read_output(struct child *c)
{
	char block[SUPERVISOR_TAIL];
	ssize_t n = -1;

	/* At most so much at a time, whatever it says meanwhile. */
	for (int i = 0; i < 16 && c->output >= 0; i++) {
		n = read(c->output, block, sizeof block);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		buf_add(&c->said, block, (size_t)n);
		pass_lines(c, false);
	}
	if (n == 0)
		fs_close(&c->output);
}

void supervisor_child_output(struct supervisor *s)
{
	for (size_t i = 0; i < s->child_count; i++)
		read_output(&s->children[i]);
}

/* The last lines it said, joined, without control characters; "" when it said nothing. Heap. */
static char *last_words(const struct child *c)
{
	size_t from = c->said.len > SAID_SHOWN ? c->said.len - SAID_SHOWN : 0;
	struct buf out = BUF_INIT;
	bool gap = false;

	for (size_t i = from; i < c->said.len; i++) {
		unsigned char ch = c->said.p[i];

		if (ch <= ' ' || ch == 0x7f) {
			gap = true;
			continue;
		}
		if (gap && out.len)
			buf_add_byte(&out, ' ');
		gap = false;
		buf_add_byte(&out, ch);
	}
	return buf_take_text(&out);
}

/* ---- the end ---- */

static char *how_it_ended(const struct child *c)
{
	AUTO_FREE char *said = last_words(c);
	const char *colon = *said ? ": " : "";

	if (!WIFSIGNALED(c->status))
		return mem_printf("its process ended with status %d%s%s", WEXITSTATUS(c->status), colon, said);
	const char *name = sigdescr_np(WTERMSIG(c->status));

	return mem_printf("its process was ended by signal %d (%s)%s%s", WTERMSIG(c->status), name ? name : "unknown", colon, said);
}

/* Of a job whose process is gone without having told how it ended. *error: heap, what the loss says. */
static struct record_loss judge_end(const struct child *c, const struct job_record *j, char **error)
{
	static const char memory[] = "the machine may have run out of memory: see its log";
	char limit[HUMAN_MAX];
	struct record_loss how = {.state = JOB_FAILED, .kind = error_kind_name(ERR_CHILD)};

	if (j->cancel || c->why == ASKED_CANCEL) {
		how = (struct record_loss){.state = JOB_CANCELLED, .kind = error_kind_name(ERR_CANCELLED)};
		*error = mem_string("cancelled");
	} else if (c->why == ASKED_TIME) {
		how.kind = error_kind_name(ERR_LIMIT);
		*error = mem_printf("it was ended because it took longer than its time limit of %s", human_duration((double)j->time_limit, limit));
	} else if (c->why == ASKED_STOP) {
		how = (struct record_loss){.state = JOB_INTERRUPTED, .kind = error_kind_name(ERR_CANCELLED)};
		*error = mem_string("it was ended because Backstay was stopped");
	} else {
		how.state = WIFSIGNALED(c->status) ? JOB_INTERRUPTED : JOB_FAILED;
		how.hint = WIFSIGNALED(c->status) && WTERMSIG(c->status) == SIGKILL ? memory : NULL;
		*error = how_it_ended(c);
	}
	how.error = *error;
	return how;
}

/* Its record says the end, whatever it was. A job that is still queued could not begin: while another holds its source it
 * waits, for anything else it has failed. */
static int close_record(struct supervisor *s, const struct child *c, struct error *e)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	int rc = job_get(s->c, c->job.id, &j, e);

	if (rc == -ERR_NOT_FOUND)
		return 0;
	if (rc)
		return rc;
	if (j.state == JOB_QUEUED && WIFEXITED(c->status) && WEXITSTATUS(c->status) == EXIT_LOCKED) {
		supervisor_hold_back(s, j.id);
		return 0;
	}
	/* Stopped before it began: it is done after the next start. */
	if (j.state == JOB_QUEUED && c->why == ASKED_STOP)
		return 0;
	AUTO_FREE char *error = NULL;
	const struct record_loss how = judge_end(c, &j, &error);

	return record_lost(s->c, j.id, &how, e);
}

/* Why is in the log already, if it said so. */
static void chore_ended(struct supervisor *s, struct child *c)
{
	if (c->status == 0 && c->kind == CHILD_DELIVER)
		supervisor_delivered(s);
	if (c->status == 0 || c->why == ASKED_STOP)
		return;
	if (c->kind == CHILD_DELIVER)
		s->next_deliver = s->steady + CHORE_PAUSE;
	buf_clear(&c->said);
	AUTO_FREE char *how = how_it_ended(c);

	log_write(LOG_WARNING, c->kind == CHILD_DELIVER ? "notice" : "catalog", "%s: %s",
		  c->kind == CHILD_DELIVER ? "sending notices" : "reading the repositories", how);
}

/* False: its record could not be written; it is tried again. */
static bool finish(struct supervisor *s, struct child *c)
{
	struct error e = {0};

	if (c->kind != CHILD_JOB) {
		chore_ended(s, c);
		return true;
	}
	int rc = close_record(s, c, &e);

	supervisor_trouble(s, rc, "job", &e);
	return rc == 0;
}

void supervisor_child_reap(struct supervisor *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->child_count; i++) {
		struct child *c = &s->children[i];
		bool just = !c->ended && s->processes.ended(s->processes.ctx, c->pid, &c->status);

		if (just) {
			c->ended = true;
			read_output(c);
			pass_lines(c, true);
		}
		if (c->ended && finish(s, c))
			supervisor_child_release(c);
		else
			s->children[kept++] = *c;
	}
	s->child_count = kept;
}

/* ---- asking them to end ---- */

static void ask(struct supervisor *s, struct child *c, int why)
{
	if (c->why != ASKED_NOT || c->ended)
		return;
	c->asked = s->steady;
	c->why = why;
	s->processes.signal(s->processes.ctx, c->pid, SIGTERM);
}

/* It ends itself when its time is over or it is cancelled (job/record.h); this is for one that does not. */
static void watch_job(struct supervisor *s, struct child *c)
{
	CLEANUP(job_record_release) struct job_record j = {0};
	struct error e = {0};
	int rc = job_get(s->c, c->job.id, &j, &e);

	supervisor_trouble(s, rc, "job", &e);
	if (rc)
		return;
	if (j.cancel)
		ask(s, c, ASKED_CANCEL);
	else if (j.time_limit && s->steady - c->began > (double)j.time_limit + 1)
		ask(s, c, ASKED_TIME);
}

void supervisor_child_watch(struct supervisor *s)
{
	for (size_t i = 0; i < s->child_count; i++) {
		struct child *c = &s->children[i];

		if (c->ended)
			continue;
		if (c->why == ASKED_NOT && c->kind == CHILD_JOB)
			watch_job(s, c);
		else if (s->steady - c->began > CHORE_SECONDS && c->kind != CHILD_JOB)
			ask(s, c, ASKED_TIME);
		if (c->why != ASKED_NOT && s->steady - c->asked >= s->grace)
			s->processes.signal(s->processes.ctx, c->pid, SIGKILL);
	}
}

void supervisor_child_stop_all(struct supervisor *s)
{
	for (size_t i = 0; i < s->child_count; i++)
		ask(s, &s->children[i], ASKED_STOP);
}
