/* All routes. */
#include "web/api.h"
#include "web/openapi.h"

extern const struct web_route account_routes[], events_routes[], session_routes[];

const struct web_route *const web_routes[] = {
	account_routes, api_assets, api_backups, api_content, api_download, api_jobs, api_monitor, api_notices, api_openapi, api_repositories, api_restores, api_schedules, api_settings,
	api_sources, api_statistics, api_users, events_routes, session_routes, NULL,
};
