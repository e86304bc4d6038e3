/* Snapshots: one backup each. Their files are the roots everything else is reached from. */
#ifndef REPO_SNAPSHOT_H
#define REPO_SNAPSHOT_H

#include "base/strlist.h"
#include "base/buf.h"
#include "repo/id.h"

#include <time.h>

struct snapshot_summary {         /* as restic 0.17 and later write it */
	bool present;
	struct timespec backup_start, backup_end;
	uint64_t files_new, files_changed, files_unmodified, dirs_new, dirs_changed, dirs_unmodified;
	uint64_t data_blobs, tree_blobs, data_added, data_added_packed, total_files_processed, total_bytes_processed;
};

struct snapshot {
	struct id id;                 /* of its file; not part of the JSON */
	struct timespec time;
	int offset_seconds;           /* time zone it was written in */
	struct id tree;
	bool has_parent, has_original;
	struct id parent, original;
	struct strlist paths, tags, excludes;
	char *hostname, *username, *program_version;   /* or NULL */
	uint32_t uid, gid;
	struct snapshot_summary summary;
};

void snapshot_release(struct snapshot *s);
void snapshot_encode(const struct snapshot *s, struct buf *out);
int snapshot_parse(const void *p, size_t n, struct snapshot *out, struct error *e) MUST_USE;
bool snapshot_has_tag(const struct snapshot *s, const char *tag);

struct repo;
int snapshot_save(struct repo *r, struct snapshot *s, struct error *e) MUST_USE;      /* sets s->id */
int snapshot_load(struct repo *r, const struct id *id, struct snapshot *out, struct error *e) MUST_USE;
/* The caller holds the exclusive lock. */
int snapshot_remove(struct repo *r, const struct id *id, struct error *e) MUST_USE;

struct snapshot_list {
	struct snapshot *v;           /* oldest first */
	size_t n, cap;
	struct id_list damaged;       /* snapshot files that could not be read, with why: */
	struct strlist damage;
};
void snapshot_list_release(struct snapshot_list *l);
/* Load all. A damaged file does not hide the others: it is listed apart, and whoever deletes anything must refuse
 * while there is one. One that went since it was listed is none: the list is made again, for what may have taken its
 * place. One that is listed still, but not there, is damaged. */
int snapshot_list_load(struct repo *r, struct snapshot_list *out, struct error *e) MUST_USE;

#endif
