/* Encrypt-then-MAC of the repository format: AES-256-CTR with Poly1305-AES over the ciphertext (restic design document,
 * "Keys, Encryption and MAC"; Bernstein, "The Poly1305-AES message-authentication code").
 * Sealed bytes are IV (16) | ciphertext | MAC (16). There is no associated data: whoever opens a blob verifies its hash
 * as well. */
#ifndef REPO_CIPHER_H
#define REPO_CIPHER_H

#include "base/buf.h"

#define CIPHER_IV 16
#define CIPHER_MAC 16
#define CIPHER_OVERHEAD (CIPHER_IV + CIPHER_MAC)

struct cipher_key {
	uint8_t encrypt[32]; /* AES-256 */
	uint8_t mac_k[16];   /* AES-128, for the one-time pad of Poly1305 */
	uint8_t mac_r[16];   /* Poly1305 r; clamped by the algorithm itself */
};

void cipher_key_random(struct cipher_key *k);
/* -ERR_CORRUPT when a part is all zero. */
int cipher_key_check(const struct cipher_key *k, struct error *e) MUST_USE;

/* A per-thread context with the key schedules set up once. */
struct cipher;
struct cipher *cipher_new(const struct cipher_key *k);
void cipher_free(struct cipher *c); /* wipes */

/* Append the sealed form of p to out, with a fresh random IV. */
void cipher_seal(struct cipher *c, const void *p, size_t n, struct buf *out);
/* The same with a given IV; only for test vectors. */
void cipher_seal_iv(struct cipher *c, const uint8_t iv[CIPHER_IV], const void *p, size_t n, struct buf *out);
/* Check the MAC (constant time), then append the plaintext to out. -ERR_CORRUPT "is damaged (its MAC does not match)";
 * nothing is appended then. */
int cipher_open(struct cipher *c, const void *p, size_t n, struct buf *out, struct error *e) MUST_USE;
/* The same into n - CIPHER_OVERHEAD bytes at `plain`. */
int cipher_open_to(struct cipher *c, const void *p, size_t n, void *plain, struct error *e) MUST_USE;

#endif
