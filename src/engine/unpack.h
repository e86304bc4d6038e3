/* Outside files: recognised by content, validated, and turned into what a backup of their source would be, so that
 * there is one way to restore. Databases and SQL text for SQLite; what pg_dump (custom, tar, directory in a tar, plain) and
 * mariadb-dump, mysqldump and their like write; tar and zip of folders. All but zip also in gzip or zstd. */
#ifndef ENGINE_UNPACK_H
#define ENGINE_UNPACK_H

#include "engine/engine.h"

enum unpack_format {
	UNPACK_UNKNOWN, UNPACK_SQLITE, UNPACK_SQL, UNPACK_ARCHIVE,
	UNPACK_PG_ARCHIVE,        /* pg_dump -Fc */
	UNPACK_PG_TAR,            /* pg_dump -Ft */
	UNPACK_PG_FOLDER,         /* tar of what pg_dump -Fd wrote */
	UNPACK_PG_SQL, UNPACK_MY_SQL,
};

/* What a file is, looking inside compression. `what` (heap) is for people: "gzip-compressed tar archive".
 * `target` is what the user named as the place to restore to (NULL: nothing yet). SQL text that does not tell what it was written
 * for is taken for the target's kind, else for SQLite's.
 * -ERR_MISMATCH "x.bin is none of: ..." when unknown, "x.sql was written for PostgreSQL, not for SQLite" when the target
 * cannot take it. */
int unpack_recognise(const char *path, const char *target, enum unpack_format *format, char **what, struct error *e) MUST_USE;

/* What a format is of. */
const struct engine *unpack_engine(enum unpack_format format);

/* Store the file's content as entry `name` of the sink with a manifest source: a database becomes an artifact, an
 * archive a tree, a dump a folder with what a backup of that engine has (PG_DUMP_FILE, PG_SQL_FILE, MY_DUMP_FILE). The url of the
 * source is "import:<path>", which is no place to restore to.
 *
 * Of dumps: -ERR_CORRUPT when one is damaged or cut short (each has an end of its own; hand-written SQL has none, which is
 * noted); -ERR_REFUSED when it holds several databases, naming them, or what must never be run from a file: commands of the
 * client, COPY and LOAD DATA with files or programs, statements that write to a named other database or change the whole server.
 * CREATE DATABASE, USE, \connect and PostgreSQL's statements about roles are stored, noted, and never run.
 *
 * An archive is read to its end before anything of it is written: names that are absolute, contain "..", or pass
 * through a symlink of the archive are refused (-ERR_CORRUPT), and so is what is broken or cut short; what it says
 * its files hold must fit into the free space (-ERR_NO_SPACE). Then it is unpacked into a private folder that is gone
 * afterwards. Sockets, devices and what this system cannot hold are noted and counted as skipped, never made.
 *
 * SQL text runs into a scratch database that reaches no other file (no ATTACH, no extensions, only harmless PRAGMAs);
 * the first statement that fails is an error with its line number (-ERR_CORRUPT). */
int unpack_import(const char *path, const char *target, const char *name, struct tree_sink *sink,
	struct manifest_source *out, struct progress *p, struct error *e) MUST_USE;

/* The other way: a stored tree as .tar.gz, .tar.zst or .zip into a sink: names to the byte, modes, owners, times,
 * links; in tar also extended attributes, hard links, FIFOs and devices. What the format cannot hold is left out and
 * said in `notes` (appended; may be NULL). */
enum pack_format { PACK_TAR_GZ, PACK_TAR_ZST, PACK_ZIP };
int unpack_pack(struct tree_source *from, enum pack_format format, struct sink *out, struct strlist *notes,
	struct progress *p, struct error *e) MUST_USE;

#endif
