/* Two backups, or a backup and the live source, side by side; and SQL over a backup. */
#ifndef JOB_COMPARE_H
#define JOB_COMPARE_H

#include "job/backups.h"

struct file_diff {
	enum diff_kind kind;
	char *path; /* within its source; with the source's name in front when several sources
		       of files are compared. One that is a file itself: its name */
	uint64_t size_a, size_b;
};
struct compare_result {
	struct table_diff *tables;
	size_t table_count;
	struct file_diff *files; /* differing ones only */
	size_t file_count, files_same;
	struct strlist only_a, only_b; /* names of sources the other backup has not */
	bool equal;                    /* in all of this */
};
void compare_result_release(struct compare_result *c);

struct compare_options {
	const char *source; /* NULL: every source both sides have */
	struct strlist tables;
	row_diff_fn on_row; /* or NULL */
	void *ctx;
	struct progress *progress;
};
/* b NULL: against the live source. What a backup of a live folder would leave out (logs, caches, what the backup's own
 * excludes say) is no difference. Files are the same when their content, type and mode are; a live file with the size
 * and time the backup has is taken for the same unread. */
int job_compare(struct repository *r, const struct backup *a, const struct backup *b, const struct compare_options *o,
		struct compare_result *out, struct error *e) MUST_USE;
/* Rows of a stored database source (`source` NULL: the only one). Close before the repository. */
int job_rows(struct repository *r, const struct backup *b, const char *source, struct rows_db **out,
	     struct error *e) MUST_USE;

#endif
