"""The server as somebody sees it who means no good: other people's routes, forged proofs of who they are, other sites' pages, floods, and words that
want to be more than words. (Requests that are none, and slow ones: test_server.py.)"""
import base64
import concurrent.futures
import hashlib
import hmac
import json
import re
import sqlite3
import time

import pytest
from conftest import ROOT, make_shop, make_web
from waiting import until
from webserver import PASSWORD, head, statuses

API = "/backup/api"
SESSION = f"{API}/session/"
ROLES = ["viewer", "operator", "admin"]


@pytest.fixture(scope="module")
def tokens(web):
    """One for each role: a user's of that role, and one of an admin's that may no more than that."""
    made = {}
    for name, role in (("vera", "viewer"), ("oliver", "operator"), ("maria", "admin")):
        made[role] = [web.token("own", name, role), web.token(f"less-{role}", "maria", role)]
    return made


@pytest.fixture
def fresh(tmp_path):
    """A server of its own."""
    server = make_web(tmp_path, users={"maria": "admin", "vera": "viewer"}, env={"BACKSTAY_TRUSTED_PROXIES": "127.0.0.1"}).start()
    yield server
    server.close()


def catalog(web):
    return sqlite3.connect(web.state / "catalog.db")


def quote(text):
    return "".join(f"%{b:02X}" for b in text.encode())


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def status_of(web, method, path, headers, body=None):
    """Of an answer that may go on for ever."""
    connection = web.connect()
    try:
        connection.request(method, path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


# ---- every route, every role ----

def routes(web):
    """(method, path with nothing real in it, permission) of every route there is."""
    document = web.client()("GET", f"{API}/openapi.json", status=200).json
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if isinstance(operation, dict) and "x-permission" in operation:
                yield method.upper(), re.sub(r"\{[^}]*\}", "7777777", path), operation["x-permission"]


def test_every_route_is_for_whom_the_document_says(web, tokens):
    seen = list(routes(web))
    assert len(seen) > 80 and {p for _, _, p in seen} == {"none", "user", "viewer", "operator", "admin"}
    wrong = []
    for method, path, permission in seen:
        body, headers = (None, {}) if method in ("GET", "DELETE") else ("{}", {"Content-Type": "application/json"})
        got = status_of(web, method, path, headers, body)
        if (got == 401) != (permission != "none") and path not in (SESSION, f"{API}/token/", "/metrics"):
            wrong.append((method, path, "nobody", got))
        for role in ROLES:
            may = permission in ("none", "user") or ROLES.index(role) >= ROLES.index(permission)
            for token in tokens[role]:
                got = status_of(web, method, path, {**headers, **bearer(token)}, body)
                # What is allowed finds nothing, or an empty body: it does no harm.
                refused = got in (401, 403)
                if refused == may and not (permission == "user" and "/account/" in path) and permission != "none":
                    wrong.append((method, path, role, got))
    assert wrong == []


def test_the_page_about_access_names_routes_for_the_roles_they_have(web):
    document = web.client()("GET", f"{API}/openapi.json", status=200).json
    rows = re.findall(r"^\| (nobody|viewer|operator|admin) \|.*$", (ROOT / "docs" / "access.md").read_text(), re.M)
    assert rows == ["nobody", *ROLES]
    for line in (ROOT / "docs" / "access.md").read_text().splitlines():
        if role := re.match(r"\| (nobody|viewer|operator|admin) \|", line):
            for method, path in re.findall(r"`([A-Z]+) (/\S+)`", line):
                assert document["paths"][path][method.lower()]["x-permission"] == role[1].replace("nobody", "none"), (method, path)


def test_who_may_not_do_it_is_told_what_it_takes(viewer, operator):
    detail, hint = viewer.problem(403, "POST", f"{API}/backups/", {})
    assert (detail, hint) == ("vera may not do this: it needs the role operator", "an admin can give another role: backstay user role vera operator")
    detail, _ = operator.problem(403, "POST", f"{API}/restores/", {})
    assert detail == "oliver may not do this: it needs the role admin"


def test_a_token_makes_no_token_that_may_more(web, tokens, viewer):
    less = web.client(bearer(tokens["viewer"][1]))
    assert less.problem(403, "POST", f"{API}/tokens/", {"name": "more", "scope": "admin"})[0] == "a token cannot do more than who makes it: viewer"
    assert viewer("POST", f"{API}/tokens/", {"name": "more", "scope": "viewer", "user": "maria"}).status == 403
    assert viewer("POST", f"{API}/tokens/", {"name": "more", "scope": "admin"}).status == 403


def test_nobody_revokes_or_sees_what_belongs_to_others(web, viewer, admin):
    (theirs,) = [t["id"] for t in admin("GET", f"{API}/tokens/?limit=1000", status=200).json["items"] if t["name"] == "less-admin"]
    assert viewer("DELETE", f"{API}/tokens/{theirs}/").status == 404
    assert {t["user_name"] for t in viewer("GET", f"{API}/tokens/", status=200).json["items"]} <= {"vera"}
    other = admin("GET", f"{API}/sessions/", status=200).json["items"][0]["id"]
    assert viewer("DELETE", f"{API}/sessions/{other}/").status == 404
    assert viewer("GET", f"{API}/sessions/?all=true").status == 403
    admin("GET", SESSION, status=200)


def test_a_role_that_was_taken_away_counts_at_once(web, admin):
    web.program.plain("user", "add", "rita", "--role", "admin", "--no-password")
    rita = web.client(bearer(web.token("own", "rita", "admin")))
    rita("GET", f"{API}/users/", status=200)
    web.program.plain("user", "role", "rita", "viewer")
    rita("GET", f"{API}/users/", status=403)
    rita("GET", f"{API}/jobs/", status=200)
    web.program.plain("user", "disable", "rita")
    rita("GET", f"{API}/jobs/", status=401)
    web.program.plain("user", "remove", "rita")


# ---- proofs of who one is ----

def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwt(key, claims, header=None):
    signed = f"{b64(json.dumps(header or {'alg': 'HS256', 'typ': 'JWT'}).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{signed}.{b64(hmac.new(key, signed.encode(), hashlib.sha256).digest())}"


@pytest.fixture(scope="module")
def real_jwt(web):
    return web.client()("POST", f"{API}/token/", {"name": "maria", "password": PASSWORD}, status=200).json["access"]


def claims_of(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_a_jwt_opens_what_its_user_may(web, real_jwt):
    web.client(bearer(real_jwt))("GET", f"{API}/users/", status=200)


def test_forged_tokens_open_nothing(web, real_jwt):
    header, payload, mac = real_jwt.split(".")
    claims, secret = claims_of(real_jwt), (web.state / "secret.key").read_bytes()
    admin = {**claims, "role": "admin"}
    forged = [
        f"{b64(b'{}')}.{payload}.{mac}", f"{header}.{b64(json.dumps(admin).encode())}.{mac}", f"{header}.{payload}.", f"{header}.{payload}", f"{header}.{payload}.{mac}x",
        f"{b64(json.dumps({'alg': 'none'}).encode())}.{payload}.", f"{b64(json.dumps({'alg': 'None'}).encode())}.{payload}.{mac}",
        jwt(b"", admin), jwt(b"secret", admin), jwt(secret, admin), jwt(secret.hex().encode(), admin), jwt(b"\0" * 32, admin),
        jwt(b"", admin, {"alg": "HS256", "kid": "/dev/null"}), jwt(b"", admin, {"alg": "HS256", "jwk": {"kty": "oct", "k": ""}}),
        "a.b.c", "..", "." * 5000, "bst_", "bst_" + "A" * 43, "bst_" + "A" * 20000, "null", "undefined", "%00", "' OR 1=1 --",
    ]
    for token in forged:
        answer = web.raw(head(f"GET {API}/users/ HTTP/1.1", f"Authorization: Bearer {token}", "Connection: close"))
        assert statuses(answer) == [401] and b"the token is not valid, or not any more" in answer, token
    for other in ("Basic bWFyaWE6Y29ycmVjdA==", "bearer", "Token x", real_jwt):
        assert web.client({"Authorization": other})("GET", f"{API}/users/").status == 401


def test_a_good_cookie_makes_no_bad_token_good(web, admin):
    assert admin("GET", f"{API}/users/", headers=bearer("bst_" + "A" * 43)).status == 401


def test_tokens_that_have_expired_or_were_revoked_open_nothing(web):
    text = web.token("short", "vera", "viewer")
    db = catalog(web)
    db.execute("UPDATE token SET expires = 1 WHERE name = 'short'")
    db.commit()
    db.close()
    assert web.client(bearer(text))("GET", f"{API}/jobs/").status == 401
    web.program.plain("token", "revoke", "short")
    assert web.client(bearer(text))("GET", f"{API}/jobs/").status == 401


def test_a_jwt_ends_with_the_password_it_was_given_for(web):
    web.program.plain("user", "add", "paul", "--role", "viewer", "--new-password-file", web.state.parent / "password")
    paul = web.client(bearer(web.client()("POST", f"{API}/token/", {"name": "paul", "password": PASSWORD}, status=200).json["access"]))
    paul("GET", f"{API}/jobs/", status=200)
    web.program.plain("user", "passwd", "paul", "--new-password-file", web.state.parent / "password")
    paul("GET", f"{API}/jobs/", status=401)
    web.program.plain("user", "remove", "paul")


# ---- sessions ----

@pytest.mark.parametrize("cookie", [
    "backstay_session=", "backstay_session=AAAA", "backstay_session=' OR 1=1", "backstay_session=" + "A" * 8000, "backstay_session=\x80\xff", "backstay_session",
    "BACKSTAY_SESSION=x", "; ; =; backstay_session=%00",
])
def test_a_cookie_that_was_made_up_is_nobodys(web, cookie):
    assert web.client({"Cookie": cookie.encode("latin-1")})("GET", SESSION).status == 401


def test_a_session_is_not_one_that_somebody_else_has_chosen(web):
    """Fixation: what the browser came with before the login is never what it has after it, and ends."""
    attacker = web.client().log_in("vera")
    victim = web.client({"Cookie": attacker.headers["Cookie"]})
    victim.log_in("oliver")
    assert victim.headers["Cookie"] != attacker.headers["Cookie"]
    assert attacker("GET", SESSION).status == 401
    chosen = web.client({"Cookie": "backstay_session=chosen-by-the-attacker"})
    chosen.log_in("oliver")
    assert "chosen" not in chosen.headers["Cookie"]


def test_the_cookie_is_for_no_script_and_no_other_site(web):
    answer = web.client()("POST", SESSION, {"name": "vera", "password": PASSWORD}, status=200)
    assert re.fullmatch(r"backstay_session=[\w-]{43}; Path=/; HttpOnly; SameSite=Strict", answer.headers["Set-Cookie"])
    assert answer.headers["Cache-Control"] == "no-store"


def test_after_logging_out_the_cookie_is_worth_nothing(web):
    vera = web.client().log_in("vera")
    vera("DELETE", SESSION, status=204)
    assert vera("GET", SESSION).status == 401


def test_one_may_not_change_the_account_with_a_token_or_without_the_password(web, tokens):
    token, vera = web.client(bearer(tokens["viewer"][0])), web.client().log_in("vera")
    change = {"password": PASSWORD, "new_password": "another long password"}
    assert token.problem(403, "POST", f"{API}/account/password/", change)[0] == "a token cannot change the account"
    assert token.problem(403, "POST", f"{API}/account/totp/key/", {})[0] == "a token cannot change the account"
    assert vera.problem(403, "POST", f"{API}/account/password/", {**change, "password": "wrong password"})[0] == "the password is wrong"
    assert vera.problem(400, "POST", f"{API}/account/password/", {**change, "new_password": "short"})[0] == "the password is too short: it needs at least 10 characters"
    vera("GET", SESSION, status=200)


def code_of(key):
    mac = hmac.new(base64.b32decode(key), (int(time.time()) // 30).to_bytes(8, "big"), hashlib.sha1).digest()
    at = mac[-1] & 15
    return f"{(int.from_bytes(mac[at:at + 4], 'big') & 0x7fffffff) % 10 ** 6:06d}"


def test_a_new_password_ends_the_other_sessions_and_codes_are_wanted_once_they_are_on(web):
    web.program.plain("user", "add", "tom", "--role", "viewer", "--new-password-file", web.state.parent / "password")
    tom, elsewhere, fresh = web.client().log_in("tom"), web.client().log_in("tom"), "another long password"
    answer = tom("POST", f"{API}/account/password/", {"password": PASSWORD, "new_password": fresh}, status=200)
    assert elsewhere("GET", SESSION).status == 401 and tom("GET", SESSION).status == 401
    tom.headers["Cookie"], tom.csrf = answer.headers["Set-Cookie"].split(";")[0], answer.json["csrf"]
    key = tom("POST", f"{API}/account/totp/key/", {}, status=200).json["key"]
    assert tom.problem(400, "POST", f"{API}/account/totp/", {"password": fresh, "key": "AAAA", "code": "123456"})[0] == 'the field "key" is no key that was made here'
    assert tom.problem(400, "POST", f"{API}/account/totp/", {"password": fresh, "key": key, "code": "12345"})[0] == "the code does not belong to this key"
    assert tom("POST", f"{API}/account/totp/", {"password": fresh, "key": key, "code": code_of(key)}, status=200).json["totp"] is True
    refused = web.client()("POST", SESSION, {"name": "tom", "password": fresh})
    assert refused.status == 401 and refused.json["code_needed"] is True
    assert web.client()("POST", SESSION, {"name": "tom", "password": fresh, "code": "000000"}).json["detail"] == "wrong name, password or one-time code"
    assert tom("POST", f"{API}/account/totp/off/", {"password": fresh}, status=200).json["totp"] is False
    web.client()("POST", SESSION, {"name": "tom", "password": fresh}, status=200)
    web.program.plain("user", "remove", "tom")


# ---- pages of other sites ----

def test_without_the_sessions_csrf_token_nothing_changes(web, admin):
    vera = web.client().log_in("vera")
    note = {"name": "csrf", "scope": "viewer"}
    for token in (None, "", vera.csrf, admin.csrf[:-1], admin.csrf + "0", admin.csrf.upper(), "0" * 64):
        status = admin("POST", f"{API}/tokens/", note, headers={"X-CSRF-Token": token}).status
        assert status == 403, token
    assert "csrf" not in [t["name"] for t in admin("GET", f"{API}/tokens/?limit=1000").json["items"]]


@pytest.mark.parametrize("headers", [
    {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1.evil.example"}, {"Origin": "http://127.0.0.1"}, {"Sec-Fetch-Site": "cross-site"},
    {"Origin": "http://evil.example//127.0.0.1"},
])
def test_a_page_of_another_site_changes_nothing_though_it_knew_the_token(web, admin, headers):
    assert admin("POST", f"{API}/tokens/", {"name": "origin", "scope": "viewer"}, headers=headers).status == 403
    assert web.client()("POST", SESSION, {"name": "vera", "password": PASSWORD}, headers=headers).status == 403


@pytest.mark.parametrize("type_", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_form_that_any_page_can_send_is_no_json(admin, type_):
    answer = admin("POST", f"{API}/tokens/", b'{"name": "form", "scope": "viewer"}', headers={"Content-Type": type_, "X-CSRF-Token": None})
    assert answer.status in (400, 403, 415)


def test_no_other_site_may_read_an_answer(anybody, admin):
    for client, path in ((anybody, "/health"), (admin, f"{API}/users/"), (anybody, "/")):
        headers = client("GET", path, headers={"Origin": "https://evil.example"}).headers
        assert "Access-Control-Allow-Origin" not in headers
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Frame-Options"] == "DENY"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin" and "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]


# ---- floods ----

def try_login(web, name, address, password="wrong password"):
    return web.client()("POST", SESSION, {"name": name, "password": password}, headers={"X-Forwarded-For": address})


def test_a_flood_of_logins_is_throttled_counted_and_leaves_the_rest_alone(fresh):
    token = fresh.token("ci", "maria", "admin")
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda i: try_login(fresh, "maria", f"203.0.113.{i}"), range(60)))
        assert {a.status for a in answers} <= {401, 429, 503} and sum(a.status == 401 for a in answers) <= 8
    db = catalog(fresh)
    assert 1 <= db.execute("SELECT failures FROM attempt WHERE key = 'user:maria'").fetchone()[0] <= 8
    db.execute("UPDATE attempt SET failures = 12, last = ? WHERE key = 'user:maria'", (time.time_ns() // 1000,))
    db.commit()
    db.close()
    late = try_login(fresh, "maria", "198.51.100.7", PASSWORD)
    assert late.status == 429 and 60 < int(late.headers["Retry-After"]) <= 129
    assert late.json["detail"] == f"too many attempts; try again in {late.headers['Retry-After']} seconds"
    try_login(fresh, "vera", "198.51.100.7", PASSWORD)
    fresh.client(bearer(token))("GET", f"{API}/users/", status=200)
    failed = fresh.program("audit", "--action", "login-failed", "--json").json
    assert failed["total"] <= 2 and failed["entries"][-1]["object"] == "maria"


def test_an_address_is_that_of_the_last_proxy_however_it_says_so(fresh):
    """A client's own X-Forwarded-For, in whatever form, neither hides it nor blames others."""
    for lines in (("X-Forwarded-For: 6.6.6.6, 203.0.113.9",), ("X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 203.0.113.9"), ("X-Forwarded-For: 203.0.113.9",)):
        body = json.dumps({"name": "vera", "password": PASSWORD})
        answer = fresh.raw(head(f"POST {SESSION} HTTP/1.1", *lines, "Content-Type: application/json", f"Content-Length: {len(body)}", "Connection: close") + body.encode())
        assert statuses(answer) == [200]
    assert {e["address"] for e in fresh.program("audit", "--action", "login", "--json").json["entries"]} == {"203.0.113.9"}


def test_x_forwarded_for_is_not_believed_unless_said_so(web):
    web.client()("POST", SESSION, {"name": "vera", "password": PASSWORD}, headers={"X-Forwarded-For": "203.0.113.9"}, status=200)
    assert "203.0.113.9" not in {e["address"] for e in web.program("audit", "--action", "login", "--json").json["entries"]}


def test_who_has_not_logged_in_can_send_little(anybody):
    big = json.dumps({"name": "maria", "password": "x" * 20000})
    assert anybody.problem(413, "POST", SESSION, big, headers={"Content-Type": "application/json"})[0] == "the body is larger than 16384 bytes"
    assert anybody("POST", f"{API}/setup/", big, headers={"Content-Type": "application/json"}).status == 413


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"null", b'"x"', b'{"name": 7, "password": "x"}', b'{"name": "maria"}', b'{"name": ["maria"], "password": {}}', b"[" * 5000 + b"]" * 5000,
    b'{"name": "maria", "name": "vera", "password": "x"}', b'{"name": "maria\\u0000", "password": "x"}', b'{"name": "\xff\xfe", "password": "x"}',
    b'{"name": "maria", "password": "x", "role": "admin"}',
])
def test_a_login_that_is_none_is_refused(anybody, body):
    assert anybody("POST", SESSION, body, headers={"Content-Type": "application/json"}).status in (400, 401)


def test_setting_up_is_over_once_there_are_users(web, anybody):
    assert anybody("GET", f"{API}/setup/", status=200).json["needed"] is False
    detail, _ = anybody.problem(404, "POST", f"{API}/setup/", {"link": "A" * 43, "name": "mallory", "password": "correct horse"})
    assert detail == "the link is not valid any more"
    assert anybody("POST", f"{API}/users/", {"name": "mallory", "role": "admin"}).status == 401


# ---- files that are sent ----

UPLOAD = f"{API}/restores/upload_and_restore/"


def form(*parts, boundary="edge"):
    """multipart/form-data of (name, file name or None, content)."""
    body = b""
    for name, file, content in parts:
        more = f'; filename="{file}"' if file is not None else ""
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def left_behind(web):
    return sorted(p.name for p in (web.state / "uploads").glob("*"))


def test_a_file_from_who_may_not_send_it_is_not_taken(web, viewer, admin):
    body, headers = form(("database_file", "x.sql", b"SELECT 1;"))
    assert viewer("POST", UPLOAD, body, headers=headers).status == 403
    assert web.client()("POST", UPLOAD, body, headers=headers).status == 401
    assert admin("POST", UPLOAD, body, headers={**headers, "X-CSRF-Token": None}).status == 403
    late, headers = form(("database_file", "x.sql", b"SELECT 1;"), ("csrf_token", None, admin.csrf.encode()))
    assert admin("POST", UPLOAD, late, headers={**headers, "X-CSRF-Token": None}).status == 403
    assert left_behind(web) == []


@pytest.mark.parametrize("name", ["../../../owned", "/etc/owned", "..\\..\\owned", "a\x00b", ".", "..", "", "x" * 300, "a/../../owned", "-rf", "owned\r\nX: y"])
def test_a_files_name_leads_nowhere(web, admin, name):
    body, headers = form(("database_file", name, b"this is no database"), ("target", None, f"sqlite:{web.home}/new.db".encode()))
    answer = admin("POST", UPLOAD, body, headers=headers)
    assert answer.status < 500
    if answer.status == 202:
        for job in answer.json.get("items", answer.json.get("jobs", [])):
            row = lambda: admin("GET", f"{API}/jobs/{job['id']}/", status=200).json
            assert until(lambda: (found := row()["state"]) not in ("queued", "running") and found, "the end of the job") == "failed"
    assert not (web.home / "new.db").exists() and list(web.state.parent.rglob("*owned*")) == []


def test_a_file_that_is_too_large_leaves_nothing(fresh):
    small = fresh.program("config", "set", "upload_max", "1000")
    assert small.status == 0
    maria = fresh.client().log_in("maria")
    body, headers = form(("database_file", "x.sql", b"-" * 5000))
    assert maria("POST", UPLOAD, body, headers=headers).status == 413
    chunked = fresh.raw(head(f"POST {UPLOAD} HTTP/1.1", f"Cookie: {maria.headers['Cookie']}", f"X-CSRF-Token: {maria.csrf}", f"Content-Type: {headers['Content-Type']}",
                             "Transfer-Encoding: chunked") + f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n")
    assert statuses(chunked) == [413]
    assert left_behind(fresh) == []


# ---- words that want to be more ----

def test_no_text_from_outside_makes_a_line_of_the_log_or_the_trail(web, admin):
    """Log injection: line ends, escape sequences, wrong UTF-8 in everything that is written down."""
    evil = "x\n2026-01-01 00:00:00 error web: everything is deleted\r\n\x1b[2J\u2028\u202e"
    web.client()("POST", SESSION, {"name": evil, "password": "wrong password"})
    web.client({"User-Agent": "Moz\x1b[31milla"})("POST", SESSION, {"name": "vera", "password": PASSWORD})
    for path in (f"{API}/jobs/%0a%1b%5b2J/", f"{API}/backups/x%0d%0aSet-Cookie:%20a=b/", f"/%0a<script>"):
        answer = web.raw(head(f"GET {path} HTTP/1.1", f"Cookie: {admin.headers['Cookie']}", "Connection: close"))
        assert b"\r\nSet-Cookie" not in answer and b"<script>" not in answer
    admin("POST", f"{API}/sources/", {"name": "evil", "url": "sqlite:/nowhere/a\nb\x1b[2J.db"})
    for line in web.log.splitlines():
        assert re.match(r"(<\d>|\d{4}-\d\d-\d\d[ T]|\{)", line), line
    assert "everything is deleted" not in web.log or "\\n" in web.log
    assert "\x1b" not in web.log and "\x1b" not in web.program("audit").out


@pytest.mark.parametrize("name, value", [("name", "a\r\nSet-Cookie: x=y"), ("q", "\x7f"), ("offset", "-1"), ("limit", "99999999999999999999"), ("limit", "1e3"), ("state", "'; DROP TABLE job; --")])
def test_a_query_is_only_a_query(admin, name, value):
    answer = admin("GET", f"{API}/jobs/?{name}={quote(value)}")
    assert answer.status in (200, 400) and answer.headers["Set-Cookie"] is None
    admin("GET", f"{API}/jobs/", status=200)


WORDS = ["--repo=/etc", "--help", "--", "../../etc/passwd", "command:id", "latest;id", "%n%s", "a" * 3000]


@pytest.fixture(scope="module")
def shop(web, admin):
    """A source with a backup; its id."""
    make_shop(web.home / "shop.db", 5)
    web.program.plain("init")
    web.program.plain("source", "add", "shop", web.home / "shop.db")
    web.program.plain("backup", "shop")
    return admin("GET", f"{API}/backups/", status=200).json["items"][0]["id"]


@pytest.mark.parametrize("word", WORDS, ids=lambda w: w[:20])
def test_a_word_never_becomes_an_option_a_path_or_a_command(web, admin, operator, shop, word):
    """Everything that ends in the arguments of our own program, with words that would be something else there."""
    quoted = quote(word)
    for path in (f"backups/{quoted}/", f"backups/{quoted}/tables/", f"backups/{quoted}/download/?format=archive", f"backups/{shop}/tables/{quoted}/rows/",
                 f"backups/{shop}/compare/?with={quoted}", f"backups/{shop}/tables/orders/rows/?source={quoted}", f"jobs/{quoted}/", f"sources/{quoted}/", f"users/{quoted}/"):
        answer = operator("GET", f"{API}/{path}") if "users" not in path else admin("GET", f"{API}/{path}")
        assert 400 <= answer.status < 500, (path, answer)
    for path, body in ((f"backups/", {"sources": [word]}), (f"backups/", {"sources": ["shop"], "repository": word}), (f"backups/{shop}/query/", {"sql": "SELECT 1", "source": word}),
                       (f"sources/{quoted}/optimize/", {}), (f"jobs/{quoted}/cancel/", {})):
        answer = operator("POST", f"{API}/{path}", body)
        assert 400 <= answer.status < 500, (path, body, answer)
    listed = operator("GET", f"{API}/backups/{shop}/files/?path={quoted}")
    assert listed.status in (200, 400, 404, 422) and b"root:" not in listed.body


def test_sql_reads_the_backup_and_reaches_nothing_else(web, operator, shop):
    ask = lambda sql: operator("POST", f"{API}/backups/{shop}/query/", {"sql": sql})
    assert ask("SELECT count(*) FROM orders").json["rows"] == [[5]]
    for sql in ("DELETE FROM orders", "DROP TABLE orders", f"ATTACH '{web.state}/catalog.db' AS c", "SELECT load_extension('/tmp/x')", "SELECT readfile('/etc/passwd')",
                f"VACUUM INTO '{web.home}/owned.db'", "PRAGMA writable_schema = 1; DELETE FROM sqlite_schema", "SELECT 1; DELETE FROM orders", "CREATE TEMP TABLE t(x)"):
        assert ask(sql).status in (400, 403, 422), sql
    assert ask("SELECT count(*) FROM orders").json["rows"] == [[5]]
    assert not (web.home / "owned.db").exists()


def test_a_download_is_a_file_and_never_a_page(web, operator, shop):
    answer = operator("GET", f"{API}/backups/{shop}/download/?format=archive", status=200)
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=") and answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff" and answer.body.startswith(b"SQLite format 3\0")


def test_it_still_stands(web):
    web.client()("GET", "/health", status=200)
    assert web.process.poll() is None
