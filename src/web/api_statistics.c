/* Statistics, how things stand, and the backups there are to restore from. */
#include "base/timefmt.h"
#include "job/overview.h"
#include "job/statistics.h"
#include "job/status.h"
#include "web/api.h"

static int statistics(struct web_request *r, struct web_response *out, struct error *e)
{
	struct json_out w;

	jw_init(&w, &out->body);
	return statistics_json(r->catalog, time_now(), api_query_number(r, "days", 30), web_query(r, "source"), &w, e);
}

int api_health(struct web_request *r, bool details, struct web_response *out, struct error *e)
{
	CLEANUP(status_release) struct status s = {0};
	struct json_out w;
	int rc = status_load(r->catalog, time_now(), &s, e);

	if (rc)
		return rc;
	jw_init(&w, &out->body);
	status_health_json(&s, details, &w);
	return 0;
}

static int status(struct web_request *r, struct web_response *out, struct error *e)
{
	return api_health(r, true, out, e);
}

static int overview(struct web_request *r, struct web_response *out, struct error *e)
{
	struct json_out w;

	jw_init(&w, &out->body);
	return overview_json(r->catalog, time_now(), &w, e);
}

/* To choose one for a restore: whole backups that did not fail, without those made before restores. */
static int available(struct web_request *r, struct web_response *out, struct error *e)
{
	const struct known_filter f = {.source = web_query(r, "source"), .good = 1};

	return api_list_backups(r, &f, out, e);
}

static const struct web_field statistics_fields[] = {
	{"days", "integer?", "of the last days, 30 unless said", NULL, 1, STATISTICS_DAYS_MAX},
	{"source", "string?", "of this source"},
	{0},
};
static const struct web_field available_fields[] = {{"source", "string?", "of this source"}, {0}};

const struct web_route api_statistics[] = {
	{"GET", API "statistics/", WEB_VIEWER, statistics, "Statistics", "How often it went well, what is stored, how long it takes", statistics_fields, "Statistics"},
	{"GET", API "status/", WEB_VIEWER, status, "Statistics", "How things stand, and what somebody should look at", NULL, "Status"},
	{"GET", API "overview/", WEB_VIEWER, overview, "Statistics", "What the first page shows of each source: whether it is in time, what is proven, its last runs", NULL, "Overview"},
	{"GET", API "available-backups/", WEB_VIEWER, available, "Backups", "Good backups to restore from, the newest first", available_fields, "Backup[]"},
	{0},
};
