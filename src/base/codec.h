/* Hexadecimal, base64 (RFC 4648 section 4, with padding; section 5, for URLs, without), base32 and UTF-8. */
#ifndef BASE_CODEC_H
#define BASE_CODEC_H

#include "base/buf.h"

/* out receives 2*n lower-case digits and a terminating 0. */
void hex_encode(const void *p, size_t n, char *out);
/* Exactly 2*n lower-case digits at `hex` to n bytes; false on any other length or character (upper case included), when
 * `out` may hold a part. */
bool hex_decode(const char *hex, size_t hex_len, void *out, size_t n);

void base64_encode(const void *p, size_t n, struct buf *out);                 /* appends */
/* Appends the decoded bytes; false (nothing appended) when it is not canonical base64. White space is not allowed. */
bool base64_decode(const char *s, size_t len, struct buf *out);
void base64url_encode(const void *p, size_t n, struct buf *out);              /* "-" and "_", no padding */
bool base64url_decode(const char *s, size_t len, struct buf *out);
void base32_encode(const void *p, size_t n, struct buf *out);                 /* appends; no padding */
bool base32_decode(const char *s, size_t len, struct buf *out);               /* upper case, no padding */

/* Decode one UTF-8 sequence at p (n > 0 bytes there). Returns its length 1..4 and the code point, or 0 when invalid
 * (overlong, surrogate, above U+10FFFF, cut short). RFC 3629. */
int utf8_decode(const unsigned char *p, size_t n, uint32_t *cp);
void utf8_encode(uint32_t cp, struct buf *out);
bool utf8_valid(const void *p, size_t n);

#endif
