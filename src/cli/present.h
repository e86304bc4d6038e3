/* A backup as people and programs see it. */
#ifndef CLI_PRESENT_H
#define CLI_PRESENT_H

#include "base/human.h"
#include "base/json.h"
#include "job/backups.h"

/* What a source or backup holds, counted. */
struct present_counts {
	uint64_t tables, rows, files;
	bool rows_known;          /* of every table */
	bool files_known;
};
struct present_counts present_count_source(const struct manifest_source *s);
struct present_counts present_count(const struct backup *b);
/* "3 tables", "12 files", "3 tables, 12 files"; "-" when nothing is known. Heap. */
char *present_content(const struct present_counts *c);
/* "bytes", "structure", "restored", "compared", "failed" or "-" */
const char *present_verification(const struct backup *b);
const char *present_level(enum verify_level level);     /* "none" for LEVEL_NONE */
/* "34.5 MiB"; "-" of another program's backup that does not say it: restic does from 0.17 on */
const char *present_size(const struct backup *b, char out[HUMAN_MAX]);
/* "3 h ago"; heap */
char *present_age(struct timespec t);
/* Backups, newest first, as a table. */
void present_list(const struct backup_list *l);
/* Warnings for those that could not be read. */
void present_damaged(const struct backup_list *l);

/* An object (docs/json.md, "A backup"), or its members only. */
void present_backup_members(const struct backup *b, struct json_out *w);
void present_backup_json(const struct backup *b, struct json_out *w);
/* The document of `list`. */
int present_list_document(const struct repository *r, const struct backup_list *l, struct error *e) MUST_USE;
void present_strings_json(const char *name, const struct strlist *l, struct json_out *w);
void present_time_json(const char *name, struct timespec t, struct json_out *w);
void present_id_json(const char *name, const struct id *id, struct json_out *w);
/* `name`, and `name`_base64 as well when the path is not UTF-8. */
void present_path_json(const char *name, const char *path, struct json_out *w);

#endif
