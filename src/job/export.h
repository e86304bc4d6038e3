/* Plain files for people, from any backup. */
#ifndef JOB_EXPORT_H
#define JOB_EXPORT_H

#include "job/backups.h"

enum export_format { EXPORT_ARCHIVE, EXPORT_SQL, EXPORT_SQL_GZ, EXPORT_CSV, EXPORT_XLSX, EXPORT_TAR_GZ, EXPORT_TAR_ZST, EXPORT_ZIP };
int export_format_parse(const char *name, enum export_format *out, struct error *e) MUST_USE;

struct job_export {
	const struct backup *backup;
	const struct source_url *live; /* instead of a backup, a source as it is now: in those formats that take tables. Then the repository
					  may be NULL */
	const char *source; /* which of several; NULL: the only one that fits the format, else
			       -ERR_USAGE that lists them */
	enum export_format format;
	const char *path; /* only this file (archive: its bytes) or folder (tar.gz, tar.zst, zip) of the backup, as `ls`
			     shows it; NULL: a whole source */
	struct strlist tables; /* for sql, sql.gz, csv and xlsx; empty: all */
	/* A path: written under a temporary name, verified, renamed; an existing file is refused unless `force`, and
	 * anything but a plain file always. NULL with `sink`. */
	const char *output;
	struct sink *sink;
	bool force;
	struct progress *progress;
};
struct job_export_result {
	uint64_t bytes;
	struct strlist notes; /* "3 values were cut or changed at Excel's limits; ..." */
};
void job_export_result_release(struct job_export_result *r);
/* archive = the engine's own file, byte for byte; sql.gz = the bytes of sql, packed; csv = a zip with a file
 * a table. What is handed out was read through
 * verified blobs; a file is read back and checked (E4) before it gets its name; it is private (0600). */
int job_export(struct repository *r, const struct job_export *j, struct job_export_result *out,
	       struct error *e) MUST_USE;

#endif
