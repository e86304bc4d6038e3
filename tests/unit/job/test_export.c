#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "job/export.h"

#include <archive.h>
#include <archive_entry.h>
#include <signal.h>
#include <sys/resource.h>
#include <zlib.h>

/* A database and a folder in one backup. */
static struct repository r;
static struct backup b;
static struct job_export_result done; /* of the last export */

static int enter(void **state)
{
	room_enter(state);
	repo_make(&r);
	put_db("app.db", "CREATE TABLE t(x, y TEXT); INSERT INTO t VALUES (1, 'one'), (2, NULL); CREATE TABLE u(z)");
	put_file("media/a.txt", "text");
	put_file("media/b/c.txt", "more");
	find(&r, back_up(&r, SOURCES("app.db", "media")), &b);
	assert_int_equal(mkdir(at("out"), 0700), 0);
	return 0;
}

static int leave(void **state)
{
	job_export_result_release(&done);
	backup_release(&b);
	repository_release(&r);
	return room_leave(state);
}

#define IN_REPOSITORY(test) cmocka_unit_test_setup_teardown(test, enter, leave)

struct choice {
	enum export_format format;
	const char *source, *table, *path, *output;
	struct sink *sink;
	bool force;
};

static int try_choice(const struct backup *of, const struct choice *c, struct error *e)
{
	struct job_export j = {
		.backup = of, .source = c->source, .format = c->format, .sink = c->sink, .force = c->force};

	j.output = c->output;
	j.path = c->path;
	if (c->table)
		strlist_add(&j.tables, c->table);
	job_export_result_release(&done);
	int rc = job_export(&r, &j, &done, e);

	strlist_release(&j.tables);
	return rc;
}

#define TRY(...) try_choice(&b, &(struct choice){__VA_ARGS__}, &e)

/* A sink that fails after `room` bytes. */
struct narrow {
	struct sink sink;
	struct buf got;
	size_t room;
};

static int take(struct sink *s, const void *p, size_t n, struct error *e)
{
	struct narrow *x = (struct narrow *)s;

	if (x->got.len + n > x->room)
		return error_set(e, ERR_NO_SPACE, "the sink is full");
	buf_add(&x->got, p, n);
	return 0;
}

static void narrow_release(struct narrow *x)
{
	buf_release(&x->got);
}

#define NARROW(name, n) CLEANUP(narrow_release) struct narrow name = {.sink.write = take, .room = n}

/* What an archive in "out" holds: "name=content" of each plain file, sorted, with '|' between. */
static const char *content_of(const char *name)
{
	CLEANUP(strlist_release) struct strlist files = {0};
	struct archive *a = archive_read_new();
	static char text[2000];
	struct archive_entry *entry;

	archive_read_support_filter_all(a);
	archive_read_support_format_all(a);
	assert_int_equal(archive_read_open_filename(a, at(name), 4096), ARCHIVE_OK);
	while (archive_read_next_header(a, &entry) == ARCHIVE_OK) {
		char content[200];
		la_ssize_t n = archive_read_data(a, content, sizeof content);

		if (archive_entry_filetype(entry) == AE_IFREG)
			strlist_addf(&files, "%s=%.*s", archive_entry_pathname(entry), (int)n, content);
	}
	assert_int_equal(archive_errno(a), 0);
	archive_read_free(a);
	strlist_sort(&files);
	AUTO_FREE char *joined = strlist_join(&files, "|");
	snprintf(text, sizeof text, "%s", joined);
	return text;
}

/* ---- what is refused ---- */

static void formats_that_are_not_known_are_told(void **state)
{
	enum export_format f;
	struct error e;

	assert_fails(export_format_parse("doc", &f, &e), ERR_USAGE, "unknown format \"doc\"");
	assert_string_equal(e.hint, "one of: archive, sql, sql.gz, csv, xlsx, tar.gz, tar.zst, zip");
	assert_ok(export_format_parse("tar.zst", &f, &e));
	assert_int_equal(f, EXPORT_TAR_ZST);
}

static void a_source_that_does_not_fit_is_told(void **state)
{
	struct error e;

	assert_fails(TRY(.format = EXPORT_SQL, .source = "typo", .output = "out/x"), ERR_NOT_FOUND,
		     "backup \"app.db + media\" has no source \"typo\"");
	assert_fails(TRY(.format = EXPORT_SQL, .source = "media", .output = "out/x"), ERR_MISMATCH,
		     "media cannot be exported so; the backup holds: app.db (sqlite), media (folder)");
	assert_fails(TRY(.format = EXPORT_ZIP, .table = "t", .output = "out/x"), ERR_USAGE,
		     "tables can be chosen for sql, sql.gz, csv and xlsx only");
	assert_fails(TRY(.format = EXPORT_SQL, .table = "typo", .output = "out/x"), ERR_NOT_FOUND,
		     "exporting to out/x: there is no table \"typo\"; the tables are: t, u");
	assert_names("out", "");
}

static void a_path_that_is_not_there_or_does_not_fit_is_told(void **state)
{
	struct error e;

	assert_fails(TRY(.format = EXPORT_ARCHIVE, .path = "media/typo", .output = "out/x"), ERR_NOT_FOUND,
		     "exporting to out/x: media/typo: there is no \"typo\"");
	assert_fails(TRY(.format = EXPORT_ARCHIVE, .path = "media/b", .output = "out/x"), ERR_MISMATCH,
		     "exporting to out/x: media/b is no file in the backup; a folder becomes tar.gz, tar.zst or zip");
	assert_fails(TRY(.format = EXPORT_ZIP, .path = "media/a.txt", .output = "out/x"), ERR_MISMATCH,
		     "exporting to out/x: media/a.txt is not a folder");
	assert_fails(TRY(.format = EXPORT_SQL, .path = "media/b", .output = "out/x"), ERR_USAGE,
		     "a path of the backup can be exported as archive (a file), tar.gz, tar.zst or zip (a folder)");
	assert_names("out", "");
}

static void of_several_sources_one_must_be_named(void **state)
{
	CLEANUP(backup_release) struct backup two = {0};
	struct error e;

	put_db("b.db", "CREATE TABLE t(x)");
	find(&r, back_up(&r, SOURCES("app.db", "b.db")), &two);
	assert_fails(try_choice(&two, &(struct choice){.format = EXPORT_ARCHIVE, .output = "out/x"}, &e), ERR_USAGE,
		     "several sources of this backup can be exported so: app.db (sqlite), b.db (sqlite)");
	assert_string_equal(e.hint, "name one with --source");
	assert_ok(try_choice(&two, &(struct choice){.format = EXPORT_ARCHIVE, .source = "./b.db", .output = "out/x"},
			     &e));
}

static void what_is_there_is_not_replaced_unasked(void **state)
{
	struct error e;

	put_file("out/x", "precious");
	assert_fails(TRY(.format = EXPORT_SQL, .output = "out/x"), ERR_EXISTS, "out/x exists already");
	assert_string_equal(e.hint, "choose another name, or insist on replacing it with --force");
	assert_holds("out/x", "precious");
	assert_ok(TRY(.format = EXPORT_ARCHIVE, .output = "out/x", .force = true));
	assert_string_equal(db_first("out/x", "SELECT y FROM t"), "one");
	assert_names("out", "x");
}

static void what_is_no_plain_file_is_never_replaced(void **state)
{
	struct error e;

	assert_int_equal(symlink("/dev/null", at("out/null")), 0);
	assert_int_equal(mkfifo(at("out/fifo"), 0600), 0);
	assert_fails(TRY(.format = EXPORT_SQL, .output = "out/null", .force = true), ERR_EXISTS,
		     "out/null is no plain file, and is not replaced");
	assert_fails(TRY(.format = EXPORT_SQL, .output = "out/fifo", .force = true), ERR_EXISTS,
		     "out/fifo is no plain file, and is not replaced");
	assert_fails(TRY(.format = EXPORT_SQL, .output = "out", .force = true), ERR_EXISTS,
		     "out is no plain file, and is not replaced");
	assert_names("out", "fifo null");
}

/* ---- what fails half way ---- */

static void a_file_that_fails_half_way_leaves_nothing(void **state)
{
	static const enum export_format formats[] = {EXPORT_ARCHIVE, EXPORT_XLSX,   EXPORT_SQL,
						     EXPORT_SQL_GZ,  EXPORT_CSV,    EXPORT_TAR_GZ,
						     EXPORT_ZIP};
	const struct rlimit small = {50, RLIM_INFINITY};
	struct rlimit before;
	struct error e = {0};

	put_file("out/x", "precious");
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
		int rc = TRY(.format = formats[i], .output = "out/x", .force = true);

		assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
		assert_true(rc < 0);
		assert_names("out", "x");
		assert_holds("out/x", "precious");
	}
}

static void a_damaged_backup_leaves_no_file(void **state)
{
	CLEANUP(store_listing_release) struct store_listing packs = {0};
	struct error e = {0};

	assert_ok(store_list(r.repo->store, STORE_DATA, store_listing_add, &packs, &e));
	for (size_t i = 0; i < packs.n; i++)
		damage_stored(&r, STORE_DATA, i);
	assert_true(TRY(.format = EXPORT_ARCHIVE, .output = "out/x") < 0);
	assert_names("out", "");
}

static void a_sink_that_fails_is_an_error_in_every_format(void **state)
{
	struct error e;

	for (enum export_format f = EXPORT_ARCHIVE; f <= EXPORT_ZIP; f++) {
		NARROW(sink, 10);
		assert_fails(TRY(.format = f, .sink = &sink.sink), ERR_NO_SPACE, "the sink is full");
	}
	assert_names("tmp", "");
}

/* ---- what is written ---- */

static void an_archive_is_the_stored_database_byte_for_byte(void **state)
{
	struct error e;

	assert_ok(TRY(.format = EXPORT_ARCHIVE, .output = "out/x.db"));
	assert_string_equal(db_first("out/x.db", "SELECT group_concat(x) FROM t"), "1,2");
	assert_int_equal(done.bytes, b.manifest.sources[0].bytes);
	assert_int_equal(mode_of("out/x.db"), 0600);
	assert_names("out", "x.db");
}

static void sql_loads_into_an_equal_database(void **state)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	struct error e;

	assert_ok(TRY(.format = EXPORT_SQL, .output = "out/x.sql"));
	assert_ok(fs_read_file(at("out/x.sql"), 10000, &text, &e));
	assert_int_equal(done.bytes, text.len);
	put_db("back.db", buf_text(&text));
	assert_string_equal(db_first("back.db", "SELECT group_concat(x || quote(y)) FROM t"), "1'one',2NULL");
}

static void packed_sql_is_the_same_text_each_time(void **state)
{
	NARROW(text, 10000);
	NARROW(packed, 10000);
	NARROW(again, 10000);
	unsigned char out[10000];
	z_stream z = {.next_out = out, .avail_out = sizeof out};
	struct error e;

	assert_ok(TRY(.format = EXPORT_SQL, .sink = &text.sink));
	assert_ok(TRY(.format = EXPORT_SQL_GZ, .sink = &packed.sink));
	assert_int_equal(done.bytes, packed.got.len);
	assert_ok(TRY(.format = EXPORT_SQL_GZ, .sink = &again.sink));
	assert_int_equal(again.got.len, packed.got.len);
	assert_memory_equal(again.got.p, packed.got.p, packed.got.len);
	z.next_in = packed.got.p;
	z.avail_in = (uInt)packed.got.len;
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.avail_in, 0);
	assert_int_equal(z.total_out, text.got.len);
	assert_memory_equal(out, text.got.p, text.got.len);
	inflateEnd(&z);
}

static void only_the_chosen_table_is_written(void **state)
{
	NARROW(sink, 10000);
	struct error e;

	assert_ok(TRY(.format = EXPORT_SQL, .table = "u", .sink = &sink.sink));
	assert_null(strstr(buf_text(&sink.got), "INSERT"));
	assert_non_null(strstr(buf_text(&sink.got), "CREATE TABLE u(z)"));
	assert_int_equal(done.bytes, sink.got.len);
}

static void csv_is_a_zip_with_a_file_a_table(void **state)
{
	struct error e;

	assert_ok(TRY(.format = EXPORT_CSV, .output = "out/x.zip"));
	assert_string_equal(content_of("out/x.zip"), "t.csv=x,y\r\n1,one\r\n2,\r\n|u.csv=z\r\n");
}

static void a_folder_becomes_each_kind_of_archive(void **state)
{
	static const struct {
		enum export_format format;
		const char *name;
	} cases[] = {{EXPORT_TAR_GZ, "out/x.tar.gz"}, {EXPORT_TAR_ZST, "out/x.tar.zst"}, {EXPORT_ZIP, "out/x.zip"}};
	struct error e;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_ok(TRY(.format = cases[i].format, .output = cases[i].name));
		assert_string_equal(content_of(cases[i].name), "a.txt=text|b/c.txt=more");
	}
}

static void one_file_is_its_bytes_and_one_folder_is_packed(void **state)
{
	struct error e;

	assert_ok(TRY(.format = EXPORT_ARCHIVE, .path = "media/b/c.txt", .output = "out/c.txt"));
	assert_holds("out/c.txt", "more");
	assert_ok(TRY(.format = EXPORT_ZIP, .path = "media/b", .output = "out/b.zip"));
	assert_string_equal(content_of("out/b.zip"), "c.txt=more");
}

static void excel_tells_what_it_could_not_hold(void **state)
{
	CLEANUP(backup_release) struct backup large = {0};
	NARROW(sink, 1 << 20);
	struct error e;

	assert_ok(TRY(.format = EXPORT_XLSX, .output = "out/x.xlsx"));
	assert_int_equal(done.notes.n, 0);
	assert_int_equal(mode_of("out/x.xlsx"), 0600);
	put_db("large.db", "CREATE TABLE t(x); INSERT INTO t VALUES (printf('%.40000c', 'x'))");
	find(&r, back_up(&r, SOURCES("large.db")), &large);
	assert_ok(try_choice(&large, &(struct choice){.format = EXPORT_XLSX, .sink = &sink.sink}, &e));
	assert_int_equal(done.notes.n, 1);
	assert_string_equal(done.notes.v[0],
			    "1 value was cut or changed at Excel's limits; the sheet Notes says which");
	assert_int_equal(done.bytes, sink.got.len);
	assert_memory_equal(sink.got.p, "PK", 2);
	assert_names("tmp", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_REPOSITORY(formats_that_are_not_known_are_told),
		IN_REPOSITORY(a_source_that_does_not_fit_is_told),
		IN_REPOSITORY(a_path_that_is_not_there_or_does_not_fit_is_told),
		IN_REPOSITORY(of_several_sources_one_must_be_named),
		IN_REPOSITORY(what_is_there_is_not_replaced_unasked),
		IN_REPOSITORY(what_is_no_plain_file_is_never_replaced),
		IN_REPOSITORY(a_file_that_fails_half_way_leaves_nothing),
		IN_REPOSITORY(a_damaged_backup_leaves_no_file),
		IN_REPOSITORY(a_sink_that_fails_is_an_error_in_every_format),
		IN_REPOSITORY(an_archive_is_the_stored_database_byte_for_byte),
		IN_REPOSITORY(sql_loads_into_an_equal_database),
		IN_REPOSITORY(packed_sql_is_the_same_text_each_time),
		IN_REPOSITORY(only_the_chosen_table_is_written),
		IN_REPOSITORY(csv_is_a_zip_with_a_file_a_table),
		IN_REPOSITORY(a_folder_becomes_each_kind_of_archive),
		IN_REPOSITORY(one_file_is_its_bytes_and_one_folder_is_packed),
		IN_REPOSITORY(excel_tells_what_it_could_not_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
