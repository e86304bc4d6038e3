/* The log lines of jobs. */
#include "base/mem.h"
#include "catalog/db.h"
#include "catalog/job.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The first lines stay, and as many of the last. */
#define FIRST (JOB_LOG_MAX / 2)
#define LAST (JOB_LOG_MAX - FIRST)

void job_lines_release(struct job_lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].text);
	free(l->v);
	*l = (struct job_lines){0};
}

/* At most JOB_LINE_MAX bytes of it, whole characters. */
static char *cut(const char *text)
{
	size_t len = strnlen(text, JOB_LINE_MAX + 1);
	if (len <= JOB_LINE_MAX)
		return mem_string(text);
	for (len = JOB_LINE_MAX - 3; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80; len--)
		;
	return mem_printf("%.*s...", (int)len, text);
}

int job_log(struct catalog *c, const char *id, int level, const char *text, struct error *e)
{
	AUTO_FREE char *line = cut(text);
	int64_t n = 0;
	int rc = db_number_lightly(c, &n, e,
		"INSERT INTO job_line (job, n, time, level, text) SELECT job.n, (SELECT coalesce(max(job_line.n), 0) + 1 FROM job_line WHERE job_line.job = job.n), "
		"?2, ?3, ?4 FROM job WHERE id = ?1 RETURNING n", "stis", id, time_now(), (int64_t)level, line);
	if (!rc && n > JOB_LOG_MAX)
		rc = db_run_lightly(c, e, "DELETE FROM job_line WHERE job = (SELECT n FROM job WHERE id = ?1) AND n = ?2", "si", id, n - LAST);
	return rc;
}

static struct job_line *add(struct job_lines *l, uint64_t n, struct timespec time, int level, char *text)
{
	GROW(l->v, l->n, l->cap);
	struct job_line *line = &l->v[l->n++];
	*line = (struct job_line){.n = n, .time = time, .level = level, .text = text};
	return line;
}

int job_log_read(struct catalog *c, const char *id, uint64_t after, struct job_lines *out, struct error *e)
{
	struct db_row q = {0};
	uint64_t before = after;
	int rc = db_query(c, &q, e, "SELECT n, time, level, text FROM job_line WHERE job = (SELECT n FROM job WHERE id = ?1) AND n > ?2 ORDER BY n", "su", id, after);
	while (!rc && db_next(&q, &rc, e)) {
		uint64_t n = db_u64(&q, 0);
		if (n > before + 1)
			add(out, n - 1, db_time(&q, 1), 5, mem_printf("%" PRIu64 " lines are left out here", n - 1 - before));
		add(out, n, db_time(&q, 1), (int)db_i64(&q, 2), db_dup(&q, 3));
		before = n;
	}
	db_done(&q);
	if (rc)
		job_lines_release(out);
	return rc;
}
