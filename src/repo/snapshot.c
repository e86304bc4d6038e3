/* The JSON of snapshots; snapshot_store.c moves them in and out of a repository. */
#include "repo/snapshot.h"

#include "base/mem.h"
#include "base/timefmt.h"
#include "repo/field.h"

#include <stdlib.h>

void snapshot_release(struct snapshot *s)
{
	strlist_release(&s->paths);
	strlist_release(&s->tags);
	strlist_release(&s->excludes);
	free(s->hostname);
	free(s->username);
	free(s->program_version);
	*s = (struct snapshot){0};
}

bool snapshot_has_tag(const struct snapshot *s, const char *tag)
{
	return strlist_has(&s->tags, tag);
}

/* The counters of a summary, in the order they are written. */
static const struct {
	const char *name;
	size_t at;
} counters[] = {
	{"files_new", offsetof(struct snapshot_summary, files_new)},
	{"files_changed", offsetof(struct snapshot_summary, files_changed)},
	{"files_unmodified", offsetof(struct snapshot_summary, files_unmodified)},
	{"dirs_new", offsetof(struct snapshot_summary, dirs_new)},
	{"dirs_changed", offsetof(struct snapshot_summary, dirs_changed)},
	{"dirs_unmodified", offsetof(struct snapshot_summary, dirs_unmodified)},
	{"data_blobs", offsetof(struct snapshot_summary, data_blobs)},
	{"tree_blobs", offsetof(struct snapshot_summary, tree_blobs)},
	{"data_added", offsetof(struct snapshot_summary, data_added)},
	{"data_added_packed", offsetof(struct snapshot_summary, data_added_packed)},
	{"total_files_processed", offsetof(struct snapshot_summary, total_files_processed)},
	{"total_bytes_processed", offsetof(struct snapshot_summary, total_bytes_processed)},
};

static uint64_t *counter(const struct snapshot_summary *s, size_t i)
{
	return (uint64_t *)((char *)s + counters[i].at);
}

static void write_time(struct json_out *w, const char *name, struct timespec t, int offset)
{
	char text[TIME_RFC3339_MAX];

	time_to_rfc3339(t, offset, text);
	jw_kv_string(w, name, text);
}

static void write_id(struct json_out *w, const char *name, const struct id *id)
{
	jw_name(w, name);
	field_put_id(w, id);
}

static void write_list(struct json_out *w, const char *name, const struct strlist *l)
{
	jw_name(w, name);
	jw_array(w);
	for (size_t i = 0; i < l->n; i++)
		jw_string(w, l->v[i]);
	jw_array_end(w);
}

static void write_summary(struct json_out *w, const struct snapshot *s)
{
	jw_name(w, "summary");
	jw_object(w);
	write_time(w, "backup_start", s->summary.backup_start, s->offset_seconds);
	write_time(w, "backup_end", s->summary.backup_end, s->offset_seconds);
	for (size_t i = 0; i < ARRAY_LEN(counters); i++)
		jw_kv_u64(w, counters[i].name, *counter(&s->summary, i));
	jw_object_end(w);
}

void snapshot_encode(const struct snapshot *s, struct buf *out)
{
	struct json_out w;

	jw_init(&w, out);
	jw_object(&w);
	write_time(&w, "time", s->time, s->offset_seconds);
	if (s->has_parent)
		write_id(&w, "parent", &s->parent);
	write_id(&w, "tree", &s->tree);
	write_list(&w, "paths", &s->paths);
	field_put_text(&w, "hostname", s->hostname);
	field_put_text(&w, "username", s->username);
	field_put_number(&w, "uid", s->uid);
	field_put_number(&w, "gid", s->gid);
	if (s->excludes.n)
		write_list(&w, "excludes", &s->excludes);
	if (s->tags.n)
		write_list(&w, "tags", &s->tags);
	if (s->has_original)
		write_id(&w, "original", &s->original);
	field_put_text(&w, "program_version", s->program_version);
	if (s->summary.present)
		write_summary(&w, s);
	jw_object_end(&w);
}

static void read_list(struct json *j, struct strlist *l)
{
	strlist_release(l);
	json_array_begin(j);
	while (json_element(j)) {
		char *s = json_string_dup(j);

		if (s)
			strlist_take(l, s);
	}
}

/* An id that may be absent: null counts as that. */
static bool read_optional_id(struct json *j, struct id *id)
{
	if (json_peek(j) == JSON_NULL) {
		json_skip(j);
		return false;
	}
	field_id(j, id);
	return true;
}

static bool read_counter(struct json *j, struct snapshot_summary *s)
{
	for (size_t i = 0; i < ARRAY_LEN(counters); i++) {
		if (json_name_is(j, counters[i].name)) {
			*counter(s, i) = json_u64(j);
			return true;
		}
	}
	return false;
}

static void read_summary(struct json *j, struct snapshot_summary *s)
{
	s->present = json_peek(j) != JSON_NULL;
	json_object_begin(j);
	while (json_member(j)) {
		if (json_name_is(j, "backup_start"))
			field_time(j, &s->backup_start, NULL);
		else if (json_name_is(j, "backup_end"))
			field_time(j, &s->backup_end, NULL);
		else if (!read_counter(j, s))
			json_skip(j);
	}
}

static bool read_origin_member(struct json *j, struct snapshot *s)
{
	if (json_name_is(j, "paths"))
		read_list(j, &s->paths);
	else if (json_name_is(j, "hostname"))
		field_text(j, &s->hostname);
	else if (json_name_is(j, "username"))
		field_text(j, &s->username);
	else if (json_name_is(j, "uid"))
		s->uid = field_u32(j);
	else if (json_name_is(j, "gid"))
		s->gid = field_u32(j);
	else if (json_name_is(j, "excludes"))
		read_list(j, &s->excludes);
	else if (json_name_is(j, "tags"))
		read_list(j, &s->tags);
	else
		return false;
	return true;
}

static void read_member(struct json *j, struct snapshot *s, bool *has_time, bool *has_tree)
{
	if (json_name_is(j, "time")) {
		field_time(j, &s->time, &s->offset_seconds);
		*has_time = true;
	} else if (json_name_is(j, "tree")) {
		*has_tree = read_optional_id(j, &s->tree);
	} else if (json_name_is(j, "parent")) {
		s->has_parent = read_optional_id(j, &s->parent);
	} else if (json_name_is(j, "original")) {
		s->has_original = read_optional_id(j, &s->original);
	} else if (json_name_is(j, "program_version")) {
		field_text(j, &s->program_version);
	} else if (json_name_is(j, "summary")) {
		read_summary(j, &s->summary);
	} else {
		json_skip(j);
	}
}

int snapshot_parse(const void *p, size_t n, struct snapshot *out, struct error *e)
{
	struct json j;
	bool has_time = false, has_tree = false;

	*out = (struct snapshot){0};
	json_init(&j, p, n);
	json_object_begin(&j);
	while (json_member(&j))
		if (!read_origin_member(&j, out))
			read_member(&j, out, &has_time, &has_tree);
	int r = json_finish(&j, e);
	if (r == 0 && !has_time)
		r = error_set(e, ERR_CORRUPT, "the snapshot has no time");
	if (r == 0 && !has_tree)
		r = error_set(e, ERR_CORRUPT, "the snapshot has no tree");
	if (r < 0)
		snapshot_release(out);
	return r;
}
