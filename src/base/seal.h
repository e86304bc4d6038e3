/* Secrets at rest: AES-256-GCM with a random 96-bit nonce under a key of 32 random bytes kept in a file of mode 0600
 * (NIST SP 800-38D; OpenSSL). `about` ("source 7 url") is authenticated too, so that a sealed text cannot be moved to
 * another place. Sealed form: "v1." and the base64 of nonce, ciphertext and tag. */
#ifndef BASE_SEAL_H
#define BASE_SEAL_H

#include "base/secret.h"

#define SEAL_KEY_LEN 32
/* Read it, or make it when there is none (two processes at once get the same). -ERR_CORRUPT when it is not 32 bytes. */
int seal_key_load(const char *path, struct secret *key, struct error *e) MUST_USE;
/* Heap string. */
char *seal_text(const struct secret *key, const char *about, const void *p, size_t n);
/* -ERR_CORRUPT when it was changed, is about something else, or was sealed with another key: the text says which file has the key. */
int seal_open(const struct secret *key, const char *about, const char *sealed, struct secret *out, struct error *e) MUST_USE;

#endif
