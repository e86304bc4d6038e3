"""Passwords of sources on our own command line, which every user of the machine can read."""

import socket
import subprocess

import pytest


def arguments_seen(backstay, source):
    """The program's arguments, as others see them, while it waits for a server that never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        p = backstay.start("info", source.replace("PORT", str(port)), stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            server.settimeout(60)
            connection, _ = server.accept()
            with connection, open(f"/proc/{p.pid}/cmdline", "rb") as f:
                return f.read().decode()
        finally:
            p.kill()
            p.wait()


@pytest.mark.parametrize("source", [
    "postgresql://u:SECRET@127.0.0.1:PORT/shop",
    "postgresql://127.0.0.1:PORT/shop?password=SECRET&user=u",
    "postgresql:host=127.0.0.1 port=PORT password=SECRET&SECRET dbname=shop",
    "postgresql:host=127.0.0.1 port=PORT password = SECRET dbname=shop",
    "postgresql:host=127.0.0.1 port=PORT password='SEC \\'SECRET\\' SECRET' dbname=shop",
    "postgresql:host=127.0.0.1 port=PORT password=SEC\\ SECRET dbname=shop",
    "mysql://u:SECRET@127.0.0.1:PORT/shop",
])
def test_no_form_of_a_source_shows_its_password_to_other_users(backstay, source):
    seen = arguments_seen(backstay, source)
    assert "SECRET" not in seen
    assert "shop" in seen and "127.0.0.1" in seen
