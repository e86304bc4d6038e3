#include "catalog/job_care.h"

#include "catalog/db.h"

int job_unfollowed(struct catalog *c, size_t most, struct strlist *ids, struct error *e)
{
	struct db_row q = {0};
	int rc = db_query(c, &q, e, "SELECT id FROM job WHERE followed = 0 AND ended IS NOT NULL ORDER BY n LIMIT ?1", "u", (uint64_t)most);

	while (!rc && db_next(&q, &rc, e))
		strlist_add(ids, db_text(&q, 0));
	db_done(&q);
	return rc;
}

int job_set_followed(struct catalog *c, const char *id, struct error *e)
{
	return db_run(c, e, "UPDATE job SET followed = 1 WHERE id = ?1", "s", id);
}

int job_forget_old(struct catalog *c, struct timespec before, uint64_t most, uint64_t *removed, struct error *e)
{
	int rc = db_run(c, e, "DELETE FROM job WHERE n IN (SELECT n FROM job WHERE ended < ?1 AND followed = 1 ORDER BY n LIMIT ?2)", "tu", before, most);

	*removed = rc ? 0 : (uint64_t)db_changed(c);
	return rc;
}
