#include "engine/rows_pack.h"

#include <string.h>

/* A value is its type in a byte, then 8 bytes: the integer, the real, or the length of what follows. */
#define HEAD ((size_t)9)

static bool has_bytes(const struct value *v)
{
	return v->type == VALUE_TEXT || v->type == VALUE_BLOB;
}

int rows_pack(const struct value *values, size_t n, struct buf *out, struct error *e)
{
	for (size_t i = 0; i < n; i++) {
		const struct value *v = &values[i];
		uint64_t length = v->n;

		if (!buf_fits(out, HEAD) || (has_bytes(v) && !buf_fits(out, HEAD + v->n)))
			return error_set(e, ERR_LIMIT, "a row is larger than 2 GiB");
		buf_add_byte(out, (unsigned char)v->type);
		if (v->type == VALUE_INT)
			buf_add(out, &v->i, 8);
		else if (v->type == VALUE_REAL)
			buf_add(out, &v->r, 8);
		else if (has_bytes(v))
			buf_add(out, &length, 8);
		if (has_bytes(v) && v->n)
			buf_add(out, v->p, v->n);
	}
	return 0;
}

static bool take(const char **p, size_t *left, void *to, size_t n)
{
	if (*left < n)
		return false;
	memcpy(to, *p, n);
	*p += n;
	*left -= n;
	return true;
}

static bool unpack_value(const char **p, size_t *left, struct value *v)
{
	unsigned char type;
	uint64_t length;

	*v = (struct value){.p = ""};
	if (!take(p, left, &type, 1) || type > VALUE_BLOB)
		return false;
	v->type = type;
	if (v->type == VALUE_INT)
		return take(p, left, &v->i, 8);
	if (v->type == VALUE_REAL)
		return take(p, left, &v->r, 8);
	if (!has_bytes(v))
		return true;
	if (!take(p, left, &length, 8) || length > *left)
		return false;
	v->p = *p;
	v->n = length;
	*p += length;
	*left -= length;
	return true;
}

int rows_unpack(const void *p, size_t bytes, struct value *values, size_t n, struct error *e)
{
	const char *at = p;

	for (size_t i = 0; i < n; i++)
		if (!unpack_value(&at, &bytes, &values[i]))
			return error_set(e, ERR_INTERNAL, "a row laid aside does not come back");
	return bytes ? error_set(e, ERR_INTERNAL, "a row laid aside does not come back") : 0;
}
