/* Users of the dashboard and the API. */
#include "cli/actions.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/present.h"
#include "cli/terminal.h"
#include "job/access.h"
#include "job/record.h"
#include "job/users.h"

#include <stdlib.h>
#include <string.h>

static const struct opt options[] = {
	{"role", 0, OPT_STRING, "ROLE", "what the user may; else viewer, and admin for the very first user", "viewer|operator|admin"},
	{"new-password-file", 0, OPT_STRING, "FILE", "read the password from FILE instead of asking", NULL},
	{"no-password", 0, OPT_FLAG, NULL, "none yet: nobody can log in so, but tokens work", NULL},
	{"off", 0, OPT_FLAG, NULL, "want no one-time codes any more, when the key was lost", NULL},
	COMMON_YES,
	{0},
};

/* A change under way: the catalog, the user it is about, and who makes it. */
struct change {
	struct catalog *c;
	struct user_record u;
	struct users_by by;
	char *who;
};

static void change_release(struct change *ch)
{
	user_record_release(&ch->u);
	catalog_close(ch->c);
	free(ch->who);
}

static int change_begin(struct change *ch, bool make, const char *name, struct error *e)
{
	*ch = (struct change){.who = common_person()};
	ch->by.who = ch->who;
	int rc = record_catalog(make, &ch->c, e);

	if (rc == -ERR_NOT_FOUND)
		return error_hint(e, "backstay user add NAME");
	if (rc || !name)
		return rc;
	rc = user_find(ch->c, name, &ch->u, e);
	return rc == -ERR_NOT_FOUND ? error_hint(e, "backstay user list") : rc;
}

/* {"user": {...}}, or a sentence. */
static int show(const struct user_record *u, const char *sentence, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d = {0};

	if (!out_mode.json) {
		out_print("%s\n", sentence);
		return 0;
	}
	out_document_begin(&d);
	jw_name(&d.w, "user");
	user_json(u, &d.w);
	return out_document_end(&d, e);
}

/* ---- list ---- */

static char *state_of(const struct user_record *u)
{
	CLEANUP(strlist_release) struct strlist words = {0};

	if (u->disabled)
		strlist_add(&words, "disabled");
	if (!u->password)
		strlist_add(&words, "no password");
	if (u->totp.len)
		strlist_add(&words, "one-time codes");
	return strlist_join(&words, ", ");
}

static void print_users(const struct user_list *l)
{
	static const char *const headers[] = {"NAME", "ROLE", "LAST LOGIN", ""};
	struct table *t = table_new(headers, "Llll");

	for (size_t i = 0; i < l->n; i++) {
		AUTO_FREE char *state = state_of(&l->v[i]);
		AUTO_FREE char *login = l->v[i].last_login.tv_sec ? present_age(l->v[i].last_login) : mem_string("never");
		const char *const row[] = {l->v[i].name, role_name(l->v[i].role), login, state};

		table_row(t, row);
	}
	table_print(t);
}

static int users_document(const struct user_list *l, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;

	out_document_begin(&d);
	jw_name(&d.w, "users");
	jw_array(&d.w);
	for (size_t i = 0; i < l->n; i++)
		user_json(&l->v[i], &d.w);
	jw_array_end(&d.w);
	return out_document_end(&d, e);
}

static int list(const struct parsed *p, struct error *e)
{
	CLEANUP(change_release) struct change ch = {0};
	CLEANUP(user_list_release) struct user_list l = {0};
	int rc = change_begin(&ch, false, NULL, e);

	if (!rc)
		rc = user_list_all(ch.c, &l, e);
	if (rc)
		return rc;
	if (out_mode.json)
		return users_document(&l, e);
	if (l.n)
		print_users(&l);
	else
		out_print("there is no user yet; make one with: backstay user add NAME\n");
	return 0;
}

/* ---- add, passwd ---- */

/* The very first one has nobody to be made admin by. */
static int role_to_have(struct catalog *c, const struct parsed *p, enum role *out, struct error *e)
{
	const char *role = opt_text(p, "role");
	uint64_t users;
	int rc = user_count(c, &users, e);

	*out = users ? ROLE_VIEWER : ROLE_ADMIN;
	if (role && !role_parse(role, out))
		return error_set(e, ERR_USAGE, "there is no role \"%s\"", role);
	return rc;
}

/* Before anything is asked. */
static int not_there_yet(struct catalog *c, const char *name, struct error *e)
{
	CLEANUP(user_record_release) struct user_record u = {0};
	int rc = user_find(c, name, &u, e);

	if (!rc)
		return error_set(e, ERR_EXISTS, "there is a user named \"%s\" already", name);
	return rc == -ERR_NOT_FOUND ? 0 : rc;
}

static int add(const struct parsed *p, struct error *e)
{
	CLEANUP(change_release) struct change ch = {0};
	CLEANUP(secret_release) struct secret password = {0};
	const char *name = p->args.v[1];
	bool none = opt_flag(p, "no-password");
	enum role role;
	int rc = change_begin(&ch, true, NULL, e);

	if (!rc)
		rc = role_to_have(ch.c, p, &role, e);
	if (!rc)
		rc = not_there_yet(ch.c, name, e);
	if (!rc && !none)
		rc = common_new_password(opt_text(p, "new-password-file"), &password, e);
	if (!rc)
		rc = users_add(ch.c, &ch.by, name, role, none ? NULL : &password, &ch.u, e);
	if (rc)
		return rc;
	AUTO_FREE char *sentence = mem_printf("%s was added as %s", name, role_name(role));

	return show(&ch.u, sentence, e);
}

static int passwd(const struct parsed *p, struct error *e)
{
	CLEANUP(change_release) struct change ch = {0};
	CLEANUP(secret_release) struct secret password = {0};
	int rc = change_begin(&ch, false, p->args.v[1], e);

	if (!rc)
		rc = common_new_password(opt_text(p, "new-password-file"), &password, e);
	if (!rc)
		rc = users_password(ch.c, &ch.by, &ch.u, &password, e);
	if (rc)
		return rc;
	AUTO_FREE char *sentence = mem_printf("the password of %s was changed; whoever was logged in so is not any more", ch.u.name);

	return show(&ch.u, sentence, e);
}

/* ---- role, disable, enable, remove ---- */

static int change_role(const struct parsed *p, struct error *e)
{
	CLEANUP(change_release) struct change ch = {0};
	enum role role;

	if (!role_parse(p->args.v[2], &role))
		return error_set(e, ERR_USAGE, "there is no role \"%s\"; it is one of: viewer, operator, admin", p->args.v[2]);
	int rc = change_begin(&ch, false, p->args.v[1], e);

	if (!rc)
		rc = users_role(ch.c, &ch.by, &ch.u, role, e);
	if (rc)
		return rc;
	AUTO_FREE char *sentence = mem_printf("%s is %s now", ch.u.name, role_name(role));

	return show(&ch.u, sentence, e);
}

static int set_disabled(const struct parsed *p, bool disabled, struct error *e)
{
	CLEANUP(change_release) struct change ch = {0};
	int rc = change_begin(&ch, false, p->args.v[1], e);

	if (!rc)
		rc = users_disable(ch.c, &ch.by, &ch.u, disabled, e);
	if (rc)
		return rc;
	AUTO_FREE char *sentence = mem_printf("%s is %s now", ch.u.name, disabled ? "disabled" : "enabled");

	return show(&ch.u, sentence, e);
}

static int disable(const struct parsed *p, struct error *e)
{
	return set_disabled(p, true, e);
}

static int enable(const struct parsed *p, struct error *e)
{
	return set_disabled(p, false, e);
}

static int remove_user(const struct parsed *p, struct error *e)
{
	CLEANUP(change_release) struct change ch = {0};
	int rc = change_begin(&ch, false, p->args.v[1], e);

	if (rc)
		return rc;
	AUTO_FREE char *question = mem_printf("Remove %s, with all sessions and tokens?", ch.u.name);

	if (out_mode.interactive)
		rc = out_confirm(opt_flag(p, "yes"), question, e);
	if (!rc)
		rc = users_remove(ch.c, &ch.by, &ch.u, e);
	if (rc)
		return rc;
	AUTO_FREE char *sentence = mem_printf("%s was removed", ch.u.name);

	return show(&ch.u, sentence, e);
}

/* ---- totp ---- */

/* The key is for a person's eyes: it goes to the terminal, nowhere else. */
static int ask_for_code(const struct user_record *u, const struct secret *key, struct secret *code, struct error *e)
{
	AUTO_FREE char *text = access_totp_text(key);
	AUTO_FREE char *url = access_totp_url(u->name, key);
	CLEANUP(buf_release) struct buf prompt = BUF_INIT;

	if (!terminal_present()) {
		error_set(e, ERR_USAGE, "there is no terminal to show the key on");
		return error_hint(e, "turn codes on in the dashboard");
	}
	buf_printf(&prompt, "The key for the app that makes the codes:\n  %s\nor as a link:\n  %s\ncode that it shows now: ", text, url);
	int rc = terminal_secret(buf_text(&prompt), code, e);

	secret_wipe(text, strlen(text));
	secret_wipe(url, strlen(url));
	secret_wipe(prompt.p, prompt.cap);
	return rc;
}

static int totp_on(struct change *ch, struct error *e)
{
	CLEANUP(secret_release) struct secret key = {0}, code = {0};

	access_totp_key(&key);
	int rc = ask_for_code(&ch->u, &key, &code, e);

	if (rc)
		return rc;
	rc = users_totp(ch->c, &ch->by, &ch->u, &key, (const char *)code.p, time_now().tv_sec, e);
	return rc == -ERR_PASSWORD ? error_hint(e, "is the clock right, here and in the app?") : rc;
}

static int totp(const struct parsed *p, struct error *e)
{
	CLEANUP(change_release) struct change ch = {0};
	bool off = opt_flag(p, "off");
	int rc = change_begin(&ch, false, p->args.v[1], e);

	if (!rc)
		rc = off ? users_totp_off(ch.c, &ch.by, &ch.u, e) : totp_on(&ch, e);
	if (rc)
		return rc;
	AUTO_FREE char *sentence = mem_printf("%s logs in with %s now", ch.u.name, off ? "the password alone" : "a one-time code too");

	return show(&ch.u, sentence, e);
}

/* ---- the command ---- */

static const struct action actions[] = {
	{"add", 1, 1, "NAME", "role|new-password-file|no-password", add},
	{"list", 0, 0, "", NULL, list},
	{"passwd", 1, 1, "NAME", "new-password-file", passwd},
	{"role", 2, 2, "NAME ROLE", NULL, change_role},
	{"disable", 1, 1, "NAME", NULL, disable},
	{"enable", 1, 1, "NAME", NULL, enable},
	{"remove", 1, 1, "NAME", "yes", remove_user},
	{"totp", 1, 1, "NAME", "off", totp},
	{0},
};

static int run(const struct parsed *p, struct error *e)
{
	return actions_run(actions, p, e);
}

const struct command cmd_user = {
	.name = "user",
	.arguments = "ACTION [NAME]",
	.summary = "users of the dashboard and the API",
	.details =
		"ACTION is add, list, passwd, role, disable, enable, remove or totp.\n"
		"\n"
		"A viewer sees everything but secrets. An operator also makes backups, verifies\n"
		"and exports. An admin also restores, deletes and configures. The last admin who\n"
		"can log in stays.\n"
		"\n"
		"\"passwd\" and \"disable\" end what the user is logged in with. \"totp\" wants a\n"
		"one-time code at each login (TOTP, RFC 6238): it shows the key for an app, and\n"
		"asks for the first code.\n",
	.examples =
		"backstay user add maria --role operator\n"
		"backstay user passwd maria\n"
		"backstay user role maria admin\n"
		"backstay user totp maria --off\n"
		"backstay user list --json\n",
	.min_args = 1,
	.max_args = 3,
	.choices = "add|list|passwd|role|disable|enable|remove|totp",
	.options = options,
	.run = run,
};
