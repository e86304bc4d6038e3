"""Files in and out: downloads with ranges, and uploads of any size, wherever they break off."""
import os
import socket
import stat

import pytest
from conftest import BACKSTAY_PLAIN, Program, make_shop, make_web
from waiting import until
from webserver import PASSWORD, Web, head, read_all, statuses

UPLOAD = "/backup/api/restores/upload_and_restore/"
BOUNDARY = "----boundary"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


@pytest.fixture(scope="module")
def backup(web):
    """The id of a backup of a shop."""
    make_shop(web.home / "shop.db", 2000)
    web.program.plain("init")
    web.program.plain("repository", "add", "main", web.home.parent / "repository")
    web.program.plain("source", "add", "shop", web.home / "shop.db")
    web.program.plain("backup", "shop")
    return web.program.plain("list", "--json").json["backups"][0]["id"]


@pytest.fixture(scope="module")
def link(backup):
    return f"/backup/api/backups/{backup}/download/?format=archive"


@pytest.fixture(scope="module")
def whole(operator, link):
    """The file, as it comes at once."""
    return operator("GET", link, status=200)


def exports(web):
    return [job for job in web.program("job", "list", "--kind", "export", "--limit", "1000", "--json").json["jobs"]]


# ---- downloads ----

def test_a_viewer_downloads_nothing(viewer, link):
    viewer("GET", link, status=403)


def test_a_download_is_the_engines_own_file_by_the_name_people_know(whole, web):
    assert whole.body[:16] == b"SQLite format 3\0" and len(whole.body) == os.path.getsize(web.home / "shop.db")
    assert whole.headers["Content-Disposition"].startswith('attachment; filename="') and '.db"' in whole.headers["Content-Disposition"]
    assert whole.headers["Accept-Ranges"] == "bytes" and whole.headers["Cache-Control"] == "no-store" and whole.headers["ETag"].startswith('"')


def test_a_second_download_makes_no_second_export(web, operator, link, whole):
    before = len(exports(web))
    again = operator("GET", link, status=200)
    assert again.body == whole.body and again.headers["ETag"] == whole.headers["ETag"] and len(exports(web)) == before


def test_what_is_kept_for_downloads_is_private(web, whole):
    folder = web.state / "exports"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700 and {stat.S_IMODE(f.stat().st_mode) for f in folder.iterdir()} == {0o600}


@pytest.mark.parametrize("range_, part", [
    ("bytes=0-0", slice(0, 1)), ("bytes=100-299", slice(100, 300)), ("bytes=100-", slice(100, None)), ("bytes=-100", slice(-100, None)),
    ("bytes=100-99999999999", slice(100, None)), ("bytes=-99999999999", slice(0, None)),
])
def test_a_part_of_a_file_comes_alone(operator, link, whole, range_, part):
    answer = operator("GET", link, headers={"Range": range_}, status=206)
    places = range(len(whole.body))[part]
    assert answer.body == whole.body[part] and answer.headers["Content-Range"] == f"bytes {places[0]}-{places[-1]}/{len(whole.body)}"
    assert answer.headers["ETag"] == whole.headers["ETag"]


@pytest.mark.parametrize("range_", ["bytes=99999999999-", "bytes=-0"])
def test_a_part_that_is_not_there_is_told_with_the_size(operator, link, whole, range_):
    answer = operator("GET", link, headers={"Range": range_}, status=416)
    assert answer.headers["Content-Range"] == f"bytes */{len(whole.body)}" and answer.body == b""


@pytest.mark.parametrize("range_", ["bytes=5-4", "bytes=0-1,4-5", "lines=1-2", "bytes=x", ""])
def test_a_range_that_is_none_is_passed_over(operator, link, whole, range_):
    assert operator("GET", link, headers={"Range": range_}, status=200).body == whole.body


def test_a_download_goes_on_only_in_the_same_file(operator, link, whole):
    tag = whole.headers["ETag"]
    assert operator("GET", link, headers={"Range": "bytes=5-", "If-Range": tag}, status=206).body == whole.body[5:]
    assert operator("GET", link, headers={"Range": "bytes=5-", "If-Range": whole.headers["Last-Modified"]}, status=206).body == whole.body[5:]
    assert operator("GET", link, headers={"Range": "bytes=5-", "If-Range": '"other"'}, status=200).body == whole.body
    assert operator("GET", link, headers={"Range": "bytes=5-", "If-Range": f"W/{tag}"}, status=200).body == whole.body


def test_the_head_of_a_download_says_how_long_it_is(operator, link, whole):
    answer = operator("HEAD", link, status=200)
    assert answer.body == b"" and answer.headers["Content-Length"] == str(len(whole.body))
    assert operator("HEAD", link, headers={"Range": "bytes=1-2"}, status=206).headers["Content-Length"] == "2"


def test_who_has_the_file_gets_it_not_again(operator, link, whole):
    assert operator("GET", link, headers={"If-None-Match": whole.headers["ETag"]}, status=304).body == b""


def test_a_reader_who_leaves_in_the_middle_disturbs_nobody(web, operator, link, whole):
    with socket.create_connection((web.host, web.port)) as s:
        s.sendall(head(f"GET {link} HTTP/1.1", f"Cookie: {operator.headers['Cookie']}"))
        s.recv(100)
    assert operator("GET", link, status=200).body == whole.body


def test_exports_of_before_are_gone_after_a_start(tmp_path):
    web = make_web(tmp_path)
    for name in ("exports", "uploads"):
        (web.state / name).mkdir(mode=0o700, exist_ok=True)
        (web.state / name / "left").write_text("x")
    web.start()
    web.close()
    assert not list((web.state / "exports").iterdir()) and not list((web.state / "uploads").iterdir())


# ---- uploads ----

def part(name, file, content):
    called = "" if file is None else f'; filename="{file}"'
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{called}\r\n\r\n'.encode() + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


def uploads(web):
    folder = web.state / "uploads"
    return sorted(folder.iterdir()) if folder.exists() else []


def test_only_an_admin_uploads_and_nothing_is_kept_of_others(web, operator, anybody):
    body = part("database_file", "a.db", b"x") + END
    operator("POST", UPLOAD, body, FORM, status=403)
    anybody("POST", UPLOAD, body, FORM, status=401)
    assert not uploads(web)


def test_an_upload_without_the_token_of_the_session_is_not_even_begun(web, admin):
    without = {**FORM, "X-CSRF-Token": None}
    admin.problem(403, "POST", UPLOAD, part("database_file", "a.db", b"x") + END, without)
    admin.problem(403, "POST", UPLOAD, part("database_file", "a.db", b"x") + part("csrf_token", None, admin.csrf.encode()) + END, without)
    assert not uploads(web)


def test_a_file_of_an_unknown_field_is_refused_and_removed(web, admin):
    detail, _ = admin.problem(400, "POST", UPLOAD, part("other", "a.db", b"x") + END, FORM)
    assert detail == 'there is no field "other" here' and not uploads(web)


def test_a_form_that_is_cut_short_leaves_nothing(web, admin):
    detail, _ = admin.problem(400, "POST", UPLOAD, part("database_file", "a.db", b"x" * 100000), FORM)
    assert detail == "the form ends before its last boundary" and not uploads(web)


def test_who_leaves_in_the_middle_leaves_nothing(web, admin):
    with socket.create_connection((web.host, web.port)) as s:
        s.sendall(head(f"POST {UPLOAD} HTTP/1.1", f"Cookie: {admin.headers['Cookie']}", f"X-CSRF-Token: {admin.csrf}", f"Content-Type: {FORM['Content-Type']}", "Content-Length: 1000000")
                  + part("database_file", "a.db", b"x" * 200000))
        until(lambda: uploads(web), "the upload")
        assert stat.S_IMODE(uploads(web)[0].stat().st_mode) == 0o600
    until(lambda: not uploads(web), "the end of the upload")


HOSTILE = ["../../../../etc/cron.d/evil.db", "..\\\\..\\\\evil.db", "/etc/passwd", "..", "evil\x1b[31m.db", "a" * 3000 + ".db", "-rf", ".bashrc", "$(reboot).db"]


def test_no_name_of_a_file_leads_anywhere(web, admin, backup):
    """The files are good; each goes into a database of its own."""
    content, jobs = (web.home / "shop.db").read_bytes(), []
    for i, name in enumerate(HOSTILE):
        body = part("database_file", name, content) + part("target", None, f"sqlite:{web.home}/new{i}.db".encode()) + END
        jobs += admin("POST", UPLOAD, body, FORM, status=202).json["jobs"]
    assert all(path.parent == web.state / "uploads" and path.name.startswith("upload-") for path in uploads(web))
    for job in jobs:
        assert "\x1b" not in job["title"] and "/" not in job["title"].split(" to ")[0] and len(job["title"]) < 400
        ended = until(lambda: (now := admin("GET", f"/backup/api/jobs/{job['id']}/").json)["state"] not in ("queued", "running") and now, "the end of the job")
        assert ended["state"] == "success", ended
    assert sorted(path.name for path in web.home.glob("new*.db")) == sorted(f"new{i}.db" for i in range(len(HOSTILE)))


def test_a_file_that_is_no_database_is_told_and_removed(web, admin, backup):
    before = uploads(web)
    body = part("database_file", "a.db", b"this is no database") + part("target", None, f"sqlite:{web.home}/none.db".encode()) + END
    admin.problem(422, "POST", UPLOAD, body, FORM)
    assert set(uploads(web)) <= set(before) and not (web.home / "none.db").exists()


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    server = make_web(tmp_path_factory.mktemp("small"), env={"BACKSTAY_UPLOAD_MAX": "1M"}, users={"maria": "admin"}).start()
    yield server
    server.close()


def upload_raw(server, client, *lines, body):
    return server.raw(head(f"POST {UPLOAD} HTTP/1.1", f"Cookie: {client.headers['Cookie']}", f"X-CSRF-Token: {client.csrf}", f"Content-Type: {FORM['Content-Type']}", *lines) + body)


def test_an_upload_that_is_too_large_is_refused_before_and_while_it_comes(small):
    client = small.client().log_in()
    chunk = part("database_file", "a.db", b"x" * (2 << 20))
    announced = upload_raw(small, client, f"Content-Length: {len(chunk)}", body=chunk)
    chunked = upload_raw(small, client, "Transfer-Encoding: chunked", body=f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n0\r\n\r\n")
    for answer in (announced, chunked):
        assert statuses(answer) == [413] and b"the upload is larger than 1048576 bytes" in answer
    assert not uploads(small)
    client("GET", "/backup/api/session/", status=200)


def test_a_disk_that_fills_up_is_told_before_it_is_full(tmp_path):
    """In a file system of its own, with 300 MiB, of which 256 are never taken."""
    web = make_web(tmp_path, users={})
    plain = Program(["unshare", "-Urm", "sh", "-c", f'mount -t tmpfs -o size=300m none {web.home} && exec "$0" "$@"', BACKSTAY_PLAIN], {**web.env, "BACKSTAY_HOME": str(web.home / "state")}, "/")
    if plain.run("--version").status:
        pytest.skip("no user namespaces here")
    (tmp_path / "password").write_text(PASSWORD)
    plain.argv = ["unshare", "-Urm", "sh", "-c", f'mount -t tmpfs -o size=300m none {web.home} && "$0" user add maria --role admin --new-password-file {tmp_path}/password && exec "$0" "$@"', BACKSTAY_PLAIN]
    web.program = plain
    try:
        web.start()
        client = web.client().log_in()
        announced = upload_raw(web, client, f"Content-Length: {100 << 20}", "Expect: 100-continue", body=b"")
        assert statuses(announced) == [507] and b"there is no room for the upload in" in announced
        piece = f"{1 << 20:x}\r\n".encode() + bytes(1 << 20) + b"\r\n"
        begin = part("database_file", "a.db", b"")[:-2]
        with socket.create_connection((web.host, web.port), timeout=60) as s:
            s.sendall(head(f"POST {UPLOAD} HTTP/1.1", f"Cookie: {client.headers['Cookie']}", f"X-CSRF-Token: {client.csrf}", f"Content-Type: {FORM['Content-Type']}", "Transfer-Encoding: chunked")
                      + f"{len(begin):x}\r\n".encode() + begin + b"\r\n")
            for _ in range(40):
                s.sendall(piece)
            got = s.recv(65536)
        assert statuses(got) == [507], got
        client("GET", "/backup/api/session/", status=200)
    finally:
        web.close()


def memory(process):
    """Most bytes of memory it ever had."""
    text = open(f"/proc/{process.pid}/status").read()
    return int(text.partition("VmHWM:")[2].split()[0]) << 10


def test_a_gibibyte_takes_no_more_memory_than_a_mebibyte(tmp_path):
    web = Web(tmp_path, lambda env, cwd: Program([BACKSTAY_PLAIN], env, cwd), users={"maria": "admin"}).start()
    try:
        client = web.client().log_in()

        def send(mebibytes):
            begin, end, block = part("database_file", "a.db", b"")[:-2], b"\r\n" + END, bytes(1 << 20)
            length = len(begin) + (mebibytes << 20) + len(end)
            with socket.create_connection((web.host, web.port), timeout=120) as s:
                s.sendall(head(f"POST {UPLOAD} HTTP/1.1", f"Cookie: {client.headers['Cookie']}", f"X-CSRF-Token: {client.csrf}", f"Content-Type: {FORM['Content-Type']}",
                               f"Content-Length: {length}", "Connection: close") + begin)
                for _ in range(mebibytes):
                    s.sendall(block)
                s.sendall(end)
                answer = read_all(s)
            # Nothing is configured that it could go to.
            assert statuses(answer) == [400] and b"where should the file be restored to?" in answer
            return memory(web.process)

        before = send(1)
        assert send(1024) < before + (2 << 20) and not uploads(web)
    finally:
        web.close()
