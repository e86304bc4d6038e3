#include "cli/conceal.h"

#include "base/mem.h"

#include <stdbool.h>
#include <string.h>

static void overwrite(char *from, const char *to)
{
	if (to > from)
		memset(from, 'x', (size_t)(to - from));
}

/* "//user:secret@" behind the scheme. */
static void hide_userinfo(char *url)
{
	char *authority = strstr(url, "://");

	if (!authority)
		return;
	authority += 3;
	/* A password may hold what should have been encoded, even another @: the last one before the path ends it. */
	char *end = authority + strcspn(authority, "/?#");
	char *at = memrchr(authority, '@', (size_t)(end - authority));
	if (!at)
		at = strrchr(authority, '@');
	char *colon = at ? memchr(authority, ':', (size_t)(at - authority)) : NULL;

	if (colon)
		overwrite(colon + 1, at);
}

/* Where the value at `at` ends: of a URL's parameter at the next "&" or blank; of a keyword as libpq reads it, in quotes or
 * not, with backslashes. */
static char *end_of_value(char *at, bool in_url)
{
	char quote = *at == '\'' || *at == '"' ? *at : 0;

	if (in_url)
		return at + strcspn(at, "& \t\r\n");
	for (at += quote != 0; *at && (quote ? *at != quote : !strchr(" \t\r\n\f\v", *at)); at++)
		at += *at == '\\' && at[1];
	return at;
}

/* "password=secret" as a parameter or, with blanks around the sign perhaps, a keyword of a source. */
static void hide_setting(char *source)
{
	static const char name[] = "password", blank[] = " \t\r\n\f\v";
	const char *url = strstr(source, "://");

	for (char *at = source; (at = strcasestr(at, name));) {
		at += sizeof name - 1;
		char *sign = at + strspn(at, blank);
		if (*sign != '=')
			continue;
		bool in_url = url && url < sign;
		at = sign + 1 + (in_url ? 0 : strspn(sign + 1, blank));
		char *end = end_of_value(at, in_url);
		overwrite(at, end);
		at = end;
	}
}

/* All behind the host of a web address: those of chat services are passwords. */
static void hide_path(char *text)
{
	static const char *const schemes[] = {"http://", "https://"};

	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		char *found = strcasestr(text, schemes[i]);

		if (!found)
			continue;
		char *authority = found + strlen(schemes[i]), *path = authority + strcspn(authority, "/?#");
		overwrite(path + (*path == '/'), path + strlen(path));
	}
}

char **conceal_arguments(int argc, char **argv)
{
	static char **own; /* as long as the program: options point into it */

	own = mem_array(NULL, (size_t)argc + 1, sizeof *own);
	for (int i = 0; i < argc; i++)
		own[i] = mem_string(argv[i]);
	own[argc] = NULL;
	bool notice = false;
	for (int i = 1; i < argc; i++) {
		hide_userinfo(argv[i]);
		if (strchr(argv[i], ':'))
			hide_setting(argv[i]);
		notice |= !strcmp(argv[i], "notice");
		if (notice)
			hide_path(argv[i]);
	}
	return own;
}
