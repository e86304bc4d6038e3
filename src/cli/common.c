/* What the commands share. */
#include "cli/common.h"

#include "base/fs.h"
#include "base/timefmt.h"
#include "base/words.h"
#include "catalog/audit.h"
#include "cli/names.h"
#include "cli/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define PASSWORD_MAX ((size_t)64 << 10)

struct progress common_progress;

/* ---- the process ---- */

/* Somebody else may have cancelled the work before: only a second signal is one. */
static void cancel(int signal)
{
	static atomic_bool before;

	atomic_store(&common_progress.cancel, true);
	if (atomic_exchange(&before, true))
		_exit(130);
}

void common_catch_signals(void)
{
	struct sigaction a = {.sa_handler = cancel, .sa_flags = SA_RESTART};

	sigemptyset(&a.sa_mask);
	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
	a.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &a, NULL);
}

/* For tests: a clock so many seconds ahead of the machine's. */
static void shift_clock(void)
{
	const char *offset = getenv("BACKSTAY_TEST_NOW_OFFSET");

	if (offset && *offset)
		time_shift(strtoll(offset, NULL, 10));
}

void common_prepare_process(void)
{
	int fd;

	shift_clock();

	/* A file opened later must not land on a closed standard descriptor. */
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
	umask(077);
	/* Keys and passwords are in memory. */
	setrlimit(RLIMIT_CORE, &(struct rlimit){0});
	prctl(PR_SET_DUMPABLE, 0);
}

char *common_person(void)
{
	const struct passwd *user = getpwuid(geteuid());

	return user ? mem_printf("%s on the command line", user->pw_name) : mem_printf("user %u on the command line", (unsigned)geteuid());
}

char *common_author(void)
{
	const char *given = getenv("BACKSTAY_AUTHOR");

	return given && *given ? mem_string(given) : common_person();
}

int common_audited(struct catalog *c, int rc, const char *action, const char *object, struct error *e)
{
	AUTO_FREE char *who = common_author();

	if (!rc)
		rc = audit_add(c, who, NULL, action, object, e, NULL);
	return catalog_end(c, rc, e);
}

/* ---- passwords ---- */

int common_ask_password(const char *prompt, struct secret *out, struct error *e)
{
	if (terminal_present())
		return terminal_secret(prompt, out, e);
	if (e->kind == ERR_NONE)
		return error_set(e, ERR_PASSWORD, "no password is known, and there is no terminal to ask on");
	e->kind = ERR_PASSWORD;
	return -ERR_PASSWORD;
}

int common_secret_from_file(const char *path, struct secret *out, struct error *e)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;

	if (!strcmp(path, "-"))
		return terminal_line(STDIN_FILENO, out, e);
	int rc = fs_read_file(path, PASSWORD_MAX, &text, e);

	if (!rc)
		secret_set(out, buf_text(&text), strcspn(buf_text(&text), "\r\n"));
	secret_wipe(text.p, text.cap);
	return rc;
}

static int typed_twice(struct secret *out, struct error *e)
{
	CLEANUP(secret_release) struct secret again = {0};

	if (!terminal_present()) {
		error_set(e, ERR_USAGE, "there is no terminal to ask for the new password on");
		return error_hint(e, "give --new-password-file FILE");
	}
	int rc = terminal_secret("new password: ", out, e);

	if (!rc)
		rc = terminal_secret("once more: ", &again, e);
	if (!rc && (out->len != again.len || !secret_equal(out->p, again.p, out->len)))
		rc = error_set(e, ERR_USAGE, "the two passwords differ; nothing was changed");
	return rc;
}

int common_new_password(const char *file, struct secret *out, struct error *e)
{
	int rc = file ? common_secret_from_file(file, out, e) : typed_twice(out, e);

	if (rc && file)
		error_wrap(e, "reading the new password");
	if (!rc && out->len == 0)
		rc = error_set(e, ERR_USAGE, "the new password is empty; nothing was changed");
	return rc;
}

int common_run(struct parsed *p, struct error *e)
{
	int rc = p->command->about_backups ? names_in_words(p, e) : 0;

	return rc ? rc : p->command->run(p, e);
}

/* ---- the repository ---- */

char *common_word(const char *text)
{
	const char *plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%+=,-";

	return *text && strspn(text, plain) == strlen(text) ? mem_string(text) : words_quote(text);
}

const char *common_source(const struct parsed *p, const char *which)
{
	const char *named = opt_text(p, "source");

	return named ? named : backup_which_source(which);
}

int common_entry(const struct backup *b, const char *name, const char *path, struct tree_node *n, struct error *e)
{
	AUTO_FREE char *word = common_word(name);
	int rc = backup_entry(b, path, n, e);

	if (rc)
		error_wrap(e, "backup %s", name);
	return rc == -ERR_NOT_FOUND && !*e->hint ? error_hint_typed(e, "", "backstay ls %s", word) : rc;
}

/* At a configured place. One that is not there any more (a disk that is not mounted) must not be made anew. */
static int locate_configured(const struct place_record *place, const char *why, struct repository *r, struct error *e)
{
	int rc = repository_locate(place->location, r, e);

	if (rc)
		return error_wrap(e, "the repository %s", place->name);
	free(r->chosen_by);
	r->chosen_by = mem_printf("%s: %s", why, place->name);
	return 0;
}

static int locate(const struct parsed *p, struct place_record *place, struct repository *r, struct error *e)
{
	const char *repo = opt_text(p, "repo"), *why;

	if (names_place(repo, false, place, &why))
		return locate_configured(place, why, r, e);
	int rc = repository_locate(repo, r, e);

	if (rc || r->explicit_choice || !names_place(NULL, true, place, &why))
		return rc;
	repository_release(r);
	return locate_configured(place, why, r, e);
}

/* What the catalog knows of it, however it was chosen. */
static void take_known(struct place_record *place, struct repository *r)
{
	struct error ignored = {0};

	r->source_url = names_url;
	if (!place->name && (!names_catalog() || place_find_location(names_catalog(), r->location, place, &ignored)))
		return;
	r->name = mem_string(place->name);
	if (place->password.len)
		secret_set(&r->password, place->password.p, place->password.len);
}

int common_locate(const struct parsed *p, struct repository *r, struct error *e)
{
	CLEANUP(place_record_release) struct place_record place = {0};
	int rc = r->location ? 0 : locate(p, &place, r, e);

	if (rc || r->source_url)
		return rc;
	take_known(&place, r);
	out_say(r->explicit_choice ? "repository %s (chosen by %s)" : "repository %s (%s)", r->location, r->chosen_by);
	return 0;
}

/* About the password file. */
static void warn_once(struct repository *r)
{
	if (r->warning)
		out_warn("%s", r->warning);
	free(r->warning);
	r->warning = NULL;
}

int common_hint_full(struct error *e)
{
	return *e->hint ? -(int)e->kind
			: error_hint_typed(e, "make a little room on the repository's disk, then give back what no backup needs",
					   ": backstay forget --keep-last N --prune");
}

static int open_located(const struct parsed *p, enum repository_access access, enum common_index index, struct repository *r,
			struct error *e)
{
	const struct repository_open_options o = {
		.access = access,
		.no_index = index == COMMON_NO_INDEX,
		.wait_seconds = (double)opt_get(p, "wait")->number,
		.ask = common_ask_password,
		.progress = &common_progress,
	};
	int rc = repository_open(r, &o, e);

	warn_once(r);
	if (!rc && r->unlocked)
		out_warn("the repository cannot be written (%s): it is read without a lock, which fails where another program removes what is read",
			 r->unlocked);
	if (rc == -ERR_LOCKED && !*e->hint && !o.wait_seconds)
		return error_hint_typed(e, "wait for it", ": --wait 10m");
	return rc == -ERR_NO_SPACE ? common_hint_full(e) : rc;
}

static bool has_option(const struct command *c, const char *name)
{
	for (const struct opt *o = c->options; o && o->name; o++)
		if (!strcmp(o->name, name))
			return true;
	return false;
}

int common_open(const struct parsed *p, enum repository_access access, enum common_index index, struct repository *r,
		struct error *e)
{
	int rc = common_locate(p, r, e);

	if (rc)
		return rc;
	if (access == REPOSITORY_READ && has_option(p->command, "no-lock") && opt_flag(p, "no-lock"))
		access = REPOSITORY_READ_NO_LOCK;
	return open_located(p, access, index, r, e);
}

void common_say_made(const struct repository *r)
{
	if (r->password_file)
		out_say("its password is kept in %s", r->password_file);
	out_say("recovery sheet: %s\n"
		"keep it apart from this machine: without the password nobody can read the backups",
		r->recovery_sheet);
}

/* Another first backup may have made the repository meanwhile; else the error stays what it is. */
static int open_after_all(const struct parsed *p, struct repository *r, struct error *e)
{
	struct error ignored = {0};

	if (open_located(p, REPOSITORY_WRITE, COMMON_INDEX, r, &ignored))
		return -ERR_EXISTS;
	error_clear(e);
	return 0;
}

int common_open_or_make(const struct parsed *p, struct repository *r, bool *made, struct error *e)
{
	int rc = common_locate(p, r, e);

	*made = false;
	if (rc)
		return rc;
	rc = open_located(p, REPOSITORY_WRITE, COMMON_INDEX, r, e);
	if (rc != -ERR_NO_REPO || r->explicit_choice)
		return rc;
	error_clear(e);
	rc = repository_init(r, NULL, e);
	if (rc == -ERR_EXISTS)
		return open_after_all(p, r, e);
	if (rc)
		return rc;
	*made = true;
	out_say("made a new repository at %s", r->location);
	common_say_made(r);
	/* Opened again, which takes the lock and loads the index. */
	repo_free(r->repo);
	r->repo = NULL;
	return open_located(p, REPOSITORY_WRITE, COMMON_INDEX, r, e);
}

void common_document_begin(struct out_document *d, const struct repository *r)
{
	out_document_begin(d);
	jw_kv_string(&d->w, "repository", r->location);
}

int common_confirm(void *asking, const char *question, struct error *e)
{
	struct common_asking *a = asking;

	progress_bar_stop(a->bar);
	a->bar = NULL;
	int rc = out_confirm(a->yes, question, e);

	if (!rc)
		a->bar = progress_bar_start(&common_progress, a->what);
	return rc;
}
