/* What a restore over data in use brings with it. */
#include "base/mem.h"
#include "base/proc.h"
#include "base/words.h"
#include "catalog/audit.h"
#include "catalog/setting.h"
#include "job/access.h"
#include "job/password.h"

#include <stdlib.h>
#include <string.h>

/* Nobody's own catalog: who restores without one has nobody logged in. */
static int open_catalog(struct catalog **out, struct error *e)
{
	AUTO_FREE char *dir = NULL;
	int rc = password_state_dir(false, &dir, e);

	*out = NULL;
	return rc || !catalog_exists(dir) ? rc : catalog_open(dir, out, e);
}

static int end_sessions(struct catalog *c, const char *who, struct error *e)
{
	uint64_t ended;
	int rc = catalog_begin(c, e);

	if (rc)
		return rc;
	rc = user_end_all(c, &ended, e);
	if (!rc)
		rc = audit_add(c, who, NULL, "sessions-end", NULL, e, "%llu, after a restore over data in use", (unsigned long long)ended);
	return catalog_end(c, rc, e);
}

static int drop(struct sink *s, const void *p, size_t n, struct error *e)
{
	return 0;
}

static int run_command(const char *command, struct progress *progress, struct error *e)
{
	struct sink nowhere = {drop};
	uint64_t ignored;
	CLEANUP(strlist_release) struct strlist words = {0};
	CLEANUP(proc_stop) struct proc p = {0};
	int rc = words_split(command, &words, e);

	if (rc)
		return rc;
	strlist_take(&words, NULL);
	rc = proc_start(&p, (const char *const *)words.v, NULL, PROC_PIPE_OUT, e);
	if (!rc)
		rc = proc_output(&p, &nowhere, progress, &ignored, e);
	return rc ? rc : proc_wait(&p, e);
}

static void warn(struct strlist *warnings, const char *what, const struct error *e)
{
	strlist_addf(warnings, "%s: %s", what, e->text);
}

void access_after_restore(const char *who, struct progress *p, struct strlist *warnings)
{
	AUTO_FREE char *command = NULL;
	struct error e = {0};
	struct catalog *c;

	if (open_catalog(&c, &e)) {
		warn(warnings, "ending the sessions", &e);
		c = NULL;
	}
	if (c && end_sessions(c, who, &e))
		warn(warnings, "ending the sessions", &e);
	if (setting_text(c, "restore_command", &command, NULL, &e) || (*command && run_command(command, p, &e)))
		warn(warnings, "running restore_command", &e);
	catalog_close(c);
}
