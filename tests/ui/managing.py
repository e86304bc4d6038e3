"""What tests of the dashboard's pages of management share: what they ask of the API, apart from the browser, and how they look at the pages."""
import pytest
from waiting import until
from browser import quoted
from conftest import make_media, make_shop
from people import be_at


class Api:
    """An admin's webserver.Client, for paths below /backup/api; every answer must be good."""

    def __init__(self, client):
        self.client = client

    def call(self, method, path, body=None):
        self.client.connection.close()                       # between two calls a browser works, longer than an idle connection is kept
        answer = self.client(method, f"/backup/api{path}", body)
        assert answer.status < 400, f"{method} {path}: {answer}"
        return answer.json if answer.body else None

    def get(self, path):
        return self.call("GET", path)

    def post(self, path, body=None):
        return self.call("POST", path, body or {})

    def patch(self, path, body):
        return self.call("PATCH", path, body)

    def remove(self, path):
        return self.call("DELETE", path)

    def names(self, what):
        return [one["name"] for one in self.get(f"/{what}/?limit=1000")["items"]]

    def jobs(self, query=""):
        """How many there are."""
        return self.get(f"/jobs/?limit=1&{query}")["total"]

    def wait(self, job, state="success"):
        until(lambda: self.get(f"/jobs/{job['id']}/")["state"] not in ("queued", "running"))
        found = self.get(f"/jobs/{job['id']}/")
        assert found["state"] == state, found
        return found

    def idle(self):
        """Until nothing waits or runs."""
        until(lambda: self.jobs("state=queued,running") == 0)


@pytest.fixture(scope="module")
def api(web, admin):
    """With the repository "main" and the sources "shop" and "media"."""
    one = Api(admin)
    make_shop(web.home / "shop.db")
    make_media(web.home / "media")
    one.post("/repositories/", {"name": "main", "location": str(web.home / "main"), "is_default": True})
    one.post("/repositories/main/init/")
    for name in ("shop.db", "media"):
        one.post("/sources/", {"name": name.removesuffix(".db"), "url": str(web.home / name)})
    return one


@pytest.fixture
def at(page, place, api):
    """at("sources"): that page, as the admin."""
    return lambda where, name="maria": be_at(page, place, where, name)


# ---- what stands on the page ----

def size(n):
    """As the dashboard writes it."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if n < 1000:
            return f"{n} B" if unit == "B" else f"{n:.{0 if n >= 100 else 1 if n >= 10 else 2}f} {unit}"
        n /= 1024


def cells(place):
    """What stands in the rows of a table, cell by cell."""
    return [row.texts("td") for row in place.all("tbody tr")]


def card(page, name):
    return page.until(lambda: page.visible(f"//section[contains(@class, 'card')][./h2[.='{name}'] or ./div/h2[.='{name}']]"), f"the card of {name}")


def fact(page, name, what):
    """What stands below a heading of a card; a page that is drawn anew meanwhile is looked at again."""
    def look():
        found = card(page, name).all(f".//dt[.='{what}']/following-sibling::dd")
        return [found[0].text if found else None]

    return page.until(look, f"{what} of {name}")[0]


def shows(page, name, **facts):
    """Until a card says this."""
    page.until(lambda: {what: fact(page, name, what.replace("_", " ")) for what in facts} == facts, f"{name}: {facts}")


def press(page, name, button):
    """A button of a card, which may be drawn anew meanwhile; or what its menu "More" has."""
    def pressed():
        path = f".//*[self::button or self::a][normalize-space(.)={quoted(button)}]"
        found = page.visible(path, card(page, name))
        if not found and card(page, name).all(f"{path}[@role='menuitem']"):
            page.visible(".//button[.='More']", card(page, name)).click()
            found = page.visible(path, card(page, name))
        if not found or not found.enabled:
            return None
        found.click()
        return True

    page.until(pressed, f'the button "{button}" of {name}')


def refused(page, sentence, hint=None, status=409):
    """The problem on the page says exactly this, and is taken away again by the next try."""
    box = page.until(lambda: page.visible(f"//*[@class='problem'][p[@class='what'][.={quoted(sentence)}]]"), f'the problem "{sentence}"')
    assert box.texts(".hint") == ([hint] if hint else [])
    page.expect(status)
    return box


def asked(page, title, *sentences):
    """A dialog that says what will happen."""
    dialog = page.dialog()
    assert dialog.one("h2").text == title
    assert dialog.texts("p") == list(sentences)


def cancelled(page):
    page.click("Cancel")
    page.until(lambda: not page.all("dialog"), "the dialog is gone")


def job_page(page, api, title, state="good"):
    """The page of the job that was just begun, at its end."""
    page.heading(title)
    page.until(lambda: page.visible(f"//p[@class='sentence']//*[contains(@class, 'state')][contains(., '{state}')]"), f"{title}: {state}")
    return api.get(f"/jobs/{page.address.rsplit('/', 1)[1]}/")
