/* Outside files: inner interfaces of the importer's and exporter's parts. */
#ifndef ENGINE_UNPACK_INNER_H
#define ENGINE_UNPACK_INNER_H

#include "engine/unpack.h"

#include <locale.h>

struct archive;

/* unpack_stream.c: a file's content in order, out of gzip or zstd if it is in one. Not left to libarchive, which does
 * not compare gzip's checksum. */
struct unpack_stream;
int unpack_stream_open(const char *path, struct unpack_stream **out, struct error *e) MUST_USE;
void unpack_stream_close(struct unpack_stream **s);                   /* for CLEANUP() */
/* The next bytes, n unless the end is near, 0 at the end; or -kind, -ERR_CORRUPT when it is damaged or cut short. */
ssize_t unpack_stream_read(struct unpack_stream *s, void *p, size_t n, struct error *e);
/* "gzip-compressed ", "zstd-compressed " or "". */
const char *unpack_stream_compression(const struct unpack_stream *s);

/* unpack_reader.c: an archive being read: a tar in order, out of its compression; a zip from the directory at its
 * end. */
struct unpack_reader {
	const char *path;
	struct archive *a;
	struct unpack_stream *stream;
	unsigned char *block;
	struct error failed;      /* of the stream */
};
int unpack_reader_open(struct unpack_reader *r, const char *path, struct error *e) MUST_USE;
void unpack_reader_close(struct unpack_reader *r);                    /* for CLEANUP(); legal on a zeroed one */
/* Read what comes after the archive's end: there the compression's checksum is. */
int unpack_reader_finish(struct unpack_reader *r, struct error *e) MUST_USE;
/* What is wrong with the archive; what its stream said comes before libarchive's words. */
int unpack_reader_damaged(struct unpack_reader *r, struct error *e);
/* "tar" or "zip"; NULL when the file is neither; -ERR_CORRUPT when it was one. */
int unpack_archive_kind(const char *path, const char **kind, struct error *e) MUST_USE;

/* unpack_archive.c: all that an archive holds into the new folder `into`. What is not made is appended to `skipped` as
 * "path: why", at most MANIFEST_NOTES of *skipped_count; what is made otherwise than it was, to `notes`. */
struct unpack_result {
	struct strlist skipped, notes;
	uint64_t skipped_count;
};
int unpack_archive(const char *path, const char *into, struct unpack_result *out, struct progress *p,
	struct error *e) MUST_USE;
void unpack_result_release(struct unpack_result *r);
/* Only look whether it is whole and leads nowhere else. */
int unpack_archive_check(const char *path, struct progress *p, struct error *e) MUST_USE;

/* unpack_sql.c: run SQL text into the new database file `into`. */
int unpack_sql(const char *path, const char *into, struct progress *p, struct error *e) MUST_USE;

/* unpack_dialect.c: what SQL text was written for, by its first n bytes; UNPACK_FOR_ANY: it does not tell. */
enum unpack_dialect { UNPACK_NO_SQL, UNPACK_FOR_ANY, UNPACK_FOR_SQLITE, UNPACK_FOR_POSTGRESQL, UNPACK_FOR_MYSQL };
enum unpack_dialect unpack_dialect(const char *text, size_t n);

/* An import under way. */
struct unpack_job {
	const char *path, *name;
	struct tree_sink *sink;
	struct manifest_source *out;
	struct progress *progress;
	char *room;                           /* private folder */
};
/* unpack.c: all of the content, out of its compression, into a new file. */
int unpack_inflate(const struct unpack_job *j, const char *into, struct error *e) MUST_USE;
/* All of the content, in order. */
int unpack_pour(const struct unpack_job *j, struct sink *to, struct error *e) MUST_USE;
/* A folder `name` with one file, filled by fill(), that is an artifact of this format. */
int unpack_put(const struct unpack_job *j, const struct engine *engine, const char *file, const char *format,
	int (*fill)(const struct unpack_job *j, struct file_sink *to, void *ctx, struct error *e), void *ctx,
	struct error *e) MUST_USE;

/* unpack_pg.c: dumps of PostgreSQL. A tar may be one of pg_dump's own, or hold a folder of pg_dump's: *format stays as it
 * is when it is neither. */
int unpack_pg_tar(const char *path, enum unpack_format *format, struct error *e) MUST_USE;
int unpack_pg_archive(const struct unpack_job *j, struct error *e) MUST_USE;
int unpack_pg_script(const struct unpack_job *j, struct error *e) MUST_USE;
int unpack_pg_converted(const struct unpack_job *j, enum unpack_format format, struct error *e) MUST_USE;
/* unpack_pg_judge.c: -ERR_REFUSED, naming the entry, when the statements of a table of contents reach beyond one database: COPY with files or
 * programs, ALTER SYSTEM, databases, roles, transactions; that is, what pg_script_run() neither runs nor passes over. */
struct pg_toc;
int unpack_pg_judge(const struct pg_toc *t, struct error *e) MUST_USE;
/* unpack_pg_folder.c: a folder of pg_dump -Fd names no files but its own, and its rows are whole: -ERR_CORRUPT. *unsure: it has
 * large objects of which that cannot be told. */
int unpack_pg_folder_check(const char *folder, bool *unsure, struct progress *p, struct error *e) MUST_USE;

/* unpack_my.c: dumps of MySQL and MariaDB. */
int unpack_my_script(const struct unpack_job *j, struct error *e) MUST_USE;
/* unpack_mydumper.c: whether a folder, or an archive of one, is what mydumper wrote. It reads an archive up to where that shows. */
bool unpack_is_mydumper(const char *path) MUST_USE;

/* unpack_pack.c: names in archives are UTF-8 where they say so, whatever the program's locale: the thread has one of
 * its own while libarchive works. */
struct unpack_locale {
	locale_t own, before;
};
struct unpack_locale unpack_locale_enter(const char *name);
void unpack_locale_leave(struct unpack_locale *l);                    /* for CLEANUP() */

#endif
