#include "base/path.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *path_join(const char *a, const char *b)
{
	if (b[0] == '/' || a[0] == '\0')
		return mem_string(b);
	if (b[0] == '\0')
		return mem_string(a);
	const char *slash = a[strlen(a) - 1] == '/' ? "" : "/";
	return mem_printf("%s%s%s", a, slash, b);
}

/* Length of path without its trailing slashes; the root keeps its one. */
static size_t trimmed(const char *path)
{
	size_t len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		len--;
	return len;
}

const char *path_base(const char *path)
{
	size_t at = trimmed(path);
	if (at == 1 && path[0] == '/')
		return path;
	while (at > 0 && path[at - 1] != '/')
		at--;
	return path + at;
}

char *path_dir(const char *path)
{
	size_t len = trimmed(path);
	while (len > 0 && path[len - 1] != '/')
		len--;
	if (len == 0)
		return mem_string(".");
	while (len > 1 && path[len - 1] == '/')
		len--;
	return mem_string_n(path, len);
}

/* Whether the clean text of `len` bytes ends in a component that a following ".." takes away. */
static bool can_go_up(const char *text, size_t len)
{
	if (len == 0 || (len == 1 && text[0] == '/'))
		return false;
	bool is_up = len >= 2 && text[len - 1] == '.' && text[len - 2] == '.' && (len == 2 || text[len - 3] == '/');
	return !is_up;
}

static size_t go_up(const char *text, size_t len)
{
	while (len > 0 && text[len - 1] != '/')
		len--;
	return len > 1 ? len - 1 : len;
}

char *path_clean(const char *path)
{
	bool absolute = path[0] == '/';
	char *out = mem_alloc(strlen(path) + 2);
	size_t len = 0;
	if (absolute)
		out[len++] = '/';
	for (const char *p = path; *p != '\0';) {
		size_t n = strcspn(p, "/");
		bool is_up = n == 2 && p[0] == '.' && p[1] == '.';
		if (is_up && can_go_up(out, len)) {
			len = go_up(out, len);
		} else if (n > 0 && !(n == 1 && p[0] == '.') && !(is_up && absolute)) {
			if (len > 0 && out[len - 1] != '/')
				out[len++] = '/';
			memcpy(out + len, p, n);
			len += n;
		}
		p += n + (p[n] == '/');
	}
	if (len == 0)
		out[len++] = '.';
	out[len] = '\0';
	return out;
}

char *path_absolute(const char *path)
{
	if (path[0] == '/')
		return path_clean(path);
	AUTO_FREE char *here = getcwd(NULL, 0);
	AUTO_FREE char *joined = path_join(here ? here : "", path);
	return path_clean(joined);
}

bool path_component_ok(const char *name, size_t len)
{
	if (len == 0 || memchr(name, '/', len) || memchr(name, '\0', len))
		return false;
	return !(name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')));
}

bool path_within(const char *path, const char *dir)
{
	if (strcmp(dir, ".") == 0)
		return path[0] != '/' && strcmp(path, "..") != 0 && strncmp(path, "../", 3) != 0;
	size_t n = strlen(dir);
	if (strncmp(path, dir, n) != 0)
		return false;
	return path[n] == '\0' || path[n] == '/' || (n == 1 && dir[0] == '/');
}
