/* What makes up a request: shared by request.c, request_backups.c and request_schedule.c. */
#ifndef JOB_REQUEST_PARTS_H
#define JOB_REQUEST_PARTS_H

#include "catalog/source.h"
#include "job/request.h"

void request_begin(struct job_record *j, const char *kind);
/* rc; after an error nothing of *j is left. */
int request_ready(struct job_record *j, int rc);
int request_need(const char *value, const char *what, struct error *e) MUST_USE;

/* Options come before arguments; a NULL value, a list that is NULL, a flag not given: none. */
void request_option(struct job_record *j, const char *name, const char *value);
void request_options(struct job_record *j, const char *name, const struct strlist *values);
void request_flag(struct job_record *j, const char *name, bool given);
void request_argument(struct job_record *j, const char *value);
void request_arguments(struct job_record *j, const struct strlist *values);

/* A word with "/" or ":" is a path or URL, any other a configured name. */
bool request_is_location(const char *text);
void request_add_once(struct strlist *l, const char *text);
void request_add_lock(struct job_record *j, const char *url, const char *shown);
/* Into sources and locks; *s (zeroed) is filled in for a configured one. */
int request_add_source(struct catalog *c, struct job_record *j, const char *text, struct source_record *s, struct error *e) MUST_USE;

bool request_same(const char *a, const char *b);                             /* repositories; NULL is the usual place */
void request_choose_repository(struct job_record *j, const char *name);      /* or NULL */
/* The default one when none was chosen, and the options that name it. */
int request_default_repository(struct catalog *c, struct job_record *j, struct error *e) MUST_USE;
void request_repository_options(struct job_record *j);                       /* once it is chosen */

#endif
