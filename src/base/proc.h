/* Other programs as children: argument arrays only, never a shell of ours; exit status and stderr always looked at. */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include "base/buf.h"

#include <sys/types.h>

struct proc {
	pid_t pid;
	int out;                 /* read end of the child's stdout, or -1 */
	int in;                  /* write end of the child's stdin, or -1 */
	int err;                 /* read end of its stderr, drained by a thread of ours */
	void *drain;             /* private */
	char *name;              /* argv[0], for messages */
};

enum proc_flags {
	PROC_PIPE_OUT = 1 << 0,  /* we read its stdout; otherwise it is /dev/null */
	PROC_PIPE_IN  = 1 << 1,  /* we write its stdin; otherwise it is /dev/null */
};

/* Start argv[0] (looked up in PATH) in a process group of its own. `env` holds extra "NAME=value" strings or is NULL; they
 * are set in the child only. The last 64 KiB of stderr are kept. A program that cannot be started is an error here, not later. */
int proc_start(struct proc *p, const char *const argv[], const char *const env[], unsigned flags, struct error *e) MUST_USE;
/* Wait for its end. 0 only for exit status 0. Otherwise -ERR_CHILD: "pg_dump failed with status 1: <last lines of stderr>" or
 * "... was ended by signal 9 (Killed)". Closes the pipes, releases p. */
int proc_wait(struct proc *p, struct error *e) MUST_USE;
/* What it wrote on stderr so far (its last 64 KiB), appended. */
void proc_stderr(struct proc *p, struct buf *out);
/* TERM to its group, KILL after two seconds, reap, release. Legal on a zeroed or released p. */
void proc_stop(struct proc *p);
/* Whether `name` is found in PATH. */
bool proc_available(const char *name);

#endif
