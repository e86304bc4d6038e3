/* One backup out of many, by what a person calls it. */
#include "job/backups.h"

#include "base/mem.h"

#include <string.h>

#define LATEST_OF "latest:"

static int cannot_tell(const struct snapshot_list *l, struct error *e)
{
	error_set(e, ERR_CORRUPT, "which backup is the latest cannot be told: %s", l->damage.v[0]);
	return error_hint(e, "name one by its id from `backstay list`");
}

static int none_found(const struct repository *r, const char *source, struct error *e)
{
	if (source)
		error_set(e, ERR_NOT_FOUND, "there is no backup of %s in %s", source, r->location);
	else
		error_set(e, ERR_NOT_FOUND, "there is no backup in %s yet", r->location);
	return error_hint(e, "backstay list shows what is there");
}

/* From the newest on: only the manifests up to the one wanted are read. */
static int find_latest(struct repository *r, const char *source, struct backup *out, struct error *e)
{
	CLEANUP(snapshot_list_release) struct snapshot_list all = {0};
	int rc = snapshot_list_load(r->repo, &all, e);
	char id[9];

	if (!rc && all.damage.n)
		rc = cannot_tell(&all, e);
	if (rc)
		return rc;
	for (size_t i = all.n; i-- > 0;) {
		if (snapshot_has_tag(&all.v[i], TAG_SAFETY))
			continue;
		rc = backup_of_snapshot(r, &all.v[i], out, e);
		backup_short_id(out, id);
		if (!rc && (!source || backup_has_source(out, source)))
			return 0;
		backup_release(out);
		if (rc)
			return error_wrap(e, "backup %s", id);
	}
	return none_found(r, source, e);
}

static int find_id(struct repository *r, const char *prefix, struct backup *out, struct error *e)
{
	CLEANUP(snapshot_release) struct snapshot s = {0};
	struct id id;
	int rc = repo_resolve(r->repo, STORE_SNAPSHOT, prefix, &id, e);

	if (rc)
		return error_hint(e, "name it by its id from `backstay list`, \"latest\" or \"latest:SOURCE\"");
	rc = snapshot_load(r->repo, &id, &s, e);
	if (rc)
		return rc;
	rc = backup_of_snapshot(r, &s, out, e);
	if (rc)
		backup_release(out);
	return rc;
}

const char *backup_which_source(const char *which)
{
	return strncmp(which, LATEST_OF, strlen(LATEST_OF)) ? NULL : which + strlen(LATEST_OF);
}

int backup_find(struct repository *r, const char *which, struct backup *out, struct error *e)
{
	*out = (struct backup){0};
	const char *source = backup_which_source(which);

	if (source || !strcmp(which, "latest"))
		return find_latest(r, source, out, e);
	return find_id(r, which, out, e) ? error_wrap(e, "backup %s", which) : 0;
}

int backup_add_tag(struct repository *r, const struct id *id, const char *tag, struct id *fresh, struct error *e)
{
	CLEANUP(snapshot_release) struct snapshot s = {0};
	char hex[ID_HEX_LEN + 1];
	int rc = snapshot_load(r->repo, id, &s, e);

	if (!rc) {
		strlist_add(&s.tags, tag);
		if (!s.has_original)
			s.original = *id;
		s.has_original = true;
		rc = snapshot_save(r->repo, &s, e);
	}
	if (!rc)
		rc = snapshot_remove(r->repo, id, e);
	*fresh = s.id;
	return rc ? error_wrap(e, "tagging backup %.8s", id_hex(id, hex)) : 0;
}
