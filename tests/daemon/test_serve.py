"""The daemon with real processes: what is run, what is left when something is killed, what it says."""
import json
import os
import pathlib
import random
import shlex
import signal
import sqlite3
import subprocess
import time

import pytest
from conftest import BACKSTAY, make_media, rows_of
from daemon import Daemon, processes_with
from waiting import until

DAY = 86400


@pytest.fixture
def scheduled(initialised, shop):
    """A configured source, and a schedule for it that is due by itself only after hours."""
    initialised.plain("source", "add", "shop", "shop.db")
    initialised.plain("schedule", "add", "nightly", "--cron", "0 0 1 1 *", "--source", "shop", "--keep-all")
    return initialised


def add_slow(backstay, home, name="slow"):
    """A source whose tool writes something and then nothing for a long time, until the file `go` is there; and its schedule."""
    script = home / f"{name}.sh"
    script.write_text(f"#!/bin/sh\necho begun\nuntil test -e {home}/go; do sleep 0.05; done\necho ended\n")
    script.chmod(0o755)
    backstay.plain("source", "add", name, f"command:{script}")
    backstay.plain("schedule", "add", name, "--cron", "0 0 1 1 *", "--source", name, "--keep-all")


def queue(backstay, daemon, schedule):
    """Ask the daemon for a run; returns the job's row. The asking process waits for its end, so it is ended."""
    before = {j["id"] for j in daemon.jobs()}
    asking = backstay.plain.start("schedule", "run", schedule, "--force", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    job, = until(lambda: [j for j in daemon.jobs() if j["id"] not in before], "the job")
    asking.kill()
    asking.wait()
    daemon.wake()
    return job


def begin(backstay, daemon, schedule):
    """And wait until its tool runs."""
    job = queue(backstay, daemon, schedule)
    daemon.wait_until_running(job["id"])
    until(lambda: [p for p in processes_with(f"BACKSTAY_JOB={job['id']}") if b"sleep" in cmdline(p)], "the tool of the job")
    return job["id"]


def cmdline(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def job_process(job):
    """The process of the job itself, which has no BACKSTAY_JOB of its own in what it was started with."""
    pid, = [int(p.name) for p in pathlib.Path("/proc").iterdir() if p.name.isdigit() and f"\0{job}\0".encode() in cmdline(p.name)]
    return pid


def assert_nothing_begun_is_left(daemon, tmp_path, home):
    """No lock of a job, no temporary file, no draft, a whole catalog."""
    assert list((daemon.state / "jobs").glob("*")) == []
    assert list((tmp_path / "tmp").iterdir()) == []
    assert [p for p in home.rglob(".*backstay-draft*")] == []
    assert daemon.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]


# ---- one of it ----

def test_a_second_daemon_is_refused_and_names_the_first(daemon, backstay):
    daemon.start()
    refused = backstay.fails(11, "serve", "--no-web")
    assert f"a daemon is running with {daemon.state} already (process {daemon.process.pid})" in refused.err


def test_settings_that_make_no_sense_end_it_at_once(backstay):
    refused = backstay.fails(2, "serve", "--no-web", env={"BACKSTAY_JOBS": "0"})
    assert "BACKSTAY_JOBS" in refused.err
    assert "--jobs is 1 to 64" in backstay.fails(2, "serve", "--no-web", "--jobs", "65").err


def test_it_says_when_it_is_ready_where_it_listens_and_who_may_come_first(daemon):
    daemon.start(web=True)
    assert daemon.url.startswith("http://127.0.0.1:")
    assert f"make the first administrator, within a day: {daemon.url}/#/setup?link=" in daemon.log
    daemon.stop()
    assert daemon.log.rstrip().endswith("notice serve: stopped")


def test_the_link_for_the_first_is_below_the_name_that_people_use(daemon):
    daemon.program("config", "set", "public_url", "https://backup.example.org/")
    daemon.start(web=True)
    assert "within a day: https://backup.example.org/#/setup?link=" in daemon.log
    daemon.stop()


def test_idle_it_needs_less_than_20_mib(plain, tmp_path):
    daemon = Daemon(plain, tmp_path)
    try:
        daemon.start(web=True)
        status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
        kib = int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1])
        assert kib < 20 * 1024
        daemon.stop()
    finally:
        daemon.close()


# ---- running ----

def test_what_is_queued_is_run(daemon, scheduled):
    daemon.start()
    job = daemon.wait_for(queue(scheduled, daemon, "nightly")["id"])
    assert (job["state"], job["author"], job["title"]) == ("success", "schedule nightly", "backup shop")
    assert [b["name"] for b in scheduled.plain("list", "--json").json["backups"]] == ["nightly"]


def test_a_schedule_that_is_due_is_run_and_one_that_was_missed_is_made_up_for_once(daemon, initialised, shop):
    """The clock is set a few seconds before it is due; then days later."""
    initialised.plain("source", "add", "shop", "shop.db")
    initialised.plain("schedule", "add", "nightly", "--keep-all", "--daily", "02:00", "--zone", "UTC", "--source", "shop")
    now = time.time()
    due = (int(now) - 2 * 3600) // DAY * DAY + DAY + 2 * 3600      # 02:00 of UTC that comes next
    daemon.start(env={"BACKSTAY_TEST_NOW_OFFSET": str(int(due - now) - 1)})
    job, = until(lambda: daemon.jobs(), "the job")
    assert daemon.wait_for(job["id"])["state"] == "success"
    daemon.wait_until_idle()
    daemon.stop()
    daemon.start(env={"BACKSTAY_TEST_NOW_OFFSET": str(int(due - now) + 3 * DAY + 7200)})
    until(lambda: len(daemon.jobs("kind = 'backup'")) == 2, "the second backup")
    daemon.wait_until_idle()
    daemon.stop()
    assert "schedule nightly: 3 runs were missed" in daemon.log
    assert [j["state"] for j in daemon.jobs("kind = 'backup'")] == ["success", "success"]


def test_a_failed_run_is_tried_again(daemon, initialised, home):
    script = home / "flaky.sh"
    script.write_text("#!/bin/sh\ntest -e been && exec echo here\ntouch been\necho not yet >&2\nexit 1\n")
    script.chmod(0o755)
    initialised.plain("source", "add", "flaky", f"command:{script}")
    initialised.plain("schedule", "add", "flaky", "--cron", "0 0 1 1 *", "--source", "flaky", "--retries", "1", "--retry-wait", "1s")
    daemon.start()
    first = daemon.wait_for(queue(initialised, daemon, "flaky")["id"])
    second, = until(lambda: daemon.jobs("retry_of = ?", first["id"]), "the retry")
    second = daemon.wait_for(second["id"])
    assert (first["state"], first["error_kind"], second["state"], second["attempt"], second["attempts"]) == ("failed", "child", "success", 2, 2)
    assert "not yet" in first["error"]


def test_a_backup_by_a_schedule_is_followed_by_its_drill_its_cleanup_and_a_prune(daemon, initialised, shop):
    initialised.plain("source", "add", "shop", "shop.db")
    initialised.plain("schedule", "add", "nightly", "--cron", "0 0 1 1 *", "--source", "shop", "--keep-last", "1", "--verify-level", "4")
    daemon.start()
    for _ in range(2):
        daemon.wait_for(queue(initialised, daemon, "nightly")["id"])
        daemon.wait_until_idle()
    until(lambda: daemon.jobs("kind = 'prune' AND ended"), "the prune")
    daemon.stop()
    jobs = [(j["kind"], j["state"]) for j in daemon.jobs()]
    assert jobs == [(kind, "success") for kind in ["backup", "verify", "cleanup"] * 2 + ["prune"]]
    backup, = initialised.plain("list", "--json").json["backups"]
    assert backup["verification"] == "compared"


# ---- ending ----

def test_a_job_that_takes_too_long_is_ended_with_its_tools(daemon, initialised, home):
    add_slow(initialised, home)
    initialised.plain("schedule", "edit", "slow", "--time-limit", "2s")
    daemon.start()
    job = daemon.wait_for(begin(initialised, daemon, "slow"))
    assert (job["state"], job["error"]) == ("failed", "it was ended because it took longer than its time limit of 2 s")
    assert processes_with(f"BACKSTAY_JOB={job['id']}") == []


def test_cancelling_a_job_ends_its_tools(daemon, initialised, home, tmp_path):
    add_slow(initialised, home)
    daemon.start()
    job = begin(initialised, daemon, "slow")
    initialised("job", "cancel", job)
    assert daemon.wait_for(job)["state"] == "cancelled"
    assert processes_with(f"BACKSTAY_JOB={job}") == []
    daemon.stop()
    assert_nothing_begun_is_left(daemon, tmp_path, home)


def test_a_daemon_that_is_stopped_tells_its_jobs_to_end_and_makes_up_for_them(daemon, initialised, home, tmp_path):
    add_slow(initialised, home)
    daemon.start()
    job = begin(initialised, daemon, "slow")
    daemon.stop()
    daemon.assert_nothing_is_left()
    row = daemon.job(job)
    assert (row["state"], row["error"]) == ("interrupted", "it was ended because Backstay was stopped")
    assert_nothing_begun_is_left(daemon, tmp_path, home)
    (home / "go").touch()
    daemon.start()
    again, = daemon.jobs("retry_of = ?", job)
    assert daemon.wait_for(again["id"])["state"] == "success"


def test_kill_9_of_a_job_is_told_and_its_tools_end(daemon, initialised, home, tmp_path):
    add_slow(initialised, home)
    initialised.plain("schedule", "edit", "slow", "--no-catch-up")
    daemon.start()
    job = begin(initialised, daemon, "slow")
    os.kill(job_process(job), signal.SIGKILL)
    row = daemon.wait_for(job)
    assert row["state"] == "interrupted"
    assert row["error"].startswith("its process was ended by signal 9 (Killed)")
    until(lambda: not processes_with(f"BACKSTAY_JOB={job}"), "the end of its tools")
    daemon.wait_until_idle()
    assert_nothing_begun_is_left(daemon, tmp_path, home)
    daemon.stop()


def test_kill_9_of_a_rehearsal_ends_its_server(daemon, initialised, postgres, fresh_database, home, tmp_path):
    """A drill of a PostgreSQL backup has a server of its own, which runs as another user and in a group of its own."""
    name = fresh_database("CREATE TABLE t AS SELECT g AS a FROM generate_series(1, 1000) g")
    initialised.plain("source", "add", "pg", postgres.url(name))
    initialised.plain("backup", "pg")
    initialised.plain("schedule", "add", "drill", "--cron", "0 0 1 1 *", "--source", "pg", "--action", "verify", "--verify-level", "3", "--no-catch-up")
    daemon.start()
    job = queue(initialised, daemon, "drill")["id"]
    server, = until(lambda: [p for p in processes_with(f"BACKSTAY_JOB={job}") if cmdline(p).startswith(b"/usr/lib/postgresql/15/bin/postgres\0")], "its server")
    os.kill(server, signal.SIGSTOP)         # it stays as it is until the job is gone
    os.kill(job_process(job), signal.SIGKILL)
    assert daemon.wait_for(job)["state"] == "interrupted"
    until(lambda: not processes_with(f"BACKSTAY_JOB={job}"), "the end of its server")
    daemon.wait_until_idle()
    assert_nothing_begun_is_left(daemon, tmp_path, home)


def test_kill_9_of_the_daemon_ends_its_jobs_which_are_told_as_interrupted(daemon, initialised, home, tmp_path):
    add_slow(initialised, home)
    daemon.start()
    job = begin(initialised, daemon, "slow")
    daemon.kill()
    daemon.assert_nothing_is_left()
    assert daemon.job(job)["state"] == "interrupted"
    assert_nothing_begun_is_left(daemon, tmp_path, home)
    (home / "go").touch()
    daemon.start()
    daemon.wait_until_idle()
    assert [j["state"] for j in daemon.jobs("kind = 'backup'")] == ["interrupted", "success"]


def test_kill_9_of_daemon_and_job_at_once_is_told_at_the_next_start(daemon, initialised, home, tmp_path):
    add_slow(initialised, home)
    initialised.plain("schedule", "edit", "slow", "--no-catch-up")
    daemon.start()
    job = begin(initialised, daemon, "slow")
    pid = job_process(job)
    os.kill(daemon.process.pid, signal.SIGSTOP)
    os.kill(pid, signal.SIGKILL)
    daemon.kill()
    assert daemon.job(job)["state"] == "running"
    assert processes_with(f"BACKSTAY_JOB={job}") != []
    daemon.start()
    assert daemon.job(job)["state"] == "interrupted"
    assert processes_with(f"BACKSTAY_JOB={job}") == []
    daemon.wait_until_idle()
    daemon.stop()
    assert_nothing_begun_is_left(daemon, tmp_path, home)


def test_kill_9_at_random_moments_loses_nothing(daemon, scheduled, plain, home, tmp_path):
    """The daemon, or the job, or both, while backups are made: the truth is told, and the next one is whole."""
    make_media(home / "media")
    scheduled.plain("source", "add", "media", "media")
    scheduled.plain("schedule", "edit", "nightly", "--all-sources", "--keep-all")
    moments = random.Random(os.environ.get("BACKSTAY_TEST_SEED", "7"))
    daemon.program = plain
    for turn in range(8):
        db = sqlite3.connect(home / "shop.db")
        db.execute("INSERT INTO customers(name) VALUES (?)", (f"turn {turn}",))
        db.commit()
        db.close()
        daemon.start()
        job = queue(plain, daemon, "nightly")["id"]
        time.sleep(moments.uniform(0, 0.3))      # the moment itself is what is random here
        victims = moments.choice(["daemon", "job", "both"])
        if victims != "daemon":
            for pid in [p for p in daemon.processes() if f"\0{job}\0".encode() in cmdline(p)]:
                os.kill(pid, signal.SIGKILL)
        if victims != "job":
            daemon.kill()
            daemon.start()
        daemon.wait_until_idle()
        daemon.stop()
        daemon.assert_nothing_is_left()
        assert daemon.jobs("state IN ('queued', 'running')") == []
        assert_nothing_begun_is_left(daemon, tmp_path, home)
    plain("backup", "shop")
    plain("check", "--read-data")
    plain("restore", "latest:shop", "--to", "again.db", "--yes")
    assert rows_of(home / "again.db") == rows_of(home / "shop.db")


# ---- what it says ----

def test_with_log_format_json_every_line_is_an_object(daemon, scheduled):
    daemon.start(env={"BACKSTAY_LOG_FORMAT": "json"})
    daemon.wait_for(queue(scheduled, daemon, "nightly")["id"])
    daemon.wait_until_idle()
    daemon.stop()
    lines = [json.loads(line) for line in daemon.log.splitlines()]
    assert {"time", "level", "area", "text"} <= set(lines[0])
    assert any(line["area"] == "job" and "backup shop" in line["text"] and "success" in line["text"] for line in lines)


def test_sighup_reads_the_settings_anew(daemon, backstay):
    daemon.start()
    backstay("config", "set", "jobs", "5")
    daemon.wake()
    until(lambda: "settings read anew: 5 jobs at once" in daemon.log, "reading them")
    daemon.stop()


def test_a_password_in_a_source_is_in_no_log_and_no_argument(daemon, initialised):
    initialised.plain("source", "add", "db", "postgresql://shop:geheim99@127.0.0.1:1/shop")
    initialised.plain("schedule", "add", "db", "--cron", "0 0 1 1 *", "--source", "db")
    daemon.start(env={"BACKSTAY_LOG_LEVEL": "debug"})
    job = daemon.wait_for(queue(initialised, daemon, "db")["id"])
    assert job["state"] == "failed"
    assert "geheim99" not in daemon.log
    assert "geheim99" not in json.dumps(daemon.jobs())
    for path in daemon.state.rglob("*"):
        assert not path.is_file() or b"geheim99" not in path.read_bytes(), path


# ---- without it ----

def test_schedule_run_does_what_is_due_and_says_whether_it_went_well(scheduled, initialised, daemon, home):
    assert "nothing is due" in scheduled("schedule", "run").out
    dry = scheduled("schedule", "run", "--force", "--dry-run", "--json").json
    assert [j["title"] for j in dry["jobs"]] == ["backup shop"]
    assert daemon.jobs() == []
    scheduled("schedule", "run", "--force")
    assert [(j["kind"], j["state"]) for j in daemon.jobs("kind = 'backup'")] == [("backup", "success")]
    (home / "shop.db").unlink()
    failed = scheduled.fails(1, "schedule", "run", "nightly", "--force")
    assert "1 of 1 job failed: backup shop" in failed.err
    daemon.assert_nothing_is_left()


def test_a_daemon_that_runs_is_left_to_do_it(daemon, scheduled):
    daemon.start()
    assert "nothing is due" in scheduled("schedule", "run").out
    done = scheduled("schedule", "run", "--force", "--json").json
    assert [j["state"] for j in done["jobs"]] == ["success"]
    until(lambda: f"(job {done['jobs'][0]['id']}): success in " in daemon.log, "the daemon's word of its end")


def as_cron_would(line, env, tmp_path):
    """A private cron with this line, run at its start, in a mount namespace of its own: its tables, no other's, and its own /run. False: not on
    this machine."""
    table, empty = tmp_path / "crontab", tmp_path / "empty"
    empty.mkdir()
    settings = "".join(f'{name}="{value}"\n' for name, value in env.items())
    table.write_text(f"SHELL=/bin/sh\n{settings}@reboot root {line}\n")
    table.chmod(0o644)
    script = (f"mount --bind {table} /etc/crontab && mount -t tmpfs tmpfs /run && mount --bind {empty} /etc/cron.d && mkdir -p /var/spool/cron/crontabs && "
              f"mount --bind {empty} /var/spool/cron/crontabs && exec cron -f")
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        return None
    return subprocess.Popen(["unshare", "-m", "sh", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def test_a_cron_entry_drives_schedule_run(daemon, scheduled, environment, tmp_path, home):
    done = tmp_path / "done"
    line = f"cd {home} && {shlex.quote(BACKSTAY)} schedule run --force --quiet; echo $? > {done}.new; mv {done}.new {done}"
    env = {name: environment[name] for name in ("BACKSTAY_HOME", "BACKSTAY_REPOSITORY", "BACKSTAY_PASSWORD", "HOME", "TMPDIR", "ASAN_OPTIONS")}
    cron = as_cron_would(line, env, tmp_path)
    if cron:
        until(lambda: done.exists() or cron.poll() is not None, "cron's run of the line")
        cron.kill()
        assert done.exists(), cron.stderr.read()
        cron.wait()
    else:
        subprocess.run(["/bin/sh", "-c", line], env={"PATH": "/usr/bin:/bin", "LOGNAME": "root", "SHELL": "/bin/sh", **env}, check=True)
    assert done.read_text() == "0\n"
    assert [j["state"] for j in daemon.jobs("kind = 'backup'")] == ["success"]
