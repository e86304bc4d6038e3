/* The configuration of this machine as one JSON document (docs/catalog.md): settings, repositories, sources, schedules, notices, users.
 *
 * Secrets (passwords of repositories, in URLs and of mail servers, keys that sign, hashes of users' passwords) come only sealed: one text
 * (base/seal.h) under a key that scrypt makes of a passphrase. Without one they are left out, and each record names, in "secrets",
 * what it lacks. */
#ifndef JOB_CONFIGURATION_H
#define JOB_CONFIGURATION_H

#include "catalog/catalog.h"

#define CONFIGURATION_VERSION 1
#define CONFIGURATION_MAX ((size_t)64 << 20)      /* bytes of a document */

/* passphrase NULL: without secrets. */
int configuration_export(struct catalog *c, const struct secret *passphrase, struct json_out *w, struct error *e) MUST_USE;

struct configuration_apply {
	const struct secret *passphrase;    /* that opens the document's secrets; NULL: they are passed over */
	bool replace;                       /* what a section of the document does not name is removed */
	bool dry_run;                       /* nothing is changed */
	const char *who, *address;          /* for the audit trail */
};
/* All of it or nothing: -ERR_USAGE and a text that names the record and the field that is wrong, -ERR_VERSION for a newer document,
 * -ERR_PASSWORD for a passphrase that opens nothing. Appends to `changes` a sentence for each thing that is (with dry_run: would be) changed:
 * "source shop is added", "schedule nightly: time, keep change", "setting jobs becomes 4"; and for each secret that the document has not:
 * "source blog is added without its url's password". Records are found by their names; a section that the document
 * has not stays as it is. */
int configuration_apply(struct catalog *c, const void *p, size_t n, const struct configuration_apply *how, struct strlist *changes, struct error *e) MUST_USE;
/* Whether a document has sealed secrets; false also for what is no document. */
bool configuration_has_secrets(const void *p, size_t n);

#endif
