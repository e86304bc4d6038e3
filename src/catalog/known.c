#include "catalog/known.h"

#include "base/mem.h"
#include "catalog/db.h"
#include "catalog/field.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_LEN 64
/* As the index backup_good says it, so that it is used. */
#define GOOD "backup.partial + backup.verify_failed + backup.safety = 0"

const char *known_level_name(int level)
{
	static const char *const names[] = {"none", "bytes", "structure", "restored", "compared"};
	return level >= 0 && (size_t)level < ARRAY_LEN(names) ? names[level] : "none";
}

void known_backup_release(struct known_backup *b)
{
	free(b->original);
	free(b->name);
	free(b->description);
	free(b->host);
	free(b->job);
	free(b->author);
	free(b->notes);
	strlist_release(&b->tags);
	strlist_release(&b->evidence);
	for (size_t i = 0; i < b->source_count; i++) {
		free(b->sources[i].name);
		free(b->sources[i].engine);
		free(b->sources[i].shown);
	}
	free(b->sources);
	*b = (struct known_backup){0};
}

void known_list_release(struct known_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		known_backup_release(&l->v[i]);
	free(l->v);
	*l = (struct known_list){0};
}

/* ---- writing ---- */

/* All that a search looks at. Heap. */
static char *search_text(const struct known_backup *b)
{
	struct buf t = BUF_INIT;
	buf_printf(&t, "%s\n%s", b->name, b->description ? b->description : "");
	for (size_t i = 0; i < b->source_count; i++)
		buf_printf(&t, "\n%s\n%s", b->sources[i].name, b->sources[i].shown);
	return buf_take_text(&t);
}

static int put_row(struct catalog *c, const struct known_backup *b, int64_t *n, struct error *e)
{
	AUTO_FREE char *search = search_text(b);
	return db_number(c, n, e,
		"INSERT INTO backup (place, id, original, time, name, description, host, tags, bytes, added, seconds, safety, imported, partial, "
		"pinned, \"foreign\", level, verify_failed, verified, evidence, job, search) "
		"VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22) "
		"ON CONFLICT (place, id) DO UPDATE SET original = excluded.original, time = excluded.time, name = excluded.name, "
		"description = excluded.description, host = excluded.host, tags = excluded.tags, bytes = excluded.bytes, added = excluded.added, "
		"seconds = excluded.seconds, safety = excluded.safety, imported = excluded.imported, partial = excluded.partial, "
		"pinned = excluded.pinned, \"foreign\" = excluded.\"foreign\", level = excluded.level, verify_failed = excluded.verify_failed, "
		"verified = excluded.verified, evidence = excluded.evidence, job = excluded.job, search = excluded.search RETURNING n",
		"isstsssluudiiiiiiitlss", b->place, b->id, b->original, b->time, b->name, b->description, b->host, &b->tags, b->bytes, b->added,
		b->seconds, (int64_t)b->safety, (int64_t)b->imported, (int64_t)b->partial, (int64_t)b->pinned, (int64_t)b->foreign,
		(int64_t)b->level, (int64_t)b->verify_failed, b->verified, &b->evidence, b->job, search);
}

static int put_source(struct catalog *c, int64_t n, size_t i, const struct known_backup *b, struct error *e)
{
	const struct known_source *s = &b->sources[i];
	return db_run(c, e,
		"INSERT INTO backup_source (backup, i, name, engine, shown, time, safety, bytes, rows, tables, files) "
		"VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
		"iissstiuuuu", n, (int64_t)i, s->name, s->engine, s->shown, b->time, (int64_t)b->safety, s->bytes, s->rows, s->tables, s->files);
}

int known_put(struct catalog *c, const struct known_backup *b, struct error *e)
{
	int64_t n = 0;
	int rc = catalog_begin(c, e);
	if (rc)
		return rc;
	rc = put_row(c, b, &n, e);
	if (!rc)
		rc = db_run(c, e, "DELETE FROM backup_source WHERE backup = ?1", "i", n);
	for (size_t i = 0; !rc && i < b->source_count; i++)
		rc = put_source(c, n, i, b, e);
	return catalog_end(c, rc, e);
}

int known_remove(struct catalog *c, int64_t place, const char *id, struct error *e)
{
	return db_run(c, e, "DELETE FROM backup WHERE place = ?1 AND id = ?2", "is", place, id);
}

int known_drop(struct catalog *c, int64_t place, const struct strlist *ids, struct error *e)
{
	return db_run(c, e, "DELETE FROM backup WHERE place = ?1 AND id IN (SELECT value FROM json_each(?2))", "il", place, ids);
}

/* ---- reading ---- */

#define COLUMNS \
	"SELECT backup.n, backup.id, backup.original, backup.place, backup.time, backup.name, backup.description, backup.host, backup.tags, " \
	"backup.bytes, backup.added, backup.seconds, backup.safety, backup.imported, backup.partial, backup.pinned, backup.\"foreign\", " \
	"backup.level, backup.verify_failed, backup.verified, backup.evidence, backup.job, " \
	"(SELECT author FROM job WHERE id = backup.job), (SELECT notes FROM job WHERE id = backup.job)"
enum column {
	N, ID, ORIGINAL, PLACE, TIME, NAME, DESCRIPTION, HOST, TAGS, BYTES, ADDED, SECONDS, SAFETY, IMPORTED, PARTIAL, PINNED, FOREIGN, LEVEL,
	VERIFY_FAILED, VERIFIED, EVIDENCE, JOB, AUTHOR, NOTES
};

static int read_sources(struct catalog *c, int64_t n, struct known_backup *b, struct error *e)
{
	struct db_row q;
	size_t cap = 0;
	int rc = db_query(c, &q, e, "SELECT name, engine, shown, bytes, rows, tables, files FROM backup_source WHERE backup = ?1 ORDER BY i", "i", n);
	while (!rc && db_next(&q, &rc, e)) {
		GROW(b->sources, b->source_count, cap);
		b->sources[b->source_count++] = (struct known_source){
			.name = db_dup(&q, 0), .engine = db_dup(&q, 1), .shown = db_dup(&q, 2), .bytes = db_u64(&q, 3), .rows = db_u64(&q, 4),
			.tables = db_u64(&q, 5), .files = db_u64(&q, 6),
		};
	}
	db_done(&q);
	return rc;
}

static int read_row(const struct db_row *q, void *record, struct error *e)
{
	struct known_backup *b = record;
	*b = (struct known_backup){
		.original = db_dup(q, ORIGINAL), .place = db_i64(q, PLACE), .time = db_time(q, TIME), .name = db_dup(q, NAME),
		.description = db_dup(q, DESCRIPTION), .host = db_dup(q, HOST), .bytes = db_u64(q, BYTES), .added = db_u64(q, ADDED),
		.seconds = db_double(q, SECONDS), .safety = db_bool(q, SAFETY), .imported = db_bool(q, IMPORTED), .partial = db_bool(q, PARTIAL),
		.pinned = db_bool(q, PINNED), .foreign = db_bool(q, FOREIGN), .level = (int)db_i64(q, LEVEL),
		.verify_failed = db_bool(q, VERIFY_FAILED), .verified = db_time(q, VERIFIED), .job = db_dup(q, JOB),
		.author = db_dup(q, AUTHOR), .notes = db_dup(q, NOTES),
	};
	snprintf(b->id, sizeof b->id, "%s", db_text(q, ID));
	db_list(q, TAGS, &b->tags);
	db_list(q, EVIDENCE, &b->evidence);
	int rc = read_sources(q->c, db_i64(q, N), b, e);
	if (rc)
		known_backup_release(b);
	return rc;
}

/* ---- one by its id ---- */

/* The row that `id` means: one that has it now goes before one that had it. 0 in *n: none. */
static int find(struct catalog *c, const char *id, int64_t *n, struct error *e)
{
	AUTO_FREE char *end = mem_printf("%sg", id);
	struct db_row q;
	*n = 0;
	int rc = db_query(c, &q, e,
		"SELECT min(n), id FROM (SELECT n, id, 0 AS once FROM backup WHERE id >= ?1 AND id < ?2 "
		"UNION ALL SELECT n, id, 1 FROM backup WHERE original >= ?1 AND original < ?2) GROUP BY id ORDER BY min(once) LIMIT 2", "ss", id, end);
	if (!rc && db_next(&q, &rc, e))
		*n = db_i64(&q, 0);
	if (!rc && *n && strlen(id) < ID_LEN && db_next(&q, &rc, e))
		rc = error_set(e, ERR_USAGE, "%s is ambiguous: several backups of the catalog begin with it", id);
	db_done(&q);
	return rc;
}

static int not_known(const char *id, struct error *e)
{
	return error_set(e, ERR_NOT_FOUND, "the catalog knows no backup %s", id);
}

int known_get(struct catalog *c, const char *id, struct known_backup *out, struct error *e)
{
	size_t len = strlen(id);
	struct db_row q;
	int64_t n = 0;
	*out = (struct known_backup){0};
	bool fits = len >= 4 && len <= ID_LEN && strspn(id, "0123456789abcdef") == len;
	int rc = fits ? find(c, id, &n, e) : 0;
	if (rc)
		return rc;
	if (!n)
		return not_known(id, e);
	rc = db_query(c, &q, e, COLUMNS " FROM backup WHERE n = ?1", "i", n);
	rc = db_one(&q, rc, read_row, out, sizeof *out, e);
	if (rc)
		return rc > 0 ? 0 : rc;
	return not_known(id, e);
}

int known_ids(struct catalog *c, int64_t place, struct strlist *out, struct error *e)
{
	struct db_row q;
	int rc = db_query(c, &q, e, "SELECT id FROM backup WHERE place = ?1", "i", place);
	while (!rc && db_next(&q, &rc, e))
		strlist_add(out, db_text(&q, 0));
	db_done(&q);
	return rc;
}

int known_newest_good(struct catalog *c, const char *source, struct timespec *time, char id[65], struct error *e)
{
	struct db_row q;
	*time = (struct timespec){0};
	id[0] = '\0';
	int rc = db_query(c, &q, e,
		"SELECT * FROM (SELECT s.time, id FROM backup_source AS s JOIN backup ON n = s.backup WHERE s.name = ?1 AND " GOOD " ORDER BY s.time DESC LIMIT 1) "
		"UNION ALL SELECT * FROM (SELECT s.time, id FROM backup_source AS s JOIN backup ON n = s.backup WHERE s.shown = ?1 AND " GOOD " ORDER BY s.time DESC LIMIT 1) "
		"ORDER BY 1 DESC LIMIT 1", "s", source);
	if (!rc && db_next(&q, &rc, e)) {
		*time = db_time(&q, 0);
		snprintf(id, 65, "%s", db_text(&q, 1));
	}
	db_done(&q);
	return rc;
}

/* ---- lists ---- */

/* Conditions that backup_source can answer by itself. */
static void fill_source(const struct known_filter *f, bool by_name, struct db_filter *d)
{
	db_filter_add(d, by_name ? "s.name = ?" : "s.shown = ?", 's', f->source);
	if (f->after.tv_sec)
		db_filter_add(d, "s.time >= ?", 't', f->after);
	if (f->before.tv_sec)
		db_filter_add(d, "s.time < ?", 't', f->before);
	if (f->safety >= 0)
		db_filter_add(d, "s.safety = ?", 'i', (int64_t)f->safety);
}

static void fill_filter(const struct known_filter *f, struct db_filter *d)
{
	if (f->after.tv_sec && !f->source)
		db_filter_add(d, "backup.time >= ?", 't', f->after);
	if (f->before.tv_sec && !f->source)
		db_filter_add(d, "backup.time < ?", 't', f->before);
	/* A plus keeps SQLite from the index that has nothing but this: backup_list has the others, too. */
	if (f->safety >= 0 && !f->source && !(f->good && f->safety == 0))
		db_filter_add(d, f->min_level || f->text ? "+backup.safety = ?" : "backup.safety = ?", 'i', (int64_t)f->safety);
	if (f->place)
		db_filter_add(d, "backup.place = ?", 'i', f->place);
	if (f->good)
		db_filter_add(d, GOOD, 0);
	if (f->pinned)
		db_filter_add(d, "backup.pinned = 1", 0);
	if (f->min_level)
		db_filter_add(d, "backup.level >= ?", 'i', (int64_t)f->min_level);
	if (f->text)
		db_filter_text(d, "backup.search LIKE ? ESCAPE '\\'", f->text);
}

/* The tables that a list is read from, and the smallest that counts it: a join costs when there are many rows. */
static int choose(struct catalog *c, const struct known_filter *f, struct db_filter *d, const char **tables, const char **counted, struct error *e)
{
	int64_t by_name = 0;
	*tables = *counted = "backup";
	if (f->source) {
		int rc = db_number(c, &by_name, e, "SELECT EXISTS (SELECT 1 FROM backup_source WHERE name = ?1)", "s", f->source);
		if (rc)
			return rc;
		fill_source(f, by_name != 0, d);
		*tables = *counted = "backup_source AS s JOIN backup ON backup.n = s.backup";
		if (!f->place && !f->good && !f->pinned && !f->min_level && !f->text)
			*counted = "backup_source AS s";
	}
	fill_filter(f, d);
	return 0;
}

int known_list_some(struct catalog *c, const struct known_filter *f, const struct catalog_page *p, struct known_list *out, uint64_t *total, struct error *e)
{
	CLEANUP(db_filter_release) struct db_filter d = {0};
	const char *tables, *counted, *way = f->oldest_first ? "ASC" : "DESC";
	struct db_row q;
	int rc = choose(c, f, &d, &tables, &counted, e);
	if (rc)
		return rc;
	AUTO_FREE char *select = mem_printf(COLUMNS " FROM %s", tables), *order = f->source ? mem_printf("s.time %s, s.backup %s", way, way) : mem_printf("backup.time %s, backup.n %s", way, way);
	rc = db_query_filter(c, &q, e, select, &d, order, p);
	rc = db_all(&q, rc, read_row, out, sizeof *out->v, e);
	if (!rc && total)
		rc = db_count_filter(c, total, e, counted, &d, p, out->n);
	if (rc)
		known_list_release(out);
	return rc;
}

/* ---- JSON ---- */

#define FIELD(name, type) {#name, type, offsetof(struct known_backup, name), FIELD_OUT}
static const struct field fields[] = {
	FIELD(original, FIELD_TEXT), FIELD(time, FIELD_TIME), FIELD(name, FIELD_TEXT), FIELD(description, FIELD_TEXT),
	{"hostname", FIELD_TEXT, offsetof(struct known_backup, host), FIELD_OUT}, FIELD(tags, FIELD_LIST), FIELD(bytes, FIELD_U64),
	FIELD(partial, FIELD_BOOL), FIELD(safety, FIELD_BOOL), FIELD(imported, FIELD_BOOL), FIELD(foreign, FIELD_BOOL), FIELD(pinned, FIELD_BOOL),
	FIELD(verified, FIELD_TIME), FIELD(evidence, FIELD_LIST), FIELD(job, FIELD_TEXT), FIELD(author, FIELD_TEXT), FIELD(notes, FIELD_TEXT), {0},
};

static void write_source(const struct known_source *s, struct json_out *w)
{
	jw_object(w);
	jw_kv_string(w, "name", s->name);
	jw_kv_string(w, "engine", s->engine);
	jw_kv_string(w, "url", s->shown);
	jw_kv_u64(w, "bytes", s->bytes);
	jw_kv_u64(w, "tables", s->tables);
	jw_kv_u64(w, "rows", s->rows);
	jw_kv_u64(w, "files", s->files);
	jw_object_end(w);
}

static void write_sums(const struct known_backup *b, struct json_out *w)
{
	uint64_t tables = 0, rows = 0, files = 0;
	for (size_t i = 0; i < b->source_count; i++) {
		tables += b->sources[i].tables;
		rows += b->sources[i].rows;
		files += b->sources[i].files;
	}
	jw_kv_u64(w, "tables", tables);
	jw_kv_u64(w, "rows", rows);
	jw_kv_u64(w, "files", files);
}

/* The members of docs/json.md's backup come first. */
void known_json(const struct known_backup *b, struct json_out *w)
{
	char short_id[9];
	snprintf(short_id, sizeof short_id, "%.8s", b->id);
	jw_object(w);
	jw_kv_string(w, "id", b->id);
	jw_kv_string(w, "short_id", short_id);
	field_write(fields, b, w);
	jw_name(w, "sources");
	jw_array(w);
	for (size_t i = 0; i < b->source_count; i++)
		write_source(&b->sources[i], w);
	jw_array_end(w);
	write_sums(b, w);
	jw_kv_string(w, "verification", b->verify_failed ? "failed" : b->level ? known_level_name(b->level) : NULL);
	jw_kv_i64(w, "repository", b->place);
	jw_name(w, "added");
	if (b->added)
		jw_u64(w, b->added);
	else
		jw_null(w);
	jw_name(w, "seconds");
	if (b->seconds > 0)
		jw_double(w, b->seconds);
	else
		jw_null(w);
	jw_object_end(w);
}
