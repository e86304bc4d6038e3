"""A server with a repository, sources and a user of each role, and a client for its API."""
import http.client
import json
import pathlib
import urllib.parse
import uuid

from conftest import BACKSTAY, Program, make_media, make_shop
from waiting import until
from webserver import Answer, Web


class Client:
    """Requests with a token (or none). `.last` is the last answer."""

    def __init__(self, address, token=None):
        self.address, self.token = address, token
        self.headers = {}           # sent with every request
        self.on_answer = None       # called with method, path, answer

    def request(self, method, path, body=None, headers=None):
        headers = {**self.headers, **(headers or {})}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection(self.address, timeout=300)
        try:
            connection.request(method, path, body, headers)
            got = connection.getresponse()
            answer = Answer(got.status, got.headers, got.read())
        finally:
            connection.close()
        if self.on_answer:
            self.on_answer(method, path, answer)
        return answer

    def call(self, method, path, body=None, status=None, **more):
        """With /backup/api in front unless the path begins with two slashes; demands a good status, or that one. The JSON, if it is."""
        answer = self.request(method, path[1:] if path.startswith("//") else "/backup/api" + path, body, **more)
        good = answer.status == status if status else answer.status < 400
        assert good, f"{method} {path}: {answer}"
        return answer.json if "json" in answer.headers.get("content-type", "") else answer

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.call("POST", path, {} if body is None else body, **more)

    def form(self, path, fields=(), files=(), **more):
        """multipart/form-data: fields {name: text}, files {name: (file name, bytes)}."""
        boundary = uuid.uuid4().hex
        parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode() for name, text in dict(fields).items()]
        parts += [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\nContent-Type: application/octet-stream\r\n\r\n'.encode() + content + b"\r\n"
                  for name, (file, content) in dict(files).items()]
        return self.call("POST", path, b"".join(parts) + f"--{boundary}--\r\n".encode(), headers={"Content-Type": f"multipart/form-data; boundary={boundary}"}, **more)

    def urlencoded(self, path, fields, **more):
        return self.call("POST", path, urllib.parse.urlencode(fields, doseq=True), headers={"Content-Type": "application/x-www-form-urlencoded"}, **more)

    def wait(self, job, state="success"):
        """Its end; demands that state."""
        until(lambda: self.get(f"/jobs/{job['id']}/")["state"] not in ("queued", "running"))
        found = self.get(f"/jobs/{job['id']}/")
        assert found["state"] == state, found
        return found


class World:
    """A server with the sources "shop" and "ledger" (SQLite) and "media" (a folder), the repository "main", and a token of each role.
    Without `sources` the files are there, and nothing is configured for them. `program`: which build the server is."""

    USERS = {"viewer": "vera", "operator": "oliver", "admin": "maria"}

    def __init__(self, folder, sources=True, program=BACKSTAY):
        self.folder = pathlib.Path(folder)
        self.web = Web(self.folder, lambda env, home: Program([program], {k: v for k, v in env.items() if k != "BACKSTAY_REPOSITORY"}, home))
        self.home, self.state = self.web.home, self.web.state
        self.shop, self.ledger, self.media = make_shop(self.home / "shop.db"), make_shop(self.home / "ledger.db", 20), make_media(self.home / "media")
        self.token = {role: self.web.token("test", user, role) for role, user in self.USERS.items()}
        self.web.start()
        self.address = f"{self.web.host}:{self.web.port}"
        self.viewer, self.operator, self.admin = (self.client(role) for role in ("viewer", "operator", "admin"))
        self.admin.post("/repositories/", {"name": "main", "location": str(self.folder / "repository"), "is_default": True})
        self.admin.post("/repositories/main/init/")
        for name, url in (("shop", f"sqlite:{self.shop}"), ("ledger", f"sqlite:{self.ledger}"), ("media", f"folder:{self.media}")) if sources else ():
            self.admin.post("/sources/", {"name": name, "url": url})

    def client(self, role=None):
        return Client(self.address, self.token.get(role))

    def back_up(self, *sources, **more):
        """A backup of these sources, as the list has it."""
        done = self.admin.wait(self.admin.post("/backups/", {"sources": list(sources), **more}))
        return self.admin.get(f"/backups/{done['backup']}/?manifest=false")

    def close(self):
        self.web.close()
