/* Settings, and the whole configuration as one file. */
#include "base/fs.h"
#include "catalog/audit.h"
#include "catalog/setting.h"
#include "cli/actions.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "job/configuration.h"
#include "job/record.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const struct opt options[] = {
	{"default", 0, OPT_FLAG, NULL, "set: back to the default", NULL},
	{"value-file", 0, OPT_STRING, "FILE", "set: the value is the first line of FILE; - is standard input", NULL},
	{"output", 'o', OPT_STRING, "FILE", "export: write FILE instead of standard output", NULL},
	{"with-secrets", 0, OPT_FLAG, NULL, "export: secrets too, sealed with a passphrase", NULL},
	{"passphrase-file", 0, OPT_STRING, "FILE", "export, apply: the passphrase is the first line of FILE; - is standard input", NULL},
	{"without-secrets", 0, OPT_FLAG, NULL, "apply: pass over the file's secrets", NULL},
	{"replace", 0, OPT_FLAG, NULL, "apply: remove what the file does not name", NULL},
	{"dry-run", 0, OPT_FLAG, NULL, "apply: only show what would change", NULL},
	COMMON_YES,
	{0},
};

static void close_catalog(struct catalog **c)
{
	catalog_close(*c);
}

/* ---- show ---- */

/* Without a state folder there is no catalog, and the other places still say something. */
static int open_if_there(struct catalog **c, struct error *e)
{
	int rc = record_catalog(false, c, e);
	if (rc != -ERR_NOT_FOUND)
		return rc;
	error_clear(e);
	*c = NULL;
	return 0;
}

/* As it counts now; a secret as "known" or "". Heap. */
static int value_of(struct catalog *c, const struct setting *s, char **out, enum setting_origin *origin, struct error *e)
{
	AUTO_FREE char *text = NULL;
	int rc = setting_text(c, s->name, &text, origin, e);
	if (rc)
		return rc;
	if (s->type != SETTING_SECRET) {
		*out = TAKE(text);
		return 0;
	}
	*out = mem_string(*text ? "known" : "");
	secret_wipe(text, strlen(text));
	return 0;
}

static int print_settings(struct catalog *c, struct error *e)
{
	static const char *const headers[] = {"NAME", "VALUE", "FROM", "WHAT FOR"};
	struct table *t = table_new(headers, "lLlL");
	int rc = 0;
	for (const struct setting *s = settings; !rc && s->name; s++) {
		AUTO_FREE char *value = NULL;
		enum setting_origin origin = SETTING_DEFAULT;
		rc = value_of(c, s, &value, &origin, e);
		const char *const row[] = {s->name, value, setting_origin_name(origin), s->help};
		if (!rc)
			table_row(t, row);
	}
	table_print(t);
	return rc;
}

static int settings_document(struct catalog *c, const struct strlist *notes, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;
	out_document_begin(&d);
	jw_name(&d.w, "settings");
	int rc = settings_json(c, &d.w, e);
	jw_name(&d.w, "notes");
	jw_array(&d.w);
	for (size_t i = 0; i < notes->n; i++)
		jw_string(&d.w, notes->v[i]);
	jw_array_end(&d.w);
	return rc ? rc : out_document_end(&d, e);
}

static int show_one(struct catalog *c, const char *name, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d = {0};
	AUTO_FREE char *value = NULL;
	enum setting_origin origin;
	const struct setting *s = setting_find(name);
	if (!s)
		return setting_text(c, name, &value, NULL, e);
	int rc = value_of(c, s, &value, &origin, e);
	if (rc)
		return rc;
	if (!out_mode.json) {
		out_print("%s\n", value);
		return 0;
	}
	out_document_begin(&d);
	jw_kv_string(&d.w, "name", s->name);
	jw_kv_string(&d.w, "value", value);
	jw_kv_string(&d.w, "origin", setting_origin_name(origin));
	return out_document_end(&d, e);
}

static int show(const struct parsed *p, struct error *e)
{
	CLEANUP(close_catalog) struct catalog *c = NULL;
	CLEANUP(strlist_release) struct strlist notes = {0};
	int rc = open_if_there(&c, e);
	if (rc)
		return rc;
	if (p->args.n > 1)
		return show_one(c, p->args.v[1], e);
	rc = setting_notes(&notes, e);
	if (rc)
		return rc;
	if (out_mode.json)
		return settings_document(c, &notes, e);
	for (size_t i = 0; i < notes.n; i++)
		out_warn("%s", notes.v[i]);
	return print_settings(c, e);
}

/* ---- set ---- */

/* NULL in *out: back to the default. */
static int new_value(const struct parsed *p, const struct setting *s, struct secret *read, const char **out, struct error *e)
{
	const char *file = opt_text(p, "value-file"), *given = p->args.n > 2 ? p->args.v[2] : NULL;
	*out = given;
	if ((given != NULL) + (file != NULL) + opt_flag(p, "default") != 1)
		return error_set(e, ERR_USAGE, "config set needs one of VALUE, --value-file FILE and --default");
	if (given && s && s->type == SETTING_SECRET) {
		error_set(e, ERR_USAGE, "%s is a secret, and the command line is no place for it", s->name);
		return error_hint(e, "give --value-file FILE");
	}
	if (!file)
		return 0;
	int rc = common_secret_from_file(file, read, e);
	*out = read->len ? (const char *)read->p : "";
	return rc ? error_wrap(e, "reading the value") : 0;
}

static int set(const struct parsed *p, struct error *e)
{
	CLEANUP(close_catalog) struct catalog *c = NULL;
	CLEANUP(secret_release) struct secret read = {0};
	AUTO_FREE char *who = common_person();
	const char *name = p->args.v[1], *value;
	const struct setting *s = setting_find(name);
	int rc = new_value(p, s, &read, &value, e);
	if (!rc)
		rc = record_catalog(true, &c, e);
	if (!rc)
		rc = catalog_begin(c, e);
	if (rc)
		return rc;
	rc = setting_set(c, name, value, e);
	if (!rc)
		rc = audit_add(c, who, NULL, "setting-change", name, e, "%s", !value ? "back to the default" : s && s->type == SETTING_SECRET ? "a new secret" : value);
	rc = catalog_end(c, rc, e);
	return rc ? rc : show_one(c, name, e);
}

/* ---- export ---- */

/* A document of one line, for people and their version control. */
static void indent(const struct buf *line, struct buf *out)
{
	int depth = 0;
	bool quoted = false;
	for (size_t i = 0; i < line->len; i++) {
		char c = (char)line->p[i], next = i + 1 < line->len ? (char)line->p[i + 1] : '\0';
		bool empty = (c == '{' && next == '}') || (c == '[' && next == ']');
		if (quoted && c == '\\') {
			buf_add(out, line->p + i++, 2);
			continue;
		}
		quoted ^= c == '"';
		if (!quoted && (c == '}' || c == ']')) {
			depth--;
			buf_printf(out, "\n%*s", 2 * depth, "");
		}
		buf_add_byte(out, (unsigned char)c);
		if (quoted)
			continue;
		if (empty) {
			buf_add_byte(out, line->p[++i]);
		} else if (c == '{' || c == '[' || c == ',') {
			depth += c != ',';
			buf_printf(out, "\n%*s", 2 * depth, "");
		} else if (c == ':') {
			buf_add_byte(out, ' ');
		}
	}
	buf_add_byte(out, '\n');
}

static int write_out(const char *file, const struct buf *text, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d = {0};
	if (!file || !strcmp(file, "-")) {
		if (fs_write_full(STDOUT_FILENO, text->p, text->len) != 0)
			return error_sys(e, errno, "writing the configuration");
		return 0;
	}
	int rc = fs_write_atomic(file, text->p, text->len, 0600, e);
	if (rc)
		return rc;
	if (!out_mode.json) {
		out_say("the configuration is in %s", file);
		return 0;
	}
	out_document_begin(&d);
	jw_kv_string(&d.w, "output", file);
	jw_kv_u64(&d.w, "bytes", text->len);
	return out_document_end(&d, e);
}

static int export(const struct parsed *p, struct error *e)
{
	CLEANUP(close_catalog) struct catalog *c = NULL;
	CLEANUP(secret_release) struct secret phrase = {0};
	CLEANUP(buf_release) struct buf line = BUF_INIT, text = BUF_INIT;
	struct json_out w;
	bool secrets = opt_flag(p, "with-secrets");
	if (opt_flag(p, "passphrase-file") && !secrets)
		return error_set(e, ERR_USAGE, "a passphrase is of use with --with-secrets only");
	int rc = record_catalog(false, &c, e);
	if (!rc && secrets)
		rc = common_new_password(opt_text(p, "passphrase-file"), &phrase, e);
	if (rc)
		return rc;
	jw_init(&w, &line);
	rc = configuration_export(c, secrets ? &phrase : NULL, &w, e);
	if (rc)
		return rc;
	indent(&line, &text);
	return write_out(opt_text(p, "output"), &text, e);
}

/* ---- apply ---- */

static int read_document(const char *path, struct buf *text, struct error *e)
{
	return fs_read_file(strcmp(path, "-") ? path : "/dev/stdin", CONFIGURATION_MAX, text, e);
}

static int find_passphrase(const struct parsed *p, const struct buf *text, struct secret *phrase, struct error *e)
{
	const char *file = opt_text(p, "passphrase-file");
	if (file)
		return common_secret_from_file(file, phrase, e) ? error_wrap(e, "reading the passphrase") : 0;
	if (opt_flag(p, "without-secrets") || !configuration_has_secrets(text->p, text->len))
		return 0;
	error_set(e, ERR_PASSWORD, "the configuration has sealed secrets, and no passphrase was given");
	error_hint(e, "give --passphrase-file FILE, or --without-secrets");
	int rc = common_ask_password("passphrase of the configuration: ", phrase, e);
	if (!rc)
		error_clear(e);
	return rc;
}

static int show_changes(const struct strlist *changes, bool dry_run, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d = {0};
	if (!out_mode.json) {
		for (size_t i = 0; i < changes->n; i++)
			out_print("%s\n", changes->v[i]);
		if (!changes->n)
			out_print("nothing changes\n");
		return 0;
	}
	out_document_begin(&d);
	jw_kv_bool(&d.w, "dry_run", dry_run);
	jw_name(&d.w, "changes");
	jw_array(&d.w);
	for (size_t i = 0; i < changes->n; i++)
		jw_string(&d.w, changes->v[i]);
	jw_array_end(&d.w);
	return out_document_end(&d, e);
}

/* What would be removed is said before, and has to be agreed to. */
static int confirm(struct catalog *c, const struct buf *text, struct configuration_apply how, bool yes, struct error *e)
{
	CLEANUP(strlist_release) struct strlist changes = {0};
	size_t removed = 0;
	how.dry_run = true;
	int rc = configuration_apply(c, text->p, text->len, &how, &changes, e);
	for (size_t i = 0; !rc && i < changes.n; i++) {
		const char *end = strstr(changes.v[i], " is removed");
		if (!end || end[strlen(" is removed")])
			continue;
		out_say("%s", changes.v[i]);
		removed++;
	}
	AUTO_FREE char *question = mem_printf("remove %zu of what is configured?", removed);
	return rc || !removed ? rc : out_confirm(yes, question, e);
}

static int apply(const struct parsed *p, struct error *e)
{
	CLEANUP(close_catalog) struct catalog *c = NULL;
	CLEANUP(secret_release) struct secret phrase = {0};
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	CLEANUP(strlist_release) struct strlist changes = {0};
	AUTO_FREE char *who = common_person();
	int rc = read_document(p->args.v[1], &text, e);
	if (!rc)
		rc = find_passphrase(p, &text, &phrase, e);
	if (!rc)
		rc = record_catalog(true, &c, e);
	if (rc)
		return rc;
	const struct configuration_apply how = {
		.passphrase = phrase.len ? &phrase : NULL, .replace = opt_flag(p, "replace"), .dry_run = opt_flag(p, "dry-run"), .who = who};
	if (how.replace && !how.dry_run)
		rc = confirm(c, &text, how, opt_flag(p, "yes"), e);
	if (!rc)
		rc = configuration_apply(c, text.p, text.len, &how, &changes, e);
	return rc ? rc : show_changes(&changes, how.dry_run, e);
}

/* ---- the command ---- */

static const struct action actions[] = {
	{"show", 0, 1, "[NAME]", NULL, show},
	{"set", 1, 2, "NAME [VALUE]", "default|value-file", set},
	{"export", 0, 0, "", "output|with-secrets|passphrase-file", export},
	{"apply", 1, 1, "FILE", "passphrase-file|without-secrets|replace|dry-run|yes", apply},
	{0},
};

static int run(const struct parsed *p, struct error *e)
{
	return actions_run(actions, p, e);
}

const struct command cmd_config = {
	.name = "config",
	.arguments = "show [NAME]|set NAME VALUE|export|apply FILE",
	.summary = "settings, and everything that is configured as one file",
	.details =
		"Settings come from the environment, the file that BACKSTAY_CONFIG names, the\n"
		"catalog (set), and defaults, in this order.\n"
		"\n"
		"The file of export and apply has settings, repositories, sources, schedules,\n"
		"notices and users. Secrets are in it only with --with-secrets, and sealed.\n"
		"apply changes all or nothing.\n",
	.examples =
		"backstay config show\n"
		"backstay config set retention_days 60\n"
		"backstay config export -o backstay.json\n"
		"backstay config apply backstay.json --dry-run\n",
	.min_args = 1,
	.max_args = 3,
	.choices = "show|set|export|apply",
	.options = options,
	.run = run,
};
