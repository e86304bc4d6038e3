/* Dumps for the tests of the SQL dump's reader. */
#ifndef TESTS_UNIT_ENGINE_SQLDUMP_HELPER_H
#define TESTS_UNIT_ENGINE_SQLDUMP_HELPER_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/fs.h"
#include "base/mem.h"
#include "engine/sqldump.h"

#include <stdlib.h>
#include <string.h>

static inline struct buf dump_file(const char *name)
{
	struct buf out = BUF_INIT;
	struct error e = {0};
	AUTO_FREE char *path = mem_printf("tests/unit/engine/sqldump/%s", name);
	if (fs_read_file(path, 1 << 20, &out, &e))
		fail_msg("%s", e.text);
	return out;
}

/* One line a part, so that two maps can be compared and read. */
static inline char *map_text(const struct sqldump_map *m)
{
	static const char *const kinds[] = {
		"head",   "table",    "sequence", "stand-in", "rows", "triggers",
		"events", "routines", "view",     "database", "tail", "other",
	};
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	if (m->hazard)
		fail_msg("line %llu is taken for %s", (unsigned long long)m->hazard_line, m->hazard);
	buf_printf(&b, "%s|%s|%s complete=%d views=%d triggers=%d routines=%d events=%d sequences=%d\n",
		   m->client ? m->client : "-", m->server ? m->server : "-", m->database ? m->database : "-",
		   m->complete, (int)m->views, (int)m->triggers, (int)m->routines, (int)m->events, (int)m->sequences);
	for (size_t i = 0; i < m->n; i++) {
		const struct sqldump_part *p = &m->v[i];
		buf_printf(&b, "%s %s %llu+%llu %llu %s %s %zu\n", kinds[p->kind], p->name ? p->name : "-",
			   (unsigned long long)p->offset, (unsigned long long)p->length, (unsigned long long)p->rows,
			   p->row_hash ? p->row_hash : "-", p->plain ? "plain" : "-", p->sql ? strlen(p->sql) : 0);
	}
	return buf_take_text(&b);
}

/* "head table:orders rows:orders(3) tail": rows that are not plain with a "!". */
static inline char *map_outline(const struct sqldump_map *m)
{
	static const char *const kinds[] = {
		"head",   "table",    "sequence", "stand-in", "rows", "triggers",
		"events", "routines", "view",     "database", "tail", "other",
	};
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	for (size_t i = 0; i < m->n; i++) {
		const struct sqldump_part *p = &m->v[i];
		buf_printf(&b, "%s%s%s%s", i ? " " : "", kinds[p->kind], p->name ? ":" : "", p->name ? p->name : "");
		if (p->kind == SQLDUMP_ROWS)
			buf_printf(&b, "(%llu)%s", (unsigned long long)p->rows, p->plain ? "" : "!");
	}
	return buf_take_text(&b);
}

/* Looked at in pieces of `piece` bytes behind a first one of `first`. */
static inline int watch_pieces(const void *p, size_t n, size_t first, size_t piece, struct sqldump_map *out,
			       struct error *e)
{
	struct sqldump_watch *w = sqldump_watch_new(NULL, NULL);
	int err = 0;
	*out = (struct sqldump_map){0};
	for (size_t at = 0; !err && at < n;) {
		size_t len = at == 0 && first ? first : piece;
		len = len < n - at ? len : n - at;
		/* A copy of exactly its size, so that a sanitizer sees a step past its end. */
		AUTO_FREE unsigned char *exact = mem_copy((const char *)p + at, len);
		err = sqldump_watch_write(w, exact, len, e);
		at += len;
	}
	if (!err)
		err = sqldump_watch_finish(w, out, e);
	sqldump_watch_free(w);
	return err;
}

static inline char *outline_of(const char *sql)
{
	struct sqldump_map m;
	struct error e = {0};
	if (watch_pieces(sql, strlen(sql), 0, strlen(sql) + 1, &m, &e))
		fail_msg("%s", e.text);
	uint64_t at = 0;
	for (size_t i = 0; i < m.n; i++) {
		assert_int_equal(m.v[i].offset, at);
		at += m.v[i].length;
	}
	assert_int_equal(at, strlen(sql));
	char *out = map_outline(&m);
	sqldump_map_release(&m);
	return out;
}

static inline void assert_outline(const char *sql, const char *want)
{
	AUTO_FREE char *have = outline_of(sql);
	assert_string_equal(have, want);
}

#endif
