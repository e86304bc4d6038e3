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

/* unpack_sql.c: run SQL text into the new database file `into`. */
int unpack_sql(const char *path, const char *into, struct progress *p, struct error *e) MUST_USE;
/* Whether text (its beginning) is SQL; *other is the system it was clearly written for when that is not SQLite, else
 * NULL. */
bool unpack_is_sql(const char *text, size_t n, const char **other);

/* unpack_pack.c: names in archives are UTF-8 where they say so, whatever the program's locale: the thread has one of
 * its own while libarchive works. */
struct unpack_locale {
	locale_t own, before;
};
struct unpack_locale unpack_locale_enter(const char *name);
void unpack_locale_leave(struct unpack_locale *l);                    /* for CLEANUP() */

#endif
