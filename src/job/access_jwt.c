/* JSON Web Tokens (RFC 7519) of one kind only: HS256 (RFC 7515, RFC 7518 section 3.2). */
#include "base/codec.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/seal.h"
#include "job/access.h"

#include <stdio.h>
#include <string.h>

#define CLOCK_SKEW 60

/* ---- the key ---- */

/* Of its own, so that neither use of secret.key tells anything about the other. */
static int load_key(struct catalog *c, struct secret *key, struct error *e)
{
	static const char use[] = "backstay json web token";
	CLEANUP(secret_release) struct secret master = {0};
	AUTO_FREE char *path = path_join(catalog_state_dir(c), "secret.key");
	unsigned char derived[DIGEST_SHA256];
	int rc = seal_key_load(path, &master, e);

	if (rc)
		return rc;
	digest_hmac_sha256(master.p, master.len, use, strlen(use), derived);
	secret_set(key, derived, sizeof derived);
	secret_wipe(derived, sizeof derived);
	return 0;
}

/* ---- making ---- */

static void claims_json(const struct user_record *u, int64_t now, uint64_t seconds, struct buf *out)
{
	char subject[24], id[2 * 16 + 1];
	unsigned char random[16];
	struct json_out w;

	random_bytes(random, sizeof random);
	hex_encode(random, sizeof random, id);
	snprintf(subject, sizeof subject, "%lld", (long long)u->id);
	jw_init(&w, out);
	jw_object(&w);
	jw_kv_string(&w, "sub", subject);
	jw_kv_string(&w, "name", u->name);
	jw_kv_string(&w, "role", role_name(u->role));
	jw_kv_i64(&w, "iat", now);
	jw_kv_i64(&w, "exp", now + (int64_t)seconds);
	jw_kv_string(&w, "jti", id);
	jw_kv_i64(&w, "gen", u->generation);
	jw_object_end(&w);
}

int access_jwt_make(struct catalog *c, const struct user_record *u, int64_t now, uint64_t seconds, char **out, struct error *e)
{
	static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
	CLEANUP(secret_release) struct secret key = {0};
	CLEANUP(buf_release) struct buf claims = BUF_INIT, text = BUF_INIT;
	unsigned char mac[DIGEST_SHA256];
	int rc = load_key(c, &key, e);

	*out = NULL;
	if (rc)
		return rc;
	claims_json(u, now, seconds, &claims);
	base64url_encode(header, strlen(header), &text);
	buf_add_byte(&text, '.');
	base64url_encode(claims.p, claims.len, &text);
	digest_hmac_sha256(key.p, key.len, text.p, text.len, mac);
	buf_add_byte(&text, '.');
	base64url_encode(mac, sizeof mac, &text);
	*out = buf_take_text(&text);
	return 0;
}

/* ---- reading ---- */

/* One text for whatever is wrong with it. */
static int refuse(struct error *e)
{
	return error_set(e, ERR_PASSWORD, "the token is not valid");
}

struct parts {
	const char *header, *claims, *mac, *end;
};

static bool split(const char *token, struct parts *p)
{
	size_t n = strnlen(token, ACCESS_JWT_MAX + 1);
	const char *dot = n > ACCESS_JWT_MAX ? NULL : strchr(token, '.'), *second = dot ? strchr(dot + 1, '.') : NULL;

	if (!second)
		return false;
	*p = (struct parts){token, dot + 1, second + 1, token + n};
	return true;
}

static bool authentic(const struct secret *key, const struct parts *p)
{
	CLEANUP(buf_release) struct buf given = BUF_INIT;
	unsigned char mac[DIGEST_SHA256];

	digest_hmac_sha256(key->p, key->len, p->header, (size_t)(p->mac - 1 - p->header), mac);
	return base64url_decode(p->mac, (size_t)(p->end - p->mac), &given) && given.len == sizeof mac && secret_equal(given.p, mac, sizeof mac);
}

static bool header_ok(const char *s, size_t n)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT, value = BUF_INIT;
	struct error ignored = {0};
	struct json j;
	bool algorithm = false;

	if (!base64url_decode(s, n, &text))
		return false;
	json_init(&j, text.p, text.len);
	if (json_peek(&j) != JSON_OBJECT)
		json_fail(&j, "no object");
	json_object_begin(&j);
	while (json_member(&j)) {
		bool alg = json_name_is(&j, "alg");

		if (!alg && !json_name_is(&j, "typ")) {
			json_fail(&j, "a header that asks for something");
			break;
		}
		json_string(&j, &value);
		if (strcmp(buf_text(&value), alg ? "HS256" : "JWT") != 0)
			json_fail(&j, "another kind of token");
		algorithm |= alg;
	}
	return json_finish(&j, &ignored) == 0 && algorithm;
}

static int64_t read_number(struct json *j, struct buf *text)
{
	long long n = 0;
	int used = 0;

	json_string(j, text);
	if (text->len > 18 || strspn(buf_text(text), "0123456789") != text->len || sscanf(buf_text(text), "%lld%n", &n, &used) != 1)
		json_fail(j, "no number");
	return n;
}

static void read_claim(struct json *j, struct buf *text, unsigned *seen, struct access_claims *c)
{
	if (json_name_is(j, "sub")) {
		c->user = read_number(j, text);
		*seen |= 1;
	} else if (json_name_is(j, "role")) {
		json_string(j, text);
		if (!role_parse(buf_text(text), &c->role))
			json_fail(j, "no role");
		*seen |= 2;
	} else if (json_name_is(j, "iat")) {
		c->issued = json_i64(j);
		*seen |= 4;
	} else if (json_name_is(j, "exp")) {
		c->expires = json_i64(j);
		*seen |= 8;
	} else if (json_name_is(j, "gen")) {
		c->generation = json_i64(j);
		*seen |= 16;
	} else {
		json_skip(j);
	}
}

static bool claims_ok(const char *s, size_t n, struct access_claims *out)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT, value = BUF_INIT;
	struct error ignored = {0};
	unsigned seen = 0;
	struct json j;

	if (!base64url_decode(s, n, &text))
		return false;
	json_init(&j, text.p, text.len);
	if (json_peek(&j) != JSON_OBJECT)
		json_fail(&j, "no object");
	json_object_begin(&j);
	while (json_member(&j))
		read_claim(&j, &value, &seen, out);
	return json_finish(&j, &ignored) == 0 && seen == 31;
}

/* Nothing is looked at before the signature is right: so only what was made here is parsed. */
int access_jwt_read(const struct secret *key, const char *token, int64_t now, struct access_claims *out, struct error *e)
{
	struct parts p;

	*out = (struct access_claims){0};
	if (!split(token, &p) || !authentic(key, &p) || !header_ok(p.header, (size_t)(p.claims - 1 - p.header)) ||
	    !claims_ok(p.claims, (size_t)(p.mac - 1 - p.claims), out))
		return refuse(e);
	if (out->issued > now + CLOCK_SKEW)
		return refuse(e);
	if (out->expires <= now)
		return error_set(e, ERR_PASSWORD, "the token has expired");
	return 0;
}

int access_jwt_check(struct catalog *c, const char *token, int64_t now, struct user_record *out, struct error *e)
{
	CLEANUP(secret_release) struct secret key = {0};
	CLEANUP(user_record_release) struct user_record u = {0};
	struct access_claims claims;
	int rc = load_key(c, &key, e);

	if (!rc)
		rc = access_jwt_read(&key, token, now, &claims, e);
	if (rc)
		return rc;
	rc = user_get(c, claims.user, &u, e);
	if (rc == -ERR_NOT_FOUND || (!rc && (u.disabled || u.generation != claims.generation)))
		return refuse(e);
	if (rc)
		return rc;
	if (claims.role < u.role)
		u.role = claims.role;
	*out = u;
	u = (struct user_record){0};
	return 0;
}
