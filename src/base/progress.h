/* How far a long work is, written by the work, read by a face at its own pace from another thread; and the way to
 * stop it. */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include "base/error.h"

#include <stdatomic.h>
#include <stdint.h>

#define PROGRESS_PHASES 32u

struct progress {
	_Atomic(const char *) phase;      /* static text: "reading", "writing", "checking"; NULL at first */
	atomic_uint_fast64_t bytes_done;
	atomic_uint_fast64_t bytes_total; /* 0: unknown */
	atomic_uint_fast64_t items_done;  /* files, tables, packs: `unit` says which */
	atomic_uint_fast64_t items_total;
	_Atomic(const char *) unit;       /* static text or NULL */
	_Atomic(const char *) within;     /* static text: what every phase is called meanwhile; or NULL */
	_Atomic(const char *) phases[PROGRESS_PHASES];     /* the last ones, phase n at n modulo PROGRESS_PHASES, for whoever looks seldom */
	atomic_uint phase_count;          /* begun so far */
	atomic_bool cancel;               /* set by a signal handler or a face */
};

/* Begin a phase: the figures start at zero again. p may be NULL in all of these. */
void progress_phase(struct progress *p, const char *phase, const char *unit, uint64_t bytes_total, uint64_t items_total);
/* For a part that has phases of its own: until this is called with NULL, whatever begins is shown as `phase`. */
void progress_within(struct progress *p, const char *phase);
void progress_bytes(struct progress *p, uint64_t n);
void progress_items(struct progress *p, uint64_t n);
void progress_expect(struct progress *p, uint64_t bytes_more, uint64_t items_more);    /* raise the totals */
/* 0, or -ERR_CANCELLED "cancelled". Long loops call it at least every few MiB. */
int progress_check(struct progress *p, struct error *e) MUST_USE;

#endif
