/* Passwords kept for repositories, and the recovery sheet. */
#include "job/password.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/timefmt.h"
#include "base/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PASSWORD_MAX ((size_t)1 << 20)

static const char *environment(const char *name)
{
	const char *v = getenv(name);

	return v && *v ? v : NULL;
}

static char *default_state_dir(void)
{
	const char *state = environment("XDG_STATE_HOME"), *home = environment("HOME");

	if (geteuid() == 0)
		return mem_string("/var/lib/backstay");
	if (state)
		return path_join(state, "backstay");
	return home ? path_join(home, ".local/state/backstay") : NULL;
}

int password_state_dir(bool make, char **out, struct error *e)
{
	const char *chosen = environment("BACKSTAY_HOME");
	AUTO_FREE char *dir = chosen ? path_absolute(chosen) : default_state_dir();

	if (!dir) {
		error_set(e, ERR_USAGE, "there is no place for Backstay's own records: HOME is not set");
		return error_hint(e, "set BACKSTAY_HOME to a folder");
	}
	if (make) {
		int rc = fs_make_dirs(dir, 0700, e);
		if (rc)
			return error_wrap(e, "making the state folder");
	}
	*out = TAKE(dir);
	return 0;
}

int password_file_for(const char *location, char **out, struct error *e)
{
	AUTO_FREE char *state = NULL;
	int rc = password_state_dir(false, &state, e);

	if (rc)
		return rc;
	CLEANUP(buf_release) struct buf name = BUF_INIT;

	for (const char *p = location; *p; p++)
		if (*p == '/' || *p == '%' || (unsigned char)*p < ' ')
			buf_printf(&name, "%%%02X", (unsigned char)*p);
		else
			buf_add_byte(&name, (unsigned char)*p);
	*out = mem_printf("%s/passwords/%s", state, buf_text(&name));
	return 0;
}

/* The first line of text is the password. */
static void set_first_line(struct secret *out, struct buf *text)
{
	size_t n = text->len;

	while (n && (text->p[n - 1] == '\n' || text->p[n - 1] == '\r'))
		n--;
	secret_set(out, text->p ? text->p : (const unsigned char *)"", n);
	if (text->p)
		secret_wipe(text->p, text->len);
}

static int from_file(const char *path, struct secret *out, char **warning, struct error *e)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	struct stat st;
	int rc = fs_read_file(path, PASSWORD_MAX, &text, e);

	if (rc)
		return error_wrap(e, "reading the password");
	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077))
		*warning = mem_printf("the password file %s can be read by others; run: chmod 600 %s", path, path);
	set_first_line(out, &text);
	return 0;
}

static int from_command(const char *command, struct secret *out, struct error *e)
{
	CLEANUP(strlist_release) struct strlist words = {0};
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	struct proc child = {0};
	int rc = words_split(command, &words, e);

	if (rc)
		return error_wrap(e, "RESTIC_PASSWORD_COMMAND is not a command");
	strlist_take(&words, NULL);
	rc = proc_start(&child, (const char *const *)words.v, NULL, PROC_PIPE_OUT, e);
	if (rc)
		return error_wrap(e, "asking RESTIC_PASSWORD_COMMAND for the password");
	char part[4096];
	ssize_t n;

	while ((n = fs_read_full(child.out, part, sizeof part)) > 0 && buf_fits(&text, (size_t)n) && text.len < PASSWORD_MAX)
		buf_add(&text, part, (size_t)n);
	secret_wipe(part, sizeof part);
	rc = proc_wait(&child, e);
	if (rc)
		return error_wrap(e, "asking RESTIC_PASSWORD_COMMAND for the password");
	set_first_line(out, &text);
	return 0;
}

/* 1 found, 0 not this way, -kind. */
static int from_environment(const char *name, const char *file_name, struct secret *out, char **found, char **warning, struct error *e)
{
	const char *v = environment(name);

	if (v) {
		secret_set(out, v, strlen(v));
		*found = mem_string(name);
		return 1;
	}
	v = environment(file_name);
	if (!v)
		return 0;
	int rc = from_file(v, out, warning, e);
	if (rc)
		return rc;
	*found = mem_printf("%s (%s)", file_name, v);
	return 1;
}

static int from_kept(const char *location, struct secret *out, char **found, char **warning, struct error *e)
{
	AUTO_FREE char *path = NULL;
	int rc = password_file_for(location, &path, e);

	if (rc)
		return rc;
	if (!fs_exists(path)) {
		*found = NULL;
		error_set(e, ERR_NOT_FOUND, "no password is known for the repository %s", location);
		return error_hint(e, "set BACKSTAY_PASSWORD or BACKSTAY_PASSWORD_FILE; the recovery sheet made with the repository has it");
	}
	rc = from_file(path, out, warning, e);
	if (!rc)
		*found = TAKE(path);
	return rc;
}

int password_find(const char *location, struct secret *out, char **found, char **warning, struct error *e)
{
	*found = *warning = NULL;
	int rc = from_environment("BACKSTAY_PASSWORD", "BACKSTAY_PASSWORD_FILE", out, found, warning, e);

	if (rc == 0)
		rc = from_environment("RESTIC_PASSWORD", "RESTIC_PASSWORD_FILE", out, found, warning, e);
	if (rc)
		return rc < 0 ? rc : 0;
	const char *command = environment("RESTIC_PASSWORD_COMMAND");

	if (command) {
		*found = mem_string("RESTIC_PASSWORD_COMMAND");
		return from_command(command, out, e);
	}
	return from_kept(location, out, found, warning, e);
}

int password_keep(const char *location, const struct secret *password, char **path, struct error *e)
{
	AUTO_FREE char *file = NULL;
	int rc = password_file_for(location, &file, e);

	if (rc)
		return rc;
	AUTO_FREE char *dir = path_dir(file);
	char newline[] = "\n";
	struct iovec v[2] = {{password->p, password->len}, {newline, 1}};

	rc = fs_make_dirs(dir, 0700, e);
	if (!rc)
		rc = fs_writev_atomic(file, v, 2, 0600, e);
	if (rc)
		return error_wrap(e, "keeping the password");
	*path = TAKE(file);
	return 0;
}

int password_recovery_sheet(const char *location, const char *repository_id, const struct secret *password, char **path, struct error *e)
{
	AUTO_FREE char *state = NULL;
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	char now[32];
	int rc = password_state_dir(true, &state, e);

	if (rc)
		return rc;
	time_to_local(time_now(), now);
	buf_printf(&text,
		   "BACKSTAY RECOVERY SHEET                                   %s\n\n"
		   "Keep this apart from the machine: on paper, or in a password manager.\n"
		   "Without the password nobody can read the backups, and nobody can help.\n\n"
		   "Repository   %s\n"
		   "Id           %s\n"
		   "Password     ",
		   now, location, repository_id);
	if (password)
		buf_add(&text, password->p, password->len);
	else
		buf_add_str(&text, "______________________________ (the one you chose)");
	buf_printf(&text,
		   "\n\nTo restore without Backstay, on any machine with restic (https://restic.net):\n\n"
		   "  export RESTIC_REPOSITORY='%s'\n"
		   "  restic snapshots                           lists the backups\n"
		   "  restic restore latest --target /tmp/back   brings back the newest one, every file of it\n"
		   "  restic dump latest /app.db > app.db        brings back one file\n\n"
		   "A database file that comes back so is complete: open it with sqlite3.\n"
		   "Each backup also holds /.backstay/manifest.json, which says what is in it.\n",
		   location);
	AUTO_FREE char *file = mem_printf("%s/recovery-%.8s.txt", state, repository_id);

	rc = fs_write_atomic(file, text.p, text.len, 0600, e);
	secret_wipe(text.p, text.len);
	if (rc)
		return error_wrap(e, "writing the recovery sheet");
	*path = TAKE(file);
	return 0;
}
