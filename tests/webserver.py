"""A web server for tests: `backstay serve` in a state folder of its own, with a user of each role, and ways to talk to it, politely and not.
The fixtures `web`, `anybody`, `admin`, `operator` and `viewer` (conftest.py) share one within a module."""
import base64
import hashlib
import http.client
import json
import os
import pwd
import re
import signal
import socket
import sqlite3
import subprocess
import time

from checked import CHECKED
from servers import copy_of, template

PASSWORD = "correct horse battery"
USERS = {"maria": "admin", "oliver": "operator", "vera": "viewer"}


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {dict(self.headers)} {self.body[:2000]!r}"


class Client:
    """Somebody who talks to the server over one connection, with or without credentials."""

    def __init__(self, web, headers=None):
        self.web, self.headers, self.csrf = web, dict(headers or {}), None
        self.connection = web.connect()

    def __call__(self, method, path, body=None, headers=None, status=None):
        """`body` is JSON unless it is bytes or a text. Demands the status when one is named."""
        sent = {**self.headers, **(headers or {})}
        if self.csrf and method not in ("GET", "HEAD", "OPTIONS"):
            sent.setdefault("X-CSRF-Token", self.csrf)
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            sent.setdefault("Content-Type", "application/json")
        try:
            self.connection.request(method, path, body, {k: v for k, v in sent.items() if v is not None})
            response = self.connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        except (http.client.HTTPException, OSError):
            self.connection.close()
            raise
        assert status is None or answer.status == status, f"{method} {path}: {answer}"
        return answer

    def problem(self, status, method, path, *args, **more):
        """What an error says: (detail, hint)."""
        answer = self(method, path, *args, status=status, **more)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json["status"] == status and answer.json["type"] == f"urn:backstay:{answer.json['kind']}"
        return answer.json["detail"], answer.json["hint"]

    def log_in(self, name="maria", password=PASSWORD):
        answer = self("POST", "/backup/api/session/", {"name": name, "password": password}, status=200)
        self.headers["Cookie"] = answer.headers["Set-Cookie"].split(";")[0]
        self.csrf = answer.json["csrf"]
        return self

    def close(self):
        self.connection.close()


class Web:
    """The daemon. `program` runs the command line in its environment (conftest.Program)."""

    def __init__(self, folder, make_program, env=None, users=USERS):
        self.home, self.state, self.log_path = folder / "home", folder / "state", folder / "log"
        self.home.mkdir()
        (folder / "tmp").mkdir()
        self.env = {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "TMPDIR": str(folder / "tmp"), "LANG": "C.UTF-8", "TZ": "Europe/Berlin",
            "BACKSTAY_HOME": str(self.state), "BACKSTAY_REPOSITORY": str(folder / "repository"),
            **CHECKED, **(env or {}),
        }
        self.process, self.clients = None, []
        self.program = make_program(self.env, self.home)
        (folder / "password").write_text(PASSWORD)
        if users:
            copy_of(template("users-" + "-".join(users), pwd.getpwuid(os.geteuid()).pw_name, lambda made: self._add_users(made, users)), self.state)

    def _add_users(self, made, users):
        """Once for all tests, and with the password stretched as little as can be: the usual tenth of a second at each login is what tests would take longest for."""
        (made / "password").write_text(PASSWORD)
        for name, role in users.items():
            self.program.plain("user", "add", name, "--role", role, "--new-password-file", made / "password", env={"BACKSTAY_HOME": str(made / "data")})
        salt = os.urandom(16)
        stored = "$".join(("scrypt$1$8$1", *(base64.b64encode(b).decode() for b in (salt, hashlib.scrypt(PASSWORD.encode(), salt=salt, n=2, r=8, p=1, dklen=32)))))
        db = sqlite3.connect(made / "data" / "catalog.db")
        db.execute("UPDATE user SET password = ?", (stored,))
        db.commit()
        db.close()

    @property
    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def start(self, listen="127.0.0.1:0", env=None):
        """Until it listens."""
        with open(self.log_path, "wb") as log:
            self.process = self.program.start("serve", "--listen", listen, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
        end = time.monotonic() + 60
        while not (said := re.search(r"listening on (\S+)", self.log)):
            assert self.process.poll() is None and time.monotonic() < end, self.log
            time.sleep(0.01)
        self.host, _, port = said[1].rpartition(":")
        self.host, self.port = self.host.strip("[]"), int(port) if port.isdigit() else None
        return self

    def stop(self):
        """Gracefully; what the sanitizers have found makes the status another than 0."""
        process, self.process = self.process, None
        process.send_signal(signal.SIGTERM)
        status = process.wait(60)
        assert status == 0, f"the daemon ended with {status}:\n{self.log}"

    @property
    def address(self):
        return f"http://{self.host}:{self.port}"

    def connect(self, timeout=60):
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def client(self, headers=None):
        self.clients.append(Client(self, headers))
        return self.clients[-1]

    def token(self, name, user, scope):
        return self.program.plain("token", "add", name, "--user", user, "--scope", scope, "--json").json["text"]

    def raw(self, data, timeout=30):
        """Everything the server sends for these bytes until it closes the connection."""
        with socket.create_connection((self.host, self.port), timeout=timeout) as s:
            s.sendall(data)
            return read_all(s)

    def close(self):
        for client in self.clients:
            client.close()
        if self.process:
            self.stop()


def read_all(s):
    got = b""
    while True:
        try:
            part = s.recv(65536)
        except ConnectionResetError:
            return got
        if not part:
            return got
        got += part


def head(*lines):
    """A request's head from its lines; of a Host when none says one."""
    if not any(line.lower().startswith("host") for line in lines):
        lines = (*lines, "Host: 127.0.0.1")
    return "\r\n".join((*lines, "", "")).encode("latin-1")


def statuses(answer):
    """The status of each answer in what a connection brought."""
    return [int(s) for s in re.findall(rb"(?:^|\n|\})HTTP/1\.1 (\d\d\d) ", answer)]


class Stream:
    """Server-sent events, read as a browser does."""

    def __init__(self, client, path, last_id=None, status=200):
        self.connection = client.web.connect(timeout=30)
        self.connection.request("GET", path, headers={**client.headers, **({"Last-Event-ID": last_id} if last_id else {})})
        self.response = self.connection.getresponse()
        self.headers, self.last_id = self.response.headers, last_id
        assert self.response.status == status, self.response.read()

    def __iter__(self):
        """(name, data) of each event, until the stream ends."""
        name = data = None
        for line in self.response:
            field, _, value = line.decode().rstrip("\n").partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                data = json.loads(value)
            elif field == "id":
                self.last_id = value
            elif not field and name:
                yield name, data
                name = data = None

    def until(self, name, wanted=lambda data: True):
        """The data of the next such event."""
        for got, data in self:
            if got == name and wanted(data):
                return data
        raise AssertionError(f"the stream ended without {name}")

    def close(self):
        self.response.close()
        self.connection.close()
