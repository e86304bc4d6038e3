"""What people do at the dashboard in several files of tests."""
import base64
import hmac
import struct
import time


def log_in(page, name, password):
    page.fill("Name", name)
    page.fill("Password", password)
    page.click("Log in")


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
