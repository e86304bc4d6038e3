/* The JSON of trees. */
#include "repo/tree.h"

#include "base/codec.h"
#include "base/mem.h"
#include "base/path.h"
#include "repo/field.h"
#include "repo/goquote.h"

#include <stdlib.h>
#include <string.h>

static void write_name(struct json_out *w, const char *name)
{
	CLEANUP(buf_release) struct buf quoted = BUF_INIT;

	goquote(name, strlen(name), &quoted);
	jw_name(w, "name");
	jw_bytes(w, quoted.p, quoted.len);
}

static void write_base64(struct json_out *w, const char *name, const void *p, size_t n)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;

	base64_encode(p, n, &text);
	jw_kv_string(w, name, buf_text(&text));
}

static void write_times(struct json_out *w, const struct node *n)
{
	field_put_time_local(w, "mtime", n->mtime);
	field_put_time_local(w, "atime", n->mtime);
	field_put_time_local(w, "ctime", n->ctime);
}

static void write_link(struct json_out *w, const char *target)
{
	if (!target)
		return;
	field_put_text(w, "linktarget", target);
	if (!utf8_valid(target, strlen(target)))
		write_base64(w, "linktarget_raw", target, strlen(target));
}

static void write_xattrs(struct json_out *w, const struct node *n)
{
	if (n->xattr_count == 0)
		return;
	jw_name(w, "extended_attributes");
	jw_array(w);
	for (size_t i = 0; i < n->xattr_count; i++) {
		jw_object(w);
		jw_kv_string(w, "name", n->xattrs[i].name);
		write_base64(w, "value", n->xattrs[i].value, n->xattrs[i].len);
		jw_object_end(w);
	}
	jw_array_end(w);
}

static void write_content(struct json_out *w, const struct tree_node *t)
{
	jw_name(w, "content");
	if (t->meta.type != NODE_FILE) {
		jw_null(w);
		return;
	}
	jw_array(w);
	for (size_t i = 0; i < t->content.n; i++)
		field_put_id(w, &t->content.v[i]);
	jw_array_end(w);
}

static bool counts_links(enum node_type t)
{
	return t == NODE_FILE || t == NODE_SYMLINK || t == NODE_CHARDEV || t == NODE_BLOCKDEV;
}

static void write_node(struct json_out *w, const struct tree_node *t)
{
	const struct node *n = &t->meta;

	jw_object(w);
	write_name(w, n->name);
	jw_kv_string(w, "type", node_type_name(n->type));
	field_put_number(w, "mode", tree_go_mode(n->type, n->mode));
	write_times(w, n);
	jw_kv_u64(w, "uid", n->uid);
	jw_kv_u64(w, "gid", n->gid);
	field_put_text(w, "user", n->user);
	field_put_text(w, "group", n->group);
	field_put_number(w, "inode", n->inode);
	field_put_number(w, "device_id", n->dev_id);
	field_put_number(w, "size", n->type == NODE_FILE ? n->size : 0);
	field_put_number(w, "links", counts_links(n->type) ? n->links : 0);
	write_link(w, n->type == NODE_SYMLINK ? n->link_target : NULL);
	write_xattrs(w, n);
	field_put_number(w, "device", n->rdev);
	write_content(w, t);
	if (n->type == NODE_DIR) {
		jw_name(w, "subtree");
		field_put_id(w, &t->subtree);
	}
	jw_object_end(w);
}

void tree_encode(const struct tree *t, struct buf *out)
{
	struct json_out w;

	jw_init(&w, out);
	jw_object(&w);
	jw_name(&w, "nodes");
	jw_array(&w);
	for (size_t i = 0; i < t->n; i++)
		write_node(&w, &t->v[i]);
	jw_array_end(&w);
	jw_object_end(&w);
	buf_add_byte(out, '\n');
}

/* No file system gives a file more than 64 KiB of attribute names. */
#define XATTRS_MAX 65536

/* One entry being read: what cannot be judged before all its members are known. */
struct draft {
	struct tree_node node;
	struct buf name, type, scratch;
	char *raw_target;
	bool has_subtree;
};

static void draft_release(struct draft *d)
{
	tree_node_release(&d->node);
	buf_release(&d->name);
	buf_release(&d->type);
	buf_release(&d->scratch);
	free(d->raw_target);
	*d = (struct draft){0};
}

/* Base64 into `out` (cleared first). */
static void read_base64(struct json *j, struct buf *scratch, struct buf *out)
{
	json_string(j, scratch);
	buf_clear(out);
	if (!json_failed(j) && !base64_decode(buf_text(scratch), scratch->len, out))
		json_fail(j, "broken base64");
}

static void read_raw_target(struct json *j, struct draft *d)
{
	CLEANUP(buf_release) struct buf raw = BUF_INIT;

	read_base64(j, &d->scratch, &raw);
	if (raw.len && memchr(raw.p, 0, raw.len))
		json_fail(j, "a zero byte in a link target");
	free(d->raw_target);
	d->raw_target = raw.len ? buf_take_text(&raw) : NULL;
}

static void read_xattr(struct json *j, struct draft *d)
{
	AUTO_FREE char *name = NULL;
	CLEANUP(buf_release) struct buf value = BUF_INIT;

	json_object_begin(j);
	while (json_member(j)) {
		if (json_name_is(j, "name"))
			field_text(j, &name);
		else if (json_name_is(j, "value"))
			read_base64(j, &d->scratch, &value);
		else
			json_skip(j);
	}
	if (!name)
		json_fail(j, "an extended attribute without a name");
	if (!json_failed(j))
		node_add_xattr(&d->node.meta, name, buf_text(&value), value.len);
}

static void read_xattrs(struct json *j, struct draft *d)
{
	json_array_begin(j);
	while (json_element(j)) {
		if (d->node.meta.xattr_count == XATTRS_MAX)
			json_fail(j, "too many extended attributes");
		read_xattr(j, d);
	}
}

static void read_content(struct json *j, struct id_list *l)
{
	l->n = 0;
	json_array_begin(j);
	while (json_element(j)) {
		struct id id = {0};

		field_id(j, &id);
		id_list_add(l, &id);
	}
}

static void read_subtree(struct json *j, struct draft *d)
{
	d->has_subtree = json_peek(j) != JSON_NULL;
	if (d->has_subtree)
		field_id(j, &d->node.subtree);
	else
		json_skip(j);
}

/* Members that say what kind of file it is, and where its bytes are. */
static bool read_kind_member(struct json *j, struct draft *d)
{
	if (json_name_is(j, "name"))
		json_string(j, &d->name);
	else if (json_name_is(j, "type"))
		json_string(j, &d->type);
	else if (json_name_is(j, "linktarget"))
		field_text(j, &d->node.meta.link_target);
	else if (json_name_is(j, "linktarget_raw"))
		read_raw_target(j, d);
	else if (json_name_is(j, "extended_attributes"))
		read_xattrs(j, d);
	else if (json_name_is(j, "content"))
		read_content(j, &d->node.content);
	else if (json_name_is(j, "subtree"))
		read_subtree(j, d);
	else
		return false;
	return true;
}

static void read_stat_member(struct json *j, struct node *n)
{
	if (json_name_is(j, "mode"))
		n->mode = tree_unix_mode(field_u32(j));
	else if (json_name_is(j, "mtime"))
		field_time(j, &n->mtime, NULL);
	else if (json_name_is(j, "ctime"))
		field_time(j, &n->ctime, NULL);
	else if (json_name_is(j, "uid"))
		n->uid = field_u32(j);
	else if (json_name_is(j, "gid"))
		n->gid = field_u32(j);
	else if (json_name_is(j, "user"))
		field_text(j, &n->user);
	else if (json_name_is(j, "group"))
		field_text(j, &n->group);
	else if (json_name_is(j, "inode"))
		n->inode = json_u64(j);
	else if (json_name_is(j, "device_id"))
		n->dev_id = json_u64(j);
	else if (json_name_is(j, "size"))
		n->size = json_u64(j);
	else if (json_name_is(j, "links"))
		n->links = json_u64(j);
	else if (json_name_is(j, "device"))
		n->rdev = json_u64(j);
	else
		json_skip(j);
}

static bool type_from_name(const char *name, enum node_type *out)
{
	static const enum node_type all[] = {
		NODE_FILE, NODE_DIR, NODE_SYMLINK, NODE_FIFO, NODE_SOCKET, NODE_CHARDEV, NODE_BLOCKDEV,
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (strcmp(name, node_type_name(all[i])) == 0) {
			*out = all[i];
			return true;
		}
	}
	return false;
}

static int settle_name(struct draft *d, struct error *e)
{
	CLEANUP(buf_release) struct buf raw = BUF_INIT;

	int r = gounquote(buf_text(&d->name), d->name.len, &raw, e);
	if (r < 0)
		return r;
	if (!path_component_ok(buf_text(&raw), raw.len))
		return error_set(e, ERR_CORRUPT, "\"%s\" is not a name inside a folder", buf_text(&d->name));
	d->node.meta.name = buf_take_text(&raw);
	return 0;
}

/* All members are there: judge them together. */
static int settle(struct draft *d, struct error *e)
{
	struct node *n = &d->node.meta;
	int r = settle_name(d, e);

	if (r < 0)
		return r;
	if (!type_from_name(buf_text(&d->type), &n->type))
		return error_set(e, ERR_CORRUPT, "entry \"%s\" has the unknown type \"%s\"", buf_text(&d->name),
				 buf_text(&d->type));
	if (n->type == NODE_DIR && !d->has_subtree)
		return error_set(e, ERR_CORRUPT, "folder \"%s\" has no tree", buf_text(&d->name));
	if (d->raw_target) {
		free(n->link_target);
		n->link_target = TAKE(d->raw_target);
	}
	return 0;
}

/* 0 also when the JSON is broken, which the caller finds out from `j`. */
static int read_node(struct json *j, unsigned flags, struct tree *out, struct error *e)
{
	CLEANUP(draft_release) struct draft d = {0};

	json_object_begin(j);
	while (json_member(j))
		if (!read_kind_member(j, &d))
			read_stat_member(j, &d.node.meta);
	if (json_failed(j))
		return 0;
	int r = settle(&d, e);
	if (r < 0)
		return r;
	tree_add(out, &d.node);
	if (out->unsorted && (flags & TREE_STRICT))
		return error_set(e, ERR_CORRUPT, "entry \"%s\" is out of order", buf_text(&d.name));
	return 0;
}

static int read_nodes(struct json *j, unsigned flags, struct tree *out, struct error *e)
{
	json_object_begin(j);
	while (json_member(j)) {
		if (!json_name_is(j, "nodes")) {
			json_skip(j);
			continue;
		}
		tree_release(out);
		json_array_begin(j);
		while (json_element(j)) {
			int r = read_node(j, flags, out, e);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

int tree_parse(const void *p, size_t n, unsigned flags, struct tree *out, struct error *e)
{
	struct json j;

	*out = (struct tree){0};
	json_init(&j, p, n);
	int r = read_nodes(&j, flags, out, e);
	if (r < 0)
		json_release(&j);
	else
		r = json_finish(&j, e);
	if (r < 0)
		tree_release(out);
	return r;
}
