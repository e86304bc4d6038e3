/* The command that runs, kept as a job (job/record.h) when there is a state folder: a command locates its repository, begins, says what it is about, sets
 * figures, and has the catalog's list of backups brought up to date; main() ends it. What is said to people is the job's log. Each does nothing when nothing was begun. */
#ifndef CLI_RECORDED_H
#define CLI_RECORDED_H

#include "cli/opt.h"
#include "engine/url.h"
#include "job/backups.h"
#include "job/record.h"

/* Begin a job of this kind and title (nothing when it has begun, or when there is no state folder yet), or continue the one of recorded_continue(), which keeps its title and which other locks may still keep from running (-ERR_LOCKED).
 * r may be NULL: it needs no repository. */
const char *recorded_place(const struct repository *r);         /* as it is named in titles: its configured name, else where it is */
/* What stands for a backup, as it may be shown: a long id is cut, a source has its name, or its URL without a password. Heap. */
char *recorded_which(const char *which);
/* What stands for a source or target: its name, or its URL without a password, or the path. Heap. */
char *recorded_shown(const char *text);
int recorded_begin(const char *kind, const struct repository *r, struct error *e, const char *title, ...) MUST_USE __attribute__((format(printf, 4, 5)));

/* What it is about, gathered and then told at once. The lock keeps others off the source: -ERR_LOCKED names who works on it, after --wait. `name`: as it is configured, NULL:
 * whoever is shown so. */
enum recorded_use { RECORDED_READS, RECORDED_WORKS_ON };
void recorded_source(struct recorder_about *a, const struct source_url *u, const char *name, enum recorded_use use);
void recorded_backup(struct recorder_about *a, const struct backup *b);         /* its sources */
int recorded_about(const struct parsed *p, struct recorder_about *a, struct error *e) MUST_USE;
void recorder_about_release(struct recorder_about *a);

/* Figures of its end (struct job_record: backup, undo_of, size, added, rows, files); the strings are released with it. */
struct job_record *recorded_figures(void);
/* A line for its log. */
void recorded_log(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *recorded_id(void);           /* NULL: none */

/* Bring the catalog's list up to date with the open repository (enum record_scanning); what fails is told as a warning. */
void recorded_scan(struct repository *r, unsigned how);
void recorded_warn(int rc, const struct error *e);       /* of other things that could not be kept */

/* The next recorded_begin() continues this queued job, and its end keeps what `result` holds then. */
void recorded_continue(const struct job_record *queued, const struct buf *result);
/* Returns rc, which is what main() ends with; what could not be kept is told. */
int recorded_end(int rc, const struct error *e);

#endif
