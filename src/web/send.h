/* Files as answers: ETag, Last-Modified, If-None-Match, ranges (RFC 9110). */
#ifndef WEB_SEND_H
#define WEB_SEND_H

#include "web/web.h"

struct send_part {
	int fd;                         /* of the file; -1: the answer has no part of it */
	uint64_t from, length;
};
/* Open out->file (a plain file, no link), and turn it into status, headers and the part to send. With file_once its name is gone
 * afterwards. -ERR_NOT_FOUND and what else opening says. */
int send_prepare(struct web_request *r, struct web_response *out, struct send_part *part, struct error *e) MUST_USE;
/* The attachment's header: 'attachment; filename="shop.sql"', and as RFC 8187 has it when the name is not ASCII. */
void send_attachment(struct web_response *out, const char *name);

#endif
