/* A catalog in a folder of its own for each test: setup and teardown of cmocka's cmocka_unit_test_setup_teardown(). */
#ifndef TEST_CATALOG_SUPPORT_H
#define TEST_CATALOG_SUPPORT_H

#include "base/mem.h"
#include "catalog/catalog.h"

#define CATALOG_TEST(f) cmocka_unit_test_setup_teardown(f, support_setup, support_teardown)

struct support {
	char *dir;
	struct catalog *c;
	struct error e;
};
int support_setup(void **state);
int support_teardown(void **state);
/* Another connection to the same catalog; the caller's to close. */
struct catalog *support_open(const struct support *s);
/* What `write(record, writer)` says, as text; heap. */
#define support_json(write, record) \
	__extension__({ \
		struct buf b_ = BUF_INIT; \
		struct json_out w_; \
		jw_init(&w_, &b_); \
		write(record, &w_); \
		buf_take_text(&b_); \
	})
/* Run fn(s, i) in n processes that begin at the same moment, each with a catalog of its own in s->c; it returns 0, or the
 * exit code that the process is to have. Gives how many returned 0. */
int support_at_once(struct support *s, int n, int (*fn)(struct support *s, int i));
/* Whether any file in the state folder holds these bytes. Opens the catalog anew: to read and close its file would drop the
 * locks that this process holds on it. */
bool support_on_disk(struct support *s, const char *text);

#endif
