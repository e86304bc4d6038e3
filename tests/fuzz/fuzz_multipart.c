/* Any bytes as a form with files, the first line of them as its Content-Type: what comes out must not depend on how the bytes are cut. */
#include "base/mem.h"
#include "web/multipart.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

/* All that was told, as text. */
struct told {
	struct buf text;
	bool within;
};

static int begin(void *ctx, const struct multipart_part *part, struct error *e)
{
	struct told *t = ctx;

	demand(!t->within && part->name && (!part->file || (*part->file && strlen(part->file) <= MULTIPART_NAME_MAX && !strchr(part->file, '/'))));
	t->within = true;
	buf_printf(&t->text, "<%s|%s|", part->name, part->file ? part->file : "");
	return 0;
}

static int data(void *ctx, const void *p, size_t n, struct error *e)
{
	struct told *t = ctx;

	demand(t->within && n);
	buf_add(&t->text, p, n);
	return 0;
}

static int end(void *ctx, struct error *e)
{
	struct told *t = ctx;

	demand(t->within);
	t->within = false;
	buf_add_byte(&t->text, '>');
	return 0;
}

static int parse(const char *type, const uint8_t *p, size_t n, size_t piece, struct told *t)
{
	struct multipart m;
	const struct multipart_events events = {begin, data, end, t};
	struct error e = {0};
	int rc = multipart_begin(&m, type, &events, &e);

	for (size_t at = 0; at < n && !rc; at += piece)
		rc = multipart_feed(&m, p + at, n - at < piece ? n - at : piece, &e);
	if (!rc)
		rc = multipart_end(&m, &e);
	demand(!rc == !e.text[0] && m.line.len <= MULTIPART_HEADER_MAX);
	multipart_release(&m);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
	struct told whole = {0}, pieces = {0};
	const uint8_t *line = size ? memchr(p, '\n', size) : NULL;
	size_t n = line ? (size_t)(line - p) : 0;

	if (!line || memchr(p, 0, n))
		return 0;
	AUTO_FREE char *type = mem_string_n((const char *)p, n);
	int rc = parse(type, line + 1, size - n - 1, size, &whole);

	demand(parse(type, line + 1, size - n - 1, 1, &pieces) == rc);
	demand(whole.text.len == pieces.text.len && !memcmp(buf_text(&whole.text), buf_text(&pieces.text), whole.text.len));
	buf_release(&whole.text);
	buf_release(&pieces.text);
	return 0;
}
