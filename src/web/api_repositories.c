/* Configured repositories. */
#include "base/fs.h"
#include "job/password.h"
#include "job/repository.h"
#include "job/request.h"
#include "web/api_records.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* A command of ours about the repository, "key list", with --repo. */
static int about(struct web_request *r, struct strlist *words, struct web_response *out, struct error *e)
{
	CLEANUP(place_record_release) struct place_record p = {0};
	int rc = api_record(&kind, r, &p, e);

	if (rc)
		return rc;
	api_option(words, "repo", p.name);
	return web_run(r, words, API_SECONDS, out, e);
}

static int about_words(struct web_request *r, const char *first, const char *second, struct web_response *out, struct error *e)
{
	CLEANUP(strlist_release) struct strlist words = {0};

	strlist_add(&words, first);
	if (second)
		strlist_add(&words, second);
	return about(r, &words, out, e);
}

static int scan(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(place_record_release) struct place_record p = {0};
	CLEANUP(strlist_release) struct strlist words = {0};
	int rc = api_record(&kind, r, &p, e);

	if (rc)
		return rc;
	strlist_add(&words, "repository");
	strlist_add(&words, "scan");
	strlist_add(&words, p.name);
	return web_run(r, &words, API_SECONDS, out, e);
}

static int prune_preview(struct web_request *r, struct web_response *out, struct error *e)
{
	return about_words(r, "prune", "--dry-run", out, e);
}

static int unlock(struct web_request *r, struct web_response *out, struct error *e)
{
	int rc = about_words(r, "unlock", NULL, out, e);

	return rc ? rc : api_audit(r, "repository-unlock", r->params[0], e, NULL);
}

/* It is known from now on by the id that the document of `init` has, and its recovery sheet with it. */
static int note_id(struct web_request *r, const struct buf *document, struct error *e)
{
	CLEANUP(place_record_release) struct place_record p = {0};
	struct json j;
	int rc = api_record(&kind, r, &p, e);

	if (rc)
		return rc;
	json_init(&j, document->p, document->len);
	json_object_begin(&j);
	while (json_member(&j))
		if (json_name_is(&j, "id")) {
			free(p.repository_id);
			p.repository_id = json_string_dup(&j);
		} else {
			json_skip(&j);
		}
	json_release(&j);
	return place_found(r->catalog, &p, e);
}

static int init(struct web_request *r, struct web_response *out, struct error *e)
{
	int rc = about_words(r, "init", NULL, out, e);

	if (!rc)
		rc = note_id(r, &out->body, e);
	return rc ? rc : api_audit(r, "repository-init", r->params[0], e, NULL);
}

/* Where `backstay init` would make one. */
static int usual_place(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(repository_release) struct repository usual = {0};
	struct json_out w;
	int rc = repository_locate(NULL, &usual, e);

	if (rc)
		return rc;
	jw_init(&w, &out->body);
	jw_object(&w);
	jw_kv_string(&w, "location", usual.location);
	jw_kv_string(&w, "chosen_by", usual.chosen_by);
	jw_object_end(&w);
	return 0;
}

static int find_sheet(const struct place_record *p, char **path, struct error *e)
{
	if (!p->repository_id) {
		error_set(e, ERR_NOT_FOUND, "the repository %s was never used from here", p->name);
		return error_hint(e, "make it first: POST " API "repositories/%s/init/", p->name);
	}
	int rc = password_recovery_file(p->repository_id, path, e);

	if (rc || fs_exists(*path))
		return rc;
	error_set(e, ERR_NOT_FOUND, "there is no recovery sheet of %s on this machine", p->name);
	return error_hint(e, "it is written where a repository is made; what it says is in docs/restore-without-backstay.md");
}

/* It has the password: who takes it is told of in the audit trail. */
static int recovery_sheet(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(place_record_release) struct place_record p = {0};
	AUTO_FREE char *path = NULL;
	int rc = api_record(&kind, r, &p, e);

	if (!rc)
		rc = find_sheet(&p, &path, e);
	if (!rc)
		rc = api_audit(r, "recovery-sheet", p.name, e, NULL);
	if (rc)
		return rc;
	out->type = "text/plain; charset=utf-8";
	out->secret = true;
	out->file = TAKE(path);
	out->file_name = mem_printf("backstay-recovery-%s.txt", p.name);
	return 0;
}

/* ---- keys ---- */

static int keys(struct web_request *r, struct web_response *out, struct error *e)
{
	return about_words(r, "key", "list", out, e);
}

/* The body's password in a private file, which the child reads: its first line. */
static int write_password(struct web_request *r, char **file, struct error *e)
{
	CLEANUP(secret_release) struct secret password = {0};

	if (!api_secret(r, "password", &password) || !password.len)
		return error_set(e, ERR_USAGE, "the field \"password\" is empty");
	if (memchr(password.p, '\n', password.len) || memchr(password.p, '\r', password.len))
		return error_set(e, ERR_USAGE, "the field \"password\" has more than one line");
	int rc = api_scratch_file(r, file, e);

	return rc ? rc : fs_write_atomic(*file, password.p, password.len, 0600, e);
}

/* "key add" and "key passwd". */
static int with_password(struct web_request *r, const char *action, const char *audit, struct web_response *out, struct error *e)
{
	CLEANUP(strlist_release) struct strlist words = {0};
	AUTO_FREE char *file = NULL;
	int rc = write_password(r, &file, e);

	strlist_add(&words, "key");
	strlist_add(&words, action);
	api_option(&words, "new-password-file", file);
	if (!rc)
		rc = about(r, &words, out, e);
	if (file)
		unlink(file);
	return rc ? rc : api_audit(r, audit, r->params[0], e, NULL);
}

static int add_key(struct web_request *r, struct web_response *out, struct error *e)
{
	return with_password(r, "add", "key-add", out, e);
}

static int change_password(struct web_request *r, struct web_response *out, struct error *e)
{
	return with_password(r, "passwd", "repository-password", out, e);
}

static int remove_key(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(strlist_release) struct strlist words = {0};

	if (strspn(r->params[1], "0123456789abcdef") != strlen(r->params[1]))
		return error_set(e, ERR_NOT_FOUND, "there is no key \"%.64s\"", r->params[1]);
	strlist_add(&words, "key");
	strlist_add(&words, "remove");
	strlist_add(&words, r->params[1]);
	int rc = about(r, &words, out, e);

	return rc ? rc : api_audit(r, "key-remove", r->params[0], e, "%.16s", r->params[1]);
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
static const struct web_field password_fields[] = {
	{"password", "string!", "the new one, of one line", NULL, 0, 1024},
	{0},
};

const struct web_route api_repositories[] = {
	{"GET", API "repositories/", WEB_VIEWER, list, "Repositories", "Where backups are kept", NULL, "Repository[]"},
	{"POST", API "repositories/", WEB_ADMIN, create, "Repositories", "Add a repository", create_fields, "Repository", WEB_CREATES | WEB_RECORD},
	{"GET", API "repositories/usual-place/", WEB_ADMIN, usual_place, "Repositories", "Where a new repository would be, unless said", NULL, "RepositoryPlace"},
	{"GET", API "repositories/{id}/", WEB_VIEWER, get, "Repositories", "One repository, by its number or name", NULL, "Repository"},
	{"PUT", API "repositories/{id}/", WEB_ADMIN, change, "Repositories", "Change a repository", change_fields, "Repository", WEB_RECORD},
	{"PATCH", API "repositories/{id}/", WEB_ADMIN, change, "Repositories", "Change a repository", change_fields, "Repository", WEB_RECORD},
	{"DELETE", API "repositories/{id}/", WEB_ADMIN, remove_one, "Repositories", "Forget that a repository is there; it is not touched", NULL, NULL},
	{"POST", API "repositories/{id}/init/", WEB_ADMIN, init, "Repositories", "Make the repository at its place", NULL, "RepositoryMade", WEB_SLOW},
	{"POST", API "repositories/{id}/check/", WEB_OPERATOR, check, "Repositories", "Check a repository", check_fields, "Job", WEB_QUEUES},
	{"POST", API "repositories/{id}/prune/", WEB_ADMIN, prune, "Repositories", "Give back the space of what no backup needs", NULL, "Job", WEB_QUEUES},
	{"GET", API "repositories/{id}/prune/", WEB_ADMIN, prune_preview, "Repositories", "What a prune would give back", NULL, "Prune", WEB_SLOW},
	{"POST", API "repositories/{id}/scan/", WEB_OPERATOR, scan, "Repositories", "Bring the list of its backups up to date", NULL, "RepositoryScan", WEB_SLOW},
	{"GET", API "repositories/{id}/recovery-sheet/", WEB_ADMIN, recovery_sheet, "Repositories", "How to restore with restic alone, with the password when it was made up", NULL, NULL, WEB_FILE},
	{"POST", API "repositories/{id}/unlock/", WEB_ADMIN, unlock, "Repositories", "Remove locks that were left behind", NULL, "Unlocked", WEB_SLOW},
	{"GET", API "repositories/{id}/keys/", WEB_ADMIN, keys, "Repositories", "The keys that open a repository", NULL, "Keys", WEB_SLOW},
	{"POST", API "repositories/{id}/keys/", WEB_ADMIN, add_key, "Repositories", "Add a key: a further password that opens a repository", password_fields, "KeyChange", WEB_SLOW},
	{"DELETE", API "repositories/{id}/keys/{key}/", WEB_ADMIN, remove_key, "Repositories", "Remove a key; its password opens the repository no more", NULL, "KeyChange", WEB_SLOW},
	{"POST", API "repositories/{id}/password/", WEB_ADMIN, change_password, "Repositories", "Change the password in use, here and in the repository", password_fields, "KeyChange", WEB_SLOW},
	{0},
};
