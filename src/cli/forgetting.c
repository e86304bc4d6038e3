#include "cli/forgetting.h"

#include "base/human.h"
#include "base/mem.h"
#include "cli/common.h"
#include "cli/present.h"

#include <stdio.h>

void forgetting_print(const struct forget_result *f)
{
	static const char *const headers[] = {"", "ID", "AGE", "NAME", "WHY"};
	struct table *t = table_new(headers, "lllLL");

	for (size_t i = f->backups.n; i-- > 0;) {
		const struct backup *b = &f->backups.v[i];
		AUTO_FREE char *age = present_age(b->snapshot.time);
		char id[9];
		const char *const row[] = {f->items[i].keep ? "keep" : "forget", backup_short_id(b, id), age,
					   backup_name(b), f->items[i].reason};

		table_row(t, row);
	}
	table_print(t);
	for (size_t i = 0; i < f->unreadable.n; i++) {
		char hex[ID_HEX_LEN + 1];

		out_print("forget  %.8s, which cannot be read\n", id_hex(&f->unreadable.v[i], hex));
	}
}

void forgetting_members(const struct forget_result *f, struct json_out *w)
{
	char id[9];

	jw_kv_u64(w, "removed", f->removed);
	jw_kv_u64(w, "kept", f->kept);
	jw_name(w, "backups");
	jw_array(w);
	for (size_t i = f->backups.n; i-- > 0;) {
		const struct backup *b = &f->backups.v[i];

		jw_object(w);
		present_id_json("id", &b->snapshot.id, w);
		jw_kv_string(w, "short_id", backup_short_id(b, id));
		present_time_json("time", b->snapshot.time, w);
		present_path_json("name", backup_name(b), w);
		jw_kv_bool(w, "keep", f->items[i].keep);
		jw_kv_string(w, "reason", f->items[i].reason);
		jw_object_end(w);
	}
	jw_array_end(w);
	jw_name(w, "unreadable");
	jw_array(w);
	for (size_t i = 0; i < f->unreadable.n; i++) {
		char hex[ID_HEX_LEN + 1];

		jw_string(w, id_hex(&f->unreadable.v[i], hex));
	}
	jw_array_end(w);
}

bool forgetting_is_news(const struct parsed *p, bool dry_run)
{
	return dry_run || opt_flag(p, "yes") || !out_mode.interactive;
}

/* On a terminal: show what would go, and ask. A script that names its rules has decided. */
int forgetting_ask(const struct parsed *p, struct repository *r, const struct forget_options *o, struct error *e)
{
	CLEANUP(forget_result_release) struct forget_result f = {0};
	struct forget_options look = *o;

	if (forgetting_is_news(p, o->dry_run))
		return 0;
	look.dry_run = true;
	int rc = job_forget(r, &look, &f, e);

	if (rc || !f.removed)
		return rc;
	forgetting_print(&f);
	fflush(stdout);
	AUTO_FREE char *count = human_plural(f.removed, "backup");
	AUTO_FREE char *question =
		mem_printf("Forget %s? %s cannot be brought back.", count, f.removed == 1 ? "It" : "They");

	return out_confirm(false, question, e);
}
