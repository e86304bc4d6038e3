/* Doing things: queueing jobs, and running our own program in a child. */
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "catalog/audit.h"
#include "catalog/job.h"
#include "web/answer.h"
#include "web/exchange.h"
#include "web/run.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUTPUT_MAX ((size_t)64 << 20)
#define LOCK_WAIT "10s"                 /* a change of a password or of tags locks a repository for a moment: no reason to refuse */
#define LOOK_UP_MS 200                  /* how often a silent child lets us see that nobody waits any more */

/* ---- jobs ---- */

int run_queue(struct web_request *r, struct job_record *j, struct error *e)
{
	struct exchange_site *site = exchange_of(r)->site;

	free(j->author);
	j->author = mem_string(r->who);
	int rc = job_add(r->catalog, j, e);

	if (!rc)
		rc = audit_add(r->catalog, r->who, r->address, "job-start", j->id, e, "%s", j->title);
	if (!rc && site->wake)
		site->wake(site->ctx);
	return rc;
}

void run_answer_job(struct web_response *out, const struct job_record *j)
{
	struct json_out w;

	buf_clear(&out->body);
	jw_init(&w, &out->body);
	job_json(j, &w);
	out->status = 202;
	answer_header(out, "Location", "/backup/api/jobs/%s/", j->id);
}

int web_queue(struct web_request *r, struct job_record *j, struct web_response *out, struct error *e)
{
	int rc = run_queue(r, j, e);

	if (!rc)
		run_answer_job(out, j);
	return rc;
}

/* ---- children ---- */

static int start(struct web_request *r, const struct strlist *words, struct proc *p, struct error *e)
{
	const struct exchange_site *site = exchange_of(r)->site;
	AUTO_FREE const char **argv = mem_zero((words->n + 5) * sizeof *argv);
	AUTO_FREE char *home = mem_printf("BACKSTAY_HOME=%s", site->state_dir);
	AUTO_FREE char *author = r->who ? mem_printf("BACKSTAY_AUTHOR=%s", r->who) : NULL;
	const char *const env[] = {home, author, NULL};
	size_t n = 0;

	argv[n++] = site->program;
	argv[n++] = "--json";
	argv[n++] = "--wait";
	argv[n++] = LOCK_WAIT;
	for (size_t i = 0; i < words->n; i++)
		argv[n++] = words->v[i];
	return proc_start(p, argv, env, PROC_PIPE_OUT, e);
}

/* Whether to go on waiting. */
static int still_wanted(const struct exchange *x, double until, double seconds, struct error *e)
{
	if (exchange_is_unwanted(x))
		return error_set(e, ERR_CANCELLED, "nobody waits for the answer any more");
	if (time_monotonic() < until)
		return 0;
	error_set(e, ERR_TEMPORARY, "it was not done after %.0f seconds, and was stopped", ceil(seconds));
	return error_hint(e, "ask for less of it, or use the command line, which waits for as long as it takes");
}

/* What there is of its output; *end when that was all. */
static int read_some(const struct proc *p, struct buf *out, bool *end, struct error *e)
{
	char block[65536];
	ssize_t n = read(p->out, block, sizeof block);

	*end = n == 0;
	if (n < 0)
		return errno == EINTR ? 0 : error_sys(e, errno, "reading the answer of our own program");
	if (!buf_fits(out, (size_t)n)) {
		error_set(e, ERR_LIMIT, "the answer is larger than %zu MiB", OUTPUT_MAX >> 20);
		return error_hint(e, "ask for less of it: a limit, a table, a path");
	}
	buf_add(out, block, (size_t)n);
	return 0;
}

static int read_all(const struct exchange *x, const struct proc *p, double seconds, struct buf *out, struct error *e)
{
	double until = time_monotonic() + seconds;
	bool end = false;
	int rc = 0;

	while (!rc && !end) {
		struct pollfd wait[] = {{.fd = p->out, .events = POLLIN}, {.fd = x->fd, .events = POLLRDHUP}};

		rc = still_wanted(x, until, seconds, e);
		if (!rc && poll(wait, ARRAY_LEN(wait), LOOK_UP_MS) > 0 && wait[0].revents)
			rc = read_some(p, out, &end, e);
	}
	return rc;
}

static enum err_kind kind_named(const char *name)
{
	for (int k = 1; k < ERR_KIND_COUNT; k++)
		if (!strcmp(error_kind_name(k), name))
			return k;
	return ERR_CHILD;
}

/* The "error" of a document, in e. */
static void read_error(struct json *j, struct error *e)
{
	AUTO_FREE char *kind = NULL;
	AUTO_FREE char *message = NULL;
	AUTO_FREE char *hint = NULL;
	AUTO_FREE char *plain = NULL;

	json_object_begin(j);
	while (json_member(j)) {
		char **to = json_name_is(j, "kind") ? &kind : json_name_is(j, "message") ? &message : json_name_is(j, "hint") ? &hint
			   : json_name_is(j, "plain_hint") ? &plain : NULL;

		if (to && json_peek(j) == JSON_STRING) {
			free(*to);
			*to = json_string_dup(j);
		} else {
			json_skip(j);
		}
	}
	if (!kind || !message)
		return;
	error_set(e, kind_named(kind), "%s", message);
	if (plain || hint)
		error_hint(e, "%s", plain ? plain : hint);
}

/* Whether it is a whole document. When it is {"error": ...}, that is in *told. */
static bool whole_document(const struct buf *text, struct error *told)
{
	struct json j;
	struct error ignored = {0};

	json_init(&j, text->p, text->len);
	json_object_begin(&j);
	while (json_member(&j)) {
		if (json_name_is(&j, "error") && json_peek(&j) == JSON_OBJECT)
			read_error(&j, told);
		else
			json_skip(&j);
	}
	return !json_finish(&j, &ignored);
}

/* The child has failed, as e says. It tells why in its document; a document that is another than that is a result in spite of it
 * (damage that a check has found), and the answer. */
static int judge_failure(struct web_response *out, struct error *e)
{
	struct error told = {0};
	bool whole = whole_document(&out->body, &told);

	if (whole && told.kind == ERR_NONE)
		return 0;
	if (whole)
		*e = told;
	/* The password of a repository is not that of whoever asks. */
	out->status = e->kind == ERR_PASSWORD ? 409 : 0;
	return -(int)e->kind;
}

int web_run(struct web_request *r, const struct strlist *words, double seconds, struct web_response *out, struct error *e)
{
	struct proc p;
	int rc = start(r, words, &p, e);

	if (rc)
		return rc;
	buf_release(&out->body);
	out->body = BUF_INIT_MAX(OUTPUT_MAX);
	rc = read_all(exchange_of(r), &p, seconds, &out->body, e);
	if (rc) {
		proc_stop(&p);
		return rc;
	}
	return proc_wait(&p, e) ? judge_failure(out, e) : 0;
}
