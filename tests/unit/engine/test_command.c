#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/engine/files_helper.h"

#include "base/thread.h"

#include <signal.h>

/* One backup of a command's output. */
struct output {
	const char *command;
	struct progress progress;
	struct test_tree *tree;
	struct manifest_source manifest;
	struct error e;
};

static int try_backup_of(struct output *o)
{
	AUTO_FREE char *rest = mem_string(o->command);
	struct source_url url = {.engine = &engine_command, .rest = rest};
	static const struct backup_options options;
	struct engine_backup b = {.url = &url, .name = "out", .sink = &o->tree->sink, .options = &options,
		.progress = &o->progress};
	o->manifest.name = mem_string("out");
	return engine_command.backup(&b, &o->manifest, &o->e);
}

static void output_release(struct output *o)
{
	test_tree_free(o->tree);
	manifest_source_release(&o->manifest);
}

static void assert_nothing_stored(const struct output *o)
{
	assert_int_equal(o->tree->root->count, 0);
	assert_int_equal(o->tree->files_begun, o->tree->files_aborted);
	assert_int_equal(o->manifest.artifact_count, 0);
}

static void B1_a_command_that_fails_is_no_backup(void **state)
{
	static const struct {
		const char *command, *text;
		enum err_kind kind;
	} cases[] = {
		{"sh -c 'echo data; echo it broke >&2; exit 3'", "sh failed with status 3: it broke", ERR_CHILD},
		{"sh -c 'echo data; kill -9 $$'", "sh was ended by signal 9 (Killed)", ERR_CHILD},
		{"sh -c 'head -c 3000000 /dev/zero; exit 1'", "sh failed with status 1", ERR_CHILD},
		{"true", "true printed nothing", ERR_CHILD},
		{"sh -c 'exit 0 >&2'", "sh printed nothing", ERR_CHILD},
		{"/nowhere/at-all x", "cannot start /nowhere/at-all: No such file or directory", ERR_NOT_FOUND},
		{"echo 'half", "the command makes no sense: a quote is not closed", ERR_USAGE},
		{" ", "the command makes no sense: it is empty", ERR_USAGE},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(output_release) struct output o = {.command = cases[i].command, .tree = test_tree_new(NULL)};
		assert_int_equal(try_backup_of(&o), -(int)cases[i].kind);
		assert_string_equal(o.e.text, cases[i].text);
		assert_nothing_stored(&o);
	}
}

static void a_store_that_fails_stops_the_command(void **state)
{
	CLEANUP(output_release) struct output o = {.command = "yes", .tree = test_tree_new(NULL)};
	o.tree->fail_after = 100000;
	assert_int_equal(try_backup_of(&o), -ERR_NO_SPACE);
	assert_string_equal(o.e.text, "the store is full");
	assert_nothing_stored(&o);
}

static void *cancel_it(void *arg)
{
	struct output *o = arg;
	while (!atomic_load(&o->progress.phase))
		sched_yield();
	atomic_store(&o->progress.cancel, true);
	return NULL;
}

static void a_silent_command_can_be_cancelled(void **state)
{
	CLEANUP(output_release) struct output o = {.command = "sleep 1000", .tree = test_tree_new(NULL)};
	pthread_t thread;
	assert_int_equal(thread_start(&thread, "cancel", cancel_it, &o), 0);
	assert_int_equal(try_backup_of(&o), -ERR_CANCELLED);
	pthread_join(thread, NULL);
	assert_nothing_stored(&o);
}

static void what_a_command_prints_is_stored_to_the_byte(void **state)
{
	CLEANUP(output_release) struct output o = {
		.command = "printf '%s|%s|\\000\\377\\n' \"two words\" $HOME;id", .tree = test_tree_new(NULL)};
	static const char expected[] = "two words|$HOME;id|\0\377\n";
	if (try_backup_of(&o))
		fail_msg("%s", o.e.text);
	const struct test_entry *x = test_tree_find(o.tree, "out");
	assert_int_equal(x->size, sizeof expected - 1);
	assert_memory_equal(x->bytes, expected, sizeof expected - 1);
	assert_int_equal(x->node.mode, 0600);
	assert_int_equal(o.manifest.artifact_count, 1);
	assert_string_equal(o.manifest.artifacts[0].path, "out");
	assert_string_equal(o.manifest.artifacts[0].format, "stream");
	assert_int_equal(o.manifest.artifacts[0].bytes, sizeof expected - 1);
	assert_int_equal(o.manifest.bytes, sizeof expected - 1);
}

static void what_is_said_on_stderr_alone_is_no_failure(void **state)
{
	CLEANUP(output_release) struct output o = {
		.command = "sh -c 'echo careful >&2; echo data'", .tree = test_tree_new(NULL)};
	assert_int_equal(try_backup_of(&o), 0);
	assert_int_equal(o.manifest.bytes, 5);
}

static void arguments_are_not_shown(void **state)
{
	static const struct {
		const char *command, *shown, *identity, *name;
	} cases[] = {
		{"command:pg_dump --password=hunter2 'my shop' x", "command:pg_dump (3 arguments)", "/pg_dump", "pg_dump"},
		{"command:/usr/bin/pg_dump shop", "command:/usr/bin/pg_dump (1 argument)", "/pg_dump", "pg_dump"},
		{"command:date", "command:date", "/date", "date"},
	};
	struct error e = {0};
	struct source_url u;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(source_url_parse(cases[i].command, false, NULL, &u, &e), 0);
		assert_string_equal(u.shown, cases[i].shown);
		assert_string_equal(u.identity, cases[i].identity);
		assert_string_equal(u.name, cases[i].name);
		source_url_release(&u);
	}
	assert_int_equal(source_url_parse("command:'/' x", false, NULL, &u, &e), -ERR_USAGE);
	assert_string_equal(e.text, "\"/\" is no program");
	assert_int_equal(source_url_parse("command:'a", false, NULL, &u, &e), -ERR_USAGE);
}

/* ---- what is stored ---- */

static int refuse(void *ctx, struct error *e)
{
	++*(int *)ctx;
	return error_set(e, ERR_NO_SPACE, "no room for the safety backup");
}

static int agree(void *ctx, struct error *e)
{
	++*(int *)ctx;
	return 0;
}

static int try_restore_to(struct output *o, const char *name, int (*before_swap)(void *, struct error *), int *asked)
{
	AUTO_FREE char *path = name ? mem_string(at(name)) : NULL;
	static const struct strlist all;
	struct source_url url = {.engine = &engine_command, .path = path};
	struct restore_result result = {0};
	struct stored s = test_stored(o->tree, &o->manifest);
	const struct engine_restore r = {.from = &s, .target = &url, .tables = &all, .paths = &all,
		.before_swap = before_swap, .ctx = asked};
	int err = engine_command.restore(&r, &result, &o->e);
	if (!err) {
		assert_int_equal(result.files, 1);
		assert_int_equal(result.bytes, o->manifest.bytes);
		assert_int_equal(result.replaced, *asked > 0);
	}
	restore_result_release(&result);
	return err;
}

static void output_is_restored_to_a_file(void **state)
{
	CLEANUP(output_release) struct output o = {.command = "echo data", .tree = test_tree_new(NULL)};
	int asked = 0;
	assert_int_equal(try_backup_of(&o), 0);
	assert_int_equal(try_restore_to(&o, "new", agree, &asked), 0);
	assert_holds("new", "data\n");
	put("old", "old");
	assert_int_equal(symlink("old", at("link")), 0);
	assert_int_equal(try_restore_to(&o, "old", refuse, &asked), -ERR_NO_SPACE);
	assert_holds("old", "old");
	assert_int_equal(try_restore_to(&o, "link", agree, &asked), 0);
	assert_int_equal(asked, 2);
	assert_holds("old", "data\n");
	assert_true(S_ISLNK(stat_of("link").st_mode));
	assert_names("", "link new old");
}

static void R1_damaged_output_is_not_restored(void **state)
{
	CLEANUP(output_release) struct output o = {.command = "echo data", .tree = test_tree_new(NULL)};
	CLEANUP(strlist_release) struct strlist evidence = {0};
	int asked = 0;
	assert_int_equal(try_backup_of(&o), 0);
	put("old", "old");
	free(o.manifest.artifacts[0].sha256);
	o.manifest.artifacts[0].sha256 = mem_string("00");
	assert_int_equal(try_restore_to(&o, "old", agree, &asked), -ERR_VERIFY);
	assert_string_equal(o.e.text, "the SHA-256 of out is not that of what the program printed");
	struct stored s = test_stored(o.tree, &o.manifest);
	assert_int_equal(engine_command.check_structure(&s, NULL, &evidence, &o.e), -ERR_VERIFY);
	o.manifest.artifacts[0].bytes++;
	assert_int_equal(try_restore_to(&o, "old", agree, &asked), -ERR_VERIFY);
	assert_string_equal(o.e.text, "out has 5 bytes where 6 were expected");
	assert_int_equal(asked, 0);
	assert_int_equal(evidence.n, 0);
	assert_holds("old", "old");
	assert_names("", "old");
}

static void R10_output_is_restored_to_nothing_but_a_file(void **state)
{
	CLEANUP(output_release) struct output o = {.command = "echo data", .tree = test_tree_new(NULL)};
	int asked = 0;
	assert_int_equal(try_backup_of(&o), 0);
	make_dir("folder");
	assert_int_equal(try_restore_to(&o, "folder", agree, &asked), -ERR_MISMATCH);
	assert_non_null(strstr(o.e.text, "folder is not a file"));
	assert_int_equal(try_restore_to(&o, NULL, agree, &asked), -ERR_USAGE);
	assert_string_equal(o.e.text, "what a program printed is not given back to it");
	assert_string_equal(o.e.hint, "name the file that receives it: --to FILE");
	o.manifest.artifacts[0].format[0] = 'S';
	assert_int_equal(try_restore_to(&o, "new", agree, &asked), -ERR_MISMATCH);
	assert_string_equal(o.e.text, "out holds no output of a program");
	assert_names("", "folder");
}

static void stored_output_is_checked(void **state)
{
	CLEANUP(output_release) struct output o = {.command = "echo data", .tree = test_tree_new(NULL)};
	CLEANUP(strlist_release) struct strlist evidence = {0};
	assert_int_equal(try_backup_of(&o), 0);
	assert_string_equal(o.manifest.artifacts[0].sha256,
		"6667b2d1aab6a00caa5aee5af8ad9f1465e567abf1c209d15727d57b3e8f6e5f");
	struct stored s = test_stored(o.tree, &o.manifest);
	assert_int_equal(engine_command.check_structure(&s, NULL, &evidence, &o.e), 0);
	assert_string_equal(evidence.v[0], "output: 5 B, SHA-256 as in the manifest");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ROOM(B1_a_command_that_fails_is_no_backup),
		IN_ROOM(a_store_that_fails_stops_the_command),
		IN_ROOM(a_silent_command_can_be_cancelled),
		IN_ROOM(what_a_command_prints_is_stored_to_the_byte),
		IN_ROOM(what_is_said_on_stderr_alone_is_no_failure),
		IN_ROOM(arguments_are_not_shown),
		IN_ROOM(output_is_restored_to_a_file),
		IN_ROOM(R1_damaged_output_is_not_restored),
		IN_ROOM(R10_output_is_restored_to_nothing_but_a_file),
		IN_ROOM(stored_output_is_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
