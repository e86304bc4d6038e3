/* Outside files: recognised by content, validated, and turned into what a backup of their source would be, so that there is one way to restore.
 * SQLite databases, SQL text for SQLite, tar (gz, zst, plain) and zip of folders. */
#ifndef ENGINE_UNPACK_H
#define ENGINE_UNPACK_H

#include "engine/engine.h"

enum unpack_format { UNPACK_UNKNOWN, UNPACK_SQLITE, UNPACK_SQL, UNPACK_ARCHIVE };

/* What a file is, looking inside compression (gz, zst). `what` (heap) is for people: "gzip-compressed tar archive". -ERR_MISMATCH "x.bin is none of: ..." when unknown. */
int unpack_recognise(const char *path, enum unpack_format *format, char **what, struct error *e) MUST_USE;
/* Store the file's content as entry `name` of the sink with a manifest source: a database becomes an artifact, an archive a tree. Names in archives that are absolute, contain "..", or pass through a
 * symlink of the archive are refused (-ERR_CORRUPT); total size is checked against what the archive says and never held in memory. A broken or cut archive is an error. */
int unpack_import(const char *path, const char *name, struct tree_sink *sink, struct manifest_source *out, struct progress *p, struct error *e) MUST_USE;

/* The other way: a stored tree as .tar.gz, .tar.zst or .zip into a sink, entries with modes, times, links. */
enum pack_format { PACK_TAR_GZ, PACK_TAR_ZST, PACK_ZIP };
int unpack_pack(struct tree_source *from, enum pack_format format, struct sink *out, struct progress *p, struct error *e) MUST_USE;

#endif
