/* Children that answer, and files that jobs make, with programs of the test's own in their place. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "asked.h"

#include "base/fs.h"
#include "base/path.h"
#include "catalog/audit.h"
#include "catalog/job.h"
#include "catalog/known.h"
#include "catalog/place.h"
#include "unit/catalog/support.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char *made_program(const struct support *s, const char *script)
{
	AUTO_FREE char *path = path_join(s->dir, "program");
	AUTO_FREE char *text = mem_printf("#!/bin/sh\n%s\n", script);
	struct error e = {0};

	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0700, &e), 0);
	return TAKE(path);
}

static int run(struct support *s, const char *script, double seconds, struct web_response *out, struct error *e)
{
	AUTO_FREE char *program = made_program(s, script);
	struct exchange_site site = {.state_dir = s->dir, .program = program};
	CLEANUP(exchange_drop) struct exchange *x = asked(&site, "/a", NULL, 0);
	CLEANUP(strlist_release) struct strlist words = {0};

	strlist_add(&words, "ls");
	strlist_add(&words, "two words");
	return web_run(&x->r, &words, seconds, out, e);
}

static void assert_fails(struct support *s, const char *script, double seconds, enum err_kind kind, int status, const char *text)
{
	struct web_response out = {0};
	struct error e = {0};

	assert_int_equal(run(s, script, seconds, &out, &e), -(int)kind);
	assert_int_equal(out.status, status);
	assert_string_equal(e.text, text);
	answer_release(&out);
}

static void an_error_that_the_child_tells_is_the_answer(void **state)
{
	struct support *s = *state;

	assert_fails(s, "echo '{\"error\": {\"kind\": \"not-found\", \"message\": \"there is no table x\", \"hint\": null}}'; exit 4", 10, ERR_NOT_FOUND, 0, "there is no table x");
	assert_fails(s, "echo '{\"error\": {\"kind\": \"of another version\", \"message\": \"odd\"}}'; exit 1", 10, ERR_CHILD, 0, "odd");
}

static void what_a_child_says_to_type_is_left_out(void **state)
{
	struct web_response out = {0};
	struct error e = {0};

	run(*state, "echo '{\"error\": {\"kind\": \"usage\", \"message\": \"two databases\", \"hint\": \"name one with --source\", \"plain_hint\": \"name one\"}}'; exit 2", 10, &out, &e);
	assert_string_equal(e.hint, "name one");
	answer_release(&out);
	run(*state, "echo '{\"error\": {\"kind\": \"usage\", \"message\": \"two databases\", \"hint\": \"name one\"}}'; exit 2", 10, &out, &e);
	assert_string_equal(e.hint, "name one");
	answer_release(&out);
}

static void the_password_of_a_repository_is_not_that_of_who_asks(void **state)
{
	assert_fails(*state, "echo '{\"error\": {\"kind\": \"password\", \"message\": \"no key opens\"}}'; exit 12", 10, ERR_PASSWORD, 409, "no key opens");
}

static void a_child_that_says_nothing_sensible_is_told_by_what_it_said_aside(void **state)
{
	struct support *s = *state;
	AUTO_FREE char *failed = mem_printf("%s/program failed with status 3: the disk is full", s->dir);
	AUTO_FREE char *ended = mem_printf("%s/program was ended by signal 9 (Killed)", s->dir);

	assert_fails(s, "echo '{\"rows\": ['; echo 'the disk is full' >&2; exit 3", 10, ERR_CHILD, 0, failed);
	assert_fails(s, "kill -9 $$", 10, ERR_CHILD, 0, ended);
}

static void a_child_that_takes_too_long_is_ended(void **state)
{
	double begun = time_monotonic();

	assert_fails(*state, "sleep 60", 0.3, ERR_TEMPORARY, 0, "it was not done after 1 seconds, and was stopped");
	assert_true(time_monotonic() - begun < 20);
}

static void an_answer_beyond_64_mebibytes_is_not_taken(void **state)
{
	assert_fails(*state, "head -c 70000000 /dev/zero", 60, ERR_LIMIT, 0, "the answer is larger than 64 MiB");
}

static void nobody_is_waited_for_when_the_server_ends(void **state)
{
	struct support *s = *state;
	AUTO_FREE char *program = made_program(s, "sleep 60");
	struct exchange_site site = {.state_dir = s->dir, .program = program, .stopping = true};
	CLEANUP(exchange_drop) struct exchange *x = asked(&site, "/a", NULL, 0);
	struct strlist none = {0};
	struct error e = {0};

	assert_int_equal(web_run(&x->r, &none, 60, &x->out, &e), -ERR_CANCELLED);
}

static void what_the_child_prints_is_the_answer(void **state)
{
	struct support *s = *state;
	struct web_response out = {0};
	AUTO_FREE char *wanted = mem_printf("{\"arguments\": \"--json,--wait,10s,ls,two words\", \"home\": \"%s\"}\n", s->dir);

	assert_int_equal(run(s, "printf '{\"arguments\": \"%s,%s,%s,%s,%s\", \"home\": \"%s\"}\\n' \"$1\" \"$2\" \"$3\" \"$4\" \"$5\" \"$BACKSTAY_HOME\"", 10, &out, &s->e), 0);
	assert_string_equal(buf_text(&out.body), wanted);
	answer_release(&out);
}

static void a_result_in_spite_of_an_error_is_an_answer(void **state)
{
	struct web_response out = {0};
	struct support *s = *state;

	assert_int_equal(run(s, "echo '{\"damaged\": 3}'; exit 5", 10, &out, &s->e), 0);
	assert_string_equal(buf_text(&out.body), "{\"damaged\": 3}\n");
	answer_release(&out);
}

/* ---- jobs ---- */

static int woken;

static void wake(void *ctx)
{
	woken++;
}

static void a_job_is_queued_in_the_name_of_who_asks_and_written_down(void **state)
{
	struct support *s = *state;
	struct exchange_site site = {.state_dir = s->dir, .wake = wake};
	CLEANUP(exchange_drop) struct exchange *x = asked(&site, "/a", NULL, 0);
	CLEANUP(job_record_release) struct job_record j = {.kind = mem_string("prune"), .title = mem_string("prune main")}, kept = {0};
	CLEANUP(audit_list_release) struct audit_list trail = {0};

	woken = 0;
	x->r.catalog = s->c;
	x->r.who = mem_string("token ci of maria");
	x->r.address = mem_string("10.0.0.7");
	strlist_add(&j.words, "prune");
	assert_int_equal(web_queue(&x->r, &j, &x->out, &s->e), 0);
	AUTO_FREE char *where = mem_printf("/backup/api/jobs/%s/", j.id);

	assert_int_equal(x->out.status, 202);
	assert_header(&x->out, "Location", where);
	assert_int_equal(woken, 1);
	assert_int_equal(job_get(s->c, j.id, &kept, &s->e), 0);
	assert_string_equal(kept.author, "token ci of maria");
	assert_int_equal(audit_list_some(s->c, &(struct audit_filter){.action = "job-start"}, &(struct catalog_page){0}, &trail, NULL, &s->e), 0);
	assert_int_equal(trail.n, 1);
	assert_string_equal(trail.v[0].address, "10.0.0.7");
	assert_string_equal(trail.v[0].details, "prune main");
}

/* ---- downloads: nobody runs the jobs here, and the server is about to end, so that nobody is waited for ---- */

#define BACKUP "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define PINNED "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

static void put_backup(struct support *s, const char *id, const char *original)
{
	struct place_record p = {0};
	struct known_backup b = {.name = mem_string("shop"), .host = mem_string("here"), .original = original ? mem_string(original) : NULL, .time = {.tv_sec = 1}};

	if (place_find(s->c, "main", &p, &s->e)) {
		p = (struct place_record){.name = mem_string("main"), .location = path_join(s->dir, "repository")};
		assert_int_equal(place_add(s->c, &p, &s->e), 0);
	}
	memcpy(b.id, id, sizeof b.id);
	b.place = p.id;
	assert_int_equal(known_put(s->c, &b, &s->e), 0);
	known_backup_release(&b);
	place_record_release(&p);
}

static struct exchange *fetch(struct support *s, struct exchange_site *site, const char *id, const char *format, const struct strlist *tables)
{
	struct exchange *x = asked(site, "/a", NULL, 0);

	x->r.catalog = s->c;
	x->r.who = mem_string("maria");
	if (web_download(&x->r, id, &(struct web_export){.format = format, .tables = tables}, &x->out, &s->e))
		fail_msg("%s", s->e.text);
	return x;
}

/* The only job that waits; its output file. Heap. */
static char *output_of_job(struct support *s, char id[JOB_ID_LEN + 1])
{
	CLEANUP(job_list_release) struct job_list l = {0};
	CLEANUP(job_record_release) struct job_record j = {0};
	struct job_filter f = {0};

	strlist_add(&f.states, "queued");
	assert_int_equal(job_list_some(s->c, &f, &(struct catalog_page){0}, &l, NULL, &s->e), 0);
	strlist_release(&f.states);
	assert_int_equal(l.n, 1);
	assert_int_equal(job_get(s->c, l.v[0].id, &j, &s->e), 0);
	memcpy(id, j.id, JOB_ID_LEN + 1);
	for (size_t i = 0; i < j.words.n; i++)
		if (!strncmp(j.words.v[i], "--output=", 9))
			return mem_string(j.words.v[i] + 9);
	fail_msg("the job writes no file");
	return NULL;
}

static void end_job(struct support *s, const char *id, enum job_state how)
{
	CLEANUP(job_record_release) struct job_record j = {0};

	assert_int_equal(job_get(s->c, id, &j, &s->e), 0);
	assert_int_equal(job_start(s->c, &j, 1, &s->e), 0);
	j.state = how;
	assert_int_equal(job_end(s->c, &j, &s->e), 0);
}

static void a_download_is_made_once_kept_for_an_hour_and_then_made_again(void **state)
{
	struct support *s = *state;
	struct exchange_site site = {.state_dir = s->dir, .stopping = true};
	char id[JOB_ID_LEN + 1], again_id[JOB_ID_LEN + 1];

	put_backup(s, BACKUP, NULL);
	CLEANUP(exchange_drop) struct exchange *first = fetch(s, &site, BACKUP, "sql", NULL), *second = fetch(s, &site, "01234567", "sql", NULL);
	AUTO_FREE char *path = output_of_job(s, id);

	assert_int_equal(first->out.status, 202);
	assert_int_equal(second->out.status, 202);
	assert_header(&first->out, "Retry-After", "2");
	end_job(s, id, JOB_SUCCESS);
	assert_int_equal(fs_write_atomic(path, "content", 7, 0600, &s->e), 0);
	/* A pin has changed its id meanwhile; the content is the same. */
	put_backup(s, PINNED, BACKUP);
	CLEANUP(exchange_drop) struct exchange *ready = fetch(s, &site, PINNED, "sql", NULL);

	assert_string_equal(ready->out.file, path);
	const struct timespec old[2] = {{.tv_sec = time_now().tv_sec - 3700}, {.tv_sec = time_now().tv_sec - 3700}};

	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	CLEANUP(exchange_drop) struct exchange *late = fetch(s, &site, PINNED, "sql", NULL);
	AUTO_FREE char *again = output_of_job(s, again_id);

	assert_int_equal(late->out.status, 202);
	assert_string_equal(again, path);
	assert_string_not_equal(again_id, id);
}

static void other_tables_are_another_file(void **state)
{
	struct support *s = *state;
	struct exchange_site site = {.state_dir = s->dir, .stopping = true};
	CLEANUP(strlist_release) struct strlist tables = {0};
	char id[JOB_ID_LEN + 1];

	put_backup(s, BACKUP, NULL);
	exchange_free(fetch(s, &site, BACKUP, "csv", NULL));
	AUTO_FREE char *all = output_of_job(s, id);

	end_job(s, id, JOB_SUCCESS);
	strlist_add(&tables, "orders");
	exchange_free(fetch(s, &site, BACKUP, "csv", &tables));
	AUTO_FREE char *some = output_of_job(s, id);

	assert_string_not_equal(all, some);
}

static void a_backup_that_nobody_knows_is_not_downloaded(void **state)
{
	struct support *s = *state;
	struct exchange_site site = {.state_dir = s->dir, .stopping = true};
	CLEANUP(exchange_drop) struct exchange *x = asked(&site, "/a", NULL, 0);

	x->r.catalog = s->c;
	assert_int_equal(web_download(&x->r, BACKUP, &(struct web_export){.format = "sql"}, &x->out, &s->e), -ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CATALOG_TEST(an_error_that_the_child_tells_is_the_answer),
		CATALOG_TEST(what_a_child_says_to_type_is_left_out),
		CATALOG_TEST(the_password_of_a_repository_is_not_that_of_who_asks),
		CATALOG_TEST(a_child_that_says_nothing_sensible_is_told_by_what_it_said_aside),
		CATALOG_TEST(a_child_that_takes_too_long_is_ended),
		CATALOG_TEST(an_answer_beyond_64_mebibytes_is_not_taken),
		CATALOG_TEST(nobody_is_waited_for_when_the_server_ends),
		CATALOG_TEST(what_the_child_prints_is_the_answer),
		CATALOG_TEST(a_result_in_spite_of_an_error_is_an_answer),
		CATALOG_TEST(a_job_is_queued_in_the_name_of_who_asks_and_written_down),
		CATALOG_TEST(a_download_is_made_once_kept_for_an_hour_and_then_made_again),
		CATALOG_TEST(other_tables_are_another_file),
		CATALOG_TEST(a_backup_that_nobody_knows_is_not_downloaded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
