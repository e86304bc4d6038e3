/* Which system SQL text was written for, by its beginning. */
#include "engine/unpack_inner.h"

#include "base/mem.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

struct line {
	const char *p;
	size_t n;
};

/* The next line that is not blank; false at the end. */
static bool next_line(const char **p, const char *end, struct line *out)
{
	while (*p < end && isspace((unsigned char)**p))
		(*p)++;
	const char *stop = memchr(*p, '\n', (size_t)(end - *p));
	*out = (struct line){.p = *p, .n = (size_t)((stop ? stop : end) - *p)};
	*p = stop ? stop : end;
	return out->n > 0;
}

static bool begins(const struct line *l, const char *word)
{
	size_t n = strlen(word);
	return l->n >= n && strncasecmp(l->p, word, n) == 0;
}

static bool begins_any(const struct line *l, const char *const words[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (begins(l, words[i]))
			return true;
	return false;
}

static bool holds(const struct line *l, const char *word)
{
	return memmem(l->p, l->n, word, strlen(word)) != NULL;
}

/* What clients put in front of the first table. */
static enum unpack_dialect by_client(const struct line *l)
{
	static const char *const postgres[] = {
		"-- PostgreSQL database", "SET statement_timeout", "SET lock_timeout", "SET client_encoding",
		"SET default_transaction_read_only", "SELECT pg_catalog.", "\\restrict", "\\connect",
	};
	static const char *const mysql[] = {
		"-- MySQL dump", "-- MariaDB dump", "/*!", "/*M!", "-- phpMyAdmin", "SET SQL_MODE", "SET NAMES", "USE `",
		"SET FOREIGN_KEY_CHECKS", "DELIMITER ",
	};
	if (begins(l, "-- Adminer") && holds(l, "PostgreSQL"))
		return UNPACK_FOR_POSTGRESQL;
	if (begins(l, "-- Adminer") && (holds(l, "MySQL") || holds(l, "MariaDB")))
		return UNPACK_FOR_MYSQL;
	if (begins_any(l, postgres, ARRAY_LEN(postgres)))
		return UNPACK_FOR_POSTGRESQL;
	return begins_any(l, mysql, ARRAY_LEN(mysql)) ? UNPACK_FOR_MYSQL : UNPACK_FOR_ANY;
}

/* Strings and comments become blanks: words in them are no signs. */
static void blank_out(char *p)
{
	while (*p) {
		if (*p == '\'') {
			for (p++; *p && *p != '\''; p++) {
				if (*p == '\\' && p[1])
					*p++ = ' ';
				*p = ' ';
			}
			p += *p != '\0';
		} else if (strncmp(p, "--", 2) == 0) {
			for (; *p && *p != '\n'; p++)
				*p = ' ';
		} else if (strncmp(p, "/*", 2) == 0 && p[2] != '!' && strncmp(p + 2, "M!", 2) != 0) {
			for (; *p && strncmp(p, "*/", 2) != 0; p++)
				*p = ' ';
		} else {
			p++;
		}
	}
}

static bool holds_any(const char *text, const char *const signs[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcasestr(text, signs[i]))
			return true;
	return false;
}

/* What only one of them says; UNPACK_FOR_ANY when none or several seem meant. */
static enum unpack_dialect by_words(const char *text, size_t n)
{
	static const char *const postgres[] = {
		"FROM stdin", "\n\\connect ", "$$", "bigserial", " serial ", " serial,", " OWNER TO ", "::", "plpgsql",
		"CREATE EXTENSION", "SET search_path", "pg_catalog.", "character varying", "timestamptz", "jsonb",
		"timestamp with", "ALTER TABLE ONLY", "bytea",
	};
	static const char *const mysql[] = {
		"ENGINE=", "ENGINE =", "AUTO_INCREMENT", "LOCK TABLES", "\nDELIMITER ", "CHARSET=", "/*!", "/*M!",
		"UNIQUE KEY `", "CHARACTER SET utf8", "ON UPDATE CURRENT_TIMESTAMP",
	};
	static const char *const sqlite[] = {"PRAGMA ", "AUTOINCREMENT", "WITHOUT ROWID", "sqlite_", "USING fts"};
	AUTO_FREE char *copy = mem_string_n(text, n);
	blank_out(copy);
	bool is_postgres = holds_any(copy, postgres, ARRAY_LEN(postgres));
	bool is_mysql = holds_any(copy, mysql, ARRAY_LEN(mysql));
	bool is_sqlite = holds_any(copy, sqlite, ARRAY_LEN(sqlite));
	if (is_postgres + is_mysql + is_sqlite != 1)
		return UNPACK_FOR_ANY;
	return is_postgres ? UNPACK_FOR_POSTGRESQL : is_mysql ? UNPACK_FOR_MYSQL : UNPACK_FOR_SQLITE;
}

enum unpack_dialect unpack_dialect(const char *text, size_t n)
{
	static const char *const first[] = {
		"PRAGMA ", "BEGIN", "CREATE ", "INSERT ", "DROP ", "DELETE ", "UPDATE ", "ALTER ", "REPLACE ", "SAVEPOINT ",
		"SET ", "COPY ", "LOCK TABLES", "START TRANSACTION", "GRANT ", "SELECT ", "TRUNCATE ", "COMMENT ON ",
	};
	const char *p = text, *end = text + n;
	struct line l;
	if (memchr(text, '\0', n))
		return UNPACK_NO_SQL;
	if (n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		p += 3;
	while (next_line(&p, end, &l)) {
		enum unpack_dialect client = by_client(&l);
		if (client != UNPACK_FOR_ANY)
			return client;
		if (begins_any(&l, first, ARRAY_LEN(first)))
			return by_words(l.p, (size_t)(end - l.p));
		if (begins(&l, "--"))
			continue;
		const char *close = begins(&l, "/*") ? memmem(l.p, (size_t)(end - l.p), "*/", 2) : NULL;
		if (!close)
			return UNPACK_NO_SQL;
		p = close + 2;
	}
	return UNPACK_NO_SQL;
}
