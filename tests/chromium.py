"""A Chromium without a screen, driven by its own protocol (https://chromedevtools.github.io/devtools-protocol) through a pipe."""
import base64
import itertools
import json
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import time

from waiting import pauses

PROGRAM = "/usr/lib/chromium/chromium-headless-shell"       # the same engine without Chromium's own windows, which cost as much as our pages
FLAGS = ("--no-sandbox", "--disable-gpu", "--renderer-process-limit=1", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--disable-extensions", "--disable-default-apps", "--force-prefers-reduced-motion", "--lang=en-GB", "--hide-scrollbars", "--remote-debugging-pipe")
# What the protocol says of a page or an element that another has taken the place of.
NOT_YET = "Cannot find default execution context"           # another page is on its way
GONE = (NOT_YET, "Cannot find context with specified id", "Could not find object with given id", "Execution context was destroyed", "Inspected target navigated or closed",
        "Could not find node with given id", "an element that is gone")
# Where elements are, and whether they can be seen.
LOOK = """
    const displayed = e => e.checkVisibility({checkOpacity: true, checkVisibilityCSS: true}) && [...e.getClientRects()].some(r => r.width && r.height);
    // All elements of an XPath or a selector.
    const all = (path, within) => {
        if (!/^\\.?\\//.test(path))
            return [...(within || document).querySelectorAll(path)];
        const found = document.evaluate(path, within || document, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE, null);
        return Array.from({length: found.snapshotLength}, (_, i) => found.snapshotItem(i));
    };
"""
# What a person reads in an element: its lines, without the spaces that only its source has.
READ = LOOK + """
    const INLINE = ['inline', 'inline-block', 'inline-table', 'none', 'table-cell', 'table-column', 'table-column-group'];
    const read = e => {
        const lines = [''];
        const add = (text, pre) => {
            text = text.replace(/[\\u200b\\u200e\\u200f]/g, '');
            text = pre ? text.replace(/[ \\t]/g, '\\xa0') : text.replace(/[ \\t\\n\\r\\f]+/g, ' ');
            const line = lines.pop();
            lines.push(...(line + (line.endsWith(' ') ? text.replace(/^ /, '') : text)).split('\\n'));
        };
        const walk = node => {
            if (node.localName === 'br') {
                lines.push('');
                return;
            }
            const {display, whiteSpace, textTransform} = getComputedStyle(node), cell = display === 'table-cell';
            const block = !cell && !INLINE.includes(display), shown = displayed(node.closest('select') || node);
            if (block && lines.at(-1).trim())
                lines.push('');
            for (const child of node.childNodes)
                if (child.nodeType === Node.ELEMENT_NODE)
                    walk(child);
                else if (child.nodeType === Node.TEXT_NODE && shown)
                    add(textTransform === 'uppercase' ? child.data.toUpperCase() : child.data, whiteSpace.startsWith('pre') && whiteSpace !== 'pre-line');
            const line = lines.at(-1);
            if (cell && line && !line.endsWith(' '))
                lines[lines.length - 1] += ' ';
            if (block && line.trim())
                lines.push('');
        };
        walk(e);
        return lines.map(line => line.replace(/^[ \\n]+|[ \\n]+$/g, '')).join('\\n').replace(/^[ \\n]+|[ \\n]+$/g, '').replaceAll('\\xa0', ' ');
    };
"""
# Brings an element to the middle of the window: where a press would meet it, [x, y]. It may move or be drawn anew before the press comes: what was
# aimed at nothing else does then, and MET tells.
POINT = """
    const point = e => {
        e.scrollIntoView({block: 'center', behavior: 'instant'});
        const box = [...e.getClientRects()].find(r => r.width && r.height);
        if (!box)
            return null;
        const middle = (from, to, end) => (Math.max(from, 0) + Math.min(to, end)) / 2;
        const place = [middle(box.left, box.right, innerWidth), middle(box.top, box.bottom, innerHeight)];
        return e.contains(document.elementFromPoint(...place)) ? place : null;
    };
    const aim = e => {
        const place = point(e), hit = c => {
            window.met = e.contains(c.target);
            if (!window.met) {
                c.stopImmediatePropagation();
                c.preventDefault();
            }
        };
        if (place) {
            window.met = false;
            window.addEventListener('click', hit, {capture: true, once: true});
            window.unaim = () => window.removeEventListener('click', hit, {capture: true});
        }
        return place;
    };
"""
MET = "window.unaim?.(); return window.met !== false"


class Gone(Exception):
    """What was asked about is no longer on the page."""


class Refused(Exception):
    """The browser, or a script in it, says that something cannot be done."""


class Chromium:
    """One browser, for any number of people (browser.Browser)."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bs-browser-"))
        self.rest, self.numbers, self.answers, self.windows = b"", itertools.count(1), {}, {}
        # It reads from descriptor 3 and writes to 4.
        self.process = subprocess.Popen(["sh", "-c", 'exec "$@" 3<&0 4>&1 </dev/null >/dev/null', "sh", PROGRAM, *FLAGS, f"--user-data-dir={self.folder}/data"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, "HOME": str(self.folder), "TMPDIR": str(self.folder), "TZ": "Europe/Berlin"})

    def send(self, method, session=None, **params):
        """The number of what was asked for: answer() has what came of it."""
        number = next(self.numbers)
        self.process.stdin.write(json.dumps({"id": number, "method": method, "params": params, **({"sessionId": session} if session else {})}).encode() + b"\0")
        self.process.stdin.flush()
        return number

    def answer(self, number, seconds=60):
        end = time.monotonic() + seconds
        while number not in self.answers:
            self.listen(end, "an answer of the browser")
        answer = self.answers.pop(number)
        if "error" not in answer:
            return answer["result"]
        message = answer["error"]["message"]
        raise (Gone if message.startswith(GONE) else Refused)(message)

    def call(self, method, session=None, **params):
        return self.answer(self.send(method, session, **params))

    def listen(self, end, what):
        """To whatever it says next."""
        ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
        said = os.read(self.process.stdout.fileno(), 1 << 20) if ready else b""
        assert said, f"{what} did not come; the browser {'is silent' if not ready else 'has ended'}"
        *messages, self.rest = (self.rest + said).split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                self.answers[message["id"]] = message
            elif message.get("sessionId") in self.windows:
                self.windows[message["sessionId"]].happened(message["method"], message["params"])

    def close(self):
        self.send("Browser.close")
        self.process.wait(30)
        self.process.stdin.close()
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Window:
    """A page of the browser. Whatever happens in it is told to `told`."""

    def __init__(self, chromium, context, told):
        self.chromium, self.told, self.loads, self.moves = chromium, told, set(), 0
        self.target = chromium.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        self.session = chromium.call("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        chromium.windows[self.session] = self
        for number in [self.send(f"{domain}.enable") for domain in ("Page", "Runtime", "Log", "Network")] + [
                self.send("Page.setLifecycleEventsEnabled", enabled=True), self.send("Emulation.setFocusEmulationEnabled", enabled=True)]:
            chromium.answer(number)

    def send(self, method, **params):
        return self.chromium.send(method, self.session, **params)

    def call(self, method, **params):
        return self.chromium.call(method, self.session, **params)

    def happened(self, event, more):
        if event == "Page.lifecycleEvent" and more["name"] == "load":
            self.loads.add(more["loaderId"])
            self.moves += 1
        elif event == "Page.navigatedWithinDocument":
            self.moves += 1
        else:
            self.told.happened(self, event, more)

    def until(self, condition, what):
        end = time.monotonic() + 30
        while not condition():
            self.chromium.listen(end, what)

    # ---- pages ----

    def open(self, url):
        answer = self.call("Page.navigate", url=url)
        if "errorText" in answer:
            raise Refused(f"{url}: {answer['errorText']}")
        if "loaderId" in answer:            # otherwise only what follows # is another
            self.until(lambda: answer["loaderId"] in self.loads, f"the end of loading {url}")

    def refresh(self):
        known = len(self.loads)
        self.call("Page.reload")
        self.until(lambda: len(self.loads) > known, "the end of loading the page again")

    def back(self):
        way, known = self.call("Page.getNavigationHistory"), self.moves
        self.call("Page.navigateToHistoryEntry", entryId=way["entries"][way["currentIndex"] - 1]["id"])
        self.until(lambda: self.moves > known, "the page before")

    def picture(self):
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])

    def close(self):
        self.call("Target.closeTarget", targetId=self.target)
        del self.chromium.windows[self.session]

    # ---- scripts ----

    def run(self, script, args, by_value):
        """What a script, whose `arguments` are these, returns, as the protocol describes it."""
        known = [a for a in args if isinstance(a, Element)]
        if known:
            guard = "for (const a of arguments) if (a instanceof Node && !a.isConnected) throw new Error('an element that is gone'); "
            said = self.call("Runtime.callFunctionOn", objectId=known[0].id, functionDeclaration=f"function() {{ {guard}{script} }}",
                             arguments=[{"objectId": a.id} if isinstance(a, Element) else {"value": a} for a in args], returnByValue=by_value, awaitPromise=True)
        else:
            said = self.evaluate(f"(function() {{ {script} }}).apply(null, {json.dumps(args)})", by_value)
        if "exceptionDetails" not in said:
            return said["result"]
        thrown = said["exceptionDetails"]["exception"].get("description") or said["exceptionDetails"]["text"]
        raise Gone(thrown) if "an element that is gone" in thrown else Refused(thrown)

    def evaluate(self, expression, by_value):
        end = time.monotonic() + 10
        for _ in pauses():
            try:
                return self.call("Runtime.evaluate", expression=expression, returnByValue=by_value, awaitPromise=True)
            except Gone as e:
                if NOT_YET not in str(e) or time.monotonic() > end:
                    raise

    def js(self, script, *args):
        """What a script returns, or what the promise brings that it returns; no elements."""
        return self.run(script, args, True).get("value")

    def find(self, script, *args):
        """The element that a script returns, or None; or a list of elements and None."""
        return self.element(self.run(script, args, False))

    def element(self, found):
        if found.get("subtype") == "node":
            return Element(self, found["objectId"])
        if found.get("subtype") != "array":
            return None
        parts = self.call("Runtime.getProperties", objectId=found["objectId"], ownProperties=True)["result"]
        return [self.element(p["value"]) for p in parts if p["name"].isdigit()]

    # ---- what a person does ----

    def mouse(self, place, button="left"):
        """A press where something is."""
        for number in [self.send("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button=button, clickCount=1) for kind in ("mousePressed", "mouseReleased")]:
            self.chromium.answer(number)

    def press(self, place):
        """Where something was aimed at; whether that was met."""
        if not place:
            return False
        self.mouse(place)
        try:
            return self.js(MET)
        except Gone:                # it led to another page
            return True

    def keys(self, *keys):
        """Keys and texts."""
        sent = []
        for key in keys:
            for what in [key.event] if isinstance(key, Key) else [{"key": c, "text": c} for c in key]:
                sent += [self.send("Input.dispatchKeyEvent", type="keyDown" if "text" in what else "rawKeyDown", **what), self.send("Input.dispatchKeyEvent", type="keyUp", **{**what, "text": ""})]
        for number in sent:
            self.chromium.answer(number)


class Element:
    """One on a page; Gone when it was drawn anew."""

    def __init__(self, window, found):
        self.window, self.id = window, found

    def js(self, script, *args):
        return self.window.js(script, self, *args)

    @property
    def text(self):
        return self.js(READ + "return read(arguments[0])")

    def get(self, name):
        """What the page has under this name: whether it is checked, the value that was typed; else what its source says."""
        return self.js("const [e, name] = arguments; return ['string', 'number', 'boolean'].includes(typeof e[name]) ? e[name] : e.getAttribute(name)", name)

    def css(self, name):
        return self.js("return getComputedStyle(arguments[0])[arguments[1]]", name)

    @property
    def box(self):
        """On the page, wherever it is scrolled to."""
        return self.js("const r = arguments[0].getBoundingClientRect(); return {x: r.x + scrollX, y: r.y + scrollY, width: r.width, height: r.height}")

    @property
    def displayed(self):
        return self.js(LOOK + "return displayed(arguments[0])")

    @property
    def enabled(self):
        return self.js("return !arguments[0].matches(':disabled')")

    def all(self, path):
        """All elements of an XPath or a selector."""
        return self.window.find(LOOK + "return all(arguments[1], arguments[0])", self, path)

    def one(self, path):
        found = self.window.find(LOOK + "return all(arguments[1], arguments[0])[0]", self, path)
        if not found:
            raise Gone(f"there is no {path}")
        return found

    def texts(self, path):
        """What stands in each of these."""
        return self.js(READ + "return all(arguments[1], arguments[0]).map(read)", path)

    def click(self):
        if not self.window.press(self.js(POINT + "return aim(arguments[0])")):
            raise Gone("a press does not meet it")

    def ask_for_menu(self):
        """A press of the right button."""
        self.window.mouse(self.js(POINT + "return point(arguments[0])"), "right")

    def keys(self, *keys):
        self.js("arguments[0].focus()")
        self.window.keys(*keys)

    def upload(self, path):
        """A file is chosen."""
        self.window.call("DOM.setFileInputFiles", objectId=self.id, files=[str(path)])


class Key:
    def __init__(self, name, code, **more):
        self.event = {"key": name, "code": name, "windowsVirtualKeyCode": code, **more}


class Keys:
    TAB, ENTER, ESCAPE = Key("Tab", 9), Key("Enter", 13, text="\r"), Key("Escape", 27)
    DELETE = Key("Delete", 46)
    END, HOME, ARROW_UP, ARROW_DOWN = Key("End", 35), Key("Home", 36), Key("ArrowUp", 38), Key("ArrowDown", 40)
    ALL = Key("a", 65, modifiers=2, commands=["selectAll"])         # what Control and A do
