/* The commands, each in its file. */
#ifndef CLI_CMD_H
#define CLI_CMD_H

#include "cli/opt.h"

/* One a line, sorted. */
extern const struct command cmd_audit;
extern const struct command cmd_backup;
extern const struct command cmd_catalog;
extern const struct command cmd_check;
extern const struct command cmd_check_tables;
extern const struct command cmd_completion;
extern const struct command cmd_config;
extern const struct command cmd_diff;
extern const struct command cmd_dump;
extern const struct command cmd_export;
extern const struct command cmd_forget;
extern const struct command cmd_help;
extern const struct command cmd_info;
extern const struct command cmd_init;
extern const struct command cmd_job;
extern const struct command cmd_key;
extern const struct command cmd_list;
extern const struct command cmd_ls;
extern const struct command cmd_notice;
extern const struct command cmd_optimize;
extern const struct command cmd_prune;
extern const struct command cmd_query;
extern const struct command cmd_repair;
extern const struct command cmd_repository;
extern const struct command cmd_restore;
extern const struct command cmd_show;
extern const struct command cmd_source;
extern const struct command cmd_token;
extern const struct command cmd_unlock;
extern const struct command cmd_user;
extern const struct command cmd_verify;

#endif
