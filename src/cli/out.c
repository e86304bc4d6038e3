/* Words for people, and the one JSON document. */
#include "cli/out.h"

#include "base/codec.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "cli/terminal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PART ((size_t)64 << 10)

struct out_mode out_mode;
static bool document_begun;
static void (*listener)(int level, const char *text);
static struct buf *capture;
static bool capture_full;

void out_listen(void (*heard)(int level, const char *text))
{
	listener = heard;
}

void out_capture(struct buf *to)
{
	capture = to;
	capture_full = false;
}

/* ---- text made safe ---- */

static bool is_safe(uint32_t c)
{
	bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);
	bool turns = c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
	bool line = c == 0x2028 || c == 0x2029;

	return !control && !turns && !line;
}

void out_safe_add(struct buf *b, const void *p, size_t n)
{
	const unsigned char *s = p;

	while (n) {
		uint32_t c;
		int len = utf8_decode(s, n, &c);

		if (len && is_safe(c))
			buf_add(b, s, (size_t)len);
		else
			for (int i = 0; i < (len ? len : 1); i++)
				buf_printf(b, "\\x%02X", s[i]);
		s += len ? len : 1;
		n -= (size_t)(len ? len : 1);
	}
}

char *out_safe(const char *s)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;

	out_safe_add(&b, s, strlen(s));
	return buf_take_text(&b);
}

/* Line by line, so that only the newlines stay as they are. */
static void print_lines(FILE *to, const char *text)
{
	while (*text) {
		CLEANUP(buf_release) struct buf line = BUF_INIT;
		size_t n = strcspn(text, "\n");

		out_safe_add(&line, text, n);
		fputs(buf_text(&line), to);
		text += n;
		if (*text == '\n')
			fputc(*text++, to);
	}
}

static void tell(int level, const char *text)
{
	if (listener)
		listener(level, text);
}

void out_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	AUTO_FREE char *text = mem_vprintf(fmt, ap);
	va_end(ap);
	tell(LOG_INFO, text);
	if (out_mode.quiet)
		return;
	print_lines(stderr, text);
	fputc('\n', stderr);
}

void out_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	AUTO_FREE char *text = mem_vprintf(fmt, ap);
	va_end(ap);
	tell(LOG_WARNING, text);
	fputs("warning: ", stderr);
	print_lines(stderr, text);
	fputc('\n', stderr);
}

void out_print(const char *fmt, ...)
{
	va_list ap;

	if (out_mode.json)
		return;
	va_start(ap, fmt);
	AUTO_FREE char *text = mem_vprintf(fmt, ap);
	va_end(ap);
	print_lines(stdout, text);
}

/* ---- the document ---- */

void out_document_begin(struct out_document *d)
{
	*d = (struct out_document){.text = BUF_INIT};
	jw_init(&d->w, &d->text);
	jw_object(&d->w);
}

static int not_written(struct error *e)
{
	int err = errno;

	error_sys(e, err, "writing to standard output");
	if (err == EPIPE)
		e->text[0] = '\0';
	return -(int)e->kind;
}

/* All of it or nothing. */
static int capture_part(struct out_document *d)
{
	capture_full = capture_full || !buf_fits(capture, d->text.len);
	if (capture_full)
		buf_clear(capture);
	else
		buf_add(capture, d->text.p, d->text.len);
	buf_clear(&d->text);
	return 0;
}

static int write_part(struct out_document *d, struct error *e)
{
	if (capture)
		return capture_part(d);
	document_begun = true;
	if (fwrite(d->text.p, 1, d->text.len, stdout) != d->text.len)
		return not_written(e);
	buf_clear(&d->text);
	return 0;
}

int out_document_part(struct out_document *d, struct error *e)
{
	return d->text.len < PART ? 0 : write_part(d, e);
}

int out_document_end(struct out_document *d, struct error *e)
{
	jw_object_end(&d->w);
	buf_add_byte(&d->text, '\n');
	return write_part(d, e);
}

void out_document_release(struct out_document *d)
{
	buf_release(&d->text);
}

int out_finish(struct error *e)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	if (!errno)
		errno = EIO;
	return not_written(e);
}

/* ---- errors and questions ---- */

static void error_document(const struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;
	struct error ignored = {0};
	char plain[ERROR_HINT_SIZE];

	error_plain_hint(e, plain);
	out_document_begin(&d);
	jw_name(&d.w, "error");
	jw_object(&d.w);
	jw_kv_string(&d.w, "kind", error_kind_name(e->kind));
	jw_kv_string(&d.w, "message", e->text);
	jw_kv_string(&d.w, "hint", *e->hint ? e->hint : NULL);
	if (e->typed)
		jw_kv_string(&d.w, "plain_hint", plain);
	jw_object_end(&d.w);
	(void)!out_document_end(&d, &ignored);
}

void out_error(const struct error *e)
{
	AUTO_FREE char *text = out_safe(e->text);
	AUTO_FREE char *hint = out_safe(e->hint);

	if (!*text)
		return;
	if (out_mode.json && !document_begun) {
		error_document(e);
		return;
	}
	fflush(stdout);
	fprintf(stderr, "backstay: %s\n", text);
	if (*hint)
		fprintf(stderr, "  try: %s\n", hint);
}

int out_confirm(bool yes, const char *question, struct error *e)
{
	CLEANUP(secret_release) struct secret answer = {0};

	if (yes)
		return 0;
	print_lines(stderr, question);
	if (!out_mode.interactive) {
		fputc('\n', stderr);
		error_set(e, ERR_REFUSED, "not confirmed, and there is no terminal to ask on; nothing was changed");
		return error_hint_typed(e, "", "give --yes to go on without a question");
	}
	fputs(" [y/N] ", stderr);
	int rc = terminal_line(0, &answer, e);

	if (rc)
		return rc;
	if (answer.p && (!strcasecmp((const char *)answer.p, "y") || !strcasecmp((const char *)answer.p, "yes")))
		return 0;
	return error_set(e, ERR_CANCELLED, "not confirmed; nothing was changed");
}
