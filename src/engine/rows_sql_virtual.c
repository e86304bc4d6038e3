/* Virtual tables: what their modules let SQL do. */
#include "engine/rows_sql.h"

#include "base/mem.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const char create[] = "CREATE VIRTUAL TABLE "; /* so SQLite begins it, whatever was typed */

bool rows_sql_virtual_is(const char *sql)
{
	return sql && strncmp(sql, create, strlen(create)) == 0;
}

static const char *skip_space(const char *p)
{
	return p + strspn(p, " \t\r\n\f");
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$' || (c & 0x80);
}

/* Behind the identifier at p: quoted in any of SQLite's ways, or bare. */
static const char *skip_name(const char *p)
{
	char close = *p == '[' ? ']' : *p;

	if (!*p || !strchr("\"'`[", *p)) {
		while (is_word(*p))
			p++;
		return p;
	}
	for (p++; *p; p++) {
		if (*p != close)
			continue;
		if (close == ']' || p[1] != close)
			return p + 1;
		p++;
	}
	return p;
}

/* Where the module's name begins, or the empty end of the text. */
static const char *module_of(const char *sql)
{
	const char *p = skip_space(skip_name(skip_space(sql + strlen(create))));

	if (strncasecmp(p, "USING", 5) != 0)
		return sql + strlen(sql);
	return skip_space(p + 5);
}

/* The value of the argument "content = value", or NULL. */
static const char *content_of(const char *arguments)
{
	static const char word[] = "content";

	for (const char *p = arguments; (p = strcasestr(p, word)); p++) {
		const char *after = skip_space(p + strlen(word));

		if (!is_word(p[-1]) && *after == '=')
			return skip_space(after + 1);
	}
	return NULL;
}

static bool is_empty(const char *value)
{
	return strncmp(value, "''", 2) == 0 || strncmp(value, "\"\"", 2) == 0 || *value == ',' || *value == ')';
}

enum rows_sql_virtual rows_sql_virtual(const char *sql, char **module)
{
	const char *name = module_of(sql), *arguments = skip_name(name);
	const char *content = *arguments ? content_of(arguments) : NULL;

	*module = mem_string_n(name, (size_t)(arguments - name));
	if (strcasecmp(*module, "rtree") == 0 || strcasecmp(*module, "rtree_i32") == 0)
		return VIRTUAL_ROWS;
	if (strcasecmp(*module, "fts5") != 0 && strcasecmp(*module, "fts4") != 0 && strcasecmp(*module, "fts3") != 0)
		return VIRTUAL_NEVER;
	/* FTS3 has a hidden language a row, which no reading of its columns shows. */
	if (strcasestr(arguments, "languageid"))
		return VIRTUAL_NEVER;
	if (!content)
		return VIRTUAL_ROWS_WITH_ID;
	return is_empty(content) ? VIRTUAL_NEVER : VIRTUAL_REBUILD;
}
