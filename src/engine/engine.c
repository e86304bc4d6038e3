/* The list of engines, and what every backup has around it. */
#include "engine/engine.h"

#include "base/mem.h"
#include "base/timefmt.h"

#include <stdlib.h>
#include <string.h>

static const struct engine *const engines[] = {&engine_sqlite, &engine_postgresql, &engine_mysql, &engine_folder, &engine_command, NULL};

const struct engine *const *engine_all(void)
{
	return engines;
}

const struct engine *engine_by_name(const char *name)
{
	for (const struct engine *const *e = engines; *e; e++) {
		if (strcmp((*e)->name, name) == 0)
			return *e;
		for (const char *const *scheme = (*e)->schemes; *scheme; scheme++)
			if (strcmp(*scheme, name) == 0)
				return *e;
	}
	return NULL;
}

int engine_backup_source(const struct engine_backup *b, struct manifest_source *out, struct error *e)
{
	struct timespec start = time_now();
	*out = (struct manifest_source){0};
	int err = b->url->engine->backup(b, out, e);
	if (err) {
		manifest_source_release(out);
		*out = (struct manifest_source){0};
		return error_wrap(e, "backing up %s", b->url->shown);
	}
	/* What an unchanged source took over from the previous backup is replaced. */
	mem_free_ptr(&out->name);
	mem_free_ptr(&out->engine);
	mem_free_ptr(&out->url);
	out->name = mem_string(b->name);
	out->engine = mem_string(b->url->engine->name);
	out->url = mem_string(b->url->shown);
	out->start = start;
	out->end = time_now();
	return 0;
}

const char *engine_verify_server(const struct engine *x)
{
	const char *given = x->verify_env ? getenv(x->verify_env) : NULL;
	return given && *given ? given : NULL;
}

int engine_verify_url(const struct engine *x, struct source_url *out, struct error *e)
{
	const char *text = engine_verify_server(x);
	size_t n = text ? strcspn(text, ":") : 0;
	AUTO_FREE char *scheme = mem_string_n(text ? text : "", n);
	/* Nothing else looks at what it is: other texts might repeat a password. */
	if (!text || !text[n] || engine_by_name(scheme) != x) {
		error_set(e, ERR_USAGE, "%s does not hold the URL of a %s server", x->verify_env, x->title);
		return error_hint(e, "write %s://USER:PASSWORD@HOST/DATABASE, or unset it", x->schemes[0]);
	}
	int err = source_url_parse(text, true, x, out, e);
	return err ? error_wrap(e, "%s", x->verify_env) : 0;
}

void engine_scratch_close(struct engine_scratch *s)
{
	AUTO_FREE char *where = TAKE(s->where);
	if (s->close)
		s->close(s);
	source_url_release(&s->target);
	*s = (struct engine_scratch){0};
}

void restore_result_release(struct restore_result *r)
{
	strlist_release(&r->notes);
	*r = (struct restore_result){0};
}
