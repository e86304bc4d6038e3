/* Tables for people. */
#include "base/mem.h"
#include "cli/out.h"
#include "cli/terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FLUSH_ROWS 1000
#define GAP 2
#define NARROWEST 8

struct table {
	size_t columns, rows;
	char *align;
	char **headers;
	char **cells;             /* FLUSH_ROWS rows at most */
	size_t *widths;
	bool begun;               /* widths are fixed and the header is out */
};

struct table *table_new(const char *const *headers, const char *align)
{
	struct table *t = mem_zero(sizeof *t);

	t->columns = strlen(align);
	t->align = mem_string(align);
	t->headers = mem_zero(t->columns * sizeof *t->headers);
	t->widths = mem_zero(t->columns * sizeof *t->widths);
	t->cells = mem_zero(FLUSH_ROWS * t->columns * sizeof *t->cells);
	for (size_t i = 0; i < t->columns; i++) {
		t->headers[i] = out_safe(headers[i]);
		t->widths[i] = terminal_columns(t->headers[i]);
	}
	return t;
}

/* Take columns from the widest flexible one until everything fits, or none can give any more. */
static void fit(struct table *t, size_t room)
{
	size_t sum = 0;

	for (size_t i = 0; i < t->columns; i++)
		sum += t->widths[i] + (i ? GAP : 0);
	while (sum > room) {
		size_t widest = t->columns;

		for (size_t i = 0; i < t->columns; i++)
			if (t->align[i] == 'L' && t->widths[i] > NARROWEST && (widest == t->columns || t->widths[i] > t->widths[widest]))
				widest = i;
		if (widest == t->columns)
			return;
		t->widths[widest]--;
		sum--;
	}
}

static void print_cell(const char *text, size_t width, char align, bool last, bool cut)
{
	size_t columns = terminal_columns(text), bytes = strlen(text);
	bool shortened = cut && align == 'L' && columns > width;

	if (shortened) {
		bytes = terminal_fitting(text, width - 1);
		char *part = mem_string_n(text, bytes);

		columns = terminal_columns(part) + 1;
		free(part);
	}
	int pad = columns < width ? (int)(width - columns) : 0;

	if (align == 'r')
		printf("%*s", pad, "");
	printf("%.*s%s", (int)bytes, text, shortened ? "…" : "");
	if (align != 'r' && !last)
		printf("%*s", pad, "");
}

/* Nothing follows the last cell that holds anything. */
static void print_row(const struct table *t, char **cells, bool cut)
{
	size_t n = t->columns;

	while (n && !*cells[n - 1])
		n--;
	for (size_t i = 0; i < n; i++) {
		if (i)
			printf("%*s", GAP, "");
		print_cell(cells[i], t->widths[i], t->align[i], i + 1 == n, cut);
	}
}

static void flush(struct table *t)
{
	size_t room = terminal_width(STDOUT_FILENO);

	if (!t->begun) {
		if (room)
			fit(t, room);
		fputs(out_mode.color ? "\x1b[2m" : "", stdout);
		print_row(t, t->headers, room != 0);
		fputs(out_mode.color ? "\x1b[0m\n" : "\n", stdout);
		t->begun = true;
	}
	for (size_t r = 0; r < t->rows; r++) {
		print_row(t, t->cells + r * t->columns, room != 0);
		putchar('\n');
	}
	for (size_t i = 0; i < t->rows * t->columns; i++)
		free(t->cells[i]);
	t->rows = 0;
}

void table_row(struct table *t, const char *const *cells)
{
	char **row = t->cells + t->rows * t->columns;

	for (size_t i = 0; i < t->columns; i++) {
		row[i] = out_safe(cells[i] ? cells[i] : "");
		size_t width = t->begun ? 0 : terminal_columns(row[i]);

		if (width > t->widths[i])
			t->widths[i] = width;
	}
	if (++t->rows == FLUSH_ROWS)
		flush(t);
}

void table_print(struct table *t)
{
	flush(t);
	for (size_t i = 0; i < t->columns; i++)
		free(t->headers[i]);
	free(t->headers);
	free(t->widths);
	free(t->cells);
	free(t->align);
	free(t);
}
