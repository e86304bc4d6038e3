#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/present.h"

static const struct opt options[] = {
	{"source", 's', OPT_STRING, "SOURCE", "only backups of this source: a name, path or URL", NULL},
	COMMON_NO_LOCK,
	{0},
};

static int run(const struct parsed *p, struct error *e)
{
	CLEANUP(repository_release) struct repository r = {0};
	CLEANUP(backup_list_release) struct backup_list l = {0};
	const char *source = opt_text(p, "source");
	int rc = common_open(p, REPOSITORY_READ, COMMON_INDEX, &r, e);

	if (!rc)
		rc = backup_list_load(&r, source, &l, e);
	if (rc)
		return rc;
	present_damaged(&l);
	if (out_mode.json)
		return present_list_document(&r, &l, e);
	if (l.n)
		present_list(&l);
	else if (source)
		out_print("there is no backup of %s in %s\n", source, r.location);
	else
		out_print("there is no backup in %s yet; make one with: backstay backup SOURCE\n", r.location);
	return 0;
}

const struct command cmd_list = {
	.name = "list",
	.arguments = "",
	.summary = "list the backups, newest first",
	.details =
		"VERIFIED is the highest level that a verification reached: bytes, structure,\n"
		"restored or compared; \"when made\" if there was none since each piece was\n"
		"checked as it was written; or \"failed\". FLAGS: pinned (no rule removes it),\n"
		"partial (some files could not be read), safety (made before a restore),\n"
		"imported (from an outside file), ahead (dated more than a day ahead, by a\n"
		"wrong clock: \"latest\" and the rules pass over it), foreign (made by another\n"
		"program).\n",
	.examples =
		"backstay list\n"
		"backstay list --source app.db\n"
		"backstay list --json\n",
	.max_args = 0,
	.options = options,
	.about_backups = true,
	.run = run,
};
