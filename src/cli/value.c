#include "cli/value.h"

#include "base/codec.h"
#include "base/mem.h"

#define BLOB_SHOWN 16

static void blob_text(const struct value *v, struct buf *out)
{
	char hex[2 * BLOB_SHOWN + 1];
	size_t n = v->n < BLOB_SHOWN ? v->n : BLOB_SHOWN;

	hex_encode(v->p, n, hex);
	if (n == v->n)
		buf_printf(out, "x'%s'", hex);
	else
		buf_printf(out, "x'%s...' (%zu bytes)", hex, v->n);
}

void value_text(const struct value *v, struct buf *out)
{
	char real[ROWS_REAL_MAX];

	switch (v->type) {
	case VALUE_NULL:
		buf_add_str(out, "NULL");
		break;
	case VALUE_INT:
		buf_printf(out, "%lld", (long long)v->i);
		break;
	case VALUE_REAL:
		rows_real_text(v->r, real);
		buf_add_str(out, real);
		break;
	case VALUE_TEXT:
		buf_add(out, v->p, v->n);
		break;
	case VALUE_BLOB:
		blob_text(v, out);
		break;
	}
}

static void base64_json(const struct value *v, struct json_out *w)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;

	base64_encode(v->p, v->n, &text);
	jw_object(w);
	jw_kv_string(w, "base64", buf_text(&text));
	jw_object_end(w);
}

void value_json(const struct value *v, struct json_out *w)
{
	switch (v->type) {
	case VALUE_NULL:
		jw_null(w);
		break;
	case VALUE_INT:
		jw_i64(w, v->i);
		break;
	case VALUE_REAL:
		jw_double(w, v->r);
		break;
	case VALUE_TEXT:
		if (utf8_valid(v->p, v->n)) {
			jw_bytes(w, v->p, v->n);
			break;
		}
		base64_json(v, w);
		break;
	case VALUE_BLOB:
		base64_json(v, w);
		break;
	}
}
