/* The JSON of records, as tables of their fields: one way to write and to read them.
 *
 *     static const struct field fields[] = {
 *             {"name", FIELD_TEXT, offsetof(struct source_record, name)},
 *             {"overdue_hours", FIELD_U64, offsetof(struct source_record, overdue_hours), .max = 87600},
 *             {"created", FIELD_TIME, offsetof(struct source_record, created), FIELD_OUT},
 *             {0},
 *     };
 */
#ifndef CATALOG_FIELD_H
#define CATALOG_FIELD_H

#include "catalog/catalog.h"

enum field_type {
	FIELD_TEXT,    /* char *; NULL is null. An empty text is read as NULL */
	FIELD_LIST,    /* struct strlist, of texts */
	FIELD_BOOL,    /* bool */
	FIELD_INT,     /* int, not negative */
	FIELD_I64,     /* int64_t, not negative */
	FIELD_U64,     /* uint64_t */
	FIELD_TIME,    /* struct timespec: RFC 3339 in UTC; zero is null */
	FIELD_SECRET,  /* struct secret; FIELD_IN only. null and "" empty it */
};
enum field_flags {
	FIELD_OUT = 1 << 0,    /* only written; passed over when read, so that what was written can be read back */
	FIELD_IN = 1 << 1,     /* only read */
	FIELD_COMPUTED = FIELD_OUT | FIELD_IN,    /* the caller writes it; passed over when read */
};
struct field {
	const char *name;
	enum field_type type;
	size_t at;             /* offsetof() in the record */
	unsigned flags;
	uint64_t max;          /* of a number (0: what its type holds); bytes of a text or of each of a list (0: FIELD_TEXT_MAX) */
	const char *choices;   /* of a text: "auto|full|none"; or NULL */
};
#define FIELD_TEXT_MAX 4096
#define FIELD_LIST_MAX 1000    /* texts in a list */

/* As members of an object that is begun. */
void field_write(const struct field *table, const void *record, struct json_out *w);
/* The value of the member that json_member() has come to. A field that the record has already is replaced. -ERR_USAGE names what is wrong:
 * "a source has no field "nmae"", "the field "check" of a source cannot be "twice"; it is one of: auto, full, none". */
int field_read(const struct field *table, const char *what, void *record, struct json *j, struct error *e) MUST_USE;
/* All members of an object, each by field_read(). What is no object, or no JSON, is -ERR_USAGE too; json_finish() is the caller's. */
int field_read_all(const struct field *table, const char *what, void *record, struct json *j, struct error *e) MUST_USE;

#endif
