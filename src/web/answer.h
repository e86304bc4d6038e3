/* From what a handler said to what is sent: problems, headers, compression. Not for handlers. */
#ifndef WEB_ANSWER_H
#define WEB_ANSWER_H

#include "web/web.h"

const char *answer_reason(int status);            /* "Not Found" */
/* Instead of what out held, but its headers: application/problem+json of this status. */
void answer_problem(struct web_response *out, int status, const struct error *e);
/* "Name: value", with control characters of the value as blanks. */
void answer_header(struct web_response *out, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The value of a header that was set; NULL. */
const char *answer_header_get(const struct web_response *out, const char *name);
/* A weak ETag from the content of a good answer to GET, unless it has one, or what must not be guessed is in it; 304 when the request has it already. */
void answer_etag(const struct web_request *r, struct web_response *out);
/* Status, type, and the headers every answer has; no cache may keep it, unless a Cache-Control says so already. */
void answer_finish(struct web_response *out);
/* Compress the body when the request takes it and it is worth it. */
void answer_compress(const struct web_request *r, struct web_response *out);
void answer_release(struct web_response *out);

#endif
