#include "base/codec.h"

#include <assert.h>
#include <string.h>

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char base32_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

void hex_encode(const void *p, size_t n, char *out)
{
	const unsigned char *in = p;

	for (size_t i = 0; i < n; i++) {
		*out++ = hex_digits[in[i] >> 4];
		*out++ = hex_digits[in[i] & 15];
	}
	*out = '\0';
}

/* -1 for what is no lower-case digit. */
static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool hex_decode(const char *hex, size_t hex_len, void *out, size_t n)
{
	unsigned char *bytes = out;

	if (hex_len / 2 != n || hex_len % 2 != 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		int high = hex_value(hex[2 * i]), low = hex_value(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

static void encode64(const char *alphabet, bool pad, const void *p, size_t n, struct buf *out)
{
	const unsigned char *in = p;

	buf_reserve(out, n / 3 * 4 + 4);
	for (size_t i = 0; i < n; i += 3) {
		size_t have = n - i < 3 ? n - i : 3;
		uint32_t v = (uint32_t)in[i] << 16;
		char digits[4] = {'=', '=', '=', '='};

		if (have > 1)
			v |= (uint32_t)in[i + 1] << 8;
		if (have > 2)
			v |= in[i + 2];
		for (size_t d = 0; d <= have; d++)
			digits[d] = alphabet[v >> (18 - 6 * d) & 63];
		buf_add(out, digits, pad ? sizeof digits : have + 1);
	}
}

void base64_encode(const void *p, size_t n, struct buf *out)
{
	encode64(base64_digits, true, p, n, out);
}

void base64url_encode(const void *p, size_t n, struct buf *out)
{
	encode64(base64url_digits, false, p, n, out);
}

static int value64(const char *alphabet, char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == alphabet[62] ? 62 : c == alphabet[63] ? 63 : -1;
}

/* `have` + 1 characters to `have` bytes (1..3). The bits left over must be 0, or two texts would mean the same bytes. */
static bool group64(const char *alphabet, const char *s, size_t have, unsigned char out[3])
{
	uint32_t v = 0;

	for (size_t d = 0; d < 4; d++) {
		int digit = d <= have ? value64(alphabet, s[d]) : 0;

		if (digit < 0)
			return false;
		v = v << 6 | (uint32_t)digit;
	}
	out[0] = v >> 16 & 0xff;
	out[1] = v >> 8 & 0xff;
	out[2] = v & 0xff;
	return have > 0 && (have > 1 || out[1] == 0) && (have > 2 || out[2] == 0);
}

/* `len` without padding. */
static bool decode64(const char *alphabet, const char *s, size_t len, struct buf *out)
{
	size_t before = out->len;

	for (size_t i = 0; i < len; i += 4) {
		unsigned char bytes[3];
		size_t have = (len - i < 4 ? len - i : 4) - 1;

		if (!group64(alphabet, s + i, have, bytes)) {
			out->len = before;
			if (out->p)
				out->p[before] = '\0';
			return false;
		}
		buf_add(out, bytes, have);
	}
	return true;
}

bool base64_decode(const char *s, size_t len, struct buf *out)
{
	if (len % 4 != 0)
		return false;
	for (int i = 0; i < 2 && len && s[len - 1] == '='; i++)
		len--;
	return decode64(base64_digits, s, len, out);
}

bool base64url_decode(const char *s, size_t len, struct buf *out)
{
	return decode64(base64url_digits, s, len, out);
}

void base32_encode(const void *p, size_t n, struct buf *out)
{
	const unsigned char *in = p;
	unsigned bits = 0, v = 0;

	for (size_t i = 0; i < n; i++) {
		v = (v << 8 | in[i]) & 0xfff;
		for (bits += 8; bits >= 5; bits -= 5)
			buf_add_byte(out, (unsigned char)base32_digits[v >> (bits - 5) & 31]);
	}
	if (bits)
		buf_add_byte(out, (unsigned char)base32_digits[v << (5 - bits) & 31]);
}

/* The bits left over are fewer than five, or a character would be too many, and 0. */
bool base32_decode(const char *s, size_t len, struct buf *out)
{
	size_t before = out->len;
	unsigned bits = 0, v = 0;

	for (size_t i = 0; i < len; i++) {
		const char *digit = s[i] ? strchr(base32_digits, s[i]) : NULL;

		if (!digit) {
			bits = 5;
			break;
		}
		v = (v << 5 | (unsigned)(digit - base32_digits)) & 0xfff;
		bits += 5;
		if (bits >= 8)
			buf_add_byte(out, (unsigned char)(v >> (bits -= 8)));
	}
	if (bits < 5 && !(v & ((1U << bits) - 1)))
		return true;
	out->len = before;
	if (out->p)
		out->p[before] = '\0';
	return false;
}

/* The second byte's range is what keeps out overlong forms, surrogates and numbers above U+10FFFF. */
int utf8_decode(const unsigned char *p, size_t n, uint32_t *cp)
{
	unsigned char lead = p[0], low = 0x80, high = 0xbf;
	size_t len;

	if (lead < 0x80) {
		*cp = lead;
		return 1;
	}
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	len = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	if (lead == 0xe0)
		low = 0xa0;
	else if (lead == 0xed)
		high = 0x9f;
	else if (lead == 0xf0)
		low = 0x90;
	else if (lead == 0xf4)
		high = 0x8f;
	if (n < len || p[1] < low || p[1] > high)
		return 0;
	uint32_t v = lead & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (p[i] & 0x3f);
	}
	*cp = v;
	return (int)len;
}

void utf8_encode(uint32_t cp, struct buf *out)
{
	assert(cp <= 0x10ffff);
	if (cp < 0x80) {
		buf_add_byte(out, (unsigned char)cp);
	} else if (cp < 0x800) {
		unsigned char s[] = {0xc0 | cp >> 6, 0x80 | (cp & 0x3f)};

		buf_add(out, s, sizeof s);
	} else if (cp < 0x10000) {
		unsigned char s[] = {0xe0 | cp >> 12, 0x80 | (cp >> 6 & 0x3f), 0x80 | (cp & 0x3f)};

		buf_add(out, s, sizeof s);
	} else {
		unsigned char s[] = {0xf0 | cp >> 18, 0x80 | (cp >> 12 & 0x3f), 0x80 | (cp >> 6 & 0x3f),
				     0x80 | (cp & 0x3f)};

		buf_add(out, s, sizeof s);
	}
}

bool utf8_valid(const void *p, size_t n)
{
	const unsigned char *s = p;

	while (n > 0) {
		uint32_t cp;
		int len = utf8_decode(s, n, &cp);

		if (len == 0)
			return false;
		s += len;
		n -= (size_t)len;
	}
	return true;
}
