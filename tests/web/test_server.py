"""The server itself: what it listens on, what it refuses, what every answer carries."""
import gzip
import os
import socket
import stat
import time

import pytest
from conftest import make_web
from webserver import head, read_all, statuses

SESSION = "/backup/api/session/"


# ---- requests that leave a doubt where their body ends ----

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.mark.parametrize("lines, detail", [
    (("Content-Length: 0", "Content-Length: 44"), b"the header Content-Length came more than once"),
    (("Content-Length: 44", "Transfer-Encoding: chunked"), b"the request has both a Content-Length and a Transfer-Encoding"),
    (("Content-Length : 44",), b"a header of the request has a name that is none"),
    (("Transfer-Encoding: xchunked",), b"the Transfer-Encoding is not"),
    (("Transfer-Encoding: chunked, identity",), b"the Transfer-Encoding is not"),
    (("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), b"the header Transfer-Encoding came more than once"),
    (("Transfer-Encoding:\r\n chunked",), b"a header of the request is folded or padded"),
    (("X-Folded: a\r\n b", "Content-Length: 0"), b"a header of the request is folded or padded"),
    (("X-Zero: a\0b", "Content-Length: 0"), b"a header of the request is folded or padded"),
    (("X-Return: a\rTransfer-Encoding: chunked", "Content-Length: 0"), b"the header X-Return has a control character in it"),
    (("Host: 127.0.0.1", "Host: evil.example"), b"the header Host came more than once"),
    ((" X: y", "Content-Length: 0"), b"a header of the request has a name that is none"),
], ids=lambda value: repr(value)[:60])
def test_a_request_with_two_readings_is_refused_and_what_follows_is_not_read(web, lines, detail):
    answer = web.raw(head(f"POST {SESSION} HTTP/1.1", *lines) + SMUGGLED)
    assert statuses(answer) == [400] and detail in answer and b"smuggled" not in answer


@pytest.mark.parametrize("request_, status", [
    (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
    (b"GET /x y HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET /x HTTP/1.1\nHost: a\nConnection: close\n\n", 421),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", None),
    (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nbroken\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 413),
    (b"POST /backup/api/session/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    (b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 414),
    (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 40000 + b"\r\n\r\n", 431),
    (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: y\r\n" * 150 + b"\r\n", 400),
], ids=lambda value: None if isinstance(value, int) else repr(value)[:60])
def test_what_is_no_request_ends_the_connection(web, request_, status):
    answer = web.raw(request_)
    # The library says what it refuses itself twice; a client hears it once.
    assert statuses(answer)[:1] == ([] if status is None else [status]), answer


@pytest.mark.parametrize("path, status", [
    ("/../../etc/passwd", 400), ("/ui/../../../etc/passwd", 400), ("/ui/%2e%2e/%2e%2e/etc/passwd", 400), ("/ui//app.js", 400),
    ("/ui/..%2f..%2fetc%2fpasswd", 404), ("/%00", 400), ("/%zz", 400), ("/ui/app.js%00.html", 400), ("*", 400), ("/a#b", 400), ("/" + "a/" * 40, 413),
], ids=lambda value: repr(value)[:60])
def test_no_path_leads_out(web, path, status):
    answer = web.raw(head(f"GET {path} HTTP/1.1", "Connection: close"))
    assert statuses(answer) == [status] and b"root:" not in answer


def test_the_server_lives_after_all_that(web, anybody):
    anybody("GET", "/", status=200)


# ---- whom it is for ----

@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "[::1].evil.example", "127.0.0.1@evil.example"])
def test_a_page_of_another_name_gets_nothing_even_when_its_name_leads_here(anybody, host):
    detail, hint = anybody.problem(421, "GET", "/", headers={"Host": host})
    assert detail == f'this server is not "{host}"'
    assert hint == f"if it is, say so: backstay config set public_url https://{host}/"


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost", "[::1]:8484", "10.1.2.3", socket.gethostname()])
def test_addresses_and_this_machine_are_asked_for_rightly(anybody, host):
    anybody("GET", "/", headers={"Host": host}, status=200)


def test_a_whole_url_as_target_names_the_host(web):
    assert statuses(web.raw(head("GET http://evil.example/ HTTP/1.1", "Connection: close"))) == [421]
    assert statuses(web.raw(head("GET http://localhost/ HTTP/1.1", "Connection: close"))) == [200]


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://127.0.0.1:1"}])
def test_a_form_on_another_site_cannot_even_log_in(anybody, headers):
    detail, _ = anybody.problem(403, "POST", SESSION, {"name": "maria", "password": "x"}, headers=headers)
    assert detail == f"the request comes from a page of another site, {headers.get('Origin', 'unknown')}"


# ---- routes ----

def test_a_path_that_is_not_there_is_told(anybody):
    assert anybody.problem(404, "GET", "/backup/api/nothing/") == ("there is nothing at /backup/api/nothing", None)


def test_a_method_that_a_path_has_not_is_told_with_those_it_has(anybody):
    answer = anybody("PUT", SESSION, status=405)
    assert answer.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS, POST"
    assert answer.json["detail"] == "PUT cannot be done with /backup/api/session; what can: DELETE, GET, HEAD, OPTIONS, POST"
    assert anybody("BREW", SESSION, status=405).headers["Allow"] == answer.headers["Allow"]


def test_options_are_told_to_anybody(anybody):
    answer = anybody("OPTIONS", SESSION, status=204)
    assert answer.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS, POST" and answer.body == b""
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_last_slash_makes_no_difference(anybody):
    assert anybody("GET", "/backup/api/setup").body == anybody("GET", "/backup/api/setup/", status=200).body


def test_head_is_get_without_its_body(anybody):
    get, head_ = anybody("GET", "/ui/app.js", status=200), anybody("HEAD", "/ui/app.js", status=200)
    assert head_.body == b"" and head_.headers["Content-Length"] == str(len(get.body)) and head_.headers["ETag"] == get.headers["ETag"]


# ---- bodies ----

@pytest.mark.parametrize("type_, body, status, detail", [
    ("application/json", b"{", 400, "the body is invalid JSON at byte 1: unexpected end"),
    ("application/json", b"[]", 400, "the body is no JSON object"),
    ("application/json", b'{"a":' + b"[" * 100, 400, "the body is invalid JSON at byte 68: nested too deeply"),
    ("text/plain", b"{}", 415, "a body of the type text/plain is not taken here; send application/json"),
    (None, b"{}", 415, "a body of the type (none) is not taken here; send application/json"),
    ("application/x-www-form-urlencoded", b"name=%zz", 400, "a name or value of the query or form is not encoded properly"),
    ("multipart/form-data", b"x", 400, "the form has no proper boundary"),
    ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="name"; filename="a"\r\n\r\n\r\n--x--', 415, "no file is taken here"),
    ("application/json", b'{"name": "maria"}', 400, 'the field "password" is missing'),
    ("application/json", b'{"name": "maria", "password": "x", "colour": "red"}', 400, 'there is no field "colour" here'),
    ("application/json", b'{"name": 7, "password": "x"}', 400, 'the field "name" must be a text'),
], ids=lambda value: repr(value)[:60])
def test_a_body_that_is_not_what_is_wanted_is_told(anybody, type_, body, status, detail):
    answer = anybody("POST", SESSION, body, headers={"Content-Type": type_}, status=status)
    assert answer.json["detail"] == detail
    anybody("GET", "/backup/api/setup/", status=200)


def test_a_problem_names_its_field(anybody):
    assert anybody("POST", SESSION, {"name": "maria"}, status=400).json["field"] == "password"


def test_a_body_that_is_too_large_is_refused_before_and_while_it_comes(web, anybody):
    lines = (f"POST {SESSION} HTTP/1.1", "Content-Type: application/json")
    announced = web.raw(head(*lines, f"Content-Length: {3 << 20}") + b" " * (3 << 20))
    chunked = web.raw(head(*lines, "Transfer-Encoding: chunked") + (b"10000\r\n" + b" " * 65536 + b"\r\n") * 40 + b"0\r\n\r\n")
    for answer in (announced, chunked):
        assert statuses(answer) == [413] and b"the body is larger than 16384 bytes" in answer and b"Connection: close" in answer


def test_who_waits_for_a_go_ahead_is_refused_without_one(web):
    answer = web.raw(head(f"POST {SESSION} HTTP/1.1", "Content-Type: text/plain", "Expect: 100-continue", f"Content-Length: {3 << 20}"))
    assert statuses(answer) == [415]


def test_who_may_go_ahead_is_told_so(web):
    body = b'{"name": "nobody", "password": "x"}'
    with socket.create_connection((web.host, web.port), timeout=30) as s:
        s.sendall(head(f"POST {SESSION} HTTP/1.1", "Content-Type: application/json", "Expect: 100-continue", f"Content-Length: {len(body)}", "Connection: close"))
        assert s.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        s.sendall(body)
        assert statuses(read_all(s)) == [401]


def test_a_chunked_body_is_taken(web):
    answer = web.raw(head(f"POST {SESSION} HTTP/1.1", "Content-Type: application/json", "Transfer-Encoding: chunked", "Connection: close")
                     + b'8\r\n{"name":\r\n1b;x=y\r\n "nobody","password":"xyz"}\r\n0\r\nTrailer: x\r\n\r\n')
    assert statuses(answer) == [401], answer


def test_requests_behind_each_other_are_answered_in_their_order(web):
    one = head("GET /backup/api/setup/ HTTP/1.1")
    answer = web.raw(one + head("GET /nothing HTTP/1.1") + one + head("GET / HTTP/1.0", "Connection: close"))
    assert statuses(answer) == [200, 404, 200, 200]


# ---- clients that take their time ----

@pytest.fixture(scope="module")
def impatient(tmp_path_factory):
    server = make_web(tmp_path_factory.mktemp("impatient"), env={"BACKSTAY_WEB_PATIENCE": "1"}, users={}).start()
    yield server
    server.close()


def trickle(server, first, more):
    """Send a byte now and then until the connection is gone; how long that took, and what came back."""
    began, got = time.monotonic(), b""
    with socket.create_connection((server.host, server.port), timeout=0.2) as s:
        s.sendall(first)
        while time.monotonic() - began < 20:
            try:
                part = s.recv(4096)
                got += part
                if not part:
                    return time.monotonic() - began, got
            except TimeoutError:
                try:
                    s.sendall(more)
                except OSError:
                    return time.monotonic() - began, got
            except ConnectionResetError:
                return time.monotonic() - began, got
    raise AssertionError("the connection was left open")


def test_a_head_that_comes_byte_by_byte_is_not_waited_for(impatient):
    took, got = trickle(impatient, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", b"X: y\r\n")
    assert 1 <= took < 10 and got == b""


def test_a_body_that_comes_byte_by_byte_is_not_waited_for(impatient):
    took, got = trickle(impatient, head(f"POST {SESSION} HTTP/1.1", "Content-Type: application/json", "Content-Length: 1000"), b" ")
    assert 1 <= took < 10 and got == b""


def test_a_connection_that_says_nothing_is_closed(impatient):
    with socket.create_connection((impatient.host, impatient.port), timeout=20) as s:
        assert s.recv(1) == b""


def test_others_are_served_meanwhile(impatient):
    slow = [socket.create_connection((impatient.host, impatient.port)) for _ in range(50)]
    for s in slow:
        s.sendall(b"GET / HTTP/1.1\r\n")
    impatient.client()("GET", "/", status=200)
    for s in slow:
        s.close()


# ---- what every answer carries ----

GUARDS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
                               "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
}


@pytest.mark.parametrize("method, path, status, cache", [
    ("GET", "/", 200, "no-cache"), ("GET", "/ui/app.js", 200, "no-cache"), ("GET", "/backup/api/setup/", 200, "no-store"), ("GET", SESSION, 401, "no-store"),
    ("GET", "/nothing", 404, "no-store"), ("PUT", SESSION, 405, "no-store"), ("OPTIONS", SESSION, 204, "no-store"), ("POST", SESSION, 400, "no-store"),
])
def test_every_answer_tells_the_browser_to_be_careful(anybody, method, path, status, cache):
    answer = anybody(method, path, status=status)
    assert {name: answer.headers[name] for name in GUARDS} == GUARDS
    assert answer.headers["Cache-Control"] == cache and "Server" not in answer.headers and len(answer.headers.get_all("Cache-Control")) == 1


# ---- the page ----

def test_the_page_and_what_it_needs_have_their_types(anybody):
    for path, type_ in {"/": "text/html; charset=utf-8", "/backup/": "text/html; charset=utf-8", "/ui/app.js": "text/javascript; charset=utf-8",
                        "/ui/style.css": "text/css; charset=utf-8", "/ui/icon.svg": "image/svg+xml", "/ui/lib/api.js": "text/javascript; charset=utf-8"}.items():
        assert anybody("GET", path, status=200).headers["Content-Type"] == type_
    assert anybody.problem(404, "GET", "/ui/nothing.js") == ("there is nothing at /ui/nothing.js", None)


def test_the_page_comes_packed_to_who_takes_it(anybody):
    plain, packed = anybody("GET", "/ui/app.js"), anybody("GET", "/ui/app.js", headers={"Accept-Encoding": "gzip, br"}, status=200)
    assert "Content-Encoding" not in plain.headers and packed.headers["Content-Encoding"] == "gzip" and packed.headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(packed.body) == plain.body and len(packed.body) < len(plain.body) / 2
    assert packed.headers["ETag"] != plain.headers["ETag"]


def test_what_a_browser_has_already_is_not_sent_again(anybody):
    tag = anybody("GET", "/ui/app.js").headers["ETag"]
    same = anybody("GET", "/ui/app.js", headers={"If-None-Match": f'"other", {tag}'}, status=304)
    assert same.body == b"" and same.headers["ETag"] == tag
    anybody("GET", "/ui/app.js", headers={"If-None-Match": '"other"'}, status=200)


# ---- where it listens ----

def test_a_port_that_is_taken_is_told(web, tmp_path):
    env = {"BACKSTAY_HOME": str(tmp_path / "other")}
    failed = web.program.fails(6, "serve", "--listen", f"127.0.0.1:{web.port}", env=env)
    assert f"another program listens on 127.0.0.1:{web.port} already" in failed.err


@pytest.mark.parametrize("where", ["", "8484", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "[::1:8484", "unix:relative"])
def test_an_address_that_is_none_is_told(web, tmp_path, where):
    env = {"BACKSTAY_HOME": str(tmp_path / "other")}
    failed = web.program.fails(2, "serve", "--listen", where, env=env)
    assert "address to listen on" in failed.err or "must begin with a slash" in failed.err


def test_a_socket_of_this_machine_is_private_and_goes_at_the_end(tmp_path):
    server, path = make_web(tmp_path, users={}), tmp_path / "socket"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    try:
        server.start(f"unix:{path}")
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(path))
            s.sendall(head("GET / HTTP/1.1", "Connection: close"))
            assert statuses(read_all(s)) == [200]
        server.stop()
        assert not path.exists()
    finally:
        server.close()


def test_a_file_in_the_place_of_the_socket_stays(web, tmp_path):
    path = tmp_path / "precious"
    path.write_text("precious")
    failed = web.program.fails(6, "serve", "--listen", f"unix:{path}", env={"BACKSTAY_HOME": str(tmp_path / "other")})
    assert f"{path} is there already, and no socket" in failed.err and path.read_text() == "precious"


def test_ipv6_is_listened_on(tmp_path):
    server = make_web(tmp_path, users={})
    try:
        server.start("[::1]:0")
        server.client()("GET", "/", status=200)
    finally:
        server.close()
