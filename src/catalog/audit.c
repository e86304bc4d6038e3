#include "catalog/audit.h"

#include "base/codec.h"
#include "base/digest.h"
#include "base/mem.h"
#include "catalog/db.h"
#include "catalog/field.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_HASH "0000000000000000000000000000000000000000000000000000000000000000"
enum { NAME_MAX_BYTES = 200, DETAILS_MAX_BYTES = 2000 };

void audit_record_release(struct audit_record *a)
{
	free(a->who);
	free(a->address);
	free(a->action);
	free(a->object);
	free(a->details);
	*a = (struct audit_record){0};
}

void audit_list_release(struct audit_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		audit_record_release(&l->v[i]);
	free(l->v);
	*l = (struct audit_list){0};
}

/* ---- the chain ---- */

/* "5:maria", "-" for NULL: no two rows are the same text. */
static void add_field(struct buf *b, const char *text)
{
	if (text)
		buf_printf(b, "%zu:%s\n", strlen(text), text);
	else
		buf_add_str(b, "-\n");
}

static void hash_of(const char *before, const struct audit_record *a, char out[65])
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	unsigned char digest[DIGEST_SHA256];
	buf_printf(&b, "%s\n%" PRId64 "\n%" PRId64 "\n", before, a->id, (int64_t)a->time.tv_sec * 1000000 + a->time.tv_nsec / 1000);
	add_field(&b, a->who);
	add_field(&b, a->address);
	add_field(&b, a->action);
	add_field(&b, a->object);
	add_field(&b, a->details);
	digest_sha256(b.p, b.len, digest);
	hex_encode(digest, sizeof digest, out);
}

static int last_row(struct catalog *c, int64_t *id, char hash[65], struct error *e)
{
	struct db_row q;
	*id = 0;
	memcpy(hash, FIRST_HASH, 65);
	int rc = db_query(c, &q, e, "SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1", "");
	if (!rc && db_next(&q, &rc, e)) {
		*id = db_i64(&q, 0);
		snprintf(hash, 65, "%s", db_text(&q, 1));
	}
	db_done(&q);
	return rc;
}

/* ---- adding ---- */

/* What comes from outside (the name in a failed login) has no end of its own. */
static char *cut(const char *text, size_t max)
{
	return text ? mem_string_n(text, strnlen(text, max)) : NULL;
}

static int insert(struct catalog *c, struct audit_record *a, struct error *e)
{
	char before[65];
	int rc = last_row(c, &a->id, before, e);
	if (rc)
		return rc;
	a->id++;
	hash_of(before, a, a->hash);
	return db_run(c, e, "INSERT INTO audit (id, time, who, address, action, object, details, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", "itssssss",
		a->id, a->time, a->who, a->address, a->action, a->object, a->details, a->hash);
}

int audit_add(struct catalog *c, const char *who, const char *address, const char *action, const char *object, struct error *e, const char *details, ...)
{
	AUTO_FREE char *text = NULL;
	if (details) {
		va_list ap;
		va_start(ap, details);
		text = mem_vprintf(details, ap);
		va_end(ap);
	}
	CLEANUP(audit_record_release) struct audit_record a = {
		.time = time_now(), .who = cut(who ? who : "-", NAME_MAX_BYTES), .address = cut(address, NAME_MAX_BYTES), .action = mem_string(action),
		.object = cut(object, NAME_MAX_BYTES), .details = cut(text && *text ? text : NULL, DETAILS_MAX_BYTES),
	};
	int rc = catalog_begin(c, e);
	if (rc)
		return rc;
	rc = insert(c, &a, e);
	return catalog_end(c, rc, e);
}

/* ---- reading ---- */

static int read_row(const struct db_row *q, void *record, struct error *e)
{
	struct audit_record *a = record;
	*a = (struct audit_record){
		.id = db_i64(q, 0), .time = db_time(q, 1), .who = db_dup(q, 2), .address = db_dup(q, 3), .action = db_dup(q, 4),
		.object = db_dup(q, 5), .details = db_dup(q, 6),
	};
	snprintf(a->hash, sizeof a->hash, "%s", db_text(q, 7));
	return 0;
}

#define COLUMNS "SELECT id, time, who, address, action, object, details, hash FROM audit"

int audit_list_some(struct catalog *c, const struct audit_filter *f, const struct catalog_page *p, struct audit_list *out, uint64_t *total, struct error *e)
{
	CLEANUP(db_filter_release) struct db_filter d = {0};
	struct db_row q;
	if (f->who)
		db_filter_text(&d, "who LIKE ? ESCAPE '\\'", f->who);
	if (f->action)
		db_filter_add(&d, "action = ?", 's', f->action);
	if (f->object)
		db_filter_add(&d, "object = ?", 's', f->object);
	if (f->after.tv_sec)
		db_filter_add(&d, "time >= ?", 't', f->after);
	if (f->before.tv_sec)
		db_filter_add(&d, "time < ?", 't', f->before);
	int rc = db_query_filter(c, &q, e, COLUMNS, &d, "id DESC", p);
	rc = db_all(&q, rc, read_row, out, sizeof *out->v, e);
	if (!rc && total)
		rc = db_count_filter(c, total, e, "audit", &d, p, out->n);
	if (rc)
		audit_list_release(out);
	return rc;
}

/* The ids are a row without gaps: the row `next` must be this one. */
static int check_row(const struct audit_record *a, int64_t next, const char *before, struct error *e)
{
	char hash[65];
	hash_of(before, a, hash);
	if (a->id != next)
		return error_set(e, ERR_CORRUPT, "audit row %" PRId64 " is missing", next);
	if (strcmp(hash, a->hash) != 0)
		return error_set(e, ERR_CORRUPT, "audit row %" PRId64 " is not what was written", a->id);
	return 0;
}

int audit_check(struct catalog *c, uint64_t *rows, struct error *e)
{
	char before[65] = FIRST_HASH;
	int64_t last;
	struct db_row q;
	*rows = 0;
	int rc = db_query(c, &q, e, COLUMNS " ORDER BY id", "");
	while (!rc && db_next(&q, &rc, e)) {
		CLEANUP(audit_record_release) struct audit_record a;
		rc = read_row(&q, &a, e);
		if (!rc)
			rc = check_row(&a, (int64_t)*rows + 1, before, e);
		memcpy(before, a.hash, sizeof before);
		*rows += !rc;
	}
	db_done(&q);
	/* SQLite remembers the highest id that there ever was. */
	if (!rc)
		rc = db_number(c, &last, e, "SELECT seq FROM sqlite_sequence WHERE name = 'audit'", "");
	if (!rc && last > (int64_t)*rows)
		rc = error_set(e, ERR_CORRUPT, "audit row %" PRIu64 " is missing", *rows + 1);
	return rc;
}

#define FIELD(name, type) {#name, type, offsetof(struct audit_record, name), FIELD_OUT}
static const struct field fields[] = {
	FIELD(id, FIELD_I64), FIELD(time, FIELD_TIME), FIELD(who, FIELD_TEXT), FIELD(address, FIELD_TEXT), FIELD(action, FIELD_TEXT),
	FIELD(object, FIELD_TEXT), FIELD(details, FIELD_TEXT), {0},
};

void audit_json(const struct audit_record *a, struct json_out *w)
{
	jw_object(w);
	field_write(fields, a, w);
	jw_kv_string(w, "hash", a->hash);
	jw_object_end(w);
}
