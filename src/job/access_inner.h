/* What the files of access.h and users.h share. */
#ifndef JOB_ACCESS_INNER_H
#define JOB_ACCESS_INNER_H

#include "catalog/user.h"

/* The key under which the attempts to log in as `name` are counted (catalog/attempt.h). Heap. */
char *access_account_key(const char *name);
/* 256 random bits for URLs, behind `prefix`, and what is kept of them. Heap. */
char *access_random_text(const char *prefix, unsigned char hash[USER_HASH_LEN]);
/* Whether a use is noted: reading must not wait for a writer more often than that, nor fail because of one. */
bool access_use_due(struct timespec used, int64_t now);

#endif
