#include "job/hook.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/strlist.h"
#include "base/words.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#define LINE_MAX_BYTES ((size_t)4000)
#define LOOK_UP_MS 200

/* Bytes into lines. */
struct lines {
	const struct hook *hook;
	struct buf line;
};

static void end_line(struct lines *l)
{
	if (l->line.len && l->hook->line)
		l->hook->line(l->hook->ctx, buf_text(&l->line));
	buf_clear(&l->line);
}

static void add(struct lines *l, const void *p, size_t n)
{
	for (const char *c = p; n; c++, n--) {
		if (*c != '\n')
			buf_add_byte(&l->line, (unsigned char)(*c ? *c : ' '));
		if (*c == '\n' || l->line.len >= LINE_MAX_BYTES)
			end_line(l);
	}
}

static void lines_release(struct lines *l)
{
	buf_release(&l->line);
}

/* Ended with us, where there is the program for it. */
static int start(const struct hook *h, struct proc *p, struct error *e)
{
	CLEANUP(strlist_release) struct strlist words = {0};
	AUTO_FREE char *source = mem_printf("BACKSTAY_SOURCE=%s", h->source);
	AUTO_FREE char *state = mem_printf("BACKSTAY_STATE=%s", h->state);
	const char *const env[] = {source, state, NULL};
	int rc = words_split(h->command, &words, e);

	if (rc)
		return rc;
	AUTO_FREE char *name = mem_string(path_base(words.v[0]));
	CLEANUP(strlist_release) struct strlist argv = {0};

	if (proc_available("setpriv") && proc_available(words.v[0])) {
		strlist_add(&argv, "setpriv");
		strlist_add(&argv, "--pdeathsig=TERM");
		strlist_add(&argv, "--");
	}
	strlist_copy(&argv, &words);
	strlist_take(&argv, NULL);
	rc = proc_start(p, (const char *const *)argv.v, env, PROC_PIPE_OUT, e);
	if (!rc) {
		free(p->name);
		p->name = TAKE(name);
	}
	return rc;
}

/* What it prints until it has ended: something that it left running may hold its output open for ever. */
static int read_output(const struct proc *p, struct lines *l, struct error *e)
{
	CLEANUP(fs_close) int ended = pidfd_open(p->pid, 0);
	struct pollfd wait[] = {{.fd = p->out, .events = POLLIN}, {.fd = ended, .events = POLLIN}};
	char block[4096];

	for (;;) {
		int rc = progress_check(l->hook->progress, e);

		if (rc)
			return rc;
		if (poll(wait, ARRAY_LEN(wait), LOOK_UP_MS) <= 0)
			continue;
		ssize_t n = wait[0].revents ? read(p->out, block, sizeof block) : 0;

		if (n < 0 && errno != EINTR)
			return error_sys(e, errno, "reading the output of %s", p->name);
		if (n == 0)
			return 0;
		add(l, block, n > 0 ? (size_t)n : 0);
	}
}

static int run(const struct hook *h, struct error *e)
{
	CLEANUP(lines_release) struct lines l = {.hook = h};
	CLEANUP(buf_release) struct buf said = BUF_INIT;
	struct proc p = {0};
	int rc = start(h, &p, e);

	if (!rc)
		rc = read_output(&p, &l, e);
	if (rc) {
		proc_stop(&p);
		return rc;
	}
	end_line(&l);
	rc = proc_wait_said(&p, &said, e);
	add(&l, said.p, said.len);
	end_line(&l);
	return rc;
}

int hook_run(const struct hook *h, struct error *e)
{
	int rc = run(h, e);

	return rc ? error_wrap(e, "the command %s %s", h->when, h->source) : 0;
}
