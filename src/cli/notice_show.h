/* Notices and their messages, shown. */
#ifndef CLI_NOTICE_SHOW_H
#define CLI_NOTICE_SHOW_H

#include "job/notify.h"

/* Where it goes, in a word or two; heap. */
char *notice_show_where(const struct notice_record *n);
/* "failure, missed"; heap. */
char *notice_show_events(unsigned events);
void notice_show_one(struct catalog *c, const struct notice_record *n);
int notice_show_list(struct catalog *c, const struct notice_list *l, struct error *e) MUST_USE;
/* {"notice": {...}} */
int notice_show_document(const struct notice_record *n, struct error *e) MUST_USE;
int notice_show_deliveries(const struct delivery_list *l, uint64_t total, bool only_failed, struct error *e) MUST_USE;

#endif
