/* Statements become parts. */
#include "engine/sqldump_parts.h"

#include "base/map.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct sqldump_builder {
	struct sqldump_map m;  /* its last part is the one at hand */
	bool created;          /* the CREATE of the part at hand was there */
	bool locked, unlocked; /* of rows */
	bool odd;              /* of rows: something does not belong there */
	struct row_sum sum;
	bool stand_ins; /* a comment says: what is defined now stands in for a view until its final structure */
	bool finals;    /* or: it is that */
	bool pending; /* statements that may belong to the next part: from here on */
	uint64_t pending_begin;
	bool unsettled; /* a setting or transaction is in force that the head does not hold */
	bool trailer;
	struct map *databases;
	char *charset; /* of the whole text, when characters may end in a backslash there */
	struct buf insert; /* the INSERT before, whose table the part at hand is */
};

struct sqldump_builder *sqldump_builder_new(void)
{
	struct sqldump_builder *b = mem_zero(sizeof *b);
	b->databases = map_new();
	b->insert = BUF_INIT;
	return b;
}

void sqldump_builder_free(struct sqldump_builder *b)
{
	if (!b)
		return;
	sqldump_map_release(&b->m);
	map_free(b->databases, NULL);
	free(b->charset);
	buf_release(&b->insert);
	free(b);
}

static struct sqldump_part *at_hand(struct sqldump_builder *b)
{
	return b->m.n ? &b->m.v[b->m.n - 1] : NULL;
}

static bool is_at(struct sqldump_builder *b, enum sqldump_kind kind)
{
	return b->m.n && at_hand(b)->kind == kind;
}

static bool same_name(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* ---- the header and the trailer ---- */

static char *rest_of(const char *line, const char *mark)
{
	const char *p = strstr(line, mark);
	if (!p)
		return NULL;
	p += strlen(mark) + strspn(p + strlen(mark), " \t:`");
	size_t n = strcspn(p, "\r\n");
	while (n && strchr(" \t`", p[n - 1]))
		n--;
	return n ? mem_string_n(p, n) : NULL;
}

/* "MariaDB dump 10.19-11.8.3-MariaDB, for ..." and "MySQL dump 10.13  Distrib 8.0.36, for ...". */
static void take_client(struct sqldump_map *m, const char *line)
{
	bool mariadb = strncmp(line, "MariaDB dump ", 13) == 0;
	if (m->client || (!mariadb && strncmp(line, "MySQL dump ", 11) != 0))
		return;
	const char *p = line + (mariadb ? 13 : 11), *distrib = strstr(p, "  Distrib ");
	const char *version = distrib ? distrib + 10 : NULL;
	size_t n = strcspn(p, " ,\r\n"), v = version ? strcspn(version, " ,\r\n") : 0;
	m->client = mem_printf("%s %.*s%s%.*s", mariadb ? "mariadb-dump" : "mysqldump", (int)n, p, v ? "-" : "", (int)v,
			       v ? version : "");
	size_t len = strlen(m->client);
	if (len > 8 && strcmp(m->client + len - 8, "-MariaDB") == 0)
		m->client[len - 8] = '\0';
}

/* Both tools head each section. A dump that was cut off before the final structure of a view holds nothing but what
 * stands in for it, and may yet have its trailer. */
static void take_section(struct sqldump_builder *b, const char *line)
{
	if (!strstr(line, " structure for ") && strncmp(line, "Dumping ", 8) != 0)
		return;
	b->stand_ins = strncmp(line, "Temporary ", 10) == 0;
	b->finals = strncmp(line, "Final view ", 11) == 0;
}

/* The tools write a view's final structure in three comments, its definer in one of its own, and between settings of its
 * character sets. Where they could not ask for these any more, it is the server's text in one. */
static bool is_makeshift(const struct sqldump_builder *b, const struct sqldump_lexer *l)
{
	return b->stand_ins || (b->finals && !strstr(buf_text(&l->text), "/*!50013 "));
}

static void take_comment(struct sqldump_builder *b, const struct sqldump_lexer *l)
{
	const char *line = buf_text(&l->line_text);
	size_t n = strlen(line);
	line += strspn(line, " ");
	take_client(&b->m, line);
	take_section(b, line);
	if (!b->m.database && (strncmp(line, "Host: ", 6) == 0 || strncmp(line, "Database: ", 10) == 0))
		b->m.database = rest_of(line, "Database: ");
	if (!b->m.server && strncmp(line, "Server version", 14) == 0)
		b->m.server = rest_of(line, "Server version");
	if (strncmp(line, "Dump completed", 14) == 0 && strchr(" \r\n", line[14]) && n && strchr(line, '\n'))
		b->trailer = true;
}

/* ---- parts ---- */

/* No more comes to the part at hand. */
static void close_part(struct sqldump_builder *b)
{
	struct sqldump_part *p = at_hand(b);
	if (p && !b->created && (p->kind == SQLDUMP_TABLE || p->kind == SQLDUMP_VIEW || p->kind == SQLDUMP_SEQUENCE)) {
		p->kind = SQLDUMP_OTHER;
		free(TAKE(p->name));
	}
	if (!p || p->kind != SQLDUMP_ROWS)
		return;
	if (!p->row_hash)
		p->row_hash = row_sum_text(b->sum);
	p->plain = !b->odd && !b->unsettled && b->locked == b->unlocked;
}

static struct sqldump_part *add_part(struct sqldump_builder *b, enum sqldump_kind kind, const char *name,
				     uint64_t begin)
{
	struct sqldump_map *m = &b->m;
	close_part(b);
	GROW(m->v, m->n, m->cap);
	struct sqldump_part *p = &m->v[m->n];
	*p = (struct sqldump_part){.kind = kind, .name = name ? mem_string(name) : NULL};
	p->offset = m->n == 0 ? 0 : b->pending ? b->pending_begin : begin;
	m->n++;
	b->pending = b->created = b->locked = b->unlocked = b->odd = false;
	b->sum = (struct row_sum){0};
	buf_clear(&b->insert);
	return p;
}

/* A part of this kind and name goes on, or a new one begins. */
static struct sqldump_part *open_part(struct sqldump_builder *b, enum sqldump_kind kind, const char *name,
				      uint64_t begin)
{
	struct sqldump_part *p = at_hand(b);
	if (!p || p->kind != kind || !same_name(p->name, name))
		return add_part(b, kind, name, begin);
	b->pending = false;
	return p;
}

/* DROP and CREATE of one thing make a part; whether it is a table or a view is told by the CREATE. */
static void define(struct sqldump_builder *b, const struct sqldump_lexer *l, const struct sqldump_statement *s,
		   enum sqldump_kind kind, bool create)
{
	struct sqldump_part *p = at_hand(b);
	bool sequence = kind == SQLDUMP_SEQUENCE;
	bool fits = p && !b->created && same_name(p->name, s->name) &&
		    (sequence ? p->kind == kind : p->kind == SQLDUMP_TABLE || p->kind == SQLDUMP_VIEW);
	if (!fits)
		p = add_part(b, kind, s->name, l->begin);
	b->pending = false;
	p->kind = kind;
	p->stand_in = kind != SQLDUMP_SEQUENCE && create && is_makeshift(b, l);
	b->created = create;
	if (create && kind != SQLDUMP_VIEW)
		p->sql = mem_string_n(buf_text(&l->text), l->solid);
}

/* What was interrupted by statements that a restore leaves out goes on behind them. */
static void resume(struct sqldump_builder *b, const struct sqldump_lexer *l)
{
	if (!is_at(b, SQLDUMP_DATABASE) || b->pending)
		return;
	size_t i = b->m.n;
	while (i > 0 && b->m.v[i - 1].kind == SQLDUMP_DATABASE)
		i--;
	enum sqldump_kind kind = i ? b->m.v[i - 1].kind : SQLDUMP_HEAD;
	bool goes_on = kind == SQLDUMP_HEAD || kind == SQLDUMP_TAIL || kind == SQLDUMP_TRIGGERS ||
		       kind == SQLDUMP_EVENTS || kind == SQLDUMP_ROUTINES;
	AUTO_FREE char *name = i && b->m.v[i - 1].name ? mem_string(b->m.v[i - 1].name) : NULL;
	add_part(b, goes_on ? kind : SQLDUMP_OTHER, goes_on ? name : NULL, l->begin);
}

static void set_aside(struct sqldump_builder *b, const struct sqldump_lexer *l)
{
	if (!b->pending)
		b->pending_begin = l->begin;
	b->pending = true;
}

static void other(struct sqldump_builder *b, const struct sqldump_lexer *l, bool unsettles)
{
	open_part(b, SQLDUMP_OTHER, NULL, l->begin);
	b->unsettled |= unsettles;
}

static bool rows_go_on(struct sqldump_builder *b)
{
	return is_at(b, SQLDUMP_ROWS) && !b->unlocked && !b->pending;
}

static void open_rows(struct sqldump_builder *b, const struct sqldump_lexer *l, const char *name)
{
	if (!rows_go_on(b) || !same_name(at_hand(b)->name, name))
		add_part(b, SQLDUMP_ROWS, name, l->begin);
}

static void take_setting(struct sqldump_builder *b, const struct sqldump_lexer *l, enum sqldump_verb verb)
{
	if (verb == VERB_SET)
		resume(b, l);
	bool at_head = !b->m.n || is_at(b, SQLDUMP_HEAD);
	if (b->pending || (rows_go_on(b) && b->locked))
		return;
	if (verb == VERB_AUTOCOMMIT && !at_head)
		set_aside(b, l);
	else if (verb == VERB_AUTOCOMMIT || (!at_head && !is_at(b, SQLDUMP_TAIL)))
		other(b, l, true);
	else if (!b->m.n)
		add_part(b, SQLDUMP_HEAD, NULL, l->begin);
}

/* What a restore leaves out must hold nothing else. */
static void take_database(struct sqldump_builder *b, const struct sqldump_lexer *l, const struct sqldump_statement *s)
{
	struct sqldump_part *p = at_hand(b);
	if (b->pending && (!p || p->kind == SQLDUMP_ROWS || p->kind == SQLDUMP_DATABASE))
		add_part(b, SQLDUMP_OTHER, NULL, l->begin);
	b->pending = false;
	open_part(b, SQLDUMP_DATABASE, s->name, l->begin);
	if (s->name)
		map_put(b->databases, s->name, strlen(s->name), b);
}

static void take_delimiter(struct sqldump_builder *b, const struct sqldump_lexer *l)
{
	resume(b, l);
	struct sqldump_part *p = at_hand(b);
	if (!p || p->kind == SQLDUMP_ROWS || p->kind == SQLDUMP_TABLE || p->kind == SQLDUMP_HEAD)
		set_aside(b, l);
}

static void take_insert(struct sqldump_builder *b, const struct sqldump_lexer *l, const char *name)
{
	open_rows(b, l, name);
	b->odd |= l->tail ? l->odd || l->solid > l->tail : true;
	at_hand(b)->rows += l->tuples;
	row_sum_add(&b->sum, l->sum);
}

static void take_unlock(struct sqldump_builder *b, const struct sqldump_lexer *l)
{
	if (rows_go_on(b))
		b->unlocked = true;
	else
		other(b, l, false);
}

static void take_verb(struct sqldump_builder *b, const struct sqldump_lexer *l, const struct sqldump_statement *s)
{
	switch (s->verb) {
	case VERB_EMPTY:
		break;
	case VERB_SAVE_ALL:
		open_part(b, SQLDUMP_HEAD, NULL, l->begin);
		break;
	case VERB_RESTORE_ALL:
		open_part(b, SQLDUMP_TAIL, NULL, l->begin);
		break;
	case VERB_SAVE:
	case VERB_DROP_TRIGGER:
		if (!rows_go_on(b) || !b->locked)
			set_aside(b, l);
		break;
	case VERB_RESTORE:
		resume(b, l);
		if (!b->m.n)
			other(b, l, true);
		break;
	case VERB_SET:
	case VERB_AUTOCOMMIT:
		take_setting(b, l, s->verb);
		break;
	case VERB_COMMIT:
		if (!is_at(b, SQLDUMP_ROWS) || b->pending)
			other(b, l, false);
		break;
	case VERB_SERVER:
	case VERB_DATABASE:
		take_database(b, l, s);
		break;
	case VERB_DROP_TABLE:
	case VERB_CREATE_TABLE:
		define(b, l, s, SQLDUMP_TABLE, s->verb == VERB_CREATE_TABLE);
		break;
	case VERB_DROP_VIEW:
	case VERB_CREATE_VIEW:
		define(b, l, s, SQLDUMP_VIEW, s->verb == VERB_CREATE_VIEW);
		break;
	case VERB_DROP_SEQUENCE:
	case VERB_CREATE_SEQUENCE:
		define(b, l, s, SQLDUMP_SEQUENCE, s->verb == VERB_CREATE_SEQUENCE);
		break;
	case VERB_SETVAL:
		open_part(b, SQLDUMP_SEQUENCE, s->name, l->begin);
		break;
	case VERB_LOCK:
		add_part(b, SQLDUMP_ROWS, s->name, l->begin);
		b->locked = true;
		break;
	case VERB_KEYS:
		open_rows(b, l, s->name);
		break;
	case VERB_INSERT:
		take_insert(b, l, s->name);
		break;
	case VERB_UNLOCK:
		take_unlock(b, l);
		break;
	case VERB_CREATE_TRIGGER:
		open_part(b, SQLDUMP_TRIGGERS, s->name, l->begin);
		b->m.triggers++;
		break;
	case VERB_DROP_EVENT:
	case VERB_CREATE_EVENT:
		open_part(b, SQLDUMP_EVENTS, NULL, l->begin);
		b->m.events += s->verb == VERB_CREATE_EVENT;
		break;
	case VERB_DROP_ROUTINE:
	case VERB_CREATE_ROUTINE:
		open_part(b, SQLDUMP_ROUTINES, NULL, l->begin);
		b->m.routines += s->verb == VERB_CREATE_ROUTINE;
		break;
	case VERB_COMMAND:
	case VERB_TRANSACTION:
	case VERB_OTHER:
		other(b, l, s->verb != VERB_OTHER);
		break;
	}
}

static void note_hazards(struct sqldump_builder *b, const struct sqldump_lexer *l, const struct sqldump_statement *s)
{
	if (s->verb == VERB_CREATE_TRIGGER)
		b->m.qualified_triggers |= s->qualified;
	else if (s->qualified && s->name && !b->m.foreign)
		b->m.foreign = mem_string(s->name);
	if (!b->m.hazard && (b->m.hazard = sqldump_hazard(s->verb, buf_text(&l->text), l->solid)))
		b->m.hazard_line = l->line;
	if (b->m.command || (!l->command && s->verb != VERB_COMMAND))
		return;
	struct sqldump_reader r = {.p = buf_text(&l->text), .end = buf_text(&l->text) + l->text.len};
	struct sqldump_token first = sqldump_token_next(&r);
	b->m.command = s->verb == VERB_COMMAND ? sqldump_token_name(&first) : mem_string("\\");
}

/* Around views, triggers and so on another one is for these alone. */
static void note_charset(struct sqldump_builder *b, const struct sqldump_statement *s)
{
	static const char *const sets[] = {"gbk", "gb18030", "big5", "sjis", "cp932"};
	for (size_t i = 0; i < ARRAY_LEN(sets) && s->charset && !b->charset && (!b->m.n || is_at(b, SQLDUMP_HEAD)); i++)
		if (strcasecmp(s->charset, sets[i]) == 0)
			b->charset = mem_string(s->charset);
}

static void take_statement(struct sqldump_builder *b, const struct sqldump_lexer *l)
{
	CLEANUP(sqldump_statement_release) struct sqldump_statement s = {0};
	/* An INSERT has been understood when its rows began. */
	if (l->tail && is_at(b, SQLDUMP_ROWS)) {
		take_insert(b, l, at_hand(b)->name);
		s.verb = VERB_INSERT;
	} else {
		sqldump_statement_read(buf_text(&l->text), l->solid, &s);
		take_verb(b, l, &s);
		note_charset(b, &s);
	}
	note_hazards(b, l, &s);
}

static void rows_begin(struct sqldump_builder *b, const struct sqldump_lexer *l)
{
	CLEANUP(sqldump_statement_release) struct sqldump_statement s = {0};
	if (rows_go_on(b) && b->insert.len == l->text.len && memcmp(b->insert.p, l->text.p, l->text.len) == 0)
		return;
	sqldump_statement_read(buf_text(&l->text), l->text.len, &s);
	open_rows(b, l, s.name);
	note_hazards(b, l, &s);
	buf_clear(&b->insert);
	if (l->text.len < 65536)
		buf_add(&b->insert, l->text.p, l->text.len);
}

int sqldump_builder_check(const struct sqldump_builder *b, const struct sqldump_lexer *l, struct error *e)
{
	if (b->m.n > SQLDUMP_PARTS_MAX)
		return error_set(e, ERR_LIMIT, "more than %d parts: tables change all the time (line %llu)",
				 SQLDUMP_PARTS_MAX, (unsigned long long)l->line);
	if (!b->charset)
		return 0;
	error_set(e, ERR_REFUSED, "it is written in the character set %s, in which a character may end in a backslash",
		  b->charset);
	return error_hint(e, "dump it again with --default-character-set=utf8mb4, or convert it with iconv and change its SET NAMES");
}

unsigned sqldump_builder_take(struct sqldump_builder *b, const struct sqldump_lexer *l, int event)
{
	size_t before = b->m.n;
	bool in_rows = is_at(b, SQLDUMP_ROWS) && !b->unlocked;
	if (event == LEX_COMMENT) {
		take_comment(b, l);
		return 0;
	}
	b->trailer = false;
	if (event == LEX_ROWS)
		rows_begin(b, l);
	else if (event == LEX_STATEMENT)
		take_statement(b, l);
	else
		take_delimiter(b, l);
	bool left = in_rows && (b->m.n != before || b->unlocked);
	bool first = event == LEX_ROWS && at_hand(b)->rows == 0 && l->tuples == 0;
	return (left ? ROWS_ENDED : 0) | (first ? ROWS_BEGUN : 0);
}

bool sqldump_builder_skip(struct sqldump_builder *b, const struct sqldump_lexer *l, const struct manifest_table *known)
{
	if (b->pending || !sqldump_lexer_idle(l) || l->pos != known->offset || (!l->ended && l->begin != l->pos))
		return false;
	b->trailer = false;
	struct sqldump_part *p = add_part(b, SQLDUMP_ROWS, known->name, known->offset);
	p->rows = known->rows;
	p->row_hash = mem_string(known->row_hash);
	b->locked = b->unlocked = true;
	return true;
}

/* ---- the end ---- */

/* The last definition of a name is what it is; a table or view that came before a view stood in for it. */
static void settle(struct sqldump_map *m)
{
	struct map *views = map_new(), *rows = map_new();
	for (size_t i = m->n; i-- > 0;) {
		struct sqldump_part *p = &m->v[i], *later;
		size_t n = p->name ? strlen(p->name) : 0;
		m->sequences += p->kind == SQLDUMP_SEQUENCE;
		if (p->kind == SQLDUMP_ROWS && (later = map_put(rows, p->name, n, p))) {
			later->plain = p->plain = false;
		} else if ((p->kind == SQLDUMP_VIEW || (p->kind == SQLDUMP_TABLE && !map_has(rows, p->name, n))) &&
			   map_has(views, p->name, n)) {
			p->kind = SQLDUMP_STAND_IN;
			free(TAKE(p->sql));
		} else if (p->stand_in && (p->kind == SQLDUMP_VIEW || p->kind == SQLDUMP_TABLE)) {
			p->kind = SQLDUMP_STAND_IN;
			free(TAKE(p->sql));
		} else if (p->kind == SQLDUMP_VIEW) {
			map_put(views, p->name, n, p);
			m->views++;
		}
	}
	map_free(views, NULL);
	map_free(rows, NULL);
}

void sqldump_builder_finish(struct sqldump_builder *b, uint64_t end, struct sqldump_map *out)
{
	struct sqldump_map *m = &b->m;
	if ((b->pending && !is_at(b, SQLDUMP_TAIL)) || (m->n == 0 && end > 0))
		add_part(b, m->n ? SQLDUMP_OTHER : SQLDUMP_HEAD, NULL, 0);
	close_part(b);
	for (size_t i = 0; i < m->n; i++) {
		struct sqldump_part *p = &m->v[i];
		p->length = (i + 1 < m->n ? p[1].offset : end) - p->offset;
	}
	settle(m);
	m->complete = b->trailer;
	m->databases = map_count(b->databases);
	*out = *m;
	*m = (struct sqldump_map){0};
}
