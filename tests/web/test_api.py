"""The REST API, as a program uses it: every route with good input, and what is refused."""
import base64
import gzip
import hmac
import io
import json
import os
import re
import sqlite3
import struct
import subprocess
import tarfile
import time
import zipfile

import pytest
from conftest import make_shop, rows_of
from api_world import Client, World
from schema import problems
from sinks import HookSink
from waiting import until

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("world"))
    yield world
    world.close()


@pytest.fixture(scope="module")
def document(world):
    return world.client().get("/openapi.json")


@pytest.fixture(scope="module")
def backup(world):
    """Of the shop, by its whole id; nobody removes it."""
    return world.back_up("shop")["id"]


def operations(document):
    """(METHOD, path, operation) of everything the document has."""
    return [(m.upper(), path, item[m]) for path, item in document["paths"].items() for m in METHODS if m in item]


class Judge:
    """Holds answers against the document, and remembers which operations gave a good one."""

    def __init__(self, document):
        self.document = document
        self.good = set()
        self.patterns = sorted(((re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(p.rstrip("/"))) + "/?"), p) for p in document["paths"]), key=lambda x: x[1].count("{"))

    def path_of(self, path):
        return next(template for pattern, template in self.patterns if pattern.fullmatch(path.split("?")[0]))

    def __call__(self, method, path, answer):
        template = self.path_of(path)
        operation = self.document["paths"][template][method.lower()]
        response = operation["responses"].get(str(answer.status)) or (operation["responses"]["default"] if answer.status >= 400 else None)
        assert response, f"{method} {path} answered {answer}, which the document does not know"
        while "$ref" in response:
            response = self.document["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
        self.hold(f"{method} {path}", response.get("content", {}), answer)
        if answer.status < 400:
            self.good.add((method, template))

    def hold(self, what, content, answer):
        kind = answer.headers.get("content-type", "").split(";")[0]
        if not content:
            assert answer.body == b"", f"{what} answered {answer}"
            return
        if kind not in content:
            assert "application/octet-stream" in content, f"{what} answered {kind}, not {list(content)}"
            return
        if "json" in kind:
            wrong = problems(self.document, content[kind]["schema"], answer.json)
            assert not wrong, f"{what}: {wrong}\n{answer.json}"


@pytest.fixture
def judged(world, document):
    """An admin whose every answer is held against the document."""
    client = world.client("admin")
    client.on_answer = Judge(document)
    return client


# ---- the document ----

def refs(value):
    if isinstance(value, dict):
        yield from (v for k, v in value.items() if k == "$ref")
        yield from (r for v in value.values() for r in refs(v))
    elif isinstance(value, list):
        yield from (r for v in value for r in refs(v))


def test_every_reference_of_the_document_leads_somewhere_and_every_schema_is_used(document):
    found = set(refs(document))
    for reference in found:
        target = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]
    assert {r.rsplit("/", 1)[1] for r in found if "/schemas/" in r} == set(document["components"]["schemas"]) - {"Setting"}


def test_operations_have_names_of_their_own_and_say_for_whom_they_are(document):
    names = [o["operationId"] for _, _, o in operations(document)]
    assert len(names) == len(set(names))
    assert {o["x-permission"] for _, _, o in operations(document)} == {"none", "user", "viewer", "operator", "admin"}
    assert all(o["summary"] and not o["summary"].endswith(".") for _, _, o in operations(document))


def test_the_copy_in_docs_is_the_servers_document(document):
    with open(os.path.join(os.path.dirname(__file__), "../../docs/openapi.json")) as f:
        assert json.load(f) == document, "write it anew: curl -s .../backup/api/openapi.json | python3 -m json.tool --indent 1 > docs/openapi.json"


# ---- every route, with good input ----

def walk_sources(c, world):
    made = c.post("/sources/", {"name": "extra", "url": f"sqlite:{make_shop(world.home / 'extra.db', 5)}", "notes": "for the walk"}, status=201)
    assert made["engine"] == "sqlite" and made["url"] == f"sqlite:{world.home}/extra.db"
    assert [s["name"] for s in c.get("/sources/")["items"]] == ["extra", "ledger", "media", "shop"]
    assert c.get(f"/sources/{made['id']}/") == c.get("/sources/extra/") == made
    assert c.call("PATCH", "/sources/extra/", {"overdue_hours": 30})["overdue_hours"] == 30
    assert c.call("PUT", "/sources/extra/", {**made, "notes": None})["notes"] is None
    c.post("/sources/extra/test/")
    assert {t["name"]: t["rows"] for t in c.get("/sources/extra/info/")["tables"]}["orders"] == 5
    for action in ("optimize", "check"):
        c.wait(c.post(f"/sources/extra/{action}/", {"tables": []}, status=202))
    c.wait(c.post("/sources/extra/repair/", {"force": True}))
    assert c.call("DELETE", "/sources/extra/", status=204).body == b""


def walk_repositories(c, world):
    made = c.post("/repositories/", {"name": "other", "location": str(world.folder / "other"), "low_space": 1}, status=201)
    assert not made["is_default"]
    assert c.get("/repositories/usual-place/")["chosen_by"] == "the first writable place"
    assert c.get("/repositories/other/recovery-sheet/", status=404)["detail"] == "the repository other was never used from here"
    assert c.post("/repositories/other/init/")["recovery_sheet"]
    assert b"restic restore latest" in c.get("/repositories/other/recovery-sheet/").body
    assert [r["name"] for r in c.get("/repositories/")["items"]] == ["main", "other"]
    assert c.call("PATCH", "/repositories/other/", {"low_space": 0})["low_space"] == 0
    c.call("PUT", f"/repositories/{made['id']}/", c.get("/repositories/other/"))
    assert c.get("/repositories/other/prune/")["prune"]["bytes_removed"] == 0
    assert c.post("/repositories/other/unlock/") == {"repository": str(world.folder / "other"), "removed": 0, "remaining": []}
    c.post("/repositories/other/scan/")
    c.wait(c.post("/repositories/other/check/", {"read_data": True}))
    c.wait(c.post("/repositories/other/prune/"))
    first, = c.get("/repositories/other/keys/")["keys"]
    added = c.post("/repositories/other/keys/", {"password": "a second password"})["added"]
    assert c.call("DELETE", f"/repositories/other/keys/{added}/")["removed"] == added
    assert c.post("/repositories/other/password/", {"password": "a third password"})["removed"] == first["id"]
    c.call("DELETE", "/repositories/other/", status=204)


def walk_backups(c, world):
    job = c.post("/backups/", {"name": "walked", "sources": ["ledger"], "tags": ["walk"], "description": "made on the way"}, status=202)
    done = c.wait(job)
    id = done["backup"]
    assert c.get(f"/jobs/{job['id']}/")["id"] == job["id"] and c.get(f"/jobs/{job['id']}/log/")["total"] >= 0
    found = c.get(f"/backups/{id}/")
    assert (found["name"], found["description"], found["manifest"]["sources"][0]["name"]) == ("walked", "made on the way", "ledger")
    assert id in [b["id"] for b in c.get("/backups/?source=ledger&good=true&safety=no&q=walked")["items"]]
    assert id in [b["id"] for b in c.get("/available-backups/?source=ledger")["items"]]
    tables = {t["name"]: t for t in c.get(f"/backups/{id}/tables/")["items"]}
    assert tables["orders"]["rows"] == 20 and [x["name"] for x in tables["orders"]["columns"]][0] == "id"
    assert len(c.get(f"/backups/{id}/tables/orders/rows/?limit=3&offset=1")["rows"]) == 3
    assert [e["path"] for e in c.get(f"/backups/{id}/files/")["entries"]] == [".backstay", "ledger"]
    assert c.post(f"/backups/{id}/query/", {"sql": "SELECT count(*) AS n FROM orders"})["rows"] == [[20]]
    assert c.get(f"/backups/{id}/compare/?with=live")["equal"]
    c.wait(c.post(f"/backups/{id}/verify/", {"level": 2}))
    assert c.get(f"/backups/{id}/")["verification"] == "structure"
    download(c, id, "format=sql")
    download(c, id, "format=sql", method="POST")
    assert c.post(f"/backups/{id}/export/", {"format": "sql"})["ready"]
    c.wait(c.call("PATCH", f"/backups/{id}/", {"pinned": True}))
    pinned, = c.get("/backups/?pinned=true")["items"]
    assert pinned["original"] == id
    c.wait(c.call("PATCH", f"/backups/{id}/", {"pinned": False}))
    c.wait(c.call("DELETE", f"/backups/{id}/"))
    assert c.get("/backups/?q=walked")["total"] == 0


def download(c, backup, query, method="GET"):
    """The file, once its job has made it."""
    while (answer := c.call(method, f"/backups/{backup}/download/?{query}")) and isinstance(answer, dict):
        c.wait(answer)
    return answer


def walk_restores(c, world):
    id = world.back_up("ledger")["id"]
    job = c.post("/restores/", {"backup_id": id, "target": f"sqlite:{world.home}/walked.db"}, status=202)
    c.wait(job)
    assert rows_of(world.home / "walked.db") == rows_of(world.ledger)
    assert c.get(f"/restores/{job['id']}/")["kind"] == "restore" and c.get("/restores/?state=success")["items"][0]["id"] == job["id"]
    job = c.post("/restores/", {"backup_id": id, "confirm": "ledger"}, status=202)
    c.wait(job)
    c.wait(c.post("/restores/undo/", {"job": job["id"], "confirm": "ledger"}, status=202))
    sql = subprocess.run(["sqlite3", world.ledger, ".dump"], capture_output=True, check=True).stdout
    assert c.form("/restores/recognise/", {"target": f"sqlite:{world.home}/sent.db"}, {"file": ("ledger.sql", sql)}, status=200) == {
        "file": {"what": "SQL text", "engine": "sqlite"}, "replaces": [], "confirm": None}
    jobs = c.form("/restores/upload_and_restore/", {"target": f"sqlite:{world.home}/sent.db"}, {"database_file": ("ledger.sql", sql)}, status=202)["jobs"]
    c.wait(jobs[0])
    assert rows_of(world.home / "sent.db")["orders"] == rows_of(world.ledger)["orders"]


def walk_schedules(c, world):
    made = c.post("/schedules/", {"name": "nightly", "sources": ["ledger"], "kind": "daily", "time": "02:30", "keep": {"daily": 7}}, status=201)
    assert (made["when"], made["enabled"], made["keep"]["daily"]) == ("at 02:30 every day", True, 7)
    assert len(c.post("/schedules/preview/", {"kind": "cron", "cron": "0 */6 * * *"})["runs"]) == 10
    preview = c.get(f"/schedules/{made['id']}/preview/?count=2")
    assert len(preview["runs"]) == 2 and preview["jobs"] == ["backup ledger"]
    c.wait(c.post("/schedules/nightly/run/", status=202)["jobs"][0])
    assert not c.post("/schedules/nightly/toggle_active/")["enabled"]
    assert c.call("PATCH", "/schedules/nightly/", {"time": "03:00"})["time"] == "03:00"
    c.call("PUT", "/schedules/nightly/", c.get("/schedules/nightly/"))
    assert c.get("/schedules/")["total"] == 1
    c.call("DELETE", "/schedules/nightly/", status=204)


def walk_jobs(c, world):
    job = c.get("/jobs/?kind=backup,restore&state=success&limit=1")["items"][0]
    assert c.call("PATCH", f"/jobs/{job['id']}/", {"notes": "seen"})["notes"] == "seen"
    assert c.get("/jobs/?q=seen")["items"][0]["id"] == job["id"]
    again = c.post(f"/jobs/{c.get('/jobs/?kind=backup&source=ledger&state=success&limit=1')['items'][0]['id']}/again/", status=202)
    assert again["title"] == "backup ledger" and c.wait(again)["backup"]
    waiting = c.post("/backups/", {"sources": ["media"]})
    c.request("POST", f"/backup/api/jobs/{waiting['id']}/cancel/")
    c.on_answer.good.add(("POST", "/backup/api/jobs/{id}/cancel/"))       # it may have ended before
    assert c.get("/statistics/?days=7")["totals"]["backups"] >= 1
    assert c.get("/status/")["version"]


def walk_notices(c, world):
    made = c.post("/notices/", {"name": "hook", "kind": "webhook", "url": "http://127.0.0.1:9/x", "enabled": False}, status=201)
    assert c.get("/notices/")["items"] == [made] == [c.get("/notices/hook/")]
    assert c.call("PATCH", "/notices/hook/", {"events": ["failure"]})["events"] == ["failure"]
    c.call("PUT", "/notices/hook/", c.get("/notices/hook/"))
    assert c.get("/notices/deliveries/?failed=true")["total"] == 0
    c.call("DELETE", "/notices/deliveries/", status=204)
    c.call("DELETE", "/notices/hook/", status=204)


def walk_users(c, world):
    made = c.post("/users/", {"name": "nora", "role": "operator", "password": "a long enough password"}, status=201)
    assert c.get("/users/nora/") == c.get(f"/users/{made['id']}/") == made and c.get("/users/")["total"] == 4
    assert c.call("PATCH", "/users/nora/", {"role": "viewer", "disabled": True})["disabled"]
    token = c.post("/tokens/", {"name": "walk", "scope": "viewer", "expires": "2099-01-01T00:00:00Z"}, status=201)
    assert token["token"].startswith("bst_") and "token" not in c.get("/tokens/")["items"][0]
    c.call("DELETE", f"/tokens/{token['id']}/", status=204)
    c.call("DELETE", "/users/nora/", status=204)
    assert [a["object"] for a in c.get("/audit/?action=user-add")["items"]][0] == "nora"
    assert c.get("/audit/check/")["ok"]


def walk_settings(c, world):
    assert c.get("/settings/")["retention_days"]["origin"] == "default"
    assert c.call("PATCH", "/settings/", {"retention_days": 60})["retention_days"]["value"] == 60
    c.call("PATCH", "/settings/", {"retention_days": None})
    assert c.post("/cleanup/", {"dry_run": True, "days": 1}, status=200)
    c.wait(c.post("/cleanup/", {"days": 300}, status=202))


def walk_monitors(c, world):
    assert c.get("//health")["status"] in ("ok", "warning")
    world.back_up("shop")
    shop, = (s for s in c.get("/overview/")["sources"] if s["name"] == "shop")
    assert shop["runs"][-1]["state"] == "success" and not shop["overdue"] and shop["next_run"] is None
    assert b"backstay_" in c.get("//metrics").body
    c.get("/openapi.json")


def walk_asset_management(c, world):
    assert b"<html" in world.client().get("//backup-restore").body
    sql = c.urlencoded("//backup/sql", {"source": "ledger"})
    assert b"CREATE TABLE" in sql.body
    made, kept = c.get("/jobs/?kind=export,backup&limit=2")["items"]
    assert (made["kind"], kept["kind"], kept["sources"]) == ("export", "backup", ["ledger"])
    assert made["author"] == kept["author"] == "token test of maria"
    assert made["backup"] == kept["backup"] == c.get("/backups/?source=ledger&limit=1")["items"][0]["id"]
    job = c.wait(c.form("//restore/sql", {"source": "ledger", "confirm": "ledger"}, {"file": ("backup.sql", sql.body)}, status=202))
    assert job["title"] == "restore backup.sql to ledger"
    for action in ("optimize", "check"):
        c.wait(c.urlencoded(f"//database/{action}", {"source": "ledger"}))
    world.back_up("ledger")
    c.wait(c.urlencoded("//database/repair", {"source": "ledger"}))
    kept = c.urlencoded("//database/settings", {"auto_backup": "on", "backup_time": "02:15", "retention_days": "14", "optimize_on_backup": "on", "source": "ledger"})
    assert (kept["name"], kept["enabled"], kept["time"], kept["keep"]["days"]) == ("automatic", True, "02:15", 14)
    c.call("DELETE", "/schedules/automatic/")


def one_time_code(key, now):
    digest = hmac.digest(base64.b32decode(key), struct.pack(">Q", int(now) // 30), "sha1")
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7FFFFFFF) % 1000000:06d}"


def walk_sessions(c, world):
    password, fresh = "a long enough password", "another long password"
    c.post("/users/", {"name": "walker", "role": "viewer", "password": password})
    own = world.client()
    own.on_answer = c.on_answer
    assert not own.get("/setup/")["needed"]
    answer = own.request("POST", "/backup/api/session/", {"name": "walker", "password": password})
    own.headers = {"Cookie": answer.headers["set-cookie"].split(";")[0], "X-CSRF-Token": answer.json["csrf"]}
    assert own.get("/session/")["user"] == own.get("/account/")["name"] == "walker"
    jwt = own.post("/token/", {"name": "walker", "password": password})["access"]
    assert Client(world.address, jwt).get("/backups/")["items"] is not None
    own.call("DELETE", "/sessions/", status=204)
    answer = own.request("POST", "/backup/api/account/password/", {"password": password, "new_password": fresh})
    own.headers = {"Cookie": answer.headers["set-cookie"].split(";")[0], "X-CSRF-Token": answer.json["csrf"]} if "set-cookie" in answer.headers else own.headers
    key = own.post("/account/totp/key/")["key"]
    assert own.post("/account/totp/", {"password": fresh, "key": key, "code": one_time_code(key, time.time())})["totp"]
    assert not own.post("/account/totp/off/", {"password": fresh})["totp"]
    other = world.client().request("POST", "/backup/api/session/", {"name": "walker", "password": fresh})
    assert other.status == 200
    first, second = own.get("/sessions/")["items"]
    own.call("DELETE", f"/sessions/{max(first['id'], second['id'])}/", status=204)
    own.call("DELETE", "/session/", status=204)
    c.call("DELETE", "/users/walker/")


def walk_config(c, world):
    document = c.get("/config/")
    assert "shop" in str(document["sources"])
    sealed = c.post("/config/export/", {"passphrase": "a passphrase for the journey"})
    assert c.post("/config/apply/", {"configuration": document, "dry_run": True}) == {"dry_run": True, "changes": []}
    assert c.post("/config/apply/", {"configuration": sealed, "passphrase": "a passphrase for the journey"})["changes"] == []


# Which other tests call, each with what it needs.
ELSEWHERE = {("POST", "/backup/api/notices/{id}/test/"), ("POST", "/backup/api/setup/"), ("GET", "/backup/api/events/"), ("GET", "/backup/api/jobs/{id}/events/")}


def test_every_route_answers_good_input_as_the_document_says(world, judged, document):
    for walk in (walk_sources, walk_repositories, walk_backups, walk_restores, walk_schedules, walk_jobs, walk_notices, walk_users, walk_settings, walk_monitors,
                 walk_asset_management, walk_config, walk_sessions):
        walk(judged, world)
    assert {(m, p) for m, p, _ in operations(document)} - judged.on_answer.good - ELSEWHERE == set()


# ---- who may ----

RANK = {"none": 0, "user": 1, "viewer": 1, "operator": 2, "admin": 3}


@pytest.mark.parametrize("role", ["nobody", "viewer", "operator", "admin"])
def test_a_route_is_open_to_its_roles_and_to_no_other(world, document, role):
    rank = {"nobody": 0, "viewer": 1, "operator": 2, "admin": 3}[role]
    client = world.client(role)
    for method, path, operation in operations(document):
        if path == "/metrics":
            continue                            # which looks itself
        if "text/event-stream" in str(operation["responses"]) and rank:
            continue                            # it never ends
        body = None if method == "GET" else {"no such field": 1}     # so that nothing happens
        answer = client.request(method, re.sub(r"\{\w+\}", "nothing", path), body)
        needed = RANK[operation["x-permission"]]
        if rank >= needed:
            assert answer.status not in (401, 403), f"{role} may {method} {path}: {answer}"
        else:
            assert answer.status == (403 if rank else 401), f"{role} may not {method} {path}: {answer}"
            assert answer.json["kind"] == ("access" if rank else "password")


def test_a_token_does_no_more_than_its_scope(world):
    token = world.admin.post("/tokens/", {"name": "narrow", "scope": "viewer"})["token"]
    narrow = Client(world.address, token)
    assert narrow.get("/backups/")["items"] is not None
    assert narrow.post("/backups/", {"sources": ["shop"]}, status=403)["kind"] == "access"
    assert narrow.post("/tokens/", {"name": "wider", "scope": "admin"}, status=403)["detail"] == "a token cannot do more than who makes it: viewer"


def test_viewers_see_no_tokens_but_their_own_and_revoke_no_others(world):
    own = world.viewer.get("/tokens/")["items"]
    assert [t["name"] for t in own] == ["test"]
    foreign = next(t for t in world.admin.get("/tokens/")["items"] if t["user"] != own[0]["user"])
    assert world.viewer.call("DELETE", f"/tokens/{foreign['id']}/", status=404)["detail"] == f'there is no token "{foreign["id"]}"'
    assert world.viewer.post("/tokens/", {"name": "x", "scope": "viewer", "user": "maria"}, status=403)["detail"] == "only admins make tokens for others"


def test_the_last_admin_cannot_be_removed_nor_lose_the_role(world):
    assert world.admin.call("DELETE", "/users/maria/", status=409)["kind"] == "refused"
    assert world.admin.call("PATCH", "/users/maria/", {"role": "viewer"}, status=409)["kind"] == "refused"


# ---- what is wrong is named ----

@pytest.mark.parametrize("method, path, body, status, detail", [
    ("POST", "/backups/", {"sorces": []}, 400, 'there is no field "sorces" here'),
    ("POST", "/backups/", {"backup_type": "disk"}, 400, 'the field "backup_type" must be database, media or full'),
    ("POST", "/backups/", {"sources": ["shp"]}, 404, 'there is no source named "shp"'),
    ("POST", "/backups/", {"sources": ["/etc/passwd"]}, 404, 'there is no source named "/etc/passwd"'),
    ("POST", "/backups/", {"sources": ["media"], "backup_type": "database"}, 400, "the source media does not belong into a backup of the type database"),
    ("GET", "/backups/?level=9", None, 400, 'the parameter "level" must be a whole number from 1 to 4'),
    ("GET", "/backups/?after=yesterday", None, 400, 'the parameter "after" must be a time as RFC 3339 writes it, such as 2026-11-21T07:14:05Z'),
    ("GET", "/jobs/?sate=failed", None, 400, 'there is no parameter "sate" here'),
    ("GET", "/users/maria/?limit=1", None, 400, 'there is no parameter "limit" here'),
    ("GET", "/jobs/?state=lost", None, 400, 'the parameter "state" knows no "lost"; there are queued, running, success, failed, cancelled and interrupted'),
    ("GET", "/backups/?repository=nowhere", None, 404, 'there is no repository named "nowhere"'),
    ("POST", "/restores/", {}, 400, 'the field "backup_id" is missing'),
    ("POST", "/restores/", {"backup_id": "ffff", "target": "postgresql://a:b@db/shop"}, 404, None),
    ("POST", "/sources/", {"name": "x", "url": "ftp://x"}, 400, None),
    ("POST", "/sources/", {"name": "a/b", "url": "sqlite:shop.db"}, 400, 'a source cannot be called "a/b"'),
    ("POST", "/sources/", {"name": "shop", "url": "sqlite:shop.db"}, 409, None),
    ("POST", "/schedules/", {"name": "x", "kind": "cron", "cron": "0 25 * * *"}, 400, None),
    ("POST", "/tokens/", {"name": "x", "scope": "viewer", "expires": "2001-01-01T00:00:00Z"}, 400, 'the field "expires" must be a time to come'),
    ("POST", "/users/", {"name": "weak", "password": "short"}, 400, None),
    ("PATCH", "/settings/", {"no_such": 1}, 400, 'there is no setting "no_such"'),
    ("PATCH", "/settings/", {"retention_days": "many"}, 400, None),
    ("DELETE", "/sources/nothing/", None, 404, 'there is no source named "nothing"'),
])
def test_a_request_that_makes_no_sense_is_told_what_is_wrong_with_it(world, judged, method, path, body, status, detail):
    answer = judged.call(method, path, body, status=status)
    assert detail is None or answer["detail"] == detail
    assert answer["status"] == status


def test_a_form_means_the_same_as_json(world):
    job = world.admin.urlencoded("/backups/", {"name": "from a form", "backup_type": "media", "compress": "True", "exclude_logs": "True"}, status=202)
    assert job["title"] == "backup media"
    world.admin.wait(job)


def test_a_list_comes_in_pages_with_their_addresses(world, backup):
    answer = world.admin.request("GET", "/backup/api/sources/?limit=2")
    assert [s["name"] for s in answer.json["items"]] == ["ledger", "media"] and answer.json["total"] == 3
    following = re.search(r'<([^>]+)>; rel="next"', answer.headers["link"])[1]
    assert [s["name"] for s in world.admin.request("GET", following).json["items"]] == ["shop"]


def test_what_has_not_changed_is_not_sent_again(world, backup):
    first = world.viewer.request("GET", "/backup/api/backups/?source=shop")
    again = world.viewer.request("GET", "/backup/api/backups/?source=shop", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    for path in ("account", "setup", "audit/check", "sources/shop"):
        tag = world.admin.request("GET", f"/backup/api/{path}/").headers["etag"]
        again = world.admin.request("GET", f"/backup/api/{path}/", headers={"If-None-Match": tag})
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    changed = world.admin.request("PATCH", "/backup/api/sources/shop/", {"notes": None}, headers={"If-None-Match": "*"})
    assert changed.status == 200 and changed.json["name"] == "shop"


# ---- backups ----

def test_backup_types_choose_the_sources_of_their_kind(world):
    assert world.operator.post("/backups/", {"backup_type": "database"})["sources"] == ["ledger", "shop"]
    assert world.operator.post("/backups/", {"backup_type": "media"})["sources"] == ["media"]
    full = world.operator.wait(world.operator.post("/backups/", {"backup_type": "full"}))
    assert full["sources"] == ["ledger", "media", "shop"]
    assert [s["engine"] for s in world.viewer.get(f"/backups/{full['backup']}/?manifest=false")["sources"]].count("sqlite") == 2


def test_downloads_have_the_names_and_content_people_expect(world, backup, tmp_path):
    def fetch(query, id=backup):
        answer = download(world.operator, id, query)
        return re.search(r'filename="([^"]+)"', answer.headers["content-disposition"])[1], answer.body

    name, content = fetch("format=archive")
    assert re.fullmatch(r"sqlite_backup_\d{8}_\d{6}\.db", name)
    (tmp_path / "shop.db").write_bytes(content)
    assert rows_of(tmp_path / "shop.db") == rows_of(world.shop)
    text, (name, content) = fetch("format=sql")[1], fetch("format=sql.gz")
    assert re.fullmatch(r"backup_shop_\d{8}_\d{6}\.sql\.gz", name) and gzip.decompress(content) == text
    name, content = fetch("format=csv&table=orders")
    assert re.fullmatch(r"backup_shop_\d{8}_\d{6}\.zip", name)
    assert zipfile.ZipFile(io.BytesIO(content)).namelist() == ["orders.csv"]
    name, content = fetch("format=xlsx")
    assert re.fullmatch(r"backup_shop_\d{8}_\d{6}\.xlsx", name) and content[:2] == b"PK"
    media = world.back_up("media")["id"]
    name, content = fetch("", media)
    assert re.fullmatch(r"media_backup_\d{8}_\d{6}\.tar\.gz", name)
    assert any(m.endswith("read me.txt") for m in tarfile.open(fileobj=io.BytesIO(content)).getnames())


def test_a_download_goes_on_where_it_was(world, backup):
    whole = download(world.operator, backup, "format=archive")
    part = world.operator.request("GET", f"/backup/api/backups/{backup}/download/?format=archive", headers={"Range": "bytes=1000-", "If-Range": whole.headers["etag"]})
    assert (part.status, part.body) == (206, whole.body[1000:])


def test_of_several_sources_one_is_named(world):
    both = world.back_up("shop", "media")["id"]
    wrong = world.operator.get(f"/backups/{both}/download/", status=400)
    assert wrong["detail"] == f"backup {both[:8]} holds several sources: which one?" and wrong["hint"] == '"source" may be: shop, media'
    assert world.operator.get(f"/backups/{both}/download/?source=nothing", status=404)["detail"] == f'there is no source "nothing" in backup {both[:8]}'
    assert b"CREATE TABLE" in download(world.operator, both, "source=shop&format=sql").body


def test_a_prepared_file_is_the_one_asked_for_by_its_own_name(world):
    both = world.back_up("shop", "media")["id"]
    wanted = {"source": "shop", "format": "csv", "tables": ["orders", "customers"], "file_name": "../for the auditors.zip"}
    while not (ready := world.operator.post(f"/backups/{both}/export/", wanted))["ready"]:
        world.operator.wait(ready["job"])
    assert ready["file_name"] == "for the auditors.zip"
    answer = world.operator.get("/" + ready["url"])
    assert answer.headers["content-disposition"].startswith('attachment; filename="for the auditors.zip"')
    assert sorted(zipfile.ZipFile(io.BytesIO(answer.body)).namelist()) == ["customers.csv", "orders.csv"]


def test_rows_and_sql_are_read_without_a_restore(world, backup):
    assert world.viewer.get(f"/backups/{backup}/tables/nothing/rows/", status=404)["detail"] == f'there is no table "nothing" in backup {backup[:8]}'
    rows = world.viewer.get(f"/backups/{backup}/tables/customers/rows/?limit=2")
    assert (rows["columns"], len(rows["rows"])) == (["id", "name", "email"], 2)
    refused = world.operator.post(f"/backups/{backup}/query/", {"sql": "DELETE FROM orders"}, status=400)
    assert refused["kind"] == "usage"
    assert world.operator.post(f"/backups/{backup}/query/", {"sql": "SELECT max(id) FROM orders"})["rows"] == [[200]]


def test_comparing_shows_what_changed_since(world):
    before = world.back_up("ledger")["id"]
    with sqlite3.connect(world.ledger) as db:
        db.execute("INSERT INTO customers VALUES (1000, 'New', 'new@example.com')")
    db.close()
    live = world.operator.get(f"/backups/{before}/compare/?with=live&table=customers&rows=true")
    assert not live["equal"] and [r["b"]["id"] for r in live["rows"]] == [1000]
    after = world.back_up("ledger")["id"]
    table, = [t for t in world.operator.get(f"/backups/{before}/compare/?with={after}")["tables"] if t["change"] != "same"]
    assert (table["name"], table["added"]) == ("customers", 1)
    assert world.operator.get(f"/backups/{before}/compare/?with=ffffffff", status=404)["kind"] == "not-found"


def test_a_pinned_backup_is_not_removed(world):
    id = world.back_up("ledger")["id"]
    world.admin.wait(world.admin.call("PATCH", f"/backups/{id}/", {"pinned": True}))
    refused = world.admin.call("DELETE", f"/backups/{id}/", status=409)
    assert refused["kind"] == "refused" and refused["hint"] == "take the pin off first"
    world.admin.wait(world.admin.call("PATCH", f"/backups/{id}/", {"pinned": False}))


# ---- restores ----

def test_nothing_live_is_replaced_unless_its_name_is_given(world):
    id = world.back_up("ledger")["id"]
    before = world.ledger.read_bytes()
    for body in ({}, {"confirm": "shop"}, {"confirm": ""}):
        asked = world.admin.post("/restores/", {"backup_id": id, **body}, status=409)
        assert asked["confirm"] == "ledger" and asked["detail"] == 'this replaces ledger: say so with "confirm"'
        assert len(asked["replaces"]) == 1 and asked["replaces"][0].startswith(f"{world.ledger}: ")
        assert asked["targets"] == [f"sqlite:{world.ledger}"]
    assert world.ledger.read_bytes() == before and not world.admin.get("/restores/?state=queued,running")["total"]
    done = world.admin.wait(world.admin.post("/restores/", {"backup_id": id, "confirm": "ledger"}))
    assert len(done["result"]["safety"]) == 1


def test_a_restore_to_a_new_place_asks_nothing(world, tmp_path):
    id = world.back_up("media")["id"]
    world.admin.wait(world.admin.post("/restores/", {"backup_id": id, "target": str(tmp_path / "copy"), "paths": ["2026"]}))
    assert sorted(p.name for p in (tmp_path / "copy" / "2026").iterdir()) == sorted(p.name for p in (world.media / "2026").iterdir())
    asked = world.admin.post("/restores/", {"backup_id": id, "target": str(tmp_path / "copy")}, status=409)
    assert asked["confirm"] == "copy"


def test_a_name_is_that_of_the_target_whatever_is_in_it(world, tmp_path):
    id = world.back_up("media")["id"]
    target = tmp_path / "ledger: all as it was at noon"
    world.admin.wait(world.admin.post("/restores/", {"backup_id": id, "target": str(target), "paths": ["2026"]}))
    asked = world.admin.post("/restores/", {"backup_id": id, "target": str(target)}, status=409)
    assert asked["confirm"] == "ledger: all as it was at noon" and asked["targets"] == [f"folder:{target}"]


def test_a_target_with_a_password_is_refused_because_others_could_read_it(world, backup):
    for target in ("postgresql://shop:s3cret@db/shop", "postgresql://db/shop?password=s3cret"):
        refused = world.admin.post("/restores/", {"backup_id": backup, "target": target}, status=400)
        assert refused["detail"] == "the target has a password in it" and "s3cret" not in str(refused)


def test_an_undo_brings_back_what_a_restore_replaced(world):
    id = world.back_up("ledger")["id"]
    with sqlite3.connect(world.ledger) as db:
        db.execute("DELETE FROM settings")
    db.close()
    changed = rows_of(world.ledger)
    job = world.admin.wait(world.admin.post("/restores/", {"backup_id": id, "confirm": "ledger"}))
    assert rows_of(world.ledger) != changed
    assert world.admin.post("/restores/undo/", {"job": job["id"]}, status=409)["confirm"] == "ledger"
    world.admin.wait(world.admin.post("/restores/undo/", {"job": job["id"], "confirm": "ledger"}))
    assert rows_of(world.ledger) == changed


def test_a_protected_source_is_never_replaced(world):
    id = world.back_up("ledger")["id"]
    world.admin.call("PATCH", "/sources/ledger/", {"restore_protected": True})
    refused = world.admin.post("/restores/", {"backup_id": id, "confirm": "ledger"}, status=409)
    assert refused["detail"] == "the source ledger is protected: no restore may replace it" and "confirm" not in refused
    world.admin.call("PATCH", "/sources/ledger/", {"restore_protected": False})


def test_files_are_sent_restored_and_removed(world, tmp_path):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(world.media, "media")
    fields = {"restore_type": "full", "name": "both", "target": f"sqlite:{tmp_path}/sent.db", "media_target": str(tmp_path / "sent"), "backup_before_restore": "True"}
    dump = gzip.compress(subprocess.run(["sqlite3", world.shop, ".dump"], capture_output=True, check=True).stdout)
    jobs = world.admin.form("/restores/upload_and_restore/", fields, {"database_file": ("backup.sql.gz", dump), "media_file": ("media.tar.gz", packed.getvalue())})["jobs"]
    assert [j["notes"] for j in jobs] == ["both", "both"]
    assert [j["title"] for j in jobs] == [f"restore backup.sql.gz to sqlite:{tmp_path}/sent.db", f"restore media.tar.gz to {tmp_path}/sent"]
    for job in jobs:
        world.admin.wait(job)
    assert rows_of(tmp_path / "sent.db")["orders"] == rows_of(world.shop)["orders"]
    assert [world.admin.get(f"/backups/{world.admin.wait(job)['backup']}/")["name"] for job in jobs] == ["backup.sql.gz", "media.tar.gz"]
    assert (tmp_path / "sent").is_dir()
    until(lambda: not any((world.state / "uploads").iterdir()))


def test_what_is_sent_replaces_nothing_live_unless_its_name_is_given(world):
    dump = subprocess.run(["sqlite3", world.shop, ".dump"], capture_output=True, check=True).stdout
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(world.media, "media")
    before = world.ledger.read_bytes()
    for path, fields, files, target, name in (
            ("/restores/upload_and_restore/", {"target": "ledger"}, {"database_file": ("d.sql", dump)}, f"sqlite:{world.ledger}", "ledger"),
            ("/restores/upload_and_restore/", {"target": str(world.ledger)}, {"database_file": ("d.sql", dump)}, f"sqlite:{world.ledger}", "ledger"),
            ("/restores/upload_and_restore/", {}, {"media_file": ("m.tar.gz", packed.getvalue())}, f"folder:{world.media}", "media"),
            ("//restore/sql", {"source": "ledger"}, {"file": ("d.sql", dump)}, f"sqlite:{world.ledger}", "ledger")):
        asked = world.admin.form(path, fields, files, status=409)
        assert asked["confirm"] == name and asked["targets"] == [target]
    assert world.ledger.read_bytes() == before and not world.admin.get("/restores/?state=queued,running")["total"]
    until(lambda: not any((world.state / "uploads").iterdir()))


def test_what_is_sent_must_fit_what_is_asked_for(world):
    for fields, files, detail in (
            ({}, {}, 'a file is missing: "database_file" or "media_file"'),
            ({"restore_type": "database"}, {"media_file": ("m.zip", b"PK")}, 'the field "database_file" is missing in a restore of the type database'),
            ({"restore_type": "media"}, {"media_file": ("m.zip", b"PK"), "database_file": ("d.sql", b"x")}, 'the field "database_file" does not belong to a restore of the type media'),
            ({}, {"database_file": ("d.sql", b"x")}, 'the field "target" is missing: where should the file be restored to?'),
            ({}, {"other_file": ("d.sql", b"x")}, 'there is no field "other_file" here')):
        assert world.admin.form("/restores/upload_and_restore/", fields, files, status=400)["detail"] == detail
    answer = world.admin.form("/restores/recognise/", {}, {"file": ("my d.sql", b"this is no dump")}, status=422)
    assert answer["detail"].startswith("my d.sql is none of: ")
    assert world.admin.form("/restores/recognise/", {"target": "ledger"}, {"file": ("d.sql", b"CREATE TABLE t(i);")}, status=200)["confirm"] == "ledger"
    answer = world.admin.form("/restores/upload_and_restore/", {"target": "ledger"}, {"database_file": ("d.sql", b"this is no dump")}, status=422)
    assert answer["kind"] == "mismatch"
    until(lambda: not any((world.state / "uploads").iterdir()))


# ---- what watches ----

def test_health_tells_nobody_more_than_that_it_runs(world):
    assert set(world.client().get("//health")) <= {"status", "version", "uptime_seconds"}


def test_metrics_are_for_viewers_and_for_this_machine_when_told_so(world):
    nobody = world.client()
    assert nobody.get("//metrics", status=401)["hint"] == "send an API token of the scope viewer, or set metrics_loopback for programs of this machine"
    assert world.viewer.get("//metrics").headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    world.admin.call("PATCH", "/settings/", {"metrics_loopback": True})
    assert b"backstay_" in nobody.get("//metrics").body
    world.admin.call("PATCH", "/settings/", {"metrics_loopback": None})


# ---- no secrets ----

def test_secrets_go_in_and_never_come_out(world):
    world.admin.post("/sources/", {"name": "remote", "url": "postgresql://shop:s3cret-1@127.0.0.1:1/shop"})
    world.admin.post("/notices/", {"name": "secret", "kind": "webhook", "url": "https://127.0.0.1:1/hooks/s3cret-2", "signing": "s3cret-3", "enabled": False})
    source = world.admin.get("/sources/remote/")
    assert (source["url"], source["url_secret"]) == ("postgresql://shop@127.0.0.1:1/shop", True)
    world.admin.call("PATCH", "/sources/remote/", {"url": source["url"], "notes": "as it was shown"})
    assert world.admin.get("/sources/remote/")["url_secret"]
    test = world.admin.request("POST", "/backup/api/sources/remote/test/", {})
    said = [str(world.admin.get(path)) for path in ("/sources/", "/notices/", "/audit/?limit=1000", "/jobs/", "/settings/")] + [repr(test)] + world.web.log.splitlines()
    assert not any("s3cret" in text for text in said)
    world.admin.call("DELETE", "/sources/remote/")
    world.admin.call("DELETE", "/notices/secret/")


# ---- servers ----

CUSTOMERS = "CREATE TABLE customers(id int PRIMARY KEY, name varchar(40)); INSERT INTO customers VALUES (1, 'Ada'), (2, 'Grace');"


def through_the_api(world, name, url, change, count, names):
    """A database of a server backed up, looked into, downloaded, replaced and brought back. `names`: of an archive and of SQL."""
    world.admin.post("/sources/", {"name": name, "url": url})
    source = world.admin.get(f"/sources/{name}/")
    assert source["url_secret"] and "tiger" not in str(source)
    world.admin.post(f"/sources/{name}/test/")
    id = world.back_up(name)["id"]
    table, = world.viewer.get(f"/backups/{id}/tables/")["items"]
    assert (table["name"], table["rows"]) == ("customers", 2)
    assert [r[1] for r in world.viewer.get(f"/backups/{id}/tables/customers/rows/")["rows"]] == ["Ada", "Grace"]
    for query, pattern in zip(("format=archive", "format=sql"), names):
        answer = download(world.operator, id, query)
        assert re.search(rf'filename="{pattern}"', answer.headers["content-disposition"]) and b"Grace" in answer.body
    change()
    assert not world.operator.get(f"/backups/{id}/compare/?with=live")["equal"]
    assert world.admin.post("/restores/", {"backup_id": id}, status=409)["confirm"] == name
    world.admin.wait(world.admin.post("/restores/", {"backup_id": id, "confirm": name}))
    assert count() == 2
    for action in ("optimize", "check"):
        world.operator.wait(world.operator.post(f"/sources/{name}/{action}/"))
    assert "tiger" not in str([world.admin.get(path) for path in ("/jobs/", "/audit/", "/sources/")]) + world.web.log
    world.admin.call("DELETE", f"/sources/{name}/")


def test_a_postgresql_database_goes_through_the_api(world, postgres, fresh_database):
    name = fresh_database(CUSTOMERS)
    user = f"u{os.urandom(4).hex()}"
    postgres.psql(f"CREATE ROLE {user} SUPERUSER LOGIN PASSWORD 'tiger'")
    try:
        through_the_api(world, name, postgres.url(name, user, "tiger", tcp=True), lambda: postgres.psql("DELETE FROM customers WHERE id = 2", name),
                        lambda: int(postgres.psql("SELECT count(*) FROM customers", name)),
                        (rf"{name}_backup_\d{{8}}_\d{{6}}\.backup", r"postgres_backup_\d{8}_\d{6}\.sql"))
    finally:
        postgres.psql(f"DROP OWNED BY {user}", name)
        postgres.psql(f"DROP ROLE {user}")


def test_a_mariadb_database_goes_through_the_api(world, mariadb):
    name = mariadb.create()
    mariadb.sql(CUSTOMERS, name)
    mariadb.sql(f"CREATE OR REPLACE USER 'api'@'%' IDENTIFIED BY 'tiger'; GRANT ALL ON *.* TO 'api'@'%'")
    try:
        through_the_api(world, name, mariadb.url(name, "api", "tiger", tcp=True), lambda: mariadb.sql("DELETE FROM customers WHERE id = 2", name),
                        lambda: int(mariadb.sql("SELECT count(*) FROM customers", name)),
                        (rf"backup_{name}_\d{{8}}_\d{{6}}\.sql", rf"backup_{name}_\d{{8}}_\d{{6}}\.sql"))
    finally:
        mariadb.sql("DROP USER 'api'@'%'")
        mariadb.drop(name)


def test_a_notice_is_tried_and_says_why_it_does_not_arrive(world, judged):
    with HookSink() as sink:
        judged.post("/notices/", {"name": "tried", "kind": "webhook", "url": sink.url("/hook")})
        judged.post("/notices/tried/test/")
        assert sink.requests[0].json["event"] == "test"
    failed = judged.post("/notices/tried/test/", status=503)
    assert failed["kind"] == "temporary" and "/hook" not in failed["detail"]
    judged.call("DELETE", "/notices/tried/")


# ---- keys of a repository, and jobs once more ----

def test_a_password_that_is_changed_here_is_the_one_that_jobs_use_from_then_on(world):
    c = world.client("admin")
    c.post("/repositories/", {"name": "locked", "location": str(world.folder / "locked"), "password": "the first password"})
    c.post("/repositories/locked/init/")
    for text, detail in (("", 'the field "password" is empty'), ("two\nlines", 'the field "password" has more than one line')):
        assert c.request("POST", "/backup/api/repositories/locked/password/", {"password": text}).json["detail"] == detail
    changed = c.post("/repositories/locked/password/", {"password": "the second password"})
    key, = c.get("/repositories/locked/keys/")["keys"]
    assert key["current"] and key["id"] == changed["added"] and c.get("/repositories/locked/")["password_known"]
    c.wait(c.post("/repositories/locked/check/"))
    refused = c.request("DELETE", f"/backup/api/repositories/locked/keys/{key['id']}/")
    assert (refused.status, refused.json["detail"]) == (409, f"key {key['id'][:8]} is the one in use")
    assert c.request("DELETE", "/backup/api/repositories/locked/keys/--help/").json["detail"] == 'there is no key "--help"'
    assert not list((world.state / "exports").glob("answer-*")), "the file with a password is left"
    done = [a["action"] for a in c.get("/audit/?limit=20")["items"]]
    assert "repository-password" in done and not [a for a in c.get("/audit/?limit=50")["items"] if "second password" in str(a)]
    c.call("DELETE", "/repositories/locked/", status=204)


def test_a_job_is_run_again_by_who_may_and_when_that_makes_sense(world):
    done = world.admin.wait(world.admin.post("/repositories/main/prune/"))
    assert world.operator.request("POST", f"/backup/api/jobs/{done['id']}/again/").json["detail"] == "only admins may run a prune again"
    assert world.admin.wait(world.admin.post(f"/jobs/{done['id']}/again/"))["author"] == "token test of maria"
    restore = world.admin.wait(world.admin.post("/restores/", {"backup_id": world.back_up("ledger")["id"], "target": f"sqlite:{world.home}/once.db"}))
    assert world.admin.request("POST", f"/backup/api/jobs/{restore['id']}/again/").json["detail"] == "a restore is not run again as it was: ask for it anew"
    typed = world.web.program("check", "--repo", "main", "--json")
    assert typed.json["ok"]
    job, = world.admin.get("/jobs/?kind=check&limit=1")["items"]
    assert world.admin.request("POST", f"/backup/api/jobs/{job['id']}/again/").json["detail"] == f"job {job['id']} was typed as a command, which is not kept"
