/* Telling people: which notice says what, and sending it.
 *
 * What is to be told is put into the outbox (catalog/notice.h) in the transaction of whatever it is about, and sent later by
 * notify_deliver(), which `notice deliver` runs in a process of its own: nothing here but that and notify_test() speaks to
 * the outside. Texts begin with one sentence for people, then what to do, then details; they hold no secrets. */
#ifndef JOB_NOTIFY_H
#define JOB_NOTIFY_H

#include "base/progress.h"
#include "catalog/job.h"
#include "catalog/notice.h"
#include "catalog/place.h"
#include "catalog/schedule.h"
#include "catalog/source.h"

/* ---- into the outbox ---- */

/* A backup begins: for heartbeats that want it. */
int notify_start(struct catalog *c, const struct job_record *j, struct error *e) MUST_USE;
/* The end of a job: success (of a backup, restore, verification or export; whole, not partial), failure, a failed drill. Nothing for
 * cancelled jobs and for those that will be retried. */
int notify_job(struct catalog *c, const struct job_record *j, bool will_retry, struct error *e) MUST_USE;
/* A schedule's run that was due at `due` was missed, the last of `missed`; `made_up`: it runs late instead. */
int notify_missed(struct catalog *c, const struct schedule_record *s, struct timespec due, uint64_t missed, bool made_up, struct error *e) MUST_USE;
/* No good backup of the source for `hours`; last_good zero: none ever. */
int notify_overdue(struct catalog *c, const char *source, struct timespec last_good, uint64_t hours, struct error *e) MUST_USE;
/* p->bytes_free is below `limit`. */
int notify_low_space(struct catalog *c, const struct place_record *p, uint64_t limit, struct error *e) MUST_USE;
/* Any event, in one's own words; `source` and `job` may be NULL. */
int notify_event(struct catalog *c, enum notice_event event, const char *source, const char *job, const char *title, const char *text, struct error *e) MUST_USE;

/* ---- out of it ---- */

/* Send what is due, one process at a time (another's *sent and *failed stay 0). A delivery that fails is tried again after 1, 5, 15, 60 and 240
 * minutes, or as long as the server's Retry-After says (a minute to a day), and what else is due on the same notice waits with it; then it is given up
 * and shown. A heartbeat that is not the newest any more is dropped, not sent late. May send twice when it is killed between sending and noting
 * it; X-Backstay-Delivery is the same then. */
int notify_deliver(struct catalog *c, struct progress *p, uint64_t *sent, uint64_t *failed, struct error *e) MUST_USE;
/* Send a test message over one notice now, past the outbox: the real reason when it fails, -ERR_PARTIAL when some recipients were refused. */
int notify_test(struct catalog *c, const struct notice_record *n, struct progress *p, struct error *e) MUST_USE;

/* ---- looking ---- */

/* All notices, "email" of the settings with them: while BACKUP_EMAIL_NOTIFICATIONS is on and BACKUP_NOTIFICATION_EMAIL is set it is there without further
 * set-up. */
int notify_list(struct catalog *c, struct notice_list *out, struct error *e) MUST_USE;
/* Whether it would be sent over: it is enabled, and what the settings give it is there. */
int notify_is_active(struct catalog *c, const struct notice_record *n, bool *out, struct error *e) MUST_USE;
/* Sentences about notices over which something could not be sent: "notice ops: 2 messages could not be sent, the last one because ...". Appends. */
int notify_problems(struct catalog *c, struct strlist *out, struct error *e) MUST_USE;

#endif
