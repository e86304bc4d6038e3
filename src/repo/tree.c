#include "repo/tree.h"

#include "base/mem.h"
#include "repo/goquote.h"

#include <stdlib.h>
#include <string.h>

void tree_node_release(struct tree_node *t)
{
	node_release(&t->meta);
	id_list_release(&t->content);
}

void tree_release(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++)
		tree_node_release(&t->v[i]);
	free(t->v);
	*t = (struct tree){0};
}

void tree_add(struct tree *t, struct tree_node *n)
{
	if (t->n > 0 && strcmp(t->v[t->n - 1].meta.name, n->meta.name) >= 0)
		t->unsorted = true;
	GROW(t->v, t->n, t->cap);
	t->v[t->n++] = *n;
	*n = (struct tree_node){0};
}

/* strcmp() compares as unsigned bytes, and names have no zero byte. */
static int by_name(const void *a, const void *b)
{
	const struct tree_node *x = a, *y = b;

	return strcmp(x->meta.name, y->meta.name);
}

int tree_sort(struct tree *t, struct error *e)
{
	if (!t->unsorted)
		return 0;
	qsort(t->v, t->n, sizeof *t->v, by_name);
	for (size_t i = 1; i < t->n; i++) {
		if (by_name(&t->v[i - 1], &t->v[i]) == 0) {
			CLEANUP(buf_release) struct buf quoted = BUF_INIT;

			goquote(t->v[i].meta.name, strlen(t->v[i].meta.name), &quoted);
			return error_set(e, ERR_EXISTS, "two entries are named \"%s\"", buf_text(&quoted));
		}
	}
	t->unsorted = false;
	return 0;
}

const struct tree_node *tree_find(const struct tree *t, const char *name)
{
	size_t from = 0, to = t->n;

	for (size_t i = 0; t->unsorted && i < t->n; i++)
		if (strcmp(t->v[i].meta.name, name) == 0)
			return &t->v[i];
	while (!t->unsorted && from < to) {
		size_t mid = (from + to) / 2;
		int c = strcmp(name, t->v[mid].meta.name);

		if (c == 0)
			return &t->v[mid];
		if (c < 0)
			to = mid;
		else
			from = mid + 1;
	}
	return NULL;
}

/* Go's os.FileMode keeps what lies outside the nine permission bits in high bits of its own. */
#define GO_DIR (1u << 31)
#define GO_SYMLINK (1u << 27)
#define GO_DEVICE (1u << 26)
#define GO_FIFO (1u << 25)
#define GO_SOCKET (1u << 24)
#define GO_SETUID (1u << 23)
#define GO_SETGID (1u << 22)
#define GO_CHARDEV (1u << 21)
#define GO_STICKY (1u << 20)

uint32_t tree_go_mode(enum node_type type, uint32_t mode)
{
	static const uint32_t types[] = {
		[NODE_FILE] = 0,            [NODE_DIR] = GO_DIR,       [NODE_SYMLINK] = GO_SYMLINK,
		[NODE_FIFO] = GO_FIFO,      [NODE_SOCKET] = GO_SOCKET, [NODE_CHARDEV] = GO_DEVICE | GO_CHARDEV,
		[NODE_BLOCKDEV] = GO_DEVICE,
	};

	return types[type] | (mode & 0777) | (mode & S_ISUID ? GO_SETUID : 0) | (mode & S_ISGID ? GO_SETGID : 0) |
	       (mode & S_ISVTX ? GO_STICKY : 0);
}

uint32_t tree_unix_mode(uint32_t go_mode)
{
	return (go_mode & 0777) | (go_mode & GO_SETUID ? S_ISUID : 0) | (go_mode & GO_SETGID ? S_ISGID : 0) |
	       (go_mode & GO_STICKY ? S_ISVTX : 0);
}
