"""A daemon of its own for a test: `backstay serve` with a private state folder, on a port of its own choice.

    def test_it(daemon, backstay, shop):          # the fixture is in conftest.py
        backstay("source", "add", "shop", shop)
        daemon.start()                              # waits until it says that it is ready
        daemon.url                                  # "http://127.0.0.1:41234"
        job, = daemon.jobs("kind = 'backup'")       # rows of the catalog as dicts
        daemon.wait_for(job["id"])                  # until it has ended; returns the row
        daemon.stop()                               # SIGTERM; demands a good end
"""
import os
import pathlib
import signal
import socket
import sqlite3
import subprocess
import time

from waiting import until

PATIENCE = 60


def processes_with(variable):
    """Ids of the processes that have NAME=value in their environment."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                environment = (entry / "environ").read_bytes().split(b"\0")
            except (OSError, PermissionError):
                continue
            if os.fsencode(variable) in environment:
                found.append(int(entry.name))
    return found


class Daemon:
    def __init__(self, program, folder):
        self.program, self.state = program, pathlib.Path(program.env["BACKSTAY_HOME"])
        self.log_path, self.socket_path = folder / "daemon.log", str(folder / "notify")
        self.process = self.url = None

    @property
    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def start(self, *args, env=None, web=False):
        """Until READY=1. Without `web` only schedules and jobs."""
        assert self.process is None
        pathlib.Path(self.socket_path).unlink(missing_ok=True)
        args = [*args, *(["--listen", "127.0.0.1:0"] if web else ["--no-web"])]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready, open(self.log_path, "ab") as log:
            ready.bind(self.socket_path)
            ready.settimeout(0.05)
            self.process = self.program.start("serve", *args, env={"NOTIFY_SOCKET": self.socket_path, **(env or {})}, stdin=subprocess.DEVNULL,
                                              stdout=subprocess.DEVNULL, stderr=log)
            end = time.monotonic() + PATIENCE
            while True:
                try:
                    said = ready.recv(4096).decode()
                except socket.timeout:
                    assert self.process.poll() is None, f"the daemon ended with {self.process.returncode}:\n{self.log}"
                    assert time.monotonic() < end, f"the daemon was not ready in {PATIENCE} s:\n{self.log}"
                    continue
                if "READY=1" in said:
                    break
        self.url = next((line.removeprefix("STATUS=") for line in said.splitlines() if line.startswith("STATUS=http")), None)
        return self

    def _end(self, number):
        process, self.process = self.process, None
        process.send_signal(number)
        return process.wait(timeout=PATIENCE)

    def stop(self):
        status = self._end(signal.SIGTERM)
        assert status == 0, f"the daemon ended with {status}:\n{self.log}"

    def kill(self):
        """As if the power had failed for it alone."""
        self._end(signal.SIGKILL)

    def wake(self):
        """Let it read its settings, and the catalog with them, now."""
        self.process.send_signal(signal.SIGHUP)

    # ---- the catalog, read as it is ----

    def rows(self, sql, *values):
        db = sqlite3.connect(f"file:{self.state / 'catalog.db'}?mode=ro", uri=True, timeout=10)
        db.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in db.execute(sql, values)]
        finally:
            db.close()

    def jobs(self, where="1", *values):
        return self.rows(f"SELECT * FROM job WHERE {where} ORDER BY n", *values)

    def job(self, job):
        return self.jobs("id = ?", job)[0]

    def wait_for(self, job):
        """Until it has ended."""
        return until(lambda: (row := self.job(job))["ended"] and row, f"the end of job {job}")

    def wait_until_running(self, job, phase=None):
        """Until it runs, in this phase."""
        def runs():
            row = self.job(job)
            assert not row["ended"], row
            return row["state"] == "running" and (phase is None or row["phase"] == phase) and row
        return until(runs, f"job {job} running {phase or ''}")

    def wait_until_idle(self):
        """Until every job has ended and was followed up."""
        until(lambda: not self.jobs("ended IS NULL OR NOT followed"), "the end of all jobs")

    def processes(self):
        """Everything that runs with this state folder, the daemon too."""
        return processes_with(f"BACKSTAY_HOME={self.state}")

    def assert_nothing_is_left(self):
        until(lambda: not self.processes(), "the end of all processes")

    def close(self):
        if self.process:
            self.kill()
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
