/* One-time codes that follow the time. */
#include "base/codec.h"
#include "base/digest.h"
#include "base/mem.h"
#include "job/access.h"

#include <stdio.h>
#include <string.h>

enum { STEP = 30, DIGITS = 6 };

/* RFC 4226, section 5.3. */
static void code_of_step(const struct secret *key, int64_t step, char out[DIGITS + 1])
{
	unsigned char counter[8], mac[DIGEST_SHA1];

	for (int i = 0; i < 8; i++)
		counter[i] = (unsigned char)((uint64_t)step >> (56 - 8 * i));
	digest_hmac_sha1(key->p, key->len, counter, sizeof counter, mac);
	unsigned at = mac[DIGEST_SHA1 - 1] & 15;
	uint32_t v = (uint32_t)(mac[at] & 0x7f) << 24 | (uint32_t)mac[at + 1] << 16 | (uint32_t)mac[at + 2] << 8 | mac[at + 3];

	snprintf(out, DIGITS + 1, "%06u", (unsigned)(v % 1000000));
}

/* People type a blank in the middle. */
static bool clean(const char *code, char out[DIGITS + 1])
{
	size_t n = 0;

	for (; *code; code++) {
		if (*code == ' ')
			continue;
		if (n == DIGITS || *code < '0' || *code > '9')
			return false;
		out[n++] = *code;
	}
	out[n] = '\0';
	return n == DIGITS;
}

bool access_check_totp(const struct secret *key, const char *code, int64_t now, int64_t last, int64_t *step)
{
	char typed[DIGITS + 1], wanted[DIGITS + 1];
	bool found = false;

	if (!key->len || !clean(code, typed))
		return false;
	for (int64_t s = now / STEP - 1; s <= now / STEP + 1; s++) {
		code_of_step(key, s, wanted);
		if (secret_equal(typed, wanted, DIGITS) && s > last && !found) {
			found = true;
			*step = s;
		}
	}
	return found;
}

void access_totp_key(struct secret *out)
{
	unsigned char key[ACCESS_TOTP_KEY];

	random_bytes(key, sizeof key);
	secret_set(out, key, sizeof key);
	secret_wipe(key, sizeof key);
}

char *access_totp_text(const struct secret *key)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;

	base32_encode(key->p, key->len, &text);
	return buf_take_text(&text);
}

bool access_totp_parse(const char *text, struct secret *out)
{
	CLEANUP(buf_release) struct buf key = BUF_INIT;
	bool good = base32_decode(text, strlen(text), &key) && key.len == ACCESS_TOTP_KEY;

	if (good)
		secret_set(out, key.p, key.len);
	if (key.p)
		secret_wipe(key.p, key.cap);
	return good;
}

char *access_totp_url(const char *user, const struct secret *key)
{
	AUTO_FREE char *text = access_totp_text(key);

	return mem_printf("otpauth://totp/Backstay:%s?secret=%s&issuer=Backstay&algorithm=SHA1&digits=%d&period=%d", user, text, DIGITS, STEP);
}
