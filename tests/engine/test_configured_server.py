"""A database on a server under a configured name, whose password nothing but the catalog has."""
import pytest
from live import SECRET, LiveMariadb, LivePostgres, Watcher


@pytest.fixture(params=[LivePostgres, LiveMariadb], ids=lambda kind: kind.ENGINE)
def live(request):
    database = request.param(request.getfixturevalue("postgres" if request.param is LivePostgres else "mariadb"), rows=50)
    yield database
    database.drop()


def test_a_configured_server_is_backed_up_compared_and_restored_without_its_password_anywhere_else(initialised, live, tmp_path):
    name = f"keeper_{live.db}"
    live.user(name)
    initialised("source", "add", "shop", "--url-file", "-", stdin=live.url(user=name, password=SECRET).encode())
    with Watcher(SECRET) as watcher:
        assert "2 tables" in initialised("source", "test", "shop").out
        initialised("backup", "shop")
        before = live.state()
        live.drift()
        assert initialised.fails(5, "diff", "latest:shop", "live", "--exit-code").err.startswith("repository ")
        # To where it came from: what the manifest shows has no password.
        initialised("restore", "latest:shop", "--yes")
        assert live.state() == before
        initialised("restore", "--undo", "--yes")
        assert live.state() != before
        initialised("restore", "latest", "--source", "shop", "--to", "shop", "--yes")
        assert live.state() == before
        initialised("optimize", "shop")
    assert watcher.seen == set()
    kept = initialised("job", "list", "--json")
    assert {tuple(j["sources"]) for j in kept.json["jobs"]} == {("shop",)} and {j["state"] for j in kept.json["jobs"]} == {"success"}
    for path in [p for p in tmp_path.rglob("*") if p.is_file()]:
        assert SECRET.encode() not in path.read_bytes(), path


def test_a_protected_database_on_a_server_is_not_replaced(initialised, live):
    name = f"keeper_{live.db}"
    live.user(name)
    initialised("source", "add", "shop", "--url-file", "-", "--protect", stdin=live.url(user=name, password=SECRET).encode())
    initialised("backup", "shop")
    before = live.state()
    assert "the source shop is protected: no restore may replace " in initialised.fails(6, "restore", "latest:shop", "--yes").err
    assert live.state() == before
