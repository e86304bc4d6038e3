/* Making a backup: each source through its engine into one archive, the manifest beside them, then the snapshot. */
#include "job/backup.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "engine/unpack.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* ---- the backup before this one ---- */

/* The path a source has in the snapshot's `paths`: restic groups and filters by it. */
static char *snapshot_path(const struct source_url *u)
{
	return u->path ? mem_string(u->path) : mem_printf("/%s", u->name);
}

static size_t shared_paths(const struct snapshot *s, const struct strlist *paths)
{
	size_t n = 0;

	for (size_t i = 0; i < paths->n; i++)
		n += strlist_has(&s->paths, paths->v[i]);
	return n;
}

/* The newest backup of ours that shares most of these paths; false when there is none. */
static bool find_previous(struct repository *r, const struct strlist *paths, struct backup *out, struct error *e)
{
	CLEANUP(snapshot_list_release) struct snapshot_list all = {0};
	const struct snapshot *best = NULL;
	size_t most = 0;
	char hex[ID_HEX_LEN + 1];

	if (snapshot_list_load(r->repo, &all, e))
		return false;
	for (size_t i = all.n; i-- > 0;) {
		size_t n = snapshot_has_tag(&all.v[i], TAG_BACKSTAY) ? shared_paths(&all.v[i], paths) : 0;

		if (n > most) {
			most = n;
			best = &all.v[i];
		}
	}
	return best && backup_find(r, id_hex(&best->id, hex), out, e) == 0 && out->has_manifest;
}

/* ---- one run ---- */

struct run {
	struct repository *repository;
	const struct job_backup *job;
	struct strlist paths;
	struct strlist names;             /* of the sources' entries, in their order */
	struct backup previous;
	bool has_previous;
	struct archive *archive;
	struct manifest manifest;
	int (*store)(struct run *run, struct error *e);       /* put the sources into the archive */
	const char *import_path;
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

/* Each source's entry keeps the name it had before; a new one gets its own, with a number behind when taken. */
static void name_sources(struct run *run)
{
	for (size_t i = 0; i < run->job->source_count; i++) {
		const struct source_url *u = &run->job->sources[i];
		const struct manifest_source *before = previous_source(run, u);
		AUTO_FREE char *name = mem_string(before ? before->name : u->name);

		for (int n = 2; strlist_has(&run->names, name) || !strcmp(name, MANIFEST_DIR); n++) {
			free(name);
			name = mem_printf("%s-%d", u->name, n);
		}
		strlist_add(&run->names, name);
	}
}

static void begin_manifest(struct run *run)
{
	const struct job_backup *j = run->job;
	struct manifest *m = &run->manifest;
	char host[256] = "";

	gethostname(host, sizeof host - 1);
	*m = (struct manifest){.version = MANIFEST_VERSION};
	m->name = j->name ? mem_string(j->name) : strlist_join(&run->names, " + ");
	m->description = j->description ? mem_string(j->description) : NULL;
	m->program = mem_string("backstay " BACKSTAY_VERSION);
	m->hostname = mem_string(host);
	m->job = j->job ? mem_string(j->job) : job_new_id();
	m->safety_target = j->safety_target ? mem_string(j->safety_target) : NULL;
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
			.options = &run->job->options,
			.progress = run->job->progress,
		};
		int rc = engine_backup_source(&b, manifest_add_source(&run->manifest), e);
		if (rc)
			return error_wrap(e, "backing up %s", u->shown);
	}
	return 0;
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
	int rc = sink->enter(sink, &dir, e);

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
	strlist_add(&s->tags, TAG_BACKSTAY);
	if (j->safety_target)
		strlist_add(&s->tags, TAG_SAFETY);
	if (j->undo_of)
		strlist_addf(&s->tags, TAG_UNDO_OF "%s", j->undo_of);
	if (skipped(&run->manifest))
		strlist_add(&s->tags, TAG_PARTIAL);
	if (run->import_path)
		strlist_add(&s->tags, TAG_IMPORTED);
	if (j->tags)
		strlist_copy(&s->tags, j->tags);
	if (run->has_previous) {
		s->has_parent = true;
		s->parent = run->previous.snapshot.id;
	}
}

static int check_request(const struct job_backup *j, struct error *e)
{
	if (j->source_count == 0)
		return error_set(e, ERR_USAGE, "there is nothing to back up: no source was named");
	for (size_t i = 0; j->tags && i < j->tags->n; i++)
		if (strchr(j->tags->v[i], ',') || !*j->tags->v[i])
			return error_set(e, ERR_USAGE, "a tag can neither be empty nor hold a comma: \"%s\"", j->tags->v[i]);
	for (size_t i = 0; i < j->source_count; i++)
		for (size_t k = 0; k < i; k++)
			if (!strcmp(j->sources[i].shown, j->sources[k].shown))
				return error_set(e, ERR_USAGE, "%s is named twice", j->sources[i].shown);
	return 0;
}

/* Store everything and write the snapshot. */
static int archive_all(struct run *run, struct snapshot *s, struct archive_stats *stats, struct error *e)
{
	struct archive_options o = {
		.level = run->job->level,
		.threads = run->job->threads,
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

	begin_manifest(run);
	int rc = archive_all(run, &s, &out->stats, e);
	if (rc)
		return rc;
	out->seconds = time_monotonic() - start;
	out->skipped = skipped(&run->manifest);
	out->backup = (struct backup){.repository = run->repository, .snapshot = s, .has_manifest = true, .manifest = run->manifest};
	s = (struct snapshot){0};
	run->manifest = (struct manifest){0};
	if (out->skipped)
		return error_set(e, ERR_PARTIAL, "the backup was made, but %llu entries could not be read and are not in it",
				 (unsigned long long)out->skipped);
	return 0;
}

int job_backup(struct repository *r, const struct job_backup *j, struct job_backup_result *out, struct error *e)
{
	CLEANUP(run_release) struct run run = {.repository = r, .job = j, .store = backup_sources};
	struct error ignored = {0};
	int rc = check_request(j, e);

	*out = (struct job_backup_result){0};
	if (rc)
		return rc;
	for (size_t i = 0; i < j->source_count; i++)
		strlist_take(&run.paths, snapshot_path(&j->sources[i]));
	run.has_previous = find_previous(r, &run.paths, &run.previous, &ignored);
	name_sources(&run);
	return run_all(&run, out, e);
}

/* ---- outside files ---- */

static int import_source(struct run *run, struct error *e)
{
	struct manifest_source *s = manifest_add_source(&run->manifest);
	int rc = unpack_import(run->import_path, run->names.v[0], archive_tree(run->archive), s, run->job->progress, e);

	return rc ? error_wrap(e, "importing %s", run->import_path) : 0;
}

int job_import(struct repository *r, const char *path, struct progress *p, struct job_backup_result *out, struct error *e)
{
	AUTO_FREE char *absolute = path_absolute(path);
	const struct job_backup j = {.name = path_base(absolute), .level = -1, .progress = p};
	CLEANUP(run_release) struct run run = {.repository = r, .job = &j, .store = import_source, .import_path = absolute};

	*out = (struct job_backup_result){0};
	strlist_add(&run.paths, absolute);
	strlist_add(&run.names, path_base(absolute));
	return run_all(&run, out, e);
}
