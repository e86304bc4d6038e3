-- The catalog, version 1. Times are microseconds since 1970 (UTC), NULL for never; lists are JSON arrays; what is called
-- sealed is base/seal.h's text.

CREATE TABLE place (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL UNIQUE,
	location TEXT NOT NULL UNIQUE,
	password TEXT,                          -- sealed
	is_default INTEGER NOT NULL DEFAULT 0,
	remembered INTEGER NOT NULL DEFAULT 0,  -- it was used, and nobody has configured it
	repository_id TEXT,
	low_space INTEGER NOT NULL DEFAULT 0,
	scanned INTEGER, checked INTEGER, check_failed INTEGER NOT NULL DEFAULT 0,
	bytes INTEGER NOT NULL DEFAULT 0, bytes_free INTEGER NOT NULL DEFAULT 0,
	created INTEGER NOT NULL, changed INTEGER NOT NULL
) STRICT;

CREATE TABLE source (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL UNIQUE,
	url TEXT NOT NULL,                      -- sealed
	shown TEXT NOT NULL,
	engine TEXT NOT NULL,
	include TEXT NOT NULL DEFAULT '[]', exclude TEXT NOT NULL DEFAULT '[]',
	include_logs INTEGER NOT NULL DEFAULT 0, one_file_system INTEGER NOT NULL DEFAULT 0,
	"check" TEXT NOT NULL DEFAULT 'auto',
	before TEXT, after TEXT,
	optimize_first INTEGER NOT NULL DEFAULT 0,
	restore_protected INTEGER NOT NULL DEFAULT 0,
	overdue_hours INTEGER NOT NULL DEFAULT 0,
	repository TEXT,
	notes TEXT,
	created INTEGER NOT NULL, changed INTEGER NOT NULL
) STRICT;
CREATE INDEX source_shown ON source (shown);

CREATE TABLE schedule (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL UNIQUE,
	enabled INTEGER NOT NULL,
	action TEXT NOT NULL,
	sources TEXT NOT NULL DEFAULT '[]',
	repository TEXT,
	kind TEXT NOT NULL,                     -- daily, weekly, monthly, cron
	hour INTEGER NOT NULL DEFAULT 2, minute INTEGER NOT NULL DEFAULT 0, weekday INTEGER NOT NULL DEFAULT 0, day INTEGER NOT NULL DEFAULT 1,
	cron TEXT, zone TEXT,
	jitter INTEGER NOT NULL DEFAULT 0, catch_up INTEGER NOT NULL DEFAULT 1,
	retries INTEGER NOT NULL DEFAULT 0, retry_wait INTEGER NOT NULL DEFAULT 300, time_limit INTEGER NOT NULL DEFAULT 0,
	keep TEXT NOT NULL DEFAULT '{}',        -- JSON object: days, count, max_backups, last, hourly, daily, weekly, monthly, yearly
	verify_level INTEGER NOT NULL DEFAULT 0,
	export_format TEXT, export_dir TEXT,
	next_run INTEGER, last_run INTEGER, last_job TEXT NOT NULL DEFAULT '',
	created INTEGER NOT NULL, changed INTEGER NOT NULL
) STRICT;

CREATE TABLE job (
	n INTEGER PRIMARY KEY AUTOINCREMENT,    -- order of making
	id TEXT NOT NULL UNIQUE,
	kind TEXT NOT NULL,
	state TEXT NOT NULL,
	partial INTEGER NOT NULL DEFAULT 0,
	title TEXT NOT NULL,
	words TEXT,                             -- sealed, a zero byte after each; NULL: of a command line
	sources TEXT NOT NULL DEFAULT '[]',
	locks TEXT NOT NULL DEFAULT '[]',
	repository TEXT,
	schedule INTEGER NOT NULL DEFAULT 0,
	author TEXT NOT NULL,
	notes TEXT,
	attempt INTEGER NOT NULL DEFAULT 1, attempts INTEGER NOT NULL DEFAULT 1, retry_of TEXT,
	undo_of TEXT, backup TEXT,
	created INTEGER NOT NULL, not_before INTEGER, started INTEGER, ended INTEGER,
	time_limit INTEGER NOT NULL DEFAULT 0,
	cancel INTEGER NOT NULL DEFAULT 0,
	phase TEXT, unit TEXT, phase_began INTEGER,
	bytes_done INTEGER NOT NULL DEFAULT 0, bytes_total INTEGER NOT NULL DEFAULT 0,
	items_done INTEGER NOT NULL DEFAULT 0, items_total INTEGER NOT NULL DEFAULT 0,
	beat INTEGER, pid INTEGER NOT NULL DEFAULT 0,
	error_kind TEXT, error TEXT, hint TEXT,
	size INTEGER NOT NULL DEFAULT 0, added INTEGER NOT NULL DEFAULT 0, rows INTEGER NOT NULL DEFAULT 0, files INTEGER NOT NULL DEFAULT 0,
	followed INTEGER NOT NULL DEFAULT 0     -- what its end brings (a retry, notices, retention) was done
) STRICT;
CREATE INDEX job_unfollowed ON job (n) WHERE followed = 0 AND ended IS NOT NULL;
CREATE INDEX job_ended ON job (ended) WHERE ended IS NOT NULL;
CREATE INDEX job_state ON job (state, created);
CREATE INDEX job_kind ON job (kind, created);
CREATE INDEX job_tally ON job (kind, created, state, partial, size, added, started, ended) WHERE kind = 'backup' AND ended IS NOT NULL;        -- all that tally.c wants
CREATE INDEX job_author ON job (author, created);
CREATE INDEX job_list ON job (created, n, title, error, notes);        -- a search of texts reads this alone
CREATE INDEX job_schedule ON job (schedule, created);
CREATE INDEX job_repository ON job (repository, created);

CREATE TABLE job_result (                       -- aside, so that a page of the list reads little
	job INTEGER PRIMARY KEY REFERENCES job (n) ON DELETE CASCADE,
	result TEXT NOT NULL                    -- the command's JSON document
) STRICT;

CREATE TABLE job_source (                       -- for filters; the same as job.sources
	source TEXT NOT NULL,
	created INTEGER NOT NULL,
	job INTEGER NOT NULL REFERENCES job (n) ON DELETE CASCADE,
	PRIMARY KEY (source, created, job)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_source_job ON job_source (job);

CREATE TABLE job_line (
	job INTEGER NOT NULL REFERENCES job (n) ON DELETE CASCADE,
	n INTEGER NOT NULL,
	time INTEGER NOT NULL,
	level INTEGER NOT NULL,
	text TEXT NOT NULL,
	PRIMARY KEY (job, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE backup (
	n INTEGER PRIMARY KEY AUTOINCREMENT,
	place INTEGER NOT NULL REFERENCES place (id) ON DELETE CASCADE,
	id TEXT NOT NULL,
	original TEXT,
	time INTEGER NOT NULL,
	name TEXT NOT NULL, description TEXT, host TEXT NOT NULL,
	tags TEXT NOT NULL DEFAULT '[]',
	bytes INTEGER NOT NULL, added INTEGER NOT NULL DEFAULT 0, seconds REAL NOT NULL DEFAULT 0,
	safety INTEGER NOT NULL, imported INTEGER NOT NULL, partial INTEGER NOT NULL, pinned INTEGER NOT NULL, "foreign" INTEGER NOT NULL,
	level INTEGER NOT NULL, verify_failed INTEGER NOT NULL, verified INTEGER,
	evidence TEXT NOT NULL DEFAULT '[]',
	job TEXT,
	search TEXT NOT NULL,                   -- name, description, names and shown URLs of its sources, a line each
	UNIQUE (place, id)
) STRICT;
CREATE INDEX backup_id ON backup (id);
CREATE INDEX backup_original ON backup (original);
CREATE INDEX backup_list ON backup (time, n, safety, level, place, search);        -- filters and a search of texts read this alone
CREATE INDEX backup_safety ON backup (safety, time);
CREATE INDEX backup_place ON backup (place, safety, time, bytes);
CREATE INDEX backup_good ON backup (time) WHERE partial + verify_failed + safety = 0;
CREATE INDEX backup_proven ON backup (time) WHERE level >= 3;
CREATE INDEX backup_pinned ON backup (time) WHERE pinned = 1;

CREATE TABLE backup_source (
	backup INTEGER NOT NULL REFERENCES backup (n) ON DELETE CASCADE,
	i INTEGER NOT NULL,                     -- its place in the backup
	name TEXT NOT NULL, engine TEXT NOT NULL, shown TEXT NOT NULL,
	time INTEGER NOT NULL, safety INTEGER NOT NULL,        -- the backup's
	bytes INTEGER NOT NULL, rows INTEGER NOT NULL, tables INTEGER NOT NULL, files INTEGER NOT NULL,
	PRIMARY KEY (backup, i)
) STRICT, WITHOUT ROWID;
CREATE INDEX backup_source_name ON backup_source (name, time, safety, bytes);
CREATE INDEX backup_source_shown ON backup_source (shown, time, safety);

CREATE TABLE user (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL UNIQUE COLLATE NOCASE,
	role TEXT NOT NULL,
	password TEXT,
	totp TEXT,                              -- sealed
	totp_step INTEGER NOT NULL DEFAULT 0,
	generation INTEGER NOT NULL DEFAULT 1,  -- of JWTs
	disabled INTEGER NOT NULL DEFAULT 0,
	created INTEGER NOT NULL, changed INTEGER NOT NULL, last_login INTEGER
) STRICT;

CREATE TABLE session (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	user INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
	hash BLOB NOT NULL UNIQUE,
	csrf TEXT NOT NULL,
	address TEXT, agent TEXT,
	created INTEGER NOT NULL, used INTEGER NOT NULL, expires INTEGER NOT NULL
) STRICT;

CREATE TABLE token (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	user INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
	name TEXT NOT NULL,
	hash BLOB NOT NULL UNIQUE,
	scope TEXT NOT NULL,
	created INTEGER NOT NULL, used INTEGER, expires INTEGER,
	UNIQUE (user, name)
) STRICT;

CREATE TABLE attempt (                          -- for throttling (catalog/attempt.h)
	key TEXT PRIMARY KEY,                   -- "user:maria", "address:10.0.0.7"
	failures INTEGER NOT NULL,
	last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX attempt_last ON attempt (last);

CREATE TABLE first_link (                       -- one-time links by which the first admin is made
	hash BLOB PRIMARY KEY,
	expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE notice (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL UNIQUE,
	kind TEXT NOT NULL,
	enabled INTEGER NOT NULL,
	events INTEGER NOT NULL,
	sources TEXT NOT NULL DEFAULT '[]',
	server TEXT, security TEXT, user TEXT, "from" TEXT,
	password TEXT,                          -- sealed
	"to" TEXT NOT NULL DEFAULT '[]',
	url TEXT, url_success TEXT, url_failure TEXT,      -- sealed
	format TEXT, template TEXT,
	signing TEXT,                           -- sealed
	created INTEGER NOT NULL, changed INTEGER NOT NULL
) STRICT;

CREATE TABLE delivery (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	notice INTEGER NOT NULL REFERENCES notice (id) ON DELETE CASCADE,
	event TEXT NOT NULL,
	title TEXT NOT NULL, text TEXT NOT NULL,
	source TEXT, job TEXT,
	tries INTEGER NOT NULL DEFAULT 0,
	created INTEGER NOT NULL, not_before INTEGER NOT NULL, sent INTEGER,
	error TEXT,
	given_up INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX delivery_waiting ON delivery (not_before) WHERE sent IS NULL AND NOT given_up;
CREATE INDEX delivery_failed ON delivery (notice) WHERE given_up = 1;

CREATE TABLE alarm (                            -- what has been told already: an alarm is told once, until it is over
	key TEXT PRIMARY KEY,                   -- "overdue:shop", "low-space:main"
	since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE setting (
	name TEXT PRIMARY KEY,
	value TEXT NOT NULL                     -- secrets sealed
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	time INTEGER NOT NULL,
	who TEXT NOT NULL, address TEXT,
	action TEXT NOT NULL, object TEXT, details TEXT,
	hash TEXT NOT NULL
) STRICT;
CREATE INDEX audit_time ON audit (time);
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT raise(ABORT, 'the audit trail cannot be changed'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT raise(ABORT, 'the audit trail cannot be changed'); END;

-- How often each kind of record was changed, by whatever process (catalog/change.h).
CREATE TABLE change (
	kind TEXT PRIMARY KEY,
	n INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO change VALUES ('job', 0), ('backup', 0), ('source', 0), ('repository', 0), ('schedule', 0), ('notice', 0), ('setting', 0),
	('user', 0), ('session', 0);
CREATE TRIGGER job_change_insert AFTER INSERT ON job BEGIN UPDATE change SET n = n + 1 WHERE kind = 'job'; END;
CREATE TRIGGER job_change_update AFTER UPDATE ON job BEGIN UPDATE change SET n = n + 1 WHERE kind = 'job'; END;
CREATE TRIGGER job_change_delete AFTER DELETE ON job BEGIN UPDATE change SET n = n + 1 WHERE kind = 'job'; END;
CREATE TRIGGER backup_change_insert AFTER INSERT ON backup BEGIN UPDATE change SET n = n + 1 WHERE kind = 'backup'; END;
CREATE TRIGGER backup_change_update AFTER UPDATE ON backup BEGIN UPDATE change SET n = n + 1 WHERE kind = 'backup'; END;
CREATE TRIGGER backup_change_delete AFTER DELETE ON backup BEGIN UPDATE change SET n = n + 1 WHERE kind = 'backup'; END;
CREATE TRIGGER source_change_insert AFTER INSERT ON source BEGIN UPDATE change SET n = n + 1 WHERE kind = 'source'; END;
CREATE TRIGGER source_change_update AFTER UPDATE ON source BEGIN UPDATE change SET n = n + 1 WHERE kind = 'source'; END;
CREATE TRIGGER source_change_delete AFTER DELETE ON source BEGIN UPDATE change SET n = n + 1 WHERE kind = 'source'; END;
CREATE TRIGGER place_change_insert AFTER INSERT ON place BEGIN UPDATE change SET n = n + 1 WHERE kind = 'repository'; END;
CREATE TRIGGER place_change_update AFTER UPDATE ON place BEGIN UPDATE change SET n = n + 1 WHERE kind = 'repository'; END;
CREATE TRIGGER place_change_delete AFTER DELETE ON place BEGIN UPDATE change SET n = n + 1 WHERE kind = 'repository'; END;
CREATE TRIGGER schedule_change_insert AFTER INSERT ON schedule BEGIN UPDATE change SET n = n + 1 WHERE kind = 'schedule'; END;
CREATE TRIGGER schedule_change_update AFTER UPDATE ON schedule BEGIN UPDATE change SET n = n + 1 WHERE kind = 'schedule'; END;
CREATE TRIGGER schedule_change_delete AFTER DELETE ON schedule BEGIN UPDATE change SET n = n + 1 WHERE kind = 'schedule'; END;
CREATE TRIGGER notice_change_insert AFTER INSERT ON notice BEGIN UPDATE change SET n = n + 1 WHERE kind = 'notice'; END;
CREATE TRIGGER notice_change_update AFTER UPDATE ON notice BEGIN UPDATE change SET n = n + 1 WHERE kind = 'notice'; END;
CREATE TRIGGER notice_change_delete AFTER DELETE ON notice BEGIN UPDATE change SET n = n + 1 WHERE kind = 'notice'; END;
CREATE TRIGGER delivery_change_insert AFTER INSERT ON delivery BEGIN UPDATE change SET n = n + 1 WHERE kind = 'notice'; END;
CREATE TRIGGER delivery_change_update AFTER UPDATE ON delivery BEGIN UPDATE change SET n = n + 1 WHERE kind = 'notice'; END;
CREATE TRIGGER delivery_change_delete AFTER DELETE ON delivery BEGIN UPDATE change SET n = n + 1 WHERE kind = 'notice'; END;
CREATE TRIGGER setting_change_insert AFTER INSERT ON setting BEGIN UPDATE change SET n = n + 1 WHERE kind = 'setting'; END;
CREATE TRIGGER setting_change_update AFTER UPDATE ON setting BEGIN UPDATE change SET n = n + 1 WHERE kind = 'setting'; END;
CREATE TRIGGER setting_change_delete AFTER DELETE ON setting BEGIN UPDATE change SET n = n + 1 WHERE kind = 'setting'; END;
CREATE TRIGGER user_change_insert AFTER INSERT ON user BEGIN UPDATE change SET n = n + 1 WHERE kind = 'user'; END;
CREATE TRIGGER user_change_update AFTER UPDATE ON user BEGIN UPDATE change SET n = n + 1 WHERE kind = 'user'; END;
CREATE TRIGGER user_change_delete AFTER DELETE ON user BEGIN UPDATE change SET n = n + 1 WHERE kind = 'user'; END;
CREATE TRIGGER session_change_insert AFTER INSERT ON session BEGIN UPDATE change SET n = n + 1 WHERE kind = 'session'; END;
CREATE TRIGGER session_change_delete AFTER DELETE ON session BEGIN UPDATE change SET n = n + 1 WHERE kind = 'session'; END;
CREATE TRIGGER token_change_insert AFTER INSERT ON token BEGIN UPDATE change SET n = n + 1 WHERE kind = 'session'; END;
CREATE TRIGGER token_change_delete AFTER DELETE ON token BEGIN UPDATE change SET n = n + 1 WHERE kind = 'session'; END;
