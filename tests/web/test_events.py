"""Event streams: what changes, as it changes."""
import os
import threading

import pytest
from conftest import make_shop, make_web
from webserver import Stream

ALL = "/backup/api/events/"


def of_job(job):
    return f"/backup/api/jobs/{job}/events/"


@pytest.fixture(scope="module")
def shop(web):
    web.program.plain("init")
    return make_shop(web.home / "shop.db")


def back_up(web, shop):
    """A backup by a command line; the id of its job."""
    web.program.plain("backup", shop)
    return web.program("job", "list", "--json").json["jobs"][0]["id"]


@pytest.fixture(scope="module")
def finished(web, shop):
    return back_up(web, shop)


def add_user(web, name):
    web.program.plain("user", "add", name, "--no-password")


# ---- who may ----

def test_only_who_is_logged_in_may_listen(anybody):
    anybody("GET", ALL, status=401)
    anybody("GET", of_job("0123456789abcdef"), status=401)


def test_a_job_that_is_not_there_has_no_stream(viewer):
    assert viewer.problem(404, "GET", of_job("0123456789abcdef"))[0] == "there is no job 0123456789abcdef"


def test_a_stream_is_kept_by_nobody_on_the_way(viewer):
    stream = Stream(viewer, ALL)
    assert stream.headers["Content-Type"] == "text/event-stream" and stream.headers["Cache-Control"] == "no-store" and stream.headers["X-Accel-Buffering"] == "no"
    assert "Content-Encoding" not in stream.headers
    stream.close()


# ---- everything ----

def test_what_another_process_changes_is_told(web, viewer):
    stream = Stream(viewer, ALL)
    add_user(web, "told1")
    assert stream.until("user") == {}
    web.program.plain("token", "add", "told", "--user", "told1", "--scope", "viewer")
    stream.until("session")
    stream.close()


def test_a_job_of_a_command_line_is_told_until_its_end(web, viewer, shop):
    stream = Stream(viewer, ALL)
    job = back_up(web, shop)
    last = stream.until("job", lambda j: j["id"] == job and j["state"] == "success")
    assert last["kind"] == "backup" and "words" not in last and last.get("result") is None
    stream.close()


def test_who_comes_back_gets_what_was_missed(web, viewer):
    stream = Stream(viewer, ALL)
    add_user(web, "missed1")
    stream.until("user")
    stream.close()
    add_user(web, "missed2")
    keeper = Stream(viewer, ALL)
    add_user(web, "missed3")
    keeper.until("user")
    again = Stream(viewer, ALL, last_id=stream.last_id)
    again.until("user")
    assert again.last_id == keeper.last_id
    keeper.close()
    again.close()


@pytest.mark.parametrize("last_id", ["0123456789abcdef-1", "nonsense", "-", "99999999999999999999999999-5"])
def test_who_was_away_for_too_long_looks_at_everything(viewer, last_id):
    stream = Stream(viewer, ALL, last_id=last_id)
    assert stream.until("all") == {} and stream.last_id != last_id
    stream.close()


# ---- one job ----

def test_a_job_that_is_over_tells_its_lines_and_ends(viewer, finished):
    events = list(Stream(viewer, of_job(finished)))
    lines = [data for name, data in events if name == "line"]
    assert [line["n"] for line in lines] == sorted(line["n"] for line in lines) and all(set(line) == {"n", "time", "level", "text"} for line in lines)
    assert events[-1][0] == "end" and events[-1][1]["state"] == "success" and [name for name, _ in events].count("end") == 1


def test_a_reader_of_a_log_goes_on_where_it_was(viewer, finished):
    lines = [data["n"] for name, data in Stream(viewer, of_job(finished)) if name == "line"]
    assert lines
    rest = [data["n"] for name, data in Stream(viewer, of_job(finished), last_id=str(lines[0])) if name == "line"]
    assert rest == lines[1:]


def test_a_running_job_is_followed_to_its_end(web, viewer, shop):
    (web.home / "script").write_text("#!/bin/sh\necho one\nread line < \"$HOME/go\"\necho two\n")
    (web.home / "script").chmod(0o755)
    gate = web.home / "go"
    os.mkfifo(gate)
    running = threading.Thread(target=web.program, args=("backup", f"command:{web.home}/script"))
    running.start()
    stream = Stream(viewer, ALL)
    job = stream.until("job", lambda j: j["state"] == "running")["id"]
    own = Stream(viewer, of_job(job))
    assert own.until("job")["state"] == "running"
    gate.write_text("go\n")
    assert own.until("end")["state"] == "success"
    assert list(own) == []
    running.join()
    stream.close()


# ---- their end ----

def test_a_stream_ends_with_its_session(web):
    client = web.client().log_in("vera")
    stream = Stream(client, ALL)
    client("DELETE", "/backup/api/session/", status=204)
    list(stream)
    Stream(client, ALL, status=401).close()


def test_a_stream_ends_with_its_token(web):
    client = web.client({"Authorization": f"Bearer {web.token('stream', 'vera', 'viewer')}"})
    stream = Stream(client, ALL)
    web.program.plain("token", "revoke", "stream", "--user", "vera")
    list(stream)


def test_a_stream_ends_when_its_user_is_disabled(web):
    web.program.plain("user", "add", "gone", "--role", "viewer", "--new-password-file", web.home.parent / "password")
    stream = Stream(web.client().log_in("gone"), ALL)
    web.program.plain("user", "disable", "gone")
    list(stream)


# ---- many ----

def test_500_listen_and_one_more_is_told_to_come_back(web, viewer, anybody):
    streams = []
    while len(streams) < 500:
        # Streams of tests before this one may not have ended yet.
        if viewer("HEAD", ALL).status == 200:
            streams.append(Stream(viewer, ALL))
    refused = viewer("GET", ALL, status=503)
    assert refused.json["detail"] == "500 event streams are open already" and refused.headers["Retry-After"] == "10"
    anybody("GET", "/", status=200)
    add_user(web, "many1")
    for stream in streams:
        stream.until("user")
    for stream in streams:
        stream.close()
    while viewer("HEAD", ALL).status == 503:
        pass


def test_the_end_of_the_server_ends_them_all(tmp_path):
    server = make_web(tmp_path, users={"vera": "viewer"}).start()
    streams = [Stream(server.client().log_in("vera"), ALL) for _ in range(3)]
    server.close()
    for stream in streams:
        list(stream)
