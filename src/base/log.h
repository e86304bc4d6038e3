/* The program's own log, on standard error: for journald or a file. Only job/ and web/ write it, and only in the daemon and
 * its jobs; a command line speaks through cli/out.h.
 *
 * Text lines begin with journald's level ("<4>") when standard error is the journal (JOURNAL_STREAM is set), else with the
 * time; with LOG_JSON each line is an object {"time","level","area","text", ...}. Control characters in values are escaped,
 * so that no name from outside can make a line of its own. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR = 3, LOG_WARNING = 4, LOG_NOTICE = 5, LOG_INFO = 6, LOG_DEBUG = 7 };     /* syslog's numbers */
void log_setup(enum log_level most, bool json);
const char *log_level_name(int level);                        /* "error", "warning", ... */
/* area: "web", "schedule", "job", ... */
void log_write(enum log_level level, const char *area, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
