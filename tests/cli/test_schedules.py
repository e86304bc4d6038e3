"""`schedule`: times that are set, and what is done at them."""
import datetime
import os
import shutil
import signal
import sqlite3
import subprocess

import pytest
from conftest import BACKSTAY
from waiting import until


@pytest.fixture
def says(backstay):
    def check(status, *args, message, hint=None):
        err = backstay.fails(status, *args).err
        lines = [line for line in err.splitlines() if not line.startswith("repository ")]
        assert lines[0] == f"backstay: {message}"
        assert lines[1:] == ([f"  try: {hint}"] if hint else [])

    return check


@pytest.fixture
def configured(initialised, shop, media):
    initialised.plain("source", "add", "shop", shop)
    initialised.plain("source", "add", "media", media)
    return initialised


def schedule(backstay, *args):
    return backstay("schedule", *args, "--json").json["schedule"]


def set_due(tmp_path, name, days_ago):
    """As if the machine had been off since then."""
    due = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=days_ago)
    with sqlite3.connect(tmp_path / "state" / "catalog.db") as db:
        due = int(due.timestamp()) * 1000000
        assert db.execute("UPDATE schedule SET next_run = ?, last_run = min(last_run, ?) WHERE name = ?", (due, due - 1000000, name)).rowcount == 1
    db.close()


# ---- what is refused ----

@pytest.mark.parametrize("args, message, hint", [
    (["list", "x"], 'schedule list cannot take "x" too: backstay schedule list', "backstay schedule --help"),
    (["add"], "schedule add needs more: backstay schedule add NAME", "backstay schedule --help"),
    (["list", "--force"], "schedule list has no option --force; it goes with: run", "backstay schedule --help"),
    (["add", "a/b"], 'a schedule cannot be called "a/b"', 'a name has 1 to 64 letters, digits, ".", "_" and "-", and begins with a letter or digit'),
    (["add", "n", "--daily", "25:00"], '--daily cannot be "25:00"; write it as 02:00', None),
    (["add", "n", "--weekly", "someday@03:00"], '--weekly cannot be "someday@03:00"; write it as sun@03:00', None),
    (["add", "n", "--weekly", "sun@3"], '--weekly cannot be "sun@3"; write it as sun@03:00', None),
    (["add", "n", "--monthly", "0@03:00"], '--monthly cannot be "0@03:00"; write it as 1@04:00 or last@04:00', None),
    (["add", "n", "--monthly", "32"], '--monthly cannot be "32"; write it as 1@04:00 or last@04:00', None),
    (["add", "n", "--cron", "0 25 * * *"], 'the hour of "0 25 * * *" cannot be 25', None),
    (["add", "n", "--cron", "0 0 30 2 *"], '"0 0 30 2 *" never comes: there is no such day', None),
    (["add", "n", "--daily", "2:00", "--cron", "@daily"], "only one of --daily, --weekly, --monthly and --cron can be given", None),
    (["add", "n", "--zone", "Mars/Olympus"], 'there is no time zone named "Mars/Olympus"', "names are like Europe/Berlin or UTC: the files in /usr/share/zoneinfo"),
    (["add", "n", "--source", "nothing"], 'there is no source named "nothing"', None),
    (["add", "n", "--repo", "nowhere"], 'there is no repository named "nowhere"', None),
    (["add", "n", "--keep-all", "--keep-daily", "7"], "--keep-all goes with no other rule of what to keep", None),
    (["add", "n", "--retries", "21"], "a job is tried again 20 times at most, not 21", None),
    (["add", "n", "--verify-level", "5"], "there is no verification level 5: they are 1 to 4", None),
    (["add", "n", "--jitter", "2d"], "the jitter cannot be more than a day", None),
    (["add", "n", "--action", "export"], "an export needs a format and a folder", None),
    (["edit", "n"], "schedule edit needs to know what to change, such as --daily 03:00", None),
    (["run", "n", "--id", "1"], "schedule run takes a NAME or --id, not both", None),
    (["show", "n"], 'there is no schedule named "n"', None),
])
def test_what_makes_no_sense_is_explained(says, args, message, hint):
    status = 4 if "named" in message and "zone" not in message else 2
    says(status, "schedule", *args, message=message, hint=hint)


def test_a_name_is_taken_once_and_a_misspelt_one_gets_a_hint(backstay, says):
    backstay("schedule", "add", "nightly", "--daily", "02:00")
    says(6, "schedule", "add", "nightly", message='there is a schedule named "nightly" already')
    says(4, "schedule", "show", "nihgtly", message='there is no schedule named "nihgtly"', hint='did you mean "nightly"?')


# ---- as they are set ----

def test_a_new_one_says_when_it_runs_and_what_it_keeps(configured):
    out = configured("schedule", "add", "nightly", "--daily", "02:00").out
    first, second, third = out.splitlines()
    assert first == "schedule nightly added: backup of everything, at 02:00 every day (Europe/Berlin)"
    assert second.startswith("next run: ") and " 02:00, in " in second
    assert third == "keeps: 30 days, at most 50 in all"


def test_without_a_source_it_says_that_there_is_nothing_to_do(backstay):
    assert "there is no source yet, so it has nothing to do; add one with: backstay source add NAME URL" in backstay("schedule", "add", "nightly").err


def test_every_option_is_kept(configured):
    made = schedule(configured, "add", "all", "--weekly", "thu@03:05", "--zone", "America/New_York", "--source", "shop", "--source", "media", "--action", "backup",
                    "--keep-days", "1", "--max-backups", "2", "--keep-last", "3", "--keep-hourly", "4", "--keep-daily", "5", "--keep-weekly", "6", "--keep-monthly", "7",
                    "--keep-yearly", "8", "--verify-level", "2", "--retries", "3", "--retry-wait", "10s", "--time-limit", "6h", "--jitter", "1m", "--no-catch-up")
    expected = {"name": "all", "kind": "weekly", "time": "03:05", "weekday": "thursday", "zone": "America/New_York", "sources": ["shop", "media"], "action": "backup",
                "keep": {"days": 1, "max_backups": 2, "last": 3, "hourly": 4, "daily": 5, "weekly": 6, "monthly": 7, "yearly": 8}, "verify_level": 2, "retries": 3,
                "retry_wait": 10, "time_limit": 21600, "jitter": 60, "catch_up": False, "enabled": True, "when": "at 03:05 on Thursday"}
    assert {name: made[name] for name in expected} == expected
    next_run = datetime.datetime.fromisoformat(made["next_run"].replace("Z", "+00:00"))
    assert next_run.weekday() == 3 and next_run.minute == 5
    assert schedule(configured, "show", "all") == made
    assert configured("schedule", "list", "--json").json == {"schedules": [made]}


@pytest.mark.parametrize("args, when", [
    (["--monthly", "1@04:00"], "at 04:00 on the 1st of the month"),
    (["--monthly", "last"], "at 02:00 on the last day of the month"),
    (["--weekly", "sunday"], "at 02:00 on Sunday"),
    (["--cron", "0 */6 * * *"], "every 6 hours"),
    (["--cron", "*/15 9-17 * * mon-fri"], "every 15 minutes from 09:00 to 17:45 from Monday to Friday"),
])
def test_times_are_told_in_words(backstay, args, when):
    assert schedule(backstay, "add", "n", *args)["when"] == when


def test_an_edit_changes_what_is_given_and_nothing_else(configured):
    made = schedule(configured, "add", "nightly", "--daily", "02:00", "--source", "shop", "--keep-daily", "7")
    changed = schedule(configured, "edit", "nightly", "--daily", "03:30", "--keep-weekly", "4", "--all-sources")
    assert changed["time"] == "03:30" and changed["sources"] == [] and changed["keep"]["daily"] == 7 and changed["keep"]["weekly"] == 4
    assert {name for name in made if made[name] != changed[name]} == {"time", "when", "sources", "keep", "next_run", "changed"}


def test_the_usual_rules_are_those_of_the_settings(backstay):
    env = {"BACKUP_RETENTION_DAYS": "7", "BACKUP_RETENTION_COUNT": "10"}
    assert "keeps: 7 days, at most 10 in all" in backstay("schedule", "add", "a", env=env).out
    assert "keeps: 7 daily" in backstay("schedule", "add", "b", "--keep-daily", "7", env=env).out
    assert "keeps: everything" in backstay("schedule", "add", "c", "--keep-all", env=env).out


def test_one_that_is_disabled_waits_until_it_is_enabled(configured, tmp_path):
    configured.plain("schedule", "add", "nightly")
    assert "next run: none: it is disabled" in configured("schedule", "disable", "nightly").out
    assert schedule(configured, "show", "nightly")["next_run"] is None
    assert configured("schedule", "run").out == "nothing is due\n"
    assert schedule(configured, "enable", "nightly")["next_run"] is not None


def test_one_that_is_removed_leaves_its_backups(configured):
    configured.plain("schedule", "add", "nightly", "--source", "shop")
    configured("schedule", "run", "nightly", "--force")
    assert configured("schedule", "remove", "nightly").out == "schedule nightly removed; its backups stay\n"
    assert configured("schedule", "list").out == "there is no schedule yet; make one with: backstay schedule add nightly --daily 02:00\n"
    assert len(configured.plain("list", "--json").json["backups"]) == 1


def test_who_changed_a_schedule_is_in_the_audit_trail(configured):
    configured("schedule", "add", "nightly")
    configured("schedule", "edit", "nightly", "--daily", "04:00")
    configured("schedule", "disable", "nightly")
    configured("schedule", "remove", "nightly")
    rows = configured("audit", "--json").json["entries"]
    assert [row["action"] for row in rows if row["object"] == "nightly"] == ["schedule-remove", "schedule-disable", "schedule-change", "schedule-add"]


# ---- as they run ----

def test_nothing_runs_before_it_is_due(configured):
    configured.plain("schedule", "add", "nightly", "--daily", "02:00")
    assert configured("schedule", "run").out == "nothing is due\n"
    assert configured("schedule", "run", "--json").json == {"dry_run": False, "jobs": [], "left_out": []}


def test_what_is_due_is_backed_up_once_under_the_schedules_name(configured, tmp_path):
    configured.plain("schedule", "add", "nightly", "--daily", "02:00")
    set_due(tmp_path, "nightly", 0)
    assert "would run: backup " in configured("schedule", "run", "--dry-run").out
    job, *others = configured("schedule", "run", "--json").json["jobs"]
    assert job["kind"] == "backup" and job["state"] == "success" and job["sources"] == ["media", "shop"]
    assert {other["kind"] for other in others} <= {"cleanup"}
    assert configured("schedule", "run").out == "nothing is due\n"
    backup, = configured.plain("list", "--json").json["backups"]
    assert backup["schedule"] == "nightly" and "backstay-schedule=nightly" in backup["tags"]
    shown = schedule(configured, "show", "nightly")
    assert shown["last_job"] == job["id"] and shown["last_run"] < shown["next_run"]


def test_runs_that_were_missed_are_made_up_for_once(configured, tmp_path):
    configured.plain("schedule", "add", "nightly", "--daily", "02:00", "--source", "shop")
    set_due(tmp_path, "nightly", 10)
    jobs = configured("schedule", "run", "--json").json["jobs"]
    assert [job["kind"] for job in jobs if job["kind"] == "backup"] == ["backup"]
    assert configured("schedule", "run").out == "nothing is due\n"


def test_without_catching_up_a_missed_run_is_only_told(configured, tmp_path):
    configured.plain("schedule", "add", "nightly", "--daily", "02:00", "--no-catch-up")
    set_due(tmp_path, "nightly", 10.1)
    assert configured("schedule", "run", "--json").json["jobs"] == []
    assert configured.plain("list", "--json").json["backups"] == []


def test_quietly_only_what_went_wrong_is_told(configured, home, tmp_path):
    configured.plain("schedule", "add", "nightly", "--source", "shop")
    quiet = configured("schedule", "run", "--quiet")
    assert quiet.out == "" and quiet.err == ""
    set_due(tmp_path, "nightly", 0)
    quiet = configured("schedule", "run", "--quiet")
    assert quiet.out == "" and quiet.err == ""
    set_due(tmp_path, "nightly", 0)
    (home / "shop.db").unlink()
    assert "backup shop: failed: " in configured.fails(1, "schedule", "run", "--quiet").out


def test_force_runs_one_now_and_a_job_that_fails_is_told(configured, home):
    configured.plain("schedule", "add", "nightly", "--source", "shop")
    assert "backup shop: done in " in configured("schedule", "run", "nightly", "--force").out
    (home / "shop.db").unlink()
    failed = configured.fails(1, "schedule", "run", "nightly", "--force")
    assert "backup shop: failed: " in failed.out
    assert "backstay: 1 of 1 job failed: backup shop" in failed.err


# Folders and files of the system's own cron are covered, in a namespace that ends with the process.
CRON = """
mount --make-rprivate / && mount -t tmpfs tmpfs /etc/cron.d && mount -t tmpfs tmpfs /var/spool/cron && mount -t tmpfs tmpfs /run && mount --bind /dev/null /etc/crontab || exit 77
cat >/etc/cron.d/backstay && chmod 600 /etc/cron.d/backstay && exec cron -f
"""


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("cron"), reason="cron needs root")
def test_cron_runs_what_is_due(configured, environment, tmp_path):
    configured.plain("schedule", "add", "nightly", "--daily", "02:00", "--source", "shop")
    set_due(tmp_path, "nightly", 1)
    status = tmp_path / "status"
    settings = "".join(f"{name}={value}\n" for name, value in environment.items() if name not in ("HOME", "LANG"))
    # As docs/operations.md has it, but at once.
    entry = f"@reboot root {BACKSTAY} schedule run --quiet >{tmp_path}/said 2>&1; echo $? >{status}.new; mv {status}.new {status}\n"
    cron = subprocess.Popen(["unshare", "-m", "sh", "-c", CRON], stdin=subprocess.PIPE, start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        cron.stdin.write((settings + entry).encode())
        cron.stdin.close()
        until(lambda: status.exists() or cron.poll() is not None)
        if cron.poll() == 77:
            pytest.skip("no namespace of mounts can be made here")
        assert (status.read_text(), (tmp_path / "said").read_text()) == ("0\n", "")
    finally:
        os.killpg(cron.pid, signal.SIGTERM)
        cron.wait(timeout=30)
    assert [backup["schedule"] for backup in configured.plain("list", "--json").json["backups"]] == ["nightly"]
