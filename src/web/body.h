/* The body of a request, as it arrives: JSON, a form, a form with files, or one file. */
#ifndef WEB_BODY_H
#define WEB_BODY_H

#include "web/multipart.h"
#include "web/upload.h"
#include "web/uri.h"

enum body_kind { BODY_NONE, BODY_JSON, BODY_FORM, BODY_MULTIPART, BODY_FILE };
struct body_rules {
	const char *type, *file_name;           /* Content-Type, or NULL; of a body that is one file, or NULL */
	uint64_t length;                        /* FRAMING_CHUNKED: not known */
	bool files;                             /* the route takes them */
	const char *state_dir;
	uint64_t upload_max;
	size_t most;                            /* of JSON, or of all fields of a form; 0: WEB_BODY_MAX */
	const char *csrf;                       /* must be in the form's field csrf_token, before any file; or NULL */
};
struct body {
	enum body_kind kind;
	struct body_rules rules;
	struct buf text;                        /* JSON, a form, or the field being read */
	struct uri_pairs fields;
	size_t field_bytes;
	bool csrf_seen, in_file;
	struct multipart multipart;
	struct upload_set uploads;
};
/* -ERR_MISMATCH for a type that is not taken, -ERR_ACCESS for a CSRF token that cannot come any more, -ERR_LIMIT, -ERR_NO_SPACE. b is to be released in any case. */
int body_begin(struct body *b, const struct body_rules *rules, struct error *e) MUST_USE;
int body_feed(struct body *b, const void *p, size_t n, struct error *e) MUST_USE;
/* *json: as struct web_request's body. */
int body_end(struct body *b, struct buf *json, struct error *e) MUST_USE;
void body_release(struct body *b);

#endif
