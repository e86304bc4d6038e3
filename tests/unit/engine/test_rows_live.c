/* Rows of live servers. tests/engine/test_rows_live.py starts them and says where they are; without it nothing is run.
 * Each has t(id integer, the key; n, a decimal number; b, bytes; s, text) with the rows 1 to 1000. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "engine/my.h"
#include "engine/pg.h"

#include <stdlib.h>
#include <string.h>

struct fixture {
	const struct engine *engine;
	struct source_url url;
	struct rows_db *db;
	struct error e;
};

static const char *place(const struct engine *engine)
{
	return getenv(engine == &engine_mysql ? "ROWS_LIVE_MYSQL" : "ROWS_LIVE_POSTGRESQL");
}

static int open_engine(void **state, const struct engine *engine)
{
	struct fixture *f = mem_zero(sizeof *f);

	f->engine = engine;
	*state = f;
	if (!place(engine))
		return 0;
	if (source_url_parse(place(engine), true, NULL, &f->url, &f->e) || engine->rows_live(&f->url, &f->db, &f->e))
		fail_msg("%s", f->e.text);
	return 0;
}

static int open_postgresql(void **state)
{
	return open_engine(state, &engine_postgresql);
}

static int open_mysql(void **state)
{
	return open_engine(state, &engine_mysql);
}

static int close_engine(void **state)
{
	struct fixture *f = *state;

	rows_close(f->db);
	source_url_release(&f->url);
	free(f);
	return 0;
}

static const struct rows_table *table(struct fixture *f, const char *name)
{
	const struct rows_table *t;

	if (!f->db)
		skip();
	if (rows_find_table(f->db, name, &t, &f->e))
		fail_msg("%s", f->e.text);
	return t;
}

static void execute(struct fixture *f, const char *sql)
{
	if (f->engine == &engine_mysql) {
		CLEANUP(my_place_release) struct my_place p = {0};
		CLEANUP(my_disconnect) MYSQL *c = NULL;

		if (my_place_of(&f->url, &p, &f->e) || my_connect(&p, NULL, &c, &f->e) ||
		    my_exec(c, &f->e, mem_string(sql)))
			fail_msg("%s", f->e.text);
		return;
	}
	CLEANUP(pg_place_release) struct pg_place p = {0};
	CLEANUP(pg_disconnect) PGconn *c = NULL;

	if (pg_place_of(&f->url, &p, &f->e) || pg_connect(&p, NULL, &c, &f->e) || pg_exec(c, &f->e, mem_string(sql)))
		fail_msg("%s", f->e.text);
}

static struct rows_cursor *scan(struct fixture *f, const struct rows_table *t, enum rows_order order)
{
	struct rows_cursor *c;

	if (f->db->scan(f->db, t, order, &c, &f->e))
		fail_msg("%s", f->e.text);
	return c;
}

/* The sum of all ids from here on. */
static int64_t sum(struct fixture *f, struct rows_cursor *c, int most)
{
	const struct value *v;
	int64_t all = 0;
	int rc = 1;

	for (int i = 0; i < most && (rc = c->next(c, &v, &f->e)) == 1; i++) {
		assert_int_equal(v[0].type, VALUE_INT);
		all += v[0].i;
	}
	if (rc < 0)
		fail_msg("%s", f->e.text);
	return all;
}

static void cursors_stay_open_beside_each_other_in_one_state_of_the_database(void **state)
{
	struct fixture *f = *state;
	const struct rows_table *t = table(f, "t");
	struct rows_cursor *a = scan(f, t, ROWS_STORED), *b, *c;
	int64_t from_a = sum(f, a, 400), from_b;
	uint64_t n = 0;

	execute(f, f->engine == &engine_mysql ? "DELETE FROM t WHERE id > 500" :
		"DELETE FROM public.t WHERE id > 500");
	b = scan(f, t, ROWS_STORED);
	from_b = sum(f, b, 10);
	assert_int_equal(f->db->count(f->db, t, &n, &f->e), 0);
	assert_int_equal(n, 1000);
	from_a += sum(f, a, 100);
	c = scan(f, t, ROWS_BY_KEY);
	assert_int_equal(from_b + sum(f, b, 2000), 500500);
	assert_int_equal(from_a + sum(f, a, 2000), 500500);
	for (int64_t i = 1; i <= 1000; i++)
		assert_int_equal(sum(f, c, 1), i);
	rows_cursor_close(a);
	rows_cursor_close(b);
	rows_cursor_close(c);
	execute(f, f->engine == &engine_mysql ? "INSERT INTO t SELECT seq, 0.50, '', '' FROM seq_501_to_1000" :
		"INSERT INTO public.t SELECT i, 0.50, '', '' FROM generate_series(501, 1000) i");
}

static void a_cursor_given_up_in_the_midst_leaves_the_rest_usable(void **state)
{
	struct fixture *f = *state;
	const struct rows_table *t = table(f, "t");
	uint64_t n;

	for (int i = 0; i < 3; i++) {
		struct rows_cursor *a = scan(f, t, ROWS_STORED);

		assert_true(sum(f, a, 5) > 0);
		rows_cursor_close(a);
		assert_int_equal(f->db->count(f->db, t, &n, &f->e), 0);
		assert_int_equal(n, 1000);
	}
}

static void rows_that_nobody_wants_any_more_are_not_sent(void **state)
{
	struct fixture *f = *state;
	const struct value *v;
	struct rows_cursor *c;

	table(f, "t");
	assert_int_equal(f->db->query(f->db, "SELECT seq FROM seq_1_to_200000000", &c, &f->e), 0);
	assert_int_equal(sum(f, c, 5), 15);
	rows_cursor_close(c);
	assert_int_equal(f->db->query(f->db, "SHOW SESSION STATUS LIKE 'Rows_sent'", &c, &f->e), 0);
	assert_int_equal(c->next(c, &v, &f->e), 1);
	AUTO_FREE char *sent = mem_string_n(v[1].p, v[1].n);
	assert_in_range(strtoull(sent, NULL, 10), 5, 100000000);
	rows_cursor_close(c);
}

static void B7_rows_laid_aside_in_part_are_not_taken_for_all(void **state)
{
	struct fixture *f = *state;
	const struct value *v;
	struct rows_cursor *a, *c;
	uint64_t n;
	int rc;

	const struct rows_table *t = table(f, "t");
	assert_int_equal(f->db->query(f->db, "SELECT CONNECTION_ID()", &c, &f->e), 0);
	assert_int_equal(c->next(c, &v, &f->e), 1);
	AUTO_FREE char *kill = mem_printf("KILL %lld", (long long)v[0].i);
	rows_cursor_close(c);
	assert_int_equal(f->db->query(f->db, "SELECT seq, REPEAT('x', 20000) FROM seq_1_to_5000", &a, &f->e), 0);
	int64_t all = sum(f, a, 5);
	execute(f, kill);
	assert_int_not_equal(f->db->count(f->db, t, &n, &f->e), 0);
	while ((rc = a->next(a, &v, &f->e)) == 1)
		all += v[0].i;
	assert_true(all < 5000 * 5001 / 2);
	assert_int_equal(rc, -ERR_IO);
	assert_string_equal(f->e.text, "the rest of the rows could not be laid aside");
	rows_cursor_close(a);
}

static void the_server_itself_answers_queries(void **state)
{
	struct fixture *f = *state;
	const struct value *v;
	struct rows_cursor *c;

	table(f, "t");
	if (f->db->query(f->db, "SELECT id, n, b, s, NULL AS x FROM t WHERE id <= 600 ORDER BY id -- all", &c, &f->e))
		fail_msg("%s", f->e.text);
	assert_int_equal(c->column_count, 5);
	assert_string_equal(c->columns[1].name, "n");
	assert_true(c->columns[1].number && !c->columns[3].number);
	for (int i = 1; i <= 600; i++) {
		assert_int_equal(c->next(c, &v, &f->e), 1);
		assert_int_equal(v[0].i, i);
	}
	assert_int_equal(c->next(c, &v, &f->e), 0);
	rows_cursor_close(c);
	assert_int_equal(f->db->query(f->db, "SELECT id, n, b, s, NULL AS x FROM t WHERE id = 7", &c, &f->e), 0);
	assert_int_equal(c->next(c, &v, &f->e), 1);
	assert_int_equal(v[1].type, VALUE_TEXT);
	assert_memory_equal(v[1].p, "3.50", 4);
	assert_int_equal(v[2].type, VALUE_BLOB);
	assert_int_equal(v[2].n, 2);
	assert_memory_equal(v[2].p, "\0\xff", 2);
	assert_int_equal(v[3].type, VALUE_TEXT);
	assert_memory_equal(v[3].p, "s7", 2);
	assert_int_equal(v[4].type, VALUE_NULL);
	rows_cursor_close(c);
}

static void refuse(struct fixture *f, const char *sql)
{
	struct rows_cursor *c = NULL;
	const struct value *v;
	int rc = f->db->query(f->db, sql, &c, &f->e);

	if (!rc)
		rc = c->next(c, &v, &f->e);
	rows_cursor_close(c);
	if (rc != -ERR_USAGE)
		fail_msg("%s: %d %s", sql, rc, rc < 0 ? f->e.text : "");
	assert_true(f->e.text[0]);
}

static void statements_that_would_write_are_refused(void **state)
{
	struct fixture *f = *state;
	static const char *const bad[] = {"DELETE FROM t", "INSERT INTO t(id) VALUES (5000)", "DROP TABLE t", "COMMIT",
		"SELECT 1; DELETE FROM t", "CREATE TABLE x(a int)", "SELEC 1", "SELECT * FROM absent", "SELECT nothing FROM t", ""};
	static const char *const bad_postgresql[] = {"COPY t TO PROGRAM 'true'", "COPY t TO '/tmp/backstay-x'",
		"WITH x AS (DELETE FROM t RETURNING id) SELECT * FROM x", "SELECT nextval('numbers')"};
	static const char *const bad_mysql[] = {"SELECT 1 INTO OUTFILE '/tmp/backstay-x'", "SET GLOBAL x = 1", "(SELECT 1) INTO DUMPFILE 'x'",
		"SELECT 1 INTO @x", "/*!50000 DELETE FROM t */"};
	uint64_t n;
	const struct rows_table *t = table(f, "t");

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		refuse(f, bad[i]);
	for (size_t i = 0; f->engine == &engine_postgresql && i < ARRAY_LEN(bad_postgresql); i++)
		refuse(f, bad_postgresql[i]);
	for (size_t i = 0; f->engine == &engine_mysql && i < ARRAY_LEN(bad_mysql); i++)
		refuse(f, bad_mysql[i]);
	assert_int_equal(f->db->count(f->db, t, &n, &f->e), 0);
	assert_int_equal(n, 1000);
}

#define ON_EACH(name)                                                                                                  \
	{"postgresql_" #name, name, open_postgresql, close_engine, NULL},                                              \
	{                                                                                                              \
		"mysql_" #name, name, open_mysql, close_engine, NULL                                                   \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_EACH(cursors_stay_open_beside_each_other_in_one_state_of_the_database),
		ON_EACH(a_cursor_given_up_in_the_midst_leaves_the_rest_usable),
		ON_EACH(the_server_itself_answers_queries),
		ON_EACH(statements_that_would_write_are_refused),
		cmocka_unit_test_setup_teardown(rows_that_nobody_wants_any_more_are_not_sent, open_mysql, close_engine),
		cmocka_unit_test_setup_teardown(B7_rows_laid_aside_in_part_are_not_taken_for_all, open_mysql, close_engine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
