/* Any text as a CREATE TABLE: no crash, and what is taken has a name and columns. */
#include "base/mem.h"
#include "engine/sqldump.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *sql = mem_string_n((const char *)data, size);
	struct rows_table t;
	struct error e = {0};
	int err = sqldump_table_parse(sql, &t, &e);
	if (err ? err != -ERR_CORRUPT || t.name : !t.name || t.column_count == 0)
		abort();
	for (size_t i = 0; i < t.column_count; i++)
		if (!t.columns[i].name || !t.columns[i].type || t.columns[i].key < 0)
			abort();
	sqldump_table_release(&t);
	return 0;
}
