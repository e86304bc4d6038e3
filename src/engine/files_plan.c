#include "engine/files.h"

#include "base/mem.h"
#include "base/path.h"

#include <stdlib.h>
#include <string.h>

/* Clean, without the ones that lie below another. */
static int clean_paths(const struct strlist *paths, struct strlist *out, struct error *e)
{
	CLEANUP(strlist_release) struct strlist all = {0};
	for (size_t i = 0; i < paths->n; i++) {
		const char *given = paths->v[i];
		AUTO_FREE char *clean = path_clean(given + strspn(given, "/"));
		if (!path_within(clean, "."))
			return error_set(e, ERR_USAGE, "\"%s\" does not lie inside the backup", given);
		if (strcmp(clean, ".") == 0)
			return 0;
		strlist_add(&all, clean);
	}
	strlist_sort(&all);
	for (size_t i = 0; i < all.n; i++) {
		bool below = false;
		for (size_t k = 0; k < out->n && !below; k++)
			below = path_within(all.v[i], out->v[k]);
		if (!below)
			strlist_add(out, all.v[i]);
	}
	return 0;
}

int files_chosen_open(const struct stored *s, const struct strlist *paths, struct files_chosen *out, struct error *e)
{
	/* What another program stored may lie deeper: "srv/app/media". */
	const char *name = path_base(s->manifest->name);
	AUTO_FREE char *above = mem_string_n(s->manifest->name, (size_t)(name - s->manifest->name));
	*out = (struct files_chosen){.name = name};
	int err = clean_paths(paths, &out->paths, e);
	if (!err)
		err = s->tree(s, above, &out->tree, e);
	if (err)
		files_chosen_close(out);
	return err;
}

void files_chosen_close(struct files_chosen *c)
{
	if (c->tree)
		c->tree->close(c->tree);
	strlist_release(&c->paths);
	*c = (struct files_chosen){0};
}

static bool is_chosen(const struct files_chosen *c, const char *path)
{
	for (size_t i = 0; i < c->paths.n; i++)
		if (path_within(path, c->paths.v[i]))
			return true;
	return c->paths.n == 0;
}

static bool is_on_the_way(const struct files_chosen *c, const char *path)
{
	for (size_t i = 0; i < c->paths.n; i++)
		if (path[0] == '\0' || path_within(c->paths.v[i], path))
			return true;
	return false;
}

/* `path` in the snapshot as one relative to the source's entry; NULL when it is not part of it. */
static const char *relative(const struct files_chosen *c, const char *path)
{
	size_t n = strlen(c->name);
	if (strncmp(path, c->name, n) != 0 || (path[n] != '\0' && path[n] != '/'))
		return NULL;
	return path + n + (path[n] == '/');
}

static int check_name(const struct node *n, const char *path, struct error *e)
{
	if (n->name && path_component_ok(n->name, strlen(n->name)))
		return 0;
	return error_set(e, ERR_CORRUPT, "the backup holds \"%s\", whose name cannot be one", path);
}

int files_chosen_next(struct files_chosen *c, enum tree_event *event, const struct node **node, const char **path,
	bool *chosen, struct error *e)
{
	const char *stored;
	for (*event = TREE_END; !c->over;) {
		int err = c->tree->next(c->tree, event, node, &stored, e);
		if (err || *event == TREE_END)
			return err;
		const char *rel = relative(c, stored);
		bool wanted = rel && ((*chosen = is_chosen(c, rel)) || is_on_the_way(c, rel));
		if (wanted) {
			*path = rel;
			c->over = rel[0] == '\0' && *event != TREE_ENTER;
			return *event == TREE_LEAVE ? 0 : check_name(*node, stored, e);
		}
		if (*event == TREE_ENTER && (err = c->tree->skip(c->tree, e)))
			return err;
	}
	return 0;
}

/* The chosen paths that were seen on the way. */
static void see(const struct files_chosen *c, const char *path, bool *seen)
{
	for (size_t i = 0; i < c->paths.n; i++)
		seen[i] = seen[i] || strcmp(c->paths.v[i], path) == 0;
}

static int check_seen(const struct files_chosen *c, const bool *seen, struct error *e)
{
	for (size_t i = 0; i < c->paths.n; i++)
		if (!seen[i])
			return error_set(e, ERR_NOT_FOUND, "the backup of %s holds no \"%s\"", c->name, c->paths.v[i]);
	return 0;
}

static int plan(struct files_chosen *c, struct progress *p, bool *seen, struct files_plan *out, struct error *e)
{
	enum tree_event event;
	const struct node *node;
	const char *path;
	bool chosen, any = false;
	for (;;) {
		int err = progress_check(p, e);
		if (!err)
			err = files_chosen_next(c, &event, &node, &path, &chosen, e);
		if (err)
			return err;
		if (event == TREE_END)
			break;
		if (event == TREE_LEAVE)
			continue;
		if (path[0] == '\0')
			out->top = node->type;
		any = true;
		see(c, path, seen);
		if (chosen || node->type == NODE_DIR)
			files_tally_add(&out->tally, node);
		if (node->type == NODE_FILE)
			progress_items(p, 1);
	}
	if (!any)
		return error_set(e, ERR_NOT_FOUND, "the backup holds nothing of %s", c->name);
	return check_seen(c, seen, e);
}

int files_plan(const struct stored *s, const struct strlist *paths, struct progress *p, struct files_plan *out,
	struct error *e)
{
	CLEANUP(files_chosen_close) struct files_chosen c = {0};
	*out = (struct files_plan){0};
	int err = files_chosen_open(s, paths, &c, e);
	if (err)
		return err;
	out->paths = c.paths.n;
	AUTO_FREE bool *seen = mem_zero(c.paths.n * sizeof *seen);
	return plan(&c, p, seen, out, e);
}
