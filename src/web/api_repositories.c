/* Configured repositories. */
#include "job/request.h"
#include "web/api_records.h"

#include <string.h>

API_RECORDS(place)
static const struct api_records kind = {.what = "repository", .path = API "repositories/", API_RECORD_MEMBERS(place)};
API_RECORD_HANDLERS(kind)

/* ---- work ---- */

static int check(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(place_record_release) struct place_record p = {0};
	CLEANUP(job_record_release) struct job_record j = {0};
	int rc = api_record(&kind, r, &p, e);

	if (!rc)
		rc = request_check(r->catalog, p.name, web_field_bool(r, "read_data", false), web_field_bool(r, "repair_index", false), &j, e);
	return rc ? rc : web_queue(r, &j, out, e);
}

static int prune(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(place_record_release) struct place_record p = {0};
	CLEANUP(job_record_release) struct job_record j = {0};
	int rc = api_record(&kind, r, &p, e);

	if (!rc)
		rc = request_prune(r->catalog, p.name, &j, e);
	return rc ? rc : web_queue(r, &j, out, e);
}

/* A command of ours about the repository: "key list --repo=main"; `named`: "repository scan main". */
static int about(struct web_request *r, const char *first, const char *second, bool named, struct web_response *out, struct error *e)
{
	CLEANUP(place_record_release) struct place_record p = {0};
	CLEANUP(strlist_release) struct strlist line = {0};
	int rc = api_record(&kind, r, &p, e);

	if (rc)
		return rc;
	strlist_add(&line, first);
	if (second)
		strlist_add(&line, second);
	if (named)
		strlist_add(&line, p.name);
	else
		api_option(&line, "repo", p.name);
	return web_run(r, &line, API_SECONDS, out, e);
}

static int scan(struct web_request *r, struct web_response *out, struct error *e)
{
	return about(r, "repository", "scan", true, out, e);
}

static int keys(struct web_request *r, struct web_response *out, struct error *e)
{
	return about(r, "key", "list", false, out, e);
}

static int init(struct web_request *r, struct web_response *out, struct error *e)
{
	int rc = about(r, "init", NULL, false, out, e);

	return rc ? rc : api_audit(r, "repository-init", r->params[0], e, NULL);
}

/* ---- the table ---- */

#define RECORD \
	{"password", "string", "kept sealed; empty: found as on the command line", NULL, 0, 1024}, \
	{"is_default", "boolean", "where backups go that name no other"}, \
	{"low_space", "integer", "alarm below so many free bytes; 0: as the settings say"}, \
	{0},

static const struct web_field create_fields[] = {
	{"name", "string!", "letters, digits and \". _ -\"", NULL, 0, 64},
	{"location", "string!", "its folder"},
	RECORD
};
static const struct web_field change_fields[] = {
	{"name", "string", "letters, digits and \". _ -\"", NULL, 0, 64},
	{"location", "string", "its folder"},
	RECORD
};
static const struct web_field check_fields[] = {
	{"read_data", "boolean", "read every byte, not only structure"},
	{"repair_index", "boolean", "make the index anew where it is wrong"},
	{0},
};

const struct web_route api_repositories[] = {
	{"GET", API "repositories/", WEB_VIEWER, list, "Repositories", "Where backups are kept", NULL, "Repository[]"},
	{"POST", API "repositories/", WEB_ADMIN, create, "Repositories", "Add a repository", create_fields, "Repository", WEB_CREATES | WEB_RECORD},
	{"GET", API "repositories/{id}/", WEB_VIEWER, get, "Repositories", "One repository, by its number or name", NULL, "Repository"},
	{"PUT", API "repositories/{id}/", WEB_ADMIN, change, "Repositories", "Change a repository", change_fields, "Repository", WEB_RECORD},
	{"PATCH", API "repositories/{id}/", WEB_ADMIN, change, "Repositories", "Change a repository", change_fields, "Repository", WEB_RECORD},
	{"DELETE", API "repositories/{id}/", WEB_ADMIN, remove_one, "Repositories", "Forget that a repository is there; it is not touched", NULL, NULL},
	{"POST", API "repositories/{id}/init/", WEB_ADMIN, init, "Repositories", "Make the repository at its place", NULL, "RepositoryMade", WEB_SLOW},
	{"POST", API "repositories/{id}/check/", WEB_OPERATOR, check, "Repositories", "Check a repository", check_fields, "Job", WEB_QUEUES},
	{"POST", API "repositories/{id}/prune/", WEB_ADMIN, prune, "Repositories", "Give back the space of what no backup needs", NULL, "Job", WEB_QUEUES},
	{"POST", API "repositories/{id}/scan/", WEB_OPERATOR, scan, "Repositories", "Bring the list of its backups up to date", NULL, "RepositoryScan", WEB_SLOW},
	{"GET", API "repositories/{id}/keys/", WEB_ADMIN, keys, "Repositories", "The keys that open a repository", NULL, "Keys", WEB_SLOW},
	{0},
};
