/* PostgreSQL's encodings (manual, "Character Set Support") by the names iconv has for them. */
#include "engine/pg_archive_inner.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *postgres, *iconv;
} names[] = {
	{"BIG5", "CP950"}, {"EUC_CN", "EUC-CN"}, {"EUC_JIS_2004", "EUC-JISX0213"}, {"EUC_JP", "EUC-JP"},
	{"EUC_KR", "EUC-KR"}, {"EUC_TW", "EUC-TW"}, {"GB18030", "GB18030"}, {"GBK", "CP936"},
	{"ISO_8859_5", "ISO-8859-5"}, {"ISO_8859_6", "ISO-8859-6"}, {"ISO_8859_7", "ISO-8859-7"},
	{"ISO_8859_8", "ISO-8859-8"}, {"JOHAB", "JOHAB"}, {"KOI8R", "KOI8-R"}, {"KOI8U", "KOI8-U"},
	{"LATIN1", "ISO-8859-1"}, {"LATIN10", "ISO-8859-16"}, {"LATIN2", "ISO-8859-2"}, {"LATIN3", "ISO-8859-3"},
	{"LATIN4", "ISO-8859-4"}, {"LATIN5", "ISO-8859-9"}, {"LATIN6", "ISO-8859-10"}, {"LATIN7", "ISO-8859-13"},
	{"LATIN8", "ISO-8859-14"}, {"LATIN9", "ISO-8859-15"}, {"SHIFT_JIS_2004", "SHIFT_JISX0213"},
	{"SJIS", "CP932"}, {"UHC", "CP949"}, {"WIN1250", "CP1250"}, {"WIN1251", "CP1251"}, {"WIN1252", "CP1252"},
	{"WIN1253", "CP1253"}, {"WIN1254", "CP1254"}, {"WIN1255", "CP1255"}, {"WIN1256", "CP1256"},
	{"WIN1257", "CP1257"}, {"WIN1258", "CP1258"}, {"WIN866", "CP866"}, {"WIN874", "CP874"},
};

void pg_encoding_open(struct pg_encoding *c, const char *name)
{
	*c = (struct pg_encoding){0};
	for (size_t i = 0; name && i < ARRAY_LEN(names); i++)
		if (strcasecmp(names[i].postgres, name) == 0) {
			c->cd = iconv_open("UTF-8", names[i].iconv);
			c->converts = c->cd != (iconv_t)-1;
		}
}

void pg_encoding_close(struct pg_encoding *c)
{
	if (c->converts)
		iconv_close(c->cd);
	c->converts = false;
}

bool pg_encoding_changes(const struct pg_encoding *c, const void *p, size_t n)
{
	const unsigned char *bytes = p;
	for (size_t i = 0; c->converts && i < n; i++)
		if (bytes[i] >= 0x80)
			return true;
	return false;
}

void pg_encoding_add(struct pg_encoding *c, const void *p, size_t n, struct buf *out)
{
	char *from = (char *)(uintptr_t)p;       /* iconv() only reads there */
	size_t left = n;
	if (!pg_encoding_changes(c, p, n)) {
		buf_add(out, p, n);
		return;
	}
	iconv(c->cd, NULL, NULL, NULL, NULL);
	while (left > 0) {
		char room[512], *to = room;
		size_t free_room = sizeof room;
		size_t got = iconv(c->cd, &from, &left, &to, &free_room);
		int why = errno;
		buf_add(out, room, (size_t)(to - room));
		if (got == (size_t)-1 && why != E2BIG) {
			buf_add_byte(out, (unsigned char)*from++);
			left--;
		}
	}
}

char *pg_encoding_text(struct pg_encoding *c, const char *s)
{
	if (!s || !pg_encoding_changes(c, s, strlen(s)))
		return s ? mem_string(s) : NULL;
	CLEANUP(buf_release) struct buf out = BUF_INIT;
	pg_encoding_add(c, s, strlen(s), &out);
	return buf_take_text(&out);
}
