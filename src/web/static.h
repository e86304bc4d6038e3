/* What the browser gets: the files of ui/, which are part of the program. */
#ifndef WEB_STATIC_H
#define WEB_STATIC_H

#include "web/web.h"

/* Answer a GET with the file of that path; false when there is none. Each has its ETag, and a packed form for those who take it. */
bool static_answer(struct web_request *r, struct web_response *out);

#endif
