#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "job/password.h"
#include "job/repository.h"

#include <sys/wait.h>

static int try_locate(const char *option, struct repository *r, struct error *e)
{
	return repository_locate(option, r, e);
}

static void assert_located(const char *option, const char *location, const char *by, bool explicit_choice)
{
	CLEANUP(repository_release) struct repository r = {0};
	struct error e;

	assert_ok(try_locate(option, &r, &e));
	assert_string_equal(without_room(r.location), location);
	assert_string_equal(r.chosen_by, by);
	assert_int_equal(r.explicit_choice, explicit_choice);
}

static void locate(struct repository *r)
{
	struct error e;

	assert_ok(try_locate(at("b"), r, &e));
}

static int try_open(struct repository *r, enum repository_access access, repository_ask_fn ask, struct error *e)
{
	const struct repository_open_options o = {.access = access, .ask = ask};

	return repository_open(r, &o, e);
}

static int answer_geheim(const char *prompt, struct secret *out, struct error *e)
{
	assert_string_equal(without_room(prompt), "password of the repository @/b: ");
	assert_int_equal(e->kind, ERR_PASSWORD);
	secret_set(out, PASSWORD, strlen(PASSWORD));
	return 0;
}

static int nobody_there(const char *prompt, struct secret *out, struct error *e)
{
	return -(int)e->kind;
}

/* A repository in "b". */
static void make(void)
{
	CLEANUP(repository_release) struct repository r = {0};

	repo_make_at("b", &r);
}

/* ---- where ---- */

static void a_kind_of_store_that_is_not_known_never_becomes_a_folder(void **state)
{
	CLEANUP(repository_release) struct repository r = {0};
	struct error e;

	assert_fails(try_locate("s3:bucket/x", &r, &e), ERR_USAGE,
		     "--repo: unknown kind of repository \"s3:\"; known are a path and local:PATH");
	setenv("RESTIC_REPOSITORY", "sftp:me@host:/x", 1);
	assert_fails(try_locate(NULL, &r, &e), ERR_USAGE,
		     "RESTIC_REPOSITORY: unknown kind of repository \"sftp:\"; known are a path and local:PATH");
}

static void a_file_that_should_name_the_repository_must_be_there(void **state)
{
	CLEANUP(repository_release) struct repository r = {0};
	struct error e;

	setenv("RESTIC_REPOSITORY_FILE", at("typo"), 1);
	assert_fails(try_locate(NULL, &r, &e), ERR_NOT_FOUND,
		     "reading RESTIC_REPOSITORY_FILE: opening @/typo: No such file or directory");
}

static void each_way_to_name_it_comes_before_those_after_it(void **state)
{
	setenv("BACKSTAY_REPOSITORY", "one", 1);
	setenv("BACKUP_DIR", at("two"), 1);
	setenv("RESTIC_REPOSITORY", "local:three", 1);
	setenv("RESTIC_REPOSITORY_FILE", at("file"), 1);
	put_file("file", "four\n");
	assert_located("zero/../o", "@/o", "--repo", true);
	assert_located("local:s3:x", "@/s3:x", "--repo", true);
	assert_located(NULL, "@/one", "BACKSTAY_REPOSITORY", true);
	unsetenv("BACKSTAY_REPOSITORY");
	assert_located(NULL, "@/two", "BACKUP_DIR", true);
	unsetenv("BACKUP_DIR");
	assert_located(NULL, "@/three", "RESTIC_REPOSITORY", true);
	unsetenv("RESTIC_REPOSITORY");
	assert_located(NULL, "@/four", "RESTIC_REPOSITORY_FILE", true);
}

static void of_the_usual_places_one_that_holds_a_repository_comes_first(void **state)
{
	if (fs_exists("/var/backups/backstay"))
		skip();
	become_nobody();
	assert_located(NULL, "@/.local/share/backstay/repository", "the first writable place", false);
	setenv("XDG_DATA_HOME", at("data"), 1);
	assert_located(NULL, "@/data/backstay/repository", "the first writable place", false);
	put_file(".local/share/backstay/repository/config", "x");
	assert_located(NULL, "@/.local/share/backstay/repository", "the first place that holds a repository", false);
}

/* ---- opening ---- */

static void where_there_is_none_the_way_to_make_one_is_told(void **state)
{
	CLEANUP(repository_release) struct repository r = {0};
	struct error e;

	assert_ok(try_locate(at("it's"), &r, &e));
	assert_fails(try_open(&r, REPOSITORY_READ, NULL, &e), ERR_NO_REPO,
		     "there is no repository at @/it's (chosen by --repo)");
	assert_string_equal(without_room(e.hint), "make one with: backstay init --repo '@/it'\\''s'");
}

static void a_usual_place_without_one_is_not_said_to_be_chosen(void **state)
{
	struct repository r = {.location = (char *)(uintptr_t)at("x"),
			       .chosen_by = (char *)(uintptr_t) "the first writable place"};
	struct error e;

	assert_fails(try_open(&r, REPOSITORY_READ, NULL, &e), ERR_NO_REPO,
		     "there is no repository at @/x (the first writable place)");
}

static void a_place_that_cannot_be_looked_at_is_not_taken_for_empty(void **state)
{
	CLEANUP(repository_release) struct repository r = {0};
	struct error e;

	make();
	setenv("BACKSTAY_PASSWORD", PASSWORD, 1);
	become_nobody();
	assert_int_equal(chmod(at("b"), 0), 0);
	locate(&r);
	e = (struct error){0};
	int rc = try_open(&r, REPOSITORY_READ, NULL, &e);

	assert_int_equal(chmod(at("b"), 0700), 0);
	assert_int_equal(rc, -ERR_ACCESS);
}

static void without_a_password_it_is_not_opened(void **state)
{
	CLEANUP(repository_release) struct repository r = {0};
	struct error e;

	make();
	locate(&r);
	assert_fails(try_open(&r, REPOSITORY_READ, NULL, &e), ERR_PASSWORD,
		     "no password is known for the repository @/b");
	assert_string_equal(e.hint, "set BACKSTAY_PASSWORD or BACKSTAY_PASSWORD_FILE; the recovery sheet made with the "
				    "repository has it");
	assert_fails(try_open(&r, REPOSITORY_READ, nobody_there, &e), ERR_PASSWORD,
		     "no password is known for the repository @/b");
	assert_ok(try_open(&r, REPOSITORY_READ, answer_geheim, &e));
	assert_int_equal(e.kind, ERR_NONE);
}

static void a_wrong_password_is_told_with_where_it_came_from(void **state)
{
	CLEANUP(repository_release) struct repository r = {0};
	struct error e;

	make();
	setenv("BACKSTAY_PASSWORD", "other", 1);
	locate(&r);
	assert_fails(try_open(&r, REPOSITORY_READ, answer_geheim, &e), ERR_PASSWORD,
		     "opening the repository at @/b: wrong password, or no key found");
	assert_string_equal(e.hint, "the password was that of BACKSTAY_PASSWORD");
}

static void each_access_takes_the_lock_it_needs(void **state)
{
	CLEANUP(repository_release) struct repository first = {0};
	CLEANUP(repository_release) struct repository second = {0};
	struct error e;

	make();
	setenv("BACKSTAY_PASSWORD", PASSWORD, 1);
	locate(&first);
	locate(&second);
	assert_ok(try_open(&first, REPOSITORY_WRITE, NULL, &e));
	assert_non_null(first.lock);
	assert_non_null(first.repo->index);
	e = (struct error){0};
	assert_int_equal(try_open(&second, REPOSITORY_EXCLUSIVE, NULL, &e), -ERR_LOCKED);
	repository_release(&second);
	locate(&second);
	assert_ok(try_open(&second, REPOSITORY_READ_NO_LOCK, NULL, &e));
	assert_null(second.lock);
	repository_release(&first);
	assert_names("b/locks", "");
}

/* ---- making ---- */

static void one_that_is_there_is_left_alone(void **state)
{
	CLEANUP(repository_release) struct repository r = {0};
	struct error e;

	make();
	locate(&r);
	assert_fails(repository_init(&r, NULL, &e), ERR_EXISTS, "a repository exists already at @/b");
	assert_string_equal(e.hint, "use it as it is, or choose another place with --repo");
	assert_false(fs_exists(at("state/passwords")));
}

static void a_named_password_that_cannot_be_had_is_never_made_up(void **state)
{
	CLEANUP(repository_release) struct repository r = {0};
	struct error e;

	setenv("BACKSTAY_PASSWORD_FILE", at("typo"), 1);
	locate(&r);
	assert_fails(repository_init(&r, NULL, &e), ERR_NOT_FOUND,
		     "reading the password: opening @/typo: No such file or directory");
	put_file("typo", "\n");
	assert_fails(repository_init(&r, NULL, &e), ERR_USAGE,
		     "the password is empty (BACKSTAY_PASSWORD_FILE (@/typo))");
	assert_false(fs_exists(at("b")));
	assert_false(fs_exists(at("state/passwords")));
}

static void a_made_up_password_is_kept_and_stands_on_the_sheet(void **state)
{
	CLEANUP(repository_release) struct repository r = {0};
	CLEANUP(repository_release) struct repository again = {0};
	CLEANUP(buf_release) struct buf kept = BUF_INIT;
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	struct error e;

	locate(&r);
	assert_ok(repository_init(&r, NULL, &e));
	assert_non_null(r.password_file);
	assert_ok(fs_read_file(r.password_file, 100, &kept, &e));
	assert_ok(fs_read_file(r.recovery_sheet, 10000, &text, &e));
	kept.p[--kept.len] = 0;
	AUTO_FREE char *line = mem_printf("Password     %s\n", buf_text(&kept));
	assert_non_null(strstr(buf_text(&text), line));
	AUTO_FREE char *id = mem_printf("Id           %s\n", r.repo->config.id);
	assert_non_null(strstr(buf_text(&text), id));
	assert_int_equal(mode_of("b"), 0700);
	locate(&again);
	assert_ok(try_open(&again, REPOSITORY_WRITE, NULL, &e));
}

static void a_password_of_ones_own_is_neither_kept_nor_written_down(void **state)
{
	CLEANUP(repository_release) struct repository r = {0};
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	struct error e;

	locate(&r);
	assert_ok(repository_init(&r, answer_geheim, &e));
	assert_null(r.password_file);
	assert_false(fs_exists(at("state/passwords")));
	assert_ok(fs_read_file(r.recovery_sheet, 10000, &text, &e));
	assert_null(strstr(buf_text(&text), PASSWORD));
}

/* As a child: 0 made, 1 it exists already, 2 anything else. */
static pid_t init_in_child(void)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	struct repository r = {0};
	struct error e = {0};
	int rc = repository_locate(at("b"), &r, &e);

	if (!rc)
		rc = repository_init(&r, NULL, &e);
	repository_release(&r);
	_exit(rc == 0 ? 0 : rc == -ERR_EXISTS ? 1 : 2);
}

static void read_kept(struct buf *out)
{
	AUTO_FREE char *path = NULL;
	struct error e;

	buf_clear(out);
	assert_ok(password_file_for(at("b"), &path, &e));
	assert_ok(fs_read_file(path, 100, out, &e));
}

static void a_half_made_one_is_finished_with_the_password_that_was_kept(void **state)
{
	CLEANUP(buf_release) struct buf kept = BUF_INIT;
	CLEANUP(buf_release) struct buf now = BUF_INIT;
	struct error e = {0};
	int n = 0, rc = -1;

	while (rc) {
		CLEANUP(repository_release) struct repository r = {0};
		AUTO_FREE char *fault = mem_printf("w:kill-after@%d", ++n);

		assert_true(n < 10);
		setenv("BACKSTAY_TEST_FAULT", fault, 1);
		pid_t pid = init_in_child();
		assert_int_equal(waitpid(pid, &rc, 0), pid);
		read_kept(n == 1 ? &kept : &now);
		assert_true(n == 1 || !strcmp(buf_text(&now), buf_text(&kept)));
	}
	assert_true(n > 2);
	CLEANUP(repository_release) struct repository r = {0};

	unsetenv("BACKSTAY_TEST_FAULT");
	locate(&r);
	assert_ok(try_open(&r, REPOSITORY_WRITE, NULL, &e));
}

static void keys_of_another_password_are_not_joined_and_none_is_left_in_their_place(void **state)
{
	CLEANUP(repository_release) struct repository r = {0};
	struct error e;

	make();
	assert_int_equal(unlink(at("b/config")), 0);
	locate(&r);
	assert_fails(repository_init(&r, NULL, &e), ERR_EXISTS,
		     "creating a repository at @/b: there are key files already, and this password does not open them");
	assert_names("state/passwords", "");
}

static void of_two_that_make_it_at_once_one_does_and_both_can_open_it(void **state)
{
	CLEANUP(repository_release) struct repository r = {0};
	struct error e;
	int seen[3] = {0};
	pid_t children[3];

	for (size_t i = 0; i < ARRAY_LEN(children); i++)
		children[i] = init_in_child();
	for (size_t i = 0; i < ARRAY_LEN(children); i++) {
		int status;

		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_true(WIFEXITED(status));
		seen[WEXITSTATUS(status)]++;
	}
	assert_int_equal(seen[0], 1);
	assert_int_equal(seen[1], 2);
	locate(&r);
	assert_ok(try_open(&r, REPOSITORY_READ, NULL, &e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ROOM(a_kind_of_store_that_is_not_known_never_becomes_a_folder),
		IN_ROOM(a_file_that_should_name_the_repository_must_be_there),
		IN_ROOM(each_way_to_name_it_comes_before_those_after_it),
		IN_ROOM(of_the_usual_places_one_that_holds_a_repository_comes_first),
		IN_ROOM(where_there_is_none_the_way_to_make_one_is_told),
		IN_ROOM(a_usual_place_without_one_is_not_said_to_be_chosen),
		IN_ROOM(a_place_that_cannot_be_looked_at_is_not_taken_for_empty),
		IN_ROOM(without_a_password_it_is_not_opened),
		IN_ROOM(a_wrong_password_is_told_with_where_it_came_from),
		IN_ROOM(each_access_takes_the_lock_it_needs),
		IN_ROOM(one_that_is_there_is_left_alone),
		IN_ROOM(a_named_password_that_cannot_be_had_is_never_made_up),
		IN_ROOM(a_made_up_password_is_kept_and_stands_on_the_sheet),
		IN_ROOM(a_password_of_ones_own_is_neither_kept_nor_written_down),
		IN_ROOM(a_half_made_one_is_finished_with_the_password_that_was_kept),
		IN_ROOM(keys_of_another_password_are_not_joined_and_none_is_left_in_their_place),
		IN_ROOM(of_two_that_make_it_at_once_one_does_and_both_can_open_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
