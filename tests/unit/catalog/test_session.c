/* Sessions and tokens. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "catalog/user.h"

#include <stdlib.h>
#include <string.h>

#define HOUR 3600
#define DAY 86400

static struct timespec at_second(time_t s)
{
	return (struct timespec){.tv_sec = s};
}

static int64_t put_user(struct support *s, const char *name)
{
	struct user_record u = {.name = (char *)name, .role = ROLE_OPERATOR};

	assert_int_equal(user_add(s->c, &u, &s->e), 0);
	return u.id;
}

/* Begun at `created`, with twelve hours to live. */
static struct session_record put_session(struct support *s, int64_t user, unsigned char mark, time_t created)
{
	struct session_record r = {.user = user, .csrf = "5ca1ab1e", .address = (char *)"10.0.0.7", .agent = (char *)"Firefox",
				   .created = at_second(created), .used = at_second(created), .expires = at_second(created + 12 * HOUR)};

	memset(r.hash, mark, sizeof r.hash);
	assert_int_equal(session_add(s->c, &r, &s->e), 0);
	return r;
}

/* 0, or why not; what was found is in *r. */
static int find(struct support *s, unsigned char mark, time_t now, struct session_record *r)
{
	CLEANUP(user_record_release) struct user_record u = {0};
	unsigned char hash[USER_HASH_LEN];

	session_record_release(r);
	memset(hash, mark, sizeof hash);
	return session_find(s->c, hash, at_second(now), r, &u, &s->e);
}

static struct token_record put_token(struct support *s, int64_t user, const char *name, unsigned char mark, time_t expires)
{
	struct token_record t = {.user = user, .name = (char *)name, .scope = ROLE_VIEWER, .expires = at_second(expires)};

	memset(t.hash, mark, sizeof t.hash);
	assert_int_equal(token_add(s->c, &t, &s->e), 0);
	return t;
}

static int find_token(struct support *s, unsigned char mark, time_t now)
{
	CLEANUP(user_record_release) struct user_record u = {0};
	CLEANUP(token_record_release) struct token_record t = {0};
	unsigned char hash[USER_HASH_LEN];

	memset(hash, mark, sizeof hash);
	return token_find(s->c, hash, at_second(now), &t, &u, &s->e);
}

static void disable(struct support *s, int64_t id)
{
	CLEANUP(user_record_release) struct user_record u = {0};

	assert_int_equal(user_get(s->c, id, &u, &s->e), 0);
	u.disabled = true;
	assert_int_equal(user_update(s->c, &u, &s->e), 0);
}

/* ---- sessions ---- */

static void a_session_nobody_began_is_not_found(void **state)
{
	struct support *s = *state;
	struct session_record r = {0};

	put_session(s, put_user(s, "maria"), 1, 1000);
	assert_int_equal(find(s, 2, 1000, &r), -ERR_NOT_FOUND);
	assert_string_equal(s->e.text, "the session has ended");
	assert_int_equal(session_remove(s->c, 77, &s->e), -ERR_NOT_FOUND);
	assert_string_equal(s->e.text, "there is no session with the number 77");
}

static void a_session_ends_at_its_time(void **state)
{
	struct support *s = *state;
	CLEANUP(session_record_release) struct session_record r = {0};

	put_session(s, put_user(s, "maria"), 1, DAY);
	assert_int_equal(find(s, 1, DAY + 12 * HOUR - 1, &r), 0);
	assert_int_equal(find(s, 1, DAY + 12 * HOUR, &r), -ERR_NOT_FOUND);
}

static void a_session_of_a_disabled_user_is_not_found(void **state)
{
	struct support *s = *state;
	struct session_record r = {0};
	int64_t maria = put_user(s, "maria");

	disable(s, maria);
	put_session(s, maria, 1, 1000);
	assert_int_equal(find(s, 1, 1001, &r), -ERR_NOT_FOUND);
}

static void a_session_that_was_removed_has_ended(void **state)
{
	struct support *s = *state;
	struct session_record r = {0};
	int64_t maria = put_user(s, "maria"), eve = put_user(s, "eve");
	struct session_record one = put_session(s, maria, 1, 1000);

	put_session(s, maria, 2, 1000);
	put_session(s, eve, 3, 1000);
	assert_int_equal(session_remove(s->c, one.id, &s->e), 0);
	assert_int_equal(find(s, 1, 1001, &r), -ERR_NOT_FOUND);
	assert_int_equal(session_remove_all(s->c, maria, &s->e), 0);
	assert_int_equal(find(s, 2, 1001, &r), -ERR_NOT_FOUND);
	assert_int_equal(find(s, 3, 1001, &r), 0);
	session_record_release(&r);
	assert_int_equal(session_remove_all(s->c, 0, &s->e), 0);
	assert_int_equal(find(s, 3, 1001, &r), -ERR_NOT_FOUND);
}

static void use_moves_the_end_on_but_not_past_thirty_days(void **state)
{
	struct support *s = *state;
	CLEANUP(session_record_release) struct session_record r = {0};
	int64_t id = put_session(s, put_user(s, "maria"), 1, DAY).id;

	assert_int_equal(session_touch(s->c, id, at_second(DAY + 59), &s->e), 0);
	assert_int_equal(find(s, 1, DAY + 60, &r), 0);
	assert_int_equal(r.used.tv_sec, DAY);
	assert_int_equal(session_touch(s->c, id, at_second(DAY + 60), &s->e), 0);
	assert_int_equal(find(s, 1, DAY + 60, &r), 0);
	assert_int_equal(r.used.tv_sec, DAY + 60);
	assert_int_equal(r.expires.tv_sec, DAY + 60 + 12 * HOUR);
	for (time_t t = DAY + 11 * HOUR; t < 31 * DAY; t += 11 * HOUR)
		assert_int_equal(session_touch(s->c, id, at_second(t), &s->e), 0);
	assert_int_equal(find(s, 1, 31 * DAY - 1, &r), 0);
	assert_int_equal(r.expires.tv_sec, 31 * DAY);
	assert_int_equal(find(s, 1, 31 * DAY, &r), -ERR_NOT_FOUND);
}

static void a_clock_put_back_does_not_shorten_a_session(void **state)
{
	struct support *s = *state;
	CLEANUP(session_record_release) struct session_record r = {0};
	int64_t id = put_session(s, put_user(s, "maria"), 1, 2 * DAY).id;

	assert_int_equal(session_touch(s->c, id, at_second(DAY), &s->e), 0);
	assert_int_equal(find(s, 1, DAY, &r), 0);
	assert_int_equal(r.expires.tv_sec, 2 * DAY + 12 * HOUR);
}

static void a_user_has_at_most_fifty_sessions(void **state)
{
	struct support *s = *state;
	struct session_list l;
	int64_t maria = put_user(s, "maria"), eve = put_user(s, "eve");

	put_session(s, eve, 200, 1000);
	for (unsigned char i = 0; i < SESSION_MOST + 3; i++)
		put_session(s, maria, i, 1000 + i);
	assert_int_equal(session_list_of(s->c, maria, &l, &s->e), 0);
	assert_int_equal(l.n, SESSION_MOST);
	assert_int_equal(l.v[0].hash[0], SESSION_MOST + 2);
	assert_int_equal(l.v[l.n - 1].hash[0], 3);
	session_list_release(&l);
	assert_int_equal(session_list_of(s->c, eve, &l, &s->e), 0);
	assert_int_equal(l.n, 1);
	session_list_release(&l);
}

static void what_has_expired_is_swept_when_a_session_begins(void **state)
{
	struct support *s = *state;
	struct session_list l;
	int64_t maria = put_user(s, "maria"), eve = put_user(s, "eve");

	put_session(s, eve, 1, 1000);
	put_session(s, maria, 2, 1000 + DAY);
	assert_int_equal(session_list_of(s->c, 0, &l, &s->e), 0);
	assert_int_equal(l.n, 1);
	assert_int_equal(l.v[0].user, maria);
	session_list_release(&l);
}

static void a_session_gives_its_user_and_what_it_was_begun_with(void **state)
{
	struct support *s = *state;
	CLEANUP(user_record_release) struct user_record u = {0};
	CLEANUP(session_record_release) struct session_record r = {0};
	int64_t maria = put_user(s, "maria");
	struct session_record begun = put_session(s, maria, 9, DAY);

	assert_int_equal(session_find(s->c, begun.hash, at_second(DAY), &r, &u, &s->e), 0);
	assert_int_equal(r.user, maria);
	assert_string_equal(u.name, "maria");
	assert_int_equal(u.role, ROLE_OPERATOR);
	assert_string_equal(r.csrf, "5ca1ab1e");
	r.id = 4;
	AUTO_FREE char *text = support_json(session_json, &r);
	AUTO_FREE char *want = mem_printf("{\"id\":4,\"user\":%lld,\"user_name\":\"maria\",\"address\":\"10.0.0.7\",\"agent\":\"Firefox\",\"created\":\"1970-01-02T00:00:00Z\","
					  "\"used\":\"1970-01-02T00:00:00Z\",\"expires\":\"1970-01-02T12:00:00Z\"}", (long long)maria);
	assert_string_equal(text, want);
}

/* ---- tokens ---- */

static void a_token_nobody_made_or_that_has_expired_is_not_valid(void **state)
{
	struct support *s = *state;
	int64_t maria = put_user(s, "maria");

	put_token(s, maria, "ci", 1, DAY);
	put_token(s, maria, "for-ever", 2, 0);
	assert_int_equal(find_token(s, 3, 100), -ERR_NOT_FOUND);
	assert_string_equal(s->e.text, "the token is not valid");
	assert_int_equal(find_token(s, 1, DAY - 1), 0);
	assert_int_equal(find_token(s, 1, DAY), -ERR_NOT_FOUND);
	assert_int_equal(find_token(s, 2, 10000 * (time_t)DAY), 0);
	disable(s, maria);
	assert_int_equal(find_token(s, 2, 100), -ERR_NOT_FOUND);
}

static void a_tokens_name_is_its_users_only_once(void **state)
{
	struct support *s = *state;
	int64_t maria = put_user(s, "maria"), eve = put_user(s, "eve");
	struct token_record again = {.user = maria, .name = (char *)"ci", .scope = ROLE_VIEWER, .hash = {7}};

	put_token(s, maria, "ci", 1, 0);
	put_token(s, eve, "ci", 2, 0);
	assert_int_equal(token_add(s->c, &again, &s->e), -ERR_EXISTS);
	assert_string_equal(s->e.text, "the user has a token named \"ci\" already");
	again.name = (char *)"a b";
	assert_int_equal(token_add(s->c, &again, &s->e), -ERR_USAGE);
	assert_string_equal(s->e.text, "a token cannot be called \"a b\"");
}

static void a_token_that_was_removed_is_not_valid(void **state)
{
	struct support *s = *state;
	struct token_record t = put_token(s, put_user(s, "maria"), "ci", 1, 0), back;

	assert_int_equal(token_remove(s->c, t.id, &s->e), 0);
	assert_int_equal(find_token(s, 1, 100), -ERR_NOT_FOUND);
	assert_int_equal(token_remove(s->c, t.id, &s->e), -ERR_NOT_FOUND);
	assert_int_equal(token_get(s->c, t.id, &back, &s->e), -ERR_NOT_FOUND);
	AUTO_FREE char *text = mem_printf("there is no token with the number %lld", (long long)t.id);
	assert_string_equal(s->e.text, text);
}

static void the_last_use_of_a_token_is_known_to_the_minute(void **state)
{
	struct support *s = *state;
	CLEANUP(token_record_release) struct token_record t = {0};
	int64_t id = put_token(s, put_user(s, "maria"), "ci", 1, 3 * DAY).id;

	assert_int_equal(token_touch(s->c, id, at_second(DAY), &s->e), 0);
	assert_int_equal(token_touch(s->c, id, at_second(DAY + 59), &s->e), 0);
	assert_int_equal(token_get(s->c, id, &t, &s->e), 0);
	assert_int_equal(t.used.tv_sec, DAY);
	t.created = at_second(DAY);
	AUTO_FREE char *text = support_json(token_json, &t);
	AUTO_FREE char *want = mem_printf("{\"id\":%lld,\"user\":%lld,\"user_name\":\"maria\",\"name\":\"ci\",\"scope\":\"viewer\",\"created\":\"1970-01-02T00:00:00Z\","
					  "\"used\":\"1970-01-02T00:00:00Z\",\"expires\":\"1970-01-04T00:00:00Z\"}", (long long)id, (long long)t.user);
	assert_string_equal(text, want);
}

static void tokens_are_listed_by_user_and_name(void **state)
{
	struct support *s = *state;
	struct token_list l;
	int64_t maria = put_user(s, "maria"), eve = put_user(s, "eve");

	put_token(s, eve, "a", 1, 0);
	put_token(s, maria, "z", 2, 0);
	put_token(s, maria, "b", 3, 0);
	assert_int_equal(token_list_of(s->c, 0, &l, &s->e), 0);
	assert_int_equal(l.n, 3);
	assert_string_equal(l.v[0].name, "a");
	assert_string_equal(l.v[0].user_name, "eve");
	assert_string_equal(l.v[1].name, "b");
	assert_string_equal(l.v[2].name, "z");
	token_list_release(&l);
	assert_int_equal(token_list_of(s->c, eve, &l, &s->e), 0);
	assert_int_equal(l.n, 1);
	token_list_release(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CATALOG_TEST(a_session_nobody_began_is_not_found),
		CATALOG_TEST(a_session_ends_at_its_time),
		CATALOG_TEST(a_session_of_a_disabled_user_is_not_found),
		CATALOG_TEST(a_session_that_was_removed_has_ended),
		CATALOG_TEST(use_moves_the_end_on_but_not_past_thirty_days),
		CATALOG_TEST(a_clock_put_back_does_not_shorten_a_session),
		CATALOG_TEST(a_user_has_at_most_fifty_sessions),
		CATALOG_TEST(what_has_expired_is_swept_when_a_session_begins),
		CATALOG_TEST(a_session_gives_its_user_and_what_it_was_begun_with),
		CATALOG_TEST(a_token_nobody_made_or_that_has_expired_is_not_valid),
		CATALOG_TEST(a_tokens_name_is_its_users_only_once),
		CATALOG_TEST(a_token_that_was_removed_is_not_valid),
		CATALOG_TEST(the_last_use_of_a_token_is_known_to_the_minute),
		CATALOG_TEST(tokens_are_listed_by_user_and_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
