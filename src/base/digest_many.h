/* SHA-256 (FIPS 180-4) of many messages at a time.
 *
 * A processor with AVX-512 hashes sixteen messages side by side in little more than half the time that libcrypto takes
 * for one after the other, even with instructions made for SHA-256. Elsewhere it is a loop over digest_sha256(). */
#ifndef BASE_DIGEST_MANY_H
#define BASE_DIGEST_MANY_H

#include "base/digest.h"

#define DIGEST_MANY_LANES 16u /* with fewer messages, or when a few are far longer than the others, less is gained */

struct digest_message {
	const void *p;
	size_t n;
	unsigned char *out; /* DIGEST_SHA256 bytes */
};

void digest_many_sha256(const struct digest_message *m, size_t n);

/* The two ways to the same, for digest_many_sha256() and its test. */
void digest_many_one_by_one(const struct digest_message *m, size_t n);
/* false, and nothing is done, when this processor cannot, or when there are so few messages that it would be slower. */
bool digest_many_in_lanes(const struct digest_message *m, size_t n) MUST_USE;

#endif
