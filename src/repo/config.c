#include "repo/config.h"

#include "base/json.h"
#include "base/mem.h"
#include "repo/id.h"
#include "repo/polynomial.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEWEST_VERSION 2

void repo_config_random(struct repo_config *c)
{
	struct id id;
	id_random(&id);
	*c = (struct repo_config){.version = NEWEST_VERSION, .polynomial = polynomial_random()};
	id_hex(&id, c->id);
}

void repo_config_encode(const struct repo_config *c, struct buf *out)
{
	struct json_out w;
	char polynomial[17];

	snprintf(polynomial, sizeof polynomial, "%" PRIx64, c->polynomial);
	jw_init(&w, out);
	jw_object(&w);
	jw_kv_u64(&w, "version", (uint64_t)c->version);
	jw_kv_string(&w, "id", c->id);
	jw_kv_string(&w, "chunker_polynomial", polynomial);
	jw_object_end(&w);
}

/* The version is read first and alone: what else a newer format holds may have another form. */
static int parse_version(const void *p, size_t n, int *version, struct error *e)
{
	struct json j;
	uint64_t v = 0;

	json_init(&j, p, n);
	json_object_begin(&j);
	while (json_member(&j))
		if (json_name_is(&j, "version"))
			v = json_u64(&j);
		else
			json_skip(&j);
	if (json_finish(&j, e))
		return error_wrap(e, "config");
	if (v > NEWEST_VERSION) {
		error_set(e, ERR_VERSION,
			  "repository format version %" PRIu64 " is newer than this program knows (1 and 2)", v);
		return error_hint(e, "use a newer version of this program");
	}
	if (v == 0)
		return error_set(e, ERR_CORRUPT, "config: it has no format version");
	*version = (int)v;
	return 0;
}

static bool parse_polynomial(const char *hex, uint64_t *p)
{
	size_t n = strspn(hex, "0123456789abcdefABCDEF");
	if (n == 0 || n > 16 || hex[n])
		return false;
	*p = strtoull(hex, NULL, 16);
	return polynomial_irreducible(*p);
}

static void parse_members(struct json *j, struct repo_config *c)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	struct id id;

	while (json_member(j)) {
		if (json_name_is(j, "id")) {
			json_string(j, &text);
			if (id_parse(&id, buf_text(&text), text.len))
				id_hex(&id, c->id);
			else
				json_fail(j, "the repository id is not 64 lower-case hexadecimal digits");
		} else if (json_name_is(j, "chunker_polynomial")) {
			json_string(j, &text);
			if (!parse_polynomial(buf_text(&text), &c->polynomial))
				json_fail(j, "the chunker polynomial is not an irreducible one");
		} else {
			json_skip(j);
		}
	}
}

int repo_config_parse(const void *p, size_t n, struct repo_config *c, struct error *e)
{
	struct json j;

	*c = (struct repo_config){0};
	int r = parse_version(p, n, &c->version, e);
	if (r)
		return r;
	json_init(&j, p, n);
	json_object_begin(&j);
	parse_members(&j, c);
	if (json_finish(&j, e))
		return error_wrap(e, "config");
	if (!c->id[0] || !c->polynomial)
		return error_set(e, ERR_CORRUPT, "config: the %s is missing",
				 c->id[0] ? "chunker polynomial" : "repository id");
	return 0;
}
