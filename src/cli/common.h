/* What the commands share: the options of their tables, the repository, the one job under way. */
#ifndef CLI_COMMON_H
#define CLI_COMMON_H

#include "base/mem.h"
#include "catalog/catalog.h"
#include "cli/opt.h"
#include "cli/out.h"
#include "job/backups.h"

#define COMMON_NO_LOCK {"no-lock", 0, OPT_FLAG, NULL, "read without a lock, even where one could be written", NULL}
#define COMMON_YES {"yes", 'y', OPT_FLAG, NULL, "go on without a question", NULL}
#define COMMON_TABLE {"table", 't', OPT_LIST, "TABLE", "only this table; may be given several times", NULL}

/* Of the job under way: the first SIGINT or SIGTERM cancels it, the second ends the program. */
extern struct progress common_progress;
void common_catch_signals(void);

/* Umask, core dumps, descriptors 0 to 2: before anything else. */
void common_prepare_process(void);

/* Run a command that was parsed, configured names in its words understood. */
int common_run(struct parsed *p, struct error *e) MUST_USE;

/* Find the repository that the options, the sources (names.h), the environment or the catalog name, and say which it is. Nothing when r is located already. */
int common_locate(const struct parsed *p, struct repository *r, struct error *e) MUST_USE;
/* And open it. REPOSITORY_READ becomes REPOSITORY_READ_NO_LOCK with --no-lock, where the command has it. */
enum common_index { COMMON_INDEX, COMMON_NO_INDEX };
int common_open(const struct parsed *p, enum repository_access access, enum common_index index, struct repository *r,
		struct error *e) MUST_USE;
/* What to do about a full disk, where the error does not say it already. Returns -ERR_NO_SPACE. */
int common_hint_full(struct error *e);
/* And, when none was named and none is there, make it first (*made). */
int common_open_or_make(const struct parsed *p, struct repository *r, bool *made, struct error *e) MUST_USE;
/* Where the password and the recovery sheet of a new repository are. */
void common_say_made(const struct repository *r);
/* As one word of a command shown to people: quoted when it has to be. Heap. */
char *common_word(const char *text);
/* The source to look at: --source, else the one that latest:SOURCE names, else NULL. */
const char *common_source(const struct parsed *p, const char *which);
/* The entry at a path of a backup that was named so. */
int common_entry(const struct backup *b, const char *name, const char *path, struct tree_node *n, struct error *e) MUST_USE;
/* A document that begins with "repository". */
void common_document_begin(struct out_document *d, const struct repository *r);

/* Who sits here: "root on the command line", for changes that only a person makes. Heap. */
char *common_person(void);
/* Who does this, for jobs and the audit trail: what BACKSTAY_AUTHOR says (the daemon does, of its children), else common_person(). Heap. */
char *common_author(void);
/* The end of a change that catalog_begin() began and that went as rc says: kept with its row in the audit trail, or not at all. */
int common_audited(struct catalog *c, int rc, const char *action, const char *object, struct error *e) MUST_USE;
/* The first line of a file; "-" is standard input. */
int common_secret_from_file(const char *path, struct secret *out, struct error *e) MUST_USE;
/* Ask for a password to open with. Without a terminal what is in e already stays, as -ERR_PASSWORD. */
int common_ask_password(const char *prompt, struct secret *out, struct error *e) MUST_USE;
/* A new one: the first line of `file`, or typed twice. Never empty. */
int common_new_password(const char *file, struct secret *out, struct error *e) MUST_USE;

/* progress_bar_stop() and progress_bar_start() around a question. ctx of common_confirm(), which is what jobs call. */
struct common_asking {
	bool yes;
	const char *what;
	struct progress_bar *bar;
};
int common_confirm(void *asking, const char *question, struct error *e) MUST_USE;

#endif
