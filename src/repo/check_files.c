#include "repo/check_state.h"

#include "base/mem.h"
#include "repo/unpacked.h"

#define MAX_KEY_FILE ((size_t)64 << 10)

static void path_of(enum store_kind kind, const struct id *id, char out[STORE_PATH_MAX])
{
	struct store_file f = inventory_store_file(kind, id);
	store_path(&f, out);
}

/* It was read when the repository was opened; what matters is whether it will be read again. */
int check_files_config(struct check *c, struct error *e)
{
	CLEANUP(buf_release) struct buf json = BUF_INIT;
	struct repo_config config;
	struct error why = {0};
	struct id unnamed = {0};

	int rc = unpacked_load(c->r->store, &c->r->key, STORE_CONFIG, &unnamed, &json, &why);
	if (rc && !inventory_is_damage(c->r, rc)) {
		*e = why;
		return rc;
	}
	if (rc == 0 && repo_config_parse(json.p, json.len, &config, &why))
		rc = error_wrap(&why, "config is damaged");
	if (rc)
		check_add(c, CHECK_ERROR, "config", "%s", why.text);
	else if (strcmp(config.id, c->r->config.id) != 0)
		check_add(c, CHECK_ERROR, "config", "config is of another repository, %.8s", config.id);
	return 0;
}

static int look_at_key(struct check *c, const struct id *id, struct error *e)
{
	CLEANUP(buf_release) struct buf json = BUF_INIT;
	struct store_file f = inventory_store_file(STORE_KEY, id);
	struct key_file key = {0};
	struct id hash;
	char path[STORE_PATH_MAX];

	path_of(STORE_KEY, id, path);
	int rc = store_get_all(c->r->store, &f, MAX_KEY_FILE, &json, e);
	if (rc && !inventory_is_damage(c->r, rc))
		return rc;
	if (rc == 0) {
		id_hash(&hash, json.p, json.len);
		if (!id_equal(&hash, id))
			rc = error_set(e, ERR_CORRUPT, "its bytes do not match its name");
		else
			rc = key_file_parse(json.p, json.len, &key, e);
	}
	if (rc)
		check_add(c, CHECK_ERROR, path, "key %.8s is damaged (%s)", f.name, e->text);
	key_file_release(&key);
	return 0;
}

int check_files_keys(struct check *c, struct error *e)
{
	CLEANUP(id_list_release) struct id_list ids = {0};

	int rc = inventory_list(c->r, STORE_KEY, &ids, e);
	for (size_t i = 0; i < ids.n && rc == 0; i++)
		rc = look_at_key(c, &ids.v[i], e);
	return rc;
}

static void add_damaged_snapshot(struct check *c, const struct id *id, const char *why)
{
	char path[STORE_PATH_MAX];

	path_of(STORE_SNAPSHOT, id, path);
	check_hurt(c, check_add(c, CHECK_ERROR, path, "%s", why), id);
}

static int load_chosen(struct check *c, const struct id *id, struct error *e)
{
	struct snapshot s;
	struct error why = {0};

	int rc = snapshot_load(c->r, id, &s, &why);
	if (rc == -ERR_NOT_FOUND || (rc && !inventory_is_damage(c->r, rc))) {
		*e = why;
		return rc;
	}
	if (rc) {
		add_damaged_snapshot(c, id, why.text);
		return 0;
	}
	struct snapshot_list *l = &c->snapshots;
	GROW(l->v, l->n, l->cap);
	l->v[l->n++] = s;
	return 0;
}

int check_files_snapshots(struct check *c, struct error *e)
{
	struct snapshot_list *l = &c->snapshots;
	int rc = 0;

	if (!c->o->snapshots)
		rc = snapshot_list_load(c->r, l, e);
	for (size_t i = 0; c->o->snapshots && i < c->o->snapshot_count && rc == 0; i++)
		rc = load_chosen(c, &c->o->snapshots[i], e);
	if (rc)
		return rc;
	for (size_t i = 0; i < l->damaged.n; i++)
		add_damaged_snapshot(c, &l->damaged.v[i], l->damage.v[i]);
	c->out->snapshots = l->n;
	return 0;
}

int check_files_index(struct check *c, struct error *e)
{
	char path[STORE_PATH_MAX];

	int rc = inventory_load(c->r, &c->inv, c->o->progress, e);
	if (rc)
		return rc;
	for (size_t i = 0; i < c->inv.file_count; i++) {
		const struct inventory_file *f = &c->inv.files[i];
		if (f->result && !inventory_is_damage(c->r, f->result))
			return error_set(e, (enum err_kind)(-f->result), "%s", f->why);
		path_of(STORE_INDEX, &f->id, path);
		if (f->result)
			check_add(c, CHECK_ERROR, path, "%s", f->why);
	}
	return 0;
}

/* A pack that two index files list. */
static void add_listed_twice(struct check *c, const struct inventory_pack *p, const char *path)
{
	const struct inventory_file *files = c->inv.files;
	char hex[ID_HEX_LEN + 1], a[ID_HEX_LEN + 1], b[ID_HEX_LEN + 1];

	id_hex(&p->id, hex);
	id_hex(&files[p->file].id, a);
	id_hex(&files[p->other_file].id, b);
	if (p->differs)
		check_add(c, CHECK_ERROR, path, "pack %.8s: index files %.8s and %.8s list different blobs of it", hex,
			  a, b);
	else
		check_add(c, CHECK_HINT, path, "pack %.8s is listed twice, in index files %.8s and %.8s", hex, a, b);
}

static void add_pack_problems(struct check *c, const struct inventory_pack *p, const char *path)
{
	char hex[ID_HEX_LEN + 1];

	id_hex(&p->id, hex);
	if (p->other_file != INVENTORY_NONE)
		add_listed_twice(c, p, path);
	if (!p->gapless)
		check_add(c, CHECK_ERROR, path, "pack %.8s: the blobs its index lists overlap or leave gaps", hex);
	if (p->mixed && c->r->config.version > 1)
		check_add(c, CHECK_HINT, path, "pack %.8s mixes data and trees (prune sorts them)", hex);
	if (p->left_out)
		check_add(c, CHECK_ERROR, path, "pack %.8s is there, but the store's list of packs leaves it out", hex);
}

/* Packs that are gone or of the wrong size. */
struct lost {
	struct check *c;
	size_t *problems; /* by pack number: problem + 1, or 0 */
};

static void find_lost(struct lost *l, uint32_t number, const char *path)
{
	struct check *c = l->c;
	const struct inventory_pack *p = &c->inv.packs[number];
	char hex[ID_HEX_LEN + 1];

	id_hex(&p->id, hex);
	if (!p->there)
		l->problems[number] = 1 + check_add(c, CHECK_ERROR, path, "pack %.8s is missing", hex);
	else if (p->size != p->promised)
		l->problems[number] =
			1 + check_add(c, CHECK_ERROR, path, "pack %.8s is %llu bytes long, but its index promises %llu",
				      hex, (unsigned long long)p->size, (unsigned long long)p->promised);
}

static int suspect_lost(const struct blob_place *b, void *ctx)
{
	struct lost *l = ctx;
	uint32_t number = inventory_find(&l->c->inv, &b->pack);
	const struct inventory_pack *p = &l->c->inv.packs[number];

	if (l->problems[number] && (!p->there || (uint64_t)b->blob.offset + b->blob.length > p->size))
		check_suspect(l->c, l->problems[number] - 1, b->blob.type, &b->blob.id, number);
	return 0;
}

void check_files_packs(struct check *c, const struct bits *needed)
{
	AUTO_FREE size_t *problems = mem_zero(c->inv.pack_count * sizeof *problems);
	struct lost lost = {c, problems};
	size_t before = c->out->errors;
	char path[STORE_PATH_MAX], hex[ID_HEX_LEN + 1];

	for (uint32_t i = 0; i < c->inv.pack_count; i++) {
		const struct inventory_pack *p = &c->inv.packs[i];
		if (needed && !bits_has(needed, i))
			continue;
		path_of(STORE_DATA, &p->id, path);
		if (p->file != INVENTORY_NONE) {
			add_pack_problems(c, p, path);
			find_lost(&lost, i, path);
			continue;
		}
		c->out->unreferenced_packs++;
		check_add(c, CHECK_HINT, path, "pack %.8s is in no index (a backup was interrupted, or is running)",
			  id_hex(&p->id, hex));
	}
	if (c->out->errors > before)
		index_each(c->r->index, suspect_lost, &lost);
}
