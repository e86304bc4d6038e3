/* The catalog itself: made anew from the repositories, and checked. */
#include "base/fs.h"
#include "base/human.h"
#include "base/path.h"
#include "catalog/audit.h"
#include "catalog/known.h"
#include "catalog/name.h"
#include "cli/actions.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/names.h"
#include "cli/present.h"
#include "cli/recorded.h"
#include "engine/engine.h"
#include "job/password.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE 1000

static const struct opt options[] = {
	{"add-sources", 0, OPT_FLAG, NULL, "rebuild: configure the sources that backups of this machine name", NULL},
	COMMON_YES,
	{0},
};

/* ---- a catalog that is damaged ---- */

static int move_away(const char *path, const char *suffix, const char *stamp, struct error *e)
{
	AUTO_FREE char *from = mem_printf("%s%s", path, suffix);
	AUTO_FREE char *to = mem_printf("%s.damaged-%s%s", path, stamp, suffix);

	return rename(from, to) && errno != ENOENT ? error_sys(e, errno, "moving %s to %s", from, to) : 0;
}

/* Nothing of it is lost for who can repair it. */
static int set_aside(const struct error *why, const struct parsed *p, struct error *e)
{
	AUTO_FREE char *state = NULL;
	AUTO_FREE char *stamp = mem_printf("%lld", (long long)time_now().tv_sec);
	int rc = password_state_dir(false, &state, e);

	if (rc)
		return rc;
	AUTO_FREE char *path = path_join(state, "catalog.db");
	AUTO_FREE char *question = mem_printf("%s\nIt is moved to %s.damaged-%s and made anew from the repositories. Configured sources, schedules, users and the history of "
					      "jobs are not in these. Go on?", why->text, path, stamp);

	rc = out_confirm(opt_flag(p, "yes"), question, e);
	for (size_t i = 0; !rc && i < 3; i++)
		rc = move_away(path, ((const char *const[]){"", "-wal", "-shm"})[i], stamp, e);
	return rc;
}

static int open_or_make(const struct parsed *p, struct catalog **c, struct error *e)
{
	struct error why = {0};
	int rc = names_need_catalog(c, &why);

	if (rc == -ERR_CORRUPT) {
		rc = set_aside(&why, p, e);
		return rc ? rc : names_need_catalog(c, e);
	}
	if (rc)
		*e = why;
	return rc;
}

/* ---- the repositories ---- */

struct rebuilding {
	struct catalog *c;
	struct strlist locations;
	size_t read, failed;
	uint64_t backups;
	struct error first;       /* why one could not be read */
	struct strlist offers;    /* URL and name, by turns, of sources that are not configured */
	bool added;
};

static void rebuilding_release(struct rebuilding *x)
{
	strlist_release(&x->locations);
	strlist_release(&x->offers);
}

static void add_location(struct rebuilding *x, const char *location)
{
	if (!strlist_has(&x->locations, location))
		strlist_add(&x->locations, location);
}

/* Those configured, the one that options and environment choose, and the usual places. */
static int gather(const struct parsed *p, struct rebuilding *x, struct error *e)
{
	CLEANUP(place_list_release) struct place_list l = {0};
	CLEANUP(repository_release) struct repository r = {0};
	CLEANUP(strlist_release) struct strlist usual = {0};
	int rc = place_list_all(x->c, &l, e);

	for (size_t i = 0; !rc && i < l.n; i++)
		add_location(x, l.v[i].location);
	if (!rc)
		rc = repository_locate(opt_text(p, "repo") && !name_ok(opt_text(p, "repo")) ? opt_text(p, "repo") : NULL, &r, e);
	if (!rc && r.explicit_choice)
		add_location(x, r.location);
	repository_usual(&usual);
	for (size_t i = 0; i < usual.n; i++)
		add_location(x, usual.v[i]);
	if (!rc && !x->locations.n) {
		error_set(e, ERR_NO_REPO, "there is no repository to make the catalog from");
		return error_hint(e, "name one with --repo");
	}
	return rc;
}

static int open_at(struct rebuilding *x, const char *location, struct repository *r, struct error *e)
{
	CLEANUP(place_record_release) struct place_record place = {0};
	const struct repository_open_options o = {.access = REPOSITORY_READ, .ask = common_ask_password, .progress = &common_progress};
	struct error ignored = {0};
	int rc = repository_locate(location, r, e);

	if (rc)
		return rc;
	if (place_find_location(x->c, r->location, &place, &ignored) == 0 && place.password.len) {
		r->name = mem_string(place.name);
		secret_set(&r->password, place.password.p, place.password.len);
	}
	return repository_open(r, &o, e);
}

static int scan_one(struct rebuilding *x, const char *location, struct error *e)
{
	CLEANUP(repository_release) struct repository r = {0};
	struct progress_bar *bar = progress_bar_start(&common_progress, "rebuild");
	int rc = open_at(x, location, &r, e);

	if (!rc)
		rc = record_scan(x->c, &r, RECORD_ALL | RECORD_SIZES, &common_progress, e);
	progress_bar_stop(bar);
	return rc;
}

static int scan_all(struct rebuilding *x, struct error *e)
{
	for (size_t i = 0; i < x->locations.n; i++) {
		struct error why = {0};
		int rc = progress_check(&common_progress, e);

		if (rc)
			return rc;
		rc = scan_one(x, x->locations.v[i], &why);
		x->read += !rc;
		if (rc && !x->failed++)
			x->first = why;
		if (rc)
			out_warn("%s: %s", x->locations.v[i], why.text);
	}
	return 0;
}

/* ---- the sources ---- */

static bool offered(const struct rebuilding *x, const char *shown)
{
	for (size_t i = 0; i < x->offers.n; i += 2)
		if (!strcmp(x->offers.v[i], shown))
			return true;
	return false;
}

static bool is_taken(void *ctx, const char *name)
{
	const struct rebuilding *x = ctx;
	CLEANUP(source_record_release) struct source_record s = {0};

	for (size_t i = 1; i < x->offers.n; i += 2)
		if (!strcmp(x->offers.v[i], name))
			return true;
	return names_is_source(name, &s);
}

/* What can be reached by what is shown of it: of a command that is less than it needs, and an import came from nowhere. */
static bool can_be_source(const struct known_source *s)
{
	const struct engine *engine = engine_by_name(s->engine);

	return engine && (engine->claims || engine->look) && strncmp(s->shown, "import:", 7) != 0;
}

static void offer(struct rebuilding *x, const struct known_source *s)
{
	CLEANUP(source_record_release) struct source_record configured = {0};
	struct error ignored = {0};

	if (!can_be_source(s) || offered(x, s->shown) || source_find_shown(x->c, s->shown, &configured, &ignored) == 0)
		return;
	char *name = name_from(s->name, is_taken, x);

	strlist_add(&x->offers, s->shown);
	strlist_take(&x->offers, name);
}

/* The newest names first. Backups of other machines are of their sources. */
static int find_offers(struct rebuilding *x, struct error *e)
{
	struct catalog_page page = {.limit = PAGE};
	const struct known_filter all = {0};
	char host[256] = "";
	int rc = 0;

	gethostname(host, sizeof host - 1);
	for (x->backups = PAGE; !rc && page.offset < x->backups; page.offset += PAGE) {
		CLEANUP(known_list_release) struct known_list l = {0};

		rc = known_list_some(x->c, &all, &page, &l, &x->backups, e);
		for (size_t i = 0; !rc && i < l.n; i++)
			for (size_t k = 0; k < l.v[i].source_count; k++)
				if (!strcmp(l.v[i].host, host) && !l.v[i].foreign)
					offer(x, &l.v[i].sources[k]);
	}
	return rc;
}

static int add_source(struct rebuilding *x, const char *shown, const char *name, struct error *e)
{
	size_t n = strcspn(shown, ":");
	AUTO_FREE char *scheme = mem_string_n(shown, n);
	const struct engine *engine = engine_by_name(scheme);
	CLEANUP(source_record_release) struct source_record s = {
		.name = mem_string(name), .url = mem_string(shown), .shown = mem_string(shown), .engine = mem_string(engine ? engine->name : scheme)};
	int rc = catalog_begin(x->c, e);

	return rc ? rc : common_audited(x->c, source_add(x->c, &s, e), "source-add", name, e);
}

static int add_sources(struct rebuilding *x, struct error *e)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < x->offers.n; i += 2)
		rc = add_source(x, x->offers.v[i], x->offers.v[i + 1], e);
	x->added = !rc;
	return rc;
}

/* ---- the result ---- */

static void print_result(const struct rebuilding *x)
{
	AUTO_FREE char *backups = human_plural(x->backups, "backup");

	out_print("%zu repositor%s read: %s known\n", x->read, x->read == 1 ? "y" : "ies", backups);
	if (x->offers.n && !x->added)
		out_print("these sources of the backups are not configured; --add-sources does it, without passwords:\n");
	for (size_t i = 0; i < x->offers.n; i += 2) {
		AUTO_FREE char *word = common_word(x->offers.v[i]);

		if (x->added)
			out_print("source %s added: %s\n", x->offers.v[i + 1], x->offers.v[i]);
		else
			out_print("  backstay source add %s %s\n", x->offers.v[i + 1], word);
	}
}

static int document(const struct rebuilding *x, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;

	out_document_begin(&d);
	jw_kv_u64(&d.w, "repositories", x->read);
	jw_kv_u64(&d.w, "failed", x->failed);
	jw_kv_u64(&d.w, "backups", x->backups);
	jw_kv_bool(&d.w, "sources_added", x->added);
	jw_name(&d.w, "sources");
	jw_array(&d.w);
	for (size_t i = 0; i < x->offers.n; i += 2) {
		jw_object(&d.w);
		jw_kv_string(&d.w, "name", x->offers.v[i + 1]);
		jw_kv_string(&d.w, "url", x->offers.v[i]);
		jw_object_end(&d.w);
	}
	jw_array_end(&d.w);
	return out_document_end(&d, e);
}

static int failed(const struct rebuilding *x, struct error *e)
{
	*e = x->first;
	return error_wrap(e, "%zu of %zu repositories could not be read", x->failed, x->locations.n);
}

static int rebuild(const struct parsed *p, struct error *e)
{
	CLEANUP(rebuilding_release) struct rebuilding x = {0};
	int rc = open_or_make(p, &x.c, e);

	if (!rc)
		rc = gather(p, &x, e);
	if (!rc)
		rc = scan_all(&x, e);
	if (!rc && !x.read)
		return failed(&x, e);
	if (!rc)
		rc = find_offers(&x, e);
	if (!rc && opt_flag(p, "add-sources"))
		rc = add_sources(&x, e);
	if (rc)
		return rc;
	if (out_mode.json)
		rc = document(&x, e);
	else
		print_result(&x);
	return rc || !x.failed ? rc : failed(&x, e);
}

/* ---- check ---- */

static int check(const struct parsed *p, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d = {0};
	uint64_t rows = 0;
	int rc = names_catalog() ? 0 : error_set(e, ERR_NOT_FOUND, "there is no catalog that could be checked");

	if (!rc)
		rc = catalog_check(names_catalog(), e);
	if (!rc)
		rc = audit_check(names_catalog(), &rows, e);
	if (rc)
		return rc;
	if (!out_mode.json) {
		out_print("the catalog is whole, and so is the audit trail (%llu rows)\n", (unsigned long long)rows);
		return 0;
	}
	out_document_begin(&d);
	jw_kv_bool(&d.w, "ok", true);
	jw_kv_u64(&d.w, "audit_rows", rows);
	return out_document_end(&d, e);
}

static const struct action actions[] = {
	{"rebuild", 0, 0, "", "add-sources|yes", rebuild},
	{"check", 0, 0, "", NULL, check},
	{0},
};

static int run(const struct parsed *p, struct error *e)
{
	return actions_run(actions, p, e);
}

const struct command cmd_catalog = {
	.name = "catalog",
	.arguments = "rebuild|check",
	.summary = "make this machine's records anew from the repositories, or check them",
	.details =
		"The catalog is a convenience: what is in the repositories is the truth.\n"
		"\"rebuild\" reads every backup of the configured and the usual repositories, so\n"
		"that a new machine knows them with the repository and its password alone, and\n"
		"offers the sources they name. A catalog that is damaged is set aside first.\n",
	.examples =
		"backstay catalog rebuild\n"
		"backstay catalog rebuild --repo /mnt/disk/b --add-sources\n"
		"backstay catalog check\n",
	.min_args = 1,
	.max_args = -1,
	.choices = "rebuild|check",
	.options = options,
	.run = run,
};
