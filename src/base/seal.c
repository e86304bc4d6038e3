#include "base/seal.h"

#include "base/codec.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "v1."
enum { NONCE = 12, TAG = 16 };

/* libcrypto fails at these calls only when it is broken or out of memory. */
static void must(bool ok)
{
	if (!ok) {
		fprintf(stderr, "backstay: libcrypto failed at AES-GCM\n");
		abort();
	}
}

static int read_key(const char *path, struct secret *key, struct error *e)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT_MAX(SEAL_KEY_LEN + 1);
	int rc = fs_read_file(path, SEAL_KEY_LEN + 1, &b, e);
	if (rc == -ERR_LIMIT || (!rc && b.len != SEAL_KEY_LEN))
		rc = error_set(e, ERR_CORRUPT, "%s is not a key of %d bytes", path, SEAL_KEY_LEN);
	if (!rc)
		secret_set(key, b.p, b.len);
	if (b.p)
		secret_wipe(b.p, b.len);
	return rc;
}

/* A draft that is linked to its name: of two processes that come at once the second finds the first one's key. */
static int make_key(const char *path, struct error *e)
{
	unsigned char fresh[SEAL_KEY_LEN];
	AUTO_FREE char *dir = path_dir(path);
	AUTO_FREE char *draft = NULL;
	CLEANUP(fs_close) int fd = -1;
	int rc = fs_temp_file(dir, ".tmp-", &draft, &fd, e);
	if (rc)
		return rc;
	random_bytes(fresh, sizeof fresh);
	if (fs_write_full(fd, fresh, sizeof fresh) != 0 || fsync(fd) != 0)
		rc = error_sys(e, errno, "writing %s", path);
	else if (link(draft, path) != 0 && errno != EEXIST)
		rc = error_sys(e, errno, "making %s", path);
	secret_wipe(fresh, sizeof fresh);
	unlink(draft);
	return rc ? rc : fs_sync_dir(dir, e);
}

int seal_key_load(const char *path, struct secret *key, struct error *e)
{
	int rc = read_key(path, key, e);
	if (rc != -ERR_NOT_FOUND)
		return rc;
	rc = make_key(path, e);
	return rc ? rc : read_key(path, key, e);
}

char *seal_text(const struct secret *key, const char *about, const void *p, size_t n)
{
	CLEANUP(buf_release) struct buf bytes = BUF_INIT;
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int part = 0;

	must(ctx && key->len == SEAL_KEY_LEN && n < INT32_MAX && strlen(about) < INT32_MAX);
	buf_reserve(&bytes, NONCE + n + TAG);
	unsigned char *nonce = bytes.p, *sealed = nonce + NONCE, *tag = sealed + n;
	random_bytes(nonce, NONCE);
	must(EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->p, nonce) == 1);
	must(EVP_EncryptUpdate(ctx, NULL, &part, (const unsigned char *)about, (int)strlen(about)) == 1);
	must(n == 0 || EVP_EncryptUpdate(ctx, sealed, &part, p, (int)n) == 1);
	must(EVP_EncryptFinal_ex(ctx, tag, &part) == 1 && part == 0);
	must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG, tag) == 1);
	EVP_CIPHER_CTX_free(ctx);
	buf_add_str(&text, PREFIX);
	base64_encode(bytes.p, NONCE + n + TAG, &text);
	return buf_take_text(&text);
}

/* Nonce, n sealed bytes and tag into `plain`; whether the tag holds. */
static bool decrypt(const struct secret *key, const char *about, unsigned char *nonce, size_t n, unsigned char *plain)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	unsigned char *sealed = nonce + NONCE, *tag = sealed + n;
	int part = 0;

	must(ctx && key->len == SEAL_KEY_LEN && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->p, nonce) == 1);
	must(EVP_DecryptUpdate(ctx, NULL, &part, (const unsigned char *)about, (int)strlen(about)) == 1);
	must(n == 0 || EVP_DecryptUpdate(ctx, plain, &part, sealed, (int)n) == 1);
	must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG, tag) == 1);
	bool holds = EVP_DecryptFinal_ex(ctx, plain + n, &part) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return holds;
}

int seal_open(const struct secret *key, const char *about, const char *sealed, struct secret *out, struct error *e)
{
	CLEANUP(buf_release) struct buf bytes = BUF_INIT;
	size_t prefix = strlen(PREFIX);
	if (strncmp(sealed, PREFIX, prefix) != 0 || !base64_decode(sealed + prefix, strlen(sealed + prefix), &bytes) ||
	    bytes.len < NONCE + TAG || bytes.len > INT32_MAX)
		return error_set(e, ERR_CORRUPT, "the secret \"%s\" is not a sealed text", about);
	size_t n = bytes.len - NONCE - TAG;
	AUTO_FREE unsigned char *plain = mem_alloc(n + 1);
	bool holds = decrypt(key, about, bytes.p, n, plain);
	if (holds)
		secret_set(out, plain, n);
	secret_wipe(plain, n);
	if (!holds)
		return error_set(e, ERR_CORRUPT, "the secret \"%s\" does not open: it was changed, or sealed with another key", about);
	return 0;
}
