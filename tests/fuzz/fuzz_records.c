/* Any bytes as the JSON of a configured source, repository, schedule or notice: what is accepted is, of the first two, read alike after writing it. */
#include "base/mem.h"
#include "catalog/notice.h"
#include "catalog/place.h"
#include "catalog/schedule.h"
#include "catalog/source.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

/* `read` says yes, or what is wrong. */
#define READ(read, record, data, size, e) \
	__extension__({ \
		struct json j_; \
		*(e) = (struct error){0}; \
		json_init(&j_, data, size); \
		int rc_ = read(record, &j_, e); \
		json_release(&j_); \
		demand(rc_ == 0 || (rc_ < 0 && (e)->text[0])); \
		rc_; \
	})
#define TEXT(write, record, to) \
	do { \
		struct json_out w_; \
		jw_init(&w_, to); \
		write(record, &w_); \
	} while (0)

static void read_source(const uint8_t *data, size_t size)
{
	CLEANUP(source_record_release) struct source_record s = {0}, again = {0};
	CLEANUP(buf_release) struct buf one = BUF_INIT, two = BUF_INIT;
	struct error e;

	if (READ(source_from_json, &s, data, size, &e))
		return;
	s.shown = mem_string(s.url ? s.url : "");
	TEXT(source_json, &s, &one);
	demand(READ(source_from_json, &again, one.p, one.len, &e) == 0);
	again.shown = mem_string(s.shown);
	TEXT(source_json, &again, &two);
	demand(one.len == two.len && memcmp(one.p, two.p, one.len) == 0);
}

static void read_place(const uint8_t *data, size_t size)
{
	CLEANUP(place_record_release) struct place_record p = {0}, again = {0};
	CLEANUP(buf_release) struct buf one = BUF_INIT, two = BUF_INIT;
	struct error e;

	if (READ(place_from_json, &p, data, size, &e))
		return;
	TEXT(place_json, &p, &one);
	demand(READ(place_from_json, &again, one.p, one.len, &e) == 0);
	secret_set(&again.password, p.password.p, p.password.len);
	TEXT(place_json, &again, &two);
	demand(one.len == two.len && memcmp(one.p, two.p, one.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(schedule_record_release) struct schedule_record s = {0};
	CLEANUP(notice_record_release) struct notice_record n = {0};
	struct error e;

	read_source(data, size);
	read_place(data, size);
	(void)READ(schedule_from_json, &s, data, size, &e);
	(void)READ(notice_from_json, &n, data, size, &e);
	return 0;
}
