#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/template.h"

#include <stdlib.h>
#include <string.h>

static const struct template_value values[] = {{"title", "The \"shop\"\nfailed"}, {"text", "<b> {{title}} \\"}, {"source", NULL}, {0}};

static void assert_fails(const char *text, enum err_kind kind, const char *expected)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT;
	struct error e = {0};

	assert_int_equal(template_fill(text, values, &out, &e), -(int)kind);
	assert_string_equal(e.text, expected);
}

static void assert_filled(const char *text, const char *expected)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT;
	struct error e = {0};

	if (template_fill(text, values, &out, &e))
		fail_msg("%s", e.text);
	assert_string_equal(buf_text(&out), expected);
}

static void what_is_not_known_is_named(void **state)
{
	assert_fails("a {{ttile}}", ERR_USAGE, "{{ttile}} is not known; there are {{title}}, {{text}}, {{source}}");
	assert_fails("{{}}", ERR_USAGE, "{{}} is not known; there are {{title}}, {{text}}, {{source}}");
	assert_fails("{{ti tle}}", ERR_USAGE, "{{ti tle}} is not known; there are {{title}}, {{text}}, {{source}}");
	assert_fails("{{title}", ERR_USAGE, "a {{ is not closed by }}");
	assert_fails("{{{title}}}", ERR_USAGE, "{{{title}} is not known; there are {{title}}, {{text}}, {{source}}");
	assert_fails("{{0123456789012345678901234567890123456789xyz}}", ERR_USAGE,
		     "{{0123456789012345678901234567890123456789}} is not known; there are {{title}}, {{text}}, {{source}}");
}

static void a_template_has_limits(void **state)
{
	AUTO_FREE char *long_one = mem_alloc(TEMPLATE_MAX + 2);
	CLEANUP(buf_release) struct buf many = BUF_INIT;

	memset(long_one, 'x', TEMPLATE_MAX + 1);
	long_one[TEMPLATE_MAX + 1] = '\0';
	assert_fails(long_one, ERR_LIMIT, "a template has at most 65536 bytes");
	for (int i = 0; i <= TEMPLATE_PLACES; i++)
		buf_add_str(&many, "{{text}}");
	assert_fails(buf_text(&many), ERR_LIMIT, "a template has at most 200 places to fill in");
}

static void values_are_put_in_as_they_are_and_not_looked_at_again(void **state)
{
	assert_filled("", "");
	assert_filled("no place }} here {", "no place }} here {");
	assert_filled("{{title}}: {{ text }}{{source}}.", "The \"shop\"\nfailed: <b> {{title}} \\.");
}

static void in_json_they_are_escaped(void **state)
{
	assert_true(template_is_json(" {\"a\": 1}"));
	assert_true(template_is_json("[1]"));
	assert_false(template_is_json("{{title}}"));
	assert_false(template_is_json("x{"));
	assert_filled(" {\"a\": \"{{title}}\", \"b\": \"{{text}}\", \"c\": \"{{source}}\"}",
		      " {\"a\": \"The \\\"shop\\\"\\nfailed\", \"b\": \"\\u003cb\\u003e {{title}} \\\\\", \"c\": \"\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_known_is_named),
		cmocka_unit_test(a_template_has_limits),
		cmocka_unit_test(values_are_put_in_as_they_are_and_not_looked_at_again),
		cmocka_unit_test(in_json_they_are_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
