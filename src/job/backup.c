/* Making a backup: each source through its engine into one archive, the manifest beside them, then the snapshot. */
#include "job/backup.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/thread.h"
#include "base/timefmt.h"
#include "catalog/name.h"
#include "engine/unpack.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS_MAX 2 /* each more costs up to 15 MiB */

void job_backup_result_release(struct job_backup_result *r)
{
	backup_release(&r->backup);
	*r = (struct job_backup_result){0};
}

char *job_new_id(void)
{
	struct id id;
	char hex[ID_HEX_LEN + 1];

	id_random(&id);
	return mem_string_n(id_hex(&id, hex), 16);
}

char *backup_host(void)
{
	const char *given = getenv("BACKSTAY_HOST");
	char host[256] = "";

	if (given && given[0])
		return mem_string(given);
	gethostname(host, sizeof host - 1);
	return mem_string(host);
}

/* ---- the backup before this one ---- */

static size_t shared_paths(const struct snapshot *s, const struct strlist *paths)
{
	size_t n = 0;

	for (size_t i = 0; i < paths->n; i++)
		n += strlist_has(&s->paths, paths->v[i]);
	return n;
}

/* One whose content the next backup may take over: of ours, of this machine's own files. */
static bool may_precede(const struct snapshot *s, const char *host)
{
	return snapshot_has_tag(s, TAG_BACKSTAY) && !snapshot_has_tag(s, TAG_IMPORTED) && s->hostname &&
	       !strcmp(s->hostname, host);
}

/* The newest of those that share most of these paths; false when there is none. Only its manifest is read. */
static bool find_previous(struct repository *r, const struct strlist *paths, const char *host, struct backup *out)
{
	CLEANUP(snapshot_list_release) struct snapshot_list all = {0};
	struct snapshot *best = NULL;
	struct error ignored = {0};
	size_t most = 0;

	if (snapshot_list_load(r->repo, &all, &ignored))
		return false;
	for (size_t i = all.n; i-- > 0;) {
		size_t n = may_precede(&all.v[i], host) ? shared_paths(&all.v[i], paths) : 0;

		if (n > most) {
			most = n;
			best = &all.v[i];
		}
	}
	return best && backup_of_snapshot(r, best, out, &ignored) == 0;
}

/* ---- one run ---- */

struct run {
	struct repository *repository;
	const struct job_backup *job;
	struct strlist paths;
	struct strlist names; /* of the sources' entries, in their order */
	struct backup previous;
	bool has_previous;
	struct archive *archive;
	struct manifest manifest;
	int (*store)(struct run *run, struct error *e); /* put the sources into the archive */
	const char *import_path, *import_target;
};

static void run_release(struct run *run)
{
	archive_abort(run->archive);
	strlist_release(&run->paths);
	strlist_release(&run->names);
	backup_release(&run->previous);
	manifest_release(&run->manifest);
}

static const struct manifest_source *previous_source(const struct run *run, const struct source_url *u)
{
	for (size_t i = 0; run->has_previous && i < run->previous.manifest.source_count; i++) {
		const struct manifest_source *s = &run->previous.manifest.sources[i];

		if (!strcmp(s->url, u->shown) && !strcmp(s->engine, u->engine->name))
			return s;
	}
	return NULL;
}

static bool is_free(const struct run *run, const char *name)
{
	return strcmp(name, MANIFEST_DIR) && !strlist_has(&run->names, name);
}

/* First those that have a name already, so that no new source takes it from them. */
static void name_sources(struct run *run)
{
	size_t n = run->job->source_count;

	for (size_t i = 0; i < n; i++) {
		const struct manifest_source *before = previous_source(run, &run->job->sources[i]);

		strlist_add(&run->names, before && is_free(run, before->name) ? before->name : "");
	}
	for (size_t i = 0; i < n; i++) {
		const char *own = run->job->sources[i].name;
		AUTO_FREE char *name = mem_string(*run->names.v[i] ? run->names.v[i] : own);

		for (int k = 2; !*run->names.v[i] && !is_free(run, name); k++) {
			free(name);
			name = mem_printf("%s-%d", own, k);
		}
		free(run->names.v[i]);
		run->names.v[i] = TAKE(name);
	}
}

static void begin_manifest(struct run *run)
{
	const struct job_backup *j = run->job;
	struct manifest *m = &run->manifest;

	*m = (struct manifest){.version = MANIFEST_VERSION};
	m->name = j->name ? mem_string(j->name) : strlist_join(&run->names, " + ");
	m->description = j->description ? mem_string(j->description) : NULL;
	m->program = mem_string("backstay " BACKSTAY_VERSION);
	m->hostname = backup_host();
	m->job = j->job ? mem_string(j->job) : job_new_id();
	m->safety_target = j->safety_target ? mem_string(j->safety_target) : NULL;
}

static const struct backup_options *options_of(const struct job_backup *j, size_t i)
{
	return j->source_options ? &j->source_options[i] : &j->options;
}

static int backup_sources(struct run *run, struct error *e)
{
	for (size_t i = 0; i < run->job->source_count; i++) {
		const struct source_url *u = &run->job->sources[i];
		struct engine_backup b = {
			.url = u,
			.name = run->names.v[i],
			.sink = archive_tree(run->archive),
			.previous = previous_source(run, u),
			.options = options_of(run->job, i),
			.progress = run->job->progress,
		};
		int rc = engine_backup_source(&b, manifest_add_source(&run->manifest), e);

		if (rc)
			return rc;
	}
	return 0;
}

/* A backup whose manifest cannot be read is none: better no backup, and the reason, than one that looks good. */
static int check_manifest(const struct buf *text, struct error *e)
{
	CLEANUP(manifest_release) struct manifest again = {0};
	int rc = manifest_parse(text->p, text->len, &again, e);

	return rc ? error_wrap(e, "what is to be kept about this backup could not be read again, so none was made") : 0;
}

static int write_manifest(struct run *run, struct error *e)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	CLEANUP(node_release) struct node dir = {0};
	CLEANUP(node_release) struct node file = {0};
	struct tree_sink *sink = archive_tree(run->archive);
	struct timespec now = time_now();

	manifest_encode(&run->manifest, &text);
	node_synthetic(&dir, MANIFEST_DIR, NODE_DIR, now);
	node_synthetic(&file, MANIFEST_FILE, NODE_FILE, now);
	int rc = check_manifest(&text, e);

	if (!rc)
		rc = sink->enter(sink, &dir, e);
	if (!rc)
		rc = archive_add_file(run->archive, &file, text.p, text.len, e);
	if (!rc)
		rc = sink->leave(sink, e);
	return rc ? error_wrap(e, "storing the manifest") : 0;
}

static uint64_t skipped(const struct manifest *m)
{
	uint64_t n = 0;

	for (size_t i = 0; i < m->source_count; i++)
		n += m->sources[i].skipped;
	return n;
}

/* Of all sources, each once. */
static void add_excludes(const struct job_backup *j, struct strlist *out)
{
	for (size_t i = 0; i < j->source_count; i++) {
		const struct strlist *l = &options_of(j, i)->exclude;

		for (size_t k = 0; k < l->n; k++)
			if (!strlist_has(out, l->v[k]))
				strlist_add(out, l->v[k]);
	}
}

static void describe_snapshot(const struct run *run, struct snapshot *s)
{
	const struct job_backup *j = run->job;
	struct passwd *user = getpwuid(geteuid());

	s->hostname = mem_string(run->manifest.hostname);
	s->username = mem_string(user ? user->pw_name : "");
	s->offset_seconds = time_local_offset(s->time);
	s->uid = geteuid();
	s->gid = getegid();
	s->program_version = mem_string("backstay " BACKSTAY_VERSION);
	strlist_copy(&s->paths, &run->paths);
	add_excludes(j, &s->excludes);
	strlist_add(&s->tags, TAG_BACKSTAY);
	if (j->safety_target)
		strlist_add(&s->tags, TAG_SAFETY);
	if (j->undo_of)
		strlist_addf(&s->tags, TAG_UNDO_OF "%s", j->undo_of);
	if (skipped(&run->manifest))
		strlist_add(&s->tags, TAG_PARTIAL);
	if (run->import_path)
		strlist_add(&s->tags, TAG_IMPORTED);
	if (j->schedule)
		strlist_addf(&s->tags, TAG_SCHEDULE "%s", j->schedule);
	if (j->tags)
		strlist_copy(&s->tags, j->tags);
	if (run->has_previous) {
		s->has_parent = true;
		s->parent = run->previous.snapshot.id;
	}
}

static int check_tags(const struct strlist *tags, struct error *e)
{
	for (size_t i = 0; i < tags->n; i++) {
		const char *tag = tags->v[i];

		if (strchr(tag, ',') || !*tag)
			return error_set(e, ERR_USAGE, "a tag can neither be empty nor hold a comma: \"%s\"", tag);
		if (!strncmp(tag, TAG_BACKSTAY, strlen(TAG_BACKSTAY)))
			return error_set(e, ERR_USAGE,
					 "tags that begin with \"" TAG_BACKSTAY "\" are Backstay's own: \"%s\"", tag);
	}
	return 0;
}

/* What is shown of a command is less than the command. */
static bool same_source(const struct source_url *a, const struct source_url *b)
{
	bool known_whole = a->path || a->engine->look;

	return a->engine == b->engine && !strcmp(a->identity, b->identity) && (known_whole || !strcmp(a->rest, b->rest));
}

static int check_request(const struct job_backup *j, struct error *e)
{
	if (j->source_count == 0)
		return error_set(e, ERR_USAGE, "there is nothing to back up: no source was named");
	for (size_t i = 0; i < j->source_count; i++)
		for (size_t k = 0; k < i; k++)
			if (same_source(&j->sources[i], &j->sources[k]))
				return error_set(e, ERR_USAGE, "%s is named twice", j->sources[i].shown);
	int rc = j->tags ? check_tags(j->tags, e) : 0;

	return rc || !j->schedule ? rc : name_check("schedule", j->schedule, e);
}

/* Store everything and write the snapshot. */
static int archive_all(struct run *run, struct snapshot *s, struct archive_stats *stats, struct error *e)
{
	struct archive_options o = {
		.level = run->job->level,
		.threads = run->job->threads ? run->job->threads : pool_cpus(THREADS_MAX),
		.previous_tree = run->has_previous ? &run->previous.snapshot.tree : NULL,
		.progress = run->job->progress,
	};
	int rc = archive_begin(run->repository->repo, &o, &run->archive, e);

	if (!rc)
		rc = run->store(run, e);
	if (!rc)
		rc = write_manifest(run, e);
	if (!rc && run->repository->lock)
		rc = lock_check(run->repository->lock, e);
	if (rc)
		return rc;
	describe_snapshot(run, s);
	progress_phase(run->job->progress, "finishing", NULL, 0, 0);
	rc = archive_finish(run->archive, s, stats, e);
	run->archive = NULL;
	return rc;
}

/* Archive what run names, and hand the result over. */
static int run_all(struct run *run, struct job_backup_result *out, struct error *e)
{
	CLEANUP(snapshot_release) struct snapshot s = {.time = time_now()};
	double start = time_monotonic();

	int rc = repository_can_write(run->repository, e);

	if (rc)
		return rc;
	begin_manifest(run);
	rc = archive_all(run, &s, &out->stats, e);
	if (rc)
		return rc;
	out->seconds = time_monotonic() - start;
	out->skipped = skipped(&run->manifest);
	out->backup = (struct backup){
		.repository = run->repository, .snapshot = s, .has_manifest = true, .manifest = run->manifest};
	s = (struct snapshot){0};
	run->manifest = (struct manifest){0};
	if (out->skipped)
		return error_set(e, ERR_PARTIAL, "the backup was made, but %llu %s could not be read and %s not in it",
				 (unsigned long long)out->skipped, out->skipped == 1 ? "entry" : "entries",
				 out->skipped == 1 ? "is" : "are");
	return 0;
}

int job_backup(struct repository *r, const struct job_backup *j, struct job_backup_result *out, struct error *e)
{
	CLEANUP(run_release) struct run run = {.repository = r, .job = j, .store = backup_sources};
	AUTO_FREE char *host = backup_host();
	int rc = check_request(j, e);

	*out = (struct job_backup_result){0};
	if (rc)
		return rc;
	for (size_t i = 0; i < j->source_count; i++)
		strlist_add(&run.paths, j->sources[i].identity);
	run.has_previous = find_previous(r, &run.paths, host, &run.previous);
	name_sources(&run);
	return run_all(&run, out, e);
}

/* ---- outside files ---- */

static int import_source(struct run *run, struct error *e)
{
	struct manifest_source *s = manifest_add_source(&run->manifest);
	int rc = unpack_import(run->import_path, run->import_target, run->names.v[0], archive_tree(run->archive), s,
			       run->job->progress, e);

	return rc ? error_wrap(e, "importing %s", run->import_path) : 0;
}

int job_import(struct repository *r, const char *path, const char *name, const char *target, struct progress *p,
	       struct job_backup_result *out, struct error *e)
{
	AUTO_FREE char *absolute = path_absolute(path);
	const char *called = name ? name : path_base(absolute);
	const struct job_backup j = {.name = called, .level = -1, .progress = p};
	CLEANUP(run_release)
	struct run run = {.repository = r,
			  .job = &j,
			  .store = import_source,
			  .import_path = absolute,
			  .import_target = target};

	*out = (struct job_backup_result){0};
	if (!path_component_ok(called, strlen(called)))
		return error_set(e, ERR_USAGE, "\"%.200s\" cannot be the name of a file", called);
	strlist_add(&run.paths, absolute);
	strlist_add(&run.names, called);
	return run_all(&run, out, e);
}
