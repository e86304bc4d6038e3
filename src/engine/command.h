/* Any program's output as a source. What url.c needs of it; the engine itself is engine_command. */
#ifndef ENGINE_COMMAND_H
#define ENGINE_COMMAND_H

#include "base/error.h"

/* What may be shown of a command: arguments can hold passwords, so only the program and their number ("pg_dump (3
 * arguments)", "date"), and the name its output gets ("pg_dump", the program's base name). Heap strings. -ERR_USAGE
 * when it is no command. */
int command_describe(const char *command, char **shown, char **name, struct error *e) MUST_USE;

#endif
