#include "base/error.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_names[ERR_KIND_COUNT] = {
	[ERR_NONE] = "none",
	[ERR_INTERNAL] = "internal",
	[ERR_USAGE] = "usage",
	[ERR_IO] = "io",
	[ERR_NO_SPACE] = "no-space",
	[ERR_ACCESS] = "access",
	[ERR_NOT_FOUND] = "not-found",
	[ERR_EXISTS] = "exists",
	[ERR_NO_REPO] = "no-repo",
	[ERR_PASSWORD] = "password",
	[ERR_LOCKED] = "locked",
	[ERR_VERSION] = "version",
	[ERR_CORRUPT] = "corrupt",
	[ERR_MISMATCH] = "mismatch",
	[ERR_LIMIT] = "limit",
	[ERR_CHILD] = "child",
	[ERR_PARTIAL] = "partial",
	[ERR_VERIFY] = "verify",
	[ERR_CANCELLED] = "cancelled",
	[ERR_REFUSED] = "refused",
	[ERR_TEMPORARY] = "temporary",
};

#define CUT_MARK "..."

/* End the text at s in CUT_MARK within `size` bytes, splitting no UTF-8 sequence. */
static void mark_cut(char *s, size_t size)
{
	size_t at = size - sizeof CUT_MARK;

	while (at > 0 && ((unsigned char)s[at] & 0xc0) == 0x80)
		at--;
	memcpy(s + at, CUT_MARK, sizeof CUT_MARK);
}

/* vsnprintf() that shows when it cut. */
static void format(char *out, size_t size, const char *fmt, va_list ap)
{
	int n = vsnprintf(out, size, fmt, ap);

	if (n < 0)
		snprintf(out, size, "(unprintable message)");
	else if ((size_t)n >= size)
		mark_cut(out, size);
}

/* "<front>: <back>"; what does not fit is cut from the back. `out` must be neither of them. */
static void join(char *out, size_t size, const char *front, const char *back)
{
	int n = snprintf(out, size, "%s: %s", front, back);

	if ((size_t)n >= size)
		mark_cut(out, size);
}

/* The texts are always made aside and then copied, because the caller may format e's own text into e. */
static int set(struct error *e, enum err_kind kind, int sys, const char *text)
{
	assert(kind > ERR_NONE && kind < ERR_KIND_COUNT);
	e->kind = kind;
	e->sys = sys;
	memcpy(e->text, text, strlen(text) + 1);
	e->hint[0] = '\0';
	e->typed = 0;
	e->field[0] = '\0';
	return -(int)kind;
}

static enum err_kind kind_of_errno(int err)
{
	switch (err) {
	case ENOSPC:
	case EDQUOT:
		return ERR_NO_SPACE;
	case EACCES:
	case EPERM:
	case EROFS:
		return ERR_ACCESS;
	case ENOENT:
	case ENOTDIR:
		return ERR_NOT_FOUND;
	case EEXIST:
		return ERR_EXISTS;
	default:
		return ERR_IO;
	}
}

void error_clear(struct error *e)
{
	e->kind = ERR_NONE;
	e->sys = 0;
	e->text[0] = '\0';
	e->hint[0] = '\0';
	e->typed = 0;
	e->field[0] = '\0';
}

int error_set(struct error *e, enum err_kind kind, const char *fmt, ...)
{
	char text[sizeof e->text];
	va_list ap;

	va_start(ap, fmt);
	format(text, sizeof text, fmt, ap);
	va_end(ap);
	return set(e, kind, 0, text);
}

int error_sys(struct error *e, int err, const char *fmt, ...)
{
	char reason_room[128], text[sizeof e->text], whole[sizeof e->text];
	const char *reason = strerror_r(err, reason_room, sizeof reason_room);
	va_list ap;

	/* The reason matters more than the end of a long text: room is kept for it. */
	va_start(ap, fmt);
	format(text, sizeof text - strlen(": ") - strlen(reason), fmt, ap);
	va_end(ap);
	join(whole, sizeof whole, text, reason);
	return set(e, kind_of_errno(err), err, whole);
}

int error_wrap(struct error *e, const char *fmt, ...)
{
	char front[sizeof e->text], whole[sizeof e->text];
	va_list ap;

	va_start(ap, fmt);
	format(front, sizeof front, fmt, ap);
	va_end(ap);
	if (e->kind == ERR_NONE)
		return error_set(e, ERR_INTERNAL, "%s: no reason was given", front);
	join(whole, sizeof whole, front, e->text);
	memcpy(e->text, whole, strlen(whole) + 1);
	return -(int)e->kind;
}

int error_hint(struct error *e, const char *fmt, ...)
{
	char hint[sizeof e->hint];
	va_list ap;

	va_start(ap, fmt);
	format(hint, sizeof hint, fmt, ap);
	va_end(ap);
	memcpy(e->hint, hint, strlen(hint) + 1);
	e->typed = 0;
	return -(int)e->kind;
}

int error_hint_typed(struct error *e, const char *plain, const char *fmt, ...)
{
	char words[sizeof e->hint];
	va_list ap;

	va_start(ap, fmt);
	format(words, sizeof words, fmt, ap);
	va_end(ap);
	error_hint(e, "%s%s", plain, words);
	e->typed = strlen(e->hint) > strlen(plain) ? strlen(e->hint) - strlen(plain) : 0;
	return -(int)e->kind;
}

void error_hint_as(struct error *e, const struct error *from)
{
	memmove(e->hint, from->hint, sizeof e->hint);
	e->typed = from->typed;
}

void error_plain_hint(const struct error *e, char out[ERROR_HINT_SIZE])
{
	size_t n = strlen(e->hint);

	snprintf(out, ERROR_HINT_SIZE, "%.*s", (int)(n - e->typed), e->hint);
}

int error_field(struct error *e, const char *name)
{
	if (!e->field[0])
		snprintf(e->field, sizeof e->field, "%s", name);
	return -(int)e->kind;
}

const char *error_kind_name(enum err_kind kind)
{
	if ((unsigned)kind >= ERR_KIND_COUNT)
		return "unknown";
	return kind_names[kind];
}
