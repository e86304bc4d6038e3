/* Texts that prove who somebody is, and API tokens by theirs. */
#include "base/codec.h"
#include "base/digest.h"
#include "base/mem.h"
#include "job/access.h"
#include "job/access_inner.h"

#include <string.h>

enum { RANDOM = 32, USE_NOTED_EVERY = 60 };

void access_hash(const char *text, unsigned char out[USER_HASH_LEN])
{
	_Static_assert(USER_HASH_LEN == DIGEST_SHA256, "it is SHA-256");
	digest_sha256(text, strlen(text), out);
}

char *access_random_text(const char *prefix, unsigned char hash[USER_HASH_LEN])
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	unsigned char random[RANDOM];

	random_bytes(random, sizeof random);
	buf_add_str(&text, prefix);
	base64url_encode(random, sizeof random, &text);
	secret_wipe(random, sizeof random);
	access_hash(buf_text(&text), hash);
	return buf_take_text(&text);
}

bool access_use_due(struct timespec used, int64_t now)
{
	return now - used.tv_sec >= USE_NOTED_EVERY;
}

int access_token_find(struct catalog *c, const char *text, int64_t now, struct token_record *out, struct user_record *user, enum role *role,
		      struct error *e)
{
	struct timespec t = {.tv_sec = now};
	struct error ignored = {0};
	unsigned char hash[USER_HASH_LEN];

	access_hash(text, hash);
	int rc = token_find(c, hash, t, out, user, e);

	if (rc)
		return rc;
	*role = out->scope < user->role ? out->scope : user->role;
	if (access_use_due(out->used, now))
		(void)!token_touch(c, out->id, t, &ignored);
	return 0;
}
