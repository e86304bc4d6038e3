/* One backup out of many, by what a person calls it. */
#include "job/backups.h"

#include "base/mem.h"
#include "base/timefmt.h"
#include "job/forget.h"

#include <string.h>

#define LATEST_OF "latest:"
#define PREFIX_MIN 4

static int cannot_tell(const struct snapshot_list *l, struct error *e)
{
	error_set(e, ERR_CORRUPT, "which backup is the latest cannot be told: %s", l->damage.v[0]);
	return error_hint_typed(e, "name one by its id", " from `backstay list`");
}

static int none_found(const struct repository *r, const char *source, struct error *e)
{
	if (source)
		error_set(e, ERR_NOT_FOUND, "there is no backup of %s in %s", source, r->location);
	else
		error_set(e, ERR_NOT_FOUND, "there is no backup in %s yet", r->location);
	return error_hint_typed(e, "", "backstay list shows what is there");
}

/* *doubtful: what a snapshot refers to could not be read. */
static int read_backup(struct repository *r, struct snapshot *s, struct backup *out, bool *doubtful, struct error *e)
{
	int rc = backup_of_snapshot(r, s, out, e);

	*doubtful = *doubtful || rc == -ERR_NOT_FOUND || rc == -ERR_CORRUPT;
	return rc;
}

/* The newest of those that are dated ahead, or of those that are not: only the manifests up to the one wanted are read. 1: found, 0: none. */
static int find_newest(struct repository *r, struct snapshot_list *all, bool ahead, const char *source, struct backup *out, bool *doubtful,
		       struct error *e)
{
	struct timespec now = time_now();
	char id[9];

	for (size_t i = all->n; i-- > 0;) {
		if (snapshot_has_tag(&all->v[i], TAG_SAFETY) || retention_is_ahead(all->v[i].time, now) != ahead)
			continue;
		int rc = read_backup(r, &all->v[i], out, doubtful, e);

		backup_short_id(out, id);
		if (!rc && (!source || backup_has_source(out, source)))
			return 1;
		backup_release(out);
		if (rc)
			return error_wrap(e, "backup %s", id);
	}
	return 0;
}

/* One that a wrong clock dated ahead must not stand for the newest until that day comes. */
static int find_latest(struct repository *r, const char *source, struct backup *out, bool *doubtful, struct error *e)
{
	CLEANUP(snapshot_list_release) struct snapshot_list all = {0};
	int rc = snapshot_list_load(r->repo, &all, e);

	if (!rc && all.damage.n)
		rc = cannot_tell(&all, e);
	if (!rc)
		rc = find_newest(r, &all, false, source, out, doubtful, e);
	if (!rc)
		rc = find_newest(r, &all, true, source, out, doubtful, e);
	if (rc)
		return rc < 0 ? rc : 0;
	return none_found(r, source, e);
}

bool backup_is_called(const struct snapshot *s, const char *prefix)
{
	size_t n = strlen(prefix);
	char hex[ID_HEX_LEN + 1];

	return n >= PREFIX_MIN && (!strncmp(id_hex(&s->id, hex), prefix, n) ||
				   (s->has_original && !strncmp(id_hex(&s->original, hex), prefix, n)));
}

/* By their first ids. Two that share theirs are one backup whose tags were being changed when something was cut off. */
static int resolve_original(struct repository *r, const char *prefix, struct id *out, struct error *e)
{
	CLEANUP(snapshot_list_release) struct snapshot_list all = {0};
	const struct snapshot *found = NULL;
	struct error why = *e;
	int rc = snapshot_list_load(r->repo, &all, e);

	if (rc)
		return rc;
	for (size_t i = 0; i < all.n; i++) {
		const struct snapshot *s = &all.v[i];

		if (!s->has_original || !backup_is_called(s, prefix))
			continue;
		if (found && !id_equal(&found->original, &s->original)) {
			error_set(e, ERR_USAGE, "%s is ambiguous: several backups had an id that begins with it",
				  prefix);
			return error_hint(e, "give more digits");
		}
		found = s;
	}
	*e = why;
	if (!found)
		return -(int)why.kind;
	*out = found->id;
	error_clear(e);
	return 0;
}

int backup_resolve(struct repository *r, const char *id, struct id *out, struct error *e)
{
	int rc = repo_resolve(r->repo, STORE_SNAPSHOT, id, out, e);

	return rc == -ERR_NOT_FOUND ? resolve_original(r, id, out, e) : rc;
}

static int find_id(struct repository *r, const char *prefix, struct backup *out, bool *doubtful, struct error *e)
{
	CLEANUP(snapshot_release) struct snapshot s = {0};
	struct id id;
	int rc = backup_resolve(r, prefix, &id, e);

	if (rc)
		return error_hint_typed(e, "name it by its id, \"latest\" or \"latest:SOURCE\"",
					"; `backstay list` shows them");
	rc = snapshot_load(r->repo, &id, &s, e);
	*doubtful = rc == -ERR_NOT_FOUND;
	if (rc)
		return rc;
	rc = read_backup(r, &s, out, doubtful, e);
	if (rc)
		backup_release(out);
	return rc;
}

const char *backup_which_source(const char *which)
{
	return strncmp(which, LATEST_OF, strlen(LATEST_OF)) ? NULL : which + strlen(LATEST_OF);
}

static int find_once(struct repository *r, const char *which, struct backup *out, bool *doubtful, struct error *e)
{
	const char *source = backup_which_source(which);

	*out = (struct backup){0};
	if (source || !strcmp(which, "latest"))
		return find_latest(r, source, out, doubtful, e);
	return find_id(r, which, out, doubtful, e) ? error_wrap(e, "backup %s", which) : 0;
}

/* Looked for once more when it, or what it refers to, is not where it should be: it may have been tagged, forgotten or
 * packed anew meanwhile, or made since our index was read. */
int backup_find(struct repository *r, const char *which, struct backup *out, struct error *e)
{
	bool doubtful = false;
	int rc = find_once(r, which, out, &doubtful, e);

	if (!rc || !doubtful)
		return rc;
	error_clear(e);
	rc = repo_load_index(r->repo, NULL, NULL, e);
	return rc ? rc : find_once(r, which, out, &doubtful, e);
}

/* The new snapshot is there before the old one goes. */
static int retag(struct repository *r, struct snapshot *s, struct id *fresh, struct error *e)
{
	const struct id old = s->id;
	char hex[ID_HEX_LEN + 1];

	if (!s->has_original)
		s->original = old;
	s->has_original = true;
	int rc = snapshot_save(r->repo, s, e);

	if (!rc)
		rc = snapshot_remove(r->repo, &old, e);
	*fresh = s->id;
	return rc ? error_wrap(e, "tagging backup %.8s", id_hex(&old, hex)) : 0;
}

int backup_add_tag(struct repository *r, const struct id *id, const char *tag, struct id *fresh, struct error *e)
{
	CLEANUP(snapshot_release) struct snapshot s = {0};
	char hex[ID_HEX_LEN + 1];
	int rc = snapshot_load(r->repo, id, &s, e);

	if (rc)
		return error_wrap(e, "tagging backup %.8s", id_hex(id, hex));
	strlist_add(&s.tags, tag);
	return retag(r, &s, fresh, e);
}

static void remove_tag(struct strlist *tags, const char *tag)
{
	CLEANUP(strlist_release) struct strlist left = {0};

	for (size_t i = 0; i < tags->n; i++)
		if (strcmp(tags->v[i], tag) != 0)
			strlist_add(&left, tags->v[i]);
	struct strlist all = *tags;

	*tags = left;
	left = all;
}

int backup_pin(struct repository *r, const struct id *id, bool pinned, struct id *fresh, struct error *e)
{
	CLEANUP(snapshot_release) struct snapshot s = {0};
	char hex[ID_HEX_LEN + 1];
	int rc = snapshot_load(r->repo, id, &s, e);

	if (rc)
		return error_wrap(e, "%s backup %.8s", pinned ? "pinning" : "unpinning", id_hex(id, hex));
	*fresh = *id;
	if (snapshot_has_tag(&s, TAG_PINNED) == pinned)
		return 0;
	if (pinned)
		strlist_add(&s.tags, TAG_PINNED);
	else
		remove_tag(&s.tags, TAG_PINNED);
	return retag(r, &s, fresh, e);
}
