"""Who is there: logging in, cookies, CSRF tokens, API tokens and JWTs, the first admin; and who may what."""
import base64
import hashlib
import json
import sqlite3
import urllib.parse

import pytest
from conftest import make_web
from webserver import PASSWORD

SESSION, SESSIONS, TOKEN, SETUP = (f"/backup/api/{name}/" for name in ("session", "sessions", "token", "setup"))
NOBODY = ("nobody is logged in", "log in: POST /backup/api/session/")
NO_CSRF = ("the request has no CSRF token", "send the session's token in the header X-CSRF-Token, or as the form's first field csrf_token")
NOT_VALID = ("the token is not valid, or not any more", "get another one: POST /backup/api/token/, or backstay token add")


def change(web, sql, *values):
    with sqlite3.connect(web.state / "catalog.db", timeout=30) as db:
        db.execute(sql, values)


# ---- nobody ----

@pytest.mark.parametrize("cookie", [None, "backstay_session=", "backstay_session=x", "backstay_session=" + "A" * 43, "other=x", "backstay_session=../../etc", "backstay_session='; DROP TABLE session--"])
def test_without_a_session_there_is_nobody(web, cookie):
    client = web.client({"Cookie": cookie} if cookie else {})
    assert client.problem(401, "GET", SESSION) == NOBODY
    assert client("GET", SESSION).headers["WWW-Authenticate"] == 'Bearer realm="backstay"'


def test_a_cookie_that_somebody_else_put_beside_the_real_one_spoils_both(web, admin):
    mine = admin.headers["Cookie"]
    assert web.client({"Cookie": f"{mine}; backstay_session=planted"}).problem(401, "GET", SESSION) == NOBODY


# ---- logging in and out ----

@pytest.mark.parametrize("name, password", [("maria", "wrong"), ("nobody", PASSWORD), ("", ""), ("maria", ""), ("MARIA' OR 1=1--", PASSWORD)])
def test_a_wrong_name_and_a_wrong_password_are_told_alike(web, name, password):
    answer = web.client()("POST", SESSION, {"name": name, "password": password}, status=401)
    assert answer.json["detail"] == "wrong name or password" and "Set-Cookie" not in answer.headers


def test_a_login_begins_a_session_that_only_the_browser_sees(web):
    answer = web.client()("POST", SESSION, {"name": "vera", "password": PASSWORD}, status=200)
    cookie, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert attributes == ["Path=/", "HttpOnly", "SameSite=Strict"] and len(cookie.removeprefix("backstay_session=")) == 43
    assert answer.json["user"] == "vera" and answer.json["role"] == "viewer" and len(answer.json["csrf"]) == 64


def test_a_form_can_log_in_too(web):
    body = urllib.parse.urlencode({"name": "vera", "password": PASSWORD})
    web.client()("POST", SESSION, body, {"Content-Type": "application/x-www-form-urlencoded"}, status=200)


def test_only_hashes_of_sessions_are_kept(web, admin):
    text = admin.headers["Cookie"].removeprefix("backstay_session=")
    with sqlite3.connect(web.state / "catalog.db") as db:
        kept = [row[0] for row in db.execute("SELECT hash FROM session")]
    assert hashlib.sha256(text.encode()).digest() in kept
    assert text.encode() not in (web.state / "catalog.db").read_bytes() + (web.state / "catalog.db-wal").read_bytes()


def test_each_login_begins_another_session_and_ends_the_one_the_browser_came_with(web):
    client = web.client().log_in("vera")
    first = client.headers["Cookie"]
    client.log_in("vera")
    assert client.headers["Cookie"] != first
    assert web.client({"Cookie": first}).problem(401, "GET", SESSION) == NOBODY
    client("GET", SESSION, status=200)


def test_a_session_that_somebody_chose_is_not_taken_over(web):
    planted = "backstay_session=" + "A" * 43
    answer = web.client({"Cookie": planted})("POST", SESSION, {"name": "vera", "password": PASSWORD}, status=200)
    assert not answer.headers["Set-Cookie"].startswith(planted)
    assert web.client({"Cookie": planted}).problem(401, "GET", SESSION) == NOBODY


def test_logging_out_ends_the_session_for_whoever_has_its_cookie(web):
    client = web.client().log_in("vera")
    answer = client("DELETE", SESSION, status=204)
    assert answer.headers["Set-Cookie"] == "backstay_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"
    assert client.problem(401, "GET", SESSION) == NOBODY


def test_a_session_ends_by_itself(web):
    client = web.client().log_in("vera")
    expires = client("GET", SESSION, status=200).json["expires"]
    change(web, "UPDATE session SET expires = 1 WHERE hash = ?", hashlib.sha256(client.headers["Cookie"].removeprefix("backstay_session=").encode()).digest())
    assert expires.endswith("Z") and client.problem(401, "GET", SESSION) == NOBODY


def test_the_sessions_of_a_user_who_is_disabled_end(web):
    web.program.plain("user", "add", "walter", "--role", "viewer", "--new-password-file", web.home.parent / "password")
    client = web.client().log_in("walter")
    web.program.plain("user", "disable", "walter")
    assert client.problem(401, "GET", SESSION) == NOBODY


def test_a_flood_of_logins_is_slowed_down(tmp_path):
    web = make_web(tmp_path, users={"vera": "viewer"}).start()
    try:
        client = web.client()
        answers = [client("POST", SESSION, {"name": "vera", "password": "wrong"}) for _ in range(8)]
        assert [a.status for a in answers[:5]] == [401] * 5 and answers[-1].status == 429
        assert answers[-1].json["detail"].startswith("too many attempts; try again in ") and 1 <= int(answers[-1].headers["Retry-After"]) <= 900
        assert client("POST", SESSION, {"name": "vera", "password": PASSWORD}).status == 429
    finally:
        web.close()


# ---- sessions of one's own, and of others ----

def test_one_sees_and_ends_only_sessions_of_ones_own(web, admin):
    one, other = web.client().log_in("oliver"), web.client().log_in("oliver")
    listed = one("GET", SESSIONS, status=200).json
    assert {s["user_name"] for s in listed["items"]} == {"oliver"} and listed["total"] == len(listed["items"])
    theirs = next(s["id"] for s in admin("GET", SESSIONS, status=200).json["items"])
    assert one.problem(404, "DELETE", f"{SESSIONS}{theirs}/") == ("there is no such session", None)
    one("DELETE", f"{SESSIONS}{listed['items'][0]['id']}/", status=204)
    assert one.problem(403, "GET", f"{SESSIONS}?all=true")[0] == "oliver may not do this: it needs the role admin"
    assert other.problem(401, "GET", SESSION) == NOBODY


def test_an_admin_sees_all_sessions_and_ends_any(web, admin):
    client = web.client().log_in("vera")
    everybody = admin("GET", f"{SESSIONS}?all=true", status=200).json["items"]
    assert {"maria", "vera"} <= {s["user_name"] for s in everybody}
    mine = max(s["id"] for s in everybody if s["user_name"] == "vera")
    admin("DELETE", f"{SESSIONS}{mine}/", status=204)
    assert client.problem(401, "GET", SESSION) == NOBODY


def test_all_sessions_but_this_one_end_at_once(web):
    clients = [web.client().log_in("oliver") for _ in range(3)]
    clients[1]("DELETE", SESSIONS, status=204)
    assert [c("GET", SESSION).status for c in clients] == [401, 200, 401]


# ---- CSRF ----

@pytest.mark.parametrize("token", [None, "", "0" * 64, "short"])
def test_a_change_without_the_sessions_token_is_refused(admin, token):
    assert admin.problem(403, "DELETE", SESSION, headers={"X-CSRF-Token": token}) == NO_CSRF
    admin("GET", SESSION, status=200)


def test_the_token_of_another_session_does_not_count(web, admin, viewer):
    assert viewer.problem(403, "DELETE", SESSION, headers={"X-CSRF-Token": admin.csrf}) == NO_CSRF


def test_a_form_may_have_the_token_as_a_field(web):
    client = web.client().log_in("vera")
    form = {"Content-Type": "application/x-www-form-urlencoded", "X-CSRF-Token": None}
    detail, _ = client.problem(403, "DELETE", SESSION, "csrf_token=" + "0" * 64, headers=form)
    assert detail == "the CSRF token is not that of this session"
    client("DELETE", SESSION, f"csrf_token={client.csrf}", headers=form, status=204)


def test_a_program_with_a_token_needs_none(web):
    bearer = {"Authorization": f"Bearer {web.token('csrf', 'vera', 'viewer')}"}
    detail, _ = web.client(bearer).problem(400, "DELETE", SESSION)
    assert detail == "a token is no session: revoke it instead"


# ---- tokens ----

def jwt(web, name="maria"):
    return web.client()("POST", TOKEN, {"name": name, "password": PASSWORD}, status=200).json


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_jwt_is_as_good_as_a_session(web):
    got = jwt(web, "oliver")
    me = web.client({"Authorization": f"Bearer {got['access']}"})("GET", SESSION, status=200).json
    assert (me["user"], me["role"], me["csrf"]) == ("oliver", "operator", None) and got["expires"].endswith("Z")


def test_a_jwt_that_was_changed_or_signed_otherwise_is_refused(web):
    header, claims, signature = jwt(web, "vera")["access"].split(".")
    claim = json.loads(base64.urlsafe_b64decode(claims + "=="))
    forged = [
        f"{part({'alg': 'none', 'typ': 'JWT'})}.{claims}.", f"{part({'alg': 'none'})}.{claims}.{signature}", f"{header}.{part({**claim, 'role': 'admin'})}.{signature}",
        f"{header}.{part({**claim, 'sub': '1'})}.{signature}", f"{header}.{claims}.{signature[:-2]}AA", f"{header}.{claims}.", f"{header}.{claims}", "..", "a.b.c", "." * 5000,
        f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{claims}.{signature}",
    ]
    for token in forged:
        assert web.client({"Authorization": f"Bearer {token}"}).problem(401, "GET", SESSION) == NOT_VALID, token


def test_a_jwt_ends_with_the_password_it_was_made_for(web):
    web.program.plain("user", "add", "xaver", "--role", "viewer", "--new-password-file", web.home.parent / "password")
    client = web.client({"Authorization": f"Bearer {jwt(web, 'xaver')['access']}"})
    client("GET", SESSION, status=200)
    web.program.plain("user", "passwd", "xaver", "--new-password-file", web.home.parent / "password")
    assert client.problem(401, "GET", SESSION) == NOT_VALID


def test_an_api_token_may_no_more_than_its_scope(web):
    me = web.client({"Authorization": f"Bearer {web.token('ci', 'maria', 'viewer')}"})("GET", SESSION, status=200).json
    assert (me["user"], me["role"]) == ("maria", "viewer")


def test_an_api_token_that_was_revoked_or_never_was_is_refused(web):
    text = web.token("gone", "vera", "viewer")
    client = web.client({"Authorization": f"Bearer {text}"})
    client("GET", SESSION, status=200)
    web.program.plain("token", "revoke", "gone", "--user", "vera")
    assert client.problem(401, "GET", SESSION) == NOT_VALID
    for other in ("bst_" + "A" * 43, "x", ""):
        assert web.client({"Authorization": f"Bearer {other}"}).problem(401, "GET", SESSION) == NOT_VALID


def test_a_wrong_token_is_not_made_good_by_a_cookie(web, admin):
    assert web.client({"Authorization": "Bearer x", "Cookie": admin.headers["Cookie"]}).problem(401, "GET", SESSION) == NOT_VALID
    detail, _ = web.client({"Authorization": "Basic bWFyaWE6eA=="}).problem(401, "GET", SESSION)
    assert detail == 'the Authorization is not "Bearer" and a token'


def test_a_wrong_password_gives_no_jwt(web):
    assert web.client()("POST", TOKEN, {"name": "vera", "password": "wrong"}, status=401).json["detail"] == "wrong name or password"


# ---- behind a proxy, and with a name ----

@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    server = make_web(tmp_path_factory.mktemp("proxied"), users={"vera": "viewer"},
                      env={"BACKSTAY_PUBLIC_URL": "https://backup.example.org/", "BACKSTAY_TRUSTED_PROXIES": "127.0.0.1"}).start()
    yield server
    server.close()


def test_with_a_public_name_the_cookie_is_for_https_only(proxied):
    headers = {"Host": "backup.example.org", "Origin": "https://backup.example.org"}
    answer = proxied.client(headers)("POST", SESSION, {"name": "vera", "password": PASSWORD}, status=200)
    assert answer.headers["Set-Cookie"].endswith("; Path=/; HttpOnly; SameSite=Strict; Secure")


def test_a_trusted_proxy_says_whose_request_it_is(proxied):
    client = proxied.client({"Host": "backup.example.org", "X-Forwarded-For": "203.0.113.9, 198.51.100.7"}).log_in("vera")
    newest = max(client("GET", SESSIONS, status=200).json["items"], key=lambda s: s["id"])
    assert newest["address"] == "198.51.100.7"


def test_nobody_else_does(web):
    client = web.client({"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"})
    answer = client("POST", SESSION, {"name": "vera", "password": PASSWORD}, status=200)
    assert "Secure" not in answer.headers["Set-Cookie"]
    client.headers["Cookie"] = answer.headers["Set-Cookie"].split(";")[0]
    newest = max(client("GET", SESSIONS, status=200).json["items"], key=lambda s: s["id"])
    assert newest["address"] == "127.0.0.1"


def test_a_proxy_that_speaks_https_makes_the_cookie_for_https_only(tmp_path):
    server = make_web(tmp_path, users={"vera": "viewer"}, env={"BACKSTAY_TRUSTED_PROXIES": "127.0.0.0/8"}).start()
    try:
        answer = server.client({"X-Forwarded-Proto": "https"})("POST", SESSION, {"name": "vera", "password": PASSWORD}, status=200)
        assert answer.headers["Set-Cookie"].endswith("; Secure")
    finally:
        server.close()


# ---- the first admin ----

def test_the_first_admin_is_made_once_with_the_link_of_the_log(tmp_path):
    web = make_web(tmp_path, users={}).start()
    try:
        client = web.client()
        assert client("GET", SETUP, status=200).json == {"needed": True, "logged_in": False}
        wanted = {"name": "anna", "password": PASSWORD}
        assert client.problem(404, "POST", SETUP, {**wanted, "link": "guessed"})[0] == "the link is not valid any more"
        link = web.log.partition("link=")[2].split()[0]
        assert client("POST", SETUP, {**wanted, "link": link, "password": "short"}, status=400).json["kind"] == "usage"
        made = client("POST", SETUP, {**wanted, "link": link}, status=201)
        assert (made.json["user"], made.json["role"]) == ("anna", "admin")
        anna = web.client({"Cookie": made.headers["Set-Cookie"].split(";")[0]})
        anna("GET", SESSION, status=200)
        assert client("GET", SETUP, status=200).json == {"needed": False, "logged_in": False}
        assert anna("GET", SETUP, status=200).json == {"needed": False, "logged_in": True}
        assert client.problem(404, "POST", SETUP, {**wanted, "name": "eve", "link": link})[0] == "the link is not valid any more"
    finally:
        web.close()
