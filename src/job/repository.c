/* Which repository, with which password. */
#include "job/repository.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/words.h"
#include "job/password.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

void repository_release(struct repository *r)
{
	lock_release(r->lock);
	repo_free(r->repo);
	free(r->location);
	free(r->chosen_by);
	free(r->warning);
	free(r->unlocked);
	free(r->name);
	secret_release(&r->password);
	free(r->password_file);
	free(r->recovery_sheet);
	*r = (struct repository){0};
}

char *repository_source_url(const struct repository *r, const char *shown)
{
	char *given = r->source_url ? r->source_url(shown) : NULL;

	return given ? given : mem_string(shown);
}

/* What names a kind of store there is not, like "s3:bucket/x", must not become the name of a folder. */
static int check_store(const char *location, struct error *e)
{
	struct store *store = NULL;
	int rc = store_open(location, &store, e);

	store_free(store);
	return rc;
}

static int choose(struct repository *out, const char *location, const char *by, bool explicit_choice, struct error *e)
{
	bool marked = !strncmp(location, "local:", 6);
	int rc = check_store(location, e);

	if (rc)
		return error_wrap(e, "%s", by);
	out->location = path_absolute(marked ? location + 6 : location);
	out->chosen_by = mem_string(by);
	out->explicit_choice = explicit_choice;
	return 0;
}

/* 1 chosen, 0 not set, -kind. */
static int chosen_by_environment(struct repository *out, struct error *e)
{
	static const char *const names[] = {"BACKSTAY_REPOSITORY", "BACKUP_DIR", "RESTIC_REPOSITORY"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *v = getenv(names[i]);

		if (v && *v) {
			int rc = choose(out, v, names[i], true, e);

			return rc ? rc : 1;
		}
	}
	return 0;
}

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
	rc = choose(out, buf_text(&text), "RESTIC_REPOSITORY_FILE", true, e);
	return rc ? rc : 1;
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

void repository_usual(struct strlist *out)
{
	CLEANUP(strlist_release) struct strlist places = {0};

	usual_places(&places);
	for (size_t i = 0; i < places.n; i++)
		if (holds_repository(places.v[i]))
			strlist_add(out, places.v[i]);
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
		if (holds_repository(places.v[i]))
			return choose(out, places.v[i], "the first place that holds a repository", false, e);
	for (size_t i = 0; i < places.n; i++)
		if (could_be_made(places.v[i]))
			return choose(out, places.v[i], "the first writable place", false, e);
	AUTO_FREE char *all = strlist_join(&places, ", ");

	error_set(e, ERR_ACCESS, "none of the usual places for a repository can be written: %s", all);
	return error_hint_typed(e, "name one", " with --repo or BACKSTAY_REPOSITORY");
}

int repository_locate(const char *option, struct repository *out, struct error *e)
{
	*out = (struct repository){0};
	if (option)
		return choose(out, option, "--repo", true, e);
	int rc = chosen_by_environment(out, e);

	if (rc == 0)
		rc = chosen_by_file(out, e);
	if (rc)
		return rc < 0 ? rc : 0;
	return choose_usual_place(out, e);
}

static int no_password(const struct repository *r, struct error *e)
{
	error_set(e, ERR_PASSWORD, "no password is known for the repository %s", r->location);
	return error_hint(
		e, "set BACKSTAY_PASSWORD or BACKSTAY_PASSWORD_FILE; the recovery sheet made with the repository has "
		   "it");
}

/* *found (heap) says where it came from; 0 with NULL: it is not known, and nobody could be asked. */
static int find_password(struct repository *r, repository_ask_fn ask, struct secret *out, char **found, struct error *e)
{
	if (r->password.len) {
		secret_set(out, r->password.p, r->password.len);
		*found = mem_printf("the configured repository %s", r->name);
		return 0;
	}
	int rc = password_find(r->location, out, found, &r->warning, e);

	if (rc || *found || !ask)
		return rc;
	AUTO_FREE char *prompt = mem_printf("password of the repository %s: ", r->location);

	no_password(r, e);
	rc = ask(prompt, out, e);
	if (rc)
		return rc;
	error_clear(e);
	*found = mem_string("the terminal");
	return 0;
}

static int no_repository(const struct repository *r, struct error *e)
{
	AUTO_FREE char *quoted = words_quote(r->location);

	error_set(e, ERR_NO_REPO, "there is no repository at %s (%s%s)", r->location,
		  r->explicit_choice ? "chosen by " : "", r->chosen_by);
	return error_hint_typed(e, "make one", " with: backstay init --repo %s", quoted);
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

static int open_store(const struct repository *r, struct store **out, struct error *e)
{
	int rc = store_open(r->location, out, e);

	return rc ? rc : wrap_store(out, e);
}

static int open_repo(struct repository *r, repository_ask_fn ask, struct error *e)
{
	CLEANUP(secret_release) struct secret password = {0};
	AUTO_FREE char *found = NULL;
	struct store *store;
	int rc = find_password(r, ask, &password, &found, e);

	if (!rc && !found)
		rc = no_password(r, e);
	if (!rc)
		rc = open_store(r, &store, e);
	if (rc)
		return rc;
	rc = repo_open(store, &password, &r->repo, e);
	if (rc == -ERR_NO_REPO)
		return no_repository(r, e);
	if (rc == -ERR_PASSWORD)
		return error_hint(e, "the password was that of %s", found);
	return rc;
}

int repository_can_write(const struct repository *r, struct error *e)
{
	return r->unlocked ? error_set(e, r->unlocked_kind, "the repository cannot be written: %s", r->unlocked) : 0;
}

/* Backups must be readable and restorable from a disk that is full or read-only. Who then removes what is read makes us
 * fail, but never read something wrong: all is named by its hash. */
static int take_lock(struct repository *r, const struct repository_open_options *o, struct error *e)
{
	bool reads = o->access == REPOSITORY_READ || o->access == REPOSITORY_RESTORE;
	int rc = lock_acquire_wait(r->repo, o->access == REPOSITORY_EXCLUSIVE, o->wait_seconds, o->progress, &r->lock, e);

	if (rc != -ERR_ACCESS && rc != -ERR_NO_SPACE)
		return rc;
	r->unlocked = mem_string(e->sys ? strerror(e->sys) : e->text);
	r->unlocked_kind = e->kind;
	if (!reads)
		return repository_can_write(r, e);
	error_clear(e);
	return 0;
}

int repository_open(struct repository *r, const struct repository_open_options *o, struct error *e)
{
	if (is_absent(r->location))
		return no_repository(r, e);
	int rc = open_repo(r, o->ask, e);

	if (!rc && o->access != REPOSITORY_READ_NO_LOCK)
		rc = take_lock(r, o, e);
	if (!rc && !o->no_index)
		rc = repo_load_index(r->repo, o->progress, NULL, e);
	return rc;
}

/* ---- making one ---- */

/* Two that make a repository at the same time (the first backups of two cron lines) must not make two keys. Held until
 * the descriptor is closed. */
static int take_turn(int *fd, struct error *e)
{
	AUTO_FREE char *state = NULL;
	int rc = password_state_dir(true, &state, e);

	if (rc)
		return rc;
	AUTO_FREE char *path = path_join(state, "init.lock");

	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return *fd < 0 || flock(*fd, LOCK_EX) ? error_sys(e, errno, "%s", path) : 0;
}

struct making {
	struct repository *repository;
	struct secret password;
	bool made_up; /* now */
	bool kept;    /* in the file for this location */
};

static void making_release(struct making *m)
{
	secret_release(&m->password);
}

/* Kept before the repository exists: a crash in between must not leave a repository that nobody can open. */
static int make_up_password(struct making *m, struct error *e)
{
	AUTO_FREE char *text = random_password();

	secret_set(&m->password, text, strlen(text));
	secret_wipe(text, strlen(text));
	m->made_up = m->kept = true;
	return password_keep(m->repository->location, &m->password, &m->repository->password_file, e);
}

/* A password given somewhere, or kept by a creation that was cut off, or made up now. */
static int choose_password(struct making *m, repository_ask_fn ask, struct error *e)
{
	struct repository *r = m->repository;
	AUTO_FREE char *found = NULL;
	AUTO_FREE char *kept = NULL;
	int rc = find_password(r, ask, &m->password, &found, e);

	if (rc)
		return rc;
	if (!found)
		return make_up_password(m, e);
	if (m->password.len == 0)
		return error_set(e, ERR_USAGE, "the password is empty (%s)", found);
	rc = password_file_for(r->location, &kept, e);
	m->kept = !rc && !strcmp(found, kept);
	if (m->kept)
		r->password_file = TAKE(kept);
	return rc;
}

static int create(struct making *m, struct error *e)
{
	struct repository *r = m->repository;
	struct store *store;
	int rc = open_store(r, &store, e);

	if (rc)
		return rc;
	rc = repo_create(store, &m->password, m->made_up ? &KEY_PARAMS_RANDOM : &KEY_PARAMS_HUMAN, &r->repo, e);
	/* What is there has another password, in whose place the one made up must not be found. */
	if (rc == -ERR_EXISTS && m->made_up)
		unlink(r->password_file);
	return rc;
}

static int already_there(const struct repository *r, struct error *e)
{
	error_set(e, ERR_EXISTS, "a repository exists already at %s", r->location);
	return error_hint_typed(e, "use it as it is, or choose another place", " with --repo");
}

int repository_init(struct repository *r, repository_ask_fn ask, struct error *e)
{
	CLEANUP(making_release) struct making m = {.repository = r};
	CLEANUP(fs_close) int turn = -1;
	int rc = take_turn(&turn, e);

	if (!rc && holds_repository(r->location))
		rc = already_there(r, e);
	if (!rc)
		rc = choose_password(&m, ask, e);
	if (!rc)
		rc = create(&m, e);
	if (rc)
		return rc;
	rc = password_recovery_sheet(r->location, r->repo->config.id, m.kept ? &m.password : NULL, &r->recovery_sheet,
				     e);
	return rc ? error_wrap(e, "the repository was made, but not its recovery sheet") : 0;
}
