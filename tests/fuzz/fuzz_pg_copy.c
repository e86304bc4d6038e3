/* Any bytes as a line of COPY text; the first says the encoding, the second the columns. No crash, nothing read beyond its
 * end, and only the number of fields can be wrong. */
#include "base/mem.h"
#include "engine/pg_archive.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const encodings[] = {NULL, "UTF8", "SJIS", "LATIN1", "EUC_JP", "BIG5", "GB18030", "SQL_ASCII"};
	static const char *const types[] = {"text", "integer", "bytea", "numeric(5,2)"};
	struct rows_column columns[6];
	struct error e = {0};
	if (size < 2)
		return 0;
	const struct rows_table t = {.name = (char[]){"t"}, .columns = columns, .column_count = data[1] % 7};
	for (size_t i = 0; i < t.column_count; i++)
		columns[i] = (struct rows_column){.name = (char[]){"c"}, .type = (char *)(uintptr_t)types[(data[1] / 7 + i) % 4],
			.generated = data[0] & 8 && i == 1};
	struct pg_copy_reader *r = pg_copy_reader_new(&t, encodings[data[0] % 8]);
	const struct value *v;
	unsigned sum = 0;
	int err = pg_copy_reader_row(r, (const char *)data + 2, size - 2, &v, &e);
	if (err && err != -ERR_CORRUPT)
		abort();
	for (size_t i = 0; !err && i < t.column_count; i++)
		for (size_t b = 0; (v[i].type == VALUE_TEXT || v[i].type == VALUE_BLOB) && b < v[i].n; b++)
			sum += (unsigned char)v[i].p[b];
	pg_copy_reader_free(r);
	return sum == 1 ? 0 : 0;
}
