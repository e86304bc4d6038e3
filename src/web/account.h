/* Sessions begin in session.c, for whoever has proved who they are. */
#ifndef WEB_ACCOUNT_H
#define WEB_ACCOUNT_H

#include "web/web.h"

/* Begin one and answer with it. The one their browser came with ends: its text may be known to somebody else. */
int account_begin_session(struct web_request *r, const struct user_record *u, struct web_response *out, struct error *e) MUST_USE;
/* 429, with the seconds of "... try again in 30 seconds" in Retry-After; returns -ERR_LOCKED. */
int account_too_many(struct web_response *out, const struct error *e);

#endif
