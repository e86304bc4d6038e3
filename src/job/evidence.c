/* What verifications showed, kept in the state folder: evidence/<repository id>/<first id of the backup>.json. */
#include "job/verify.h"

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "job/password.h"

#include <string.h>
#include <unistd.h>

#define EVIDENCE_MAX ((size_t)1 << 20)

/* The id that a backup had before its tags were changed. */
static const struct id *first_id(const struct snapshot *s)
{
	return s->has_original ? &s->original : &s->id;
}

static int file_for(const char *repository_id, const struct snapshot *s, bool make, char **out, struct error *e)
{
	AUTO_FREE char *state = NULL;
	char hex[ID_HEX_LEN + 1];
	int rc = password_state_dir(false, &state, e);

	if (rc)
		return rc;
	AUTO_FREE char *dir = mem_printf("%s/evidence/%s", state, repository_id);

	if (make)
		rc = fs_make_dirs(dir, 0700, e);
	if (!rc)
		*out = mem_printf("%s/%s.json", dir, id_hex(first_id(s), hex));
	return rc;
}

static bool is_text(struct json *j, struct buf *scratch, const char *wanted)
{
	json_string(j, scratch);
	return !strcmp(buf_text(scratch), wanted);
}

static void read_time(struct json *j, struct buf *scratch, struct timespec *out)
{
	json_string(j, scratch);
	if (!time_from_rfc3339(buf_text(scratch), scratch->len, out, NULL))
		json_fail(j, "not a time");
}

static void read_lines(struct json *j, struct strlist *out)
{
	json_array_begin(j);
	while (json_element(j)) {
		char *line = json_string_dup(j);

		if (line)
			strlist_take(out, line);
	}
}

/* Fills in *b, and lines (unless NULL), only when the text is about it. */
static int parse(const struct buf *text, const char *repository_id, struct backup *b, struct strlist *lines,
		 struct error *e)
{
	CLEANUP(strlist_release) struct strlist evidence = {0};
	CLEANUP(strlist_release) struct strlist problems = {0};
	CLEANUP(buf_release) struct buf s = BUF_INIT;
	bool same_repository = false, same_backup = false, same_tree = false, ok = false;
	char hex[ID_HEX_LEN + 1];
	struct timespec when = {0};
	uint64_t level = 0;
	struct json j;

	json_init(&j, text->p, text->len);
	json_object_begin(&j);
	while (json_member(&j))
		if (json_name_is(&j, "repository"))
			same_repository = is_text(&j, &s, repository_id);
		else if (json_name_is(&j, "backup"))
			same_backup = is_text(&j, &s, id_hex(first_id(&b->snapshot), hex));
		else if (json_name_is(&j, "tree"))
			same_tree = is_text(&j, &s, id_hex(&b->snapshot.tree, hex));
		else if (json_name_is(&j, "level"))
			level = json_u64(&j);
		else if (json_name_is(&j, "ok"))
			ok = json_bool(&j);
		else if (json_name_is(&j, "time"))
			read_time(&j, &s, &when);
		else if (json_name_is(&j, "evidence"))
			read_lines(&j, &evidence);
		else if (json_name_is(&j, "problems"))
			read_lines(&j, &problems);
		else
			json_skip(&j);
	if (level > LEVEL_COMPARED)
		json_fail(&j, "unknown level");
	if (!same_repository || !same_backup || !same_tree)
		json_fail(&j, "about another backup");
	int rc = json_finish(&j, e);

	if (rc)
		return rc;
	b->level = (enum verify_level)level;
	b->verify_failed = !ok;
	b->verified = when;
	if (lines)
		strlist_copy(lines, ok ? &evidence : &problems);
	return 0;
}

static void load(const char *repository_id, struct backup *b, struct strlist *lines)
{
	AUTO_FREE char *file = NULL;
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	struct error ignored = {0};
	int rc = file_for(repository_id, &b->snapshot, false, &file, &ignored);

	if (!rc)
		rc = fs_read_file(file, EVIDENCE_MAX, &text, &ignored);
	if (!rc)
		rc = parse(&text, repository_id, b, lines, &ignored);
	(void)rc;
}

void evidence_load(const char *repository_id, struct backup *b)
{
	load(repository_id, b, NULL);
}

void evidence_lines(const char *repository_id, const struct snapshot *s, struct strlist *lines)
{
	struct backup b = {.snapshot = *s};

	load(repository_id, &b, lines);
}

void evidence_drop(const char *repository_id, const struct snapshot *s)
{
	AUTO_FREE char *file = NULL;
	struct error ignored = {0};

	if (file_for(repository_id, s, false, &file, &ignored) == 0)
		unlink(file);
}

static void write_lines(struct json_out *w, const char *name, const struct strlist *l)
{
	jw_name(w, name);
	jw_array(w);
	for (size_t i = 0; i < l->n; i++)
		jw_string(w, l->v[i]);
	jw_array_end(w);
}

int evidence_save(const char *repository_id, const struct snapshot *s, const struct verify_result *v, struct error *e)
{
	AUTO_FREE char *file = NULL;
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	struct json_out w;
	char now[TIME_RFC3339_MAX], hex[ID_HEX_LEN + 1];
	int rc = file_for(repository_id, s, true, &file, e);

	if (rc)
		return error_wrap(e, "keeping the result of the verification");
	time_to_rfc3339(time_now(), 0, now);
	jw_init(&w, &text);
	jw_object(&w);
	jw_kv_string(&w, "repository", repository_id);
	jw_kv_string(&w, "backup", id_hex(first_id(s), hex));
	jw_kv_string(&w, "tree", id_hex(&s->tree, hex));
	jw_kv_u64(&w, "level", v->reached);
	jw_kv_bool(&w, "ok", v->ok);
	jw_kv_string(&w, "time", now);
	write_lines(&w, "evidence", &v->evidence);
	write_lines(&w, "problems", &v->problems);
	jw_object_end(&w);
	rc = fs_write_atomic(file, text.p, text.len, 0600, e);
	return rc ? error_wrap(e, "keeping the result of the verification") : 0;
}
