/* Lock files: their JSON, which there are, which are stale. Taking and keeping one is in lock_hold.c. */
#include "repo/lock.h"

#include "base/mem.h"
#include "base/timefmt.h"
#include "repo/field.h"
#include "repo/repo.h"
#include "repo/unpacked.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define STALE_SECONDS (30.0 * 60)

void lock_info_release(struct lock_info *i)
{
	free(i->hostname);
	free(i->username);
	*i = (struct lock_info){0};
}

void lock_encode(const struct lock_info *i, struct buf *out)
{
	struct json_out w;

	jw_init(&w, out);
	jw_object(&w);
	field_put_time_local(&w, "time", i->time);
	jw_kv_bool(&w, "exclusive", i->exclusive);
	jw_kv_string(&w, "hostname", i->hostname ? i->hostname : "");
	jw_kv_string(&w, "username", i->username ? i->username : "");
	jw_kv_i64(&w, "pid", i->pid);
	field_put_number(&w, "uid", i->uid);
	field_put_number(&w, "gid", i->gid);
	jw_object_end(&w);
}

static void read_member(struct json *j, struct lock_info *i, bool *has_time)
{
	if (json_name_is(j, "time")) {
		field_time(j, &i->time, NULL);
		*has_time = true;
	} else if (json_name_is(j, "exclusive")) {
		i->exclusive = json_bool(j);
	} else if (json_name_is(j, "hostname")) {
		field_text(j, &i->hostname);
	} else if (json_name_is(j, "username")) {
		field_text(j, &i->username);
	} else if (json_name_is(j, "pid")) {
		i->pid = json_i64(j);
	} else if (json_name_is(j, "uid")) {
		i->uid = field_u32(j);
	} else if (json_name_is(j, "gid")) {
		i->gid = field_u32(j);
	} else {
		json_skip(j);
	}
}

int lock_parse(const void *p, size_t n, struct lock_info *out, struct error *e)
{
	struct json j;
	bool has_time = false;

	*out = (struct lock_info){0};
	json_init(&j, p, n);
	json_object_begin(&j);
	while (json_member(&j))
		read_member(&j, out, &has_time);
	int r = json_finish(&j, e);
	if (r == 0 && !has_time)
		r = error_set(e, ERR_CORRUPT, "the lock has no time");
	if (r < 0)
		lock_info_release(out);
	return r;
}

static bool of_this_host(const struct lock_info *i)
{
	char here[HOST_NAME_MAX + 1];

	if (gethostname(here, sizeof here) < 0)
		return false;
	here[HOST_NAME_MAX] = 0;
	return i->hostname && strcmp(i->hostname, here) == 0;
}

static bool process_is_gone(const struct lock_info *i)
{
	if (i->pid <= 0 || i->pid > INT_MAX || !of_this_host(i))
		return false;
	return kill((pid_t)i->pid, 0) < 0 && errno == ESRCH;
}

bool lock_is_stale(const struct lock_info *i, struct timespec now)
{
	return time_between(i->time, now) > STALE_SECONDS || process_is_gone(i);
}

static int collect_id(const char *name, uint64_t size, void *ctx)
{
	struct id id;

	if (id_parse(&id, name, ID_HEX_LEN))
		id_list_add(ctx, &id);
	return 0;
}

static bool is_empty_file(struct repo *r, const struct id *id)
{
	struct store_file f = {.kind = STORE_LOCK};
	struct error ignored = {0};
	uint64_t size;

	id_hex(id, f.name);
	return store_size(r->store, &f, &size, &ignored) == 0 && size == 0;
}

/* 1 when there is no lock in this file: it was removed since it was listed, or it is empty, as a full disk leaves
 * it behind. */
static int load(struct repo *r, const struct id *id, struct lock_info *out, struct error *e)
{
	CLEANUP(buf_release) struct buf json = BUF_INIT;
	char hex[ID_HEX_LEN + 1];

	int rc = unpacked_load(r->store, &r->key, STORE_LOCK, id, &json, e);
	if (rc == -ERR_NOT_FOUND || (rc == -ERR_CORRUPT && is_empty_file(r, id)))
		return 1;
	if (rc == 0 && lock_parse(json.p, json.len, out, e) < 0)
		rc = error_wrap(e, "lock %.8s is damaged", id_hex(id, hex));
	if (rc == -ERR_CORRUPT)
		return error_hint(e, "when no other program uses the repository, `backstay unlock --all` helps");
	out->id = *id;
	return rc;
}

static int by_time(const void *a, const void *b)
{
	const struct lock_info *x = a, *y = b;
	int c = time_cmp(x->time, y->time);

	return c ? c : id_cmp(&x->id, &y->id);
}

void lock_list_free(struct lock_info *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		lock_info_release(&v[i]);
	free(v);
}

int lock_list(struct repo *r, struct lock_info **out, size_t *n, struct error *e)
{
	CLEANUP(id_list_release) struct id_list ids = {0};

	*out = NULL;
	*n = 0;
	int rc = store_list(r->store, STORE_LOCK, collect_id, &ids, e);
	if (rc < 0 || ids.n == 0)
		return rc;
	struct lock_info *v = mem_array(NULL, ids.n, sizeof *v);
	size_t count = 0;
	for (size_t i = 0; i < ids.n; i++) {
		rc = load(r, &ids.v[i], &v[count], e);
		if (rc < 0) {
			lock_list_free(v, count);
			return rc;
		}
		count += rc == 0;
	}
	if (count)
		qsort(v, count, sizeof *v, by_time);
	*out = v;
	*n = count;
	return 0;
}

/* 1 when it is. A damaged lock cannot be judged, so it stays. */
static int should_go(struct repo *r, const struct id *id, struct error *e)
{
	CLEANUP(lock_info_release) struct lock_info i = {0};

	int rc = load(r, id, &i, e);
	if (rc == -ERR_CORRUPT || rc > 0)
		return 0;
	return rc < 0 ? rc : lock_is_stale(&i, time_now());
}

int lock_remove_stale(struct repo *r, bool all, size_t *removed, struct error *e)
{
	CLEANUP(id_list_release) struct id_list ids = {0};

	*removed = 0;
	int rc = store_list(r->store, STORE_LOCK, collect_id, &ids, e);
	for (size_t i = 0; i < ids.n && rc >= 0; i++) {
		struct store_file f = {.kind = STORE_LOCK};

		rc = all ? 1 : should_go(r, &ids.v[i], e);
		if (rc != 1)
			continue;
		id_hex(&ids.v[i], f.name);
		rc = store_remove(r->store, &f, e);
		*removed += rc == 0;
	}
	return rc < 0 ? rc : 0;
}
