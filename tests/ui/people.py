"""What people do at the dashboard in several files of tests."""
import base64
import hmac
import re
import struct
import time

import pytest
from api_world import World
from browser import quoted


@pytest.fixture(scope="module")
def world(tmp_path_factory, request):
    """An api_world.World for a file, with what its furnish(world), if it has one, puts there; its dashboard is the one that is looked at."""
    w = World(tmp_path_factory.mktemp(request.module.__name__))
    getattr(request.module, "furnish", lambda w: None)(w)
    yield w
    w.close()


@pytest.fixture(scope="module")
def place(world):
    return world.web


def log_in(page, name, password):
    page.fill("Name", name)
    page.fill("Password", password)
    page.click("Log in")


def end_sessions(admin):
    """As an admin does it, or time; their own stays."""
    for s in admin.get("/sessions/?all=true&limit=1000")["items"]:
        if not s["current"]:
            admin.call("DELETE", f"/sessions/{s['id']}/")


def be_logged_in(page, place, name="maria", where=""):
    """Whether they were already; otherwise they are now, at a page."""
    if page.js("return location.origin") == place.address and page.visible(f"//*[@id='account']/a[.={quoted(name)}]") and not page.all("dialog.must"):
        return True
    page.log_in(place, name, where)
    return False


def be_at(page, place, where, name="maria"):
    """At a page, all of which is there, as somebody; it is made anew even when they were there, and what was told before is closed."""
    if be_logged_in(page, place, name, where):
        page.js("document.querySelectorAll('#told button').forEach(b => b.click())")
        page.go(where)
    return page


def make_first_account(page, place, name, password):
    """By the one-time link that the daemon has printed, up to the first start's first step."""
    link = page.until(lambda: re.search(r"#/setup\?link=\S+", place.log), "the link in the log")[0]
    page.open(f"{place.address}/{link}")
    page.heading("Welcome to Backstay")
    page.fill("Name", name)
    page.fill("Password", password)
    page.fill("Password once more", password)
    page.click("Make the first account")
    page.heading("Two minutes to the first backup")


def one_time_code(key, now=None):
    """As apps make it (RFC 6238)."""
    step = int(time.time() if now is None else now) // 30
    digest = hmac.digest(base64.b32decode(key), struct.pack(">Q", step), "sha1")
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7FFFFFFF) % 1000000:06d}"
