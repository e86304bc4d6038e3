/* Passwords kept for repositories, and the recovery sheet. */
#include "job/password.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/timefmt.h"
#include "base/words.h"
#include "repo/id.h"

#include <ctype.h>
#include <limits.h>
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

/* A name for a file, with which the location can be told again. */
static char *kept_name(const char *location)
{
	CLEANUP(buf_release) struct buf name = BUF_INIT;
	char hex[ID_HEX_LEN + 1];
	struct id id;

	for (const char *p = location; *p; p++)
		if (*p == '/' || *p == '%' || (unsigned char)*p < ' ')
			buf_printf(&name, "%%%02X", (unsigned char)*p);
		else
			buf_add_byte(&name, (unsigned char)*p);
	if (name.len <= NAME_MAX)
		return buf_take_text(&name);
	id_hash(&id, location, strlen(location));
	return mem_string(id_hex(&id, hex));
}

int password_file_for(const char *location, char **out, struct error *e)
{
	AUTO_FREE char *state = NULL;
	AUTO_FREE char *name = kept_name(location);
	int rc = password_state_dir(false, &state, e);

	if (!rc)
		*out = mem_printf("%s/passwords/%s", state, name);
	return rc;
}

/* Which part of a text is the password. */
enum reading { FIRST_LINE, AS_RESTIC };

static void take_password(struct secret *out, struct buf *text, enum reading how)
{
	const char *p = buf_text(text), *end = p + text->len;

	if (how == FIRST_LINE)
		end = p + strcspn(p, "\r\n");
	while (how == AS_RESTIC && p < end && isspace((unsigned char)*p))
		p++;
	while (how == AS_RESTIC && p < end && isspace((unsigned char)end[-1]))
		end--;
	secret_set(out, p, (size_t)(end - p));
}

static void wipe(struct buf *text)
{
	if (text->p)
		secret_wipe(text->p, text->cap);
	buf_release(text);
}

static int from_file(const char *path, enum reading how, struct secret *out, char **warning, struct error *e)
{
	CLEANUP(wipe) struct buf text = BUF_INIT;
	struct stat st;
	int rc = fs_read_file(path, PASSWORD_MAX, &text, e);

	if (rc)
		return error_wrap(e, "reading the password");
	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077)) {
		AUTO_FREE char *quoted = words_quote(path);

		*warning = mem_printf("the password file %s can be read by others; run: chmod 600 %s", path, quoted);
	}
	take_password(out, &text, how);
	return 0;
}

static void read_all(int fd, struct buf *out)
{
	char part[4096];
	ssize_t n;

	while (out->len < PASSWORD_MAX && (n = fs_read_full(fd, part, sizeof part)) > 0)
		buf_add(out, part, (size_t)n);
	secret_wipe(part, sizeof part);
}

static int from_command(const char *command, struct secret *out, struct error *e)
{
	CLEANUP(strlist_release) struct strlist words = {0};
	CLEANUP(wipe) struct buf text = BUF_INIT;
	struct proc child = {0};
	int rc = words_split(command, &words, e);

	if (rc)
		return error_wrap(e, "RESTIC_PASSWORD_COMMAND is not a command");
	strlist_take(&words, NULL);
	rc = proc_start(&child, (const char *const *)words.v, NULL, PROC_PIPE_OUT, e);
	if (!rc) {
		read_all(child.out, &text);
		rc = proc_wait(&child, e);
	}
	if (rc)
		return error_wrap(e, "asking RESTIC_PASSWORD_COMMAND for the password");
	take_password(out, &text, AS_RESTIC);
	return 0;
}

/* 1 found, 0 not this way, -kind. */
static int from_environment(const char *name, const char *file_name, enum reading how, struct secret *out, char **found,
			    char **warning, struct error *e)
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
	*found = mem_printf("%s (%s)", file_name, v);
	int rc = from_file(v, how, out, warning, e);

	return rc ? rc : 1;
}

static int from_kept(const char *location, struct secret *out, char **found, char **warning, struct error *e)
{
	AUTO_FREE char *path = NULL;
	int rc = password_file_for(location, &path, e);

	if (rc || !fs_exists(path))
		return rc;
	*found = TAKE(path);
	return from_file(*found, FIRST_LINE, out, warning, e);
}

int password_find(const char *location, struct secret *out, char **found, char **warning, struct error *e)
{
	const char *command = environment("RESTIC_PASSWORD_COMMAND");

	*found = *warning = NULL;
	int rc = from_environment("BACKSTAY_PASSWORD", "BACKSTAY_PASSWORD_FILE", FIRST_LINE, out, found, warning, e);

	if (rc == 0)
		rc = from_environment("RESTIC_PASSWORD", "RESTIC_PASSWORD_FILE", AS_RESTIC, out, found, warning, e);
	if (rc)
		return rc < 0 ? rc : 0;
	if (!command)
		return from_kept(location, out, found, warning, e);
	*found = mem_string("RESTIC_PASSWORD_COMMAND");
	return from_command(command, out, e);
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

static void add_password(struct buf *text, const struct secret *password)
{
	if (password)
		buf_add(text, password->p, password->len);
	else
		buf_add_str(text, "______________________________ (the one you chose)");
}

/* Each command stands on a line of its own, to be copied as it is. */
static void write_sheet(struct buf *text, const char *location, const char *repository_id,
			const struct secret *password)
{
	AUTO_FREE char *quoted = words_quote(location);
	char now[32];

	time_to_local(time_now(), now);
	buf_printf(text,
		   "BACKSTAY RECOVERY SHEET                                   %s\n\n"
		   "Keep this apart from the machine: on paper, or in a password manager.\n"
		   "Without the password nobody can read the backups, and nobody can help.\n\n"
		   "Repository   %s\n"
		   "Id           %s\n"
		   "Password     ",
		   now, location, repository_id);
	add_password(text, password);
	buf_printf(text,
		   "\n\nTo restore without Backstay, on any machine with restic (https://restic.net),\n"
		   "which asks for the password:\n\n"
		   "  # where the backups are\n"
		   "  export RESTIC_REPOSITORY=%s\n"
		   "  # which there are\n"
		   "  restic snapshots\n"
		   "  # the newest one, every file of it (or an ID of the list instead of latest)\n"
		   "  restic restore latest --target /tmp/back\n"
		   "  # the names in it, and one file of them\n"
		   "  restic ls latest\n"
		   "  restic dump latest /app.db > app.db\n\n"
		   "A database file that comes back so is complete: open it with sqlite3.\n"
		   "The dump of a database on a server goes into an empty database:\n\n"
		   "  # PostgreSQL\n"
		   "  restic dump latest /shop/database.dump > shop.dump\n"
		   "  pg_restore --exit-on-error --dbname shop_back shop.dump\n"
		   "  # MySQL, MariaDB\n"
		   "  restic dump latest /shop/database.sql > shop.sql\n"
		   "  mariadb shop_back < shop.sql\n\n"
		   "Each backup also holds /.backstay/manifest.json, which says what is in it.\n",
		   quoted);
}

int password_recovery_file(const char *repository_id, char **path, struct error *e)
{
	AUTO_FREE char *state = NULL;
	int rc = password_state_dir(true, &state, e);

	if (!rc)
		*path = mem_printf("%s/recovery-%.8s.txt", state, repository_id);
	return rc;
}

int password_recovery_sheet(const char *location, const char *repository_id, const struct secret *password, char **path,
			    struct error *e)
{
	AUTO_FREE char *file = NULL;
	CLEANUP(wipe) struct buf text = BUF_INIT;
	int rc = password_recovery_file(repository_id, &file, e);

	if (rc)
		return rc;
	write_sheet(&text, location, repository_id, password);
	rc = fs_write_atomic(file, text.p, text.len, 0600, e);
	if (rc)
		return error_wrap(e, "writing the recovery sheet");
	*path = TAKE(file);
	return 0;
}
