#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "supervisor_support.h"

#include "base/codec.h"
#include "base/log.h"
#include "job/record_parts.h"
#include "job/supervisor_parts.h"

#include <signal.h>
#include <sys/wait.h>

#define TEXTS 16

struct world world;

static char *next_text(void)
{
	static char text[TEXTS][16384];
	static unsigned next;

	return text[next++ % TEXTS];
}

/* ---- processes ---- */

/* All messages that are due are sent, as `notice deliver` does. */
static void deliver(struct world *w)
{
	CLEANUP(delivery_list_release) struct delivery_list l = {0};
	struct error e = {0};

	assert_int_equal(delivery_due(w->c, w->now, &l, &e), 0);
	for (size_t i = 0; i < l.n; i++) {
		l.v[i].sent = w->now;
		assert_int_equal(delivery_update(w->c, &l.v[i], &e), 0);
	}
}

static int start(void *ctx, const struct strlist *words, pid_t *pid, int *output, struct error *e)
{
	struct world *w = ctx;
	AUTO_FREE char *text = strlist_join(words, " ");
	struct process p = {.pid = (pid_t)(1000000 + w->started), .lock = -1, .fate = {.state = JOB_SUCCESS}};

	assert_true(w->n < PROCESSES);
	*output = -1;
	*pid = p.pid;
	snprintf(p.words, sizeof p.words, "%s", text);
	snprintf(w->last, sizeof w->last, "%s", text);
	if (!strcmp(text, "notice deliver") && !w->deaf)
		deliver(w);
	if (words->n > 2 && !strcmp(words->v[0], "job")) {
		struct job_record j = {0};
		struct error ours = {0};

		memcpy(p.job, words->v[2], JOB_ID_LEN);
		memcpy(j.id, p.job, sizeof j.id);
		int rc = record_lock_make(catalog_state_dir(w->c), j.id, &p.lock, &ours);

		if (!rc)
			rc = job_start(w->c, &j, p.pid, &ours);

		if (rc)
			p.fate = (struct fate){.state = JOB_RUNNING, .status = (rc == -ERR_LOCKED ? 11 : 4) << 8};
		else
			p.fate = w->fate(w, &j);
		job_record_release(&j);
	}
	p.ends = w->steady + p.fate.seconds;
	w->v[w->n++] = p;
	w->started++;
	size_t jobs = 0;
	for (size_t i = 0; i < w->n; i++)
		jobs += *w->v[i].job != 0;
	w->most = jobs > w->most ? jobs : w->most;
	return 0;
}

static void remember_backup(struct world *w, const struct job_record *j, char id[65])
{
	unsigned char hash[32] = {0};
	struct error e = {0};
	struct known_backup b = {
		.place = w->place, .time = w->now, .name = mem_string("backup"), .host = mem_string("here"), .bytes = 1000, .added = 100,
		.job = mem_string(j->id),
	};

	w->backups++;
	memcpy(hash, &w->backups, sizeof w->backups);
	hex_encode(hash, sizeof hash, b.id);
	memcpy(id, b.id, 65);
	b.sources = mem_zero(j->sources.n * sizeof *b.sources);
	for (; b.source_count < j->sources.n; b.source_count++)
		b.sources[b.source_count] = (struct known_source){
			.name = mem_string(j->sources.v[b.source_count]), .engine = mem_string("sqlite"), .shown = mem_printf("sqlite:/srv/%s.db", j->sources.v[b.source_count]), .bytes = 1000,
		};
	assert_ok(known_put(w->c, &b, &e));
	known_backup_release(&b);
}

static void write_end(struct world *w, const struct process *p)
{
	struct job_record j = job_of(p->job);
	struct error e = {0};
	char id[65], when[32];

	j.state = p->fate.state;
	if (j.state != JOB_SUCCESS) {
		j.error_kind = mem_string(error_kind_name(p->fate.kind));
		j.error = mem_string("it went wrong");
	}
	if (j.state == JOB_SUCCESS && !strcmp(j.kind, "backup")) {
		remember_backup(w, &j, id);
		j.backup = mem_string(id);
	}
	if (p->fate.result)
		j.result = mem_string(p->fate.result);
	assert_ok(job_end(w->c, &j, &e));
	if (w->telling) {
		time_to_utc(w->now, when);
		strlist_addf(&w->events, "%.16s %s: %s", when, j.title, job_state_name(j.state));
	}
	if (w->done)
		w->done(w, &j);
	job_record_release(&j);
}

static bool ended(void *ctx, pid_t pid, int *status)
{
	struct world *w = ctx;

	for (size_t i = 0; i < w->n; i++) {
		struct process *p = &w->v[i];

		if (p->pid != pid)
			continue;
		if (!p->gone && w->steady < p->ends)
			return false;
		if (!p->gone && p->fate.state != JOB_RUNNING && *p->job)
			write_end(w, p);
		/* One that dies leaves its file, and nobody's lock on it. */
		if (!p->gone && p->fate.state != JOB_RUNNING && *p->job)
			record_lock_drop(catalog_state_dir(w->c), p->job, &p->lock);
		fs_close(&p->lock);
		*status = p->fate.status;
		*p = w->v[--w->n];
		return true;
	}
	fail_msg("no process %d", (int)pid);
	return false;
}

static void send_signal(void *ctx, pid_t pid, int number)
{
	struct world *w = ctx;

	for (size_t i = 0; i < w->n; i++) {
		struct process *p = &w->v[i];

		if (p->pid != pid)
			continue;
		p->term += number == SIGTERM;
		p->kill += number == SIGKILL;
		if (number == SIGKILL || !p->fate.stubborn) {
			p->gone = true;
			p->fate.status = number;
		}
	}
}

/* ---- the world ---- */

struct fate fate_good(struct world *w, const struct job_record *j)
{
	return (struct fate){.seconds = 5, .state = JOB_SUCCESS};
}

static const struct supervisor_processes processes = {.start = start, .ended = ended, .signal = send_signal, .ctx = &world};

void world_restart(int jobs)
{
	const struct supervisor_options o = {.program = "/nowhere", .jobs = jobs, .processes = &processes};
	struct error e = {0};

	supervisor_free(world.s);
	world.s = NULL;
	while (world.n)
		fs_close(&world.v[--world.n].lock);
	assert_ok(supervisor_new(world.c, &o, &world.s, &e));
}

int world_enter(void **state)
{
	struct error e = {0};
	struct place_record p = {.name = mem_string("main"), .location = mem_string("/srv/repository")};

	/* Every change is on the disk before it returns; here that may be memory. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 1);
	room_enter(state);
	world = (struct world){.fate = fate_good, .now = {.tv_sec = BEGINNING}};
	time_freeze(&world.now);
	assert_ok(fs_make_dirs(at("state"), 0700, &e));
	assert_ok(catalog_open(at("state"), &world.c, &e));
	assert_ok(place_add(world.c, &p, &e));
	world.place = p.id;
	place_record_release(&p);
	log_setup(0, false);
	world_restart(2);
	/* The first round looks at the repositories. */
	world_round();
	world_round();
	return 0;
}

int world_leave(void **state)
{
	supervisor_free(world.s);
	while (world.n)
		fs_close(&world.v[--world.n].lock);
	catalog_close(world.c);
	strlist_release(&world.events);
	time_freeze(NULL);
	return room_leave(state);
}

void world_round(void)
{
	time_freeze(&world.now);
	supervisor_tick(world.s, world.now, world.steady, &world.wait);
}

/* Seconds to the next round: as it said; while processes run, until the first of them ends, but a
 * minute at most, and a second once one was told to end. */
static int64_t step(void)
{
	double seconds = world.wait;

	if (world.n) {
		double due = (double)(world.s->next_due - world.now.tv_sec);

		seconds = due > 0 && due < 60 ? due : 60;
		for (size_t i = 0; i < world.n; i++) {
			double left = world.v[i].term ? 1 : world.v[i].ends - world.steady;

			seconds = left < seconds ? left : seconds;
		}
	}
	int64_t whole = (int64_t)seconds + (seconds > (double)(int64_t)seconds);

	return whole > 0 ? whole : 1;
}

/* While nothing runs the steady clock stands nearly still: what goes by it is no matter then, but each round would do it. */
static void pass(int64_t seconds)
{
	world.now.tv_sec += seconds;
	world.steady += world.n || seconds <= 60 ? (double)seconds : 1;
}

void world_until(int64_t time)
{
	for (;;) {
		world_round();
		int64_t whole = step();

		if (world.now.tv_sec + whole > time)
			break;
		pass(whole);
	}
	pass(time - world.now.tv_sec);
	world_round();
}

void world_jump(int64_t seconds)
{
	world.now.tv_sec += seconds;
}

/* ---- records ---- */

int64_t add_source(const char *name)
{
	struct error e = {0};
	struct source_record s = {
		.name = mem_string(name), .url = mem_printf("sqlite:/srv/%s.db", name), .shown = mem_printf("sqlite:/srv/%s.db", name), .engine = mem_string("sqlite"),
	};

	assert_ok(source_add(world.c, &s, &e));
	int64_t id = s.id;

	source_record_release(&s);
	return id;
}

int64_t add_daily(const char *name, const char *source, int hour, void (*change)(struct schedule_record *s))
{
	struct error e = {0};
	struct schedule_record s = schedule_record_new();

	s.name = mem_string(name);
	s.hour = hour;
	s.zone = mem_string("UTC");
	if (source)
		strlist_add(&s.sources, source);
	if (change)
		change(&s);
	assert_ok(schedule_add(world.c, &s, &e));
	int64_t id = s.id;

	schedule_record_release(&s);
	return id;
}

const char *add_job(const char *kind, const char *source)
{
	char *id = next_text();
	struct error e = {0};
	struct job_record j = {
		.kind = mem_string(kind), .title = mem_printf("%s %s", kind, source), .author = mem_string("maria"), .repository = mem_string("main"), .attempt = 1, .attempts = 1,
	};

	strlist_add(&j.words, kind);
	strlist_add(&j.words, source);
	strlist_add(&j.sources, source);
	if (!strcmp(kind, "backup"))
		strlist_addf(&j.locks, "source:/srv/%s.db", source);
	assert_ok(job_add(world.c, &j, &e));
	snprintf(id, 64, "%s", j.id);
	job_record_release(&j);
	return id;
}

void add_notice(void)
{
	struct error e = {0};
	struct notice_record n = {
		.name = mem_string("ops"), .kind = mem_string("webhook"), .enabled = true, .url = mem_string("http://127.0.0.1:9/"), .events = NOTICE_BIT(NOTICE_EVENTS) - 1,
	};

	n.events &= ~(NOTICE_BIT(NOTICE_TEST) | NOTICE_BIT(NOTICE_START));
	assert_ok(notice_add(world.c, &n, &e));
	notice_record_release(&n);
}

struct job_record job_of(const char *id)
{
	struct job_record j;
	struct error e = {0};

	assert_ok(job_get(world.c, id, &j, &e));
	return j;
}

const char *state_of(const char *id)
{
	struct job_record j = job_of(id);
	const char *name = job_state_name(j.state);

	job_record_release(&j);
	return name;
}

const char *error_of(const char *id)
{
	struct job_record j = job_of(id);
	char *out = next_text();

	snprintf(out, 4096, "%s", j.error ? j.error : "");
	job_record_release(&j);
	return out;
}

static void list_jobs(const char *state, const char *kind, struct job_list *out, uint64_t *total)
{
	CLEANUP(strlist_release) struct strlist states = {0};
	CLEANUP(strlist_release) struct strlist kinds = {0};
	struct error e = {0};
	const struct catalog_page p = {.limit = 1000};

	if (state)
		strlist_add(&states, state);
	if (kind)
		strlist_add(&kinds, kind);
	const struct job_filter f = {.states = states, .kinds = kinds, .oldest_first = true};

	assert_ok(job_list_some(world.c, &f, &p, out, total, &e));
}

const char *titles(const char *state, const char *kind)
{
	CLEANUP(job_list_release) struct job_list l = {0};
	CLEANUP(strlist_release) struct strlist all = {0};
	char *out = next_text();

	list_jobs(state, kind, &l, NULL);
	for (size_t i = 0; i < l.n; i++)
		strlist_add(&all, l.v[i].title);
	AUTO_FREE char *text = strlist_join(&all, ", ");

	snprintf(out, 16384, "%s", text);
	return out;
}

size_t count_jobs(const char *state, const char *kind)
{
	CLEANUP(job_list_release) struct job_list l = {0};
	uint64_t total = 0;

	list_jobs(state, kind, &l, &total);
	return (size_t)total;
}

const char *told(void)
{
	CLEANUP(delivery_list_release) struct delivery_list l = {0};
	CLEANUP(strlist_release) struct strlist all = {0};
	const struct catalog_page p = {.limit = 1000};
	struct error e = {0};
	char *out = next_text();

	assert_ok(delivery_list_some(world.c, NULL, false, &p, &l, NULL, &e));
	for (size_t i = l.n; i-- > 0;)
		strlist_add(&all, l.v[i].title);
	AUTO_FREE char *text = strlist_join(&all, "; ");

	snprintf(out, 16384, "%s", text);
	return out;
}
