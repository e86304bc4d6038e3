/* What configuration.c and configuration_apply.c share. */
#ifndef JOB_CONFIGURATION_INNER_H
#define JOB_CONFIGURATION_INNER_H

#include "job/configuration.h"
#include "job/configuration_kinds.h"

/* The object in `text` without the members of `left_out` ("|id|created|") and without its end, so that more may follow. */
void configuration_copy_members(const void *text, size_t n, const char *left_out, struct json_out *w);
/* The raw value of a member of the object in `text`: false when there is none. */
bool configuration_member(const void *text, size_t n, const char *name, const char **p, size_t *len);
/* What the sealed secrets of a document hold: a JSON object by sections. -ERR_PASSWORD, -ERR_CORRUPT. */
int configuration_open_secrets(const void *text, size_t n, const struct secret *passphrase, struct secret *out, struct error *e) MUST_USE;

#endif
