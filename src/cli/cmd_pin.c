#include "base/mem.h"
#include "catalog/audit.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/names.h"
#include "cli/present.h"
#include "cli/recorded.h"

#include <string.h>

static const struct opt options[] = {{0}};

struct pinned {
	struct id before, after;
};

/* Nothing is changed unless all are found. */
static int change_all(const struct parsed *p, struct repository *r, bool pinned, struct pinned *v, struct error *e)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < p->args.n; i++) {
		CLEANUP(backup_release) struct backup b = {0};

		rc = backup_find(r, p->args.v[i], &b, e);
		v[i].before = v[i].after = b.snapshot.id;
	}
	for (size_t i = 0; !rc && i < p->args.n; i++)
		rc = backup_pin(r, &v[i].before, pinned, &v[i].after, e);
	return rc;
}

/* In the catalog: who did it, and what the backups are called now. */
static void keep(struct repository *r, const struct pinned *v, size_t n, bool pinned)
{
	AUTO_FREE char *who = common_author();
	struct catalog *c = names_catalog();
	struct error e = {0};

	for (size_t i = 0; c && i < n; i++) {
		char before[ID_HEX_LEN + 1], after[ID_HEX_LEN + 1];

		if (!id_equal(&v[i].before, &v[i].after))
			recorded_warn(audit_add(c, who, NULL, pinned ? "backup-pin" : "backup-unpin",
						id_hex(&v[i].before, before), &e, "it is %s now",
						id_hex(&v[i].after, after)),
				      &e);
	}
	recorded_scan(r, RECORD_NEW);
}

static int tell(const struct repository *r, const struct pinned *v, size_t n, bool pinned, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d = {0};
	char hex[ID_HEX_LEN + 1], old[ID_HEX_LEN + 1];

	for (size_t i = 0; i < n; i++) {
		id_hex(&v[i].before, old);
		id_hex(&v[i].after, hex);
		if (id_equal(&v[i].before, &v[i].after))
			out_print("backup %.8s is %s already\n", hex, pinned ? "pinned" : "not pinned");
		else
			out_print("backup %.8s is %s; its id is %.8s now, and the old one still finds it\n", old,
				  pinned ? "pinned" : "not pinned any more", hex);
	}
	if (!out_mode.json)
		return 0;
	common_document_begin(&d, r);
	jw_name(&d.w, "backups");
	jw_array(&d.w);
	for (size_t i = 0; i < n; i++) {
		jw_object(&d.w);
		present_id_json("id", &v[i].after, &d.w);
		present_id_json("before", &v[i].before, &d.w);
		jw_kv_bool(&d.w, "pinned", pinned);
		jw_object_end(&d.w);
	}
	jw_array_end(&d.w);
	return out_document_end(&d, e);
}

static int change(const struct parsed *p, bool pinned, struct error *e)
{
	CLEANUP(repository_release) struct repository r = {0};
	AUTO_FREE struct pinned *v = mem_zero(p->args.n * sizeof *v);
	AUTO_FREE char *which = recorded_which(p->args.v[0]);
	int rc = common_locate(p, &r, e);

	if (!rc)
		rc = recorded_begin(p->command->name, &r, e, "%s %s", p->command->name, which);
	if (!rc)
		rc = common_open(p, REPOSITORY_WRITE, COMMON_INDEX, &r, e);
	if (rc)
		return rc;
	rc = change_all(p, &r, pinned, v, e);
	keep(&r, v, p->args.n, pinned);
	return rc ? rc : tell(&r, v, p->args.n, pinned, e);
}

static int pin(const struct parsed *p, struct error *e)
{
	return change(p, true, e);
}

static int unpin(const struct parsed *p, struct error *e)
{
	return change(p, false, e);
}

const struct command cmd_pin = {
	.name = "pin",
	.arguments = "BACKUP...",
	.summary = "keep a backup, whatever the rules say",
	.details =
		"No rule removes a pinned backup, and \"forget\" refuses to, until it is\n"
		"unpinned. The pin is kept in the repository, so that other machines see it too.\n"
		"A backup's id changes with it; its first id goes on to find it.\n",
	.examples =
		"backstay pin 1a2b3c4d\n"
		"backstay pin latest:shop\n",
	.min_args = 1,
	.max_args = -1,
	.options = options,
	.about_backups = true,
	.run = pin,
};

const struct command cmd_unpin = {
	.name = "unpin",
	.arguments = "BACKUP...",
	.summary = "leave a backup to the rules again",
	.examples = "backstay unpin 1a2b3c4d\n",
	.min_args = 1,
	.max_args = -1,
	.options = options,
	.about_backups = true,
	.run = unpin,
};
