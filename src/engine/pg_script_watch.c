/* A plain SQL script as it passes. What pg_dump says of each thing in a comment ("-- Name: orders; Type: TABLE; Schema: public; Owner:
 * shop") is what its archives have in their table of contents: it is gathered as one, and described by the same code. */
#include "engine/pg_script.h"

#include "base/mem.h"
#include "engine/pg.h"
#include "engine/pg_archive_inner.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CUT ((uint64_t)256 << 10)
#define BLOCK ((size_t)1 << 18)
#define HASH_SINCE 12           /* from this version on, servers write numbers in one way only */

struct part {                   /* of an entry: its data */
	struct pg_block_seen seen;
	bool inserted, vague;   /* by INSERT; their number cannot be told */
};

struct pg_script_watch {
	struct file_sink *out;
	struct progress *progress;
	struct pg_script_lexer lexer;
	struct pg_script_story story;
	struct pg_toc toc;
	struct part *parts;       /* one for each entry */
	size_t part_cap, kept;    /* bytes of kept statements */
	struct pg_rows *rows;
	bool copying, as_lines;   /* data are under way; one row a line */
	uint64_t begin, length;   /* of them */
	uint64_t sent, last_cut;
	char *path;               /* the schema that is searched first */
	bool loose;               /* tables may come and go in ways that are not followed */
	bool open;                /* a transaction is */
	uint64_t large_objects;
};

/* ---- entries ---- */

static struct pg_entry *add_entry(struct pg_script_watch *w, char *desc, char *tag, char *schema, struct error *e)
{
	struct pg_toc *t = &w->toc;
	if (t->n == PG_ENTRIES_MAX) {
		error_set(e, ERR_LIMIT, "it has more than %u entries", PG_ENTRIES_MAX);
		free(desc);
		free(tag);
		free(schema);
		return NULL;
	}
	GROW(t->v, t->n, t->cap);
	size_t n = t->n;
	GROW(w->parts, n, w->part_cap);
	w->parts[n] = (struct part){0};
	t->v[n] = (struct pg_entry){.id = (int)n + 1, .desc = desc, .tag = tag, .schema = schema};
	t->n++;
	return &t->v[n];
}

static struct pg_entry *last_entry(struct pg_script_watch *w)
{
	return w->toc.n > 0 ? &w->toc.v[w->toc.n - 1] : NULL;
}

static int keep(struct pg_script_watch *w, char **to, struct error *e)
{
	const struct buf *sql = &w->lexer.sql;
	if (*to || sql->len == PG_SCRIPT_HEAD)
		return 0;
	w->kept += sql->len;
	if (w->kept > PG_TOC_MAX)
		return error_set(e, ERR_LIMIT, "its statements for tables take more than %zu MiB", PG_TOC_MAX >> 20);
	*to = mem_string_n(buf_text(sql), sql->len);
	return 0;
}

/* The last "; Type: " begins what is not the name. */
static const char *last_of(const char *text, const char *what)
{
	const char *found = NULL;
	for (const char *p = strstr(text, what); p; p = strstr(p + 1, what))
		found = p;
	return found;
}

static int take_entry(struct pg_script_watch *w, const char *text, struct error *e)
{
	const char *name = strncmp(text, "Data for ", 9) == 0 ? text + 9 : text;
	const char *type = last_of(text, "; Type: ");
	if (strncmp(name, "Name: ", 6) != 0 || !type || type < name + 6)
		return 0;
	const char *schema = strstr(type, "; Schema: ");
	if (!schema)
		return 0;
	char *tag = mem_string_n(name + 6, (size_t)(type - name - 6));
	type += strlen("; Type: ");
	char *desc = mem_string_n(type, (size_t)(schema - type));
	schema += strlen("; Schema: ");
	char *in = mem_string_n(schema, strcspn(schema, ";"));
	if (strcmp(in, "-") == 0)
		in[0] = '\0';
	struct pg_entry *x = add_entry(w, desc, tag, in, e);
	if (x && strcmp(x->desc, "BLOB") == 0)
		w->large_objects++;
	return x ? 0 : -(int)e->kind;
}

static bool is(const struct pg_entry *x, const char *desc)
{
	return x && strcmp(x->desc, desc) == 0;
}

static int see_other(struct pg_script_watch *w, const struct pg_script_statement *s, struct error *e);

/* ---- statements of pg_dump ---- */

static int see_dumped(struct pg_script_watch *w, const struct pg_script_statement *s, struct error *e)
{
	struct pg_entry *x = last_entry(w);
	if (!x)
		return see_other(w, s, e);    /* its comments were taken out */
	if (s->kind == PG_SCRIPT_RUN &&
		(is(x, "TABLE") || is(x, "FOREIGN TABLE") || is(x, "CONSTRAINT") || is(x, "DOMAIN")))
		return keep(w, &x->defn, e);
	if (!is(x, "TABLE DATA"))
		return 0;
	x->has_data |= s->kind == PG_SCRIPT_COPY || s->kind == PG_SCRIPT_INSERT;
	if (s->kind == PG_SCRIPT_COPY)
		return keep(w, &x->copy, e);
	if (s->kind == PG_SCRIPT_INSERT) {
		struct part *part = &w->parts[w->toc.n - 1];
		part->inserted = true;
		part->vague |= w->lexer.vague;
		part->seen.rows += w->lexer.tuples;
	}
	return 0;
}

/* ---- statements of others ---- */

static bool follows(const char *sql, const char *word)
{
	size_t n = strlen(word);
	return strncasecmp(sql, word, n) == 0 && !isalnum((unsigned char)sql[n]) && sql[n] != '_';
}

/* What may take tables away, or give them other names. */
static bool may_change_tables(const struct pg_script_watch *w, const struct pg_script_statement *s)
{
	const char *sql = buf_text(&w->lexer.sql);
	if (s->kind == PG_SCRIPT_DROP)
		return w->toc.n > 0;
	if (s->kind == PG_SCRIPT_ROLLBACK || follows(sql, "do") || follows(sql, "call"))
		return true;
	return follows(sql, "alter") && (strcasestr(sql, "rename") || strcasestr(sql, "set schema"));
}

static int see_table(struct pg_script_watch *w, struct error *e)
{
	CLEANUP(pg_script_judge_table_release) struct pg_script_object o = {0};
	if (!pg_script_judge_table(buf_text(&w->lexer.sql), w->lexer.sql.len, &o))
		return 0;
	const char *schema = o.schema ? o.schema : w->path;
	if (strncmp(schema, "pg_temp", 7) == 0)
		return 0;
	char *tag = o.constraint ? mem_printf("%s %s", o.name, o.constraint) : mem_string(o.name);
	struct pg_entry *x = add_entry(w, mem_string(o.constraint ? "CONSTRAINT" : "TABLE"), tag, mem_string(schema), e);
	return x ? keep(w, &x->defn, e) : -(int)e->kind;
}

static int see_other(struct pg_script_watch *w, const struct pg_script_statement *s, struct error *e)
{
	w->loose |= may_change_tables(w, s);
	if (s->kind == PG_SCRIPT_RUN && !w->loose)
		return see_table(w, e);
	return 0;
}

/* ---- what every statement is seen for ---- */

static void see_setting(struct pg_script_watch *w, const struct pg_script_statement *s)
{
	if (!s->setting || !s->value)
		return;
	if (strcmp(s->setting, "standard_conforming_strings") == 0) {
		w->lexer.standard = strcasecmp(s->value, "off") != 0 && strcasecmp(s->value, "false") != 0;
	} else if (strcmp(s->setting, "client_encoding") == 0) {
		w->lexer.pairs = pg_script_lex_pairs(s->value);
		free(w->toc.encoding);
		w->toc.encoding = mem_string(s->value);
	} else if (strcmp(s->setting, "search_path") == 0) {
		size_t n = strcspn(s->value, ", ");
		bool none = n == 0 || s->value[0] == '"' || s->value[0] == '$';
		free(w->path);
		w->path = none ? mem_string("public") : mem_string_n(s->value, n);
	}
}

static void begin_data(struct pg_script_watch *w, const struct pg_script_statement *s)
{
	w->lexer.copying = w->copying = true;
	w->as_lines = s->rows_are_lines;
	w->begin = w->length = 0;
	pg_watch_rows_begin(w->rows);
}

static int see_kind(struct pg_script_watch *w, const struct pg_script_statement *s, struct error *e)
{
	switch (s->kind) {
	case PG_SCRIPT_SKIP:
		pg_script_story_pass(&w->story, s->what, w->lexer.begun);
		return 0;
	case PG_SCRIPT_REFUSE:
		return pg_script_story_refuse(s->what, w->lexer.begun, e);
	case PG_SCRIPT_BEGIN:
		w->open = true;
		return 0;
	case PG_SCRIPT_COMMIT:
	case PG_SCRIPT_ROLLBACK:
		w->open = false;
		return 0;
	case PG_SCRIPT_SETTING:
		see_setting(w, s);
		return 0;
	case PG_SCRIPT_DROP:
	case PG_SCRIPT_OWNER:
		return 0;
	case PG_SCRIPT_COPY:
		begin_data(w, s);
		/* fallthrough */
	default:
		pg_script_story_fill(&w->story);
		return 0;
	}
}

static int see_statement(struct pg_script_lexer *l, struct error *e)
{
	struct pg_script_watch *w = l->ctx;
	CLEANUP(pg_script_judge_release) struct pg_script_statement s = {0};
	pg_script_judge(buf_text(&l->sql), l->sql.len, &s);
	int err = see_kind(w, &s, e);
	if (err)
		return err;
	return w->story.dumps > 0 ? see_dumped(w, &s, e) : see_other(w, &s, e);
}

static int see_command(struct pg_script_lexer *l, const char *line, struct error *e)
{
	return pg_script_story_command(&((struct pg_script_watch *)l->ctx)->story, line, l->begun, e);
}

static int see_comment(struct pg_script_lexer *l, const char *text, struct error *e)
{
	struct pg_script_watch *w = l->ctx;
	pg_script_story_comment(&w->story, text);
	return w->story.dumps > 0 ? take_entry(w, text + strspn(text, " "), e) : 0;
}

/* ---- data ---- */

/* Where the lexer stands in the script. */
static uint64_t place(const struct pg_script_lexer *l)
{
	return l->offset + (l->piece ? (uint64_t)(l->at - l->piece) : 0);
}

/* On to out, up to a place in the piece at hand or right before it. */
static int send(struct pg_script_watch *w, uint64_t to, struct error *e)
{
	const struct pg_script_lexer *l = &w->lexer;
	if (!w->out || to <= w->sent)
		return 0;
	const char *from = l->piece + (w->sent - l->offset);
	size_t n = (size_t)(to - w->sent);
	w->sent = to;
	return w->out->write(w->out, from, n, e);
}

static int cut(struct pg_script_watch *w, uint64_t at, struct error *e)
{
	int err = send(w, at, e);
	if (err || !w->out || at < w->sent || at == w->last_cut)
		return err;
	w->last_cut = at;
	return w->out->cut(w->out, e);
}

static int end_data(struct pg_script_watch *w, struct error *e)
{
	struct pg_entry *x = last_entry(w);
	struct pg_block_seen seen = {.seen = true, .offset = w->begin, .length = w->length};
	static const unsigned char end[] = "\\.\n";
	bool counted = w->as_lines && pg_watch_rows_add(w->rows, end, 3);
	seen.counted = pg_watch_rows_end(w->rows, &seen.rows, &seen.hash) && counted;
	w->copying = false;
	progress_items(w->progress, 1);
	if (w->story.dumps > 0 && is(x, "TABLE DATA")) {
		struct part *part = &w->parts[w->toc.n - 1];
		part->vague |= part->seen.seen || part->inserted || !seen.counted;
		if (!part->seen.seen)
			part->seen = seen;
	}
	return w->length >= CUT ? cut(w, w->begin + w->length, e) : 0;
}

static int see_data(struct pg_script_lexer *l, const char *p, size_t n, struct error *e)
{
	struct pg_script_watch *w = l->ctx;
	if (!p)
		return end_data(w, e);
	int err = 0;
	if (w->length == 0) {
		w->begin = place(l) - n;
		err = w->begin - w->last_cut >= CUT ? cut(w, w->begin, e) : 0;
	}
	w->length += n;
	if (!err && w->as_lines)
		w->as_lines = pg_watch_rows_add(w->rows, (const unsigned char *)p, n);
	return err;
}

/* ---- all of it ---- */

struct pg_script_watch *pg_script_watch_new(struct file_sink *out, struct progress *p)
{
	struct pg_script_watch *w = mem_zero(sizeof *w);
	w->out = out;
	w->progress = p;
	w->rows = pg_watch_rows_new();
	w->path = mem_string("public");
	pg_script_lex_init(&w->lexer);
	w->lexer.statement = see_statement;
	w->lexer.command = see_command;
	w->lexer.comment = see_comment;
	w->lexer.data = see_data;
	w->lexer.ctx = w;
	return w;
}

void pg_script_watch_free(struct pg_script_watch *w)
{
	if (!w)
		return;
	pg_script_lex_release(&w->lexer);
	pg_script_story_release(&w->story);
	pg_toc_release(&w->toc);
	free(w->parts);
	pg_watch_rows_free(w->rows);
	free(w->path);
	free(w);
}

int pg_script_watch_write(struct pg_script_watch *w, const void *p, size_t n, struct error *e)
{
	uint64_t end = w->lexer.offset + n;
	int err = progress_check(w->progress, e);
	progress_bytes(w->progress, n);
	if (!err)
		err = pg_script_lex_take(&w->lexer, p, n, e);
	if (err || !w->out || end == w->sent)
		return err;
	size_t left = (size_t)(end - w->sent);
	w->sent = end;
	return w->out->write(w->out, (const char *)p + n - left, left, e);
}

/* What INSERTs put in has a number, but no place and no hash; and older servers write numbers in more than one way. */
static void correct(const struct pg_script_watch *w, struct manifest_source *m, size_t before)
{
	bool hashes = w->story.server && atoi(w->story.server) >= HASH_SINCE;
	for (size_t i = before; i < m->table_count; i++)
		if (!hashes)
			mem_free_ptr(&m->tables[i].row_hash), m->tables[i].row_hash = NULL;
	for (size_t k = 0; k < w->toc.n; k++) {
		const struct pg_entry *x = &w->toc.v[k];
		const struct part *part = &w->parts[k];
		if (!is(x, "TABLE DATA") || part->seen.seen || part->vague)
			continue;
		for (size_t i = before; i < m->table_count; i++) {
			struct manifest_table *t = &m->tables[i];
			if (strcmp(t->name, x->tag) == 0 && strcmp(t->schema ? t->schema : "", x->schema) == 0) {
				t->rows_known = true;
				t->rows = part->seen.rows;
			}
		}
	}
}

static int describe(struct pg_script_watch *w, struct manifest_source *m, struct error *e)
{
	size_t before = m->table_count;
	AUTO_FREE struct pg_block_seen *seen = mem_zero((w->toc.n + 1) * sizeof *seen);
	for (size_t i = 0; i < w->toc.n; i++) {
		seen[i] = w->parts[i].seen;
		seen[i].counted &= !w->parts[i].inserted && !w->parts[i].vague;
	}
	int err = pg_watch_manifest(&w->toc, seen, w->large_objects, m, e);
	if (!err)
		correct(w, m, before);
	return err;
}

static void tell(const struct pg_script_watch *w, struct manifest_source *m)
{
	CLEANUP(strlist_release) struct strlist notes = {0};
	pg_script_story_notes(&w->story, &notes);
	for (size_t i = 0; i < notes.n; i++)
		manifest_note(m, "note", NULL, "%s", notes.v[i]);
	if (w->story.dumps == 0)
		manifest_note(m, "note", NULL, "no dump of pg_dump: whether it is whole cannot be told");
	if (w->story.server)
		m->server_version = mem_string(w->story.server);
	if (w->story.tool)
		m->tool_version = mem_printf("pg_dump %s", w->story.tool);
}

int pg_script_watch_finish(struct pg_script_watch *w, struct manifest_source *m, struct error *e)
{
	int err = pg_script_lex_end(&w->lexer, e);
	if (!err)
		err = pg_script_story_end(&w->story, e);
	if (!err && w->open)
		err = error_set(e, ERR_CORRUPT, "the text ends inside a transaction: its COMMIT is missing");
	/* What is known to be all there is can be held against what was restored. */
	if (!err && !w->loose) {
		m->structure = mem_string("counted");
		err = describe(w, m, e);
	}
	if (!err)
		tell(w, m);
	return err;
}

bool pg_script_watch_toc(struct pg_script_watch *w, struct pg_toc *out)
{
	*out = w->toc;
	w->toc = (struct pg_toc){0};
	return w->story.dumps > 0;
}

int pg_script_check(struct source *script, struct manifest_source *m, struct error *e)
{
	AUTO_FREE char *block = mem_alloc(BLOCK);
	struct pg_script_watch *w = pg_script_watch_new(NULL, NULL);
	int err = 0;
	ssize_t n = 1;
	for (uint64_t at = 0; !err && n > 0; at += (uint64_t)n) {
		n = script->pread(script, block, BLOCK, at, e);
		err = n < 0 ? (int)n : n > 0 ? pg_script_watch_write(w, block, (size_t)n, e) : 0;
	}
	if (!err)
		err = pg_script_watch_finish(w, m, e);
	pg_script_watch_free(w);
	return err;
}
