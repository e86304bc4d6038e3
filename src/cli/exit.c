/* Kinds of errors as exit codes. */
#include "cli/exit.h"

enum exit_code exit_code_of(enum err_kind kind)
{
	switch (kind) {
	case ERR_NONE:
		return EXIT_OK;
	case ERR_USAGE:
		return EXIT_USAGE;
	case ERR_PARTIAL:
		return EXIT_PARTIAL;
	case ERR_NOT_FOUND:
		return EXIT_NOT_FOUND;
	case ERR_CORRUPT:
	case ERR_VERIFY:
		return EXIT_DAMAGED;
	case ERR_MISMATCH:
	case ERR_REFUSED:
	case ERR_EXISTS:
		return EXIT_MISMATCH;
	case ERR_VERSION:
		return EXIT_VERSION;
	case ERR_ACCESS:
		return EXIT_ACCESS;
	case ERR_NO_SPACE:
		return EXIT_NO_SPACE;
	case ERR_NO_REPO:
		return EXIT_NO_REPOSITORY;
	case ERR_LOCKED:
		return EXIT_LOCKED;
	case ERR_PASSWORD:
		return EXIT_PASSWORD;
	case ERR_CANCELLED:
		return EXIT_INTERRUPTED;
	case ERR_INTERNAL:
	case ERR_IO:
	case ERR_LIMIT:
	case ERR_CHILD:
	case ERR_TEMPORARY:
	case ERR_KIND_COUNT:
		break;
	}
	return EXIT_FAILED;
}
