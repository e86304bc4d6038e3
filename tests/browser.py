"""A headless Chromium for tests of the dashboard, driven as a person would: by labels, names of buttons and what is to be seen."""
import os
import re
import time

from chromium import LOOK, POINT, Chromium, Gone, Keys, Window        # noqa: F401
from waiting import pauses

DESKTOP, PHONE = (1280, 900), (360, 740)
USUAL = PHONE if os.environ.get("BACKSTAY_TEST_PHONE") else DESKTOP      # ./test runs tests/ui in both

# All of a page is there: its heading, nothing of the page before, nothing that is still fetched.
SETTLED = "const view = document.getElementById('view'); return view?.querySelector('h1') && !view.querySelector('[data-before], [aria-busy=true]:not(button), .waiting')"

# Everything that is asked about a page is asked in one go: an answer takes longer than finding it.
ASK = LOOK + """
    // Where a person can press something now: the dialog that is open, else the page.
    const top = () => [...document.querySelectorAll('dialog[open]')].pop() || document.body;
    // The first element of an XPath that can be seen.
    const seen = (path, within) => all(path, within).find(e => displayed(e.closest('select') || e)) || null;
"""
FIRST_SEEN = ASK + "return seen(...arguments)"
PRESSABLE = ASK + POINT + """
    const [path, within] = arguments, found = seen(path, within || top());
    return found && !found.matches(':disabled') ? aim(found) : null;
"""
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


class Browser:
    """A person's browser: cookies, storage and downloads that nobody shares, in a Chromium of its own unless one is given. Every method waits for what it needs,
    and says what it waited for."""

    def __init__(self, chromium=None):
        self.own = None if chromium else Chromium()
        self.chromium = chromium or self.own
        self.context = self.chromium.call("Target.createBrowserContext")["browserContextId"]
        self.downloads = self.chromium.folder / self.context
        self.downloads.mkdir()
        self.chromium.call("Browser.setDownloadBehavior", behavior="allow", browserContextId=self.context, downloadPath=str(self.downloads))
        self.errors, self.requests, self.asked, self.sizes = [], [], {}, {}
        self.windows = []
        self.size = DESKTOP
        self.new_window()

    def quit(self):
        for window in list(self.windows):
            self.close_window(window)
        self.chromium.call("Target.disposeBrowserContext", browserContextId=self.context)
        if self.own:
            self.own.close()

    def new_window(self):
        """Which is looked at then."""
        self.window = Window(self.chromium, self.context, self)
        self.windows.append(self.window)
        self.resize(self.size)
        return self.window

    def close_window(self, window=None):
        window = window or self.window
        window.close()
        self.windows.remove(window)
        self.window = self.windows[-1] if self.windows else None

    def resize(self, size):
        self.size, self.small = size, size[0] < 500
        self.call("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=self.small)

    def media(self, **features):
        """What the person prefers: media(prefers_color_scheme="dark"); that nothing moves, always."""
        wanted = {"prefers_reduced_motion": "reduce", **features}
        self.call("Emulation.setEmulatedMedia", features=[{"name": name.replace("_", "-"), "value": value} for name, value in wanted.items()])

    def network(self, upload=-1):
        """So many bytes a second at most."""
        self.call("Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=upload)

    # ---- what happened behind the page ----

    def happened(self, window, event, more):
        if event == "Log.entryAdded" and more["entry"]["level"] in ("error", "warning"):
            self.errors.append(f"{more['entry'].get('url', '')} {more['entry']['text']}")
        elif event == "Runtime.consoleAPICalled" and more["type"] in ("error", "assert", "warning"):
            self.errors.append(" ".join(str(a.get("value", a.get("description"))) for a in more["args"]))
        elif event == "Runtime.exceptionThrown":
            self.errors.append(more["exceptionDetails"].get("exception", {}).get("description") or more["exceptionDetails"]["text"])
        elif event == "Page.javascriptDialogOpening":
            self.errors.append(f"a dialog of the browser: {more['message']}")
            window.send("Page.handleJavaScriptDialog", accept=True)
        elif event == "Network.requestWillBeSent" and not more["request"]["url"].startswith(("chrome", "devtools")):      # the browser's own pages
            self.asked[more["requestId"]] = more["request"]["url"]
            self.requests.append(more["request"]["url"])
        elif event == "Network.loadingFinished":
            self.sizes[more["requestId"]] = more["encodedDataLength"]

    def collect(self):
        """Until all that has happened by now is in `errors` and `requests`."""
        for window in self.windows:
            window.js("return 0")

    def collect_traffic(self):
        """(address, bytes as they were sent) of every request since the last time; 0 bytes for what has not ended."""
        self.collect()
        traffic = [(url, self.sizes.get(request, 0)) for request, url in self.asked.items()]
        self.asked.clear()
        return traffic

    def fresh(self):
        """As at the beginning of a test."""
        self.errors.clear()
        self.resize(USUAL)

    def expect(self, *statuses):
        """The browser complains of answers with these statuses by itself; they were meant, and are no errors."""
        self.collect()
        self.errors[:] = [e for e in self.errors if not re.search(f"responded with a status of ({'|'.join(map(str, statuses))})\\b", e)]

    # ---- the page as it is ----

    def call(self, method, **params):
        return self.window.call(method, **params)

    def js(self, script, *args):
        return self.window.js(script, *args)

    def find(self, script, *args):
        return self.window.find(script, *args)

    def all(self, path):
        return self.root.all(path)

    def one(self, path):
        return self.root.one(path)

    def texts(self, path):
        return self.root.texts(path)

    @property
    def root(self):
        return self.find("return document.documentElement")

    @property
    def address(self):
        return self.js("return location.href")

    @property
    def source(self):
        return self.js("return document.documentElement.outerHTML")

    @property
    def active(self):
        """What has the focus."""
        return self.find("return document.activeElement")

    def refresh(self):
        self.window.refresh()

    def back(self):
        self.window.back()

    # ---- waiting ----

    def until(self, condition, what, seconds=20):
        end = time.monotonic() + seconds
        for _ in pauses():
            try:
                seen = condition()
            except Gone:
                seen = None
            if seen:
                return seen
            assert time.monotonic() < end, f"not seen: {what}\n--- the page says:\n{self.text()[:3000]}"

    def text(self):
        return self.one("body").text

    def visible(self, xpath, within=None):
        return self.find(FIRST_SEEN, xpath, within)

    # ---- doing what a person does ----

    def open(self, url):
        self.window.open(url)

    def log_in(self, web, name="maria", where=""):
        """The dashboard of a webserver.Web as one of its users, without the form: a session made through the API becomes the browser's."""
        cookie, value = web.client().log_in(name).headers["Cookie"].split("=", 1)
        self.open("about:blank")            # an address that differs in its hash only would load nothing; nor may the page before ask as somebody else
        self.call("Network.setCookie", name=cookie, value=value, url=web.address, httpOnly=True, sameSite="Strict")
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
        self.js("for (const e of document.getElementById('view').children) e.dataset.before = '';"
                "if (location.hash === arguments[0]) dispatchEvent(new Event('hashchange')); else location.hash = arguments[0]", f"#/{where}")
        self.settled()

    def show_all(self):
        """A list without its filters: until the form that has them is gone."""
        self.click("Show all")
        self.until(lambda: not self.visible("//a[.='Show all']"), "the list without a filter")
        self.settled()

    def settled(self):
        """Until nothing is left of the page before, and all of this one is there. A page that cannot come (the server is away, the session has
        ended) is not waited for long: who looks for something there says what is missing."""
        end = time.monotonic() + 5
        for _ in pauses():
            if self.js(SETTLED) or time.monotonic() > end:
                return

    def showing(self, text):
        """Whether some element shows this text; a phone shows the heads of a table before each cell."""
        heads = f" | //td[contains(@data-title, {quoted(text)})]" if self.small else ""
        return self.js(ASK + "return seen(...arguments) !== null", f"//*[text()[contains(normalize-space(.), {quoted(text)})]]{heads}")

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
        return self.until(lambda: self.find(ASK + "const found = top(); return found === document.body ? null : found"), "a dialog")

    def click(self, name, within=None):
        """A button or link of this name; in the open dialog when there is one."""
        path = f".//*[self::button or self::a or @role='menuitem'][normalize-space(.)={quoted(name)} or @aria-label={quoted(name)}]"

        self.until(lambda: self.window.press(self.js(PRESSABLE, path, within)), f'the button "{name}"')

    def field(self, label, within=None):
        def find():
            fold, found = self.find(FIELD, f".//label[starts-with(normalize-space(.), {quoted(label)})]", f".//*[@aria-label={quoted(label)}]", within)
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
            if element.js(READY):
                if line := text.removesuffix("\n"):
                    self.call("Input.insertText", text=line)
                else:
                    self.keys(Keys.DELETE)
                if text.endswith("\n"):
                    self.keys(Keys.ENTER)
            elif element.enabled and element.get("type") in ("date", "time"):
                element.js("arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))", text)
            else:
                raise Gone("no field that takes a text now")

        self.on_field(label, within, typed)

    def choose(self, label, option, within=None):
        self.until(lambda: self.js(CHOOSE, self.field(label, within), option), f'"{option}" to be chosen of "{label}"')

    def tick(self, label, on=True, within=None):
        def ticked(element):
            if element.get("checked") != on:
                element.click()

        self.on_field(label, within, ticked)

    def keys(self, *keys):
        """To whatever has the focus."""
        self.window.keys(*keys)

    def screenshot(self, path):
        """The whole page, however long."""
        width, height = self.js("return [innerWidth, document.documentElement.scrollHeight]")
        self.resize((width, min(4000, max(height, 600))))
        path.write_bytes(self.window.picture())
