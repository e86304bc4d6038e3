/* Reading an Excel file back, because the library that writes it does not look at the results of its writes. */
#ifndef ENGINE_ROWS_XLSX_H
#define ENGINE_ROWS_XLSX_H

#include "base/error.h"

#include <stdint.h>

/* rows_xlsx_check.c: the file holds exactly so many whole sheets and so many cells in them; -ERR_IO otherwise. */
int rows_xlsx_check(const char *path, uint64_t sheets, uint64_t cells, struct error *e) MUST_USE;

#endif
