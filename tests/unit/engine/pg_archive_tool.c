/* For tests/engine/test_pg_archive.py: what the engine makes of an archive that a real pg_dump wrote.
 * watch IN OUT PIECE | expand IN OUT | rows IN TABLE */
#include "base/fs.h"
#include "base/mem.h"
#include "engine/pg_archive.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct kept {
	struct file_sink sink;
	struct buf all, whole;
};

static int kept_write(struct file_sink *f, const void *p, size_t n, struct error *e)
{
	buf_add(&((struct kept *)f)->all, p, n);
	return 0;
}

static int kept_cut(struct file_sink *f, struct error *e)
{
	return 0;
}

static int kept_prepend(struct file_sink *f, const void *p, size_t n, struct error *e)
{
	struct kept *k = (struct kept *)f;
	buf_add(&k->whole, p, n);
	return 0;
}

static int watch(const struct buf *in, const char *out, size_t piece, struct error *e)
{
	struct kept k = {.sink = {.write = kept_write, .cut = kept_cut, .prepend = kept_prepend}};
	struct pg_watch *w = pg_watch_new(&k.sink, NULL);
	struct manifest_source m = {.name = (char[]){"x"}, .engine = (char[]){"postgresql"}, .url = (char[]){"x"}};
	struct buf json = BUF_INIT;
	int err = 0;
	for (size_t at = 0; at < in->len && !err; at += piece)
		err = pg_watch_write(w, in->p + at, in->len - at < piece ? in->len - at : piece, e);
	if (!err)
		err = pg_watch_finish(w, &m, NULL, e);
	if (err)
		return err;
	buf_add(&k.whole, k.all.p, k.all.len);
	struct manifest all = {.version = MANIFEST_VERSION, .name = m.name, .program = m.name, .hostname = m.name, .sources = &m,
		.source_count = 1};
	manifest_encode(&all, &json);
	fwrite(json.p, 1, json.len, stdout);
	return fs_write_atomic(out, k.whole.p, k.whole.len, 0600, e);
}

static int open_source(const char *path, struct source **s, struct error *e)
{
	return source_from_fd(open(path, O_RDONLY | O_CLOEXEC), s, e);
}

static int expand(const char *in, const char *out, struct error *e)
{
	struct source *s;
	struct fd_sink to;
	int err = open_source(in, &s, e);
	if (err)
		return err;
	fd_sink_init(&to, open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
	return pg_data_expand(s, &to.sink, NULL, e);
}

static int rows(const char *in, const char *name, struct error *e)
{
	struct source *s;
	struct pg_toc toc;
	struct rows_table *tables;
	const struct pg_entry **data;
	struct rows_cursor *c;
	struct fd_sink to;
	size_t n, i = 0;
	int err = open_source(in, &s, e);
	if (!err)
		err = pg_toc_read(s, &toc, e);
	if (!err)
		err = pg_toc_tables(&toc, &tables, &data, &n, e);
	while (!err && i < n && strcmp(tables[i].name, name) != 0)
		i++;
	if (!err && i == n)
		err = error_set(e, ERR_NOT_FOUND, "no table %s", name);
	if (!err)
		err = pg_copy_scan(s, &toc, data[i], &tables[i], &c, e);
	fd_sink_init(&to, 1);
	return err ? err : rows_csv_cursor(c, &to.sink, e);
}

int main(int argc, char **argv)
{
	struct error e = {0};
	struct buf in = BUF_INIT;
	int err = argc < 4 ? error_set(&e, ERR_USAGE, "watch IN OUT PIECE | expand IN OUT | rows IN TABLE") : 0;
	if (!err && strcmp(argv[1], "watch") == 0) {
		err = fs_read_file(argv[2], (size_t)1 << 30, &in, &e);
		if (!err)
			err = watch(&in, argv[3], strtoul(argc > 4 ? argv[4] : "65536", NULL, 10), &e);
	} else if (!err) {
		err = strcmp(argv[1], "expand") == 0 ? expand(argv[2], argv[3], &e) : rows(argv[2], argv[3], &e);
	}
	if (err)
		fprintf(stderr, "%s\n", e.text);
	fflush(stdout);
	_exit(err ? 1 : 0);
}
