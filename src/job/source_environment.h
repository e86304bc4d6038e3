/* The source that an application's environment describes: BACKUP_MYSQL_HOST (127.0.0.1), _PORT (3306), _USER, _PASSWORD and _DATABASE, which alone
 * must be there, are the source "mysql". */
#ifndef JOB_SOURCE_ENVIRONMENT_H
#define JOB_SOURCE_ENVIRONMENT_H

#include "catalog/source.h"

bool source_environment_given(void);
/* Add it, or bring its URL up to date when it was added so. A source "mysql" that somebody made stays as it is, and nothing is added while another source
 * has the same URL. -ERR_USAGE when the variables make no URL. */
int source_environment_apply(struct catalog *c, struct error *e) MUST_USE;

#endif
