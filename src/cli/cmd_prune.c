#include "base/human.h"
#include "base/log.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/names.h"
#include "cli/pruning.h"
#include "cli/recorded.h"
#include "job/cleanup.h"

#include <stdio.h>

static const struct opt options[] = {
	{"dry-run", 0, OPT_FLAG, NULL, "only count what would be given back", NULL},
	{"force", 0, OPT_FLAG, NULL, "also after a check that found damage", NULL},
	{"allow-empty", 0, OPT_FLAG, NULL, "remove everything when no backup is left", NULL},
	COMMON_YES,
	{0},
};

/* On a terminal: tell what would go, and ask. */
static int ask(const struct parsed *p, struct repository *r, struct error *e)
{
	struct prune_stats s;

	if (opt_flag(p, "dry-run") || opt_flag(p, "yes") || !out_mode.interactive)
		return 0;
	int rc = pruning_run(r, true, opt_flag(p, "allow-empty"), &s, e);

	if (rc || s.bytes_after == s.bytes_before)
		return rc;
	pruning_print(&s, true);
	fflush(stdout);
	return out_confirm(false, "Go on?", e);
}

static int run(const struct parsed *p, struct error *e)
{
	CLEANUP(repository_release) struct repository r = {0};
	CLEANUP(out_document_release) struct out_document d = {0};
	struct prune_stats s;
	char size[HUMAN_MAX];
	bool dry_run = opt_flag(p, "dry-run");
	int rc = common_locate(p, &r, e);

	if (!rc && !dry_run && !opt_flag(p, "force"))
		rc = cleanup_check_passed(names_catalog(), r.location, e);
	if (!rc && !dry_run)
		rc = recorded_begin("prune", &r, e, "prune %s", recorded_place(&r));
	if (!rc)
		rc = common_open(p, dry_run ? REPOSITORY_READ : REPOSITORY_EXCLUSIVE, COMMON_NO_INDEX, &r, e);
	if (!rc)
		rc = ask(p, &r, e);
	if (!rc)
		rc = pruning_run(&r, dry_run, opt_flag(p, "allow-empty"), &s, e);
	if (rc)
		return rc;
	if (!dry_run)
		recorded_log(LOG_NOTICE, "%s given back", human_size(s.bytes_before > s.bytes_after ? s.bytes_before - s.bytes_after : 0, size));
	recorded_scan(&r, RECORD_SIZES);
	if (!out_mode.json) {
		pruning_print(&s, dry_run);
		return 0;
	}
	common_document_begin(&d, &r);
	jw_kv_bool(&d.w, "dry_run", dry_run);
	jw_name(&d.w, "prune");
	pruning_json(&s, &d.w);
	return out_document_end(&d, e);
}

const struct command cmd_prune = {
	.name = "prune",
	.arguments = "",
	.summary = "give back the space of what no backup needs any more",
	.details =
		"Nothing is removed while anything that a backup needs is missing, nor, without\n"
		"--force, after a check that found damage. A prune that is killed half way does\n"
		"no harm; the next one finishes its work. On a terminal you are asked first.\n",
	.examples =
		"backstay prune --dry-run\n"
		"backstay prune --wait 10m\n",
	.max_args = 0,
	.options = options,
	.run = run,
};
