/* What the tests of jobs share: a private room with a state folder and a repository in it, things to back up, and short
 * ways to do so. Everything asserts that it worked, but what is called try. Include the cmocka preamble first. */
#ifndef TESTS_UNIT_JOB_SUPPORT_H
#define TESTS_UNIT_JOB_SUPPORT_H

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "job/backup.h"
#include "job/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PASSWORD "geheim"

/* The room: HOME, TMPDIR ("tmp"), BACKSTAY_HOME ("state") and the current folder are in it; none of the other variables
 * Backstay reads is set. */
extern char *room;
int room_enter(void **state);
int room_leave(void **state);
#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, room_enter, room_leave)
/* "<room>/<name>", valid for a few calls. */
const char *at(const char *name);

void put_file(const char *name, const char *text); /* folders above it are made */
void assert_holds(const char *name, const char *text);
void assert_names(const char *folder, const char *joined); /* what is in it, with blanks between */
unsigned mode_of(const char *name);

/* Run SQL in a database, made when it is not there. */
void put_db(const char *name, const char *sql);
/* The first value of a query; valid until the next call. */
const char *db_first(const char *name, const char *sql);
/* Hold the database so that it can be read, but not written by others, until db_let_go(). */
void db_hold(const char *name);
void db_let_go(void);

/* Be nobody, who owns the room, until room_leave(); nothing when we are not root. */
void become_nobody(void);

/* A repository in memory, or in a folder of the room, whose key costs nothing; open, its index loaded, not locked. */
void repo_make(struct repository *r);
void repo_make_at(const char *name, struct repository *r);
void repo_lock(struct repository *r);
size_t count_snapshots(struct repository *r);
/* Flip a bit of the n-th file of that kind, by name; or take it away. */
void damage_stored(struct repository *r, enum store_kind kind, size_t n);
void remove_stored(struct repository *r, enum store_kind kind, size_t n);

/* Sources are names in the room, or URLs; at most 8, NULL ends them. */
int try_backup(struct repository *r, struct job_backup *j, const char *const *sources, struct job_backup_result *out,
	       struct error *e);
/* Back up and return the backup's id, valid for a few calls. */
const char *back_up(struct repository *r, const char *const *sources);
#define SOURCES(...) ((const char *const[]){__VA_ARGS__, NULL})
void find(struct repository *r, const char *which, struct backup *out);

/* What another program would have stored: a file of that path and content in folders of their own, `tags` with commas
 * between. */
const char *put_snapshot(struct repository *r, const char *path, const char *tags, const char *file, const char *text);

#define assert_ok(call)                                                                                                \
	do {                                                                                                           \
		e = (struct error){0};                                                                                 \
		if ((call) != 0)                                                                                       \
			fail_msg("%s", e.text);                                                                        \
	} while (0)
/* It fails so, with exactly this text; the room's name in it is written as @. */
#define assert_fails(call, err, message)                                                                               \
	do {                                                                                                           \
		e = (struct error){0};                                                                                 \
		assert_int_equal(call, -(int)(err));                                                                   \
		assert_string_equal(without_room(e.text), message);                                                    \
	} while (0)
/* The text with the room's name as @; valid for a few calls. */
const char *without_room(const char *text);

#endif
