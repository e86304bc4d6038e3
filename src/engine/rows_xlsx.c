/* Rows as an Excel file. */
#include "engine/rows.h"

#include "base/buf.h"
#include "base/codec.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/rows_decimal.h"
#include "engine/rows_names.h"
#include "engine/rows_xlsx.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xlsxwriter.h>

/* Excel's own limits. */
#define SHEET_ROWS 1048576 /* the header line included */
#define SHEET_COLUMNS 16384
#define CELL_UNITS 32767 /* UTF-16 units in a cell */
#define EXACT_INT ((int64_t)1 << 53)
#define EXACT_DIGITS 15

#define ZIP64_FROM ((uint64_t)1 << 31) /* bytes in all from which the container must be able to pass 4 GiB */

struct note {
	char *table;
	const char *text; /* static */
	uint64_t cells;
};

struct xlsx {
	lxw_workbook *book;
	lxw_format *bold;
	struct rows_names names;
	struct buf text; /* of the cell at hand */
	struct note *notes;
	size_t note_count, note_cap;
	uint64_t sheets, cells; /* what the file must hold in the end */
	uint64_t bytes;         /* about, of the sheets before compression */
	uint64_t *cuts;
};

/* The table being written, on the sheet where it goes on. */
struct page {
	struct xlsx *x;
	const struct rows_table *table;
	char *name;
	lxw_worksheet *sheet;
	lxw_row_t row; /* the next one */
	uint64_t cut, replaced;
};

static int library_error(lxw_error result, struct error *e)
{
	return error_set(e, ERR_IO, "writing the Excel file: %s", lxw_strerror(result));
}

/* Whether "_xHHHH_" stands here, which Excel would read as the character of that number. */
static bool looks_escaped(const char *p, size_t n)
{
	if (n < 7 || p[0] != '_' || p[1] != 'x' || p[6] != '_')
		return false;
	return strspn(p + 2, "0123456789abcdefABCDEF") == 4;
}

/* Text as a cell can hold it. Returns what had to be done to it. */
static void fit_text(const char *p, size_t n, struct buf *out, bool *cut, bool *replaced)
{
	size_t units = 0;

	buf_clear(out);
	while (n > 0) {
		uint32_t cp;
		int len = utf8_decode((const unsigned char *)p, n, &cp);
		bool good = len > 0 && cp != 0 && cp != 0xfffe && cp != 0xffff;
		bool escape = looks_escaped(p, n);

		units += escape ? sizeof "_x005F_" - 1 : good && cp > 0xffff ? 2 : 1;
		if (units > CELL_UNITS) {
			*cut = true;
			return;
		}
		if (escape)
			buf_add_str(out, "_x005F_");
		else
			utf8_encode(good ? cp : 0xfffd, out);
		*replaced = *replaced || !good;
		p += len ? len : 1;
		n -= (size_t)(len ? len : 1);
	}
}

static void fit_blob(const char *p, size_t n, struct buf *out, bool *cut)
{
	const size_t most = (CELL_UNITS - 2) / 2;
	char hex[CELL_UNITS + 1];

	*cut = n > most;
	hex_encode(p, n < most ? n : most, hex);
	buf_clear(out);
	buf_add_str(out, "\\x");
	buf_add_str(out, hex);
}

static void count_changes(struct page *g, bool cut, bool replaced)
{
	g->cut += cut;
	g->replaced += replaced;
	*g->x->cuts += cut || replaced;
}

/* The text in x->text. The library leaves a cell without format and text out. */
static lxw_error put_text(struct page *g, lxw_col_t column, lxw_format *format)
{
	struct xlsx *x = g->x;

	if (x->text.len == 0 && !format)
		return LXW_NO_ERROR;
	x->cells++;
	x->bytes += 2 * x->text.len + 64;
	return worksheet_write_string(g->sheet, g->row, column, buf_text(&x->text), format);
}

static lxw_error put_number(struct page *g, lxw_col_t column, double number)
{
	g->x->cells++;
	g->x->bytes += 64;
	return worksheet_write_number(g->sheet, g->row, column, number, NULL);
}

/* Whether a cell holds the decimal number of this text without loss. */
static bool exact_number(const struct value *v, double *out)
{
	AUTO_FREE char *text = NULL;
	struct rows_decimal d;

	rows_decimal_read(v->p, v->n, &d);
	if (d.kind != DECIMAL_FINITE || d.digits > EXACT_DIGITS || v->n > CELL_UNITS)
		return false;
	text = mem_string_n(v->p, v->n);
	*out = strtod(text, NULL);
	return isfinite(*out) && (*out != 0 || d.digits == 0);
}

static lxw_error put_value(struct page *g, lxw_col_t column, const struct value *v)
{
	double number;
	struct buf *text = &g->x->text;
	bool cut = false, replaced = false;
	char real[ROWS_REAL_MAX];

	buf_clear(text);
	switch (v->type) {
	case VALUE_NULL:
		break;
	case VALUE_INT:
		if (v->i >= -EXACT_INT && v->i <= EXACT_INT)
			return put_number(g, column, (double)v->i);
		buf_printf(text, "%" PRId64, v->i);
		break;
	case VALUE_REAL:
		if (isfinite(v->r))
			return put_number(g, column, v->r);
		rows_real_text(v->r, real);
		buf_add_str(text, real);
		break;
	case VALUE_TEXT:
		if (g->table && g->table->columns[column].number && exact_number(v, &number))
			return put_number(g, column, number);
		fit_text(v->p, v->n, text, &cut, &replaced);
		break;
	case VALUE_BLOB:
		fit_blob(v->p, v->n, text, &cut);
		break;
	}
	count_changes(g, cut, replaced);
	return put_text(g, column, NULL);
}

/* A new sheet, called by `name` if it can be, with its header line. */
static int begin_sheet(struct page *g, const char *name, const char *const *header, size_t n, struct error *e)
{
	static const struct rows_names_rule rule = {.never = "[]:*?/\\", .first = "'", .last = "'", .max = 31};
	AUTO_FREE char *legal = rows_names_make(&g->x->names, name, &rule);
	lxw_error result;

	errno = 0;
	g->sheet = workbook_add_worksheet(g->x->book, legal);
	if (!g->sheet) {
		error_sys(e, errno ? errno : EIO, "writing the Excel file: adding sheet \"%s\"", legal);
		return error_hint(e, "each sheet needs a temporary file; choose fewer tables");
	}
	g->x->sheets++;
	g->x->bytes += 4096;
	worksheet_freeze_panes(g->sheet, 1, 0);
	g->row = 0;
	for (size_t i = 0; i < n; i++) {
		bool cut = false, replaced = false;

		fit_text(header[i], strlen(header[i]), &g->x->text, &cut, &replaced);
		count_changes(g, cut, replaced);
		if ((result = put_text(g, (lxw_col_t)i, g->x->bold)) != LXW_NO_ERROR)
			return library_error(result, e);
	}
	g->row = 1;
	return 0;
}

static int begin_table_sheet(struct page *g, struct error *e)
{
	size_t n = g->table->column_count;
	AUTO_FREE const char **header = mem_array(NULL, n, sizeof *header);

	for (size_t i = 0; i < n; i++)
		header[i] = g->table->columns[i].name;
	return begin_sheet(g, g->name, header, n, e);
}

static int write_row(const struct value *values, size_t n, void *ctx, struct error *e)
{
	struct page *g = ctx;
	lxw_error result;
	int rc;

	if (g->row == SHEET_ROWS && (rc = begin_table_sheet(g, e)) < 0)
		return rc;
	for (size_t i = 0; i < n; i++)
		if ((result = put_value(g, (lxw_col_t)i, &values[i])) != LXW_NO_ERROR)
			return library_error(result, e);
	g->row++;
	return 0;
}

static void add_note(struct xlsx *x, const char *table, const char *text, uint64_t cells)
{
	GROW(x->notes, x->note_count, x->note_cap);
	x->notes[x->note_count++] = (struct note){.table = mem_string(table), .text = text, .cells = cells};
}

static int write_table(struct xlsx *x, struct rows_db *d, const struct rows_table *t, struct progress *p,
		       struct error *e)
{
	AUTO_FREE char *name = rows_table_name(t);
	struct page g = {.x = x, .table = t, .name = name};
	int rc;

	if (t->column_count > SHEET_COLUMNS)
		return error_set(e, ERR_LIMIT, "table \"%s\" has %zu columns; an Excel sheet takes %d", name,
				 t->column_count, SHEET_COLUMNS);
	if ((rc = begin_table_sheet(&g, e)) < 0 || (rc = rows_each_of(d, t, p, write_row, &g, e)) < 0)
		return rc;
	if (g.cut)
		add_note(x, name, "cut at 32,767 characters, the most a cell takes", g.cut);
	if (g.replaced)
		add_note(x, name, "with characters a cell cannot hold, shown as U+FFFD", g.replaced);
	return 0;
}

static int write_notes(struct xlsx *x, bool no_tables, struct error *e)
{
	static const char *const header[] = {"Table", "Note", "Cells"};
	struct page g = {.x = x};
	int rc;

	if (no_tables)
		add_note(x, "", "the database has no tables", 0);
	if (x->note_count == 0)
		return 0;
	if ((rc = begin_sheet(&g, "Notes", header, ARRAY_LEN(header), e)) < 0)
		return rc;

	/* What is said here cuts and replaces nothing new: a table's name was counted where it was met. */
	uint64_t ignored = 0, *cuts = x->cuts;

	x->cuts = &ignored;
	for (size_t i = 0; i < x->note_count && rc == 0; i++) {
		const struct note *note = &x->notes[i];
		const struct value row[] = {{.type = VALUE_TEXT, .p = note->table, .n = strlen(note->table)},
					    {.type = VALUE_TEXT, .p = note->text, .n = strlen(note->text)},
					    {.type = note->cells ? VALUE_INT : VALUE_NULL, .i = (int64_t)note->cells}};

		rc = write_row(row, ARRAY_LEN(row), &g, e);
	}
	x->cuts = cuts;
	return rc;
}

/* Frees the book. */
static int finish(struct xlsx *x, const char *path, struct error *e)
{
	lxw_error result;

	if (x->bytes >= ZIP64_FROM)
		x->book->options.use_zip64 = LXW_TRUE;
	errno = 0;
	result = workbook_close(TAKE(x->book));
	if (result != LXW_NO_ERROR && errno)
		return error_sys(e, errno, "writing %s", path);
	if (result != LXW_NO_ERROR)
		return library_error(result, e);
	return rows_xlsx_check(path, x->sheets, x->cells, e);
}

/* A book that will never be a file. The library closes the sheets' temporary files only when it makes one. */
static void discard(lxw_workbook *book)
{
	lxw_worksheet *sheet;

	STAILQ_FOREACH(sheet, book->worksheets, list_pointers)
	fclose(sheet->optimize_tmpfile);
	lxw_workbook_free(book);
}

static void xlsx_release(struct xlsx *x)
{
	for (size_t i = 0; i < x->note_count; i++)
		free(x->notes[i].table);
	free(x->notes);
	buf_release(&x->text);
	rows_names_release(&x->names);
	if (x->book)
		discard(x->book);
}

static int write_book(struct rows_db *d, const struct rows_table **tables, size_t n, const char *path, uint64_t *cuts,
		      struct progress *p, struct error *e)
{
	AUTO_FREE char *dir = path_dir(path);
	lxw_workbook_options options = {.constant_memory = LXW_TRUE, .tmpdir = dir};
	CLEANUP(xlsx_release) struct xlsx x = {.book = workbook_new_opt(path, &options), .cuts = cuts};
	int rc;

	rows_names_init(&x.names);
	x.bold = x.book ? workbook_add_format(x.book) : NULL;
	if (!x.bold)
		return library_error(LXW_ERROR_MEMORY_MALLOC_FAILED, e);
	format_set_bold(x.bold);
	/* Excel keeps this name for itself. */
	map_put(x.names.taken, "history", strlen("history"), &x);
	for (size_t i = 0; i < n; i++)
		if ((rc = write_table(&x, d, tables[i], p, e)) < 0)
			return rc;
	if ((rc = write_notes(&x, n == 0, e)) < 0)
		return rc;
	return finish(&x, path, e);
}

int rows_xlsx(struct rows_db *d, const struct strlist *only, const char *path, uint64_t *cuts, struct progress *p,
	      struct error *e)
{
	AUTO_FREE const struct rows_table **tables = NULL;
	size_t n;
	int rc = rows_choose(d, only, &tables, &n, e);

	*cuts = 0;
	if (rc < 0)
		return rc;

	/* The library would write into whatever is there; it keeps the mode of this file. */
	CLEANUP(fs_close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_sys(e, errno, "creating %s", path);
	progress_phase(p, "writing", "rows", 0, 0);
	rc = write_book(d, tables, n, path, cuts, p, e);
	if (rc < 0)
		unlink(path);
	return rc;
}
