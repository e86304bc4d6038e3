/* Telling people: which notice says what, and sending it. */
#ifndef JOB_NOTIFY_H
#define JOB_NOTIFY_H

#include "base/progress.h"
#include "catalog/job.h"
#include "catalog/notice.h"

/* Put into the outbox (catalog/notice.h) whatever notices want this event; `source` may be NULL. */
int notify_event(struct catalog *c, enum notice_event event, const char *source, const char *job, const char *title, const char *text, struct error *e) MUST_USE;
/* The end of a job: success or failure, a failed drill; nothing for cancelled jobs and for those that will be retried. */
int notify_job(struct catalog *c, const struct job_record *j, bool will_retry, struct error *e) MUST_USE;
/* Send what is due. A delivery that fails is tried again after 1, 5, 15, 60 and 240 minutes (or Retry-After), then given up and shown. */
int notify_deliver(struct catalog *c, struct progress *p, uint64_t *sent, uint64_t *failed, struct error *e) MUST_USE;
/* Send a test message over one notice now, past the outbox: the real reason when it fails. */
int notify_test(struct catalog *c, const struct notice_record *n, struct progress *p, struct error *e) MUST_USE;

#endif
