/* Secondary indexes of an InnoDB table are built faster from all its rows, sorted, than row by row. The tools write a table
 * a line a column or index, as SHOW CREATE TABLE does; text of people in it never holds a line break. */
#include "engine/my_restore.h"

#include "base/mem.h"

#include <string.h>

#define KEY "  KEY `"

/* The next line, its line break included; 0 at the end. */
static size_t line_of(const char *p, const char *end)
{
	const char *nl = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
	return nl ? (size_t)(nl - p) + 1 : (size_t)(end - p);
}

static bool begins(const char *p, size_t n, const char *with)
{
	size_t len = strlen(with);
	return n >= len && memcmp(p, with, len) == 0;
}

static bool has(const char *p, size_t n, const char *text)
{
	return memmem(p, n, text, strlen(text)) != NULL;
}

/* The name at the beginning of a line: "`a`"; a backquote in it is doubled. */
static size_t name_length(const char *p, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (p[i] == '`' && (i + 1 == n || p[i + 1] != '`'))
			return i + 1;
		else if (p[i] == '`')
			i++;
	return 0;
}

/* A number that counts up needs an index at once, and only the primary key is sure to stay. */
static bool counts_by_primary(const char *sql, size_t n)
{
	const char *end = sql + n, *column = NULL;
	for (size_t len; (len = line_of(sql, end)) > 0; sql += len) {
		if (begins(sql, len, "  `") && has(sql, len, " AUTO_INCREMENT"))
			column = sql + 2;
		if (!column || !begins(sql, len, "  PRIMARY KEY ("))
			continue;
		size_t name = name_length(column, (size_t)(end - column));
		const char *first = sql + strlen("  PRIMARY KEY (");
		return name > 0 && name_length(first, (size_t)(sql + len - first)) == name && memcmp(first, column, name) == 0;
	}
	return column == NULL;
}

/* The order of indexes, and what foreign keys rest on, must come out as it was. */
static bool fits(const char *sql, size_t n)
{
	const char *end = sql + n;
	bool innodb = false, keys = false;
	for (size_t len; (len = line_of(sql, end)) > 0; sql += len) {
		if (begins(sql, len, "  SPATIAL KEY ") || begins(sql, len, "  FULLTEXT KEY ") || begins(sql, len, "  CONSTRAINT ") ||
		    begins(sql, len, "  VECTOR KEY "))
			return false;
		keys |= begins(sql, len, KEY);
		innodb |= begins(sql, len, ") ENGINE=InnoDB");
	}
	return innodb && keys;
}

bool my_defer_keys(const char *sql, size_t n, struct buf *create, struct buf *keys)
{
	const char *end = sql + n;
	size_t added = 0;
	if (!fits(sql, n) || !counts_by_primary(sql, n))
		return false;
	for (size_t len; (len = line_of(sql, end)) > 0; sql += len) {
		if (!begins(sql, len, KEY)) {
			/* What stood before an index that was the last has a comma too many. */
			if (begins(sql, len, ") ENGINE=") && create->len > 2 && memcmp(create->p + create->len - 2, ",\n", 2) == 0) {
				create->len -= 2;
				buf_add_byte(create, '\n');
			}
			buf_add(create, sql, len);
			continue;
		}
		size_t text = len;
		while (text > 0 && strchr("\r\n,", sql[text - 1]))
			text--;
		buf_add_str(keys, added++ ? ", ADD " : "ADD ");
		buf_add(keys, sql + 2, text - 2);
	}
	return true;
}
