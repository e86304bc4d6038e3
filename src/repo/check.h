/* Is the repository whole? Stricter than restic's check: it also compares every blob's plain length, every file's size
 * with the sum of its blobs, the order of names in trees, packs split over two index files, and names of files against
 * their hashes. */
#ifndef REPO_CHECK_H
#define REPO_CHECK_H

#include "repo/repo.h"
#include "repo/snapshot.h"

enum check_severity { CHECK_HINT, CHECK_ERROR };

struct check_problem {
	enum check_severity severity;
	char *text;               /* "pack 1a2b3c4d: blob 5e6f7a8b is damaged (its MAC does not match)" */
	char *object;             /* store path or "tree <id>", for --json */
	struct id_list snapshots; /* the backups that cannot be restored whole because of it */
};

struct check_report {
	struct check_problem *v;
	size_t n, cap;
	size_t errors, hints;
	uint64_t snapshots, trees, blobs, packs, packs_read, bytes_read;
	uint64_t unused_blobs, unused_bytes, unreferenced_packs;
	struct id_list hurt; /* every backup that an error touches, each once */
};
void check_report_release(struct check_report *r);

struct check_options {
	bool read_data;             /* read every pack whole: MACs, headers, every blob's hash; also every key file */
	bool pack_names;            /* and compare with its name the hash of each pack, whose every byte has been
				       authenticated by then: only a file under a wrong name is found by it */
	const struct id *snapshots; /* only these backups and what they need; NULL: everything */
	size_t snapshot_count;
	struct progress *progress;
};
/* 0 when the check could be made, whatever it found; an error only when it could not go on (the store fails,
 * cancelled). Never crashes on any bytes. Loads the index itself, unreadable index files being problems. Memory: a bit
 * set over the index, trees one at a time. */
int check_run(struct repo *r, const struct check_options *o, struct check_report *out, struct error *e) MUST_USE;

#endif
