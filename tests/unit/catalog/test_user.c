#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "catalog/db.h"
#include "catalog/user.h"

#include <stdlib.h>
#include <string.h>

#define REFUSED "no admin who can log in would be left"

static void put(struct support *s, const char *name, enum role role, const char *password, struct user_record *out)
{
	*out = (struct user_record){.name = mem_string(name), .role = role, .password = password ? mem_string(password) : NULL};
	assert_int_equal(user_add(s->c, out, &s->e), 0);
}

static void get(struct support *s, const char *name, struct user_record *out)
{
	user_record_release(out);
	assert_int_equal(user_find(s->c, name, out, &s->e), 0);
}

static void set_password(struct user_record *u, const char *password)
{
	free(u->password);
	u->password = mem_string(password);
}

static struct timespec at_second(time_t s)
{
	return (struct timespec){.tv_sec = s};
}

static void put_session(struct support *s, int64_t user, unsigned char mark)
{
	struct session_record r = {.user = user, .csrf = "c", .created = at_second(1000), .used = at_second(1000), .expires = at_second(9000)};

	memset(r.hash, mark, sizeof r.hash);
	assert_int_equal(session_add(s->c, &r, &s->e), 0);
}

static size_t count_sessions(struct support *s, int64_t user)
{
	struct session_list l;

	assert_int_equal(session_list_of(s->c, user, &l, &s->e), 0);
	size_t n = l.n;

	session_list_release(&l);
	return n;
}

/* ---- what goes wrong ---- */

static void a_name_that_could_be_taken_for_something_else_is_refused(void **state)
{
	static const char *const names[] = {"", "-", "-maria", "@maria", "maria smith", "maria\n", "m\xc3\xa4ria", "a/b", "7", "0123", "a:b", "<b>",
					    "12345678901234567890123456789012345678901234567890123456789012345"};
	struct support *s = *state;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct user_record u = {.name = (char *)names[i], .role = ROLE_VIEWER};
		AUTO_FREE char *text = mem_printf("a user cannot be called \"%s\"", names[i]);

		assert_int_equal(user_add(s->c, &u, &s->e), -ERR_USAGE);
		assert_string_equal(s->e.text, text);
	}
	assert_string_equal(s->e.hint, "a name has 1 to 64 letters, digits, \".\", \"_\", \"-\" and \"@\", and begins with a letter or digit; digits alone are none");
}

static void a_name_is_taken_whatever_its_case(void **state)
{
	struct support *s = *state;
	CLEANUP(user_record_release) struct user_record u = {0}, found = {0};
	struct user_record again = {.name = (char *)"MARIA", .role = ROLE_VIEWER};

	put(s, "Maria", ROLE_VIEWER, NULL, &u);
	assert_int_equal(user_add(s->c, &again, &s->e), -ERR_EXISTS);
	assert_string_equal(s->e.text, "there is a user named \"MARIA\" already");
	get(s, "mARIA", &found);
	assert_string_equal(found.name, "Maria");
	assert_int_equal(found.id, u.id);
}

static void a_user_that_is_not_there_is_named(void **state)
{
	struct support *s = *state;
	struct user_record u;

	assert_int_equal(user_find(s->c, "nobody", &u, &s->e), -ERR_NOT_FOUND);
	assert_string_equal(s->e.text, "there is no user named \"nobody\"");
	assert_int_equal(user_get(s->c, 7, &u, &s->e), -ERR_NOT_FOUND);
	assert_string_equal(s->e.text, "there is no user with the number 7");
	assert_int_equal(user_remove(s->c, 7, &s->e), -ERR_NOT_FOUND);
	assert_string_equal(s->e.text, "there is no user with the number 7");
}

static void the_last_admin_who_can_log_in_stays(void **state)
{
	struct support *s = *state;
	CLEANUP(user_record_release) struct user_record u = {0}, none = {0}, off = {0}, left = {0};

	put(s, "maria", ROLE_ADMIN, "hash", &u);
	put(s, "no-password", ROLE_ADMIN, NULL, &none);
	put(s, "disabled", ROLE_ADMIN, "hash", &off);
	off.disabled = true;
	assert_int_equal(user_update(s->c, &off, &s->e), 0);
	assert_int_equal(user_remove(s->c, u.id, &s->e), -ERR_REFUSED);
	assert_string_equal(s->e.text, REFUSED);
	assert_string_equal(s->e.hint, "make another admin first: backstay user add NAME --role admin");
	u.role = ROLE_OPERATOR;
	assert_int_equal(user_update(s->c, &u, &s->e), -ERR_REFUSED);
	assert_string_equal(s->e.text, REFUSED);
	u.role = ROLE_ADMIN;
	u.disabled = true;
	assert_int_equal(user_update(s->c, &u, &s->e), -ERR_REFUSED);
	u.disabled = false;
	free(TAKE(u.password));
	assert_int_equal(user_update(s->c, &u, &s->e), -ERR_REFUSED);
	get(s, "maria", &left);
	assert_int_equal(left.role, ROLE_ADMIN);
	assert_string_equal(left.password, "hash");
	assert_int_equal(left.generation, 1);
	off.disabled = false;
	assert_int_equal(user_update(s->c, &off, &s->e), 0);
	assert_int_equal(user_remove(s->c, u.id, &s->e), 0);
}

static void without_any_admin_other_users_can_be_changed(void **state)
{
	struct support *s = *state;
	CLEANUP(user_record_release) struct user_record u = {0};

	put(s, "eve", ROLE_VIEWER, "hash", &u);
	u.disabled = true;
	assert_int_equal(user_update(s->c, &u, &s->e), 0);
	assert_int_equal(user_remove(s->c, u.id, &s->e), 0);
}

static void a_record_read_before_a_change_is_not_written_back(void **state)
{
	struct support *s = *state;
	CLEANUP(user_record_release) struct user_record u = {0}, old = {0};

	put(s, "maria", ROLE_OPERATOR, "old hash", &u);
	get(s, "maria", &old);
	set_password(&u, "new hash");
	assert_int_equal(user_update(s->c, &u, &s->e), 0);
	old.role = ROLE_ADMIN;
	assert_int_equal(user_update(s->c, &old, &s->e), -ERR_LOCKED);
	assert_string_equal(s->e.text, "user maria was changed meanwhile");
	assert_int_equal(user_note_login(s->c, &old, 0, at_second(5), &s->e), -ERR_NOT_FOUND);
	get(s, "maria", &old);
	assert_string_equal(old.password, "new hash");
	assert_int_equal(old.last_login.tv_sec, 0);
}

static void a_step_of_one_time_codes_counts_once(void **state)
{
	struct support *s = *state;
	CLEANUP(user_record_release) struct user_record u = {0};

	put(s, "maria", ROLE_ADMIN, "hash", &u);
	assert_int_equal(user_note_login(s->c, &u, 100, at_second(3000), &s->e), 0);
	assert_int_equal(user_note_login(s->c, &u, 100, at_second(3001), &s->e), -ERR_NOT_FOUND);
	assert_int_equal(user_note_login(s->c, &u, 99, at_second(3001), &s->e), -ERR_NOT_FOUND);
	assert_string_equal(s->e.text, "user maria was changed meanwhile, or the code was used already");
	assert_int_equal(user_update(s->c, &u, &s->e), 0);
	get(s, "maria", &u);
	assert_int_equal(u.totp_step, 100);
	assert_int_equal(u.last_login.tv_sec, 3000);
	assert_int_equal(user_note_login(s->c, &u, 0, at_second(3002), &s->e), 0);
	get(s, "maria", &u);
	assert_int_equal(u.totp_step, 100);
}

static void a_disabled_user_does_not_log_in(void **state)
{
	struct support *s = *state;
	CLEANUP(user_record_release) struct user_record u = {0};

	put(s, "eve", ROLE_VIEWER, "hash", &u);
	u.disabled = true;
	assert_int_equal(user_update(s->c, &u, &s->e), 0);
	assert_int_equal(user_note_login(s->c, &u, 0, at_second(5), &s->e), -ERR_NOT_FOUND);
}

static void a_first_link_counts_once_and_until_it_expires(void **state)
{
	struct support *s = *state;
	unsigned char first[USER_HASH_LEN] = {1}, second[USER_HASH_LEN] = {2}, other[USER_HASH_LEN] = {3};

	assert_int_equal(user_link_add(s->c, first, at_second(100), &s->e), 0);
	assert_int_equal(user_link_add(s->c, second, at_second(200), &s->e), 0);
	assert_int_equal(user_link_take(s->c, first, at_second(100), &s->e), -ERR_NOT_FOUND);
	assert_string_equal(s->e.text, "the link is not valid any more");
	assert_int_equal(user_link_take(s->c, other, at_second(50), &s->e), -ERR_NOT_FOUND);
	assert_int_equal(user_link_take(s->c, first, at_second(99), &s->e), 0);
	assert_int_equal(user_link_take(s->c, first, at_second(99), &s->e), -ERR_NOT_FOUND);
	assert_int_equal(user_link_take(s->c, second, at_second(99), &s->e), -ERR_NOT_FOUND);
}

/* ---- generations and sessions ---- */

static void the_generation_grows_with_password_role_and_disabling(void **state)
{
	struct support *s = *state;
	CLEANUP(user_record_release) struct user_record u = {0};

	put(s, "maria", ROLE_VIEWER, "one", &u);
	assert_int_equal(u.generation, 1);
	u.role = ROLE_OPERATOR;
	assert_int_equal(user_update(s->c, &u, &s->e), 0);
	assert_int_equal(u.generation, 2);
	set_password(&u, "two");
	assert_int_equal(user_update(s->c, &u, &s->e), 0);
	assert_int_equal(u.generation, 3);
	u.disabled = true;
	assert_int_equal(user_update(s->c, &u, &s->e), 0);
	u.disabled = false;
	assert_int_equal(user_update(s->c, &u, &s->e), 0);
	assert_int_equal(u.generation, 5);
	secret_set(&u.totp, "12345678901234567890", 20);
	assert_int_equal(user_update(s->c, &u, &s->e), 0);
	assert_int_equal(u.generation, 5);
	get(s, "maria", &u);
	assert_int_equal(u.generation, 5);
}

static void a_new_password_or_being_disabled_ends_the_users_sessions_only(void **state)
{
	struct support *s = *state;
	CLEANUP(user_record_release) struct user_record u = {0}, other = {0};

	put(s, "maria", ROLE_VIEWER, "one", &u);
	put(s, "eve", ROLE_VIEWER, "one", &other);
	put_session(s, u.id, 1);
	put_session(s, other.id, 2);
	u.role = ROLE_OPERATOR;
	assert_int_equal(user_update(s->c, &u, &s->e), 0);
	assert_int_equal(count_sessions(s, u.id), 1);
	set_password(&u, "two");
	assert_int_equal(user_update(s->c, &u, &s->e), 0);
	assert_int_equal(count_sessions(s, u.id), 0);
	put_session(s, u.id, 3);
	u.disabled = true;
	assert_int_equal(user_update(s->c, &u, &s->e), 0);
	assert_int_equal(count_sessions(s, u.id), 0);
	assert_int_equal(count_sessions(s, 0), 1);
}

static void all_can_be_ended_at_once(void **state)
{
	struct support *s = *state;
	CLEANUP(user_record_release) struct user_record u = {0}, other = {0};
	struct token_record t = {.name = (char *)"ci", .scope = ROLE_VIEWER};
	struct token_list l;
	uint64_t ended;

	put(s, "maria", ROLE_ADMIN, "one", &u);
	put(s, "eve", ROLE_VIEWER, "one", &other);
	put_session(s, u.id, 1);
	put_session(s, other.id, 2);
	t.user = u.id;
	assert_int_equal(token_add(s->c, &t, &s->e), 0);
	assert_int_equal(user_end_all(s->c, &ended, &s->e), 0);
	assert_int_equal(ended, 2);
	assert_int_equal(count_sessions(s, 0), 0);
	get(s, "maria", &u);
	get(s, "eve", &other);
	assert_int_equal(u.generation, 2);
	assert_int_equal(other.generation, 2);
	assert_int_equal(token_list_of(s->c, 0, &l, &s->e), 0);
	assert_int_equal(l.n, 1);
	token_list_release(&l);
}

static void with_a_user_go_its_sessions_and_tokens(void **state)
{
	struct support *s = *state;
	CLEANUP(user_record_release) struct user_record u = {0};
	struct token_record t = {.name = (char *)"ci", .scope = ROLE_VIEWER};
	struct token_list l;

	put(s, "maria", ROLE_VIEWER, "one", &u);
	put_session(s, u.id, 1);
	t.user = u.id;
	assert_int_equal(token_add(s->c, &t, &s->e), 0);
	assert_int_equal(user_remove(s->c, u.id, &s->e), 0);
	assert_int_equal(count_sessions(s, 0), 0);
	assert_int_equal(token_list_of(s->c, 0, &l, &s->e), 0);
	assert_int_equal(l.n, 0);
	token_list_release(&l);
}

/* ---- records ---- */

static void a_record_comes_back_as_it_was(void **state)
{
	struct support *s = *state;
	CLEANUP(user_record_release) struct user_record u = {.name = mem_string("maria@example.com"), .role = ROLE_OPERATOR, .totp_step = 7}, back = {0};

	secret_set(&u.totp, "a key of twenty byte", 20);
	assert_int_equal(user_add(s->c, &u, &s->e), 0);
	assert_int_equal(user_get(s->c, u.id, &back, &s->e), 0);
	assert_string_equal(back.name, "maria@example.com");
	assert_int_equal(back.role, ROLE_OPERATOR);
	assert_null(back.password);
	assert_int_equal(back.totp.len, 20);
	assert_memory_equal(back.totp.p, "a key of twenty byte", 20);
	assert_int_equal(back.totp_step, 7);
	assert_false(support_on_disk(s, "a key of twenty byte"));
}

static void a_totp_key_of_another_user_does_not_open(void **state)
{
	struct support *s = *state;
	CLEANUP(user_record_release) struct user_record u = {0}, other = {0}, back = {0};

	put(s, "maria", ROLE_ADMIN, "hash", &u);
	put(s, "eve", ROLE_VIEWER, "hash", &other);
	secret_set(&other.totp, "12345678901234567890", 20);
	assert_int_equal(user_update(s->c, &other, &s->e), 0);
	assert_int_equal(db_run(s->c, &s->e, "UPDATE user SET totp = (SELECT totp FROM user WHERE name = 'eve') WHERE name = 'maria'", ""), 0);
	assert_int_equal(user_find(s->c, "maria", &back, &s->e), -ERR_CORRUPT);
	assert_memory_equal(s->e.text, "user maria: ", 12);
}

static void users_are_listed_by_name(void **state)
{
	struct support *s = *state;
	CLEANUP(user_record_release) struct user_record a = {0}, b = {0};
	struct user_list l;
	uint64_t n;

	put(s, "Zoe", ROLE_VIEWER, NULL, &a);
	put(s, "adam", ROLE_ADMIN, "x", &b);
	assert_int_equal(user_list_all(s->c, &l, &s->e), 0);
	assert_int_equal(l.n, 2);
	assert_string_equal(l.v[0].name, "adam");
	assert_string_equal(l.v[1].name, "Zoe");
	user_list_release(&l);
	assert_int_equal(user_count(s->c, &n, &s->e), 0);
	assert_int_equal(n, 2);
}

static void json_holds_no_secret(void **state)
{
	struct user_record u = {.id = 3, .name = (char *)"maria", .role = ROLE_ADMIN, .password = (char *)"scrypt$", .created = at_second(86400), .changed = at_second(86400)};
	AUTO_FREE char *text = support_json(user_json, &u);

	assert_string_equal(text, "{\"id\":3,\"name\":\"maria\",\"role\":\"admin\",\"disabled\":false,\"password_known\":true,\"totp\":false,"
				  "\"created\":\"1970-01-02T00:00:00Z\",\"changed\":\"1970-01-02T00:00:00Z\",\"last_login\":null}");
}

static void roles_have_names(void **state)
{
	enum role r;

	assert_true(role_parse("operator", &r));
	assert_int_equal(r, ROLE_OPERATOR);
	assert_false(role_parse("none", &r));
	assert_false(role_parse("root", &r));
	assert_string_equal(role_name(ROLE_ADMIN), "admin");
	assert_string_equal(role_name((enum role)9), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CATALOG_TEST(a_name_that_could_be_taken_for_something_else_is_refused),
		CATALOG_TEST(a_name_is_taken_whatever_its_case),
		CATALOG_TEST(a_user_that_is_not_there_is_named),
		CATALOG_TEST(the_last_admin_who_can_log_in_stays),
		CATALOG_TEST(without_any_admin_other_users_can_be_changed),
		CATALOG_TEST(a_record_read_before_a_change_is_not_written_back),
		CATALOG_TEST(a_step_of_one_time_codes_counts_once),
		CATALOG_TEST(a_disabled_user_does_not_log_in),
		CATALOG_TEST(a_first_link_counts_once_and_until_it_expires),
		CATALOG_TEST(the_generation_grows_with_password_role_and_disabling),
		CATALOG_TEST(a_new_password_or_being_disabled_ends_the_users_sessions_only),
		CATALOG_TEST(all_can_be_ended_at_once),
		CATALOG_TEST(with_a_user_go_its_sessions_and_tokens),
		CATALOG_TEST(a_record_comes_back_as_it_was),
		CATALOG_TEST(a_totp_key_of_another_user_does_not_open),
		CATALOG_TEST(users_are_listed_by_name),
		cmocka_unit_test(json_holds_no_secret),
		cmocka_unit_test(roles_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
