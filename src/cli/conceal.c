#include "cli/conceal.h"

#include "base/mem.h"

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

/* "password=secret" as a parameter or a keyword of a source. */
static void hide_setting(char *url)
{
	static const char name[] = "password=";

	for (char *at = url; (at = strcasestr(at, name));) {
		at += sizeof name - 1;
		char *end = *at == '\'' ? strchr(at + 1, '\'') : at + strcspn(at, "& ");
		overwrite(at, end ? end : at + strlen(at));
	}
}

char **conceal_arguments(int argc, char **argv)
{
	static char **own; /* as long as the program: options point into it */

	own = mem_array(NULL, (size_t)argc + 1, sizeof *own);
	for (int i = 0; i < argc; i++)
		own[i] = mem_string(argv[i]);
	own[argc] = NULL;
	for (int i = 1; i < argc; i++) {
		hide_userinfo(argv[i]);
		if (strchr(argv[i], ':'))
			hide_setting(argv[i]);
	}
	return own;
}
