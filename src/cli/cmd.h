/* The commands, each in its file. */
#ifndef CLI_CMD_H
#define CLI_CMD_H

#include "cli/opt.h"

/* One a line, in the order of the help. */
extern const struct command
	cmd_init,
	cmd_backup,
	cmd_list,
	cmd_show,
	cmd_ls,
	cmd_dump,
	cmd_restore,
	cmd_verify,
	cmd_diff,
	cmd_query,
	cmd_export,
	cmd_info,
	cmd_optimize,
	cmd_check_tables,
	cmd_repair,
	cmd_forget,
	cmd_cleanup,
	cmd_pin,
	cmd_unpin,
	cmd_prune,
	cmd_check,
	cmd_unlock,
	cmd_key,
	cmd_source,
	cmd_repository,
	cmd_schedule,
	cmd_job,
	cmd_catalog,
	cmd_notice,
	cmd_user,
	cmd_token,
	cmd_audit,
	cmd_config,
	cmd_serve,
	cmd_completion,
	cmd_help;

#endif
