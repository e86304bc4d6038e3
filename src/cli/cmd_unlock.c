#include "base/timefmt.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/present.h"

#include <stdlib.h>

static const struct opt options[] = {
	{"remove-all", 0, OPT_FLAG, NULL, "remove every lock: only when surely nothing is running", NULL},
	COMMON_YES,
	{0},
};

struct locks {
	struct lock_info *v;
	size_t n;
};

static void locks_release(struct locks *l)
{
	lock_list_free(l->v, l->n);
}

static void print_result(size_t removed, const struct locks *left)
{
	out_print("%zu lock%s removed\n", removed, removed == 1 ? "" : "s");
	for (size_t i = 0; i < left->n; i++) {
		const struct lock_info *l = &left->v[i];
		AUTO_FREE char *age = present_age(l->time);

		out_print("still locked %sby process %lld of %s on %s, %s\n", l->exclusive ? "exclusively " : "", (long long)l->pid, l->username,
			  l->hostname, age);
	}
}

static int document(const struct repository *r, size_t removed, const struct locks *left, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;

	common_document_begin(&d, r);
	jw_kv_u64(&d.w, "removed", removed);
	jw_name(&d.w, "remaining");
	jw_array(&d.w);
	for (size_t i = 0; i < left->n; i++) {
		const struct lock_info *l = &left->v[i];

		jw_object(&d.w);
		present_id_json("id", &l->id, &d.w);
		present_time_json("time", l->time, &d.w);
		jw_kv_bool(&d.w, "exclusive", l->exclusive);
		jw_kv_string(&d.w, "hostname", l->hostname);
		jw_kv_string(&d.w, "username", l->username);
		jw_kv_i64(&d.w, "pid", l->pid);
		jw_object_end(&d.w);
	}
	jw_array_end(&d.w);
	return out_document_end(&d, e);
}

static int run(const struct parsed *p, struct error *e)
{
	CLEANUP(repository_release) struct repository r = {0};
	CLEANUP(locks_release) struct locks left = {0};
	bool all = opt_flag(p, "remove-all");
	size_t removed = 0;
	int rc = common_open(p, REPOSITORY_READ_NO_LOCK, COMMON_NO_INDEX, &r, e);

	if (!rc && all && out_mode.interactive)
		rc = out_confirm(opt_flag(p, "yes"), "Locks of backups that are running will be removed too, which can damage them.\nGo on?", e);
	if (!rc)
		rc = lock_remove_stale(r.repo, all, &removed, e);
	if (!rc)
		rc = lock_list(r.repo, &left.v, &left.n, e);
	if (rc)
		return rc;
	if (out_mode.json)
		return document(&r, removed, &left, e);
	print_result(removed, &left);
	return 0;
}

const struct command cmd_unlock = {
	.name = "unlock",
	.arguments = "",
	.summary = "remove locks that were left behind",
	.details =
		"A lock is left behind when its process was killed, or its machine lost power.\n"
		"Without --remove-all only those go whose process is gone, or that were not\n"
		"refreshed for 30 minutes.\n",
	.examples =
		"backstay unlock\n"
		"backstay unlock --remove-all --yes\n",
	.max_args = 0,
	.options = options,
	.run = run,
};
