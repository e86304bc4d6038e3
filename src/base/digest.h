/* What OpenSSL computes for us: SHA-256 (FIPS 180-4) and HMAC (RFC 2104); and libsodium, in two thirds of OpenSSL's time: scrypt (RFC 7914). */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include "base/secret.h"

#define DIGEST_SHA256 32
#define DIGEST_SHA1 20

void digest_sha256(const void *p, size_t n, unsigned char out[DIGEST_SHA256]);
void digest_hmac_sha256(const void *key, size_t key_len, const void *p, size_t n, unsigned char out[DIGEST_SHA256]);
void digest_hmac_sha1(const void *key, size_t key_len, const void *p, size_t n, unsigned char out[DIGEST_SHA1]);

struct digest_cost { uint64_t n, r, p; };      /* N, a power of two; 128*N*r bytes of memory */
/* Stretch a password into `len` bytes. -ERR_INTERNAL "scrypt failed (it needs 32 MiB of memory)". */
int digest_scrypt(const struct digest_cost *c, const struct secret *password, const void *salt, size_t salt_len, void *out,
		  size_t len, struct error *e) MUST_USE;

#endif
