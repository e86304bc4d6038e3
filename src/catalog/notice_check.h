/* Whether a notice can work: what notice.c asks before it writes one. */
#ifndef CATALOG_NOTICE_CHECK_H
#define CATALOG_NOTICE_CHECK_H

#include "catalog/notice.h"

#define NOTICE_FORMATS "json|slack|discord|teams|telegram|template"
#define NOTICE_TEMPLATE_MAX ((size_t)64 << 10)

int notice_check(const struct notice_record *n, struct error *e) MUST_USE;
/* Adds the bit of an event that can be chosen; -ERR_USAGE "there is no event "sucess"", with the nearest as hint. */
int notice_check_event(const char *name, unsigned *events, struct error *e) MUST_USE;

#endif
