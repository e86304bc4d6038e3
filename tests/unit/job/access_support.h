/* A catalog in the room's state folder, and users whose passwords cost nothing to check. */
#ifndef TESTS_UNIT_JOB_ACCESS_SUPPORT_H
#define TESTS_UNIT_JOB_ACCESS_SUPPORT_H

#include "support.h"

#include "base/codec.h"
#include "base/digest.h"
#include "base/log.h"
#include "catalog/audit.h"
#include "job/access.h"

static struct catalog *catalog;

static inline int catalog_enter(void **state)
{
	struct error e = {0};

	room_enter(state);
	log_setup(LOG_ERROR, false);
	assert_ok(fs_make_dirs(at("state"), 0700, &e));
	assert_ok(catalog_open(at("state"), &catalog, &e));
	return 0;
}

static inline int catalog_leave(void **state)
{
	catalog_close(catalog);
	return room_leave(state);
}
#define WITH_CATALOG(test) cmocka_unit_test_setup_teardown(test, catalog_enter, catalog_leave)

static inline void secret_text(struct secret *s, const char *text)
{
	secret_set(s, text, strlen(text));
}

static inline char *cheap_hash(const char *password)
{
	CLEANUP(secret_release) struct secret s = {0};
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	unsigned char hash[32];
	struct error e = {0};

	secret_text(&s, password);
	assert_ok(digest_scrypt(&(struct digest_cost){2, 1, 1}, &s, "salt", 4, hash, sizeof hash, &e));
	buf_add_str(&text, "scrypt$1$1$1$c2FsdA==$");
	base64_encode(hash, sizeof hash, &text);
	return buf_take_text(&text);
}

static inline void put_user(const char *name, enum role role, const char *password, struct user_record *out)
{
	struct error e = {0};

	*out = (struct user_record){.name = mem_string(name), .role = role, .password = cheap_hash(password)};
	assert_ok(user_add(catalog, out, &e));
}

/* The audit trail, oldest first: "who action object (details) @address", a line each. Heap. */
static inline char *audit_text(void)
{
	CLEANUP(audit_list_release) struct audit_list l = {0};
	CLEANUP(strlist_release) struct strlist lines = {0};
	struct audit_filter any = {0};
	struct catalog_page page = {.limit = 1000};
	struct error e = {0};

	assert_ok(audit_list_some(catalog, &any, &page, &l, NULL, &e));
	for (size_t i = l.n; i-- > 0;) {
		const struct audit_record *a = &l.v[i];
		AUTO_FREE char *details = a->details ? mem_printf(" (%s)", a->details) : mem_string("");

		strlist_addf(&lines, "%s %s %s%s @%s", a->who, a->action, a->object ? a->object : "-", details, a->address ? a->address : "-");
	}
	return strlist_join(&lines, "\n");
}

static inline void assert_audit(const char *text)
{
	AUTO_FREE char *found = audit_text();

	assert_string_equal(found, text);
}

#endif
