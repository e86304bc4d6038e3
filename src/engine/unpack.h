/* Outside files: recognised by content, validated, and turned into what a backup of their source would be, so that
 * there is one way to restore. SQLite databases, SQL text for SQLite (both also in gzip or zstd), tar (gz, zst, plain)
 * and zip of folders. */
#ifndef ENGINE_UNPACK_H
#define ENGINE_UNPACK_H

#include "engine/engine.h"

enum unpack_format { UNPACK_UNKNOWN, UNPACK_SQLITE, UNPACK_SQL, UNPACK_ARCHIVE };

/* What a file is, looking inside compression. `what` (heap) is for people: "gzip-compressed tar archive".
 * -ERR_MISMATCH "x.bin is none of: ..." when unknown, or when it is a dump for PostgreSQL or MySQL. */
int unpack_recognise(const char *path, enum unpack_format *format, char **what, struct error *e) MUST_USE;

/* Store the file's content as entry `name` of the sink with a manifest source: a database becomes an artifact, an
 * archive a tree. The url of the source is "import:<path>", which is no place to restore to.
 *
 * An archive is read to its end before anything of it is written: names that are absolute, contain "..", or pass
 * through a symlink of the archive are refused (-ERR_CORRUPT), and so is what is broken or cut short; what it says
 * its files hold must fit into the free space (-ERR_NO_SPACE). Then it is unpacked into a private folder that is gone
 * afterwards. Sockets, devices and what this system cannot hold are noted and counted as skipped, never made.
 *
 * SQL text runs into a scratch database that reaches no other file (no ATTACH, no extensions, only harmless PRAGMAs);
 * the first statement that fails is an error with its line number (-ERR_CORRUPT). */
int unpack_import(const char *path, const char *name, struct tree_sink *sink, struct manifest_source *out,
	struct progress *p, struct error *e) MUST_USE;

/* The other way: a stored tree as .tar.gz, .tar.zst or .zip into a sink: names to the byte, modes, owners, times,
 * links; in tar also extended attributes, hard links, FIFOs and devices. What the format cannot hold is left out and
 * said in `notes` (appended; may be NULL). */
enum pack_format { PACK_TAR_GZ, PACK_TAR_ZST, PACK_ZIP };
int unpack_pack(struct tree_source *from, enum pack_format format, struct sink *out, struct strlist *notes,
	struct progress *p, struct error *e) MUST_USE;

#endif
