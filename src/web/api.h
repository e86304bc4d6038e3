/* What the handlers of the REST API share. Each table below is a file, api_<name>.c; server.c's web_routes lists them. */
#ifndef WEB_API_H
#define WEB_API_H

#include "base/mem.h"
#include "base/strlist.h"
#include "catalog/job.h"
#include "catalog/known.h"
#include "catalog/place.h"
#include "catalog/source.h"
#include "web/web.h"

extern const struct web_route api_backups[], api_content[], api_download[], api_restores[], api_jobs[], api_schedules[], api_sources[],
	api_repositories[], api_statistics[], api_notices[], api_users[], api_settings[], api_monitor[], api_assets[];

#define API "/backup/api/"
#define API_SECONDS 120.0               /* for a command that a request waits for */

/* ---- what a request names ---- */
bool api_is_number(const char *text);
/* By "{id}": an id of a backup or the beginning of one; and the name (heap; place may be NULL) of the repository that has it. */
int api_backup(const struct web_request *r, struct known_backup *out, char **place, struct error *e) MUST_USE;
/* The value of a field of the body that is a secret; false when there is none. */
bool api_secret(const struct web_request *r, const char *name, struct secret *out);
/* A number of the path; -ERR_NOT_FOUND "there is no <what> "x"". */
int api_number(const struct web_request *r, int parameter, const char *what, int64_t *out, struct error *e) MUST_USE;
/* Query parameters, which web_fields() has looked at already. */
bool api_query_bool(const struct web_request *r, const char *name, bool otherwise);
uint64_t api_query_number(const struct web_request *r, const char *name, uint64_t otherwise);
struct timespec api_query_time(const struct web_request *r, const char *name);     /* zero: absent */

/* ---- work ---- */
/* Names of configured sources only: whoever may ask for a backup may not read any file of the machine. */
int api_known_sources(const struct web_request *r, const struct strlist *names, struct error *e) MUST_USE;
/* The same of a repository; NULL, none named, is fine. */
int api_known_repository(const struct web_request *r, const char *name, struct error *e) MUST_USE;
/* The name of the repository that has a backup. Heap. */
int api_place_of(const struct web_request *r, const struct known_backup *b, char **out, struct error *e) MUST_USE;
/* "--name=value", when there is a value. */
void api_option(struct strlist *words, const char *name, const char *value);
/* web_run(), for its document. */
int api_run(struct web_request *r, const struct strlist *words, double seconds, struct buf *document, struct error *e) MUST_USE;
/* An empty private file of the state folder, for what is answered with and then removed. */
int api_scratch_file(struct web_request *r, char **out, struct error *e) MUST_USE;
/* What `backstay show` says of a backup: its record and its manifest. */
int api_show(struct web_request *r, const struct known_backup *b, struct buf *document, struct error *e) MUST_USE;
/* A page of the backups that fit. */
int api_list_backups(struct web_request *r, const struct known_filter *f, struct web_response *out, struct error *e) MUST_USE;

/* ---- lists ---- */
/* One entry of a list: (const struct known_list *)list->v[i]. */
typedef void (*api_write_fn)(const void *list, size_t i, struct json_out *w);
/* The page that a list function gave: n entries of `total`. */
int api_list_page(struct web_request *r, const struct catalog_page *p, uint64_t total, size_t n, api_write_fn write, const void *list, struct web_response *out);
/* The page that is asked for of a list of n that is there as a whole. */
int api_list_slice(struct web_request *r, size_t n, api_write_fn write, const void *list, struct web_response *out, struct error *e) MUST_USE;

/* ---- JSON ---- */
/* All members of an object's text, into the object under way. */
void api_copy_members(const struct buf *object, struct json_out *w);
/* The value of one of them, as a value; false when it has none. */
bool api_copy_member(const struct buf *object, const char *name, struct json_out *w);

/* ---- records ---- */
/* Read a record's fields from the body. */
typedef int (*api_from_json)(void *record, struct json *j, struct error *e);
int api_read(const struct web_request *r, api_from_json read, void *record, struct error *e) MUST_USE;
int api_audit(const struct web_request *r, const char *action, const char *object, struct error *e, const char *details, ...) __attribute__((format(printf, 5, 6))) MUST_USE;
/* End what catalog_begin() began: commit when rc is 0, else undo. */
int api_commit(const struct web_request *r, int rc, struct error *e) MUST_USE;
/* 201 with a Location. */
void api_created(struct web_response *out, const char *location, ...) __attribute__((format(printf, 2, 3)));

/* ---- confirmation of what replaces something ---- */
/* Run the words of restores as dry runs. When they would replace something and the body's "confirm" is not its name (several joined by ", "), *asked is
 * set and *out is a 409 with "confirm", the name to give, and "replaces", a sentence for each thing, and "targets", the URL of each. */
int api_confirm(struct web_request *r, const struct job_record *restores, size_t n, bool *asked, struct web_response *out, struct error *e) MUST_USE;
/* A dry run's document, and the name that would be wanted as "confirm" (heap); NULL: nothing is replaced. */
int api_dry_run(struct web_request *r, const struct strlist *words, struct buf *document, char **confirm, struct error *e) MUST_USE;

/* How things stand (api_statistics.c). */
int api_health(struct web_request *r, bool details, struct web_response *out, struct error *e) MUST_USE;

/* ---- jobs ---- */
/* web_queue(), and the job as a value of the array under way. */
int api_queue_into(struct web_request *r, struct job_record *j, struct json_out *w, struct error *e) MUST_USE;
extern const struct web_field api_job_filter[];
/* A page of the jobs that fit the query; `kind` NULL: whose kinds it names. */
int api_list_jobs(struct web_request *r, const char *kind, struct web_response *out, struct error *e) MUST_USE;
int api_answer_job(struct web_request *r, const struct job_record *j, struct web_response *out) MUST_USE;

#endif
