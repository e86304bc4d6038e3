"""A headless Chromium for tests of the dashboard, driven as a person would: by labels, names of buttons and what is to be seen."""
import json
import os
import pathlib
import re
import shutil
import tempfile
import time

from selenium import webdriver
from selenium.common.exceptions import ElementClickInterceptedException, JavascriptException, NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from waiting import pauses

DESKTOP, PHONE = (1280, 900), (360, 740)
USUAL = PHONE if os.environ.get("BACKSTAY_TEST_PHONE") else DESKTOP      # ./test runs tests/ui in both
FLAGS = ("--no-sandbox", "--disable-gpu", "--renderer-process-limit=1", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--disable-extensions", "--disable-default-apps", "--force-prefers-reduced-motion", "--lang=en-GB", "--hide-scrollbars")

# All of a page is there: its heading, nothing of the page before, nothing that is still fetched.
SETTLED = "const view = document.getElementById('view'); return view?.querySelector('h1') && !view.querySelector('[data-before], [aria-busy=true]:not(button), .waiting')"

# Everything that is asked about a page is asked in one go: an answer takes longer than finding it.
ASK = """
    // Where a person can press something now: the dialog that is open, else the page.
    const top = () => [...document.querySelectorAll('dialog[open]')].pop() || document.body;
    const displayed = e => e.checkVisibility({checkOpacity: true, checkVisibilityCSS: true}) && [...e.getClientRects()].some(r => r.width && r.height);
    // The first element of an XPath that can be seen.
    const seen = (path, within) => {
        const found = document.evaluate(path, within || document, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE, null);
        for (let i = 0; i < found.snapshotLength; i++) {
            const e = found.snapshotItem(i);
            if (displayed(e.closest('select') || e))
                return e;
        }
        return null;
    };
"""
FIRST_SEEN = ASK + "return seen(...arguments)"
# Brings an element to the middle of the window: where a press would meet it, [x, y]. Whether it did, MET tells: it may be drawn anew meanwhile.
POINT = """
    const point = e => {
        e.scrollIntoView({block: 'center', behavior: 'instant'});
        const box = [...e.getClientRects()].find(r => r.width && r.height);
        if (!box)
            return null;
        const middle = (from, to, end) => (Math.max(from, 0) + Math.min(to, end)) / 2;
        const place = [middle(box.left, box.right, innerWidth), middle(box.top, box.bottom, innerHeight)];
        if (!e.contains(document.elementFromPoint(...place)))
            return null;
        window.met = false;
        document.addEventListener('click', c => { window.met = e.contains(c.target); }, {capture: true, once: true});
        return place;
    };
"""
MET = "return window.met !== false"        # nothing is known of it: it led to another page
PRESSABLE = ASK + POINT + """
    const [path, within] = arguments, found = seen(path, within || top());
    return found && !found.matches(':disabled') ? point(found) : null;
"""
DISPLAYED = ASK + "return displayed(arguments[0])"
# A field made ready for text that replaces what is in it. Some kinds take no text.
READY = """
    const e = arguments[0];
    if (!e.matches('textarea, input:not([type=date], [type=time], [type=file])') || e.matches(':disabled'))
        return false;
    e.scrollIntoView({block: 'center', behavior: 'instant'});
    e.focus();
    e.select();
    return document.activeElement === e;
"""
CHOOSE = """
    const [list, text] = arguments, option = [...list.options].find(o => o.text.trim() === text);
    if (!option || option.disabled || list.matches(':disabled'))
        return false;
    list.focus();
    if (!option.selected) {
        option.selected = true;
        for (const name of ['input', 'change'])
            list.dispatchEvent(new Event(name, {bubbles: true}));
    }
    return true;
"""
# The field of a label, or of that name; before it the button that the filters of a list are behind on a phone.
FIELD = ASK + """
    const [labels, names, within] = arguments, place = within || top();
    const fold = seen(".//button[@class='fold'][@aria-expanded='false']", place), label = seen(labels, place);
    return [fold, label ? place.querySelector(`[id="${label.htmlFor}"]`) : seen(names, place)];
"""


def words(element):
    """The text of an element in one line, however its parts are laid out: a phone puts below each other what a desktop puts side by side."""
    return " ".join(element.text.split())


def quoted(text):
    """A string in XPath, whatever quotes it holds."""
    return "concat(" + ", '\"', ".join(f'"{part}"' for part in text.split('"')) + ', "")'


def ask(driver, script, *args):
    """What a script returns that neither takes nor returns elements. Asked so, and not as Selenium does it, for half the time."""
    asked = driver.execute_cdp_cmd("Runtime.evaluate", {"expression": f"(function() {{ {script} }}).apply(null, {json.dumps(args)})", "returnByValue": True})
    if "exceptionDetails" in asked:
        raise JavascriptException(asked["exceptionDetails"]["exception"]["description"])
    return asked["result"].get("value")


def press(driver, place):
    """Through the browser's own input, as from a mouse; whether it met what it was meant for."""
    for kind in ("mousePressed", "mouseReleased"):
        driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1})
    return ask(driver, MET)


class Element(WebElement):
    """Selenium's, but for pressing and looking, which ChromeDriver takes four times as long for."""

    def click(self):
        place = self.parent.execute_script(POINT + "return point(arguments[0])", self)
        if not place or not press(self.parent, place):
            raise ElementClickInterceptedException("a press does not meet it")

    def is_displayed(self):
        return self.parent.execute_script(DISPLAYED, self)


class Browser:
    """One Chromium. `page` opens the dashboard; every method waits for what it needs, and says what it waited for."""

    def __init__(self, size=DESKTOP, dark=False):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bs-browser-"))
        options = Options()
        options.binary_location = "/usr/lib/chromium/chromium-headless-shell"       # the same engine without Chromium's own windows, which cost as much as our pages
        for flag in (*FLAGS, f"--window-size={size[0]},{size[1]}"):
            options.add_argument(flag)
        if dark:
            options.add_argument("--blink-settings=preferredColorScheme=0")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.downloads.mkdir()
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver", env={**os.environ, "HOME": str(self.folder), "TMPDIR": str(self.folder), "TZ": "Europe/Berlin"}), options=options)
        self.driver._web_element_cls = Element
        self.driver.set_page_load_timeout(30)
        self.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(self.downloads)})
        self.errors, self.requests = [], []
        self.resize(size)

    @property
    def downloads(self):
        return self.folder / "downloads"

    def resize(self, size):
        self.small = size[0] < 500
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": self.small})

    def look(self, dark):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}, {"name": "prefers-reduced-motion", "value": "reduce"}]})

    def offline(self, off):
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": off, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})

    def quit(self):
        self.driver.quit()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- what happened behind the page ----

    def collect(self):
        self.errors += [e["message"] for e in self.driver.get_log("browser") if e["level"] in ("SEVERE", "WARNING")]
        self.collect_traffic()

    def collect_traffic(self):
        """(address, bytes as they were sent) of every request since the last time; 0 bytes for what has not ended."""
        urls, sizes = {}, {}
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            more = message["params"]
            if message["method"] == "Network.requestWillBeSent" and not more["request"]["url"].startswith(("chrome", "devtools")):      # the browser's own pages
                urls[more["requestId"]] = more["request"]["url"]
                self.requests.append(more["request"]["url"])
            elif message["method"] == "Network.loadingFinished":
                sizes[more["requestId"]] = more["encodedDataLength"]
        return [(url, sizes.get(request, 0)) for request, url in urls.items()]

    def fresh(self):
        """As at the beginning of a test."""
        self.errors.clear()
        self.resize(USUAL)

    def expect(self, *statuses):
        """The browser complains of answers with these statuses by itself; they were meant, and are no errors."""
        self.collect()
        self.errors[:] = [e for e in self.errors if not re.search(f"responded with a status of ({'|'.join(map(str, statuses))})\\b", e)]

    # ---- waiting ----

    def until(self, condition, what, seconds=20):
        end = time.monotonic() + seconds
        for _ in pauses():
            try:
                seen = condition()
            except (StaleElementReferenceException, NoSuchElementException, ElementClickInterceptedException):
                seen = None
            if seen:
                return seen
            assert time.monotonic() < end, f"not seen: {what}\n--- the page says:\n{self.text()[:3000]}"

    def text(self):
        return self.driver.find_element(By.TAG_NAME, "body").text

    def visible(self, xpath, within=None):
        return self.driver.execute_script(FIRST_SEEN, xpath, within)

    # ---- doing what a person does ----

    def open(self, url):
        self.driver.get(url)

    def log_in(self, web, name="maria", where=""):
        """The dashboard of a webserver.Web as one of its users, without the form: a session made through the API becomes the browser's."""
        cookie, value = web.client().log_in(name).headers["Cookie"].split("=", 1)
        self.open("about:blank")            # an address that differs in its hash only would load nothing; nor may the page before ask as somebody else
        self.driver.execute_cdp_cmd("Network.setCookie", {"name": cookie, "value": value, "url": web.address, "httpOnly": True, "sameSite": "Strict"})
        self.open(f"{web.address}/#/{where}")
        self.see("Log out")
        self.settled()

    def log_in_again(self, name, password):
        """A restore over live data ends all sessions, that of who asked for it too."""
        self.see("Your session has ended", 60)
        self.fill("Name", name)
        self.fill("Password", password)
        self.click("Log in")
        self.see_none("Your session has ended")
        self.see_none("Backstay does not answer")
        self.expect(401, 409)

    def go(self, where):
        """To a page of the dashboard, until all of it is there: go("backups?source=shop"). It is made anew even when it is there already."""
        self.driver.execute_script("for (const e of document.getElementById('view').children) e.dataset.before = '';"
                                   "if (location.hash === arguments[0]) dispatchEvent(new Event('hashchange')); else location.hash = arguments[0]", f"#/{where}")
        self.settled()

    def settled(self):
        """Until nothing is left of the page before, and all of this one is there. A page that cannot come (the server is away, the session has
        ended) is not waited for long: who looks for something there says what is missing."""
        end = time.monotonic() + 5
        for _ in pauses():
            if ask(self.driver, SETTLED) or time.monotonic() > end:
                return

    def showing(self, text):
        """Whether some element shows this text; a phone shows the heads of a table before each cell."""
        heads = f" | //td[contains(@data-title, {quoted(text)})]" if self.small else ""
        return ask(self.driver, ASK + "return seen(...arguments) !== null", f"//*[text()[contains(normalize-space(.), {quoted(text)})]]{heads}")

    def see(self, text, seconds=20):
        """Some element shows this text."""
        return self.until(lambda: self.showing(text), f'"{text}"', seconds)

    def see_none(self, text, seconds=20):
        self.until(lambda: not self.showing(text), f'no "{text}"', seconds)

    def text_at(self, xpath, seconds=20):
        """What the first element there says that can be seen; it may be drawn anew while it is read."""
        return self.until(lambda: (found := self.visible(xpath)) and found.text, xpath, seconds)

    def heading(self, text):
        found = self.until(lambda: self.visible(f"//h1[normalize-space(.)={quoted(text)}]"), f'the heading "{text}"')
        self.settled()
        return found

    def dialog(self):
        return self.until(lambda: (self.driver.find_elements(By.CSS_SELECTOR, "dialog[open]") or [None])[-1], "a dialog")

    def top(self):
        return self.driver.execute_script(ASK + "return top()")

    def click(self, name, within=None):
        """A button or link of this name; in the open dialog when there is one."""
        path = f".//*[self::button or self::a or @role='menuitem'][normalize-space(.)={quoted(name)} or @aria-label={quoted(name)}]"

        def pressed():
            place = self.driver.execute_script(PRESSABLE, path, within)
            return place and press(self.driver, place)

        self.until(pressed, f'the button "{name}"')

    def field(self, label, within=None):
        def find():
            fold, found = self.driver.execute_script(FIELD, f".//label[starts-with(normalize-space(.), {quoted(label)})]", f".//*[@aria-label={quoted(label)}]", within)
            if fold:
                fold.click()
            return None if fold else found

        return self.until(find, f'the field "{label}"')

    def on_field(self, label, within, act):
        """A field is used; it may be drawn anew meanwhile, and then the new one is."""
        self.until(lambda: act(self.field(label, within)) or True, f'the field "{label}" to be used')

    def fill(self, label, text, within=None):
        """A line break at the end is the Enter key."""
        text = str(text)

        def typed(element):
            if self.driver.execute_script(READY, element):
                self.driver.execute_cdp_cmd("Input.insertText", {"text": text.removesuffix("\n")})
                if text.endswith("\n"):
                    element.send_keys(Keys.ENTER)
            elif element.get_property("type") == "time":
                self.driver.execute_script("arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))", element, text)
            else:
                element.send_keys(Keys.CONTROL, "a", Keys.NULL, text)

        self.on_field(label, within, typed)

    def choose(self, label, option, within=None):
        self.until(lambda: self.driver.execute_script(CHOOSE, self.field(label, within), option), f'"{option}" to be chosen of "{label}"')

    def tick(self, label, on=True, within=None):
        def ticked(element):
            if element.get_property("checked") != on:
                element.click()

        self.on_field(label, within, ticked)

    def press(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    def screenshot(self, path):
        """The whole page, however long."""
        height = min(4000, self.driver.execute_script("return document.documentElement.scrollHeight"))
        width = self.driver.execute_script("return innerWidth")
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": max(height, 600), "deviceScaleFactor": 1, "mobile": width < 500})
        self.driver.save_screenshot(str(path))
