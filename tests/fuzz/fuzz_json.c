/* Any bytes through the JSON reader: skipped, visited with every accessor, and, when they are JSON, copied through the writer,
 * whose text must mean the same and must be a fixed point of copying. */
#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static bool finished(struct json *j)
{
	struct error e = {0};
	int r = json_finish(j, &e);

	demand(r == 0 || (r == -ERR_CORRUPT && e.text[0]));
	return r == 0;
}

/* Read the next value as what it is not: an error, never a crash. */
static void misread(const uint8_t *data, size_t size)
{
	for (int way = 0; way < 8; way++) {
		CLEANUP(buf_release) struct buf text = BUF_INIT_MAX(16);
		struct json j;

		json_init(&j, data, size);
		switch (way) {
		case 0:
			json_object_begin(&j);
			json_element(&j);
			break;
		case 1:
			json_array_begin(&j);
			json_member(&j);
			break;
		case 2:
			free(json_string_dup(&j));
			break;
		case 3:
			json_u64(&j);
			break;
		case 4:
			json_i64(&j);
			break;
		case 5:
			json_double(&j);
			break;
		case 6:
			json_bool(&j);
			break;
		default:
			json_string(&j, &text);
		}
		finished(&j);
	}
}

/* Numbers keep their text, for it says more than a double can hold; they are read as every type on the way. */
static void copy_number(struct json *j, struct json_out *w)
{
	struct json number;
	const char *p;
	size_t n;

	json_raw(j, &p, &n);
	for (int way = 0; way < 3; way++) {
		json_init(&number, p, n);
		if (way == 0)
			json_u64(&number);
		else if (way == 1)
			json_i64(&number);
		else
			json_double(&number);
		finished(&number);
	}
	jw_raw(w, p, n);
}

static void copy_value(struct json *j, struct json_out *w)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;

	switch (json_peek(j)) {
	case JSON_OBJECT:
		jw_object(w);
		json_object_begin(j);
		while (json_member(j)) {
			jw_name(w, json_name(j));
			copy_value(j, w);
		}
		jw_object_end(w);
		break;
	case JSON_ARRAY:
		jw_array(w);
		json_array_begin(j);
		while (json_element(j))
			copy_value(j, w);
		jw_array_end(w);
		break;
	case JSON_STRING:
		json_string(j, &text);
		jw_bytes(w, text.p, text.len);
		break;
	case JSON_NUMBER:
		copy_number(j, w);
		break;
	case JSON_BOOL:
		jw_bool(w, json_bool(j));
		break;
	case JSON_NULL:
		json_skip(j);
		jw_null(w);
		break;
	case JSON_NONE:
		json_skip(j);
		break;
	}
}

static bool copy(const void *p, size_t n, struct buf *out)
{
	struct json j;
	struct json_out w;

	json_init(&j, p, n);
	jw_init(&w, out);
	copy_value(&j, &w);
	return finished(&j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(buf_release) struct buf once = BUF_INIT, twice = BUF_INIT;
	struct json j;
	const char *p;
	size_t n;

	json_init(&j, data, size);
	json_skip(&j);
	bool sound = finished(&j);
	json_init(&j, data, size);
	json_raw(&j, &p, &n);
	demand(finished(&j) == sound);
	misread(data, size);
	demand(copy(data, size, &once) == sound);
	if (!sound)
		return 0;
	demand(copy(once.p, once.len, &twice));
	demand(once.len == twice.len && memcmp(once.p, twice.p, once.len) == 0);
	return 0;
}
