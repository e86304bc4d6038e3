/* Filling in a template: JSON stays JSON whatever the values are, when it is JSON with harmless ones. */
#include "base/json.h"
#include "base/mem.h"
#include "base/template.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static bool is_json(const struct buf *b)
{
	struct error e;
	struct json j;

	json_init(&j, b->p, b->len);
	json_skip(&j);
	return json_finish(&j, &e) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct template_value harmless[] = {{"title", "x"}, {"text", "x"}, {0}}, hostile[] = {{"title", "\"}\n\\\xff{{text}}"}, {"text", "\x01]},<>\xe2\x80\xa8"}, {0}};
	CLEANUP(buf_release) struct buf a = BUF_INIT;
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	AUTO_FREE char *text = mem_string_n((const char *)p, n);
	struct error e;

	if (template_fill(text, harmless, &a, &e))
		return 0;
	if (template_fill(text, hostile, &b, &e))
		abort();
	/* A place that is not within a string has no meaning: {{title}} must be quoted by the template. */
	if (template_is_json(text) && is_json(&a) && !is_json(&b))
		abort();
	return 0;
}
