/* Key files: a password, stretched by scrypt (RFC 7914), opens the master key. All key files wrap the same master key.
 */
#ifndef REPO_KEY_H
#define REPO_KEY_H

#include "base/secret.h"
#include "repo/cipher.h"
#include "repo/id.h"
#include "store/store.h"

#include <time.h>

struct key_params {
	uint64_t n, r, p; /* scrypt cost */
};
/* For passwords people choose: 2^15, 8, 3 (32 MiB). For random ones of 128 bits and more, where stretching adds
 * nothing: 2^10, 8, 1 (1 MiB, milliseconds at every start). */
#define KEY_PARAMS_HUMAN ((struct key_params){1u << 15, 8, 3})
#define KEY_PARAMS_RANDOM ((struct key_params){1u << 10, 8, 1})

struct key_file {
	struct id id;
	struct timespec created;
	char *username, *hostname;
	struct key_params params;
	struct buf salt; /* 64 bytes */
	struct buf data; /* sealed master key */
};
void key_file_release(struct key_file *k);

/* Parse the JSON of a key file; limits: kdf "scrypt", salt 64 bytes, n a power of two, 128*n*r at most 1 GiB, p at
 * most 64. */
int key_file_parse(const void *p, size_t n, struct key_file *out, struct error *e) MUST_USE;
/* Stretch the password and open the master key. -ERR_PASSWORD when it does not fit this file. */
int key_file_open(const struct key_file *k, const struct secret *password, struct cipher_key *master,
		  struct error *e) MUST_USE;

/* Write a new key file for `password`; its id in *id. */
int key_add(struct store *s, const struct cipher_key *master, const struct secret *password,
	    const struct key_params *params, struct id *id, struct error *e) MUST_USE;
/* Remove a key file; absent is success. The caller holds the exclusive lock and does not remove the last one. */
int key_remove(struct store *s, const struct id *id, struct error *e) MUST_USE;
/* Try every key file. A damaged key file does not stop the search: it is named only if no other file opens.
 * -ERR_PASSWORD "wrong password, or no key found"; -ERR_CORRUPT when every key file is damaged; -ERR_NO_REPO when there
 * are none. */
int key_search(struct store *s, const struct secret *password, struct cipher_key *master, struct id *which,
	       struct error *e) MUST_USE;
/* All key files, parsed, sorted by creation; damaged ones are skipped and counted. Array and members are the caller's.
 */
int key_list(struct store *s, struct key_file **out, size_t *n, size_t *damaged, struct error *e) MUST_USE;

#endif
