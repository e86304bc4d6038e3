#include "base/log.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/names.h"
#include "cli/present.h"
#include "cli/recorded.h"
#include "job/verify.h"

#include <stdio.h>
#include <stdlib.h>

static const struct opt options[] = {
	{"all", 'a', OPT_FLAG, NULL, "every backup, and every byte of the repository", NULL},
	{"level", 'l', OPT_STRING, "LEVEL", "1 bytes, 2 structure (the default), 3 restored, 4 compared", "1|2|3|4"},
	COMMON_NO_LOCK,
	{0},
};

/* What job_verify() made, to be released together. */
struct verification {
	struct backup_list backups;
	struct verify_result *v;
	struct check_report report;
	enum verify_level level;
};

static void verification_release(struct verification *x)
{
	for (size_t i = 0; x->v && i < x->backups.n; i++)
		verify_result_release(&x->v[i]);
	free(x->v);
	check_report_release(&x->report);
	backup_list_release(&x->backups);
}

static int find_named(struct repository *r, const struct strlist *names, struct backup_list *out, struct error *e)
{
	static char latest[] = "latest";
	static char *one[] = {latest};
	const struct strlist newest = {.v = one, .n = 1};
	const struct strlist *l = names->n ? names : &newest;

	out->v = mem_zero(l->n * sizeof *out->v);
	out->cap = l->n;
	for (; out->n < l->n; out->n++) {
		int rc = backup_find(r, l->v[out->n], &out->v[out->n], e);
		if (rc)
			return rc;
	}
	return 0;
}

static void print_strings(const char *mark, const struct strlist *l)
{
	for (size_t i = 0; i < l->n; i++)
		out_print("    %s%s\n", mark, l->v[i]);
}

static void print_results(const struct verification *x)
{
	for (size_t i = 0; i < x->backups.n; i++) {
		const struct verify_result *v = &x->v[i];
		char id[9];

		out_print("%s  %s: %s\n", backup_short_id(&x->backups.v[i], id), backup_name(&x->backups.v[i]),
			  v->ok ? present_level(v->reached) : "FAILED");
		print_strings("", &v->evidence);
		print_strings("damage: ", &v->problems);
	}
	for (size_t i = 0; i < x->report.n; i++)
		out_print("repository: %s\n", x->report.v[i].text);
	if (!x->backups.n)
		out_print("there is no backup to verify\n");
}

static int document(const struct repository *r, const struct verification *x, bool ok, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;

	common_document_begin(&d, r);
	jw_kv_bool(&d.w, "ok", ok);
	jw_name(&d.w, "results");
	jw_array(&d.w);
	for (size_t i = 0; i < x->backups.n; i++) {
		const struct verify_result *v = &x->v[i];

		jw_object(&d.w);
		present_id_json("backup", &x->backups.v[i].snapshot.id, &d.w);
		jw_kv_bool(&d.w, "ok", v->ok);
		jw_kv_string(&d.w, "wanted", present_level(v->wanted));
		jw_kv_string(&d.w, "reached", present_level(v->reached));
		present_strings_json("evidence", &v->evidence, &d.w);
		present_strings_json("problems", &v->problems, &d.w);
		jw_object_end(&d.w);
	}
	jw_array_end(&d.w);
	jw_name(&d.w, "repository_problems");
	jw_array(&d.w);
	for (size_t i = 0; i < x->report.n; i++)
		jw_string(&d.w, x->report.v[i].text);
	jw_array_end(&d.w);
	return out_document_end(&d, e);
}

static int say_which(const struct parsed *p, const struct verification *x, struct error *e)
{
	CLEANUP(recorder_about_release) struct recorder_about about = {0};
	char hex[ID_HEX_LEN + 1];

	for (size_t i = 0; i < x->backups.n; i++)
		recorded_backup(&about, &x->backups.v[i]);
	if (x->backups.n == 1)
		recorded_figures()->backup = mem_string(id_hex(&x->backups.v[0].snapshot.id, hex));
	return recorded_about(p, &about, e);
}

/* What was found, in the job's log and in the catalog. */
static void keep_results(struct repository *r, const struct verification *x)
{
	struct error e = {0};

	for (size_t i = 0; i < x->backups.n; i++) {
		const struct strlist *lines = x->v[i].problems.n ? &x->v[i].problems : &x->v[i].evidence;
		char id[9];

		backup_short_id(&x->backups.v[i], id);
		for (size_t k = 0; k < lines->n; k++)
			recorded_log(x->v[i].ok ? LOG_INFO : LOG_ERROR, "%s: %s", id, lines->v[k]);
	}
	if (recorded_id() && names_catalog())
		recorded_warn(record_verified(names_catalog(), r, x->backups.v, x->backups.n, &e), &e);
}

static int verify(const struct parsed *p, struct repository *r, struct verification *x, struct error *e)
{
	bool all = opt_flag(p, "all");
	int rc = all ? backup_list_load(r, NULL, &x->backups, e) : find_named(r, &p->args, &x->backups, e);

	if (rc)
		return rc;
	present_damaged(&x->backups);
	rc = say_which(p, x, e);
	if (rc)
		return rc;
	struct progress_bar *bar = progress_bar_start(&common_progress, "verify");

	rc = job_verify(r, x->backups.v, x->backups.n, x->level, all, &common_progress, &x->v, &x->report, e);
	progress_bar_stop(bar);
	if (!rc && x->backups.damaged.n)
		return error_set(e, ERR_VERIFY, "%zu backups cannot be read", x->backups.damaged.n);
	return rc;
}

static int run(const struct parsed *p, struct error *e)
{
	CLEANUP(repository_release) struct repository r = {0};
	CLEANUP(verification_release) struct verification x = {.level = LEVEL_STRUCTURE};

	if (opt_text(p, "level"))
		x.level = (enum verify_level)(*opt_text(p, "level") - '0');
	if (opt_flag(p, "all") && p->args.n)
		return error_set(e, ERR_USAGE, "verify takes either --all or the names of backups");
	AUTO_FREE char *which = recorded_which(opt_flag(p, "all") ? "everything" : p->args.n ? p->args.v[0] : "latest");
	int rc = common_locate(p, &r, e);

	if (!rc)
		rc = recorded_begin("verify", &r, e, "verify %s", which);
	if (!rc)
		rc = common_open(p, REPOSITORY_READ, COMMON_INDEX, &r, e);
	if (!rc)
		rc = verify(p, &r, &x, e);
	if ((rc && rc != -ERR_VERIFY) || !x.v)
		return rc;
	keep_results(&r, &x);
	if (!out_mode.json) {
		print_results(&x);
		return rc;
	}
	struct error late = {0};
	int written = document(&r, &x, rc == 0, rc ? &late : e);

	return rc ? rc : written;
}

const struct command cmd_verify = {
	.name = "verify",
	.arguments = "[BACKUP...]",
	.summary = "prove that backups can be restored",
	.details =
		"Levels, each with those before it: 1 every byte is read back and its hash\n"
		"compared; 2 the structure of databases is checked and their rows are counted;\n"
		"3 everything is restored into a private scratch place; 4 what was restored is\n"
		"compared row by row. What was reached is kept and shown by \"list\".\n"
		"With nothing named the latest backup is verified.\n",
	.examples =
		"backstay verify\n"
		"backstay verify --level 4 latest:app.db\n"
		"backstay verify --all\n",
	.max_args = -1,
	.options = options,
	.about_backups = true,
	.run = run,
};
