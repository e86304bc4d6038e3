#include "base/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

/* Looked up once: libcrypto's search for an algorithm costs more than hashing something small. */
static EVP_MD *sha256, *sha1;
static bool stretches;
static pthread_once_t prepared = PTHREAD_ONCE_INIT;

static void prepare(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	stretches = sodium_init() >= 0;         /* it looks for the processor's vectors */
}

static void demand(bool worked)
{
	if (!worked) {
		fprintf(stderr, "backstay: libcrypto cannot compute a hash\n");
		abort();
	}
}

void digest_sha256(const void *p, size_t n, unsigned char out[DIGEST_SHA256])
{
	pthread_once(&prepared, prepare);
	demand(sha256 && EVP_Digest(p, n, out, NULL, sha256, NULL) == 1);
}

void digest_hmac_sha256(const void *key, size_t key_len, const void *p, size_t n, unsigned char out[DIGEST_SHA256])
{
	pthread_once(&prepared, prepare);
	demand(sha256 && HMAC(sha256, key, (int)key_len, p, n, out, NULL));
}

void digest_hmac_sha1(const void *key, size_t key_len, const void *p, size_t n, unsigned char out[DIGEST_SHA1])
{
	pthread_once(&prepared, prepare);
	demand(sha1 && HMAC(sha1, key, (int)key_len, p, n, out, NULL));
}

int digest_scrypt(const struct digest_cost *c, const struct secret *password, const void *salt, size_t salt_len, void *out,
		  size_t len, struct error *e)
{
	const uint8_t *bytes = password->len ? password->p : (const uint8_t *)"";       /* never NULL */

	pthread_once(&prepared, prepare);
	if (stretches && c->r <= UINT32_MAX && c->p <= UINT32_MAX
	    && !crypto_pwhash_scryptsalsa208sha256_ll(bytes, password->len, salt, salt_len, c->n, (uint32_t)c->r, (uint32_t)c->p, out, len))
		return 0;
	return error_set(e, ERR_INTERNAL, "scrypt failed (it needs %llu MiB of memory)", (unsigned long long)(128 * c->r * (c->n + c->p) >> 20));
}
