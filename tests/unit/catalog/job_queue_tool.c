/* Queue a job, as schedules and the API do, for tests of what runs it: job_queue_tool STATE_DIR [--limit SECONDS|--lock LOCK] WORD...; prints its id. */
#include "base/mem.h"
#include "catalog/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	CLEANUP(job_record_release) struct job_record j = {.author = mem_string("maria"), .attempt = 1, .attempts = 1};
	struct catalog *c = NULL;
	struct error e = {0};
	int at = 2;

	if (argc > 4 && !strcmp(argv[2], "--limit"))
		j.time_limit = strtoul(argv[3], NULL, 10);
	else if (argc > 4 && !strcmp(argv[2], "--lock"))
		strlist_add(&j.locks, argv[3]);
	at += j.time_limit || j.locks.n ? 2 : 0;
	if (argc <= at)
		return 2;
	j.kind = mem_string(argv[at]);
	j.title = mem_string(argv[at]);
	for (int i = at; i < argc; i++)
		strlist_add(&j.words, argv[i]);
	int rc = catalog_open(argv[1], &c, &e);

	if (!rc)
		rc = job_add(c, &j, &e);
	catalog_close(c);
	if (rc)
		fprintf(stderr, "%s\n", e.text);
	else
		puts(j.id);
	return rc ? 1 : 0;
}
