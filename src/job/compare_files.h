/* Comparing one source of files. */
#ifndef JOB_COMPARE_FILES_H
#define JOB_COMPARE_FILES_H

#include "job/compare.h"

struct compare_side {
	const struct backup *backup; /* NULL: the live source */
	const struct manifest_source *source;
};

/* Differences are appended to out, sorted by path; `prefix`: with the name of a's source in front. a is stored. */
int compare_files(const struct compare_side *a, const struct compare_side *b, bool prefix, struct progress *p,
		  struct compare_result *out, struct error *e) MUST_USE;

#endif
