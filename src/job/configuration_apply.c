/* A configuration, made to be the catalog's. */
#include "base/mem.h"
#include "catalog/audit.h"
#include "catalog/setting.h"
#include "job/configuration_inner.h"

#include <stdlib.h>
#include <string.h>

struct piece { const char *p; size_t n; };       /* of a document; p NULL: it has none */

struct applying {
	struct catalog *c;
	const struct configuration_apply *how;
	struct strlist *changes;
	size_t before;                           /* so many of them were there */
	struct secret plain;                     /* the secrets, by sections */
	struct piece settings, sealed, sections[8];
	struct strlist named[8];                 /* that a section has */
};

static void applying_release(struct applying *a)
{
	secret_release(&a->plain);
	for (size_t i = 0; i < ARRAY_LEN(a->named); i++)
		strlist_release(&a->named[i]);
}

/* ---- the document ---- */

static struct piece *piece_of(struct applying *a, const char *name)
{
	if (!strcmp(name, "settings"))
		return &a->settings;
	if (!strcmp(name, "secrets"))
		return &a->sealed;
	for (size_t i = 0; configuration_kinds[i].section; i++)
		if (!strcmp(name, configuration_kinds[i].section))
			return &a->sections[i];
	return NULL;
}

static int read_member(struct applying *a, struct json *j, uint64_t *version, struct error *e)
{
	if (json_name_is(j, "backstay")) {
		*version = json_u64(j);
		return 0;
	}
	struct piece *piece = piece_of(a, json_name(j));
	if (!piece)
		return error_set(e, ERR_USAGE, "a configuration has no section \"%.100s\"", json_name(j));
	json_raw(j, &piece->p, &piece->n);
	return 0;
}

static int read_document(struct applying *a, const void *p, size_t n, struct error *e)
{
	struct json j;
	uint64_t version = 0;
	int rc = 0;
	json_init(&j, p, n);
	if (json_peek(&j) != JSON_OBJECT)
		json_fail(&j, "it is no object");
	json_object_begin(&j);
	while (!rc && json_member(&j))
		rc = read_member(a, &j, &version, e);
	if (rc) {
		json_release(&j);
		return rc;
	}
	if (json_finish(&j, e)) {
		AUTO_FREE char *why = mem_string(e->text);
		return error_set(e, ERR_USAGE, "this is no configuration: %s", why);
	}
	if (version == 0)
		return error_set(e, ERR_USAGE, "this is no configuration: \"backstay\": %d is missing", CONFIGURATION_VERSION);
	if (version > CONFIGURATION_VERSION)
		return error_set(e, ERR_VERSION, "the configuration was written by a newer Backstay: its version is %llu, this program knows up to %d", (unsigned long long)version, CONFIGURATION_VERSION);
	return 0;
}

/* ---- settings ---- */

/* The text of a value: NULL for null, false for what is none. */
static bool value_text(struct json *j, char **out)
{
	enum json_type type = json_peek(j);
	const char *p = NULL;
	size_t n = 0;
	*out = NULL;
	if (type == JSON_STRING) {
		*out = json_string_dup(j);
		return *out != NULL;
	}
	json_raw(j, &p, &n);
	if (p && (type == JSON_NUMBER || type == JSON_BOOL))
		*out = mem_string_n(p, n);
	return *out || type == JSON_NULL;
}

static int change_setting(struct applying *a, const char *name, const char *text, struct error *e)
{
	enum setting_origin before_origin, origin;
	AUTO_FREE char *before = NULL;
	AUTO_FREE char *after = NULL;
	struct error unfit;
	if (setting_text(a->c, name, &before, &before_origin, &unfit))
		before_origin = SETTING_DEFAULT;
	int rc = setting_set(a->c, name, text, e);
	if (rc == -ERR_REFUSED) {
		strlist_addf(a->changes, "setting %s stays as it is: %s", name, e->text);
		error_clear(e);
		return 0;
	}
	if (!rc)
		rc = setting_text(a->c, name, &after, &origin, e);
	if (rc || (before && origin == before_origin && !strcmp(before, after)))
		return rc;
	if (setting_find(name)->type == SETTING_SECRET)
		strlist_addf(a->changes, "setting %s changes", name);
	else if (origin == SETTING_DEFAULT)
		strlist_addf(a->changes, "setting %s goes back to its default, \"%s\"", name, after);
	else
		strlist_addf(a->changes, "setting %s becomes \"%s\"", name, after);
	return 0;
}

static int apply_settings(struct applying *a, const struct piece *piece, struct strlist *named, struct error *e)
{
	struct json j;
	int rc = 0;
	json_init(&j, piece->p, piece->n);
	if (json_peek(&j) != JSON_OBJECT)
		rc = error_set(e, ERR_USAGE, "the section \"settings\" must be an object");
	json_object_begin(&j);
	while (!rc && json_member(&j)) {
		AUTO_FREE char *name = mem_string(json_name(&j));
		AUTO_FREE char *text = NULL;
		if (!value_text(&j, &text))
			rc = error_set(e, ERR_USAGE, "setting %.100s must be a text, a number, true, false or null", name);
		strlist_add(named, name);
		if (!rc)
			rc = change_setting(a, name, text, e);
		if (text)
			secret_wipe(text, strlen(text));
	}
	json_release(&j);
	return rc;
}

static struct piece secrets_section(const struct applying *a, const char *section)
{
	struct piece s = {0};
	if (a->plain.len)
		configuration_member(a->plain.p, a->plain.len, section, &s.p, &s.n);
	return s;
}

static int apply_all_settings(struct applying *a, struct error *e)
{
	CLEANUP(strlist_release) struct strlist named = {0};
	struct piece secret = secrets_section(a, "settings");
	int rc = a->settings.p ? apply_settings(a, &a->settings, &named, e) : 0;
	if (!rc && secret.p)
		rc = apply_settings(a, &secret, &named, e);
	if (!a->how->replace || !a->settings.p)
		return rc;
	for (const struct setting *s = settings; !rc && s->name; s++)
		if (!strlist_has(&named, s->name) && (s->type != SETTING_SECRET || secret.p))
			rc = change_setting(a, s->name, NULL, e);
	return rc;
}

/* ---- records ---- */

/* A record as text: what is public, and its secrets. */
struct look {
	struct buf shown, secrets;
};

static void look_release(struct look *l)
{
	if (l->secrets.p)
		secret_wipe(l->secrets.p, l->secrets.len);
	buf_release(&l->shown);
	buf_release(&l->secrets);
}

static void look_at(const struct configuration_kind *k, const void *record, struct look *l)
{
	CLEANUP(buf_release) struct buf all = BUF_INIT;
	struct json_out w;
	jw_init(&w, &all);
	k->json(record, &w);
	jw_init(&w, &l->shown);
	jw_object(&w);
	configuration_copy_members(all.p, all.len, k->left_out, &w);
	jw_object_end(&w);
	jw_init(&w, &l->secrets);
	jw_object(&w);
	k->secrets(record, &w);
	jw_object_end(&w);
}

static bool same(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && !memcmp(a, b, a_len);
}

/* "time, keep, secrets"; heap, NULL when nothing differs. */
static char *differences(const struct look *before, const struct look *after)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	struct json j;
	json_init(&j, after->shown.p, after->shown.len);
	json_object_begin(&j);
	while (json_member(&j)) {
		AUTO_FREE char *name = mem_string(json_name(&j));
		const char *new_value = NULL, *old_value = NULL;
		size_t new_len = 0, old_len = 0;
		json_raw(&j, &new_value, &new_len);
		bool was = configuration_member(before->shown.p, before->shown.len, name, &old_value, &old_len);
		if (!was || !same(new_value, new_len, old_value, old_len))
			strlist_add(&names, name);
	}
	json_release(&j);
	if (!same(buf_text(&before->secrets), before->secrets.len, buf_text(&after->secrets), after->secrets.len))
		strlist_add(&names, "secrets");
	return names.n ? strlist_join(&names, ", ") : NULL;
}

static int read_text(const struct configuration_kind *k, void *record, const char *p, size_t n, struct error *e)
{
	struct json j;
	json_init(&j, p, n);
	int rc = k->read(record, &j, e);
	json_release(&j);
	return rc;
}

/* What the document says of the record, its secrets behind it. */
static int read_record(struct applying *a, const struct configuration_kind *k, const char *name, const struct piece *element, void *record, struct error *e)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	struct piece section = secrets_section(a, k->section), secret = {0};
	struct json_out w;
	jw_init(&w, &text);
	jw_object(&w);
	configuration_copy_members(element->p, element->n, "|secrets|", &w);
	jw_object_end(&w);
	int rc = read_text(k, record, buf_text(&text), text.len, e);
	if (!rc && section.p && configuration_member(section.p, section.n, name, &secret.p, &secret.n))
		rc = read_text(k, record, secret.p, secret.n, e);
	return !rc && k->ready ? k->ready(record, e) : rc;
}

/* The names of secrets that the element says it lacks, and the document has not; heap or NULL. */
static char *lacking(const struct applying *a, const struct piece *element)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	struct piece list = {0};
	struct json j;
	if (a->plain.len || !configuration_member(element->p, element->n, "secrets", &list.p, &list.n))
		return NULL;
	json_init(&j, list.p, list.n);
	json_array_begin(&j);
	while (json_element(&j)) {
		char *name = json_string_dup(&j);
		if (name)
			strlist_take(&names, name);
	}
	json_release(&j);
	return names.n ? strlist_join(&names, ", ") : NULL;
}

/* Without its secrets it may be none at all (a webhook without its address): that is told, and left out. */
static int add_record(struct applying *a, const struct configuration_kind *k, const char *name, const struct piece *element, void *record, struct error *e)
{
	AUTO_FREE char *missing = lacking(a, element);
	if (k->start)
		k->start(record);
	int rc = read_record(a, k, name, element, record, e);
	if (!rc)
		rc = k->add(a->c, record, e);
	if (rc == -ERR_USAGE && missing) {
		strlist_addf(a->changes, "%s %s is left out, for want of its secrets (%s): %s", k->one, name, missing, e->text);
		error_clear(e);
		return 0;
	}
	if (!rc && missing)
		strlist_addf(a->changes, "%s %s is added without its secrets (%s)", k->one, name, missing);
	else if (!rc)
		strlist_addf(a->changes, "%s %s is added", k->one, name);
	return rc;
}

static int update_record(struct applying *a, const struct configuration_kind *k, const char *name, const struct piece *element, void *record, struct error *e)
{
	CLEANUP(look_release) struct look before = {0}, after = {0};
	look_at(k, record, &before);
	int rc = read_record(a, k, name, element, record, e);
	if (rc)
		return rc;
	look_at(k, record, &after);
	AUTO_FREE char *what = differences(&before, &after);
	if (!what)
		return 0;
	strlist_addf(a->changes, "%s %s: %s", k->one, name, what);
	return k->update(a->c, record, e);
}

static int apply_record(struct applying *a, const struct configuration_kind *k, const char *name, const struct piece *element, struct error *e)
{
	AUTO_FREE void *record = mem_zero(k->size);
	struct error absent = {0};
	int rc = k->find(a->c, name, record, &absent);
	if (rc && rc != -ERR_NOT_FOUND) {
		*e = absent;
		return rc;
	}
	rc = rc ? add_record(a, k, name, element, record, e) : update_record(a, k, name, element, record, e);
	k->release(record);
	return rc ? error_wrap(e, "%s %s", k->one, name) : 0;
}

/* The name of an element; heap or NULL. */
static char *name_of(const struct piece *element)
{
	struct piece value = {0};
	struct json j;
	if (!configuration_member(element->p, element->n, "name", &value.p, &value.n))
		return NULL;
	json_init(&j, value.p, value.n);
	char *name = json_peek(&j) == JSON_STRING ? json_string_dup(&j) : NULL;
	json_release(&j);
	return name;
}

static bool is_true(const struct piece *element, const char *member)
{
	struct piece value = {0};
	return configuration_member(element->p, element->n, member, &value.p, &value.n) && same(value.p, value.n, "true", 4);
}

/* Elements whose is_default is `first`: the new default repository before the one that is it no more. */
static int apply_elements(struct applying *a, size_t i, bool first, struct error *e)
{
	const struct configuration_kind *k = &configuration_kinds[i];
	struct json j;
	int rc = 0;
	json_init(&j, a->sections[i].p, a->sections[i].n);
	if (json_peek(&j) != JSON_ARRAY)
		rc = error_set(e, ERR_USAGE, "the section \"%s\" must be a list", k->section);
	json_array_begin(&j);
	while (!rc && json_element(&j)) {
		struct piece element = {0};
		json_raw(&j, &element.p, &element.n);
		if (is_true(&element, "is_default") != first)
			continue;
		AUTO_FREE char *name = name_of(&element);
		if (!name)
			rc = error_set(e, ERR_USAGE, "a %s of the configuration has no name", k->one);
		else if (strlist_has(&a->named[i], name))
			rc = error_set(e, ERR_USAGE, "the configuration has two of %s %.100s", k->one, name);
		else
			rc = apply_record(a, k, name, &element, e);
		if (name)
			strlist_add(&a->named[i], name);
	}
	json_release(&j);
	return rc;
}

static int remove_record(struct applying *a, const struct configuration_kind *k, const char *name, struct error *e)
{
	AUTO_FREE void *record = mem_zero(k->size);
	int rc = k->find(a->c, name, record, e);
	if (!rc)
		rc = k->remove(a->c, *(int64_t *)record, e);
	k->release(record);
	if (rc)
		return error_wrap(e, "removing %s %s", k->one, name);
	strlist_addf(a->changes, "%s %s is removed", k->one, name);
	return 0;
}

static int remove_others(struct applying *a, size_t i, struct error *e)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	const struct configuration_kind *k = &configuration_kinds[i];
	int rc = k->names(a->c, &names, e);
	for (size_t n = 0; !rc && n < names.n; n++)
		if (!strlist_has(&a->named[i], names.v[n]))
			rc = remove_record(a, k, names.v[n], e);
	return rc;
}

/* ---- all of it ---- */

static int apply(struct applying *a, struct error *e)
{
	size_t kinds = 0;
	int rc = apply_all_settings(a, e);
	for (; !rc && configuration_kinds[kinds].section; kinds++) {
		if (!a->sections[kinds].p)
			continue;
		rc = apply_elements(a, kinds, true, e);
		if (!rc)
			rc = apply_elements(a, kinds, false, e);
	}
	/* What refers to others goes before them. */
	for (; !rc && a->how->replace && kinds-- > 0;)
		if (a->sections[kinds].p)
			rc = remove_others(a, kinds, e);
	for (size_t i = a->before; !rc && i < a->changes->n; i++)
		rc = audit_add(a->c, a->how->who, a->how->address, "config-apply", NULL, e, "%s", a->changes->v[i]);
	return rc;
}

int configuration_apply(struct catalog *c, const void *p, size_t n, const struct configuration_apply *how, struct strlist *changes, struct error *e)
{
	CLEANUP(applying_release) struct applying a = {.c = c, .how = how, .changes = changes, .before = changes->n};
	int rc = read_document(&a, p, n, e);
	if (!rc && how->passphrase && a.sealed.p)
		rc = configuration_open_secrets(a.sealed.p, a.sealed.n, how->passphrase, &a.plain, e);
	if (!rc)
		rc = catalog_begin(c, e);
	if (rc)
		return rc;
	rc = apply(&a, e);
	if (rc || how->dry_run) {
		catalog_rollback(c);
		return rc;
	}
	return catalog_commit(c, e);
}

bool configuration_has_secrets(const void *p, size_t n)
{
	const char *value;
	size_t len;
	return configuration_member(p, n, "secrets", &value, &len);
}
