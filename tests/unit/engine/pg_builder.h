/* Custom archives made byte by byte, of any format version: what PostgreSQL's own pg_dump of that version writes. */
#ifndef TESTS_UNIT_ENGINE_PG_BUILDER_H
#define TESTS_UNIT_ENGINE_PG_BUILDER_H

#include "base/mem.h"
#include "engine/pg_archive.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

struct made {
	int minor, int_size, off_size;    /* 0: 14, 4, 8 */
	enum pg_compression compression;
	struct buf toc, body;
	size_t entries;
	size_t piece;                     /* compressed content is written in pieces of that many bytes; 0: 100 */
	uint64_t block_at[16];            /* where in body the blocks begin, by dump id */
};

struct made_entry {
	int id;
	const char *desc, *schema, *tag, *defn, *copy, *owner;
	bool has_data;
	int dep;                          /* 0: none */
	enum pg_section section;          /* 0: pre-data, data when it has data */
};

static inline void made_release(struct made *m)
{
	buf_release(&m->toc);
	buf_release(&m->body);
}

static inline void made_defaults(struct made *m)
{
	m->minor = m->minor ? m->minor : 14;
	m->int_size = m->int_size ? m->int_size : 4;
	m->off_size = m->off_size ? m->off_size : 8;
	m->piece = m->piece ? m->piece : 100;
}

static inline void made_int(const struct made *m, struct buf *b, int64_t v)
{
	uint64_t magnitude = (uint64_t)(v < 0 ? -v : v);
	buf_add_byte(b, v < 0);
	for (int i = 0; i < m->int_size; i++, magnitude >>= 8)
		buf_add_byte(b, (unsigned char)magnitude);
}

static inline void made_text(const struct made *m, struct buf *b, const char *s)
{
	made_int(m, b, s ? (int64_t)strlen(s) : -1);
	if (s)
		buf_add_str(b, s);
}

static inline void made_add(struct made *m, const struct made_entry *x)
{
	char number[16];
	made_defaults(m);
	made_int(m, &m->toc, x->id);
	made_int(m, &m->toc, x->has_data);
	made_text(m, &m->toc, "1259");
	snprintf(number, sizeof number, "%d", 16000 + x->id);
	made_text(m, &m->toc, number);
	made_text(m, &m->toc, x->tag ? x->tag : x->desc);
	made_text(m, &m->toc, x->desc);
	made_int(m, &m->toc, x->section ? x->section : x->has_data ? PG_SECTION_DATA : PG_SECTION_PRE_DATA);
	made_text(m, &m->toc, x->defn ? x->defn : "");
	made_text(m, &m->toc, "");
	made_text(m, &m->toc, x->copy);
	made_text(m, &m->toc, x->schema);
	made_text(m, &m->toc, NULL);
	if (m->minor >= 14)
		made_text(m, &m->toc, strcmp(x->desc, "TABLE") == 0 ? "heap" : NULL);
	if (m->minor >= 16)
		made_int(m, &m->toc, strcmp(x->desc, "TABLE") == 0 ? 'r' : 0);
	made_text(m, &m->toc, x->owner ? x->owner : "postgres");
	made_text(m, &m->toc, "false");
	if (x->dep) {
		snprintf(number, sizeof number, "%d", x->dep);
		made_text(m, &m->toc, number);
	}
	made_text(m, &m->toc, NULL);
	buf_add_byte(&m->toc, x->has_data ? 1 : 3);
	for (int i = 0; i < m->off_size; i++)
		buf_add_byte(&m->toc, 0);
	m->entries++;
}

static inline void made_piece(struct made *m, const void *p, size_t n)
{
	made_int(m, &m->body, (int64_t)n);
	buf_add(&m->body, p, n);
}

static inline void made_content(struct made *m, const void *p, size_t n)
{
	CLEANUP(buf_release) struct buf packed = BUF_INIT;
	if (m->compression == PG_COMPRESS_NONE) {
		if (n > 0)
			made_piece(m, p, n);
		made_int(m, &m->body, 0);
		return;
	}
	buf_reserve(&packed, n + n / 100 + 1000);
	if (m->compression == PG_COMPRESS_ZSTD) {
		packed.len = ZSTD_compress(packed.p, packed.cap, p, n, 3);
	} else {
		uLongf len = packed.cap;
		compress(packed.p, &len, p, n);
		packed.len = len;
	}
	for (size_t at = 0; at < packed.len; at += m->piece)
		made_piece(m, packed.p + at, packed.len - at < m->piece ? packed.len - at : m->piece);
	made_int(m, &m->body, 0);
}

static inline void made_begin(struct made *m, int type, int id)
{
	made_defaults(m);
	m->block_at[id] = m->body.len;
	buf_add_byte(&m->body, (unsigned char)type);
	made_int(m, &m->body, id);
}

/* Rows, each with its newline: a piece for each, as pg_dump does, and the end of the COPY. */
static inline void made_rows(struct made *m, int id, const char *rows)
{
	CLEANUP(buf_release) struct buf all = BUF_INIT;
	made_begin(m, 1, id);
	if (m->compression != PG_COMPRESS_NONE) {
		buf_printf(&all, "%s\\.\n\n\n", rows);
		made_content(m, all.p, all.len);
		return;
	}
	for (const char *end; (end = strchr(rows, '\n')); rows = end + 1)
		made_piece(m, rows, (size_t)(end + 1 - rows));
	made_piece(m, "\\.\n\n\n", 5);
	made_int(m, &m->body, 0);
}

static inline void made_object(struct made *m, uint32_t oid, const char *content)
{
	made_int(m, &m->body, (int32_t)oid);
	made_content(m, content, strlen(content));
}

static inline void made_objects_end(struct made *m)
{
	made_int(m, &m->body, 0);
}

/* The whole archive. *head is where the blocks begin. */
static inline void made_archive(struct made *m, struct buf *out, size_t *head)
{
	made_defaults(m);
	buf_clear(out);
	buf_add_str(out, "PGDMP");
	buf_add_byte(out, 1);
	buf_add_byte(out, (unsigned char)m->minor);
	buf_add_byte(out, 0);
	buf_add_byte(out, (unsigned char)m->int_size);
	buf_add_byte(out, (unsigned char)m->off_size);
	buf_add_byte(out, 1);
	if (m->minor >= 15)
		buf_add_byte(out, (unsigned char)m->compression);
	else
		made_int(m, out, m->compression == PG_COMPRESS_GZIP ? -1 : 0);
	for (int i = 0; i < 7; i++)
		made_int(m, out, i);
	made_text(m, out, "shop");
	made_text(m, out, "15.20 (Debian 15.20-0+deb12u1)");
	made_text(m, out, "15.21");
	made_int(m, out, (int64_t)m->entries);
	buf_add(out, m->toc.p, m->toc.len);
	if (head)
		*head = out->len;
	if (m->body.len)
		buf_add(out, m->body.p, m->body.len);
}

/* A shop with one of most things. Tables with data: public.orders (3 rows), "odd.sch\"ema"."t\nx" (2), config of an extension (1). */
static inline void made_shop(struct made *m)
{
	static const struct made_entry entries[] = {
		{.id = 1, .desc = "ENCODING", .defn = "SET client_encoding = 'UTF8';\n"},
		{.id = 2, .desc = "STDSTRINGS", .defn = "SET standard_conforming_strings = 'on';\n"},
		{.id = 3, .desc = "TABLE", .schema = "public", .tag = "orders", .owner = "shopkeeper",
			.defn = "CREATE TABLE public.orders (\n    id integer NOT NULL,\n    name character varying(20) "
				"DEFAULT 'a, (b'::character varying,\n    twice integer GENERATED ALWAYS AS ((id * 2)) STORED"
				",\n    price numeric(10,2),\n    CONSTRAINT positive CHECK ((price > (0)::numeric))\n);\n"},
		{.id = 4, .desc = "TABLE", .schema = "odd.sch\"ema", .tag = "t\nx",
			.defn = "CREATE TABLE \"odd.sch\"\"ema\".\"t\nx\" (\n    \"a b\" bytea\n);\n"},
		{.id = 5, .desc = "VIEW", .schema = "public", .tag = "v", .defn = "CREATE VIEW public.v AS\n SELECT 1;\n"},
		{.id = 6, .desc = "TABLE DATA", .schema = "public", .tag = "orders", .has_data = true, .dep = 3,
			.copy = "COPY public.orders (id, name, price) FROM stdin;\n"},
		{.id = 7, .desc = "TABLE DATA", .schema = "odd.sch\"ema", .tag = "t\nx", .has_data = true, .dep = 4,
			.copy = "COPY \"odd.sch\"\"ema\".\"t\nx\" (\"a b\") FROM stdin;\n"},
		{.id = 8, .desc = "TABLE DATA", .schema = "public", .tag = "config", .has_data = true,
			.copy = "COPY public.config (key, value) FROM stdin;\n"},
		{.id = 9, .desc = "BLOBS", .has_data = true},
		{.id = 10, .desc = "CONSTRAINT", .schema = "public", .tag = "orders orders_pkey", .section = PG_SECTION_POST_DATA,
			.defn = "ALTER TABLE ONLY public.orders\n    ADD CONSTRAINT orders_pkey PRIMARY KEY (id);\n"},
		{.id = 11, .desc = "INDEX", .schema = "public", .tag = "i", .section = PG_SECTION_POST_DATA,
			.defn = "CREATE INDEX i ON public.orders USING btree (name);\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(entries); i++)
		made_add(m, &entries[i]);
	made_rows(m, 6, "1\tfirst\t1.50\n2\t\\N\t2.00\n3\ta\\tb\t\\N\n");
	made_rows(m, 7, "\\\\x00ff\n\\N\n");
	made_rows(m, 8, "k\tv\n");
	made_begin(m, 3, 9);
	made_object(m, 16500, "hello");
	made_object(m, 3000000000u, "");
	made_objects_end(m);
}

#endif
