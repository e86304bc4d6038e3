#include "repo/cipher.h"

#include "base/mem.h"
#include "base/secret.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cipher {
	EVP_CIPHER_CTX *ctr; /* AES-256-CTR; only the IV changes from one text to the next */
	EVP_CIPHER_CTX *pad; /* AES-128-ECB, makes Poly1305's one-time pad from the IV */
	EVP_MAC_CTX *mac;
	uint8_t mac_r[16];
};

/* libcrypto fails at these calls only when it is broken or out of memory; going on would store what nobody can read. */
static void must(bool ok)
{
	if (!ok) {
		fprintf(stderr, "backstay: libcrypto failed at AES or Poly1305\n");
		abort();
	}
}

void cipher_key_random(struct cipher_key *k)
{
	random_bytes(k, sizeof *k);
}

static bool all_zero(const uint8_t *p, size_t n)
{
	uint8_t any = 0;
	while (n > 0)
		any |= p[--n];
	return any == 0;
}

int cipher_key_check(const struct cipher_key *k, struct error *e)
{
	if (all_zero(k->encrypt, sizeof k->encrypt) || all_zero(k->mac_k, sizeof k->mac_k) ||
	    all_zero(k->mac_r, sizeof k->mac_r))
		return error_set(e, ERR_CORRUPT, "the master key is not valid: a part of it is all zero");
	return 0;
}

static EVP_CIPHER_CTX *keyed(const char *name, const uint8_t *key)
{
	EVP_CIPHER *algorithm = EVP_CIPHER_fetch(NULL, name, NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	must(algorithm && ctx && EVP_EncryptInit_ex2(ctx, algorithm, key, NULL, NULL) == 1);
	EVP_CIPHER_CTX_set_padding(ctx, 0);
	EVP_CIPHER_free(algorithm);
	return ctx;
}

struct cipher *cipher_new(const struct cipher_key *k)
{
	struct cipher *c = mem_zero(sizeof *c);
	c->ctr = keyed("AES-256-CTR", k->encrypt);
	c->pad = keyed("AES-128-ECB", k->mac_k);
	EVP_MAC *poly1305 = EVP_MAC_fetch(NULL, "POLY1305", NULL);
	c->mac = EVP_MAC_CTX_new(poly1305);
	must(c->mac);
	EVP_MAC_free(poly1305);
	memcpy(c->mac_r, k->mac_r, sizeof c->mac_r);
	return c;
}

void cipher_free(struct cipher *c)
{
	if (!c)
		return;
	EVP_CIPHER_CTX_free(c->ctr);
	EVP_CIPHER_CTX_free(c->pad);
	EVP_MAC_CTX_free(c->mac);
	secret_wipe(c, sizeof *c);
	free(c);
}

/* CTR is its own inverse: this both encrypts and decrypts. */
static void crypt(struct cipher *c, const uint8_t *iv, const uint8_t *from, size_t n, uint8_t *to)
{
	const size_t at_once = (size_t)1 << 30; /* EVP counts in int */

	must(EVP_EncryptInit_ex2(c->ctr, NULL, NULL, iv, NULL) == 1);
	while (n > 0) {
		int part = (int)(n < at_once ? n : at_once), done = 0;
		must(EVP_EncryptUpdate(c->ctr, to, &done, from, part) == 1 && done == part);
		from += part;
		to += part;
		n -= (size_t)part;
	}
}

static void authenticate(struct cipher *c, const uint8_t *iv, const uint8_t *text, size_t n, uint8_t mac[CIPHER_MAC])
{
	uint8_t once[32];
	int pad_len = 0;
	size_t mac_len = 0;

	memcpy(once, c->mac_r, 16);
	must(EVP_EncryptUpdate(c->pad, once + 16, &pad_len, iv, CIPHER_IV) == 1 && pad_len == 16);
	must(EVP_MAC_init(c->mac, once, sizeof once, NULL) == 1);
	must(n == 0 || EVP_MAC_update(c->mac, text, n) == 1);
	must(EVP_MAC_final(c->mac, mac, &mac_len, CIPHER_MAC) == 1 && mac_len == CIPHER_MAC);
	secret_wipe(once, sizeof once);
}

void cipher_seal_iv(struct cipher *c, const uint8_t iv[CIPHER_IV], const void *p, size_t n, struct buf *out)
{
	buf_reserve(out, n + CIPHER_OVERHEAD);
	uint8_t *sealed = out->p + out->len;
	memcpy(sealed, iv, CIPHER_IV);
	crypt(c, iv, p, n, sealed + CIPHER_IV);
	authenticate(c, iv, sealed + CIPHER_IV, n, sealed + CIPHER_IV + n);
	out->len += n + CIPHER_OVERHEAD;
	out->p[out->len] = '\0';
}

void cipher_seal(struct cipher *c, const void *p, size_t n, struct buf *out)
{
	uint8_t iv[CIPHER_IV];
	random_bytes(iv, sizeof iv);
	cipher_seal_iv(c, iv, p, n, out);
}

int cipher_open_to(struct cipher *c, const void *p, size_t n, void *plain, struct error *e)
{
	const uint8_t *iv = p, *text = iv + CIPHER_IV;
	uint8_t mac[CIPHER_MAC];

	if (n < CIPHER_OVERHEAD)
		return error_set(e, ERR_CORRUPT, "is damaged (%zu bytes are too few)", n);
	size_t len = n - CIPHER_OVERHEAD;
	authenticate(c, iv, text, len, mac);
	if (!secret_equal(mac, text + len, CIPHER_MAC))
		return error_set(e, ERR_CORRUPT, "is damaged (its MAC does not match)");
	crypt(c, iv, text, len, plain);
	return 0;
}

int cipher_open(struct cipher *c, const void *p, size_t n, struct buf *out, struct error *e)
{
	size_t len = n < CIPHER_OVERHEAD ? 0 : n - CIPHER_OVERHEAD;

	buf_reserve(out, len);
	int r = cipher_open_to(c, p, n, out->p + out->len, e);
	if (r)
		return r;
	out->len += len;
	out->p[out->len] = '\0';
	return 0;
}
