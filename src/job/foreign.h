/* Backups without a manifest of ours: what can be said of them all the same. */
#ifndef JOB_FOREIGN_H
#define JOB_FOREIGN_H

#include "engine/manifest.h"
#include "repo/repo.h"
#include "repo/snapshot.h"

/* A "folder" source for each path the snapshot names and its tree holds, wherever the other program put it; when it
 * holds none, for each entry of its root. The counts of such a source are not known: it has no objects. */
int foreign_manifest(struct repo *r, const struct snapshot *s, struct manifest *out, struct error *e) MUST_USE;
/* What the snapshot alone says, for lists: a source for each path. */
void foreign_outline(const struct snapshot *s, struct manifest *out);

#endif
