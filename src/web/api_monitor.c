/* For programs that watch: /health and /metrics. */
#include "base/timefmt.h"
#include "catalog/setting.h"
#include "job/status.h"
#include "web/api.h"

#include <string.h>

static int health(struct web_request *r, struct web_response *out, struct error *e)
{
	return api_health(r, false, out, e);
}

/* ---- /metrics ---- */

static bool is_loopback(const char *address)
{
	return address && (!strncmp(address, "127.", 4) || !strcmp(address, "::1") || !strcmp(address, "unix"));
}

static int may_read(struct web_request *r, struct error *e)
{
	bool open = false;
	int rc = r->role >= ROLE_VIEWER ? 0 : setting_bool(r->catalog, "metrics_loopback", &open, e);

	if (rc || r->role >= ROLE_VIEWER || (open && is_loopback(r->address)))
		return rc;
	error_set(e, ERR_PASSWORD, "metrics are not for everybody");
	return error_hint(e, "send an API token of the scope viewer, or set metrics_loopback for programs of this machine");
}

static int metrics(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(status_release) struct status s = {0};
	int rc = may_read(r, e);

	if (!rc)
		rc = status_load(r->catalog, time_now(), &s, e);
	if (rc)
		return rc;
	status_metrics(&s, &out->body);
	out->type = "text/plain; version=0.0.4; charset=utf-8";
	return 0;
}

const struct web_route api_monitor[] = {
	{"GET", "/health", WEB_NONE, health, "Monitoring", "Whether it runs", NULL, "Health"},
	{"GET", "/metrics", WEB_NONE, metrics, "Monitoring", "Figures for Prometheus: for viewers and their tokens, and for this machine when the setting metrics_loopback is on", NULL, "text"},
	{0},
};
