#include "repo/field.h"

#include "base/mem.h"
#include "base/timefmt.h"

#include <stdlib.h>

void field_id(struct json *j, struct id *out)
{
	const char *p;
	size_t n;

	json_raw(j, &p, &n);
	if (!json_failed(j) && (n != ID_HEX_LEN + 2 || *p != '"' || !id_parse(out, p + 1, ID_HEX_LEN)))
		json_fail(j, "an id of 64 lower-case hexadecimal digits expected");
}

uint32_t field_u32(struct json *j)
{
	uint64_t v = json_u64(j);

	if (v > UINT32_MAX)
		json_fail(j, "number out of range");
	return json_failed(j) ? 0 : (uint32_t)v;
}

void field_time(struct json *j, struct timespec *t, int *offset_seconds)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;

	json_string(j, &text);
	if (!json_failed(j) && !time_from_rfc3339(buf_text(&text), text.len, t, offset_seconds))
		json_fail(j, "a time in the form of RFC 3339 expected");
}

void field_text(struct json *j, char **s)
{
	char *text = json_string_dup(j);

	free(*s);
	*s = NULL;
	if (text && text[0])
		*s = TAKE(text);
	free(text);
}

void field_put_id(struct json_out *w, const struct id *id)
{
	char hex[ID_HEX_LEN + 1];

	jw_string(w, id_hex(id, hex));
}

void field_put_time_local(struct json_out *w, const char *name, struct timespec t)
{
	char text[TIME_RFC3339_MAX];

	time_to_rfc3339_local(t, text);
	jw_kv_string(w, name, text);
}

void field_put_text(struct json_out *w, const char *name, const char *s)
{
	if (s && s[0])
		jw_kv_string(w, name, s);
}

void field_put_number(struct json_out *w, const char *name, uint64_t v)
{
	if (v)
		jw_kv_u64(w, name, v);
}
