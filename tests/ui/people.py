"""What people do at the dashboard in several files of tests."""
import base64
import hmac
import re
import struct
import time


def log_in(page, name, password):
    page.fill("Name", name)
    page.fill("Password", password)
    page.click("Log in")


def be_logged_in(page, place):
    """As the administrator, unless somebody is."""
    if not page.visible("//button[normalize-space(.)='Log out']"):
        page.log_in(place)


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


def settled(page):
    page.until(lambda: not page.driver.execute_script("return document.querySelector('[aria-busy=true]')"), "everything is there")


def one_time_code(key, now=None):
    """As apps make it (RFC 6238)."""
    step = int(time.time() if now is None else now) // 30
    digest = hmac.digest(base64.b32decode(key), struct.pack(">Q", step), "sha1")
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7FFFFFFF) % 1000000:06d}"


def turn_to(page, where):
    """To another page, until all of it is there."""
    page.until(lambda: page.visible("//main//h1"), "the page before it")
    page.driver.execute_script("for (const e of document.getElementById('view').children) e.dataset.before = ''")
    page.go(where)
    page.until(lambda: page.driver.execute_script("const view = document.getElementById('view'); return view.querySelector('h1') && !view.querySelector('[data-before]')"), f"the page {where}")
    settled(page)
