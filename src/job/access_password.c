/* Passwords of users. */
#include "base/codec.h"
#include "base/digest.h"
#include "base/mem.h"
#include "job/access.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SHORTEST 10
#define LONGEST 1024
#define MEMORY_MAX ((uint64_t)256 << 20)
enum { SALT = 16, HASH = 32 };

/* N is 2 to this power. */
static const unsigned cost_n = 15, cost_r = 8, cost_p = 1;

/* Of those that people take most often, the ones that are long enough. */
static const char *const worst[] = {
	"1029384756", "1111111111", "1122334455", "1212121212", "123123123123", "1234512345", "1234567890", "12345678900", "12345678901",
	"123456789012", "1234567890q", "123456789a", "123456789abc", "123456789q", "1234567891", "12345678910", "1234567891011", "1234abcd1234",
	"147258369", "1472583690", "1q2w3e4r5t", "1q2w3e4r5t6y", "1q2w3e4r5t6y7u8i", "1qaz2wsx3edc", "1qaz2wsx3edc4rfv", "9876543210", "a123456789",
	"a1b2c3d4e5", "aa12345678", "aa123456789", "abc1234567", "abc123456789", "abcd123456", "abcd12345678", "abcde12345", "abcdef123456",
	"abcdefghij", "abcdefghijk", "abcdefghijklmnopqrstuvwxyz", "admin12345", "admin123456", "adminadmin", "administrator", "asdasdasdasd",
	"asdf123456", "asdfasdfasdf", "asdfghjkl1", "asdfghjkl123", "asdfghjkl;", "asdfghjkl;'", "backstay12", "backstay123", "backstaybackstay",
	"backup1234", "backup12345", "backupbackup", "baseball123", "changeme12", "changeme123", "changemenow", "charlie123", "chocolate1", "computer123",
	"correcthorsebatterystaple", "databasebackup", "defaultpassword", "football123", "iloveyou12", "iloveyou123", "iloveyou1234", "jordan2323",
	"letmein1234", "letmein12345", "letmeinplease", "liverpool1", "manchester", "michael123", "minecraft1", "monkey1234", "mypassword",
	"mypassword1", "p@ssw0rd123", "p@ssword123", "pa$$word123", "passw0rd123", "password01", "password11", "password12", "password123",
	"password123!", "password1234", "password12345", "passwordpassword", "pokemon123", "princess12", "princess123", "qazwsx123456", "qazwsxedcrfv",
	"qwer123456", "qwerty1234", "qwerty12345", "qwerty123456", "qwertyqwerty", "qwertyuiop", "qwertyuiop1", "qwertyuiop123", "qwertyuiop[]",
	"qwertzuiop", "secret1234", "starwars123", "summer2024", "summer2025", "sunshine12", "sunshine123", "superman123", "supersecret", "test123456",
	"testtest123", "topsecret1", "trustno1trustno1", "welcome123", "welcome1234", "whatever123", "winter2024", "winter2025", "zaq12wsxcde3", "zxcvbnm123",
	"zxcvbnm12345",
};

/* ---- what is good enough ---- */

static size_t different_bytes(const struct secret *s)
{
	bool seen[256] = {0};
	size_t n = 0;

	for (size_t i = 0; i < s->len; i++) {
		n += !seen[s->p[i]];
		seen[s->p[i]] = true;
	}
	return n;
}

static bool is_text(const struct secret *s, const char *text)
{
	return s->len == strlen(text) && !strncasecmp((const char *)s->p, text, s->len);
}

static bool too_common(const struct secret *s)
{
	for (size_t i = 0; i < ARRAY_LEN(worst); i++)
		if (is_text(s, worst[i]))
			return true;
	return different_bytes(s) < 4;
}

static int check_strength(const char *user, const struct secret *password, struct error *e)
{
	if (password->len < SHORTEST)
		return error_set(e, ERR_USAGE, "the password is too short: it needs at least %d characters", SHORTEST);
	if (password->len > LONGEST)
		return error_set(e, ERR_USAGE, "the password is too long: it has at most %d characters", LONGEST);
	if (is_text(password, user))
		return error_set(e, ERR_USAGE, "the password is the user's name");
	if (too_common(password)) {
		error_set(e, ERR_USAGE, "the password is one of those that are tried first");
		return error_hint(e, "take several random words");
	}
	return 0;
}

/* ---- stretching ---- */

static int stretch(const struct digest_cost *c, const struct secret *password, const void *salt, size_t salt_len,
		   unsigned char out[HASH], struct error *e)
{
	static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&one_at_a_time);
	int rc = digest_scrypt(c, password, salt, salt_len, out, HASH, e);

	pthread_mutex_unlock(&one_at_a_time);
	return rc;
}

int access_hash_password(const char *user, const struct secret *password, char **out, struct error *e)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	unsigned char salt[SALT], hash[HASH];
	int rc = check_strength(user, password, e);

	*out = NULL;
	if (rc)
		return rc;
	random_bytes(salt, sizeof salt);
	rc = stretch(&(struct digest_cost){UINT64_C(1) << cost_n, cost_r, cost_p}, password, salt, sizeof salt, hash, e);
	if (rc)
		return rc;
	buf_printf(&text, "scrypt$%u$%u$%u$", cost_n, cost_r, cost_p);
	base64_encode(salt, sizeof salt, &text);
	buf_add_byte(&text, '$');
	base64_encode(hash, sizeof hash, &text);
	*out = buf_take_text(&text);
	return 0;
}

struct stored {
	struct digest_cost cost;
	struct buf salt, hash;
};

static void stored_release(struct stored *s)
{
	buf_release(&s->salt);
	buf_release(&s->hash);
}

static bool stored_parse(const char *text, struct stored *out)
{
	unsigned n, r, p;
	int at = 0;

	if (sscanf(text, "scrypt$%2u$%2u$%2u$%n", &n, &r, &p, &at) != 3 || !at || !n || n > 30 || !r || !p)
		return false;
	const char *salt = text + at, *end = strchr(salt, '$');

	out->cost = (struct digest_cost){UINT64_C(1) << n, r, p};
	return end && 128 * out->cost.r * out->cost.n <= MEMORY_MAX && base64_decode(salt, (size_t)(end - salt), &out->salt) &&
	       base64_decode(end + 1, strlen(end + 1), &out->hash) && out->hash.len == HASH;
}

bool access_check_password(const char *stored, const struct secret *password)
{
	CLEANUP(stored_release) struct stored s = {0};
	struct stored nobody = {.cost = {UINT64_C(1) << cost_n, cost_r, cost_p}};
	unsigned char hash[HASH], salt[SALT] = {0};
	struct error ignored = {0};
	bool known = stored && stored_parse(stored, &s) && password->len <= LONGEST;

	if (!known) {
		const struct secret none = {0};

		(void)!stretch(&nobody.cost, &none, salt, sizeof salt, hash, &ignored);
		return false;
	}
	bool same = !stretch(&s.cost, password, s.salt.p, s.salt.len, hash, &ignored) && secret_equal(hash, s.hash.p, HASH);

	secret_wipe(hash, sizeof hash);
	return same;
}
