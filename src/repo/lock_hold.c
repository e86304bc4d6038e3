/* Taking a lock and keeping it. */
#include "repo/lock.h"

#include "base/human.h"
#include "base/mem.h"
#include "base/node.h"
#include "base/progress.h"
#include "base/timefmt.h"
#include "repo/repo.h"
#include "repo/unpacked.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define SETTLE_SECONDS 0.2                /* between writing our lock and looking for others again */
#define REFRESH_SECONDS (5.0 * 60)
#define LOST_SECONDS (22.5 * 60)          /* others take us for dead after 30 minutes: stop well before */
#define LOOK_SECONDS 10                   /* how often the thread looks at the clock */
#define REMOTE_CHECK_SECONDS 30.0         /* how often lock_check() asks a distant store for the file */
#define WAIT_FIRST 0.5
#define WAIT_LONGEST 10.0
#define LOOK_UP_SECONDS 0.1              /* how often one who waits looks whether it was cancelled */

enum hold { HELD, REMOVED, OUTDATED };

struct lock {
	struct repo *repo;
	pthread_t thread;
	pthread_mutex_t mutex;            /* for what follows; never held while the store is asked */
	pthread_cond_t wake;
	struct lock_info info;            /* the lock file that stands for us; written by the thread only */
	struct id_list leftovers;         /* older files of ours that could not be removed yet; the thread's */
	bool stop, kicked;
	enum hold state;
	struct error refresh_error;       /* why the last refresh failed */
	double checked_at;
};

/* Other programs probe the process of a lock with SIGHUP, whose default action would end us. */
static void ignore_hangup(void)
{
	struct sigaction a;

	if (sigaction(SIGHUP, NULL, &a) == 0 && !(a.sa_flags & SA_SIGINFO) && a.sa_handler == SIG_DFL) {
		a.sa_handler = SIG_IGN;
		sigaction(SIGHUP, &a, NULL);
	}
}

static void describe_this_process(struct lock_info *i, bool exclusive)
{
	char host[HOST_NAME_MAX + 1] = "";
	struct node self;

	gethostname(host, sizeof host - 1);
	/* An entry without a file belongs to this process's user, which is what is wanted here. */
	node_synthetic(&self, "", NODE_FILE, time_now());
	*i = (struct lock_info){
		.time = self.mtime,
		.exclusive = exclusive,
		.hostname = mem_string(host),
		.username = self.user ? mem_string(self.user) : NULL,
		.pid = getpid(),
		.uid = self.uid,
		.gid = self.gid,
	};
	node_release(&self);
}

static int save(struct repo *r, struct lock_info *i, struct error *e)
{
	CLEANUP(buf_release) struct buf json = BUF_INIT;

	lock_encode(i, &json);
	return unpacked_save(r->store, &r->key, r->config.version, STORE_LOCK, json.p, json.len, &i->id, e);
}

static int remove_file(struct repo *r, const struct id *id, struct error *e)
{
	struct store_file f = {.kind = STORE_LOCK};

	id_hex(id, f.name);
	return store_remove(r->store, &f, e);
}

static bool file_is_gone(struct repo *r, const struct id *id)
{
	struct store_file f = {.kind = STORE_LOCK};
	struct error ignored = {0};
	uint64_t size;

	id_hex(id, f.name);
	return store_size(r->store, &f, &size, &ignored) == -ERR_NOT_FOUND;
}

/* Taking */

static int refuse(const struct lock_info *i, struct error *e)
{
	const char *host = i->hostname ? i->hostname : "an unnamed host";
	struct timespec now = time_now();
	char since[32], age[HUMAN_MAX];

	time_to_local(i->time, since);
	human_age(time_between(i->time, now), age);
	error_set(e, ERR_LOCKED, "repository is locked%s by PID %lld on %s since %s (%s)",
		  i->exclusive ? " exclusively" : "", (long long)i->pid, host, since, age);
	if (lock_is_stale(i, now))
		return error_hint_typed(e, "the lock is stale, nobody has refreshed it: remove it",
					" with `backstay unlock`");
	return error_hint(e, "wait until the other program is done; if it surely is not running any more, "
			     "`backstay unlock --all` removes its lock");
}

/* Whether `other` is in the way of `own`. A lock whose process on this host is gone is removed instead. */
static int make_way(struct repo *r, const struct lock_info *other, const struct lock_info *own, struct error *e)
{
	if (id_equal(&other->id, &own->id) || (!other->exclusive && !own->exclusive))
		return 0;
	/* At its own time no lock is old, so that only its process can make it stale. */
	if (lock_is_stale(other, other->time))
		return remove_file(r, &other->id, e);
	return refuse(other, e);
}

static int look_for_conflicts(struct repo *r, const struct lock_info *own, struct error *e)
{
	struct lock_info *others;
	size_t n;

	int rc = lock_list(r, &others, &n, e);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = make_way(r, &others[i], own, e);
	lock_list_free(others, n);
	return rc;
}

/* Keeping */

static int say_lost(const struct lock *l, struct error *e)
{
	if (l->state == REMOVED) {
		error_set(e, ERR_LOCKED, "our lock on the repository was removed by another program");
		return error_hint(e, "start again, and let nothing remove locks (`restic unlock`) while this runs");
	}
	error_set(e, ERR_LOCKED, "our lock on the repository could not be refreshed for %.1f minutes%s%s",
		  LOST_SECONDS / 60, l->refresh_error.text[0] ? ": " : "", l->refresh_error.text);
	return error_hint(e, "start again when the repository can be reached; what is stored is not stored twice");
}

/* Seconds since the lock was written. The wall clock counts, as it does for those who judge our lock, and it goes
 * on while a laptop sleeps. */
static double age(const struct lock *l)
{
	return time_between(l->info.time, time_now());
}

/* A clock that was set back would make us look younger than we are: then refresh, too. */
static bool is_due(const struct lock *l)
{
	return age(l) >= REFRESH_SECONDS || age(l) < 0;
}

static void drop_leftovers(struct lock *l)
{
	struct error ignored = {0};
	size_t kept = 0;

	for (size_t i = 0; i < l->leftovers.n; i++)
		if (remove_file(l->repo, &l->leftovers.v[i], &ignored) < 0)
			l->leftovers.v[kept++] = l->leftovers.v[i];
	l->leftovers.n = kept;
}

static void set_state(struct lock *l, enum hold state)
{
	pthread_mutex_lock(&l->mutex);
	if (l->state == HELD)
		l->state = state;
	pthread_mutex_unlock(&l->mutex);
}

/* Write a new file, then remove the old one. On the lock's thread. */
static void refresh(struct lock *l)
{
	struct lock_info fresh = l->info;
	struct error e = {0};

	if (age(l) > LOST_SECONDS) {
		set_state(l, OUTDATED);
		return;
	}
	if (file_is_gone(l->repo, &l->info.id)) {
		set_state(l, REMOVED);
		return;
	}
	fresh.time = time_now();
	int rc = save(l->repo, &fresh, &e);
	pthread_mutex_lock(&l->mutex);
	if (!id_equal(&fresh.id, &l->info.id))    /* after a failure the file may be there all the same: a lost reply */
		id_list_add(&l->leftovers, rc == 0 ? &l->info.id : &fresh.id);
	if (rc == 0)
		l->info = fresh;
	l->refresh_error = e;
	pthread_mutex_unlock(&l->mutex);
	drop_leftovers(l);
}

static void wait_for_kick(struct lock *l)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += LOOK_SECONDS;
	while (!l->stop && !l->kicked && pthread_cond_timedwait(&l->wake, &l->mutex, &until) == 0)
		;
	l->kicked = false;
}

static void *keep_fresh(void *arg)
{
	struct lock *l = arg;

	pthread_mutex_lock(&l->mutex);
	while (!l->stop && l->state == HELD) {
		wait_for_kick(l);
		if (l->stop || !is_due(l))
			continue;
		pthread_mutex_unlock(&l->mutex);
		refresh(l);
		pthread_mutex_lock(&l->mutex);
	}
	pthread_mutex_unlock(&l->mutex);
	return NULL;
}

/* Whether to look if the file is still there: always in a near store, now and then in a distant one. */
static bool should_look(struct lock *l)
{
	double now = time_monotonic();

	if (!(l->repo->store->features & STORE_LOCAL) && now - l->checked_at < REMOTE_CHECK_SECONDS)
		return false;
	l->checked_at = now;
	return true;
}

/* The file `id` is gone: is it because the thread has replaced it meanwhile? */
static void note_removal(struct lock *l, const struct id *id)
{
	pthread_mutex_lock(&l->mutex);
	if (l->state == HELD && id_equal(&l->info.id, id))
		l->state = REMOVED;
	pthread_mutex_unlock(&l->mutex);
}

int lock_check(struct lock *l, struct error *e)
{
	pthread_mutex_lock(&l->mutex);
	if (l->state == HELD && age(l) > LOST_SECONDS)
		l->state = OUTDATED;
	if (l->state == HELD && is_due(l)) {
		l->kicked = true;
		pthread_cond_signal(&l->wake);
	}
	bool look = l->state == HELD && should_look(l);
	struct id id = l->info.id;
	pthread_mutex_unlock(&l->mutex);

	if (look && file_is_gone(l->repo, &id))
		note_removal(l, &id);

	pthread_mutex_lock(&l->mutex);
	int rc = l->state == HELD ? 0 : say_lost(l, e);
	pthread_mutex_unlock(&l->mutex);
	return rc;
}

static void lock_free(struct lock *l)
{
	lock_info_release(&l->info);
	id_list_release(&l->leftovers);
	pthread_cond_destroy(&l->wake);
	pthread_mutex_destroy(&l->mutex);
	free(l);
}

static struct lock *lock_new(struct repo *r, bool exclusive)
{
	struct lock *l = mem_zero(sizeof *l);
	pthread_condattr_t monotonic;

	l->repo = r;
	l->checked_at = time_monotonic();
	describe_this_process(&l->info, exclusive);
	pthread_mutex_init(&l->mutex, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&l->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return l;
}

/* Signals are for the program's own threads. */
static int start_thread(struct lock *l, struct error *e)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int err = pthread_create(&l->thread, NULL, keep_fresh, l);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		return error_sys(e, err, "starting the thread that keeps the lock fresh");
	pthread_setname_np(l->thread, "lock");
	return 0;
}

/* Our file, and whatever a lost reply may have left, goes. */
static void withdraw(struct lock *l)
{
	id_list_add(&l->leftovers, &l->info.id);
	drop_leftovers(l);
}

static int acquire(struct lock *l, struct error *e)
{
	int rc = look_for_conflicts(l->repo, &l->info, e);

	if (rc < 0)
		return rc;
	l->info.time = time_now();
	rc = save(l->repo, &l->info, e);
	if (rc == 0) {
		/* A local folder shows a new file at once, so of two that both write and then look, one sees the other. */
		if (!(l->repo->store->features & STORE_LOCAL))
			time_sleep(SETTLE_SECONDS);
		rc = look_for_conflicts(l->repo, &l->info, e);
	}
	if (rc == 0)
		rc = start_thread(l, e);
	if (rc < 0 && !id_is_zero(&l->info.id))
		withdraw(l);
	return rc;
}

int lock_acquire(struct repo *r, bool exclusive, struct lock **out, struct error *e)
{
	struct lock *l = lock_new(r, exclusive);

	ignore_hangup();
	int rc = acquire(l, e);
	if (rc < 0) {
		lock_free(l);
		return rc;
	}
	*out = l;
	return 0;
}

/* Sleep, unless cancelled. */
static int pause_for(double seconds, struct progress *p, struct error *e)
{
	double end = time_monotonic() + seconds;
	int rc = progress_check(p, e);

	for (double left = seconds; !rc && left > 0; left = end - time_monotonic()) {
		time_sleep(left < LOOK_UP_SECONDS ? left : LOOK_UP_SECONDS);
		rc = progress_check(p, e);
	}
	return rc;
}

int lock_acquire_wait(struct repo *r, bool exclusive, double wait_seconds, struct progress *p, struct lock **out,
		      struct error *e)
{
	double deadline = time_monotonic() + wait_seconds, pause = WAIT_FIRST;

	for (;;) {
		int rc = lock_acquire(r, exclusive, out, e);
		double left = deadline - time_monotonic();

		if (rc != -ERR_LOCKED || left <= 0)
			return rc;
		/* Of two who keep getting in each other's way one must come first: each waits a different time. */
		double turn = pause * (0.5 + random_below(1000) / 1000.0);
		error_clear(e);
		rc = pause_for(turn < left ? turn : left, p, e);
		if (rc)
			return error_wrap(e, "waiting for the lock on the repository");
		pause = pause * 2 < WAIT_LONGEST ? pause * 2 : WAIT_LONGEST;
	}
}

void lock_release(struct lock *l)
{
	if (!l)
		return;
	pthread_mutex_lock(&l->mutex);
	l->stop = true;
	pthread_cond_signal(&l->wake);
	pthread_mutex_unlock(&l->mutex);
	pthread_join(l->thread, NULL);
	withdraw(l);
	lock_free(l);
}
