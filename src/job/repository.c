/* Which repository, with which password. */
#include "job/repository.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "job/password.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void repository_release(struct repository *r)
{
	lock_release(r->lock);
	repo_free(r->repo);
	free(r->location);
	free(r->chosen_by);
	free(r->password_file);
	free(r->recovery_sheet);
	*r = (struct repository){0};
}

static void choose(struct repository *out, const char *location, const char *by, bool explicit_choice)
{
	const char *path = !strncmp(location, "local:", 6) ? location + 6 : location;

	out->location = path_absolute(path);
	out->chosen_by = mem_string(by);
	out->explicit_choice = explicit_choice;
}

static bool chosen_by_environment(struct repository *out)
{
	static const char *const names[] = {"BACKSTAY_REPOSITORY", "BACKUP_DIR", "RESTIC_REPOSITORY"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *v = getenv(names[i]);

		if (v && *v) {
			choose(out, v, names[i], true);
			return true;
		}
	}
	return false;
}

/* 1 chosen, 0 not set, -kind. */
static int chosen_by_file(struct repository *out, struct error *e)
{
	const char *file = getenv("RESTIC_REPOSITORY_FILE");
	CLEANUP(buf_release) struct buf text = BUF_INIT;

	if (!file || !*file)
		return 0;
	int rc = fs_read_file(file, 65536, &text, e);
	if (rc)
		return error_wrap(e, "reading RESTIC_REPOSITORY_FILE");
	while (text.len && (text.p[text.len - 1] == '\n' || text.p[text.len - 1] == '\r'))
		text.p[--text.len] = 0;
	choose(out, buf_text(&text), "RESTIC_REPOSITORY_FILE", true);
	return 1;
}

/* The ordered list of places (docs/locations.md). */
static void usual_places(struct strlist *places)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");

	strlist_add(places, "/var/backups/backstay");
	if (data && *data)
		strlist_addf(places, "%s/backstay/repository", data);
	if (home && *home)
		strlist_addf(places, "%s/.local/share/backstay/repository", home);
}

static bool holds_repository(const char *place)
{
	AUTO_FREE char *config = path_join(place, "config");

	return fs_exists(config) && access(config, R_OK) == 0;
}

/* Whether a folder could be made there: its nearest existing parent is writable. */
static bool could_be_made(const char *place)
{
	AUTO_FREE char *at = mem_string(place);

	while (!fs_exists(at)) {
		char *up = path_dir(at);

		free(at);
		at = up;
		if (!strcmp(at, "."))
			return false;
	}
	return fs_is_writable_dir(at);
}

static int choose_usual_place(struct repository *out, struct error *e)
{
	CLEANUP(strlist_release) struct strlist places = {0};

	usual_places(&places);
	for (size_t i = 0; i < places.n; i++)
		if (holds_repository(places.v[i])) {
			choose(out, places.v[i], "the first place that holds a repository", false);
			return 0;
		}
	for (size_t i = 0; i < places.n; i++)
		if (could_be_made(places.v[i])) {
			choose(out, places.v[i], "the first writable place", false);
			return 0;
		}
	AUTO_FREE char *all = strlist_join(&places, ", ");

	error_set(e, ERR_ACCESS, "none of the usual places for a repository can be written: %s", all);
	return error_hint(e, "name one with --repo or BACKSTAY_REPOSITORY");
}

int repository_locate(const char *option, struct repository *out, struct error *e)
{
	*out = (struct repository){0};
	if (option) {
		choose(out, option, "--repo", true);
		return 0;
	}
	if (chosen_by_environment(out))
		return 0;
	int rc = chosen_by_file(out, e);
	if (rc)
		return rc < 0 ? rc : 0;
	return choose_usual_place(out, e);
}

static int find_password(struct repository *r, int (*ask)(const char *, struct secret *, struct error *), struct secret *out, struct error *e)
{
	AUTO_FREE char *found = NULL;
	AUTO_FREE char *warning = NULL;
	int rc = password_find(r->location, out, &found, &warning, e);

	if (rc == -ERR_NOT_FOUND && !found && ask) {
		AUTO_FREE char *prompt = mem_printf("password of the repository %s: ", r->location);

		return ask(prompt, out, e);
	}
	return rc;
}

static int no_repository(const struct repository *r, struct error *e)
{
	error_set(e, ERR_NO_REPO, "there is no repository at %s (chosen by %s)", r->location, r->chosen_by);
	return error_hint(e, "make one with: backstay init --repo '%s'", r->location);
}

/* Surely nothing there, rather than something that cannot be looked at. */
static bool is_absent(const char *place)
{
	AUTO_FREE char *config = path_join(place, "config");
	struct stat st;

	return lstat(config, &st) && (errno == ENOENT || errno == ENOTDIR);
}

/* A test aid (CONTRIBUTING.md): BACKSTAY_TEST_FAULT makes the store fail on purpose. */
static int wrap_store(struct store **store, struct error *e)
{
	const char *text = getenv("BACKSTAY_TEST_FAULT");
	struct fault_plan plan;

	if (!text || !*text)
		return 0;
	int rc = fault_plan_parse(text, &plan, e);

	if (rc)
		store_free(*store);
	else
		*store = fault_new(*store, &plan);
	return rc ? error_wrap(e, "BACKSTAY_TEST_FAULT") : 0;
}

int repository_open(struct repository *r, const struct repository_open_options *o, struct error *e)
{
	CLEANUP(secret_release) struct secret password = {0};
	struct store *store;

	if (is_absent(r->location))
		return no_repository(r, e);
	int rc = find_password(r, o->ask, &password, e);
	if (rc)
		return rc;
	rc = store_open(r->location, &store, e);
	if (!rc)
		rc = wrap_store(&store, e);
	if (rc)
		return rc;
	rc = repo_open(store, &password, &r->repo, e);
	if (rc == -ERR_NO_REPO)
		return no_repository(r, e);
	if (rc)
		return error_wrap(e, "opening the repository %s", r->location);
	if (o->access != REPOSITORY_READ_NO_LOCK)
		rc = lock_acquire_wait(r->repo, o->access == REPOSITORY_EXCLUSIVE, o->wait_seconds, &r->lock, e);
	if (!rc && !o->no_index)
		rc = repo_load_index(r->repo, o->progress, NULL, e);
	return rc;
}

/* A password given somewhere, or made up now (*made). */
static int init_password(struct repository *r, int (*ask)(const char *, struct secret *, struct error *), struct secret *out, bool *made, struct error *e)
{
	int rc = find_password(r, ask, out, e);

	*made = false;
	if (rc == 0 && out->len == 0)
		return error_set(e, ERR_USAGE, "the password is empty");
	if (rc != -ERR_NOT_FOUND)
		return rc;
	AUTO_FREE char *text = random_password();

	error_clear(e);
	secret_set(out, text, strlen(text));
	secret_wipe(text, strlen(text));
	*made = true;
	return 0;
}

int repository_init(struct repository *r, int (*ask)(const char *prompt, struct secret *out, struct error *e), struct error *e)
{
	CLEANUP(secret_release) struct secret password = {0};
	struct store *store;
	bool made;

	if (holds_repository(r->location)) {
		error_set(e, ERR_EXISTS, "a repository exists already at %s", r->location);
		return error_hint(e, "use it as it is, or choose another place with --repo");
	}
	int rc = init_password(r, ask, &password, &made, e);
	if (rc)
		return rc;
	/* Kept before the repository exists: a crash in between must not leave a repository that nobody can open. */
	if (made)
		rc = password_keep(r->location, &password, &r->password_file, e);
	if (rc)
		return rc;
	rc = store_open(r->location, &store, e);
	if (rc)
		return rc;
	rc = repo_create(store, &password, made ? &KEY_PARAMS_RANDOM : &KEY_PARAMS_HUMAN, &r->repo, e);
	if (rc)
		return rc;
	return password_recovery_sheet(r->location, r->repo->config.id, made ? &password : NULL, &r->recovery_sheet, e);
}
