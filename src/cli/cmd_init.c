#include "cli/cmd.h"
#include "cli/common.h"

static const struct opt options[] = {
	{"ask-password", 0, OPT_FLAG, NULL, "ask for a password of your own, unless the environment has one", NULL},
	{0},
};

/* repository_init() asks with a prompt for an existing password; a new one is typed twice. */
static int ask_new(const char *prompt, struct secret *password, struct error *e)
{
	return common_new_password(NULL, password, e);
}

static int document(const struct repository *r, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;

	common_document_begin(&d, r);
	jw_kv_string(&d.w, "id", r->repo->config.id);
	jw_kv_i64(&d.w, "format_version", r->repo->config.version);
	jw_kv_string(&d.w, "password_file", r->password_file);
	jw_kv_string(&d.w, "recovery_sheet", r->recovery_sheet);
	return out_document_end(&d, e);
}

static int run(const struct parsed *p, struct error *e)
{
	CLEANUP(repository_release) struct repository r = {0};
	int rc = common_locate(p, &r, e);

	if (!rc)
		rc = repository_init(&r, opt_flag(p, "ask-password") ? ask_new : NULL, e);
	if (rc)
		return rc;
	common_say_made(&r);
	if (out_mode.json)
		return document(&r, e);
	out_print("made a new repository at %s\n", r.location);
	return 0;
}

const struct command cmd_init = {
	.name = "init",
	.arguments = "",
	.summary = "make a repository",
	.details =
		"Without a password in the environment (BACKSTAY_PASSWORD,\n"
		"BACKSTAY_PASSWORD_FILE, RESTIC_PASSWORD ...) one is made up and kept in a\n"
		"private file on this machine. A recovery sheet is written that tells how to\n"
		"restore with restic alone: keep it apart from this machine.\n",
	.examples =
		"backstay init\n"
		"backstay init --repo /mnt/disk/backups\n"
		"backstay init --ask-password\n",
	.max_args = 0,
	.options = options,
	.run = run,
};
