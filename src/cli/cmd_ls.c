#include "base/human.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/present.h"
#include "repo/walk.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct opt options[] = {
	{"recursive", 'R', OPT_FLAG, NULL, "everything below, not only the folder itself", NULL},
	COMMON_NO_LOCK,
	{0},
};

struct listing {
	const char *base;         /* path of the folder within the backup, "" for its top */
	bool recursive, raw;
	struct out_document *document;    /* or NULL: text */
};

static void mode_text(const struct node *n, char out[11])
{
	static const char types[] = {[NODE_FILE] = '-', [NODE_DIR] = 'd', [NODE_SYMLINK] = 'l', [NODE_FIFO] = 'p',
				     [NODE_SOCKET] = 's', [NODE_CHARDEV] = 'c', [NODE_BLOCKDEV] = 'b'};

	out[0] = types[n->type];
	for (int i = 0; i < 9; i++)
		out[i + 1] = n->mode >> (8 - i) & 1 ? "rwx"[i % 3] : '-';
	if (n->mode & 04000)
		out[3] = n->mode & 0100 ? 's' : 'S';
	if (n->mode & 02000)
		out[6] = n->mode & 0010 ? 's' : 'S';
	if (n->mode & 01000)
		out[9] = n->mode & 0001 ? 't' : 'T';
	out[10] = '\0';
}

/* Names go out byte by byte where a program reads them. */
static void print_path(const char *path, bool raw)
{
	AUTO_FREE char *safe = raw ? NULL : out_safe(path);

	fputs(raw ? path : safe, stdout);
}

static void print_entry(const struct listing *l, const char *path, const struct node *n)
{
	char mode[11], size[HUMAN_MAX], when[32];

	mode_text(n, mode);
	time_to_local(n->mtime, when);
	printf("%s  %10s  %.16s  ", mode, n->type == NODE_FILE ? human_size(n->size, size) : "-", when);
	print_path(path, l->raw);
	if (n->type == NODE_DIR)
		putchar('/');
	if (n->link_target) {
		fputs(" -> ", stdout);
		print_path(n->link_target, l->raw);
	}
	putchar('\n');
}

static void entry_json(const char *path, const struct node *n, struct json_out *w)
{
	char mode[16];

	snprintf(mode, sizeof mode, "%04o", n->mode);
	jw_object(w);
	present_path_json("path", path, w);
	jw_kv_string(w, "type", node_type_name(n->type));
	jw_kv_string(w, "mode", mode);
	jw_kv_u64(w, "size", n->size);
	present_time_json("mtime", n->mtime, w);
	jw_kv_u64(w, "uid", n->uid);
	jw_kv_u64(w, "gid", n->gid);
	jw_kv_string(w, "user", n->user);
	jw_kv_string(w, "group", n->group);
	present_path_json("link_target", n->link_target, w);
	jw_object_end(w);
}

static int list_entry(const char *path, const struct tree_node *n, void *ctx, struct error *e)
{
	const struct listing *l = ctx;
	AUTO_FREE char *full = *l->base ? path_join(l->base, path) : mem_string(path);
	int rc = progress_check(&common_progress, e);

	if (!rc && l->document) {
		entry_json(full, &n->meta, &l->document->w);
		rc = out_document_part(l->document, e);
	} else if (!rc) {
		print_entry(l, full, &n->meta);
		rc = ferror(stdout) ? out_finish(e) : 0;
	}
	if (rc)
		return rc;
	return n->meta.type == NODE_DIR && !l->recursive ? WALK_SKIP : 0;
}

static int list_node(struct repository *r, const struct tree_node *n, struct listing *l, struct error *e)
{
	if (n->meta.type == NODE_DIR)
		return walk_tree(r->repo, &n->subtree, list_entry, l, e);
	AUTO_FREE char *path = mem_string(l->base);

	l->base = "";
	int rc = list_entry(path, n, l, e);

	return rc < 0 ? rc : 0;
}

static int document(struct repository *r, const struct backup *b, const struct tree_node *n, struct listing *l, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;

	common_document_begin(&d, r);
	present_id_json("backup", &b->snapshot.id, &d.w);
	present_path_json("path", l->base, &d.w);
	jw_name(&d.w, "entries");
	jw_array(&d.w);
	l->document = &d;
	int rc = list_node(r, n, l, e);

	jw_array_end(&d.w);
	return rc ? rc : out_document_end(&d, e);
}

/* "/media/" and "media" are the same place. */
static char *plain_path(const char *path)
{
	AUTO_FREE char *clean = path_clean(path);
	const char *relative = clean + strspn(clean, "/");

	return mem_string(strcmp(relative, ".") ? relative : "");
}

static int run(const struct parsed *p, struct error *e)
{
	CLEANUP(repository_release) struct repository r = {0};
	CLEANUP(backup_release) struct backup b = {0};
	CLEANUP(tree_node_release) struct tree_node n = {0};
	AUTO_FREE char *base = plain_path(p->args.n > 1 ? p->args.v[1] : "");
	struct listing l = {.base = base, .recursive = opt_flag(p, "recursive"), .raw = !isatty(STDOUT_FILENO)};
	int rc = common_open(p, REPOSITORY_READ, COMMON_INDEX, &r, e);

	if (!rc)
		rc = backup_find(&r, p->args.v[0], &b, e);
	if (!rc)
		rc = common_entry(&b, p->args.v[0], base, &n, e);
	if (rc)
		return rc;
	return out_mode.json ? document(&r, &b, &n, &l, e) : list_node(&r, &n, &l, e);
}

const struct command cmd_ls = {
	.name = "ls",
	.arguments = "BACKUP [PATH]",
	.summary = "list the files in a backup",
	.details =
		"Every source is an entry at the top: a database as a file, a folder with what\n"
		"it holds. The paths shown are those that \"dump\" and \"restore --path\" take.\n",
	.examples =
		"backstay ls latest\n"
		"backstay ls latest media/2026\n"
		"backstay ls -R 1a2b3c4d --json\n",
	.min_args = 1,
	.max_args = 2,
	.options = options,
	.about_backups = true,
	.run = run,
};
