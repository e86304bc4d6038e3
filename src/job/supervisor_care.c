/* What is done now and then: jobs whose process is gone, notices to send, repositories to look at, old history. */
#include "job/supervisor_parts.h"

#include "base/mem.h"
#include "base/timefmt.h"
#include "catalog/job_care.h"
#include "catalog/place.h"
#include "catalog/setting.h"
#include "job/notify.h"
#include "job/record.h"

#define SWEEP_EVERY 60.0
#define ALARM_EVERY 60.0
#define CARE_EVERY 3600.0
#define DELIVER_AGAIN 60.0      /* after one that could not even run */
#define DELIVER_PAUSE 1.0       /* after one that went well: another process may be at it */
#define FORGET_AT_ONCE 200
#define DAY 86400
#define NOTICES_KEPT 30         /* days */

void supervisor_sweep(struct supervisor *s)
{
	struct error e = {0};
	uint64_t n = 0;
	int rc = record_sweep(s->c, &n, &e);

	supervisor_trouble(s, rc, "job", &e);
	if (n)
		log_write(LOG_WARNING, "job", "jobs that were interrupted: %llu", (unsigned long long)n);
}

/* ---- notices ---- */

static void start_chore(struct supervisor *s, enum child_kind kind, const char *first, const char *second)
{
	CLEANUP(strlist_release) struct strlist words = {0};
	struct error e = {0};

	strlist_add(&words, first);
	strlist_add(&words, second);
	supervisor_trouble(s, supervisor_child_start(s, kind, NULL, &words, &e), "job", &e);
}

void supervisor_deliver(struct supervisor *s, double *wait)
{
	struct timespec next;
	struct error e = {0};

	if (supervisor_child_runs(s, CHILD_DELIVER))
		return;
	int rc = delivery_next(s->c, &next, &e);

	supervisor_trouble(s, rc, "notice", &e);
	if (rc || !next.tv_sec)
		return;
	double due = time_between(s->now, next), pause = s->next_deliver - s->steady;
	double left = due > pause ? due : pause;

	left = left > 0 ? left : 0;
	*wait = *wait < left ? *wait : left;
	if (left > 0)
		return;
	s->next_deliver = s->steady + DELIVER_AGAIN;
	start_chore(s, CHILD_DELIVER, "notice", "deliver");
}

void supervisor_delivered(struct supervisor *s)
{
	s->next_deliver = s->steady + DELIVER_PAUSE;
}

/* ---- repositories ---- */

static void scan(struct supervisor *s)
{
	CLEANUP(place_list_release) struct place_list l = {0};
	struct error e = {0};
	uint64_t hours = 0;

	if (supervisor_child_runs(s, CHILD_SCAN))
		return;
	int rc = setting_number(s->c, "scan_hours", &hours, &e);

	if (!rc)
		rc = place_list_all(s->c, &l, &e);
	supervisor_trouble(s, rc, "catalog", &e);
	s->next_scan = s->steady + (hours ? (double)hours : 1) * 3600;
	if (!rc && hours && l.n)
		start_chore(s, CHILD_SCAN, "repository", "scan");
}

/* ---- history ---- */

/* More goes in the next round when there was as much as goes at once. */
static void forget_history(struct supervisor *s)
{
	struct error e = {0};
	uint64_t days = 0, removed = 0;
	int rc = setting_number(s->c, "job_history_days", &days, &e);

	if (!rc && days)
		rc = job_forget_old(s->c, (struct timespec){.tv_sec = s->now.tv_sec - (int64_t)days * DAY}, FORGET_AT_ONCE, &removed, &e);
	if (!rc)
		rc = delivery_forget_old(s->c, (struct timespec){.tv_sec = s->now.tv_sec - (int64_t)NOTICES_KEPT * DAY}, &e);
	supervisor_trouble(s, rc, "catalog", &e);
	s->next_care = s->steady + (removed < FORGET_AT_ONCE ? CARE_EVERY : 0);
}

void supervisor_care(struct supervisor *s)
{
	if (s->steady >= s->next_sweep) {
		s->next_sweep = s->steady + SWEEP_EVERY;
		supervisor_sweep(s);
	}
	if (s->steady >= s->next_alarm) {
		s->next_alarm = s->steady + ALARM_EVERY;
		supervisor_alarm(s);
	}
	if (s->steady >= s->next_care)
		forget_history(s);
	if (s->steady >= s->next_scan)
		scan(s);
}
