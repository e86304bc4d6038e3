/* Composing a message. */
#include "base/mail.h"

#include "base/codec.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define WORD_BYTES 45       /* of UTF-8 in an encoded word, which may have 75 characters */
#define PLAIN_SUBJECT 66    /* a line of 78 with its name and without a fold */
#define QP_LINE 76
#define ADDRESS_MAX 254

/* ---- addresses ---- */

static bool all_of(const char *p, size_t n, const char *also)
{
	for (size_t i = 0; i < n; i++)
		if (!((p[i] >= 'a' && p[i] <= 'z') || (p[i] >= 'A' && p[i] <= 'Z') || (p[i] >= '0' && p[i] <= '9') || (p[i] && strchr(also, p[i]))))
			return false;
	return true;
}

/* Dots part, and do not begin, end or double. */
static bool dotted(const char *p, size_t n)
{
	return n > 0 && p[0] != '.' && p[n - 1] != '.' && !memmem(p, n, "..", 2);
}

/* RFC 5322's dot-atom on both sides, or an address in brackets (RFC 5321) on the right. */
static bool address_ok(const char *a)
{
	const char *at = strrchr(a, '@');

	if (!at || strlen(a) > ADDRESS_MAX)
		return false;
	size_t local = (size_t)(at - a), domain = strlen(at + 1);
	bool literal = domain > 2 && at[1] == '[' && at[domain] == ']';

	return dotted(a, local) && all_of(a, local, ".!#$%&'*+-/=?^_`{|}~") &&
	       (literal ? all_of(at + 2, domain - 2, ".:") : dotted(at + 1, domain) && all_of(at + 1, domain, ".-"));
}

static char *trimmed(const char *p, size_t n)
{
	while (n && strchr(" \t\"", *p))
		p++, n--;
	while (n && strchr(" \t\"", p[n - 1]))
		n--;
	return mem_string_n(p, n);
}

int mail_address(const char *text, char **name, char **address, struct error *e)
{
	const char *open = strrchr(text, '<');
	size_t len = strlen(text);
	bool named = open && len && text[len - 1] == '>';
	AUTO_FREE char *bare = named ? mem_string_n(open + 1, len - 2 - (size_t)(open - text)) : mem_string(text);

	if (!address_ok(bare))
		return error_set(e, ERR_USAGE, "\"%s\" is not a mail address", text);
	AUTO_FREE char *who = named ? trimmed(text, (size_t)(open - text)) : NULL;

	*name = who && *who ? TAKE(who) : NULL;
	*address = TAKE(bare);
	return 0;
}

/* ---- headers ---- */

/* Valid UTF-8 without control characters: what is neither becomes U+FFFD or a space. */
static void one_line(const char *s, struct buf *out)
{
	size_t left = strlen(s);
	uint32_t c;

	while (left) {
		int n = utf8_decode((const unsigned char *)s, left, &c);

		if (n)
			utf8_encode(c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 ? ' ' : c, out);
		else
			utf8_encode(0xfffd, out);
		s += n ? n : 1;
		left -= (size_t)(n ? n : 1);
	}
}

static bool is_ascii(const char *s)
{
	while (*s && (unsigned char)*s < 0x80)
		s++;
	return !*s;
}

/* How much of the text makes one encoded word: whole characters. */
static size_t word_length(const char *s)
{
	size_t n = strlen(s);

	if (n <= WORD_BYTES)
		return n;
	for (n = WORD_BYTES; ((unsigned char)s[n] & 0xc0) == 0x80;)
		n--;
	return n;
}

static void encoded_words(const char *s, struct buf *out)
{
	for (size_t n; *s; s += n) {
		n = word_length(s);
		buf_add_str(out, "=?UTF-8?B?");
		base64_encode(s, n, out);
		buf_add_str(out, s[n] ? "?=\r\n " : "?=");
	}
}

static void header_text(const char *text, struct buf *out)
{
	CLEANUP(buf_release) struct buf line = BUF_INIT;

	one_line(text, &line);
	const char *s = buf_text(&line);

	if (is_ascii(s) && !strstr(s, "=?") && line.len <= PLAIN_SUBJECT)
		buf_add_str(out, s);
	else
		encoded_words(s, out);
}

/* A display name: in quotes, where it is short and plain. */
static void header_name(const char *name, struct buf *out)
{
	if (!is_ascii(name) || strstr(name, "=?") || strlen(name) > WORD_BYTES || strpbrk(name, "\"\\")) {
		CLEANUP(buf_release) struct buf line = BUF_INIT;

		one_line(name, &line);
		encoded_words(buf_text(&line), out);
		return;
	}
	buf_add_byte(out, '"');
	one_line(name, out);
	buf_add_byte(out, '"');
}

static int header_address(const char *text, struct buf *out, struct error *e)
{
	AUTO_FREE char *name = NULL;
	AUTO_FREE char *address = NULL;
	int rc = mail_address(text, &name, &address, e);

	if (rc)
		return rc;
	if (name) {
		header_name(name, out);
		buf_printf(out, "\r\n <%s>", address);
	} else {
		buf_add_str(out, address);
	}
	return 0;
}

/* Not strftime(): the names are English wherever we are. */
static void header_date(struct timespec t, struct buf *out)
{
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm tm;

	gmtime_r(&t.tv_sec, &tm);
	buf_printf(out, "Date: %.3s, %d %.3s %d %02d:%02d:%02d +0000\r\n", days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900,
		   tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void random_hex(char out[33])
{
	unsigned char bytes[16];

	random_bytes(bytes, sizeof bytes);
	hex_encode(bytes, sizeof bytes, out);
}

static int headers(const struct mail *m, struct buf *out, struct error *e)
{
	AUTO_FREE char *name = NULL;
	AUTO_FREE char *address = NULL;
	char id[33];
	int rc = mail_address(m->from, &name, &address, e);

	if (!rc && (m->to->n == 0 || m->to->n > MAIL_RECIPIENTS))
		rc = error_set(e, ERR_USAGE, "a mail goes to 1 to %d addresses, not to %zu", MAIL_RECIPIENTS, m->to->n);
	if (rc)
		return rc;
	random_hex(id);
	header_date(m->date, out);
	buf_printf(out, "Message-ID: <%s%s>\r\nFrom: ", id, strrchr(address, '@'));
	rc = header_address(m->from, out, e);
	for (size_t i = 0; !rc && i < m->to->n; i++) {
		buf_add_str(out, i ? ",\r\n " : "\r\nTo: ");
		rc = header_address(m->to->v[i], out, e);
	}
	buf_add_str(out, "\r\nSubject: ");
	header_text(m->subject, out);
	buf_add_str(out, "\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n");
	return rc;
}

/* ---- bodies ---- */

/* RFC 2045, 6.7: one piece of at most three characters, broken before it when the line would be too long. */
static void qp_piece(const char *piece, size_t *column, struct buf *out)
{
	if (*column + strlen(piece) > QP_LINE - 1) {
		buf_add_str(out, "=\r\n");
		*column = 0;
	}
	buf_add_str(out, piece);
	*column += strlen(piece);
}

static void quoted_printable(const char *s, struct buf *out)
{
	size_t column = 0;

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		bool at_end = !s[1] || s[1] == '\n';
		char piece[4] = {*s};

		if (c == '\n') {
			buf_add_str(out, "\r\n");
			column = 0;
			continue;
		}
		if ((c < 0x20 && c != '\t') || c > 0x7e || c == '=' || ((c == ' ' || c == '\t') && at_end)) {
			static const char digits[] = "0123456789ABCDEF";

			memcpy(piece, (char[]){'=', digits[c >> 4], digits[c & 15], 0}, sizeof piece);
		}
		qp_piece(piece, &column, out);
	}
}

static void part(const char *type, const char *content, struct buf *out)
{
	CLEANUP(buf_release) struct buf valid = BUF_INIT;

	/* As text of one encoding: lines stay, what is no UTF-8 shows. */
	for (const char *end; *content; content = *end ? end + 1 : end) {
		end = content + strcspn(content, "\n");
		AUTO_FREE char *line = mem_string_n(content, (size_t)(end - content) - (end > content && end[-1] == '\r'));

		one_line(line, &valid);
		buf_add_byte(&valid, '\n');
	}
	buf_printf(out, "Content-Type: text/%s; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n", type);
	quoted_printable(buf_text(&valid), out);
}

int mail_compose(const struct mail *m, struct buf *out, struct error *e)
{
	char boundary[33];
	int rc = headers(m, out, e);

	if (rc)
		return rc;
	if (!m->html) {
		part("plain", m->text, out);
		return 0;
	}
	random_hex(boundary);
	buf_printf(out, "Content-Type: multipart/alternative; boundary=\"%s\"\r\n\r\n--%s\r\n", boundary, boundary);
	part("plain", m->text, out);
	buf_printf(out, "\r\n--%s\r\n", boundary);
	part("html", m->html, out);
	buf_printf(out, "\r\n--%s--\r\n", boundary);
	return 0;
}
