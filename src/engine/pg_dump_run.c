#include "engine/pg_dump_run.h"

#include "base/mem.h"
#include "base/proc.h"

#include <string.h>

int pg_dump_words(const char *tool, const struct buf *said, struct error *e)
{
	const char *line = strstr(buf_text(said), "error:");
	return line ? error_set(e, ERR_CHILD, "%s ended well but said: %.*s", tool, (int)strcspn(line, "\n"), line) : 0;
}

int pg_dump_run(const struct pg_place *place, PGconn *c, const struct strlist *argv, struct sink *to, struct progress *progress,
	struct buf *said, struct error *e)
{
	CLEANUP(strlist_release) struct strlist env = {0};
	struct proc p = {0};
	uint64_t size = 0;
	pg_tool_env(place, &env);
	int err = pg_tool_options(c, &env, e);
	if (err)
		return err;
	strlist_add(&env, "LC_ALL=C");
	strlist_take(&env, NULL);
	err = proc_start(&p, (const char *const *)argv->v, (const char *const *)env.v, PROC_PIPE_OUT, e);
	if (err)
		return err;
	err = proc_output(&p, to, progress, &size, e);
	if (err) {
		proc_stderr(&p, said);
		proc_stop(&p);
		return err;
	}
	err = proc_wait_said(&p, said, e);
	if (!err)
		err = pg_dump_words(argv->v[0], said, e);
	if (!err && size == 0)
		err = error_set(e, ERR_CHILD, "%s printed nothing", argv->v[0]);
	return err;
}
