/* Path strings. Paths are bytes, not text. No system call is made here, except that path_absolute() asks for the
 * current folder. */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include <stdbool.h>
#include <stddef.h>

char *path_join(const char *a, const char *b);          /* heap; one slash between; an absolute b stands alone */
const char *path_base(const char *path);                /* last component inside `path`, with the slashes behind it; or "/" */
char *path_dir(const char *path);                       /* heap; "." when there is none */
char *path_clean(const char *path);                     /* heap; lexical: no "//", "/./", "x/../"; "." for nothing */
char *path_absolute(const char *path);                  /* heap; the current folder in front when relative, cleaned */
/* One component that may be created inside a folder: not empty, no slash, not "." or "..". */
bool path_component_ok(const char *name, size_t len);
/* Whether `path` is `dir` or lies below it (both clean). */
bool path_within(const char *path, const char *dir);

/* Exclude patterns in restic's manner: `*` and `?` and `[a-z]` (`[^a-z]` for the others) within a component, `**`
 * for any number of components, none included; a backslash takes the next character's meaning away. A pattern with
 * no slash matches any component's name; one that begins with a slash is anchored at the top of the source; any
 * other may begin at any depth. What lies below a matching folder matches too. A trailing slash matches folders
 * only. `path` is relative to the source, no leading slash. Characters are UTF-8, a byte that is not is a character
 * of its own. An empty pattern matches nothing. */
bool path_match(const char *pattern, const char *path, bool is_dir);

#endif
