"""Jobs that are killed: the next look says so, and nothing of theirs is left."""
import os
import signal
import subprocess

from conftest import make_media, rows_of
from waiting import until


def jobs(backstay):
    return backstay("job", "list", "--json").json["jobs"]


def drafts(*folders):
    return sorted(p.name for f in folders for p in f.iterdir() if "backstay-draft" in p.name)


def processes_of(job):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as f:
                if f"BACKSTAY_JOB={job}".encode() in f.read().split(b"\0"):
                    found.append(int(pid))
        except OSError:
            pass
    return found


def until_it_is(backstay, phase):
    return until(lambda: next((j for j in jobs(backstay) if j["progress"] and j["progress"]["phase"] == phase), None))


def killed(process):
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def test_a_backup_that_is_killed_is_interrupted_and_its_program_ended(initialised, plain, home, tmp_path):
    process = initialised.start("backup", "command:sh -c 'head -c 3000000 /dev/urandom; exec sleep 1000'", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    until(lambda: any(j["progress"] and j["progress"]["bytes_done"] == 3_000_000 for j in jobs(plain)))
    job = jobs(plain)[0]
    assert len(processes_of(job["id"])) >= 1
    killed(process)
    job = jobs(initialised)[0]
    assert (job["state"], job["error"]["kind"]) == ("interrupted", "interrupted")
    assert job["error"]["message"] == "its process ended while it was reading, after 2.86 MiB"
    assert processes_of(job["id"]) == []
    assert list((tmp_path / "tmp").iterdir()) == [] and drafts(home) == []
    assert list((tmp_path / "state" / "jobs").iterdir()) == []
    plain("check")
    plain("backup", "command:echo again")


def kill_at_every_step(backstay, plain, home, repository, made, first, step, *command):
    """Killed in the store at one operation after the other, until there is no such any more; a look at the jobs removes each draft."""
    struck = 0
    for n in range(first, 200, step):
        if plain.run(*command, env={"BACKSTAY_TEST_FAULT": f"kill@{n}"}).status == 0:
            break
        for lock in (repository / "locks").iterdir():     # each is an operation more
            lock.unlink()
        (home / made).unlink(missing_ok=True)             # killed as it was giving its lock back
        if drafts(home):
            struck += 1
            assert jobs(backstay)[0]["state"] == "interrupted"
            assert drafts(home) == []
    assert struck >= 1
    assert {j["state"] for j in jobs(backstay)[1:] if j["kind"] == command[0]} == {"interrupted"}


def test_a_restore_that_is_killed_leaves_no_draft(initialised, plain, shop, home, repository, tmp_path):
    plain("backup", "shop.db")
    kill_at_every_step(initialised, plain, home, repository, "new.db", 8, 1, "restore", "latest", "--to", "new.db")
    assert rows_of(home / "new.db") == rows_of(shop)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_what_runs_before_a_backup_ends_with_it(initialised, plain, shop, home):
    process = initialised.start("backup", "shop.db", "--before", "sh -c 'sleep 1000; true'", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    job = until_it_is(plain, "running the command before")
    assert len(processes_of(job["id"])) >= 2
    killed(process)
    assert jobs(initialised)[0]["error"]["message"] == "its process ended while it was running the command before"
    assert processes_of(job["id"]) == []


def test_the_source_of_a_killed_job_is_free(initialised, plain, shop):
    process = initialised.start("backup", "shop.db", "--before", "sleep 1000", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    until_it_is(plain, "running the command before")
    killed(process)
    initialised("backup", "shop.db")
    assert [j["state"] for j in jobs(initialised)] == ["success", "interrupted"]


def test_an_export_that_is_killed_leaves_no_draft(initialised, plain, home, repository):
    make_media(home / "media")
    (home / "media" / "large").write_bytes(os.urandom(12_000_000))
    plain("backup", "media")
    kill_at_every_step(initialised, plain, home, repository, "out.zip", 9, 5, "export", "latest", "--format", "zip", "-o", "out.zip")
    assert (home / "out.zip").exists()
