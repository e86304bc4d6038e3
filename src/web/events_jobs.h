/* What event streams say about jobs. */
#ifndef WEB_EVENTS_JOBS_H
#define WEB_EVENTS_JOBS_H

#include "catalog/catalog.h"

/* All jobs: those that wait, run, or have ended since the last look. */
struct events_watch;
struct events_watch *events_watch_new(void);
void events_watch_free(struct events_watch *w);
/* tell() the JSON of each job that is another than at the last look; NULL: only remember. */
int events_watch_look(struct events_watch *w, struct catalog *c, void (*tell)(void *ctx, const char *json), void *ctx, struct error *e) MUST_USE;

/* One job, for one reader, who has its log up to this line. */
struct events_job;
struct events_job *events_job_new(const char *id, uint64_t line);
void events_job_free(struct events_job *j);
bool events_job_is_new(const struct events_job *j);      /* it was not looked at yet */
/* Append the events "line" (id: the line's number), "job" and "end". True at its end, or when there is no such job any more. */
bool events_job_look(struct events_job *j, struct catalog *c, struct buf *out);

#endif
