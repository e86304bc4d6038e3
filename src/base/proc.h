/* Other programs as children: argument arrays only, never a shell of ours; exit status and stderr always looked at. */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include "base/buf.h"
#include "base/progress.h"
#include "base/stream.h"

#include <sys/types.h>

struct proc {
	pid_t pid;
	int out;                 /* read end of the child's stdout, or -1; end it early with fs_close(&p->out) */
	int in;                  /* write end of the child's stdin, or -1; fs_close(&p->in) is its end of file */
	int err;                 /* read end of its stderr, drained by a thread of ours */
	void *drain;             /* private */
	char *name;              /* argv[0], for messages */
};

enum proc_flags {
	PROC_PIPE_OUT = 1 << 0,  /* we read its stdout; otherwise it is /dev/null */
	PROC_PIPE_IN  = 1 << 1,  /* we write its stdin; otherwise it is /dev/null */
};

/* Start argv[0] (looked up in PATH) in a process group of its own, with default signal handling and nothing blocked.
 * `env` holds extra "NAME=value" strings or is NULL; they are set in the child only. The last 64 KiB of stderr are
 * kept. A program that cannot be started is an error here, not later ("cannot start pg_dump: No such file or
 * directory"). From the first call on, this process ignores SIGPIPE: a child that stops reading is an EPIPE.
 * Descriptors 0, 1 and 2 of ours must be open. */
int proc_start(struct proc *p, const char *const argv[], const char *const env[], unsigned flags,
	struct error *e) MUST_USE;
/* proc_output.c: everything it prints goes to `to`, until the end of its output; *size is how much that was. A silent
 * program does not keep us from seeing that we are cancelled. After an error it is still to be stopped. */
int proc_output(const struct proc *p, struct sink *to, struct progress *progress, uint64_t *size,
	struct error *e) MUST_USE;
/* Close the pipes and wait for its end. 0 only for exit status 0. Otherwise -ERR_CHILD: "pg_dump failed with status
 * 1: <the last of its stderr, lines joined by "; ">" or "pg_dump was ended by signal 9 (Killed)". Releases p. */
int proc_wait(struct proc *p, struct error *e) MUST_USE;
/* The same, and all that is left of its stderr (the last 64 KiB) is appended to `said`, after a good end too. */
int proc_wait_said(struct proc *p, struct buf *said, struct error *e) MUST_USE;
/* What it wrote on stderr so far (its last 64 KiB), appended. */
void proc_stderr(struct proc *p, struct buf *out);
/* TERM to its group, KILL when it has ended or after two seconds, reap, release. Legal on a zeroed or released p. */
void proc_stop(struct proc *p);
/* Whether `name` is found in PATH. */
bool proc_available(const char *name);

#endif
