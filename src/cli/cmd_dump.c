#include "base/stream.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "repo/artifact.h"

#include <unistd.h>

static const struct opt options[] = {
	COMMON_NO_LOCK,
	{0},
};

static int not_a_file(const struct parsed *p, const struct tree_node *n, struct error *e)
{
	AUTO_FREE char *backup = common_word(p->args.v[0]);
	AUTO_FREE char *word = common_word(p->args.v[1]);
	const char *path = p->args.v[1];

	if (n->meta.type == NODE_DIR) {
		error_set(e, ERR_MISMATCH, "%s is a folder in the backup, not a file", path);
		return error_hint_typed(e, "",
					"backstay ls %s %s; or the whole of it: backstay export %s --format tar.gz -o FILE", backup, word, backup);
	}
	return error_set(e, ERR_MISMATCH, "%s is a %s in the backup and has no content", path, node_type_name(n->meta.type));
}

static int run(const struct parsed *p, struct error *e)
{
	CLEANUP(repository_release) struct repository r = {0};
	CLEANUP(backup_release) struct backup b = {0};
	CLEANUP(tree_node_release) struct tree_node n = {0};
	struct fd_sink to;

	if (out_mode.json)
		return error_set(e, ERR_USAGE, "dump writes the file itself to standard output, where --json wants a document");
	int rc = common_open(p, REPOSITORY_READ, COMMON_INDEX, &r, e);

	if (!rc)
		rc = backup_find(&r, p->args.v[0], &b, e);
	if (!rc)
		rc = common_entry(&b, p->args.v[0], p->args.v[1], &n, e);
	if (!rc && n.meta.type != NODE_FILE)
		rc = not_a_file(p, &n, e);
	if (rc)
		return rc;
	fd_sink_init(&to, STDOUT_FILENO);
	struct progress_bar *bar = isatty(STDOUT_FILENO) ? NULL : progress_bar_start(&common_progress, "dump");

	rc = artifact_copy(r.repo, &n, &to.sink, &common_progress, e);
	progress_bar_stop(bar);
	return rc;
}

const struct command cmd_dump = {
	.name = "dump",
	.arguments = "BACKUP PATH",
	.summary = "write one file of a backup to standard output",
	.details =
		"Each part is checked against its hash before it is written. A failure half way\n"
		"shows in the exit status: look at it before you use the file.\n",
	.examples =
		"backstay dump latest app.db > app.db\n"
		"backstay dump latest:site site/index.html | less\n",
	.min_args = 2,
	.max_args = 2,
	.options = options,
	.about_backups = true,
	.run = run,
};
