/* What comes after the rows, by several connections: an entry begins when all it depends on is there and none under way holds, or
 * needs, a table that it locks (identify_locking_dependencies() in pg_backup_archiver.c). */
#include "engine/pg_put.h"

#include "base/mem.h"
#include "base/thread.h"

#include <stdlib.h>
#include <string.h>

enum state { WAITING, RUNNING, DONE };

struct post {
	struct pg_team *team;
	const struct pg_entry *const *v;
	size_t n, first, left, running;
	enum state *states;
	struct map *index;                /* dump id -> position + 1 */
};

struct post_worker {
	struct post *post;
	struct pg_session *session;
	pthread_t thread;
	bool started;
};

static bool locks_tables(const struct pg_entry *en)
{
	static const char *const descs[] = {"CONSTRAINT", "CHECK CONSTRAINT", "FK CONSTRAINT", "RULE", "TRIGGER", "POLICY", "ROW SECURITY",
		"INDEX ATTACH", "PUBLICATION TABLE"};
	for (size_t i = 0; i < ARRAY_LEN(descs); i++)
		if (pg_entry_is(en, descs[i]))
			return true;
	return false;
}

static bool share_one(const struct pg_entry *a, const struct pg_entry *b)
{
	for (size_t i = 0; i < a->dep_count; i++)
		for (size_t k = 0; k < b->dep_count; k++)
			if (a->deps[i] == b->deps[k])
				return true;
	return false;
}

static bool conflict(const struct pg_entry *a, const struct pg_entry *b)
{
	return (locks_tables(a) || locks_tables(b)) && share_one(a, b);
}

static bool is_ready(const struct post *p, size_t i)
{
	for (size_t k = 0; k < p->v[i]->dep_count; k++) {
		int id = p->v[i]->deps[k];
		size_t at = (size_t)(uintptr_t)map_get(p->index, &id, sizeof id);
		if (at && p->states[at - 1] != DONE)
			return false;
	}
	for (size_t k = p->first, seen = 0; k < p->n && seen < p->running; k++) {
		if (p->states[k] != RUNNING)
			continue;
		seen++;
		if (conflict(p->v[i], p->v[k]))
			return false;
	}
	return true;
}

/* The next to do; n: none now. Entries that wait for each other, which no dump holds, are taken in their order. */
static size_t choose(struct post *p)
{
	while (p->first < p->n && p->states[p->first] == DONE)
		p->first++;
	for (size_t i = p->first; i < p->n; i++)
		if (p->states[i] == WAITING && is_ready(p, i))
			return i;
	return p->running ? p->n : p->first;
}

static void *work(void *arg)
{
	struct post_worker *w = arg;
	struct post *p = w->post;
	struct pg_team *team = p->team;
	pthread_mutex_lock(&team->lock);
	while (p->left && !atomic_load(&team->stop)) {
		struct error e = {0};
		size_t i = choose(p);
		if (i >= p->n) {
			pthread_cond_wait(&team->changed, &team->lock);
			continue;
		}
		p->states[i] = RUNNING;
		p->running++;
		pthread_mutex_unlock(&team->lock);
		if (pg_entry_put(w->session, p->v[i], &e))
			pg_team_fail(team, &e);
		progress_items(w->session->progress, 1);
		pthread_mutex_lock(&team->lock);
		p->states[i] = DONE;
		p->running--;
		p->left--;
		pthread_cond_broadcast(&team->changed);
	}
	pthread_mutex_unlock(&team->lock);
	return NULL;
}

int pg_load_post(struct pg_team *team, const struct pg_entry *const *v, size_t n, struct error *e)
{
	AUTO_FREE enum state *states = mem_zero((n + 1) * sizeof *states);
	AUTO_FREE struct post_worker *workers = mem_zero((size_t)team->n * sizeof *workers);
	struct post p = {.team = team, .v = v, .n = n, .left = n, .states = states, .index = map_new()};
	for (size_t i = 0; i < n; i++)
		map_put(p.index, &v[i]->id, sizeof v[i]->id, (void *)(uintptr_t)(i + 1));
	for (int i = 1; i < team->n; i++) {
		workers[i] = (struct post_worker){.post = &p, .session = &team->v[i]};
		workers[i].started = thread_start(&workers[i].thread, "restore", work, &workers[i]) == 0;
	}
	workers[0] = (struct post_worker){.post = &p, .session = &team->v[0]};
	work(&workers[0]);
	for (int i = 1; i < team->n; i++)
		if (workers[i].started)
			pthread_join(workers[i].thread, NULL);
	map_free(p.index, NULL);
	if (!atomic_load(&team->stop))
		return 0;
	*e = team->why;
	return -(int)e->kind;
}
