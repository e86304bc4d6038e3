/* API tokens. */
#include "cli/actions.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/present.h"
#include "job/record.h"
#include "job/users.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct opt options[] = {
	{"user", 0, OPT_STRING, "USER", "whom it acts for", NULL},
	{"scope", 0, OPT_STRING, "ROLE", "the most it may, and never more than its user", "viewer|operator|admin"},
	{"expires", 0, OPT_DURATION, "DURATION", "how long it is valid: 90d, 1y; else until it is revoked", NULL},
	{0},
};

static int open_for(const char *user, struct catalog **c, struct user_record *u, struct error *e)
{
	int rc = record_catalog(false, c, e);

	if (rc || !user)
		return rc;
	rc = user_find(*c, user, u, e);
	return rc == -ERR_NOT_FOUND ? error_hint(e, "backstay user list") : rc;
}

static void close_catalog(struct catalog **c)
{
	catalog_close(*c);
}

/* ---- list ---- */

static void print_tokens(const struct token_list *l)
{
	static const char *const headers[] = {"NAME", "USER", "SCOPE", "LAST USED", "EXPIRES", "ID"};
	struct table *t = table_new(headers, "LLlllr");

	for (size_t i = 0; i < l->n; i++) {
		const struct token_record *k = &l->v[i];
		AUTO_FREE char *used = k->used.tv_sec ? present_age(k->used) : mem_string("never");
		AUTO_FREE char *expires = k->expires.tv_sec ? present_age(k->expires) : mem_string("never");
		AUTO_FREE char *id = mem_printf("%lld", (long long)k->id);
		const char *const row[] = {k->name, k->user_name, role_name(k->scope), used, expires, id};

		table_row(t, row);
	}
	table_print(t);
}

static int tokens_document(const struct token_list *l, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;

	out_document_begin(&d);
	jw_name(&d.w, "tokens");
	jw_array(&d.w);
	for (size_t i = 0; i < l->n; i++)
		token_json(&l->v[i], &d.w);
	jw_array_end(&d.w);
	return out_document_end(&d, e);
}

static int list(const struct parsed *p, struct error *e)
{
	CLEANUP(close_catalog) struct catalog *c = NULL;
	CLEANUP(user_record_release) struct user_record u = {0};
	CLEANUP(token_list_release) struct token_list l = {0};
	int rc = open_for(opt_text(p, "user"), &c, &u, e);

	if (!rc)
		rc = token_list_of(c, u.id, &l, e);
	if (rc)
		return rc;
	if (out_mode.json)
		return tokens_document(&l, e);
	if (l.n)
		print_tokens(&l);
	else
		out_print("there is no token yet\n");
	return 0;
}

/* ---- add ---- */

static int show_added(const struct token_record *t, const char *text, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d = {0};

	if (!out_mode.json) {
		out_print("%s\n", text);
		out_say("keep it: it is not shown again");
		return 0;
	}
	out_document_begin(&d);
	jw_name(&d.w, "token");
	token_json(t, &d.w);
	jw_kv_string(&d.w, "text", text);
	return out_document_end(&d, e);
}

static int add(const struct parsed *p, struct error *e)
{
	CLEANUP(close_catalog) struct catalog *c = NULL;
	CLEANUP(user_record_release) struct user_record u = {0};
	CLEANUP(token_record_release) struct token_record t = {0};
	AUTO_FREE char *who = common_person();
	AUTO_FREE char *text = NULL;
	const char *user = opt_text(p, "user"), *scope = opt_text(p, "scope");
	enum role role;

	if (!user || !scope || !role_parse(scope, &role))
		return error_set(e, ERR_USAGE, "token add needs --user USER and --scope viewer, operator or admin");
	if (opt_flag(p, "expires") && !opt_get(p, "expires")->number)
		return error_set(e, ERR_USAGE, "--expires 0: it would not be valid at all");
	int rc = open_for(user, &c, &u, e);

	if (!rc)
		rc = users_token_add(c, &(struct users_by){.who = who}, &u, p->args.v[1], role, opt_get(p, "expires")->number, &t, &text, e);
	if (rc)
		return rc;
	rc = show_added(&t, text, e);
	secret_wipe(text, strlen(text));
	return rc;
}

/* ---- revoke ---- */

/* By name, or by number when none has that name. */
static int choose(const struct token_list *l, const char *which, int64_t *id, struct error *e)
{
	size_t found = 0;

	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->v[i].name, which)) {
			*id = l->v[i].id;
			found++;
		}
	if (found > 1) {
		error_set(e, ERR_USAGE, "%zu users have a token named \"%s\"", found, which);
		return error_hint(e, "say whose with --user, or give its ID");
	}
	for (size_t i = 0; !found && i < l->n; i++) {
		AUTO_FREE char *number = mem_printf("%lld", (long long)l->v[i].id);

		if (!strcmp(number, which)) {
			*id = l->v[i].id;
			found++;
		}
	}
	if (found)
		return 0;
	error_set(e, ERR_NOT_FOUND, "there is no token \"%s\"", which);
	return error_hint(e, "backstay token list");
}

static int show_revoked(const struct token_record *t, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d = {0};

	if (!out_mode.json) {
		out_print("token %s of %s is not valid any more\n", t->name, t->user_name);
		return 0;
	}
	out_document_begin(&d);
	jw_name(&d.w, "token");
	token_json(t, &d.w);
	return out_document_end(&d, e);
}

static int revoke(const struct parsed *p, struct error *e)
{
	CLEANUP(close_catalog) struct catalog *c = NULL;
	CLEANUP(user_record_release) struct user_record u = {0};
	CLEANUP(token_list_release) struct token_list l = {0};
	CLEANUP(token_record_release) struct token_record t = {0};
	AUTO_FREE char *who = common_person();
	int64_t id = 0;
	int rc = open_for(opt_text(p, "user"), &c, &u, e);

	if (!rc)
		rc = token_list_of(c, u.id, &l, e);
	if (!rc)
		rc = choose(&l, p->args.v[1], &id, e);
	if (!rc)
		rc = token_get(c, id, &t, e);
	if (!rc)
		rc = users_token_revoke(c, &(struct users_by){.who = who}, id, e);
	return rc ? rc : show_revoked(&t, e);
}

/* ---- the command ---- */

static const struct action actions[] = {
	{"add", 1, 1, "NAME --user USER --scope ROLE", "user|scope|expires", add},
	{"list", 0, 0, "", "user", list},
	{"revoke", 1, 1, "NAME|ID", "user", revoke},
	{0},
};

static int run(const struct parsed *p, struct error *e)
{
	return actions_run(actions, p, e);
}

const struct command cmd_token = {
	.name = "token",
	.arguments = "add NAME|list|revoke NAME",
	.summary = "tokens for programs that use the API",
	.details =
		"A token acts for its user, with the least of its scope and the user's role. It\n"
		"is shown once, and kept as a hash. It goes into the header of a request:\n"
		"\n"
		"Authorization: Bearer bst_...\n",
	.examples =
		"backstay token add ci --user maria --scope operator --expires 90d\n"
		"backstay token list\n"
		"backstay token revoke ci --user maria\n",
	.min_args = 1,
	.max_args = 2,
	.choices = "add|list|revoke",
	.options = options,
	.run = run,
};
