/* fault.c must be right, or the tests above it prove nothing. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "helper.h"

#include <sys/wait.h>
#include <unistd.h>

static const char *const made_to = "made to fail by a test";

/* A repository with one pack "0123456789", failing as `text` says. */
static struct store *failing(const char *text)
{
	struct error e = {0};
	struct fault_plan plan;
	struct store *mem = mem_store_new();
	struct store_file f = file_named(STORE_DATA, 1);
	assert_ok(fault_plan_parse(text, &plan, &e));
	assert_ok(store_create(mem, &e));
	assert_ok(put_text(mem, &f, "0123456789", &e));
	return fault_new(mem, &plan);
}

static int get_ten(struct store *s, char out[10], struct error *e)
{
	struct store_file f = file_named(STORE_DATA, 1);
	return store_get(s, &f, 0, out, 10, e);
}

/* ---- plans from text ---- */

static void nonsense_is_no_plan(void **state)
{
	static const char *const bad[] = {
		"",        "kill",   "kill@",  "kill@0",   "kill@x", "kill@7x", "kill@7++", "kill@+7",  "kill@-1",
		"kill@ 7", "kil@7",  "@7",     "killer@7", "w:",     "w:@1",    "w",        "x:kill@1", "KILL@1",
		"kill@99999999999999999999999999",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct error e = {0};
		struct fault_plan plan = {.kind = FAULT_KILL, .at = 1};
		AUTO_FREE char *text = mem_printf("\"%s\" is no plan for a fault", bad[i]);
		assert_int_equal(fault_plan_parse(bad[i], &plan, &e), -ERR_USAGE);
		assert_string_equal(e.text, text);
		assert_string_equal(e.hint,
				    "write [w:]KIND@NUMBER[+], KIND being kill, kill-after, error, nospace, temporary, "
				    "short, lost, flip or empty-list");
		assert_int_equal(plan.kind, FAULT_NONE);
		assert_int_equal(plan.at, 0);
	}
}

static void every_plan_is_read_from_its_text(void **state)
{
	static const struct {
		const char *text;
		struct fault_plan plan;
	} good[] = {
		{"kill@7", {FAULT_KILL, 7}},
		{"kill-after@7", {FAULT_KILL_AFTER, 7}},
		{"error@7", {FAULT_ERROR, 7, .error = ERR_IO}},
		{"nospace@7+", {FAULT_ERROR, 7, .and_after = true, .error = ERR_NO_SPACE}},
		{"temporary@1", {FAULT_ERROR, 1, .error = ERR_TEMPORARY}},
		{"short@3", {FAULT_SHORT, 3, .error = ERR_IO}},
		{"lost@4", {FAULT_LOST_REPLY, 4, .error = ERR_IO}},
		{"flip@9", {FAULT_FLIP, 9}},
		{"empty-list@2", {FAULT_EMPTY_LIST, 2}},
		{"w:kill@3", {FAULT_KILL, 3, .writes_only = 1}},
		{"w:error@12+", {FAULT_ERROR, 12, .and_after = true, .writes_only = 1, .error = ERR_IO}},
	};
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct error e = {0};
		struct fault_plan plan;
		assert_ok(fault_plan_parse(good[i].text, &plan, &e));
		assert_int_equal(plan.kind, good[i].plan.kind);
		assert_int_equal(plan.at, good[i].plan.at);
		assert_int_equal(plan.and_after, good[i].plan.and_after);
		assert_int_equal(plan.writes_only, good[i].plan.writes_only);
		assert_int_equal(plan.error, good[i].plan.error);
	}
}

/* ---- which operation ---- */

/* One operation of each member; how many of them failed. */
static int all_members(struct store *s)
{
	struct error e = {0};
	char ten[10];
	uint64_t size;
	struct store_file one = file_named(STORE_DATA, 1), two = file_named(STORE_DATA, 2);
	CLEANUP(store_listing_release) struct store_listing l = {0};
	int failed = store_create(s, &e) != 0;
	failed += put_text(s, &two, "two", &e) != 0;
	failed += get_ten(s, ten, &e) != 0;
	failed += store_size(s, &one, &size, &e) != 0;
	failed += store_list(s, STORE_DATA, store_listing_add, &l, &e) != 0;
	failed += store_remove(s, &two, &e) != 0;
	return failed;
}

static void operations_of_all_members_are_counted(void **state)
{
	struct store *s = fault_new(mem_store_new(), &(struct fault_plan){.kind = FAULT_ERROR});
	struct error e = {0};
	assert_int_equal(fault_count(s), 0);
	assert_ok(store_create(s, &e));
	assert_int_equal(fault_count(s), 1);
	struct store_file f = file_named(STORE_DATA, 1);
	assert_ok(put_text(s, &f, "0123456789", &e));
	assert_int_equal(all_members(s), 0);
	assert_int_equal(fault_count(s), 8);
	store_tidy(s);
	assert_int_equal(fault_count(s), 8);
	store_free(s);
}

static void one_operation_fails_or_that_and_all_after(void **state)
{
	for (int at = 1; at <= 7; at++) {
		AUTO_FREE char *once = mem_printf("error@%d", at);
		AUTO_FREE char *on = mem_printf("error@%d+", at);
		struct store *s = failing(once);
		assert_int_equal(all_members(s), at <= 6);
		assert_int_equal(all_members(s), at > 6);
		store_free(s);
		s = failing(on);
		assert_int_equal(all_members(s), 7 - at);
		assert_int_equal(all_members(s), 6);
		store_free(s);
	}
}

static void only_writes_are_counted_when_asked(void **state)
{
	struct store_file two = file_named(STORE_DATA, 2);
	struct store *s = failing("w:error@1+");
	assert_int_equal(all_members(s), 3);
	assert_int_equal(fault_count(s), 3);
	store_free(s);
	s = failing("w:error@3");
	assert_int_equal(all_members(s), 1);
	assert_content(s, &two, "two");
	store_free(s);
}

/* ---- what happens to it ---- */

static void an_error_does_nothing_and_has_the_kind_asked_for(void **state)
{
	struct error e = {0};
	struct store_file two = file_named(STORE_DATA, 2), one = file_named(STORE_DATA, 1);
	CLEANUP(store_listing_release) struct store_listing l = {0};
	struct store *s = failing("nospace@1+");
	assert_fails(put_text(s, &two, "x", &e), ERR_NO_SPACE, text_of(&two, made_to));
	assert_fails(store_remove(s, &one, &e), ERR_NO_SPACE, text_of(&one, made_to));
	assert_fails(store_create(s, &e), ERR_NO_SPACE, "create: made to fail by a test");
	assert_fails(store_list(s, STORE_DATA, store_listing_add, &l, &e), ERR_NO_SPACE,
		     "pack: made to fail by a test");
	assert_int_equal(l.n, 0);
	store_free(s);
	s = failing("error@1");
	assert_fails(put_text(s, &two, "x", &e), ERR_IO, text_of(&two, made_to));
	assert_absent(s, &two);
	store_free(s);
}

static void a_lost_reply_is_done_and_said_to_have_failed(void **state)
{
	struct error e = {0};
	struct store_file two = file_named(STORE_DATA, 2), one = file_named(STORE_DATA, 1);
	struct store *s = failing("lost@1");
	assert_fails(put_text(s, &two, "done", &e), ERR_IO, text_of(&two, made_to));
	assert_content(s, &two, "done");
	store_free(s);
	s = failing("lost@1");
	assert_fails(store_remove(s, &one, &e), ERR_IO, text_of(&one, made_to));
	assert_absent(s, &one);
	store_free(s);
}

static void a_short_put_leaves_the_first_half(void **state)
{
	char abc[] = "abc", defgh[] = "defgh", ij[] = "ij";
	struct iovec v[] = {{abc, 3}, {defgh, 5}, {ij, 2}};
	struct error e = {0};
	struct store_file two = file_named(STORE_DATA, 2);
	struct store *s = failing("short@1");
	assert_fails(store_put(s, &two, v, 3, &e), ERR_IO, text_of(&two, made_to));
	assert_content(s, &two, "abcde");
	store_free(s);
	s = failing("short@1");
	assert_fails(store_put(s, &two, NULL, 0, &e), ERR_IO, text_of(&two, made_to));
	assert_content(s, &two, "");
	store_free(s);
}

static void a_short_get_is_cut_short(void **state)
{
	struct error e = {0};
	char ten[10];
	struct store_file one = file_named(STORE_DATA, 1);
	struct store *s = failing("short@1");
	assert_fails(get_ten(s, ten, &e), ERR_CORRUPT, text_of(&one, "is cut short: wanted bytes 0 to 10 of 5"));
	assert_ok(get_ten(s, ten, &e));
	store_free(s);
}

static void a_flip_changes_one_bit_of_an_answer(void **state)
{
	struct error e = {0};
	char ten[10];
	int bits = 0;
	struct store *s = failing("flip@1");
	assert_ok(get_ten(s, ten, &e));
	for (int i = 0; i < 10; i++)
		bits += __builtin_popcount((unsigned char)(ten[i] ^ ('0' + i)));
	assert_int_equal(bits, 1);
	assert_ok(get_ten(s, ten, &e));
	assert_memory_equal(ten, "0123456789", 10);
	store_free(s);
}

static void an_empty_list_is_said_to_be_complete(void **state)
{
	struct store *s = failing("empty-list@1");
	assert_int_equal(count_files(s, STORE_DATA), 0);
	assert_int_equal(count_files(s, STORE_DATA), 1);
	store_free(s);
}

static void operations_a_fault_does_not_concern_are_done_as_usual(void **state)
{
	static const char *const plans[] = {"short@1+", "flip@1+", "empty-list@1+"};
	struct error e = {0};
	struct store_file one = file_named(STORE_DATA, 1);
	uint64_t size;
	for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
		struct store *s = failing(plans[i]);
		assert_ok(store_create(s, &e));
		assert_ok(store_size(s, &one, &size, &e));
		assert_int_equal(size, 10);
		assert_ok(store_remove(s, &one, &e));
		assert_absent(s, &one);
		store_free(s);
	}
}

/* ---- being killed ---- */

/* In a child: put a pack into the local repository at `folder` under a plan; its exit status. */
static int status_of_put(const char *folder, const char *text)
{
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct error e = {0};
		struct fault_plan plan;
		struct store *s = NULL;
		struct store_file f = file_named(STORE_KEY, 1);
		if (fault_plan_parse(text, &plan, &e) || local_open(folder, &s, &e))
			_exit(1);
		s = fault_new(s, &plan);
		_exit(put_text(s, &f, "key", &e) ? 2 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void a_kill_comes_before_or_after_the_operation(void **state)
{
	struct error e = {0};
	char *folder = temp_folder();
	AUTO_FREE char *keys = path_join(folder, "keys");
	struct store *s = open_local(folder);
	struct store_file f = file_named(STORE_KEY, 1);
	assert_ok(fs_make_dirs(keys, 0700, &e));
	assert_int_equal(status_of_put(folder, "kill@1"), 137);
	assert_absent(s, &f);
	assert_int_equal(status_of_put(folder, "kill-after@1"), 137);
	assert_content(s, &f, "key");
	assert_int_equal(status_of_put(folder, "kill@2"), 0);
	store_free(s);
	remove_folder(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nonsense_is_no_plan),
		cmocka_unit_test(every_plan_is_read_from_its_text),
		cmocka_unit_test(operations_of_all_members_are_counted),
		cmocka_unit_test(one_operation_fails_or_that_and_all_after),
		cmocka_unit_test(only_writes_are_counted_when_asked),
		cmocka_unit_test(an_error_does_nothing_and_has_the_kind_asked_for),
		cmocka_unit_test(a_lost_reply_is_done_and_said_to_have_failed),
		cmocka_unit_test(a_short_put_leaves_the_first_half),
		cmocka_unit_test(a_short_get_is_cut_short),
		cmocka_unit_test(a_flip_changes_one_bit_of_an_answer),
		cmocka_unit_test(an_empty_list_is_said_to_be_complete),
		cmocka_unit_test(operations_a_fault_does_not_concern_are_done_as_usual),
		cmocka_unit_test(a_kill_comes_before_or_after_the_operation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
