#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/fs.h"
#include "base/mem.h"
#include "catalog/audit.h"
#include "catalog/job.h"
#include "catalog/known.h"
#include "catalog/notice.h"
#include "catalog/place.h"
#include "catalog/schedule.h"
#include "catalog/source.h"
#include "catalog/user.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct buf page;

static int read_page(void **state)
{
	struct error e;
	return fs_read_file("docs/catalog.md", 1 << 20, &page, &e);
}

static int drop_page(void **state)
{
	buf_release(&page);
	return 0;
}

/* The names in the first column of the table under "### <title>": "`id`, `short_id`" are two. */
static void names_of_page(const char *title, struct strlist *out)
{
	AUTO_FREE char *heading = mem_printf("\n### %s\n", title);
	const char *at = strstr(buf_text(&page), heading), *end;
	if (!at)
		fail_msg("docs/catalog.md has no \"### %s\"", title);
	at = at ? at + 1 : "";
	end = strstr(at, "\n#");
	for (at = strstr(at, "\n| `"); at && (!end || at < end); at = strstr(at + 1, "\n| `")) {
		const char *stop = strstr(at + 3, " |");
		for (const char *c = at; (c = memchr(c, '`', (size_t)(stop - c))); c++) {
			size_t n = strcspn(c + 1, "`");
			strlist_take(out, mem_string_n(c + 1, n));
			c += n + 1;
		}
	}
	strlist_sort(out);
}

/* "keep.days" for members of objects within; what is in lists is not looked at. */
static void names_of_object(struct json *j, const char *prefix, struct strlist *out)
{
	json_object_begin(j);
	while (json_member(j)) {
		AUTO_FREE char *name = mem_printf("%s%s", prefix, json_name(j));
		AUTO_FREE char *within = mem_printf("%s.", name);
		strlist_add(out, name);
		if (json_peek(j) == JSON_OBJECT)
			names_of_object(j, within, out);
		else
			json_skip(j);
	}
}

static void check(const char *title, const struct buf *text)
{
	CLEANUP(strlist_release) struct strlist of_page = {0}, of_json = {0};
	struct error e;
	struct json j;
	json_init(&j, text->p, text->len);
	names_of_object(&j, "", &of_json);
	assert_int_equal(json_finish(&j, &e), 0);
	strlist_sort(&of_json);
	names_of_page(title, &of_page);
	AUTO_FREE char *wanted = strlist_join(&of_json, "\n");
	AUTO_FREE char *found = strlist_join(&of_page, "\n");
	assert_string_equal(found, wanted);
}

#define CHECK(title, write, ...) \
	do { \
		CLEANUP(buf_release) struct buf b_ = BUF_INIT; \
		struct json_out w_; \
		jw_init(&w_, &b_); \
		write(&(__VA_ARGS__), &w_); \
		check(title, &b_); \
	} while (0)

static void the_page_names_every_member_of_every_record(void **state)
{
	char text[] = "x";
	CHECK("A source", source_json, (struct source_record){0});
	CHECK("A repository", place_json, (struct place_record){0});
	CHECK("A schedule", schedule_json, (struct schedule_record){0});
	CHECK("A notice", notice_json, (struct notice_record){0});
	CHECK("A message of a notice", delivery_json, (struct delivery_record){0});
	CHECK("A user", user_json, (struct user_record){0});
	CHECK("A session", session_json, (struct session_record){0});
	CHECK("A token", token_json, (struct token_record){0});
	CHECK("A job", job_json, (struct job_record){.state = JOB_RUNNING, .beat = {.tv_sec = 1}, .error = text});
	CHECK("A known backup", known_json, (struct known_backup){0});
	CHECK("An entry of the audit trail", audit_json, (struct audit_record){0});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_page_names_every_member_of_every_record),
	};
	return cmocka_run_group_tests(tests, read_page, drop_page);
}
