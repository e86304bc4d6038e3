/* Messages on their way. */
#include "base/mem.h"
#include "catalog/db.h"
#include "catalog/field.h"
#include "catalog/notice.h"

#include <stdlib.h>
#include <string.h>

#define AT_ONCE 100
#define SELECT \
	"SELECT d.id, d.notice, n.name, d.event, d.title, d.text, d.source, d.job, d.tries, d.created, d.not_before, d.sent, d.error, d.given_up " \
	"FROM delivery d JOIN notice n ON n.id = d.notice"
/* In the words of the indexes for them. */
#define WAITING "sent IS NULL AND NOT given_up"
#define FAILED "given_up = 1"

void delivery_record_release(struct delivery_record *d)
{
	free(d->name);
	free(d->title);
	free(d->text);
	free(d->source);
	free(d->job);
	free(d->error);
	*d = (struct delivery_record){0};
}

void delivery_list_release(struct delivery_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		delivery_record_release(&l->v[i]);
	free(l->v);
	*l = (struct delivery_list){0};
}

static struct delivery_record read_row(const struct db_row *q)
{
	struct delivery_record d = {
		.id = db_i64(q, 0),
		.notice = db_i64(q, 1),
		.name = db_dup(q, 2),
		.event = NOTICE_TEST,
		.title = db_dup(q, 4),
		.text = db_dup(q, 5),
		.source = db_dup(q, 6),
		.job = db_dup(q, 7),
		.tries = (int)db_i64(q, 8),
		.created = db_time(q, 9),
		.not_before = db_time(q, 10),
		.sent = db_time(q, 11),
		.error = db_dup(q, 12),
		.given_up = db_bool(q, 13),
	};

	/* One that a newer Backstay knows is left as it is. */
	(void)notice_event_parse(db_text(q, 3), &d.event);
	return d;
}

static int read_all(struct db_row *q, int rc, struct delivery_list *out, struct error *e)
{
	*out = (struct delivery_list){0};
	while (!rc && db_next(q, &rc, e)) {
		GROW(out->v, out->n, out->cap);
		out->v[out->n++] = read_row(q);
	}
	db_done(q);
	if (rc)
		delivery_list_release(out);
	return rc;
}

int delivery_add(struct catalog *c, struct delivery_record *d, struct error *e)
{
	d->created = time_now();
	if (!d->not_before.tv_sec)
		d->not_before = d->created;
	int rc = db_run(c, e, "INSERT INTO delivery (notice, event, title, text, source, job, created, not_before) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", "issssstt",
			d->notice, notice_event_name(d->event), d->title, d->text, d->source, d->job, d->created, d->not_before);

	d->id = rc ? 0 : db_last_id(c);
	return rc;
}

int delivery_due(struct catalog *c, struct timespec now, struct delivery_list *out, struct error *e)
{
	struct db_row q;
	int rc = db_query(c, &q, e, SELECT " WHERE d.sent IS NULL AND NOT d.given_up AND d.not_before <= ?1 ORDER BY d.id LIMIT ?2", "ti", now, (int64_t)AT_ONCE);

	return read_all(&q, rc, out, e);
}

int delivery_next(struct catalog *c, struct timespec *out, struct error *e)
{
	struct db_row q;
	int rc = db_query(c, &q, e, "SELECT min(not_before) FROM delivery WHERE " WAITING, "");

	*out = (struct timespec){0};
	if (!rc && db_next(&q, &rc, e))
		*out = db_time(&q, 0);
	db_done(&q);
	return rc;
}

int delivery_update(struct catalog *c, const struct delivery_record *d, struct error *e)
{
	return db_run(c, e, "UPDATE delivery SET tries = ?2, not_before = ?3, sent = ?4, error = ?5, given_up = ?6 WHERE id = ?1", "iittsi", d->id, (int64_t)d->tries, d->not_before,
		      d->sent, d->error, (int64_t)d->given_up);
}

int delivery_remove(struct catalog *c, int64_t id, struct error *e)
{
	return db_run(c, e, "DELETE FROM delivery WHERE id = ?1", "i", id);
}

int delivery_postpone(struct catalog *c, int64_t notice, struct timespec until, struct error *e)
{
	return db_run(c, e, "UPDATE delivery SET not_before = ?2 WHERE notice = ?1 AND " WAITING " AND not_before < ?2", "it", notice, until);
}

int delivery_is_outdated(struct catalog *c, const struct delivery_record *d, bool *out, struct error *e)
{
	int64_t newer = 0;
	int rc = db_number(c, &newer, e, "SELECT EXISTS (SELECT 1 FROM delivery WHERE notice = ?1 AND id > ?2 AND event NOT IN ('test', 'start'))", "ii", d->notice, d->id);

	*out = newer != 0;
	return rc;
}

int delivery_list_some(struct catalog *c, const char *notice, bool only_failed, const struct catalog_page *p, struct delivery_list *out, uint64_t *total, struct error *e)
{
	CLEANUP(db_filter_release) struct db_filter f = {0};
	struct db_row q;

	if (only_failed)
		db_filter_add(&f, FAILED, 0);
	if (notice)
		db_filter_add(&f, "notice = (SELECT id FROM notice WHERE name = ?)", 's', notice);
	int rc = db_query_filter(c, &q, e, SELECT, &f, "d.id DESC", p);

	rc = read_all(&q, rc, out, e);
	if (!rc && total)
		rc = db_count_filter(c, total, e, "delivery", &f, p, out->n);
	if (rc)
		delivery_list_release(out);
	return rc;
}

int delivery_seen(struct catalog *c, int64_t notice, uint64_t *removed, struct error *e)
{
	int rc = db_run(c, e, "DELETE FROM delivery WHERE " FAILED " AND (?1 = 0 OR notice = ?1)", "i", notice);

	*removed = rc ? 0 : (uint64_t)db_changed(c);
	return rc;
}

int delivery_forget_old(struct catalog *c, struct timespec before, struct error *e)
{
	return db_run(c, e, "DELETE FROM delivery WHERE created < ?1 AND NOT (" WAITING ")", "t", before);
}

int delivery_count(struct catalog *c, uint64_t *waiting, uint64_t *failed, struct error *e)
{
	int64_t n = 0, bad = 0;
	int rc = db_number(c, &n, e, "SELECT count(*) FROM delivery WHERE " WAITING, "");

	if (!rc)
		rc = db_number(c, &bad, e, "SELECT count(*) FROM delivery WHERE " FAILED, "");
	*waiting = (uint64_t)n;
	*failed = (uint64_t)bad;
	return rc;
}

void delivery_troubles_release(struct delivery_troubles *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->v[i].name);
		free(t->v[i].error);
	}
	free(t->v);
	*t = (struct delivery_troubles){0};
}

int delivery_trouble_list(struct catalog *c, struct delivery_troubles *out, struct error *e)
{
	struct db_row q;
	int rc = db_query(c, &q, e,
			  "SELECT n.name, t.given_up, t.waiting, x.error FROM (SELECT notice, sum(given_up) AS given_up, sum(NOT given_up) AS waiting, "
			  "max(CASE WHEN error IS NULL THEN 0 ELSE id END) AS newest "
			  "FROM (SELECT * FROM delivery WHERE " FAILED " UNION ALL SELECT * FROM delivery WHERE " WAITING ") GROUP BY notice) AS t "
			  "JOIN delivery AS x ON x.id = t.newest JOIN notice AS n ON n.id = t.notice ORDER BY n.name",
			  "");

	*out = (struct delivery_troubles){0};
	while (!rc && db_next(&q, &rc, e)) {
		GROW(out->v, out->n, out->cap);
		out->v[out->n++] = (struct delivery_trouble){.name = db_dup(&q, 0), .given_up = db_u64(&q, 1), .waiting = db_u64(&q, 2), .error = db_dup(&q, 3)};
	}
	db_done(&q);
	if (rc)
		delivery_troubles_release(out);
	return rc;
}

static const char *state_of(const struct delivery_record *d)
{
	if (d->sent.tv_sec)
		return d->given_up ? "partly" : "sent";
	return d->given_up ? "failed" : "waiting";
}

void delivery_json(const struct delivery_record *d, struct json_out *w)
{
	jw_object(w);
	jw_kv_i64(w, "id", d->id);
	jw_kv_string(w, "notice", d->name);
	jw_kv_string(w, "event", notice_event_name(d->event));
	jw_kv_string(w, "state", state_of(d));
	jw_kv_string(w, "title", d->title);
	jw_kv_string(w, "text", d->text);
	jw_kv_string(w, "source", d->source);
	jw_kv_string(w, "job", d->job);
	jw_kv_i64(w, "tries", d->tries);
	jw_kv_time(w, "created", d->created);
	jw_kv_time(w, "next_try", d->sent.tv_sec || d->given_up ? (struct timespec){0} : d->not_before);
	jw_kv_time(w, "sent", d->sent);
	jw_kv_string(w, "error", d->error);
	jw_object_end(w);
}
