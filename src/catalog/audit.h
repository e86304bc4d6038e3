/* The audit trail: who did what, when. Rows are only ever added; triggers refuse changes and removals. Each row's hash
 * is SHA-256 over the hash before it and the row's own fields, so that a row that was changed, taken out or put in behind
 * the program's back shows. */
#ifndef CATALOG_AUDIT_H
#define CATALOG_AUDIT_H

#include "catalog/catalog.h"

struct audit_record {
	int64_t id;
	struct timespec time;
	char *who;                      /* "maria", "token ci of maria", "root on the command line", "schedule nightly", "-" */
	char *address;                  /* or NULL */
	char *action;                   /* "login", "login-failed", "source-add", "job-start", "backup-remove", ... */
	char *object;                   /* "shop"; or NULL */
	char *details;                  /* for people, without secrets; or NULL */
	char hash[65];
};
void audit_record_release(struct audit_record *a);
struct audit_list { struct audit_record *v; size_t n, cap; };
void audit_list_release(struct audit_list *l);
/* NULL and zero: any. `who` is looked for within, the others must be equal; `before` itself is beyond. */
struct audit_filter { const char *who, *action, *object; struct timespec after, before; };
/* Texts that are too long are cut. `who` NULL is "-"; `details` NULL, or a text that comes out empty, is none. */
int audit_add(struct catalog *c, const char *who, const char *address, const char *action, const char *object, struct error *e, const char *details, ...) __attribute__((format(printf, 7, 8)));
int audit_list_some(struct catalog *c, const struct audit_filter *f, const struct catalog_page *p, struct audit_list *out, uint64_t *total, struct error *e) MUST_USE;   /* newest first */
/* Follow the chain from the first row, *rows of which hold: -ERR_CORRUPT "audit row 17 is not what was written", "... is missing". */
int audit_check(struct catalog *c, uint64_t *rows, struct error *e) MUST_USE;
void audit_json(const struct audit_record *a, struct json_out *w);

#endif
