#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include <sqlite3.h>
#include <sys/prctl.h>

#define TEXTS 16

char *room;
static sqlite3 *held;

/* A text out of a ring. */
static char *next_text(void)
{
	static char text[TEXTS][4096];
	static unsigned next;

	return text[next++ % TEXTS];
}

const char *at(const char *name)
{
	char *out = next_text();

	snprintf(out, 4096, "%s/%s", room, name);
	return out;
}

const char *without_room(const char *text)
{
	char *out = next_text(), *to = out;
	size_t n = strlen(room);

	for (const char *p = text; *p && to < out + 4095; to++) {
		bool here = !strncmp(p, room, n);

		*to = here ? '@' : *p;
		p += here ? n : 1;
	}
	*to = 0;
	return out;
}

static void forget_environment(void)
{
	static const char *const names[] = {
		"BACKSTAY_REPOSITORY",     "BACKUP_DIR",           "RESTIC_REPOSITORY",
		"RESTIC_REPOSITORY_FILE",  "BACKSTAY_PASSWORD",    "BACKSTAY_PASSWORD_FILE",
		"RESTIC_PASSWORD",         "RESTIC_PASSWORD_FILE", "XDG_DATA_HOME",
		"RESTIC_PASSWORD_COMMAND", "BACKSTAY_TEST_FAULT",  "XDG_STATE_HOME",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		unsetenv(names[i]);
}

int room_enter(void **state)
{
	struct error e = {0};

	assert_ok(fs_temp_dir(NULL, "backstay-job-", &room, &e));
	forget_environment();
	setenv("HOME", room, 1);
	setenv("BACKSTAY_HOME", at("state"), 1);
	setenv("TZ", "UTC", 1);
	assert_int_equal(mkdir(at("tmp"), 0700), 0);
	setenv("TMPDIR", at("tmp"), 1);
	assert_int_equal(chdir(room), 0);
	return 0;
}

int room_leave(void **state)
{
	struct error e = {0};

	db_let_go();
	if (geteuid() != getuid()) {
		assert_int_equal(seteuid(getuid()), 0);
		assert_int_equal(setegid(getgid()), 0);
	}
	time_freeze(NULL);
	assert_int_equal(chdir("/"), 0);
	unsetenv("TMPDIR");
	assert_ok(fs_remove_tree(room, &e));
	free(room);
	return 0;
}

void put_file(const char *name, const char *text)
{
	AUTO_FREE char *dir = path_dir(at(name));
	struct error e = {0};

	assert_ok(fs_make_dirs(dir, 0755, &e));
	assert_ok(fs_write_atomic(at(name), text, strlen(text), 0644, &e));
}

void assert_holds(const char *name, const char *text)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};

	assert_ok(fs_read_file(at(name), 1 << 20, &b, &e));
	assert_string_equal(buf_text(&b), text);
}

void assert_names(const char *folder, const char *joined)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	struct error e = {0};

	assert_ok(fs_list(at(folder), &names, &e));
	AUTO_FREE char *text = strlist_join(&names, " ");
	assert_string_equal(text, joined);
}

unsigned mode_of(const char *name)
{
	struct stat st;

	assert_int_equal(lstat(at(name), &st), 0);
	return st.st_mode & 07777;
}

static sqlite3 *open_db(const char *name)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(at(name), &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	assert_int_equal(sqlite3_exec(db, "PRAGMA synchronous=OFF", NULL, NULL, NULL), SQLITE_OK);
	return db;
}

static void run_sql(sqlite3 *db, const char *sql)
{
	char *why = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
}

void put_db(const char *name, const char *sql)
{
	AUTO_FREE char *dir = path_dir(at(name));
	struct error e = {0};

	assert_ok(fs_make_dirs(dir, 0755, &e));
	sqlite3 *db = open_db(name);

	run_sql(db, sql);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

const char *db_first(const char *name, const char *sql)
{
	sqlite3 *db = open_db(name);
	char *out = next_text();
	sqlite3_stmt *stmt;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	bool row = sqlite3_step(stmt) == SQLITE_ROW;

	snprintf(out, 4096, "%s", row ? (const char *)sqlite3_column_text(stmt, 0) : "");
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return out;
}

void db_hold(const char *name)
{
	held = open_db(name);
	run_sql(held, "BEGIN IMMEDIATE");
}

void db_let_go(void)
{
	sqlite3_close(held);
	held = NULL;
}

void become_nobody(void)
{
	if (geteuid() != 0)
		return;
	assert_int_equal(system("chown -R 65534:65534 ."), 0);
	assert_int_equal(setegid(65534), 0);
	assert_int_equal(seteuid(65534), 0);
	prctl(PR_SET_DUMPABLE, 1);
}

static void make_in(struct store *store, const char *name, struct repository *r)
{
	const struct key_params cheap = {2, 1, 1};
	CLEANUP(secret_release) struct secret password = {0};
	struct error e = {0};

	secret_set(&password, PASSWORD, strlen(PASSWORD));
	*r = (struct repository){.location = mem_string(at(name)), .chosen_by = mem_string("--repo")};
	r->explicit_choice = true;
	assert_ok(repo_create(store, &password, &cheap, &r->repo, &e));
	assert_ok(repo_load_index(r->repo, NULL, NULL, &e));
}

void repo_make(struct repository *r)
{
	make_in(mem_store_new(), "repository", r);
}

void repo_make_at(const char *name, struct repository *r)
{
	struct error e = {0};
	struct store *store;

	assert_ok(store_open(at(name), &store, &e));
	make_in(store, name, r);
}

void repo_lock(struct repository *r)
{
	struct error e = {0};

	assert_ok(lock_acquire(r->repo, false, &r->lock, &e));
}

size_t count_snapshots(struct repository *r)
{
	CLEANUP(snapshot_list_release) struct snapshot_list l = {0};
	struct error e = {0};

	assert_ok(snapshot_list_load(r->repo, &l, &e));
	return l.n + l.damage.n;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct store_entry *)a)->name, ((const struct store_entry *)b)->name);
}

static struct store_file stored_file(struct repository *r, enum store_kind kind, size_t n)
{
	CLEANUP(store_listing_release) struct store_listing l = {0};
	struct store_file f = {.kind = kind};
	struct error e = {0};

	assert_ok(store_list(r->repo->store, kind, store_listing_add, &l, &e));
	assert_true(n < l.n);
	qsort(l.v, l.n, sizeof *l.v, by_name);
	memcpy(f.name, l.v[n].name, sizeof f.name);
	return f;
}

void remove_stored(struct repository *r, enum store_kind kind, size_t n)
{
	struct store_file f = stored_file(r, kind, n);
	struct error e = {0};

	assert_ok(store_remove(r->repo->store, &f, &e));
}

void damage_stored(struct repository *r, enum store_kind kind, size_t n)
{
	struct store_file f = stored_file(r, kind, n);
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};

	assert_ok(store_get_all(r->repo->store, &f, 1 << 24, &b, &e));
	b.p[b.len / 2] ^= 1;
	assert_ok(store_remove(r->repo->store, &f, &e));
	assert_ok(store_put(r->repo->store, &f, &(struct iovec){b.p, b.len}, 1, &e));
}

static void parse_source(const char *name, struct source_url *out)
{
	struct error e = {0};

	assert_ok(source_url_parse(strchr(name, ':') ? name : at(name), false, NULL, out, &e));
}

int try_backup(struct repository *r, struct job_backup *j, const char *const *sources, struct job_backup_result *out,
	       struct error *e)
{
	struct source_url urls[8];

	j->sources = urls;
	for (j->source_count = 0; sources[j->source_count]; j->source_count++)
		parse_source(sources[j->source_count], &urls[j->source_count]);
	int rc = job_backup(r, j, out, e);

	for (size_t i = 0; i < j->source_count; i++)
		source_url_release(&urls[i]);
	return rc;
}

const char *back_up(struct repository *r, const char *const *sources)
{
	CLEANUP(job_backup_result_release) struct job_backup_result made = {0};
	struct job_backup j = {.level = -1, .threads = 1};
	struct error e = {0};
	char *out = next_text();

	assert_ok(try_backup(r, &j, sources, &made, &e));
	return id_hex(&made.backup.snapshot.id, out);
}

void find(struct repository *r, const char *which, struct backup *out)
{
	struct error e = {0};

	assert_ok(backup_find(r, which, out, &e));
}

static void split(const char *text, struct strlist *out)
{
	while (*text) {
		size_t n = strcspn(text, ",");

		strlist_take(out, mem_string_n(text, n));
		text += n + (text[n] == ',');
	}
}

/* The file in its folders. */
static void store_at(struct archive *a, const char *file, const char *text)
{
	const struct timespec old = {.tv_sec = 1700000000};
	struct tree_sink *sink = archive_tree(a);
	const char *slash = strchr(file, '/');
	AUTO_FREE char *name = slash ? mem_string_n(file, (size_t)(slash - file)) : mem_string(file);
	CLEANUP(node_release) struct node n = {0};
	struct error e = {0};

	node_synthetic(&n, name, slash ? NODE_DIR : NODE_FILE, old);
	if (!slash) {
		assert_ok(archive_add_file(a, &n, text, strlen(text), &e));
		return;
	}
	assert_ok(sink->enter(sink, &n, &e));
	store_at(a, slash + 1, text);
	assert_ok(sink->leave(sink, &e));
}

const char *put_snapshot(struct repository *r, const char *path, const char *tags, const char *file, const char *text)
{
	CLEANUP(snapshot_release) struct snapshot s = {.time = time_now(), .hostname = mem_string("elsewhere")};
	const struct archive_options o = {.level = -1, .threads = 1};
	struct archive *a;
	struct error e = {0};
	char *out = next_text();

	strlist_add(&s.paths, path);
	split(tags, &s.tags);
	assert_ok(archive_begin(r->repo, &o, &a, &e));
	store_at(a, file, text);
	assert_ok(archive_finish(a, &s, NULL, &e));
	return id_hex(&s.id, out);
}
