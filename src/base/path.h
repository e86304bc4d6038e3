/* Path strings: no system call is made here. Paths are bytes, not text. */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include <stdbool.h>
#include <stddef.h>

char *path_join(const char *a, const char *b);          /* heap; one slash between; an absolute b stands alone */
const char *path_base(const char *path);                /* last component inside `path` ("/" for the root) */
char *path_dir(const char *path);                       /* heap; "." when there is none */
char *path_clean(const char *path);                     /* heap; lexical: no "//", "/./", "x/../" */
char *path_absolute(const char *path);                  /* heap; the current folder in front when relative, cleaned */
/* One component that may be created inside a folder: not empty, no slash, not "." or "..". */
bool path_component_ok(const char *name, size_t len);
/* Whether `path` is `dir` or lies below it (both clean). */
bool path_within(const char *path, const char *dir);

/* Exclude patterns in restic's manner: `*` and `?` and `[a-z]` within a component, `**` for any number of components. A
 * pattern with no slash matches any component's name; one that begins with a slash is anchored at the top of the source;
 * any other may begin at any depth. A trailing slash matches folders only. `path` is relative to the source, no leading slash. */
bool path_match(const char *pattern, const char *path, bool is_dir);

#endif
