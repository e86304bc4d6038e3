/* The web server: a table of routes over HTTP. Only server.c knows the HTTP library (libmicrohttpd); handlers see a
 * struct web_request and fill in a struct web_response. Handlers are quick: they read and write the catalog, queue jobs
 * (catalog/job.h), or run one of our own commands in a child and pass on its document (web_run). They never open a
 * repository or database themselves. */
#ifndef WEB_WEB_H
#define WEB_WEB_H

#include "base/buf.h"
#include "base/json.h"
#include "catalog/user.h"

#define WEB_BODY_MAX_NOBODY ((size_t)16 << 10)  /* of routes that need no login: what hundreds of strangers may have us keep */
#define WEB_BODY_MAX ((size_t)1 << 20)          /* of a JSON or form body; uploads go to files */
#define WEB_PARAMS 3

struct web_upload {                             /* a file of a multipart form or the body of a PUT */
	char *field, *name;                     /* form field; file name as given, cleaned: one component, at most 200 bytes */
	char *path;                             /* private file in <state>/uploads, removed after the request unless kept */
	uint64_t bytes;
	bool keep;
};

struct web_request {
	const char *method, *path;              /* "GET"; without the query, decoded */
	const char *params[WEB_PARAMS];         /* what "{...}" of the route stands for, decoded */
	struct buf body;                        /* application/json, whole and valid; form fields become an object of strings (repeated ones
						 * repeated members); "{}" when there is none */
	struct web_upload *uploads;
	size_t upload_count;
	struct user_record user;                /* id 0: nobody (route permission "none") */
	enum role role;                         /* the user's, or less through a token's scope */
	char *who;                              /* for audit and jobs: "maria", "token ci of maria" */
	char *address;
	int64_t session;                        /* 0: by token */
	const char *csrf;                       /* of the session; or NULL */
	struct catalog *catalog;                /* this thread's connection */
	void *own;                              /* server.c's */
};
const char *web_query(const struct web_request *r, const char *name);             /* of the URL; NULL when absent */
const char *web_query_name(const struct web_request *r, size_t i);                /* of the i-th parameter of the URL; NULL: there are no more */
void web_query_list(const struct web_request *r, const char *name, struct strlist *out);        /* of a parameter that may come several times; appends */
const char *web_header(const struct web_request *r, const char *name);
/* offset and limit of the query; -ERR_USAGE when they are no numbers. */
int web_page(const struct web_request *r, struct catalog_page *out, struct error *e) MUST_USE;

struct web_response {
	int status;                             /* 0: 200, or 204 with an empty body. Of an error: 0 is what web_status() says */
	const char *type;                       /* NULL: application/json */
	struct buf body;
	struct strlist headers;                 /* "Name: value"; sent with an error too */
	const char *problem;                    /* of an error: a further member of the problem, which is true: "code_needed"; static */
	bool secret;                            /* holds what must not be guessed from its length: never compressed */
	/* instead of a body: */
	char *file;                             /* path; served with ETag and ranges (RFC 9110); removed afterwards when `file_once` */
	char *file_name;                        /* of the attachment */
	bool file_once;
	struct web_stream *stream;              /* events.c */
	struct web_list { uint64_t total; struct catalog_page page; } list;     /* answer.c, between web_list_begin() and web_list_end() */
};

/* 0, or -kind: told as application/problem+json (RFC 9457) with the status web_status() gives. */
typedef int (*web_handler)(struct web_request *r, struct web_response *out, struct error *e);

enum web_permission { WEB_NONE, WEB_VIEWER, WEB_OPERATOR, WEB_ADMIN, WEB_USER /* any user, also to log out */ };
struct web_field {                              /* of a body or query, for OpenAPI and for checking */
	const char *name;
	const char *type;                       /* "string", "integer", "boolean", "time" (RFC 3339), "array" (of strings), "object", "file" (an upload); with "!" behind: required; "?": query */
	const char *help;                       /* one line */
	const char *choices;                    /* what a string, or each of an array, may be: "database|media|full"; NULL: anything */
	int64_t min, max;                       /* of an integer; both 0: 0..2^53. Of a string: max is the most bytes, 0: 4096 */
};
struct web_route {
	const char *method, *path;              /* "/backup/api/backups/{id}/"; without its last slash it means the same */
	enum web_permission permission;
	web_handler run;
	const char *tag, *summary;              /* for OpenAPI */
	const struct web_field *fields;         /* ends with a zeroed one; NULL: none */
	const char *answer;                     /* name of the answer's schema in openapi.c: "Backup", "Backup[]" (a page), "Job", NULL */
	unsigned flags;
};
enum web_route_flags {
	WEB_UPLOAD = 1 << 0,                    /* takes files */
	WEB_SAFE = 1 << 1,                      /* a POST that changes nothing: no CSRF token wanted */
	WEB_SLOW = 1 << 8,                      /* may take longer than a look into the catalog (web_run, web_download, passwords): runs on a
						 * thread of its own pool; when too many do, 503 with Retry-After */
	/* what a good answer is, for OpenAPI; else 200, or 204 without an answer's schema */
	WEB_CREATES = 1 << 2,                   /* 201 */
	WEB_QUEUES = 1 << 3,                    /* 202: what web_queue() answers with */
	WEB_FILE = 1 << 4,                      /* a file */
	WEB_EVENTS = 1 << 5,                    /* server-sent events */
	WEB_RECORD = 1 << 6,                    /* the body is a record: X_from_json() refuses what it has not, and passes over what is only read,
						 * so that what GET gave can be changed and sent back */
};
extern const struct web_route *const web_routes[];       /* tables, each ends with a zeroed route; NULL-terminated */

/* ---- fields: bodies and queries held against the route's table (fields.c) ---- */
/* Before the handler runs. Values of a form take the types of the table, and fields that came several times become arrays, so that handlers see
 * one kind of body. -ERR_USAGE names the field that is missing, not in the table, or not what it may be. */
int web_fields(const struct web_route *route, struct web_request *r, struct error *e) MUST_USE;
bool web_field_is(const struct web_field *f, const char *type);       /* whatever marks are behind it */
bool web_answer_is_list(const char *answer);                          /* a route's: "Backup[]" */
/* Of a body that was checked; null is as good as absent. */
bool web_field_given(const struct web_request *r, const char *name);
char *web_field_text(const struct web_request *r, const char *name);  /* heap; NULL when absent */
bool web_field_bool(const struct web_request *r, const char *name, bool otherwise);
int64_t web_field_integer(const struct web_request *r, const char *name, int64_t otherwise);
void web_field_list(const struct web_request *r, const char *name, struct strlist *out);     /* appends */

/* ---- answers ---- */
/* 400 usage, 401 password, 403 access, 404, 409 exists locked refused, 413 limit, 422 mismatch version verify, 503 temporary, 507 no space, else 500. */
int web_status(const struct error *e);
/* A page of a listing: {"items": [...], "total": n, "offset":, "limit":} and a Link header; begin, then items, then end. */
void web_list_begin(struct web_response *out, struct json_out *w, uint64_t total, const struct catalog_page *p);
void web_list_end(struct web_request *r, struct web_response *out, struct json_out *w);

/* ---- doing things ---- */
/* Queue what one of job/request.h's functions made: author and the audit trail are from the request; answers 202 with the job and a
 * Location. */
struct job_record;
int web_queue(struct web_request *r, struct job_record *j, struct web_response *out, struct error *e) MUST_USE;
/* Run our own program with these words and --json in a child (no job), and answer with its document; at most 64 MiB, `seconds` long; a failed one is told as its error.
 * A repository that is locked is waited for, up to 10 seconds of these. */
int web_run(struct web_request *r, const struct strlist *words, double seconds, struct web_response *out, struct error *e) MUST_USE;

/* The file of an export of this backup (WEB_SLOW), in out->file: from <state>/exports when it was made within the hour, else a job makes
 * it; what it is called is the caller's to say. 202 with that job while it is not ready after some seconds: ask again. */
struct web_export {
	const char *format;
	const char *source;             /* NULL: the only one */
	const char *path;               /* only this file or folder of the backup; or NULL */
	const struct strlist *tables;   /* only these; NULL or empty: all */
};
int web_download(struct web_request *r, const char *backup, const struct web_export *what, struct web_response *out, struct error *e) MUST_USE;

/* ---- the server ---- */
struct web_server;
struct web_options {
	const char *listen;                     /* "127.0.0.1:8484", "[::1]:8484", "unix:/run/backstay.sock" */
	const char *state_dir, *program;
	void (*wake)(void *ctx);                /* called when a job was queued */
	void *ctx;
};
int web_start(const struct web_options *o, struct web_server **out, struct error *e) MUST_USE;     /* -ERR_EXISTS: the port is taken */
int web_port(const struct web_server *s);       /* that was chosen, for port 0 */
void web_stop(struct web_server *s);            /* waits for answers under way, at most 5 s */

#endif
