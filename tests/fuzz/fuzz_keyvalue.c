/* Any bytes as KEY=VALUE lines: refused with a text, or names and values that are read back from the same lines with every value quoted. */
#include "base/buf.h"
#include "base/keyvalue.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static void add_quoted(struct buf *b, const char *name, const char *value)
{
	buf_printf(b, "%s=\"", name);
	for (; *value; value++) {
		if (strchr("\"\\`$", *value))
			buf_add_byte(b, '\\');
		buf_add_byte(b, (unsigned char)*value);
	}
	buf_add_str(b, "\"\n");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(strlist_release) struct strlist names = {0}, values = {0}, names_again = {0}, values_again = {0};
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};

	if (keyvalue_parse((const char *)data, size, &names, &values, &e)) {
		demand(e.kind == ERR_USAGE && e.text[0]);
		return 0;
	}
	demand(names.n == values.n);
	for (size_t i = 0; i < names.n; i++)
		add_quoted(&b, names.v[i], values.v[i]);
	demand(keyvalue_parse(buf_text(&b), b.len, &names_again, &values_again, &e) == 0);
	demand(names_again.n == names.n);
	for (size_t i = 0; i < names.n; i++)
		demand(!strcmp(names.v[i], names_again.v[i]) && !strcmp(values.v[i], values_again.v[i]));
	return 0;
}
