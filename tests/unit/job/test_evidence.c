#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "job/verify.h"

#define REPOSITORY "0123"

static struct backup a_backup(const char *of)
{
	struct backup b = {0};

	id_hash(&b.snapshot.id, of, strlen(of));
	return b;
}

static void save(const struct backup *b, enum verify_level level, bool ok)
{
	struct verify_result v = {.backup = b->snapshot.id, .reached = level, .ok = ok};
	struct error e;

	strlist_add(&v.evidence, "every byte read back");
	assert_ok(evidence_save(REPOSITORY, &b->snapshot, &v, &e));
	verify_result_release(&v);
}

/* "state/evidence/..." of a backup; valid for a few calls. */
static const char *file_of(const struct backup *b)
{
	static char text[2][200];
	static unsigned next;
	char hex[ID_HEX_LEN + 1], *out = text[next++ % 2];

	snprintf(out, 200, "state/evidence/" REPOSITORY "/%s.json", id_hex(&b->snapshot.id, hex));
	return out;
}

static void assert_not_verified(struct backup *b, const char *repository)
{
	evidence_load(repository, b);
	assert_int_equal(b->level, LEVEL_NONE);
	assert_false(b->verify_failed);
}

static void evidence_of_another_backup_or_repository_is_none(void **state)
{
	struct backup one = a_backup("one"), two = a_backup("two");

	save(&one, LEVEL_COMPARED, true);
	assert_not_verified(&two, REPOSITORY);
	assert_not_verified(&one, "4567");
	assert_int_equal(rename(at(file_of(&one)), at(file_of(&two))), 0);
	assert_not_verified(&two, REPOSITORY);
	assert_int_equal(rename(at(file_of(&two)), at(file_of(&one))), 0);
	assert_int_equal(rename(at("state/evidence/" REPOSITORY), at("state/evidence/4567")), 0);
	assert_not_verified(&one, "4567");
}

static void broken_evidence_is_none(void **state)
{
	static const char *const broken[] = {
		"",
		"{",
		"[]",
		"{\"level\": 5}",
		"{\"repository\":\"0123\",\"backup\":\"%s\",\"level\":5,\"ok\":true}",
		"{\"repository\":\"0123\",\"backup\":\"%s\",\"level\":1,\"ok\":true,\"time\":\"yesterday\"}"};
	struct backup b = a_backup("one");
	char hex[ID_HEX_LEN + 1], text[300];

	save(&b, LEVEL_BYTES, true);
	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		snprintf(text, sizeof text, broken[i], id_hex(&b.snapshot.id, hex));
		put_file(file_of(&b), text);
		assert_not_verified(&b, REPOSITORY);
	}
}

static void what_was_shown_is_kept_in_private_and_believed(void **state)
{
	const struct timespec t = {.tv_sec = 1795245245};
	struct backup b = a_backup("one");

	time_freeze(&t);
	save(&b, LEVEL_RESTORED, true);
	evidence_load(REPOSITORY, &b);
	assert_int_equal(b.level, LEVEL_RESTORED);
	assert_false(b.verify_failed);
	assert_int_equal(b.verified.tv_sec, t.tv_sec);
	assert_int_equal(mode_of(file_of(&b)), 0600);
	assert_int_equal(mode_of("state/evidence"), 0700);
}

static void the_last_verification_counts(void **state)
{
	struct backup b = a_backup("one");

	save(&b, LEVEL_RESTORED, true);
	save(&b, LEVEL_NONE, false);
	evidence_load(REPOSITORY, &b);
	assert_int_equal(b.level, LEVEL_NONE);
	assert_true(b.verify_failed);
}

static void dropped_evidence_is_gone(void **state)
{
	struct backup b = a_backup("one");

	save(&b, LEVEL_BYTES, true);
	evidence_drop(REPOSITORY, &b.snapshot);
	assert_not_verified(&b, REPOSITORY);
	assert_names("state/evidence/" REPOSITORY, "");
	evidence_drop(REPOSITORY, &b.snapshot);
}

static void it_follows_a_backup_whose_tags_change_and_not_one_whose_content_does(void **state)
{
	struct backup before = a_backup("one"), after = a_backup("two");

	save(&before, LEVEL_STRUCTURE, true);
	after.snapshot.has_original = true;
	after.snapshot.original = before.snapshot.id;
	evidence_load(REPOSITORY, &after);
	assert_int_equal(after.level, LEVEL_STRUCTURE);
	after = a_backup("three");
	after.snapshot.has_original = true;
	after.snapshot.original = before.snapshot.id;
	id_hash(&after.snapshot.tree, "other", 5);
	assert_not_verified(&after, REPOSITORY);
}

static void a_place_that_cannot_be_written_is_an_error(void **state)
{
	struct verify_result v = {.ok = true};
	struct backup b = a_backup("one");
	struct error e;

	put_file("state", "no folder");
	e = (struct error){0};
	assert_true(evidence_save(REPOSITORY, &b.snapshot, &v, &e) < 0);
	assert_memory_equal(e.text, "keeping the result of the verification: ", 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ROOM(evidence_of_another_backup_or_repository_is_none),
		IN_ROOM(broken_evidence_is_none),
		IN_ROOM(what_was_shown_is_kept_in_private_and_believed),
		IN_ROOM(the_last_verification_counts),
		IN_ROOM(dropped_evidence_is_gone),
		IN_ROOM(it_follows_a_backup_whose_tags_change_and_not_one_whose_content_does),
		IN_ROOM(a_place_that_cannot_be_written_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
