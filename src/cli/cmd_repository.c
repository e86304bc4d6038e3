/* Configured repositories. */
#include "base/human.h"
#include "catalog/name.h"
#include "cli/actions.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/names.h"
#include "cli/present.h"
#include "job/record.h"
#include "job/repository.h"

#include <stdlib.h>
#include <string.h>

static const struct opt options[] = {
	{"password-file", 0, OPT_STRING, "FILE", "add, edit: keep the password that is the first line of FILE (- is standard input), sealed", NULL},
	{"low-space", 0, OPT_STRING, "SIZE", "add, edit: alarm below so much free space: 10G", NULL},
	{"rename", 0, OPT_STRING, "NAME", "edit: the name it is to have", NULL},
	{0},
};

/* ---- as people see it ---- */

static int document(const struct place_record *r, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;

	out_document_begin(&d);
	jw_name(&d.w, "repository");
	place_json(r, &d.w);
	return out_document_end(&d, e);
}

static int show_done(const struct place_record *r, const char *what, struct error *e)
{
	if (out_mode.json)
		return document(r, e);
	out_print("repository %s %s\n", r->name, what);
	return 0;
}

static void line(const char *name, const char *value)
{
	if (value && *value)
		out_print("%-14s %s\n", name, value);
}

static void size_line(const char *name, uint64_t bytes)
{
	char size[HUMAN_MAX];

	if (bytes)
		line(name, human_size(bytes, size));
}

static void time_line(const char *name, struct timespec t)
{
	AUTO_FREE char *age = t.tv_sec ? present_age(t) : mem_string("never");

	line(name, age);
}

static void print_place(const struct place_record *r)
{
	line("repository", r->name);
	line("location", r->location);
	line("default", r->is_default ? "yes" : "no");
	line("id", r->repository_id);
	line("password", r->password.len ? "kept in the catalog, sealed" : "found as for any repository");
	time_line("looked at", r->scanned);
	time_line("checked", r->checked);
	line("damage", r->check_failed ? "was found: see backstay check" : NULL);
	size_line("size", r->bytes);
	size_line("free space", r->bytes_free);
	size_line("alarm below", r->low_space);
}

/* ---- its options ---- */

static int from_options(const struct parsed *p, struct place_record *r, struct error *e)
{
	const char *file = opt_text(p, "password-file"), *space = opt_text(p, "low-space");
	int rc = file ? common_secret_from_file(file, &r->password, e) : 0;

	if (rc)
		return error_wrap(e, "reading the password");
	if (file && !r->password.len)
		return error_set(e, ERR_USAGE, "the password is empty");
	if (space && human_parse_size(space, &r->low_space, e))
		return error_wrap(e, "--low-space");
	return 0;
}

/* Whether it opens, with the password that is to be kept or is known anyhow; and what is in it. */
static int try_it(struct place_record *place, struct repository *r, struct error *e)
{
	const struct repository_open_options o = {.access = REPOSITORY_READ_NO_LOCK, .ask = common_ask_password, .progress = &common_progress};
	int rc = repository_locate(place->location, r, e);

	if (rc)
		return rc;
	free(place->location);
	place->location = mem_string(r->location);
	r->name = mem_string(place->name);
	if (place->password.len)
		secret_set(&r->password, place->password.p, place->password.len);
	rc = repository_open(r, &o, e);
	if (rc)
		return rc;
	free(place->repository_id);
	place->repository_id = mem_string(r->repo->config.id);
	return 0;
}

static void scan(struct catalog *c, struct repository *r)
{
	struct error e = {0};

	if (record_scan(c, r, RECORD_SIZES, &common_progress, &e))
		out_warn("its backups are not listed in the catalog yet: %s", e.text);
}

/* ---- the actions ---- */

typedef int (*change_fn)(struct catalog *c, struct place_record *r, struct error *e);

static int change(struct catalog *c, change_fn fn, const char *action, struct place_record *r, struct error *e)
{
	int rc = catalog_begin(c, e);

	return rc ? rc : common_audited(c, fn(c, r, e), action, r->name, e);
}

static int remove_record(struct catalog *c, struct place_record *r, struct error *e)
{
	return place_remove(c, r->id, e);
}

static int add(const struct parsed *p, struct error *e)
{
	CLEANUP(place_record_release) struct place_record place = {.name = mem_string(p->args.v[1])};
	CLEANUP(repository_release) struct repository r = {0};
	struct catalog *c;
	int rc = name_check("repository", place.name, e);

	if (rc)
		return rc;
	place.location = mem_string(p->args.v[2]);
	rc = from_options(p, &place, e);
	if (!rc)
		rc = names_need_catalog(&c, e);
	if (!rc)
		rc = try_it(&place, &r, e);
	if (!rc)
		rc = change(c, place_add, "repository-add", &place, e);
	if (rc)
		return rc;
	scan(c, &r);
	return show_done(&place, place.is_default ? "added; it is the default one" : "added", e);
}

static int list_document(const struct place_list *l, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;

	out_document_begin(&d);
	jw_name(&d.w, "repositories");
	jw_array(&d.w);
	for (size_t i = 0; i < l->n; i++)
		place_json(&l->v[i], &d.w);
	jw_array_end(&d.w);
	return out_document_end(&d, e);
}

static void list_row(struct table *t, const struct place_record *r)
{
	AUTO_FREE char *checked = r->checked.tv_sec ? present_age(r->checked) : mem_string("never");
	char size[HUMAN_MAX], left[HUMAN_MAX];
	const char *const row[] = {
		r->name, r->location, r->is_default ? "default" : NULL, r->bytes ? human_size(r->bytes, size) : NULL,
		r->bytes_free ? human_size(r->bytes_free, left) : NULL, r->check_failed ? "damaged" : checked};

	table_row(t, row);
}

static void print_list(const struct place_list *l)
{
	static const char *const headers[] = {"NAME", "PLACE", "", "SIZE", "FREE", "CHECKED"};
	struct table *t = table_new(headers, "lLlrrl");

	for (size_t i = 0; i < l->n; i++)
		list_row(t, &l->v[i]);
	table_print(t);
}

static int list(const struct parsed *p, struct error *e)
{
	CLEANUP(place_list_release) struct place_list l = {0};
	int rc = names_readable(e);

	if (!rc && names_catalog())
		rc = place_list_all(names_catalog(), &l, e);
	if (rc)
		return rc;
	if (out_mode.json)
		return list_document(&l, e);
	if (!l.n) {
		out_print("no repository is configured; add one with: backstay repository add NAME PLACE\n");
		return 0;
	}
	print_list(&l);
	return 0;
}

static int find(const struct parsed *p, struct place_record *r, struct error *e)
{
	*r = (struct place_record){0};
	if (names_catalog())
		return place_find(names_catalog(), p->args.v[1], r, e);
	int rc = names_readable(e);

	return rc ? rc : error_set(e, ERR_NOT_FOUND, "there is no repository named \"%s\"", p->args.v[1]);
}

static int show(const struct parsed *p, struct error *e)
{
	CLEANUP(place_record_release) struct place_record r;
	int rc = find(p, &r, e);

	if (rc)
		return rc;
	if (out_mode.json)
		return document(&r, e);
	print_place(&r);
	return 0;
}

static int edit(const struct parsed *p, struct error *e)
{
	CLEANUP(place_record_release) struct place_record place;
	CLEANUP(repository_release) struct repository r = {0};
	const char *name = opt_text(p, "rename");
	int rc = find(p, &place, e);

	if (!rc)
		rc = from_options(p, &place, e);
	/* A password that does not open it must not take the place of one that does. */
	if (!rc && opt_flag(p, "password-file"))
		rc = try_it(&place, &r, e);
	if (rc)
		return rc;
	if (name) {
		free(place.name);
		place.name = mem_string(name);
	}
	rc = change(names_catalog(), place_update, "repository-change", &place, e);
	return rc ? rc : show_done(&place, "changed", e);
}

static int remove_place(const struct parsed *p, struct error *e)
{
	CLEANUP(place_record_release) struct place_record r;
	int rc = find(p, &r, e);

	if (!rc)
		rc = change(names_catalog(), remove_record, "repository-remove", &r, e);
	return rc ? rc : show_done(&r, "removed from the catalog; what is in it stays", e);
}

static int make_default(const struct parsed *p, struct error *e)
{
	CLEANUP(place_record_release) struct place_record r;
	int rc = find(p, &r, e);

	r.is_default = true;
	if (!rc)
		rc = change(names_catalog(), place_update, "repository-change", &r, e);
	return rc ? rc : show_done(&r, "is the default one", e);
}

/* ---- scan ---- */

static int scan_one(struct catalog *c, struct place_record *place, struct error *e)
{
	CLEANUP(repository_release) struct repository r = {0};
	int rc = try_it(place, &r, e);

	return rc ? rc : record_scan(c, &r, RECORD_SIZES, &common_progress, e);
}

/* One that was only used may be on a disk that is not there now. */
static int scan_all(struct catalog *c, struct place_list *l, struct error *e)
{
	size_t failed = 0;

	for (size_t i = 0; i < l->n; i++) {
		struct error why = {0};
		int rc = scan_one(c, &l->v[i], &why);

		if (rc == -ERR_CANCELLED) {
			*e = why;
			return rc;
		}
		if (rc && !l->v[i].remembered) {
			out_warn("repository %s: %s", l->v[i].name, why.text);
			failed++;
		} else if (rc)
			out_say("repository %s is passed over: %s", l->v[i].name, why.text);
	}
	return failed ? error_set(e, ERR_IO, "%zu of %zu repositories could not be read", failed, l->n) : 0;
}

static int load_scanned(const struct parsed *p, struct place_list *out, struct error *e)
{
	if (p->args.n < 2)
		return names_catalog() ? place_list_all(names_catalog(), out, e) : 0;
	out->v = mem_zero(sizeof *out->v);
	out->cap = 1;
	int rc = find(p, &out->v[0], e);

	out->n = !rc;
	return rc ? rc : 0;
}

static int scan_them(const struct parsed *p, struct error *e)
{
	CLEANUP(place_list_release) struct place_list l = {0};
	CLEANUP(place_list_release) struct place_list now = {0};
	int rc = load_scanned(p, &l, e);

	if (!rc)
		rc = p->args.n == 2 ? scan_one(names_catalog(), &l.v[0], e) : scan_all(names_catalog(), &l, e);
	if (rc)
		return rc;
	rc = load_scanned(p, &now, e);
	if (rc)
		return rc;
	if (out_mode.json)
		return list_document(&now, e);
	print_list(&now);
	return 0;
}

/* ---- the command ---- */

static const struct action actions[] = {
	{"add", 2, 2, "NAME PLACE", "password-file|low-space", add},
	{"list", 0, 0, "", NULL, list},
	{"show", 1, 1, "NAME", NULL, show},
	{"edit", 1, 1, "NAME", "password-file|low-space|rename", edit},
	{"remove", 1, 1, "NAME", NULL, remove_place},
	{"default", 1, 1, "NAME", NULL, make_default},
	{"scan", 0, 1, "[NAME]", NULL, scan_them},
	{0},
};

static int run(const struct parsed *p, struct error *e)
{
	return actions_run(actions, p, e);
}

const struct command cmd_repository = {
	.name = "repository",
	.arguments = "ACTION [NAME [PLACE]]",
	.summary = "names for repositories, and which is the default one",
	.details =
		"ACTION is add, list, show, edit, remove, default or scan, which looks again at\n"
		"what is in all repositories, or in one, for what others did there.\n"
		"A name stands wherever --repo takes a place. The default one is used when\n"
		"neither --repo nor the environment names one. A repository must be there to be\n"
		"added (backstay init makes one); its backups are then known to the catalog. One\n"
		"that was only used is remembered here too, but never becomes the default.\n",
	.examples =
		"backstay repository add main /var/backups/backstay\n"
		"backstay repository add offsite /mnt/disk/b --password-file /root/b.password\n"
		"backstay repository default offsite\n"
		"backstay list --repo offsite\n",
	.min_args = 1,
	.max_args = -1,
	.choices = "add|list|show|edit|remove|default|scan",
	.options = options,
	.run = run,
};
