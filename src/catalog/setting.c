#include "catalog/setting.h"

#include "base/human.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "catalog/db.h"
#include "catalog/setting_inner.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LONGEST 4096    /* bytes of a text */

const char *setting_origin_name(enum setting_origin o)
{
	static const char *const names[] = {"default", "catalog", "environment", "file"};
	return names[o];
}

/* A secret may be in it. */
static void free_wiped(char *text)
{
	if (text)
		secret_wipe(text, strlen(text));
	free(text);
}

void setting_source_release(struct setting_source *s)
{
	free_wiped(s->value);
	free(s->variable);
	*s = (struct setting_source){0};
}

/* ---- values ---- */

bool setting_parse_bool(const char *text, bool *out)
{
	static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (!strcasecmp(text, words[i])) {
			*out = i % 2;
			return true;
		}
	return false;
}

static bool parse_number(const struct setting *s, const char *text, uint64_t *out)
{
	struct error ignored;
	if (s->type == SETTING_SIZE && human_parse_size(text, out, &ignored))
		return false;
	if (s->type == SETTING_NUMBER) {
		size_t digits = strspn(text, "0123456789");
		if (digits == 0 || digits > 18 || text[digits])
			return false;
		*out = strtoull(text, NULL, 10);
	}
	return *out >= s->min && *out <= s->max;
}

static bool is_choice(const struct setting *s, const char *text)
{
	size_t n = strlen(text);
	for (const char *c = s->choices; *c; c += strcspn(c, "|"), c += *c == '|')
		if (strcspn(c, "|") == n && !strncmp(c, text, n))
			return true;
	return false;
}

static bool is_line(const char *text)
{
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	return strlen(text) <= LONGEST;
}

static bool is_listen(const char *text)
{
	if (!strncmp(text, "unix:", 5))
		return text[5];
	const char *colon = strrchr(text, ':');
	size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;
	return colon && colon != text && digits && digits <= 5 && !colon[1 + digits] && atoi(colon + 1) <= 65535;
}

static bool is_url(const char *text)
{
	size_t scheme = !strncasecmp(text, "http://", 7) ? 7 : !strncasecmp(text, "https://", 8) ? 8 : 0;
	return !*text || (scheme && text[scheme] && !strchr("/:", text[scheme]) && !strchr(text, ' '));
}

static bool fits(const struct setting *s, const char *text)
{
	uint64_t number;
	bool flag;
	switch (s->type) {
	case SETTING_NUMBER:
	case SETTING_SIZE:
		return parse_number(s, text, &number);
	case SETTING_BOOL:
		return setting_parse_bool(text, &flag);
	case SETTING_CHOICE:
		return is_choice(s, text);
	case SETTING_LISTEN:
	case SETTING_URL:
	case SETTING_TEXT:
	case SETTING_SECRET:
		break;
	}
	return is_line(text);
}

static int cannot_be(const struct setting *s, const char *text, struct error *e)
{
	AUTO_FREE char *may_be = setting_describe(s);
	return error_set(e, ERR_USAGE, "%s cannot be \"%.100s\"; it is %s", s->name, text, may_be);
}

int setting_check(const struct setting *s, const char *text, struct error *e)
{
	if (fits(s, text))
		return 0;
	if (s->type == SETTING_TEXT || s->type == SETTING_SECRET)
		return error_set(e, ERR_USAGE, "%s must be one line of at most %d bytes", s->name, LONGEST);
	return cannot_be(s, text, e);
}

/* Of a new value more is asked than of one that is there: no program stops because it has become stricter. */
static int check_new(const struct setting *s, const char *text, struct error *e)
{
	int rc = setting_check(s, text, e);
	if (!rc && ((s->type == SETTING_LISTEN && !is_listen(text)) || (s->type == SETTING_URL && !is_url(text))))
		rc = cannot_be(s, text, e);
	return rc ? error_field(e, s->name) : 0;
}

/* ---- finding ---- */

static int find(const char *name, const struct setting **out, struct error *e)
{
	*out = setting_find(name);
	if (*out)
		return 0;
	struct nearest n = nearest_to(name);
	for (const struct setting *s = settings; s->name; s++)
		nearest_consider(&n, s->name);
	error_set(e, ERR_USAGE, "there is no setting \"%.100s\"", name);
	return n.found ? error_hint(e, "did you mean \"%s\"?", n.found) : error_hint_typed(e, "", "backstay config show lists them");
}

static int from_catalog(struct catalog *c, const struct setting *s, struct setting_source *out, struct error *e)
{
	CLEANUP(secret_release) struct secret secret = {0};
	AUTO_FREE char *about = mem_printf("setting.%s", s->name);
	struct db_row q;
	int rc = db_query(c, &q, e, "SELECT value FROM setting WHERE name = ?1", "s", s->name);
	if (!rc && db_next(&q, &rc, e)) {
		out->origin = SETTING_CATALOG;
		if (s->type == SETTING_SECRET) {
			rc = db_secret(&q, 0, about, &secret, e);
			out->value = rc ? NULL : mem_string_n((const char *)secret.p, secret.len);
		} else {
			out->value = db_dup(&q, 0);
		}
	}
	db_done(&q);
	return rc;
}

/* The value that counts, fitting or not. */
static int look_up(struct catalog *c, const struct setting *s, struct setting_source *out, struct error *e)
{
	int rc = setting_given(s, out, e);
	if (!rc && !out->value && c)
		rc = from_catalog(c, s, out, e);
	if (!rc && !out->value)
		out->value = mem_string(s->value);
	return rc;
}

static int check_source(const struct setting *s, const struct setting_source *source, struct error *e)
{
	int rc = setting_check(s, source->value, e);
	if (rc && source->variable)
		return error_wrap(e, "%s in %s", source->variable, source->origin == SETTING_FILE ? getenv("BACKSTAY_CONFIG") : "the environment");
	return rc ? error_wrap(e, "the setting in the catalog") : 0;
}

int setting_text(struct catalog *c, const char *name, char **out, enum setting_origin *origin, struct error *e)
{
	CLEANUP(setting_source_release) struct setting_source source = {0};
	const struct setting *s;
	*out = NULL;
	int rc = find(name, &s, e);
	if (!rc)
		rc = look_up(c, s, &source, e);
	if (!rc)
		rc = check_source(s, &source, e);
	if (rc)
		return rc;
	*out = TAKE(source.value);
	if (origin)
		*origin = source.origin;
	return 0;
}

int setting_number(struct catalog *c, const char *name, uint64_t *out, struct error *e)
{
	AUTO_FREE char *text = NULL;
	*out = 0;
	int rc = setting_text(c, name, &text, NULL, e);
	if (!rc && !parse_number(setting_find(name), text, out))
		rc = error_set(e, ERR_INTERNAL, "the setting %s is no number", name);
	return rc;
}

int setting_bool(struct catalog *c, const char *name, bool *out, struct error *e)
{
	AUTO_FREE char *text = NULL;
	*out = false;
	int rc = setting_text(c, name, &text, NULL, e);
	if (!rc && !setting_parse_bool(text, out))
		rc = error_set(e, ERR_INTERNAL, "the setting %s is not true or false", name);
	return rc;
}

/* ---- changing ---- */

static int refuse_given(const struct setting *s, struct error *e)
{
	CLEANUP(setting_source_release) struct setting_source given = {0};
	int rc = setting_given(s, &given, e);
	if (rc || !given.value)
		return rc;
	const char *where = given.origin == SETTING_FILE ? getenv("BACKSTAY_CONFIG") : "the environment";
	error_set(e, ERR_REFUSED, "%s is given by %s in %s", s->name, given.variable, where);
	return error_hint(e, "change it there, or take it out there");
}

/* As it is kept: "10G" and "Yes" become "10737418240" and "true". Heap. */
static char *canonical(const struct setting *s, const char *text)
{
	uint64_t number;
	bool flag;
	if ((s->type == SETTING_NUMBER || s->type == SETTING_SIZE) && parse_number(s, text, &number))
		return mem_printf("%" PRIu64, number);
	if (s->type == SETTING_BOOL && setting_parse_bool(text, &flag))
		return mem_string(flag ? "true" : "false");
	return mem_string(text);
}

static int store(struct catalog *c, const struct setting *s, const char *text, struct error *e)
{
	CLEANUP(secret_release) struct secret secret = {0};
	if (s->type != SETTING_SECRET) {
		AUTO_FREE char *value = canonical(s, text);
		return db_run(c, e, "INSERT OR REPLACE INTO setting (name, value) VALUES (?1, ?2)", "ss", s->name, value);
	}
	AUTO_FREE char *about = mem_printf("setting.%s", s->name);
	secret_set(&secret, text, strlen(text));
	return db_run(c, e, "INSERT OR REPLACE INTO setting (name, value) VALUES (?1, ?2)", "sS", s->name, &secret, about);
}

int setting_set(struct catalog *c, const char *name, const char *text, struct error *e)
{
	const struct setting *s;
	int rc = find(name, &s, e);
	if (!rc)
		rc = refuse_given(s, e);
	if (!rc && text)
		rc = check_new(s, text, e);
	if (rc)
		return rc;
	if (!text || (s->type == SETTING_SECRET && !*text))
		return db_run(c, e, "DELETE FROM setting WHERE name = ?1", "s", name);
	return store(c, s, text, e);
}

/* ---- JSON ---- */

static void write_value(const struct setting *s, const char *text, struct json_out *w)
{
	uint64_t number = 0;
	bool flag = false;
	if ((s->type == SETTING_NUMBER || s->type == SETTING_SIZE) && parse_number(s, text, &number))
		jw_u64(w, number);
	else if (s->type == SETTING_BOOL && setting_parse_bool(text, &flag))
		jw_bool(w, flag);
	else
		jw_string(w, text);
}

static void write_kind(const struct setting *s, struct json_out *w)
{
	static const char *const types[] = {"text", "number", "size", "bool", "choice", "secret", "text", "text"};
	bool bounded = s->type == SETTING_NUMBER || s->type == SETTING_SIZE;
	jw_kv_string(w, "type", types[s->type]);
	jw_name(w, "min");
	if (bounded)
		jw_u64(w, s->min);
	else
		jw_null(w);
	jw_name(w, "max");
	if (bounded)
		jw_u64(w, s->max);
	else
		jw_null(w);
	jw_name(w, "choices");
	jw_array(w);
	for (const char *c = s->choices; c && *c; c += strcspn(c, "|"), c += *c == '|')
		jw_bytes(w, c, strcspn(c, "|"));
	jw_array_end(w);
	jw_kv_string(w, "help", s->help);
}

static int write_setting(struct catalog *c, const struct setting *s, struct json_out *w, struct error *e)
{
	CLEANUP(setting_source_release) struct setting_source source = {0};
	struct error wrong = {0};
	int rc = look_up(c, s, &source, e);
	if (rc)
		return rc;
	bool good = check_source(s, &source, &wrong) == 0;
	jw_name(w, s->name);
	jw_object(w);
	if (s->type == SETTING_SECRET) {
		jw_kv_bool(w, "known", *source.value != '\0');
	} else {
		jw_name(w, "value");
		write_value(s, good ? source.value : s->value, w);
		jw_name(w, "default");
		write_value(s, s->value, w);
	}
	jw_kv_string(w, "origin", setting_origin_name(source.origin));
	jw_kv_string(w, "variable", source.variable);
	write_kind(s, w);
	jw_kv_string(w, "error", good ? NULL : wrong.text);
	jw_object_end(w);
	return 0;
}

int settings_json(struct catalog *c, struct json_out *w, struct error *e)
{
	int rc = 0;
	jw_object(w);
	for (const struct setting *s = settings; !rc && s->name; s++)
		rc = write_setting(c, s, w, e);
	jw_object_end(w);
	return rc;
}

int settings_export(struct catalog *c, bool secrets, struct json_out *w, struct error *e)
{
	int rc = 0;
	jw_object(w);
	for (const struct setting *s = settings; !rc && s->name; s++) {
		CLEANUP(setting_source_release) struct setting_source source = {0};
		if ((s->type == SETTING_SECRET) != secrets)
			continue;
		rc = from_catalog(c, s, &source, e);
		if (rc || !source.value)
			continue;
		jw_name(w, s->name);
		write_value(s, source.value, w);
	}
	jw_object_end(w);
	return rc;
}
