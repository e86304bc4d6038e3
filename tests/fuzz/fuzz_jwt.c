/* Any bytes as a JSON Web Token: refused, unless signed; and as the header and the claims of one that is signed, parted by the
 * first byte 0: what is accepted has every claim within its limits. */
#include "base/codec.h"
#include "base/digest.h"
#include "base/mem.h"
#include "job/access.h"

#include <stdlib.h>
#include <string.h>

#define NOW 1800000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static bool accepted(const char *token, struct access_claims *c)
{
	const struct secret key = {(unsigned char *)"0123456789abcdef0123456789abcdef", 32};
	struct error e = {0};
	int rc = access_jwt_read(&key, token, NOW, c, &e);

	demand(rc == 0 || (rc == -ERR_PASSWORD && e.text[0]));
	return rc == 0;
}

static char *sign(const uint8_t *header, size_t n, const uint8_t *claims, size_t m)
{
	struct buf text = BUF_INIT;
	unsigned char mac[DIGEST_SHA256];

	base64url_encode(header, n, &text);
	buf_add_byte(&text, '.');
	base64url_encode(claims, m, &text);
	digest_hmac_sha256("0123456789abcdef0123456789abcdef", 32, text.p, text.len, mac);
	buf_add_byte(&text, '.');
	base64url_encode(mac, sizeof mac, &text);
	return buf_take_text(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *cut = memchr(data, 0, size);
	size_t n = cut ? (size_t)(cut - data) : size;
	struct access_claims c;
	char *raw = mem_string_n((const char *)data, n), *token = sign(data, n, cut ? cut + 1 : data, cut ? size - n - 1 : size);

	demand(!accepted(raw, &c));
	if (accepted(token, &c)) {
		demand(strlen(token) <= ACCESS_JWT_MAX);
		demand(c.role >= ROLE_VIEWER && c.role <= ROLE_ADMIN);
		demand(c.expires > NOW && c.issued <= NOW + 60 && c.user >= 0);
	}
	free(raw);
	free(token);
	return 0;
}
