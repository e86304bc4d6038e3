/* Exit codes (docs/exit-codes.md). 3, 10, 11, 12 and 130 are restic's. */
#ifndef CLI_EXIT_H
#define CLI_EXIT_H

#include "base/error.h"

enum exit_code {
	EXIT_OK = 0,
	EXIT_FAILED = 1,          /* anything not listed below */
	EXIT_USAGE = 2,
	EXIT_PARTIAL = 3,         /* a backup was made, but some of the source could not be read */
	EXIT_NOT_FOUND = 4,       /* no such backup, table, path or source */
	EXIT_DAMAGED = 5,         /* check or verify found damage, or diff --exit-code a difference */
	EXIT_MISMATCH = 6,        /* wrong engine or file type, already there, or refused for safety */
	EXIT_VERSION = 7,         /* a newer or unknown format */
	EXIT_ACCESS = 8,          /* permission denied */
	EXIT_NO_SPACE = 9,
	EXIT_NO_REPOSITORY = 10,
	EXIT_LOCKED = 11,
	EXIT_PASSWORD = 12,
	EXIT_INTERRUPTED = 130,   /* Ctrl-C, SIGTERM, or "no" to a question */
};
enum exit_code exit_code_of(enum err_kind kind);

#endif
