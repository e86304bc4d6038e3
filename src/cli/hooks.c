#include "cli/hooks.h"

#include "cli/common.h"
#include "job/hook.h"

/* What it prints is told and in the job's log. */
static void say_line(void *ctx, const char *text)
{
	const struct hook *h = ctx;

	out_say("%s %s: %s", h->when, h->source, text);
}

static int run(struct hook *h, struct error *e)
{
	h->line = say_line;
	h->ctx = h;
	progress_phase(&common_progress, h->progress ? "running the command before" : "running the command after", NULL, 0, 0);
	return hook_run(h, e);
}

int hooks_before(struct hooks *h, struct error *e)
{
	int rc = 0;

	for (h->begun = 0; !rc && h->begun < h->n; h->begun++) {
		const struct hooks_entry *x = &h->v[h->begun];
		struct hook hook = {.when = "before", .command = x->before, .source = x->source, .state = "running", .progress = &common_progress};

		if (x->before)
			rc = run(&hook, e);
	}
	return rc;
}

static const char *state_of(int rc)
{
	return !rc ? "success" : rc == -ERR_PARTIAL ? "partial" : rc == -ERR_CANCELLED ? "cancelled" : "failed";
}

int hooks_after(struct hooks *h, int rc, struct error *e)
{
	int first = 0;

	while (h->begun > 0) {
		const struct hooks_entry *x = &h->v[--h->begun];
		struct hook hook = {.when = "after", .command = x->after, .source = x->source, .state = state_of(rc)};
		struct error why = {0};
		int failed = x->after ? run(&hook, &why) : 0;

		if (failed && !first) {
			first = failed;
			*e = why;
		}
		else if (failed)
			out_warn("%s", why.text);
	}
	return first;
}
