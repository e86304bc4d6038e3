/* Rows as CSV, and a zip of CSV files. */
#include "engine/rows.h"

#include "base/mem.h"
#include "base/timefmt.h"
#include "engine/rows_names.h"
#include "engine/rows_out.h"

#include <archive.h>
#include <archive_entry.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool needs_quotes(const char *p, size_t n)
{
	/* An empty text is quoted to be told from NULL. */
	for (size_t i = 0; i < n; i++)
		if (p[i] == '"' || p[i] == ',' || p[i] == '\r' || p[i] == '\n')
			return true;
	return n == 0;
}

static void write_text(struct rows_out *o, const char *p, size_t n)
{
	if (!needs_quotes(p, n)) {
		rows_out_bytes(o, p, n);
		return;
	}
	rows_out_str(o, "\"");
	rows_out_doubled(o, p, n, '"');
	rows_out_str(o, "\"");
}

static void write_value(struct rows_out *o, const struct value *v)
{
	char number[ROWS_REAL_MAX];

	switch (v->type) {
	case VALUE_NULL:
		break;
	case VALUE_INT:
		snprintf(number, sizeof number, "%" PRId64, v->i);
		rows_out_str(o, number);
		break;
	case VALUE_REAL:
		rows_real_text(v->r, number);
		rows_out_str(o, number);
		break;
	case VALUE_TEXT:
		write_text(o, v->p, v->n);
		break;
	case VALUE_BLOB:
		rows_out_str(o, "\\x");
		rows_out_hex(o, v->p, v->n);
		break;
	}
}

static int write_row(const struct value *values, size_t n, void *ctx, struct error *e)
{
	struct rows_out *o = ctx;

	for (size_t i = 0; i < n; i++) {
		if (i)
			rows_out_str(o, ",");
		write_value(o, &values[i]);
	}
	rows_out_str(o, "\r\n");
	return o->failed;
}

static void write_header(struct rows_out *o, const struct rows_column *columns, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i)
			rows_out_str(o, ",");
		write_text(o, columns[i].name, strlen(columns[i].name));
	}
	rows_out_str(o, "\r\n");
}

static int write_table(struct rows_db *d, const struct rows_table *t, struct sink *out, struct progress *p,
		       struct error *e)
{
	CLEANUP(rows_out_release) struct rows_out o = ROWS_OUT_INIT(out, e);

	write_header(&o, t->columns, t->column_count);

	int rc = rows_each_of(d, t, p, write_row, &o, e);

	return rc < 0 ? rc : rows_out_done(&o);
}

int rows_csv(struct rows_db *d, const struct rows_table *t, struct sink *out, struct progress *p, struct error *e)
{
	progress_phase(p, "writing", "rows", 0, 0);
	return write_table(d, t, out, p, e);
}

int rows_csv_cursor(struct rows_cursor *c, struct sink *out, struct error *e)
{
	CLEANUP(rows_out_release) struct rows_out o = ROWS_OUT_INIT(out, e);

	write_header(&o, c->columns, c->column_count);

	int rc = rows_each(c, NULL, write_row, &o, e);

	return rc < 0 ? rc : rows_out_done(&o);
}

/* A zip being written; also the sink of the file in it that is open. */
struct zip {
	struct sink sink;
	struct archive *a;
	struct sink *to;
	struct error *e; /* of the work as a whole */
	int failed;      /* nothing goes to `to` any more; the first failure of `to` or of the work */
};

/* libarchive never hears of a failure: it would leak its compressor. What it goes on to write is dropped. */
static la_ssize_t zip_out(struct archive *a, void *ctx, const void *p, size_t n)
{
	struct zip *z = ctx;

	if (!z->failed)
		z->failed = sink_write(z->to, p, n, z->e);
	return (la_ssize_t)n;
}

/* A warning is a failure too: all that libarchive warns of here is a file that is not as it was asked for. */
static int zip_check(struct zip *z, int result)
{
	if (result == ARCHIVE_OK || z->failed)
		return z->failed;

	const char *why = archive_error_string(z->a);

	return error_set(z->e, ERR_IO, "writing the zip file: %s", why ? why : "no reason was given");
}

static int zip_data(struct sink *s, const void *p, size_t n, struct error *e)
{
	struct zip *z = (struct zip *)s;
	la_ssize_t done = archive_write_data(z->a, p, n);

	if (done == (la_ssize_t)n)
		return z->failed;
	return done < 0 ? zip_check(z, (int)done) : error_set(e, ERR_IO, "writing the zip file: a short write");
}

static int zip_open(struct zip *z)
{
	int rc;

	if ((rc = zip_check(z, archive_write_set_format_zip(z->a))) < 0 ||
	    (rc = zip_check(z, archive_write_set_format_option(z->a, "zip", "compression", "deflate"))) < 0 ||
	    (rc = zip_check(z, archive_write_set_bytes_per_block(z->a, 64 << 10))) < 0 ||
	    (rc = zip_check(z, archive_write_set_bytes_in_last_block(z->a, 1))) < 0)
		return rc;
	return zip_check(z, archive_write_open2(z->a, z, NULL, zip_out, NULL, NULL));
}

static void entry_free(struct archive_entry **entry)
{
	archive_entry_free(*entry);
}

/* No size is given: libarchive then writes Zip64, and a file above 4 GiB is no matter. */
static int zip_begin(struct zip *z, const char *name)
{
	CLEANUP(entry_free) struct archive_entry *entry = archive_entry_new2(z->a);

	if (!entry)
		return error_set(z->e, ERR_INTERNAL, "writing the zip file: no memory for an entry");
	archive_entry_set_pathname(entry, name);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_mtime(entry, time_now().tv_sec, 0);
	return zip_check(z, archive_write_header(z->a, entry));
}

static int zip_tables(struct zip *z, struct rows_db *d, const struct rows_table **tables, size_t n, struct progress *p)
{
	/* What no system takes in a file name; 80 units are at most 240 bytes of UTF-8. */
	static const struct rows_names_rule rule = {.never = "/\\:*?\"<>|", .first = ".-", .last = "", .max = 80};
	CLEANUP(rows_names_release) struct rows_names names;
	int rc;

	rows_names_init(&names);
	for (size_t i = 0; i < n; i++) {
		AUTO_FREE char *full = rows_table_name(tables[i]);
		AUTO_FREE char *safe = rows_names_make(&names, full, &rule);
		AUTO_FREE char *file = mem_printf("%s.csv", safe);

		if ((rc = zip_begin(z, file)) < 0 || (rc = write_table(d, tables[i], &z->sink, p, z->e)) < 0 ||
		    (rc = zip_check(z, archive_write_finish_entry(z->a))) < 0)
			return rc;
	}
	return zip_check(z, archive_write_close(z->a));
}

/* libarchive marks names as UTF-8 when the thread's locale says that they are. */
struct utf8_locale {
	locale_t utf8, before;
};

static struct utf8_locale utf8_begin(void)
{
	struct utf8_locale l = {.utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0)};

	if (l.utf8)
		l.before = uselocale(l.utf8);
	return l;
}

static void utf8_end(struct utf8_locale *l)
{
	if (!l->utf8)
		return;
	uselocale(l->before);
	freelocale(l->utf8);
}

int rows_csv_zip(struct rows_db *d, const struct strlist *only, struct sink *out, struct progress *p, struct error *e)
{
	AUTO_FREE const struct rows_table **tables = NULL;
	size_t n;
	int rc = rows_choose(d, only, &tables, &n, e);

	if (rc < 0)
		return rc;
	progress_phase(p, "writing", "rows", 0, 0);

	CLEANUP(utf8_end) struct utf8_locale locale = utf8_begin();
	struct zip z = {.sink.write = zip_data, .a = archive_write_new(), .to = out, .e = e};

	if (!z.a)
		return error_set(e, ERR_INTERNAL, "writing the zip file: libarchive does not start");
	if ((rc = zip_open(&z)) == 0)
		rc = zip_tables(&z, d, tables, n, p);
	/* Releasing ends an unfinished zip as if it were whole; that end must not go out. */
	z.failed = rc;
	archive_write_free(z.a);
	return rc;
}
