#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/keyvalue.h"
#include "base/mem.h"

#include <string.h>

/* "A=[1] B=[two words]", or what is wrong. Heap. */
static char *read_n(const char *text, size_t n)
{
	CLEANUP(strlist_release) struct strlist names = {0}, values = {0}, out = {0};
	struct error e;
	/* A copy that ends where the text ends, so that a step beyond is seen. */
	AUTO_FREE char *exact = mem_copy(text, n);
	if (keyvalue_parse(exact, n, &names, &values, &e))
		return mem_string(e.text);
	assert_int_equal(names.n, values.n);
	for (size_t i = 0; i < names.n; i++)
		strlist_addf(&out, "%s=[%s]", names.v[i], values.v[i]);
	return strlist_join(&out, " ");
}

static void assert_reads(const char *text, const char *wanted)
{
	AUTO_FREE char *got = read_n(text, strlen(text));
	assert_string_equal(got, wanted);
}

static void what_is_no_assignment_is_told_with_its_line(void **state)
{
	assert_reads("A=1\n\nnonsense\n", "line 3 is no NAME=VALUE");
	assert_reads("A=1\nexport B=2", "line 2 is no NAME=VALUE");
	assert_reads("=1", "line 1 is no NAME=VALUE");
	assert_reads("1A=1", "line 1 is no NAME=VALUE");
	assert_reads("A-B=1", "line 1 is no NAME=VALUE");
	assert_reads("A", "line 1 is no NAME=VALUE");
	assert_reads("A=1\\\n\nB", "line 3 is no NAME=VALUE");
}

static void a_quote_that_is_not_closed_is_told_with_its_line(void **state)
{
	assert_reads("A=1\nB=\"x\nC=3\n", "line 2: a quote is not closed");
	assert_reads("A='", "line 1: a quote is not closed");
	assert_reads("A=\"x\\\"", "line 1: a quote is not closed");
	assert_reads("A=\"\\", "line 1: a quote is not closed");
}

static void a_zero_byte_is_told(void **state)
{
	AUTO_FREE char *got = read_n("A=1\0B=2", 7);
	assert_string_equal(got, "it holds a zero byte, and is no text");
}

static void comments_and_empty_lines_are_passed_over(void **state)
{
	assert_reads("", "");
	assert_reads("\n\n  \n", "");
	assert_reads("# A=1\n  ; B=2\nC=3\n", "C=[3]");
	assert_reads("# goes on \\\nB=2\nC=3", "C=[3]");
	assert_reads("#", "");
	assert_reads("#\\", "");
}

static void plain_values_lose_white_space_at_both_ends(void **state)
{
	assert_reads("A=1", "A=[1]");
	assert_reads("A=\nB=", "A=[] B=[]");
	assert_reads("  A  =  two  words \t\r\nB=2\r\n", "A=[two  words] B=[2]");
	assert_reads("A=x=y # no comment", "A=[x=y # no comment]");
	assert_reads("A=it's \"so\"", "A=[it's \"so\"]");
}

static void a_backslash_takes_the_meaning_away_or_joins_lines(void **state)
{
	assert_reads("A=\\n\\\\\\ ", "A=[n\\ ]");
	assert_reads("A=one \\\ntwo\nB=3", "A=[one two] B=[3]");
	assert_reads("A=end\\", "A=[end\\]");
	assert_reads("A=\\\n", "A=[]");
}

static void quotes_keep_what_is_in_them(void **state)
{
	assert_reads("A='  a \\n \"b\" '", "A=[  a \\n \"b\" ]");
	assert_reads("A=\"  \\\" \\\\ \\$ \\` \\n 'c' \"", "A=[  \" \\ $ ` \\n 'c' ]");
	assert_reads("A=\"one\ntwo\\\nthree\"\nB=2", "A=[one\ntwothree] B=[2]");
	assert_reads("A='a'\"b\" 'c'", "A=[abc]");
	assert_reads("A='a' plain ", "A=[aplain]");
}

static void equal_names_all_come_in_their_order(void **state)
{
	assert_reads("A=1\nA=2", "A=[1] A=[2]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_assignment_is_told_with_its_line),
		cmocka_unit_test(a_quote_that_is_not_closed_is_told_with_its_line),
		cmocka_unit_test(a_zero_byte_is_told),
		cmocka_unit_test(comments_and_empty_lines_are_passed_over),
		cmocka_unit_test(plain_values_lose_white_space_at_both_ends),
		cmocka_unit_test(a_backslash_takes_the_meaning_away_or_joins_lines),
		cmocka_unit_test(quotes_keep_what_is_in_them),
		cmocka_unit_test(equal_names_all_come_in_their_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
