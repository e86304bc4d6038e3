/* The head of a custom archive: header and table of contents, as pg_backup_archiver.c writes them (WriteHead, WriteToc). */
#include "engine/pg_archive_inner.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC "PGDMP"
#define MINOR_FIRST 12
#define MINOR_LAST 16
#define MINOR_ACCESS_METHOD 14
#define MINOR_ALGORITHM 15
#define MINOR_RELKIND 16
#define FORMAT_CUSTOM 1
#define FORMAT_TAR 3                     /* what folders say they are */
#define READ_FIRST ((size_t)64 << 10)
/* How an offset field begins. */
enum { OFFSET_NOT_SET = 1, OFFSET_SET, OFFSET_NO_DATA };
enum outcome { FINE, SHORT, BAD, TOO_BIG };

bool pg_toc_int(const unsigned char *p, int size, int64_t *out)
{
	uint64_t v = 0;
	for (int i = size; i > 0; i--)
		v = v << 8 | p[i];
	if (p[0] > 1 || v > (uint64_t)1 << 31)
		return false;
	*out = p[0] ? -(int64_t)v : (int64_t)v;
	return true;
}

void pg_toc_put_int(unsigned char *p, int size, int64_t v)
{
	uint64_t magnitude = (uint64_t)(v < 0 ? -v : v);
	p[0] = v < 0;
	for (int i = 1; i <= size; i++, magnitude >>= 8)
		p[i] = (unsigned char)magnitude;
}

/* ---- reading what may end too early; the first failure stays ---- */

struct reader {
	const unsigned char *p;
	size_t n, at;
	int int_size;
	enum outcome outcome;
	const char *what;        /* is wrong, when BAD */
};

struct slice {
	const char *p;           /* NULL: no string */
	size_t n;
};

static void bad(struct reader *r, const char *what)
{
	if (r->outcome == FINE) {
		r->outcome = BAD;
		r->what = what;
	}
}

static const unsigned char *take(struct reader *r, size_t n)
{
	if (r->outcome == FINE && n > PG_TOC_MAX - r->at)
		r->outcome = TOO_BIG;
	else if (r->outcome == FINE && n > r->n - r->at)
		r->outcome = SHORT;
	if (r->outcome != FINE)
		return NULL;
	r->at += n;
	return r->p + r->at - n;
}

static int take_byte(struct reader *r)
{
	const unsigned char *p = take(r, 1);
	return p ? *p : 0;
}

static int64_t take_int(struct reader *r)
{
	const unsigned char *p = take(r, (size_t)r->int_size + 1);
	int64_t v = 0;
	if (p && !pg_toc_int(p, r->int_size, &v))
		bad(r, "an integer");
	return v;
}

static struct slice take_text(struct reader *r)
{
	int64_t n = take_int(r);
	if (n < -1)
		bad(r, "the length of a text");
	if (n < 0)
		return (struct slice){0};
	const unsigned char *p = take(r, (size_t)n);
	if (p && memchr(p, 0, (size_t)n))
		bad(r, "a text");
	return (struct slice){(const char *)p, (size_t)n};
}

static char *own(struct slice s)
{
	return s.p ? mem_string_n(s.p, s.n) : NULL;
}

static uint32_t number_of(struct reader *r, struct slice s)
{
	uint64_t v = 0;
	bool good = s.p && s.n > 0 && s.n <= 10;
	for (size_t i = 0; good && i < s.n; i++) {
		good = s.p[i] >= '0' && s.p[i] <= '9';
		v = v * 10 + (uint64_t)(s.p[i] - '0');
	}
	if (!good || v > UINT32_MAX)
		bad(r, "a number");
	return (uint32_t)v;
}

/* ---- header ---- */

static int known_version(const struct pg_toc *t, struct error *e)
{
	if (t->major == 1 && t->minor >= MINOR_FIRST && t->minor <= MINOR_LAST)
		return 0;
	error_set(e, ERR_VERSION, "the archive has format %d.%d, and only 1.%d to 1.%d are known", t->major, t->minor,
		MINOR_FIRST, MINOR_LAST);
	if (t->major == 1 && t->minor < MINOR_FIRST)
		return error_hint(e, "it comes from PostgreSQL 8 or older; load it with pg_restore, and dump it anew");
	return error_hint(e, "it comes from a newer PostgreSQL; a newer backstay may know it");
}

static void take_compression(struct reader *r, struct pg_toc *t)
{
	if (t->minor < MINOR_ALGORITHM) {
		t->compression = take_int(r) ? PG_COMPRESS_GZIP : PG_COMPRESS_NONE;
		return;
	}
	int algorithm = take_byte(r);
	if (algorithm > PG_COMPRESS_ZSTD)
		bad(r, "the compression");
	t->compression = (enum pg_compression)algorithm;
}

/* What stands before the table of contents, and how many entries that has. */
static int take_header(struct reader *r, struct pg_toc *t, size_t *entries, struct error *e)
{
	size_t magic = strlen(MAGIC), have = r->n < magic ? r->n : magic;
	if (memcmp(r->p, MAGIC, have) != 0)
		return error_set(e, ERR_MISMATCH, "not an archive of pg_dump (custom format)");
	take(r, magic);
	t->major = take_byte(r);
	t->minor = take_byte(r);
	t->rev = take_byte(r);
	int err = r->outcome == FINE ? known_version(t, e) : 0;
	if (err)
		return err;
	t->int_size = r->int_size = take_byte(r);
	t->off_size = take_byte(r);
	int format = take_byte(r);
	if (r->outcome == FINE && format != (t->folder ? FORMAT_TAR : FORMAT_CUSTOM))
		return error_set(e, ERR_MISMATCH, "an archive of pg_dump, but not in %s format",
			t->folder ? "directory" : "custom");
	if (r->outcome == FINE && (t->int_size < 4 || t->int_size > PG_INT_MAX_SIZE || t->off_size < 4 ||
		t->off_size > 8))
		bad(r, "the size of integers");
	if (r->outcome == FINE)
		take_compression(r, t);
	for (int i = 0; i < 7; i++)
		take_int(r);             /* when it was made, in local time */
	struct slice database = take_text(r), server = take_text(r), dump = take_text(r);
	int64_t n = take_int(r);
	if (n < 0)
		bad(r, "the number of entries");
	if (r->outcome != FINE)
		return 0;
	if (n > PG_ENTRIES_MAX)
		return error_set(e, ERR_LIMIT, "the archive has %lld entries, more than %u", (long long)n,
			PG_ENTRIES_MAX);
	*entries = (size_t)n;
	t->database = own(database);
	t->server_version = own(server);
	t->dump_version = own(dump);
	return 0;
}

/* ---- entries ---- */

static void take_deps(struct reader *r, struct pg_entry *x)
{
	size_t begin = r->at, count = 0;
	while (take_text(r).p)
		count++;
	size_t end = r->at;
	if (r->outcome != FINE || count == 0)
		return;
	r->at = begin;
	x->deps = mem_array(NULL, count, sizeof *x->deps);
	for (; x->dep_count < count; x->dep_count++)
		x->deps[x->dep_count] = (int)number_of(r, take_text(r));
	r->at = end;
}

static void take_offset(struct reader *r, const struct pg_toc *t, struct pg_entry *x)
{
	x->offset_at = r->at;
	int state = take_byte(r);
	const unsigned char *p = take(r, (size_t)t->off_size);
	if (p && (state < OFFSET_NOT_SET || state > OFFSET_NO_DATA))
		bad(r, "an offset");
	for (int i = t->off_size; p && state == OFFSET_SET && i-- > 0;)
		x->offset = x->offset << 8 | p[i];
}

/* Texts are copied only once the entry is there to its end. */
static void take_entry(struct reader *r, const struct pg_toc *t, struct pg_entry *x)
{
	int64_t id = take_int(r), has_data = take_int(r);
	struct slice table_oid = take_text(r), oid = take_text(r), tag = take_text(r), desc = take_text(r);
	int64_t section = take_int(r);
	struct slice defn = take_text(r), drop = take_text(r), copy = take_text(r);
	struct slice schema = take_text(r), space = take_text(r), method = {0};
	if (t->minor >= MINOR_ACCESS_METHOD)
		method = take_text(r);
	if (t->minor >= MINOR_RELKIND)
		take_int(r);
	struct slice owner = take_text(r);
	take_text(r);                    /* WITH OIDS, history */
	take_deps(r, x);
	struct slice file = {0};
	if (t->folder)
		file = take_text(r);
	else
		take_offset(r, t, x);
	if (r->outcome != FINE)
		return;
	x->table_oid = number_of(r, table_oid);
	x->oid = number_of(r, oid);
	if (id <= 0 || id > INT32_MAX || has_data < 0 || has_data > 1 || section < PG_SECTION_NONE || section > PG_SECTION_POST_DATA ||
		!desc.p || !tag.p)
		bad(r, "an entry");
	if (r->outcome != FINE)
		return;
	x->id = (int)id;
	x->has_data = has_data != 0;
	x->section = (enum pg_section)section;
	x->tag = own(tag);
	x->desc = own(desc);
	x->defn = own(defn);
	x->drop = own(drop);
	x->copy = own(copy);
	x->schema = own(schema);
	x->tablespace = own(space);
	x->access_method = own(method);
	x->owner = own(owner);
	x->file = own(file);
}

static void entry_release(struct pg_entry *x)
{
	free(x->tag);
	free(x->desc);
	free(x->defn);
	free(x->drop);
	free(x->copy);
	free(x->schema);
	free(x->tablespace);
	free(x->access_method);
	free(x->owner);
	free(x->file);
	free(x->deps);
	*x = (struct pg_entry){0};
}

void pg_toc_release(struct pg_toc *t)
{
	for (size_t i = 0; i < t->n; i++)
		entry_release(&t->v[i]);
	free(t->v);
	free(t->by_id);
	free(t->database);
	free(t->server_version);
	free(t->dump_version);
	free(t->encoding);
	*t = (struct pg_toc){0};
}

/* "SET client_encoding = 'UTF8';" */
static void note_encoding(struct pg_toc *t, const struct pg_entry *x)
{
	const char *from = x->defn ? strchr(x->defn, '\'') : NULL;
	const char *to = from ? strchr(from + 1, '\'') : NULL;
	if (strcmp(x->desc, "ENCODING") != 0 || !to || t->encoding)
		return;
	t->encoding = mem_string_n(from + 1, (size_t)(to - from - 1));
}

static int by_id(const void *a, const void *b, void *v)
{
	const struct pg_entry *all = v;
	int x = all[*(const size_t *)a].id, y = all[*(const size_t *)b].id;
	return (x > y) - (x < y);
}

static int finish(struct pg_toc *t, struct error *e)
{
	t->by_id = mem_array(NULL, t->n ? t->n : 1, sizeof *t->by_id);
	for (size_t i = 0; i < t->n; i++) {
		t->by_id[i] = i;
		note_encoding(t, &t->v[i]);
	}
	qsort_r(t->by_id, t->n, sizeof *t->by_id, by_id, t->v);
	for (size_t i = 1; i < t->n; i++)
		if (t->v[t->by_id[i - 1]].id == t->v[t->by_id[i]].id)
			return error_set(e, ERR_CORRUPT, "the archive has two entries with the number %d",
				t->v[t->by_id[i]].id);
	return 0;
}

const struct pg_entry *pg_toc_find(const struct pg_toc *t, int id)
{
	size_t low = 0, high = t->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct pg_entry *x = &t->v[t->by_id[middle]];
		if (x->id == id)
			return x;
		if (x->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* ---- the whole ---- */

static int report(const struct reader *r, struct error *e)
{
	if (r->outcome == TOO_BIG)
		return error_set(e, ERR_LIMIT, "the archive's table of contents is larger than %zu MiB",
			PG_TOC_MAX >> 20);
	if (r->outcome == BAD)
		return error_set(e, ERR_CORRUPT, "the archive's table of contents is damaged: %s before byte %zu makes no sense",
			r->what, r->at);
	return r->outcome == SHORT;
}

int pg_toc_step(struct pg_toc_steps *s, const void *p, size_t n, struct error *e)
{
	struct reader r = {.p = p, .n = n, .at = s->at, .int_size = s->toc.int_size};
	int err = s->begun ? 0 : take_header(&r, &s->toc, &s->entries, e);
	if (!err)
		err = report(&r, e);
	if (err)
		return err;
	s->begun = true;
	s->at = r.at;
	while (s->toc.n < s->entries) {
		struct pg_entry x = {0};
		take_entry(&r, &s->toc, &x);
		err = report(&r, e);
		if (err) {
			entry_release(&x);
			return err;
		}
		GROW(s->toc.v, s->toc.n, s->toc.cap);
		s->toc.v[s->toc.n++] = x;
		s->at = r.at;
	}
	s->toc.head = s->at;
	return finish(&s->toc, e);
}

/* What was parsed, or nothing but the version. */
static int deliver(struct pg_toc_steps *s, int err, struct pg_toc *out)
{
	struct pg_toc version = {.major = s->toc.major, .minor = s->toc.minor, .rev = s->toc.rev};
	if (!err) {
		*out = s->toc;
		return 0;
	}
	pg_toc_release(&s->toc);
	*out = version;
	return err;
}

int pg_toc_parse(const void *p, size_t n, struct pg_toc *out, struct error *e)
{
	struct pg_toc_steps s = {0};
	return deliver(&s, pg_toc_step(&s, p, n, e), out);
}

static int read_head(struct source *s, bool folder, struct pg_toc *out, struct error *e)
{
	CLEANUP(buf_release) struct buf head = BUF_INIT;
	struct pg_toc_steps steps = {.toc.folder = folder};
	int err = 1;
	*out = (struct pg_toc){0};
	while (err == 1) {
		size_t more = head.len > READ_FIRST ? head.len : READ_FIRST;
		buf_reserve(&head, more);
		ssize_t got = s->pread(s, head.p + head.len, more, head.len, e);
		if (got > 0)
			head.len += (size_t)got;
		err = got < 0 ? (int)got : pg_toc_step(&steps, head.p, head.len, e);
		if (err == 1 && (size_t)got < more)
			err = error_set(e, ERR_CORRUPT, "the archive ends within its table of contents");
	}
	return deliver(&steps, err, out);
}

int pg_toc_read(struct source *s, struct pg_toc *out, struct error *e)
{
	return read_head(s, false, out, e);
}

int pg_toc_read_folder(struct source *s, struct pg_toc *out, struct error *e)
{
	return read_head(s, true, out, e);
}

void pg_toc_patch(const struct pg_toc *t, unsigned char *head)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct pg_entry *x = &t->v[i];
		uint64_t offset = x->offset;
		if (!offset || (t->off_size < 8 && offset >> (8 * t->off_size)))
			continue;
		head[x->offset_at] = OFFSET_SET;
		for (int b = 1; b <= t->off_size; b++, offset >>= 8)
			head[x->offset_at + (size_t)b] = (unsigned char)offset;
	}
}
