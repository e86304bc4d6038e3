#include "cli/pruning.h"

#include "base/human.h"
#include "cli/common.h"
#include "cli/present.h"

int pruning_run(struct repository *r, bool dry_run, bool allow_empty, struct prune_stats *out, struct error *e)
{
	const struct prune_options o = {
		.dry_run = dry_run,
		.allow_empty = allow_empty,
		.max_unused = -1,
		.lock = r->lock,
		.progress = &common_progress,
	};
	struct progress_bar *bar = progress_bar_start(&common_progress, "prune");
	int rc = prune_run(r->repo, &o, out, e);

	progress_bar_stop(bar);
	return rc;
}

void pruning_print(const struct prune_stats *s, bool dry_run)
{
	uint64_t back = s->bytes_before > s->bytes_after ? s->bytes_before - s->bytes_after : 0;
	AUTO_FREE char *removed = human_plural(s->packs_removed + s->packs_unreferenced, "pack");
	AUTO_FREE char *repacked = human_plural(s->packs_repacked, "pack");
	char size[HUMAN_MAX], left[HUMAN_MAX];

	out_print("%s %s: %s removed, %s written anew; %s %s\n", human_size(back, size), dry_run ? "would be given back" : "given back",
		  removed, repacked, human_size(s->bytes_after, left), dry_run ? "would remain" : "remain");
}

void pruning_json(const struct prune_stats *s, struct json_out *w)
{
	jw_object(w);
	jw_kv_u64(w, "packs_kept", s->packs_kept);
	jw_kv_u64(w, "packs_repacked", s->packs_repacked);
	jw_kv_u64(w, "packs_removed", s->packs_removed);
	jw_kv_u64(w, "packs_unreferenced", s->packs_unreferenced);
	jw_kv_u64(w, "blobs_used", s->blobs_used);
	jw_kv_u64(w, "blobs_unused", s->blobs_unused);
	jw_kv_u64(w, "blobs_duplicate", s->blobs_duplicate);
	jw_kv_u64(w, "bytes_before", s->bytes_before);
	jw_kv_u64(w, "bytes_after", s->bytes_after);
	jw_kv_u64(w, "bytes_repacked", s->bytes_repacked);
	jw_kv_u64(w, "bytes_removed", s->bytes_removed);
	jw_object_end(w);
}
