/* The program: its commands and common options, and how it ends. */
#include "catalog/setting.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/conceal.h"
#include "cli/exit.h"
#include "cli/names.h"
#include "cli/recorded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* In the order of the help. */
const struct command *const commands[] = {
	&cmd_init,
	&cmd_backup,
	&cmd_list,
	&cmd_show,
	&cmd_ls,
	&cmd_dump,
	&cmd_restore,
	&cmd_verify,
	&cmd_diff,
	&cmd_query,
	&cmd_export,
	&cmd_info,
	&cmd_optimize,
	&cmd_check_tables,
	&cmd_repair,
	&cmd_forget,
	&cmd_cleanup,
	&cmd_pin,
	&cmd_unpin,
	&cmd_prune,
	&cmd_check,
	&cmd_unlock,
	&cmd_key,
	&cmd_source,
	&cmd_repository,
	&cmd_schedule,
	&cmd_job,
	&cmd_catalog,
	&cmd_notice,
	&cmd_user,
	&cmd_token,
	&cmd_audit,
	&cmd_config,
	&cmd_serve,
	&cmd_completion,
	&cmd_help,
	NULL,
};

const struct opt global_options[] = {
	{"repo", 'r', OPT_STRING, "PLACE", "the repository, by place or name; else BACKSTAY_REPOSITORY, else the default one", NULL},
	{"json", 0, OPT_FLAG, NULL, "one JSON document on standard output, errors included", NULL},
	{"quiet", 'q', OPT_FLAG, NULL, "say nothing but results, warnings and errors", NULL},
	{"verbose", 'v', OPT_FLAG, NULL, "say more; with --json show progress", NULL},
	{"wait", 0, OPT_DURATION, "DURATION", "wait so long for a locked repository or source: 30s, 10m, 2h", NULL},
	{"help", 'h', OPT_FLAG, NULL, "show this help", NULL},
	{"version", 0, OPT_FLAG, NULL, "show the version", NULL},
	{0},
};

/* Before the command line is understood: its own errors obey --json too. */
static bool wants_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (!strcmp(argv[i], "--json"))
			return true;
	return false;
}

static void set_out(const struct parsed *p)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	out_mode.json = opt_flag(p, "json");
	out_mode.quiet = opt_flag(p, "quiet");
	out_mode.verbose = opt_flag(p, "verbose");
	out_mode.color = isatty(STDOUT_FILENO) && !(no_color && *no_color) && !(term && !strcmp(term, "dumb"));
	out_mode.interactive = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

static int print_version(struct error *e)
{
	CLEANUP(out_document_release) struct out_document d = {0};

	if (!out_mode.json) {
		out_print("backstay %s\n", BACKSTAY_VERSION);
		return 0;
	}
	out_document_begin(&d);
	jw_kv_string(&d.w, "version", BACKSTAY_VERSION);
	return out_document_end(&d, e);
}

static int run(struct parsed *p, struct error *e)
{
	set_out(p);
	if (opt_flag(p, "version"))
		return print_version(e);
	if (opt_flag(p, "help")) {
		opt_print_help(p->command);
		return 0;
	}
	int rc = setting_environment(e);

	return rc ? rc : recorded_end(common_run(p, e), e);
}

static int run_line(int argc, char **argv, struct error *e)
{
	CLEANUP(opt_release) struct parsed p;
	int rc = opt_parse(argc, argv, &p, e);

	if (!rc)
		rc = run(&p, e);
	names_close();
	return rc;
}

int main(int argc, char **argv)
{
	struct error e = {0}, late = {0};
	int rc = 0;

	common_prepare_process();
	common_catch_signals();
	char **own = conceal_arguments(argc, argv);

	out_mode.json = wants_json(argc, own);
	if (argc == 1)
		opt_print_help(NULL);
	else
		rc = run_line(argc, own, &e);
	if (rc)
		out_error(&e);
	int written = out_finish(&late);

	if (written && !rc)
		out_error(&late);
	return exit_code_of((enum err_kind) - (rc ? rc : written));
}
