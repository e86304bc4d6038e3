"""Requests that take long: a child of our own program answers them, beside all others, and only as long as somebody waits."""
import os
import socket
import threading

import pytest
from conftest import make_shop
from daemon import processes_with
from waiting import until
from webserver import head, read_all, statuses

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
AT_ONCE, WAITING = 4, 16


@pytest.fixture(scope="module")
def question(web):
    """Where a backup is asked with SQL."""
    make_shop(web.home / "shop.db")
    web.program.plain("init")
    web.program.plain("repository", "add", "main", web.home.parent / "repository")
    web.program.plain("backup", web.home / "shop.db")
    return f"/backup/api/backups/{web.program.plain('list', '--json').json['backups'][0]['id']}/query/"


def children(web):
    """Processes of the daemon that answer questions."""
    found = []
    for pid in processes_with(f"BACKSTAY_HOME={web.state}"):
        try:
            words = open(f"/proc/{pid}/cmdline", "rb").read().split(b"\0")
        except OSError:
            continue
        if b"query" in words:
            found.append(pid)
    return found


def ask(web, client, question, sql=ENDLESS):
    """A connection that has asked, and was not answered yet."""
    body = b'{"sql": "%s"}' % sql.encode()
    s = socket.create_connection((web.host, web.port), timeout=60)
    s.sendall(head(f"POST {question} HTTP/1.1", f"Cookie: {client.headers['Cookie']}", f"X-CSRF-Token: {client.csrf}", "Content-Type: application/json",
                   f"Content-Length: {len(body)}", "Connection: close") + body)
    return s


def test_what_the_child_says_is_wrong_is_told(operator, question):
    answer = operator("POST", question, {"sql": "SELECT * FROM nothing"})
    assert answer.status in (400, 404, 422) and "nothing" in answer.json["detail"] and answer.headers["Content-Type"] == "application/problem+json"


def test_a_child_ends_when_nobody_waits_for_its_answer(web, operator, question):
    asking = ask(web, operator, question)
    until(lambda: children(web), "the child")
    asking.close()
    until(lambda: not children(web), "the end of the child")


def test_others_are_answered_meanwhile_and_too_many_are_told_to_come_back(web, operator, question):
    asking = [ask(web, operator, question) for _ in range(AT_ONCE + WAITING)]
    until(lambda: len(children(web)) == AT_ONCE, "the children")
    operator("GET", "/backup/api/session/", status=200)
    refused = until(lambda: (answer := operator("POST", question, {"sql": "SELECT 1"})).status == 503 and answer, "a refusal")
    assert refused.headers["Retry-After"] == "5" and refused.json["detail"] == f"{WAITING} requests of this kind wait already"
    for s in asking:
        s.close()
    until(lambda: operator("POST", question, {"sql": "SELECT count(*) FROM customers"}).status == 200, "an answer")
    until(lambda: not children(web), "the end of the children")


def test_an_answer_beyond_the_limit_is_not_taken_into_memory(web, operator, question):
    sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200) SELECT hex(zeroblob(500000)) FROM n"
    answer = operator("POST", question, {"sql": sql})
    if answer.status == 200:
        pytest.skip("the command bounds its answer already")
    assert answer.status == 413 and answer.json["detail"] == "the answer is larger than 64 MiB", answer


def test_a_repository_that_is_locked_for_a_moment_is_waited_for(web, operator, question):
    """After the others: the new password is a chosen one, which takes a child a third of a second."""
    os.mkfifo(web.home / "password")
    with web.program.start("key", "passwd", "--new-password-file", web.home / "password") as changing:
        with open(web.home / "password", "wb") as pipe:             # it reads this under its lock
            asking = ask(web, operator, question, "SELECT count(*) FROM customers")
            asking.settimeout(1)
            with pytest.raises(TimeoutError):
                asking.recv(1)
            pipe.write(b"another password\n")
    assert changing.returncode == 0
    asking.settimeout(60)
    assert statuses(read_all(asking)) == [200]


def test_the_end_of_the_server_ends_its_children(web, operator, question, tmp_path_factory):
    asking = ask(web, operator, question)
    until(lambda: children(web), "the child")
    ended = threading.Thread(target=web.stop)
    ended.start()
    # Who waits is told, or at least let go.
    assert statuses(read_all(asking)) in ([409], [503], [])
    ended.join()
    assert not children(web)
