/* The lock files of running jobs, shared by record.c and record_sweep.c. */
#ifndef JOB_RECORD_PARTS_H
#define JOB_RECORD_PARTS_H

#include "base/strlist.h"
#include "catalog/catalog.h"

/* "<state>/jobs/<id>.lock". Heap. */
char *record_lock_path(const char *state_dir, const char *id);
/* Make it and take it. -ERR_LOCKED when another process holds it. */
int record_lock_make(const char *state_dir, const char *id, int *fd, struct error *e) MUST_USE;
/* Remove it and let it go. */
void record_lock_drop(const char *state_dir, const char *id, int *fd);
/* Whether its process is surely gone: there is no such file, or nobody holds it. Then it is taken (*fd, or -1 when there is none). */
bool record_lock_seize(const char *state_dir, const char *id, int *fd);

/* A line of the file: the draft's folder and what it stands beside. Only what write() does, so that any thread may. */
void record_lock_note(int fd, const char *dir, const char *beside);
/* Call fn for each line that is whole. */
void record_lock_read(int fd, void (*fn)(const char *dir, const char *beside));

#endif
