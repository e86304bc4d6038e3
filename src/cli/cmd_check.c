#include "base/human.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/names.h"
#include "cli/present.h"
#include "cli/recorded.h"
#include "repo/check.h"
#include "repo/prune.h"

static const struct opt options[] = {
	{"read-data", 0, OPT_FLAG, NULL, "read and check every byte of the repository too", NULL},
	{"repair-index", 0, OPT_FLAG, NULL, "first make the index anew from the packs", NULL},
	COMMON_NO_LOCK,
	{0},
};

struct checking {
	struct check_report report;
	struct repair_stats repair;
	struct strlist damaged;   /* packs that the repair had to leave alone */
	bool repaired;
};

static void checking_release(struct checking *c)
{
	check_report_release(&c->report);
	strlist_release(&c->damaged);
}

static void print_problem(const struct check_problem *p)
{
	out_print("%s: %s\n", p->severity == CHECK_ERROR ? "error" : "hint", p->text);
	if (p->snapshots.n)
		out_print("  touches %zu backup%s:", p->snapshots.n, p->snapshots.n == 1 ? "" : "s");
	for (size_t i = 0; i < p->snapshots.n; i++) {
		char hex[ID_HEX_LEN + 1];

		out_print(" %.8s", id_hex(&p->snapshots.v[i], hex));
	}
	if (p->snapshots.n)
		out_print("\n");
}

static void print_repair(const struct checking *c)
{
	const struct repair_stats *s = &c->repair;

	out_print("index: %llu packs read, %llu added, %llu missing, %llu damaged; %llu index files replaced\n", (unsigned long long)s->packs_read,
		  (unsigned long long)s->packs_added, (unsigned long long)s->packs_missing, (unsigned long long)s->packs_damaged,
		  (unsigned long long)s->index_files_replaced);
	for (size_t i = 0; i < c->damaged.n; i++)
		out_print("left alone: %s\n", c->damaged.v[i]);
}

static void print_result(const struct checking *c)
{
	const struct check_report *r = &c->report;
	AUTO_FREE char *backups = human_plural(r->snapshots, "backup");
	AUTO_FREE char *trees = human_plural(r->trees, "tree");
	AUTO_FREE char *blobs = human_plural(r->blobs, "blob");
	AUTO_FREE char *packs = human_plural(r->packs, "pack");
	char size[HUMAN_MAX];

	if (c->repaired)
		print_repair(c);
	for (size_t i = 0; i < r->n; i++)
		print_problem(&r->v[i]);
	out_print("looked at %s, %s, %s in %s\n", backups, trees, blobs, packs);
	if (r->packs_read)
		out_print("read %llu of the packs whole, %s\n", (unsigned long long)r->packs_read, human_size(r->bytes_read, size));
	if (r->unused_blobs)
		out_print("%s are used by no backup: backstay prune gives them back\n", human_size(r->unused_bytes, size));
	if (!r->errors)
		out_print("the repository is whole\n");
}

static void problems_json(const struct check_report *r, struct json_out *w)
{
	char hex[ID_HEX_LEN + 1];

	jw_name(w, "problems");
	jw_array(w);
	for (size_t i = 0; i < r->n; i++) {
		const struct check_problem *p = &r->v[i];

		jw_object(w);
		jw_kv_string(w, "severity", p->severity == CHECK_ERROR ? "error" : "hint");
		jw_kv_string(w, "text", p->text);
		jw_kv_string(w, "object", p->object);
		jw_name(w, "backups");
		jw_array(w);
		for (size_t k = 0; k < p->snapshots.n; k++)
			jw_string(w, id_hex(&p->snapshots.v[k], hex));
		jw_array_end(w);
		jw_object_end(w);
	}
	jw_array_end(w);
	jw_name(w, "damaged_backups");
	jw_array(w);
	for (size_t i = 0; i < r->hurt.n; i++)
		jw_string(w, id_hex(&r->hurt.v[i], hex));
	jw_array_end(w);
}

static void repair_json(const struct checking *c, struct json_out *w)
{
	jw_name(w, "repair");
	if (!c->repaired) {
		jw_null(w);
		return;
	}
	jw_object(w);
	jw_kv_u64(w, "packs_read", c->repair.packs_read);
	jw_kv_u64(w, "packs_added", c->repair.packs_added);
	jw_kv_u64(w, "packs_missing", c->repair.packs_missing);
	jw_kv_u64(w, "packs_damaged", c->repair.packs_damaged);
	jw_kv_u64(w, "index_files_replaced", c->repair.index_files_replaced);
	present_strings_json("left_alone", &c->damaged, w);
	jw_object_end(w);
}

static int document(const struct repository *r, const struct checking *c, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;
	const struct check_report *report = &c->report;

	common_document_begin(&d, r);
	jw_kv_bool(&d.w, "ok", report->errors == 0);
	jw_kv_u64(&d.w, "errors", report->errors);
	jw_kv_u64(&d.w, "hints", report->hints);
	problems_json(report, &d.w);
	jw_kv_u64(&d.w, "backups", report->snapshots);
	jw_kv_u64(&d.w, "trees", report->trees);
	jw_kv_u64(&d.w, "blobs", report->blobs);
	jw_kv_u64(&d.w, "packs", report->packs);
	jw_kv_u64(&d.w, "packs_read", report->packs_read);
	jw_kv_u64(&d.w, "bytes_read", report->bytes_read);
	jw_kv_u64(&d.w, "unused_blobs", report->unused_blobs);
	jw_kv_u64(&d.w, "unused_bytes", report->unused_bytes);
	jw_kv_u64(&d.w, "unreferenced_packs", report->unreferenced_packs);
	repair_json(c, &d.w);
	return out_document_end(&d, e);
}

static int check(const struct parsed *p, struct repository *r, struct checking *c, struct error *e)
{
	bool read_data = opt_flag(p, "read-data");
	const struct check_options o = {.read_data = read_data, .pack_names = read_data, .progress = &common_progress};
	struct progress_bar *bar = progress_bar_start(&common_progress, "check");
	int rc = 0;

	if (c->repaired)
		rc = repair_index(r->repo, &common_progress, &c->repair, &c->damaged, e);
	if (!rc)
		rc = check_run(r->repo, &o, &c->report, e);
	if (!rc && c->report.errors && !r->lock) {
		/* Somebody may have been pruning: what was there when we looked is somewhere else now. */
		check_report_release(&c->report);
		rc = check_run(r->repo, &o, &c->report, e);
	}
	progress_bar_stop(bar);
	return rc;
}

static void keep_verdict(struct repository *r, const struct checking *c)
{
	struct error e = {0};

	if (recorded_id() && names_catalog())
		recorded_warn(record_checked(names_catalog(), r, c->report.errors > 0, &e), &e);
}

static int run(const struct parsed *p, struct error *e)
{
	CLEANUP(repository_release) struct repository r = {0};
	CLEANUP(checking_release) struct checking c = {.repaired = opt_flag(p, "repair-index")};

	if (c.repaired && opt_flag(p, "no-lock"))
		return error_set(e, ERR_USAGE, "--repair-index writes, which needs the lock: leave out --no-lock");
	int rc = common_locate(p, &r, e);

	if (!rc)
		rc = recorded_begin("check", &r, e, "check %s", recorded_place(&r));
	if (!rc)
		rc = common_open(p, c.repaired ? REPOSITORY_EXCLUSIVE : REPOSITORY_READ, COMMON_NO_INDEX, &r, e);
	if (!rc)
		rc = check(p, &r, &c, e);
	if (!rc)
		keep_verdict(&r, &c);
	if (!rc && out_mode.json)
		rc = document(&r, &c, e);
	else if (!rc)
		print_result(&c);
	if (rc || !c.report.errors)
		return rc;
	error_set(e, ERR_CORRUPT, "the repository is damaged: %zu error%s; %zu backup%s cannot be restored whole", c.report.errors,
		  c.report.errors == 1 ? "" : "s", c.report.hurt.n, c.report.hurt.n == 1 ? "" : "s");
	if (!c.repaired)
		error_hint_typed(e, "repair the index, if that is what is damaged; else make new backups soon",
					" (backstay check --repair-index)");
	return -ERR_CORRUPT;
}

const struct command cmd_check = {
	.name = "check",
	.arguments = "",
	.summary = "check that the repository is whole",
	.details =
		"Every backup is followed to the last blob it needs, and each problem names the\n"
		"backups it touches. --read-data also reads every byte and compares hashes,\n"
		"those of whole files too, which \"verify\" leaves out.\n"
		"Status 5 says that there is damage.\n",
	.examples =
		"backstay check\n"
		"backstay check --read-data --json\n"
		"backstay check --repair-index\n",
	.max_args = 0,
	.options = options,
	.run = run,
};
