/* The repository's config file: format version, a random id, and the polynomial of restic's chunker. */
#ifndef REPO_CONFIG_H
#define REPO_CONFIG_H

#include "base/buf.h"

struct repo_config {
	int version; /* 1 (no compression) or 2 */
	char id[65];
	uint64_t polynomial;
};

void repo_config_random(struct repo_config *c);                        /* version 2 */
void repo_config_encode(const struct repo_config *c, struct buf *out); /* appends JSON */
/* -ERR_VERSION "repository format version 3 is newer than this program knows (1 and 2)"; -ERR_CORRUPT otherwise.
 * Unknown members are ignored. */
int repo_config_parse(const void *p, size_t n, struct repo_config *c, struct error *e) MUST_USE;

#endif
