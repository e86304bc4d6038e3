#include "base/progress.h"

#include <stddef.h>

void progress_phase(struct progress *p, const char *phase, const char *unit, uint64_t bytes_total, uint64_t items_total)
{
	if (!p)
		return;
	const char *within = atomic_load(&p->within);
	unsigned n = atomic_load(&p->phase_count);
	atomic_store(&p->phases[n % PROGRESS_PHASES], within ? within : phase);
	atomic_store(&p->phase_count, n + 1);
	atomic_store(&p->phase, within ? within : phase);
	atomic_store(&p->unit, unit);
	atomic_store(&p->bytes_done, 0);
	atomic_store(&p->items_done, 0);
	atomic_store(&p->bytes_total, bytes_total);
	atomic_store(&p->items_total, items_total);
}

void progress_within(struct progress *p, const char *phase)
{
	if (!p)
		return;
	atomic_store(&p->within, phase);
	if (phase)
		progress_phase(p, phase, NULL, 0, 0);
}

void progress_bytes(struct progress *p, uint64_t n)
{
	if (p)
		atomic_fetch_add_explicit(&p->bytes_done, n, memory_order_relaxed);
}

void progress_items(struct progress *p, uint64_t n)
{
	if (p)
		atomic_fetch_add_explicit(&p->items_done, n, memory_order_relaxed);
}

void progress_expect(struct progress *p, uint64_t bytes_more, uint64_t items_more)
{
	if (!p)
		return;
	atomic_fetch_add_explicit(&p->bytes_total, bytes_more, memory_order_relaxed);
	atomic_fetch_add_explicit(&p->items_total, items_more, memory_order_relaxed);
}

int progress_check(struct progress *p, struct error *e)
{
	if (p && atomic_load_explicit(&p->cancel, memory_order_relaxed))
		return error_set(e, ERR_CANCELLED, "cancelled");
	return 0;
}
