"""What runs is kept as a job: figures, errors, one on a source at once, and its end asked for from elsewhere."""
import os
import pathlib
import signal
import sqlite3
import subprocess

import pytest
from conftest import BACKSTAY
from live import SECRET
from waiting import until

QUEUE = pathlib.Path(BACKSTAY).parent / "tests" / "unit" / "job_queue_tool"


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


def jobs(backstay, *args):
    return backstay.plain("job", "list", *args, "--json").json["jobs"]


def newest(backstay):
    return jobs(backstay, "--limit", "1")[0]


def lines(backstay, job):
    return [line["text"] for line in backstay.plain("job", "log", job["id"], "--json").json["lines"]]


class Gate:
    """A command that goes on once it is opened, and fails when it is closed: for --before."""

    def __init__(self, home, name="gate"):
        self.path = home / name
        os.mkfifo(self.path)
        self.command = f"sh -c 'test \"$(cat {self.path})\" = go'"

    def __enter__(self):
        return self

    def open(self):
        self.path.write_text("go")

    def __exit__(self, *_):
        try:
            fd = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return
        os.close(fd)


@pytest.fixture
def gate(home):
    with Gate(home) as g:
        yield g


def waiting(backstay, gate, *args):
    """A backup that has begun and waits at the gate."""
    process = backstay.start("backup", *args, "--before", gate.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(lambda: any(j["state"] == "running" and j["progress"] and j["progress"]["phase"] == "running the command before" for j in jobs(backstay)))
    return process, newest(backstay)


def temporary(tmp_path, *folders):
    """Whatever lies in the folder for temporary files, and drafts in others."""
    return [*(tmp_path / "tmp").iterdir(), *(p for f in folders for p in f.iterdir() if "draft" in p.name)]


# ---- what is kept, and what not ----

def test_without_a_state_folder_nothing_is_recorded(initialised, shop, tmp_path):
    initialised.env = {**initialised.env, "BACKSTAY_HOME": str(tmp_path / "elsewhere")}
    initialised("backup", "shop.db")
    assert not (tmp_path / "elsewhere").exists()
    (tmp_path / "elsewhere").mkdir()
    initialised("list", "--source", "shop")
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert initialised("job", "list").out == "there is no such job\n"
    assert initialised.fails(4, "job", "show", "1234").err == "backstay: there is no job 1234\n"


def test_the_first_backup_makes_the_state_folder_and_is_recorded_there(backstay, environment, shop, home, state):
    for name in list(environment):
        if name.endswith(("_REPOSITORY", "_PASSWORD")):
            del environment[name]
    if os.geteuid() == 0:
        pytest.skip("root's usual place is not ours to fill")
    backstay("backup", "shop.db")
    assert [j["kind"] for j in jobs(backstay)] == ["backup"]


def test_every_command_that_changes_or_reads_much_is_kept_with_its_figures(initialised, shop, home, repository):
    url = f"sqlite:{shop}"
    made = initialised("backup", "shop.db", "--json").json
    safety, = initialised("restore", "latest", "--yes", "--json").json["safety"]
    restored = newest(initialised)
    assert f"what was there before is backup {safety[:8]}" in lines(initialised, restored)
    assert initialised("restore", "--undo", restored["id"], "--yes", "--json").json["safety"]
    initialised("verify", "latest:shop.db", "--level", "2")
    initialised("export", "latest:shop.db", "--format", "csv", "-o", "shop.zip")
    initialised("export", "--live", "shop.db", "--format", "sql", "-o", "shop.sql")
    for command in (("optimize", "shop.db"), ("check-tables", "shop.db"), ("repair", "shop.db"), ("check",), ("forget", "--keep-last", "1"), ("prune",)):
        initialised(*command)
    kept = jobs(initialised)[::-1]
    assert [(j["kind"], j["title"]) for j in kept] == [
        ("backup", f"backup {url}"), ("restore", "restore latest"), ("restore", f"undo {restored['id']}"), ("verify", "verify latest:shop.db"),
        ("export", "export latest:shop.db as csv"), ("export", f"export {url} as sql"), ("optimize", f"optimize {url}"), ("check-tables", f"check-tables {url}"),
        ("repair", f"repair {url}"), ("check", "check repository"), ("forget", "forget by rules"), ("prune", "prune repository")]
    for job in kept:
        assert job["state"] == "success" and job["seconds"] > 0 and job["progress"] is None and job["error"] is None and not job["partial"]
        assert job["author"].endswith(" on the command line")
        assert job["sources"] == ([] if job["kind"] in ("check", "forget", "prune") else [url])
        assert job["repository"] == (None if job["kind"] in ("optimize", "check-tables") or job["title"].endswith("as sql") else
                                     str(repository) if job == kept[0] else "repository")
    backup, restore, undo, verify, export = kept[:5]
    assert (backup["backup"], backup["size"], backup["added"], backup["rows"]) == (made["id"], made["bytes"], made["bytes_added"], made["rows"])
    assert (restore["backup"], restore["rows"], undo["undo_of"]) == (made["id"], made["rows"], restored["id"])
    assert (verify["backup"], export["size"]) == (made["id"], (home / "shop.zip").stat().st_size)
    assert any(line.startswith(f"{made['short_id']}: ") for line in lines(initialised, verify))


def test_what_only_looks_is_not_kept(initialised, shop):
    initialised.plain("backup", "shop.db")
    for args in (("list",), ("diff", "latest", "live"), ("info", "shop.db"), ("restore",), ("restore", "latest", "--dry-run"),
                 ("forget", "--keep-last", "1", "--dry-run"), ("prune", "--dry-run")):
        initialised(*args)
    initialised.fails(2, "forget")
    assert [j["kind"] for j in jobs(initialised)] == ["backup"]


def test_a_configured_source_that_is_gone_is_a_backup_that_failed_and_a_slip_of_the_pen_is_none(initialised, shop):
    initialised("source", "add", "shop", shop)
    shop.rename(shop.with_name("away.db"))
    initialised.fails(4, "backup", "shop")
    initialised.fails(4, "backup", "nothing.db")
    job, = initialised("job", "list", "--json").json["jobs"]
    assert (job["kind"], job["state"], job["title"], job["sources"]) == ("backup", "failed", "backup shop", ["shop"])
    assert job["error"]["message"] == f"the source shop: {shop}: no such file or folder"


def test_what_failed_is_kept_with_why(initialised, shop):
    said = [initialised.fails(1, "backup", "command:false", "--json"), initialised.fails(4, "restore", "0123456789", "--to", "x.db", "--json"),
            initialised.fails(4, "verify", "--json"), initialised.fails(12, "backup", "shop.db", "--json", env={"BACKSTAY_PASSWORD": "wrong"})]
    kept = jobs(initialised)[::-1]
    assert [j["title"] for j in kept] == ["backup command:false", "restore 0123456789 to x.db", "verify latest", f"backup sqlite:{shop}"]
    errors = [r.json["error"] for r in said]
    assert [j["error"] for j in kept] == [{"kind": e["kind"], "message": e["message"], "hint": e.get("plain_hint", e["hint"]) or None} for e in errors]
    assert all(j["state"] == "failed" for j in kept) and kept[3]["error"]["kind"] == "password"
    assert lines(initialised, kept[0])[-1] == kept[0]["error"]["message"]


def test_a_backup_without_what_could_not_be_read_is_partial(initialised, media, home):
    (media / "secret").write_text("x")
    (media / "secret").chmod(0)
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    initialised.fails(3, "backup", "media")
    job = newest(initialised)
    assert (job["state"], job["partial"], job["error"]["kind"]) == ("success", True, "partial")
    assert initialised("job", "list").out.splitlines()[1].split()[1] == "partial"


def test_the_author_is_who_it_is_said_to_be(initialised, shop):
    initialised.plain("backup", "shop.db", env={"BACKSTAY_AUTHOR": "maria"})
    assert newest(initialised)["author"] == "maria"
    assert len(jobs(initialised, "--author", "maria")) == 1 and jobs(initialised, "--author", "nobody") == []


def test_jobs_are_filtered_and_paged(initialised, shop, media):
    for name in ("shop.db", "media", "shop.db"):
        initialised.plain("backup", name)
    initialised("check")
    assert len(jobs(initialised, "--source", f"sqlite:{shop}")) == 2
    assert [j["kind"] for j in jobs(initialised, "--kind", "check", "--kind", "prune")] == ["check"]
    document = initialised("job", "list", "--limit", "2", "--offset", "1", "--json").json
    assert (len(document["jobs"]), document["total"]) == (2, 4)
    assert initialised("job", "list", "--limit", "2").out.splitlines()[-1] == "2 of 4"
    assert jobs(initialised, "--state", "failed") == []
    assert initialised.fails(2, "job", "list", "--limit", "0").err == "backstay: --limit is 1 to 1000\n"


def test_a_job_is_shown_whole_by_the_beginning_of_its_id(initialised, shop):
    initialised.plain("backup", "shop.db")
    job = newest(initialised)
    shown = initialised("job", "show", job["id"][:4])
    assert shown.out.startswith(f"job {job['id']}: backup sqlite:{shop}\nstate        success\n")
    assert job["backup"] in shown.out
    assert initialised("job", "show", job["id"], "--json").json["job"] == job


def test_a_catalog_that_is_none_stops_no_backup(initialised, shop, state):
    (state / "catalog.db").write_bytes(b"this is a note, not a database, and long enough to have a header of its own " * 4)
    result = initialised("backup", "shop.db")
    assert result.err.count("warning: ") == 2 and "is damaged: file is not a database" in result.err
    assert "made in" in result.out


def test_a_catalog_on_a_full_disk_stops_no_backup(initialised, shop, state):
    """What cannot grow cannot be written: every page that is added is refused."""
    initialised.plain("backup", "shop.db")
    db = sqlite3.connect(state / "catalog.db")
    db.execute("CREATE TRIGGER full BEFORE INSERT ON job BEGIN SELECT raise(ABORT, 'no room'); END")
    db.commit()
    db.close()
    result = initialised("backup", "shop.db")
    assert result.err.count("warning: this is not recorded: ") == 1
    assert len(initialised.plain("list", "--json").json["backups"]) == 2


# ---- one on a source ----

def test_a_second_job_on_a_source_is_told_who_works_on_it(initialised, shop, gate):
    process, job = waiting(initialised, gate, "shop.db")
    for args in (("backup", "shop.db"), ("backup", "./shop.db", "--name", "other"), ("optimize", "shop.db")):
        error = initialised.fails(11, *args, "--json").json["error"]
        assert error["kind"] == "locked" and error["hint"] == f"wait for its end, or cancel it: --wait 10m, or backstay job cancel {job['id']}"
        assert error["message"].startswith(f"backup sqlite:{shop} is running since ") and error["message"].endswith(f" (job {job['id']})")
        assert (newest(initialised)["state"], newest(initialised)["error"]["kind"]) == ("failed", "locked")
    gate.open()
    assert process.wait() == 0
    process.communicate()
    initialised("backup", "shop.db")


def test_a_restore_does_not_replace_what_is_being_backed_up(initialised, shop, gate, home):
    initialised.plain("backup", "shop.db")
    process, _ = waiting(initialised, gate, "shop.db")
    before = shop.read_bytes()
    assert "is running since" in initialised.fails(11, "restore", "latest", "--yes").err
    assert shop.read_bytes() == before
    initialised("restore", "latest", "--to", "copy.db")
    initialised("check-tables", "shop.db")
    gate.open()
    assert process.wait() == 0
    process.communicate()


def test_a_job_waits_for_the_source_when_it_is_told_to(initialised, shop, gate):
    process, _ = waiting(initialised, gate, "shop.db")
    second = initialised.start("backup", "shop.db", "--wait", "60s", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(lambda: [j["progress"] and j["progress"]["phase"] for j in jobs(initialised)].count("waiting for another job") == 1)
    gate.open()
    assert process.wait() == 0 and second.wait() == 0
    process.communicate(), second.communicate()


def test_programs_without_a_name_do_not_take_turns(initialised, gate):
    process, _ = waiting(initialised, gate, "command:echo one")
    initialised.plain("backup", "command:echo two")
    gate.open()
    assert process.wait() == 0
    process.communicate()


# ---- its end ----

def test_a_job_is_cancelled_from_elsewhere_and_leaves_nothing(initialised, shop, home, tmp_path):
    process = initialised.start("backup", "command:sh -c 'echo begun; exec sleep 1000'", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(lambda: any(j["state"] == "running" and j["progress"] and j["progress"]["phase"] == "reading" for j in jobs(initialised)))
    job = newest(initialised)
    assert initialised("job", "cancel", job["id"]).out == f"job {job['id']} was told to end\n"
    assert process.wait(60) == 130
    process.communicate()
    job = newest(initialised)
    assert (job["state"], job["error"]["kind"], job["cancel_asked"]) == ("cancelled", "cancelled", True)
    assert temporary(tmp_path, home) == []
    assert initialised.plain("list", "--json").json["backups"] == []
    initialised("check")
    assert initialised.fails(6, "job", "cancel", job["id"]).err == f"backstay: job {job['id']} has ended already: cancelled\n"


def test_ctrl_c_is_a_cancelled_job(initialised, shop, gate):
    process, job = waiting(initialised, gate, "shop.db")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    process.communicate()
    assert newest(initialised)["state"] == "cancelled"


def test_the_log_is_followed_until_the_end(initialised, shop, gate):
    process, job = waiting(initialised, gate, "shop.db", "--after", "echo it is over")
    follower = initialised.start("job", "log", job["id"], "--follow", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    gate.open()
    assert process.wait() == 0
    process.communicate()
    said, _ = follower.communicate(timeout=60)
    assert follower.returncode == 0
    assert f"after sqlite:{shop}: it is over" in said.decode() and said.decode().splitlines()[-1] == initialised("job", "log", job["id"]).out.splitlines()[-1]
    assert initialised.fails(2, "job", "log", job["id"], "--follow", "--json").json["error"]["kind"] == "usage"


# ---- what the daemon does with those that are queued ----

@pytest.fixture
def queue(state):
    def put(*words):
        return subprocess.run([QUEUE, state, *words], check=True, capture_output=True, text=True).stdout.strip()
    return put


def test_a_queued_job_is_run_with_its_document_as_its_result(initialised, shop, queue):
    job = queue("backup", "--name=nightly", "--", str(shop))
    assert newest(initialised)["state"] == "queued"
    document = initialised("job", "run", job, "--json").json
    assert document["name"] == "nightly"
    done = initialised("job", "show", job, "--json").json["job"]
    assert (done["state"], done["author"], done["backup"], done["result"]) == ("success", "maria", document["id"], document)
    assert initialised.fails(6, "job", "run", job).err == f"backstay: job {job} has ended already: success\n"


def test_a_queued_job_that_fails_has_failed_wherever_that_was(initialised, shop, queue):
    for words, status, kind in ((("backup", "--no-such-option", "shop.db"), 2, "usage"), (("backup", "absent.db"), 4, "not-found"),
                                (("backup", "--repo=/nowhere", str(shop)), 10, "no-repo"), (("list", "--source", "x", "y"), 2, "usage")):
        job = queue(*words)
        error = initialised.fails(status, "job", "run", job).err
        done = initialised("job", "show", job, "--json").json["job"]
        assert (done["state"], done["error"]["kind"]) == ("failed", kind)
        assert f"backstay: {done['error']['message']}\n" in error
        assert done["result"] is None


def test_a_queued_job_waits_while_its_source_is_worked_on(initialised, shop, queue, gate):
    process, _ = waiting(initialised, gate, "shop.db")
    job, hasty = queue("--lock", f"source:{shop}", "backup", str(shop)), queue("backup", str(shop))
    for j in (job, hasty):
        assert "is running since" in initialised.fails(11, "job", "run", j).err
    states = {j["id"]: j["state"] for j in jobs(initialised)}
    # Whoever said beforehand what it works on has not begun yet.
    assert (states[job], states[hasty]) == ("queued", "failed")
    gate.open()
    assert process.wait() == 0
    process.communicate()


def test_a_job_that_is_stopped_with_the_daemon_is_interrupted(initialised, queue):
    job = queue("backup", "command:sleep 1000")
    process = initialised.start("job", "run", job, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(lambda: newest(initialised)["state"] == "running")
    process.terminate()
    assert process.wait(60) == 130
    process.communicate()
    done = newest(initialised)
    assert (done["state"], done["error"]["message"]) == ("interrupted", "it was ended because Backstay was stopped")


def test_a_time_limit_ends_a_job(initialised, queue):
    job = queue("--limit", "1", "backup", "command:sleep 1000")
    initialised.fails(130, "job", "run", job)
    done = newest(initialised)
    assert (done["state"], done["error"]["message"]) == ("failed", "it was ended because it took longer than its time limit of 1 s")


def test_two_processes_do_not_run_one_job(initialised, queue):
    job = queue("backup", "command:sh -c 'echo x; exec sleep 1000'")
    process = initialised.start("job", "run", job, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(lambda: newest(initialised)["state"] == "running")
    assert initialised.fails(11, "job", "run", job).err == f"backstay: job {job} is running already\n"
    process.terminate()
    process.communicate(timeout=60)
    kept = queue("job", "run", job)
    assert initialised.fails(6, "job", "run", kept).err == f"backstay: job {kept} is none that can be run so\n"


# ---- secrets ----

def test_a_password_in_a_url_is_nowhere(initialised, state, tmp_path, queue):
    url = f"postgresql://shop:{SECRET}@127.0.0.1:1/shop"
    initialised("source", "add", "shop", "--url-file", "-", stdin=url.encode())
    said = [initialised.run(*args) for args in (("backup", url), ("backup", "shop"), ("restore", "latest", "--to", url, "--yes"), ("export", "--live", url, "-f", "csv", "-o", "x.zip"),
                                                ("verify", f"latest:{url}"), ("optimize", url), ("job", "run", queue("backup", url)))]
    assert all(r.status != 0 for r in said)
    for job in jobs(initialised):
        said += [initialised.plain("job", *words) for words in (["show", job["id"]], ["show", job["id"], "--json"], ["log", job["id"]])]
    said += [initialised("job", "list"), initialised("source", "show", "shop"), initialised("source", "list", "--json")]
    for r in said:
        assert SECRET not in r.out and SECRET not in r.err
    for path in [p for p in tmp_path.rglob("*") if p.is_file()]:
        assert SECRET.encode() not in path.read_bytes(), path
    assert any("postgresql://shop@127.0.0.1:1/shop" in j["title"] or j["title"] == "backup shop" for j in jobs(initialised))
