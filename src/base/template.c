#include "base/template.h"

#include "base/json.h"
#include "base/mem.h"

#include <string.h>

static const char blank[] = " \t\r\n";

bool template_is_json(const char *text)
{
	text += strspn(text, blank);
	return *text == '[' || (*text == '{' && text[1] != '{');
}

static int unknown(const char *name, size_t len, const struct template_value *values, struct error *e)
{
	CLEANUP(buf_release) struct buf all = BUF_INIT;

	for (const struct template_value *v = values; v->name; v++)
		buf_printf(&all, "%s{{%s}}", v == values ? "" : ", ", v->name);
	return error_set(e, ERR_USAGE, "{{%.*s}} is not known; there are %s", len < 40 ? (int)len : 40, name, buf_text(&all));
}

static const struct template_value *find(const char *name, size_t len, const struct template_value *values)
{
	for (; values->name; values++)
		if (strlen(values->name) == len && !memcmp(values->name, name, len))
			return values;
	return NULL;
}

static void add_escaped(const char *text, struct buf *out)
{
	CLEANUP(buf_release) struct buf quoted = BUF_INIT;
	struct json_out w;

	jw_init(&w, &quoted);
	jw_string(&w, text);
	buf_add(out, quoted.p + 1, quoted.len - 2);
}

/* What is between the braces at `open`; *end is behind them. */
static int fill_place(const char *open, const char **end, const struct template_value *values, bool json, struct buf *out, struct error *e)
{
	const char *close = strstr(open, "}}"), *name = open + 2 + strspn(open + 2, blank);

	if (!close)
		return error_set(e, ERR_USAGE, "a {{ is not closed by }}");
	size_t len = name < close ? strcspn(name, " \t\r\n}") : 0;
	const struct template_value *v = name + len + strspn(name + len, blank) == close ? find(name, len, values) : NULL;

	*end = close + 2;
	if (!v)
		return unknown(open + 2, (size_t)(close - open - 2), values, e);
	if (json && v->text)
		add_escaped(v->text, out);
	else if (v->text)
		buf_add_str(out, v->text);
	return 0;
}

int template_fill(const char *text, const struct template_value *values, struct buf *out, struct error *e)
{
	bool json = template_is_json(text);

	if (strlen(text) > TEMPLATE_MAX)
		return error_set(e, ERR_LIMIT, "a template has at most %zu bytes", TEMPLATE_MAX);
	for (int places = 0;; places++) {
		const char *open = strstr(text, "{{");

		buf_add(out, text, open ? (size_t)(open - text) : strlen(text));
		if (!open)
			return 0;
		if (places == TEMPLATE_PLACES)
			return error_set(e, ERR_LIMIT, "a template has at most %d places to fill in", TEMPLATE_PLACES);
		int rc = fill_place(open, &text, values, json, out, e);
		if (rc)
			return rc;
	}
}
