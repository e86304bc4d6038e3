/* What the API answers with. Tests hold real answers against it. */
#include "web/openapi.h"

/* ---- backups ---- */

static const struct openapi_member backup_source[] = {
	{"name", "string"}, {"engine", "string"}, {"url", "string", "without secrets"}, {"bytes", "integer"}, {"tables", "integer"},
	{"rows", "integer"}, {"files", "integer"}, {0},
};
#define BACKUP \
	{"id", "string", "of the snapshot"}, {"short_id", "string"}, {"original", "string?", "the id it had before its tags were changed"}, \
	{"time", "time"}, {"name", "string"}, {"description", "string?"}, {"hostname", "string"}, {"tags", "string[]"}, \
	{"sources", "BackupSource[]"}, {"bytes", "integer", "of its sources"}, {"tables", "integer"}, {"rows", "integer"}, {"files", "integer"}, \
	{"partial", "boolean", "some of the source could not be read"}, {"safety", "boolean", "made before a restore replaced something"}, \
	{"imported", "boolean", "taken in from a file"}, {"foreign", "boolean", "made by another program"}, {"pinned", "boolean"}, \
	{"verification", "bytes|structure|restored|compared|failed?", "the highest level reached"}, {"verified", "time?", "when"}, \
	{"evidence", "string[]", "what the last verification found"}, {"job", "string?", "that made it"}, {"author", "string?", "who asked for it"}, {"notes", "string?", "of that job"}, \
	{"repository", "integer", "its number"}, {"added", "integer?", "bytes that the repository grew by"}, {"seconds", "number?", "it took"}
static const struct openapi_member backup[] = {BACKUP, {0}};
static const struct openapi_member backup_details[] = {
	BACKUP, {"manifest", "object?~", "what is in it, in full (docs/manifest.md)"}, {"manifest_error", "string?~", "why it could not be read"}, {0},
};
static const struct openapi_member column[] = {{"name", "string"}, {"type", "string~"}, {"key", "integer~", "position in the primary key, from 1"}, {0}};
static const struct openapi_member table[] = {{"source", "string"}, {"schema", "string~"}, {"name", "string"}, {"rows", "integer~"}, {"bytes", "integer~"}, {"columns", "Column[]~"}, {0}};
static const struct openapi_member tables[] = {{"items", "Table[]"}, {"total", "integer"}, {0}};
static const struct openapi_member rows[] = {
	{"repository", "string"}, {"backup", "string"}, {"columns", "string[]"},
	{"rows", "any[]", "a list of values each; bytes that are no text are {\"base64\": ...}"}, {0},
};
static const struct openapi_member entry[] = {
	{"path", "string"}, {"path_base64", "string~"}, {"type", "file|dir|symlink|fifo|socket|chardev|dev"}, {"mode", "string"}, {"size", "integer"},
	{"mtime", "time"}, {"uid", "integer"}, {"gid", "integer"}, {"user", "string?"}, {"group", "string?"}, {"link_target", "string?"}, {"link_target_base64", "string~"}, {0},
};
static const struct openapi_member files[] = {{"repository", "string"}, {"backup", "string"}, {"path", "string?"}, {"path_base64", "string~"}, {"entries", "Entry[]"}, {0}};
static const struct openapi_member table_diff[] = {
	{"name", "string"}, {"change", "same|changed|added|removed"}, {"columns_differ", "boolean"}, {"rows_a", "integer"}, {"rows_b", "integer"},
	{"added", "integer"}, {"removed", "integer"}, {"changed", "integer"}, {0},
};
static const struct openapi_member file_diff[] = {{"path", "string"}, {"path_base64", "string~"}, {"change", "changed|added|removed"}, {"size_a", "integer"}, {"size_b", "integer"}, {0}};
static const struct openapi_member row_diff[] = {{"table", "string"}, {"change", "changed|added|removed"}, {"a", "object?"}, {"b", "object?"}, {0}};
static const struct openapi_member comparison[] = {
	{"repository", "string"}, {"a", "string", "id"}, {"b", "string", "id, or \"live\""}, {"rows", "RowDiff[]~"}, {"tables", "TableDiff[]"}, {"files", "FileDiff[]"},
	{"files_same", "integer"}, {"only_a", "string[]"}, {"only_b", "string[]"}, {"equal", "boolean"}, {0},
};
static const struct openapi_member export[] = {
	{"ready", "boolean"}, {"url", "string", "where it is downloaded"}, {"file_name", "string?"}, {"job", "Job?", "that makes it"}, {0},
};

/* ---- jobs ---- */

static const struct openapi_member progress[] = {
	{"phase", "string?"}, {"unit", "string?"}, {"bytes_done", "integer"}, {"bytes_total", "integer"}, {"items_done", "integer"}, {"items_total", "integer"},
	{"time", "time"}, {"bytes_per_second", "number?"}, {"seconds_left", "number?"}, {0},
};
static const struct openapi_member job_error[] = {{"kind", "string"}, {"message", "string"}, {"hint", "string?"}, {0}};
static const struct openapi_member job[] = {
	{"id", "string"}, {"kind", "string", "backup, restore, verify, export, cleanup, ..."}, {"state", "queued|running|success|failed|cancelled|interrupted"},
	{"partial", "boolean"}, {"title", "string"}, {"sources", "string[]"}, {"repository", "string?"}, {"author", "string"}, {"notes", "string?"},
	{"attempt", "integer"}, {"attempts", "integer"}, {"retry_of", "string?"}, {"undo_of", "string?"}, {"backup", "string?"},
	{"created", "time"}, {"not_before", "time?"}, {"started", "time?"}, {"ended", "time?"}, {"time_limit", "integer"}, {"cancel_asked", "boolean"},
	{"size", "integer"}, {"added", "integer"}, {"rows", "integer"}, {"files", "integer"}, {"schedule", "integer?"}, {"seconds", "number?"},
	{"progress", "JobProgress?"}, {"error", "JobError?"}, {"result", "object?~", "the command's document (docs/json.md)"}, {0},
};
static const struct openapi_member jobs[] = {{"jobs", "Job[]"}, {0}};
static const struct openapi_member line[] = {{"n", "integer"}, {"time", "time"}, {"level", "string"}, {"text", "string"}, {0}};
static const struct openapi_member lines[] = {{"items", "Line[]"}, {"total", "integer"}, {0}};
static const struct openapi_member recognised_file[] = {{"what", "string", "for people"}, {"engine", "string?", "that it is for; null: any"}, {0}};
static const struct openapi_member recognised[] = {
	{"file", "RecognisedFile"}, {"replaces", "string[]", "a sentence for each thing that would go"}, {"confirm", "string?", "the name to send as \"confirm\" then"}, {0},
};
static const struct openapi_member confirmation[] = {
	{"type", "string"}, {"title", "string"}, {"status", "integer"}, {"kind", "string"}, {"detail", "string"},
	{"confirm", "string", "the name to send as \"confirm\""}, {"replaces", "string[]", "a sentence for each thing that goes"},
	{"targets", "string[]", "the URL of each, as it is shown"}, {0},
};

/* ---- configuration ---- */

static const struct openapi_member source[] = {
	{"id", "integer"}, {"name", "string"}, {"url", "string", "without secrets"}, {"url_secret", "boolean", "it has a secret that is not shown"}, {"engine", "string"},
	{"include", "string[]"}, {"exclude", "string[]"}, {"include_logs", "boolean"}, {"one_file_system", "boolean"}, {"check", "string?"}, {"before", "string?"},
	{"after", "string?"}, {"optimize_first", "boolean"}, {"restore_protected", "boolean"}, {"overdue_hours", "integer"}, {"repository", "string?"}, {"notes", "string?"},
	{"created", "time"}, {"changed", "time"}, {0},
};
static const struct openapi_member source_test[] = {
	{"source", "string"}, {"ok", "boolean"}, {"engine", "string"}, {"version", "string"}, {"bytes", "integer"}, {"tables", "integer"}, {"notes", "string[]"}, {0},
};
static const struct openapi_member info_table[] = {
	{"schema", "string?"}, {"name", "string"}, {"name_base64", "string~"}, {"kind", "string?"}, {"rows", "integer"}, {"rows_exact", "boolean"}, {"bytes", "integer"},
	{"index_bytes", "integer"}, {"reclaimable", "integer"}, {0},
};
static const struct openapi_member source_info[] = {
	{"source", "string"}, {"name", "string"}, {"name_base64", "string~"}, {"engine", "string"}, {"version", "string"}, {"encoding", "string?"}, {"bytes", "integer"},
	{"tables", "InfoTable[]"}, {"notes", "string[]"}, {0},
};
static const struct openapi_member repository[] = {
	{"id", "integer"}, {"name", "string"}, {"location", "string"}, {"password_known", "boolean"}, {"is_default", "boolean"}, {"remembered", "boolean", "it was used, and nobody has added it"}, {"repository_id", "string?"},
	{"low_space", "integer"}, {"scanned", "time?"}, {"checked", "time?"}, {"check_failed", "boolean"}, {"bytes", "integer"}, {"bytes_free", "integer"},
	{"created", "time"}, {"changed", "time"}, {0},
};
static const struct openapi_member key[] = {{"id", "string"}, {"created", "time"}, {"username", "string"}, {"hostname", "string"}, {"current", "boolean"}, {0}};
static const struct openapi_member keys[] = {{"repository", "string"}, {"keys", "Key[]"}, {"damaged", "integer"}, {0}};
static const struct openapi_member repository_place[] = {{"location", "string"}, {"chosen_by", "string", "why it is this one"}, {0}};
static const struct openapi_member key_change[] = {{"repository", "string"}, {"added", "string?", "id"}, {"removed", "string?", "id"}, {0}};
static const struct openapi_member prune_figures[] = {
	{"packs_kept", "integer"}, {"packs_repacked", "integer"}, {"packs_removed", "integer"}, {"packs_unreferenced", "integer"}, {"blobs_used", "integer"},
	{"blobs_unused", "integer"}, {"blobs_duplicate", "integer"}, {"bytes_before", "integer"}, {"bytes_after", "integer"}, {"bytes_repacked", "integer"},
	{"bytes_removed", "integer"}, {0},
};
static const struct openapi_member prune[] = {{"repository", "string"}, {"dry_run", "boolean"}, {"prune", "PruneFigures"}, {0}};
static const struct openapi_member lock[] = {
	{"id", "string"}, {"time", "time"}, {"exclusive", "boolean"}, {"hostname", "string"}, {"username", "string"}, {"pid", "integer"}, {0},
};
static const struct openapi_member unlocked[] = {{"repository", "string"}, {"removed", "integer"}, {"remaining", "Lock[]"}, {0}};
static const struct openapi_member repository_made[] = {
	{"repository", "string"}, {"id", "string"}, {"format_version", "integer"}, {"password_file", "string?"}, {"recovery_sheet", "string?"}, {0},
};
static const struct openapi_member keep[] = {
	{"days", "integer"}, {"max_backups", "integer"}, {"last", "integer"}, {"hourly", "integer"}, {"daily", "integer"}, {"weekly", "integer"}, {"monthly", "integer"},
	{"yearly", "integer"}, {0},
};
static const struct openapi_member schedule[] = {
	{"id", "integer"}, {"name", "string"}, {"enabled", "boolean"}, {"action", "backup|verify|optimize|check-tables|cleanup|export|check"}, {"sources", "string[]"},
	{"repository", "string?"}, {"kind", "daily|weekly|monthly|cron"}, {"time", "string"}, {"weekday", "string"}, {"day", "integer"}, {"cron", "string?"}, {"zone", "string?"},
	{"when", "string", "in words"}, {"jitter", "integer"}, {"catch_up", "boolean"}, {"retries", "integer"}, {"retry_wait", "integer"}, {"time_limit", "integer"},
	{"keep", "Keep"}, {"verify_level", "integer"}, {"export_format", "string?"}, {"export_dir", "string?"}, {"next_run", "time?"}, {"last_run", "time?"},
	{"last_job", "string?"}, {"created", "time"}, {"changed", "time"}, {0},
};
static const struct openapi_member schedule_preview[] = {{"when", "string"}, {"zone", "string", "whose clock it goes by"}, {"runs", "time[]"}, {"jobs", "string[]", "titles"}, {0}};
static const struct openapi_member notice[] = {
	{"id", "integer"}, {"name", "string"}, {"kind", "mail|webhook|heartbeat"}, {"enabled", "boolean"}, {"events", "string[]"}, {"sources", "string[]"}, {"server", "string?"},
	{"security", "string?"}, {"user", "string?"}, {"from", "string?"}, {"password_known", "boolean"}, {"to", "string[]"}, {"url", "string?"}, {"url_success", "string?"},
	{"url_failure", "string?"}, {"format", "string?"}, {"template", "string?"}, {"signing_known", "boolean"}, {"created", "time"}, {"changed", "time"}, {0},
};
static const struct openapi_member notice_test[] = {{"ok", "boolean"}, {0}};
static const struct openapi_member delivery[] = {
	{"id", "integer"}, {"notice", "string"}, {"event", "string"}, {"state", "string"}, {"title", "string"}, {"text", "string?"}, {"source", "string?"}, {"job", "string?"},
	{"tries", "integer"}, {"created", "time"}, {"next_try", "time?"}, {"sent", "time?"}, {"error", "string?"}, {0},
};
static const struct openapi_member setting[] = {
	{"value", "any~"}, {"known", "boolean~", "instead of the value of a secret"}, {"default", "any"}, {"origin", "default|catalog|environment|file"},
	{"variable", "string?", "that gives it now"}, {"type", "string"}, {"min", "integer?~"}, {"max", "integer?~"}, {"choices", "string[]?~"}, {"help", "string"},
	{"error", "string?", "why its value does not fit"}, {0},
};
static const struct openapi_member none[] = {{0}};
static const struct openapi_member changes[] = {{"dry_run", "boolean"}, {"changes", "string[]", "a sentence for each thing that is changed"}, {0}};
static const struct openapi_member cleanup[] = {{"dry_run", "boolean"}, {0}};

/* ---- users ---- */

static const struct openapi_member user[] = {
	{"id", "integer"}, {"name", "string"}, {"role", "viewer|operator|admin"}, {"disabled", "boolean"}, {"password_known", "boolean"}, {"totp", "boolean"},
	{"created", "time"}, {"changed", "time"}, {"last_login", "time?"}, {0},
};
static const struct openapi_member totp_key[] = {{"key", "string", "for typing"}, {"url", "string", "for apps: otpauth://totp/..."}, {0}};
static const struct openapi_member session[] = {{"user", "string"}, {"role", "viewer|operator|admin"}, {"csrf", "string?", "for the header X-CSRF-Token"}, {"expires", "time?"}, {0}};
static const struct openapi_member login_session[] = {
	{"id", "integer"}, {"user", "integer"}, {"user_name", "string"}, {"address", "string?"}, {"agent", "string?"}, {"created", "time"}, {"used", "time"}, {"expires", "time"},
	{"current", "boolean", "it is the one of this request"}, {0},
};
static const struct openapi_member jwt[] = {{"access", "string", "to send as a bearer token"}, {"expires", "time"}, {0}};
static const struct openapi_member setup[] = {{"needed", "boolean"}, {"logged_in", "boolean", "whether this request is somebody's"}, {0}};
#define TOKEN \
	{"id", "integer"}, {"user", "integer"}, {"user_name", "string"}, {"name", "string"}, {"scope", "viewer|operator|admin"}, {"created", "time"}, {"used", "time?"}, {"expires", "time?"}
static const struct openapi_member token[] = {TOKEN, {0}};
static const struct openapi_member new_token[] = {TOKEN, {"token", "string", "what it is used by, shown this once"}, {0}};
static const struct openapi_member audit[] = {
	{"id", "integer"}, {"time", "time"}, {"who", "string"}, {"address", "string?"}, {"action", "string"}, {"object", "string?"}, {"details", "string?"}, {"hash", "string"}, {0},
};
static const struct openapi_member audit_check[] = {{"ok", "boolean"}, {"rows", "integer"}, {"problem", "string?"}, {0}};

/* ---- figures ---- */

#define RUNS \
	{"runs", "integer"}, {"successful", "integer"}, {"partial", "integer"}, {"failed", "integer"}, {"interrupted", "integer"}, {"cancelled", "integer"}, \
	{"success_rate", "number?"}, {"bytes", "integer"}, {"added", "integer"}, {"seconds_average", "number?"}
#define STORED {"backups", "integer"}, {"backup_bytes", "integer"}, {"oldest", "time?"}, {"newest", "time?"}
static const struct openapi_member runs[] = {RUNS, {0}};
static const struct openapi_member day[] = {{"day", "string"}, RUNS, {0}};
static const struct openapi_member totals[] = {STORED, {"repository_bytes", "integer"}, {"saved", "number?"}, {"period", "Runs"}, {0}};
static const struct openapi_member source_figures[] = {{"name", "string"}, STORED, {"size", "integer"}, {"grown", "integer?"}, {"period", "Runs"}, {0}};
static const struct openapi_member repository_figures[] = {{"name", "string"}, STORED, {"bytes", "integer"}, {"bytes_free", "integer"}, {"saved", "number?"}, {0}};
static const struct openapi_member statistics[] = {
	{"from", "time"}, {"to", "time"}, {"totals", "Totals"}, {"days", "Day[]"}, {"sources", "SourceFigures[]"}, {"repositories", "RepositoryFigures[]"}, {0},
};
static const struct openapi_member status_source[] = {{"name", "string"}, {"last_good", "time?"}, {"overdue", "boolean"}, {"deadline", "time?", "for the next good backup"}, {0}};
static const struct openapi_member status[] = {
	{"status", "ok|warning"}, {"version", "string"}, {"uptime_seconds", "integer~"}, {"queued", "integer"}, {"running", "integer"}, {"problems", "string[]"}, {"sources", "StatusSource[]"}, {0},
};
static const struct openapi_member run[] = {
	{"state", "running|success|failed|cancelled|interrupted"}, {"partial", "boolean"}, {"time", "time", "it began"},
	{"verification", "bytes|structure|restored|compared|failed?", "of the backup it made"}, {0},
};
static const struct openapi_member proof[] = {{"id", "string", "of the backup"}, {"time", "time", "of the backup"}, {"verified", "time"}, {"verification", "restored|compared"}, {0}};
static const struct openapi_member overview_source[] = {
	{"name", "string"}, {"last_good", "time?"}, {"bytes", "integer", "of the source in that backup"}, {"overdue", "boolean"}, {"deadline", "time?", "for the next good backup"},
	{"next_run", "time?", "of a schedule that backs it up"}, {"proven", "Proof?", "the newest good backup that was restored in a rehearsal"}, {"runs", "Run[]", "the last 30, the oldest first"}, {0},
};
static const struct openapi_member overview[] = {
	{"problems", "string[]", "what somebody should look at"}, {"running", "Job[]", "backups that are being made"}, {"sources", "OverviewSource[]"}, {0},
};
static const struct openapi_member health[] = {{"status", "ok|warning"}, {"version", "string"}, {"uptime_seconds", "integer~"}, {0}};

/* ---- errors ---- */

static const struct openapi_member problem[] = {
	{"type", "string"}, {"title", "string"}, {"status", "integer"}, {"detail", "string", "what is wrong, and why"}, {"kind", "string", "as in docs/json.md"},
	{"hint", "string?~", "the way out"}, {0},
};

const struct openapi_schema openapi_schemas[] = {
	{"Audit", "A row of the audit trail; its hash is over the row before it, too", audit},
	{"AuditCheck", NULL, audit_check},
	{"Backup", "A backup, as the list of its repository has it", backup},
	{"BackupDetails", NULL, backup_details},
	{"BackupSource", "A source within a backup", backup_source},
	{"Cleanup", "What would be removed, and why the rest is kept (docs/json.md)", cleanup, true},
	{"Column", NULL, column, true},
	{"Comparison", "B against A", comparison},
	{"Configuration", "Settings, repositories, sources, schedules, notices and users (docs/catalog.md)", none, true},
	{"ConfigurationChanges", NULL, changes},
	{"Confirmation", "What a restore would replace", confirmation},
	{"Day", NULL, day},
	{"Delivery", "A message on its way", delivery},
	{"Entry", "A file or folder in a backup", entry},
	{"Export", NULL, export},
	{"FileDiff", NULL, file_diff},
	{"Files", "A folder in a backup", files},
	{"Health", NULL, health},
	{"InfoTable", NULL, info_table},
	{"Job", "Something that was asked for", job},
	{"JobError", NULL, job_error},
	{"JobProgress", NULL, progress},
	{"Jobs", NULL, jobs},
	{"Keep", "Rules of what is kept; all 0: everything", keep, true},
	{"Key", NULL, key},
	{"KeyChange", NULL, key_change},
	{"Keys", NULL, keys},
	{"Line", "Of a job's log", line},
	{"Lines", NULL, lines},
	{"Lock", "On a repository", lock},
	{"LoginSession", "A session that has not ended", login_session},
	{"NewApiToken", NULL, new_token},
	{"Notice", "A way to tell people or programs", notice},
	{"NoticeTest", NULL, notice_test, true},
	{"OpenAPI", "Such a document as this", none, true},
	{"Overview", NULL, overview}, {"OverviewSource", NULL, overview_source},
	{"Problem", "An error (RFC 9457)", problem, true},
	{"Proof", "That a backup restores", proof},
	{"Prune", NULL, prune},
	{"PruneFigures", NULL, prune_figures},
	{"Recognised", NULL, recognised}, {"RecognisedFile", "A file from elsewhere", recognised_file},
	{"Repository", "Where backups are kept", repository},
	{"RepositoryFigures", NULL, repository_figures},
	{"RepositoryMade", NULL, repository_made, true},
	{"RepositoryPlace", "Where a new repository would be, unless said", repository_place},
	{"RepositoryScan", NULL, none, true},
	{"RowDiff", NULL, row_diff},
	{"Rows", NULL, rows},
	{"Run", "Of a backup", run},
	{"Runs", NULL, runs},
	{"Schedule", "What runs by itself", schedule},
	{"SchedulePreview", NULL, schedule_preview},
	{"Session", "Who is logged in", session},
	{"Setting", NULL, setting},
	{"Settings", "Each Setting by its name", none, true},
	{"Setup", NULL, setup},
	{"Source", "A database or folder", source},
	{"SourceFigures", NULL, source_figures},
	{"SourceInfo", "A live database", source_info},
	{"SourceTest", NULL, source_test},
	{"Statistics", NULL, statistics},
	{"Status", NULL, status}, {"StatusSource", NULL, status_source},
	{"Table", "Of a backup; also what its manifest says beyond this", table, true},
	{"TableDiff", NULL, table_diff},
	{"Tables", NULL, tables},
	{"ApiToken", "An API token; its text is known to whoever made it only", token},
	{"Token", "A JWT", jwt},
	{"Totals", NULL, totals},
	{"TotpKey", "A key for one-time codes; nobody keeps it until it comes back with a first code", totp_key},
	{"Unlocked", NULL, unlocked},
	{"User", "Who may log in", user},
	{0},
};
