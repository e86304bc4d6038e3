/* Any bytes as the pages of an SQLite file: no crash, and every finding is that of damage. */
#include "engine/sqlite.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_damage(int err)
{
	if (err && err != -ERR_CORRUPT)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char head[SQLITE_HEADER] = {0};
	struct error e = {0};
	memcpy(head, data, size < sizeof head ? size : sizeof head);
	uint32_t page = sqlite_header_page_size(head) ? sqlite_header_page_size(head) : 512;
	struct sqlite_pages *w = sqlite_pages_new(page, head[20]);
	uint32_t count = (uint32_t)(size / page);
	for (uint32_t i = 0; i < count; i++)
		sqlite_pages_see(w, i + 1, data + (size_t)i * page);
	for (uint32_t root = 1; root <= count + 1 && root < 40; root++) {
		uint64_t rows;
		must_be_damage(sqlite_pages_rows(w, root, head[0] & 1 ? root & 1 : root > 2, &rows, &e));
	}
	must_be_damage(sqlite_pages_check(w, &e));
	sqlite_pages_free(w);
	return 0;
}
