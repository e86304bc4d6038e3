/* Secrets in memory, and randomness. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/buf.h"

/* A secret byte string: kept out of core dumps and swap as far as the system lets us, wiped when released. The
 * bytes are followed by a 0 that does not count. A zeroed struct is an empty one. */
struct secret {
	unsigned char *p;
	size_t len;
};

/* Copy; what s held before is released. */
void secret_set(struct secret *s, const void *p, size_t n);
void secret_release(struct secret *s);
void secret_wipe(void *p, size_t n);                             /* not optimised away */
bool secret_equal(const void *a, const void *b, size_t n);       /* constant time */

/* From the operating system's generator (getrandom); aborts if there is none, which Linux does not let happen after
 * boot. */
void random_bytes(void *p, size_t n);
uint32_t random_below(uint32_t n);                               /* uniform in 0..n-1 */
/* A password a person can type: 6 groups of 5 letters and digits without look-alikes, about 148 bits. Heap string. */
char *random_password(void);

#endif
