/* The backups in a repository, with their manifests. */
#ifndef JOB_BACKUPS_H
#define JOB_BACKUPS_H

#include "engine/engine.h"
#include "job/repository.h"
#include "repo/snapshot.h"
#include "repo/tree.h"

/* Tags Backstay puts on its snapshots (restic shows them). Nobody else may give tags that begin with "backstay". */
#define TAG_BACKSTAY "backstay"          /* made by Backstay */
#define TAG_SAFETY "backstay-safety"     /* made before a restore replaced something */
#define TAG_PARTIAL "backstay-partial"   /* some of the source could not be read */
#define TAG_UNDO_OF "backstay-undo-of="  /* made before an undo: + 64 hex digits of the backup it brings back */
#define TAG_SPENT "backstay-spent"       /* a safety backup that was brought back, or whose restore failed */
#define TAG_IMPORTED "backstay-imported" /* from an outside file */
#define TAG_PINNED "backstay-pinned"     /* no policy removes it (backup_pin) */
#define TAG_SCHEDULE "backstay-schedule=" /* made by a schedule, by whose rules it is kept: + its name */

enum verify_level { LEVEL_NONE, LEVEL_BYTES, LEVEL_STRUCTURE, LEVEL_RESTORED, LEVEL_COMPARED }; /* V1..V4 */

struct backup {
	struct repository *repository; /* it was read from */
	struct snapshot snapshot;
	bool has_manifest;        /* false: made by restic or another program, or damaged */
	struct manifest manifest; /* without a stored one: made up (foreign.h) */
	enum verify_level level;  /* highest reached, by kept evidence (verify.h) */
	struct timespec verified; /* when */
	bool verify_failed;       /* the last verification found damage */
};
void backup_release(struct backup *b);
/* Short id as shown: the first 8 hex digits. */
char *backup_short_id(const struct backup *b, char out[9]);
/* Name for people: the manifest's, else the snapshot's paths. */
const char *backup_name(const struct backup *b);
bool backup_is_safety(const struct backup *b);
bool backup_is_pinned(const struct backup *b);
/* The schedule that made it; NULL: none did. */
const char *backup_schedule(const struct backup *b);
/* Made by Backstay or not: whole, and its last verification, if any, did not fail. */
bool backup_is_good(const struct backup *b);
/* Whether a person who says `source` means s: its name, URL, or path ("app.db", "sqlite:/srv/app.db", "./app.db"). */
bool backup_source_is(const struct manifest_source *s, const char *source);
bool backup_has_source(const struct backup *b, const char *source);
uint64_t backup_bytes(const struct backup *b);

/* The backup of a snapshot, whose content is taken over, also on failure. When its manifest or tree is damaged: -kind,
 * and *out is still filled in with what the snapshot says. */
int backup_of_snapshot(struct repository *r, struct snapshot *s, struct backup *out, struct error *e) MUST_USE;

struct backup_list {
	struct backup *v; /* oldest first */
	size_t n, cap;
	struct strlist damaged; /* "backup 1a2b3c4d: ...": those that could not be read */
};
void backup_list_release(struct backup_list *l);
/* All backups, those of `source` only when not NULL. Manifests are read by threads. A damaged manifest or tree does not
 * hide the backup: it is listed with what its snapshot says, and named in `damaged`. Before anything is called damaged
 * the index is loaded again and all read again: others may have removed, made or packed it anew meanwhile, when no lock
 * is held or a shared one. */
int backup_list_load(struct repository *r, const char *source, struct backup_list *out, struct error *e) MUST_USE;
/* Only those with this tag; the manifests of others are not read. */
int backup_list_load_tagged(struct repository *r, const char *tag, struct backup_list *out, struct error *e) MUST_USE;
/* Drop those without this source. */
void backup_list_keep_source(struct backup_list *l, const char *source);

/* `which`: an id, a unique prefix (4 digits or more), "latest", "latest:SOURCE". An id that it had before its tags were changed will do
 * too. Safety backups count for ids only, not for "latest", and those dated more than a day ahead only where there is no other. While a
 * snapshot cannot be read, nobody knows which is the latest: -ERR_CORRUPT. */
int backup_find(struct repository *r, const char *which, struct backup *out, struct error *e) MUST_USE;
/* The id of the snapshot that is called so: its own or its first one, or a unique prefix. */
int backup_resolve(struct repository *r, const char *id, struct id *out, struct error *e) MUST_USE;
/* Whether an id, or 4 digits of it or more, means s: its own or its first one. */
bool backup_is_called(const struct snapshot *s, const char *prefix);
/* SOURCE of "latest:SOURCE": what reads or restores one source, or chosen ones, means this one unless it is told another.
 * NULL for every other `which`. */
const char *backup_which_source(const char *which);
/* One tag more, which changes its id. The new snapshot is written before the old one goes, so that a crash in between
 * leaves two of the same content. A shared lock will do: all that the old one held is held by the new one. */
int backup_add_tag(struct repository *r, const struct id *id, const char *tag, struct id *fresh,
		   struct error *e) MUST_USE;
/* Pinned or not: the same way. 0 and *fresh its id as it is when there is nothing to change. */
int backup_pin(struct repository *r, const struct id *id, bool pinned, struct id *fresh, struct error *e) MUST_USE;

/* Access for engines to the stored content of a source; valid while b lives. */
void backup_stored(const struct backup *b, const struct manifest_source *s, struct stored *out);
/* The stored entry at a path of the backup; the caller releases it. */
int backup_entry(const struct backup *b, const char *path, struct tree_node *out, struct error *e) MUST_USE;

#endif
