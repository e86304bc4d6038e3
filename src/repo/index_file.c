#include "repo/index.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>

static const char *const type_names[] = {[BLOB_DATA] = "data", [BLOB_TREE] = "tree"};

static void encode_blob(struct json_out *w, const struct pack_blob *b)
{
	char hex[ID_HEX_LEN + 1];

	jw_object(w);
	jw_kv_string(w, "id", id_hex(&b->id, hex));
	jw_kv_string(w, "type", type_names[b->type]);
	jw_kv_u64(w, "offset", b->offset);
	jw_kv_u64(w, "length", b->length);
	if (b->plain_len)
		jw_kv_u64(w, "uncompressed_length", b->plain_len);
	jw_object_end(w);
}

void index_file_encode(const struct index_pack *packs, size_t n, struct buf *out)
{
	struct json_out w;
	char hex[ID_HEX_LEN + 1];

	jw_init(&w, out);
	jw_object(&w);
	jw_name(&w, "packs");
	jw_array(&w);
	for (size_t i = 0; i < n; i++) {
		jw_object(&w);
		jw_kv_string(&w, "id", id_hex(&packs[i].id, hex));
		jw_name(&w, "blobs");
		jw_array(&w);
		for (size_t k = 0; k < packs[i].n; k++)
			encode_blob(&w, &packs[i].blobs[k]);
		jw_array_end(&w);
		jw_object_end(&w);
	}
	jw_array_end(&w);
	jw_object_end(&w);
	buf_add_byte(out, '\n');
}

/* A file being read. */
struct parser {
	struct json j;
	struct buf text; /* of one string */
	struct index_pack *packs;
	size_t n, cap;
};

static void clear_packs(struct parser *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->packs[i].blobs);
	f->n = 0;
}

static void release(struct parser *f)
{
	clear_packs(f);
	free(f->packs);
	buf_release(&f->text);
}

static void parse_id(struct parser *f, struct id *id)
{
	json_string(&f->j, &f->text);
	if (!id_parse(id, buf_text(&f->text), f->text.len))
		json_fail(&f->j, "an id is not 64 lower-case hexadecimal digits");
}

static enum blob_type parse_type(struct parser *f)
{
	json_string(&f->j, &f->text);
	if (strcmp(buf_text(&f->text), type_names[BLOB_TREE]) == 0)
		return BLOB_TREE;
	if (strcmp(buf_text(&f->text), type_names[BLOB_DATA]) != 0)
		json_fail(&f->j, "a blob's type is neither data nor tree");
	return BLOB_DATA;
}

static uint32_t parse_u32(struct parser *f)
{
	uint64_t v = json_u64(&f->j);
	if (v > UINT32_MAX)
		json_fail(&f->j, "a number is above 4294967295");
	return (uint32_t)v;
}

static void parse_blob(struct parser *f, struct pack_blob *b)
{
	bool has_id = false, has_type = false;

	json_object_begin(&f->j);
	while (json_member(&f->j)) {
		if (json_name_is(&f->j, "id")) {
			parse_id(f, &b->id);
			has_id = true;
		} else if (json_name_is(&f->j, "type")) {
			b->type = parse_type(f);
			has_type = true;
		} else if (json_name_is(&f->j, "offset")) {
			b->offset = parse_u32(f);
		} else if (json_name_is(&f->j, "length")) {
			b->length = parse_u32(f);
		} else if (json_name_is(&f->j, "uncompressed_length")) {
			b->plain_len = parse_u32(f);
		} else {
			json_skip(&f->j);
		}
	}
	if (!has_id || !has_type)
		json_fail(&f->j, "a blob has no id or no type");
	if (b->length < (b->plain_len ? CIPHER_OVERHEAD + 1 : CIPHER_OVERHEAD) || b->length > UINT32_MAX - b->offset)
		json_fail(&f->j, "a blob has an impossible offset or length");
}

static void parse_blobs(struct parser *f, struct index_pack *pack)
{
	size_t cap = pack->n;

	pack->n = 0;
	json_array_begin(&f->j);
	while (json_element(&f->j)) {
		GROW(pack->blobs, pack->n, cap);
		pack->blobs[pack->n] = (struct pack_blob){0};
		parse_blob(f, &pack->blobs[pack->n++]);
	}
}

static void parse_pack(struct parser *f)
{
	bool has_id = false;

	GROW(f->packs, f->n, f->cap);
	struct index_pack *pack = &f->packs[f->n++];
	*pack = (struct index_pack){0};
	json_object_begin(&f->j);
	while (json_member(&f->j)) {
		if (json_name_is(&f->j, "id")) {
			parse_id(f, &pack->id);
			has_id = true;
		} else if (json_name_is(&f->j, "blobs")) {
			parse_blobs(f, pack);
		} else {
			json_skip(&f->j);
		}
	}
	if (!has_id)
		json_fail(&f->j, "a pack has no id");
}

static void parse_packs(struct parser *f)
{
	clear_packs(f);
	json_array_begin(&f->j);
	while (json_element(&f->j))
		parse_pack(f);
}

int index_file_parse(const void *p, size_t n, int (*on_pack)(const struct index_pack *pack, void *ctx, struct error *e),
		     void *ctx, struct error *e)
{
	CLEANUP(release) struct parser f = {0};

	json_init(&f.j, p, n);
	json_object_begin(&f.j);
	while (json_member(&f.j))
		if (json_name_is(&f.j, "packs"))
			parse_packs(&f);
		else
			json_skip(&f.j);
	int r = json_finish(&f.j, e);
	for (size_t i = 0; i < f.n && r == 0 && on_pack; i++)
		r = on_pack(&f.packs[i], ctx, e);
	return r;
}
