/* What web_queue() is made of, for download.c. */
#ifndef WEB_RUN_H
#define WEB_RUN_H

#include "web/web.h"

struct job_record;
/* Add it in the name of who asks, with its row in the audit trail, and wake who starts jobs. */
int run_queue(struct web_request *r, struct job_record *j, struct error *e) MUST_USE;
/* 202, the job, and its Location. */
void run_answer_job(struct web_response *out, const struct job_record *j);

#endif
