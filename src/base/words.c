#include "base/words.h"

#include "base/buf.h"
#include "base/mem.h"

#include <string.h>

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The word that begins at p; returns what follows it, or NULL when a quote is not closed. */
static const char *take_word(const char *p, struct buf *word)
{
	char quote = 0;
	for (; *p && (quote || !is_space(*p)); p++) {
		bool opens = !quote && (*p == '\'' || *p == '"');
		if (*p == '\\' && quote != '\'' && p[1])
			buf_add_byte(word, (unsigned char)*++p);
		else if (opens || (quote && *p == quote))
			quote = opens ? *p : 0;
		else
			buf_add_byte(word, (unsigned char)*p);
	}
	return quote ? NULL : p;
}

int words_split(const char *text, struct strlist *out, struct error *e)
{
	CLEANUP(strlist_release) struct strlist words = {0};
	CLEANUP(buf_release) struct buf word = BUF_INIT;
	const char *p = text;
	for (;;) {
		while (is_space(*p))
			p++;
		if (!*p)
			break;
		p = take_word(p, &word);
		if (!p)
			return error_set(e, ERR_USAGE, "a quote is not closed");
		strlist_take(&words, buf_take_text(&word));
	}
	if (words.n == 0)
		return error_set(e, ERR_USAGE, "it is empty");
	strlist_copy(out, &words);
	return 0;
}

char *words_quote(const char *text)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT;
	buf_add_byte(&out, '\'');
	for (const char *p = text; *p; p++)
		if (*p == '\'')
			buf_add_str(&out, "'\\''");
		else
			buf_add_byte(&out, (unsigned char)*p);
	buf_add_byte(&out, '\'');
	return buf_take_text(&out);
}
