// A checker of accessibility: what is wrong with the page as it stands, each finding a text "rule: element: figure". Given to the browser by
// test_accessibility.py, which plants each of these faults once to see that it is found.
(() => {
const CONTROLS = "a[href], button, input:not([type=hidden]), select, textarea, summary, [role=button], [role=link], [role=menuitem], [tabindex='0']";
const NAMED = `${CONTROLS}, img, svg, [role=img], table, dialog, progress, meter, nav, fieldset, [role=region], [role=log], [role=menu], [role=search]`;
const FROM_CONTENT = "a, button, summary, [role=button], [role=link], [role=menuitem]";
const PARENTS = {menuitem: "[role=menu]", row: "[role=rowgroup], [role=table]", cell: "[role=row]", columnheader: "[role=row]", rowgroup: "[role=table]", listitem: "[role=list]"};
const ROLES = ["alert", "cell", "columnheader", "img", "log", "menu", "menuitem", "region", "row", "rowgroup", "search", "status", "table"];
const GLYPHS = /[●◆◐✕✗✓–!▶○…]/;
const LETTER = /\p{L}|\p{N}/u;
const MAIN_TARGETS = "button.main, a.button.main, #menu, nav a, select, textarea, input:not([type=checkbox], [type=radio])";

let found = [];
let where = document;           // the page, or the dialog that lies over it

const all = selector => [...where.querySelectorAll(selector)].concat(where !== document && where.matches(selector) ? where : []);
const words = text => text.replace(/\s+/g, " ").trim();
const ratio = n => n.toFixed(2);

function label(e) {
	const text = words(e.getAttribute("aria-label") || e.innerText || e.textContent || "").slice(0, 30);
	const name = e.getAttribute("name") || e.getAttribute("class");
	return `<${e.localName}${name ? ` ${name}` : ""}>${text ? ` "${text}"` : ""}`;
}

const fault = (rule, e, figure = "") => found.push(`${rule}: ${label(e)}${figure && `: ${figure}`}`);

// ---- what is there ----

const rendered = e => e.checkVisibility({visibilityProperty: true}) && !e.closest("[inert]");
const told = e => rendered(e) && !e.closest("[aria-hidden=true]");
const box = e => e.getBoundingClientRect();
// Only for those who listen.
const unseen = e => Boolean(e.closest(".hidden")) || box(e).width <= 1 || box(e).height <= 1;

function textOf(e) {
	if (e.nodeType === Node.TEXT_NODE)
		return e.data;
	if (e.nodeType !== Node.ELEMENT_NODE || e.getAttribute("aria-hidden") === "true")
		return "";
	return e.getAttribute("aria-label") || (e.localName === "img" ? e.alt : [...e.childNodes].map(textOf).join(" "));
}

function nameOf(e) {
	const by = e.getAttribute("aria-labelledby");
	if (by)
		return words(by.split(/\s+/).map(id => document.getElementById(id)?.textContent || "").join(" "));
	const own = e.getAttribute("aria-label") || [...e.labels || []].map(textOf).join(" ") || e.getAttribute("alt");
	const child = {table: "caption", fieldset: "legend", svg: "title", figure: "figcaption"}[e.localName];
	return words(own || (child && e.querySelector(`:scope > ${child}`)?.textContent) || (e.matches(FROM_CONTENT) && textOf(e)) || "");
}

// ---- names, labels, roles ----

function names() {
	for (const e of all(NAMED).filter(told))
		if (!(e.localName === "img" && e.hasAttribute("alt")) && !e.parentElement.closest("svg") && !nameOf(e))
			fault("has no name", e);
	for (const e of all("a, summary, button").filter(told))
		if (e.querySelector("a, button, input, select, textarea"))
			fault("is a control that holds a control", e);
}

function references() {
	for (const attribute of ["aria-labelledby", "aria-describedby", "aria-controls", "for", "popovertarget"])
		for (const e of all(`[${attribute}]`))
			for (const id of e.getAttribute(attribute).split(/\s+/))
				if (!document.getElementById(id))
					fault("refers to nothing", e, `${attribute}=${id}`);
	const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
	for (const id of new Set(ids.filter((x, i) => ids.indexOf(x) !== i)))
		fault("has an id that is not its own", document.getElementById(id), id);
}

function errors() {
	for (const e of all("[aria-invalid=true]").filter(told))
		if (!(e.getAttribute("aria-describedby") || "").split(" ").some(id => document.getElementById(id)?.matches(".problem")))
			fault("is invalid and does not say why", e);
	for (const e of all("[data-field] .problem").filter(told))
		if (!where.querySelector(`[aria-invalid=true][aria-describedby~="${e.id}"]`))
			fault("is an error that no field refers to", e);
	for (const e of all(".problem").filter(told))
		if (!e.closest("[role=alert], [role=status], [aria-live]") && e.localName === "div")
			fault("is an error that is not told", e);
}

function roles() {
	for (const e of all("[role]")) {
		const role = e.getAttribute("role");
		if (!ROLES.includes(role))
			fault("has a role that is not known here", e, role);
		if (PARENTS[role] && !e.parentElement.closest(PARENTS[role]))
			fault("has a role that wants another around it", e, role);
	}
	for (const e of all("[tabindex]"))
		if (e.tabIndex > 0)
			fault("has a place of its own in the order of the focus", e, `tabindex=${e.tabIndex}`);
	for (const e of all("[aria-haspopup], #menu"))
		if (!e.hasAttribute("aria-expanded"))
			fault("does not say whether it is open", e);
}

function headings() {
	const levels = all("h1, h2, h3, h4, h5, h6").filter(told);
	let before = where === document ? 0 : 1;
	for (const e of levels) {
		const level = Number(e.localName[1]);
		if (level > before + 1)
			fault("skips a level of headings", e, `h${before} to h${level}`);
		if (!words(textOf(e)))
			fault("is an empty heading", e);
		before = level;
	}
	const first = levels.filter(e => e.localName === "h1").length;
	if (where === document && first !== 1)
		fault("has not one h1", document.body, String(first));
}

function landmarks() {
	if (where !== document)
		return;
	for (const [name, selector] of [["main", "main"], ["banner", "body > header"]])
		if (all(selector).filter(told).length !== 1 && !(name === "banner" && document.body.classList.contains("outside")))
			fault(`has not one ${name}`, document.body, String(all(selector).filter(told).length));
	const seen = new Set();
	for (const e of all("nav, [role=region], [role=search], form[aria-label]").filter(told)) {
		const key = `${e.getAttribute("role") || e.localName} ${nameOf(e)}`;
		if (seen.has(key))
			fault("is called as another landmark is", e, key);
		seen.add(key);
	}
	for (const e of [...document.body.children])
		if (told(e) && words(textOf(e)) && !e.matches("main, header, nav, dialog, [role=status], .skip"))
			fault("lies outside all landmarks", e);
}

function structure() {
	for (const e of all("ul, ol").filter(told))
		if ([...e.children].some(c => c.localName !== "li"))
			fault("is a list with something else than items", e);
	for (const e of all("li").filter(told))
		if (!e.parentElement.matches("ul, ol") || e.parentElement.matches("[role]:not([role=list])"))
			fault("is an item without a list", e);
	for (const e of all("dt, dd"))
		if (!e.closest("dl"))
			fault("is a term without a list", e);
	for (const table of all("table").filter(rendered)) {
		const heads = [...table.querySelectorAll("th")];
		if (!heads.length)
			fault("is a table without headings", table);
		for (const th of heads)
			if (!["col", "row"].includes(th.scope) || !words(textOf(th)))
				fault("is a heading that does not say of what", th);
		if (new Set([...table.rows].map(r => [...r.cells].reduce((n, c) => n + c.colSpan, 0))).size > 1)
			fault("is a table whose rows differ in length", table);
		if (getComputedStyle(table).display !== "table" && table.getAttribute("role") !== "table")
			fault("looks like no table and does not say that it is one", table);
	}
}

function live() {
	for (const e of all("progress").filter(told))
		if (e.closest("[aria-live=polite], [aria-live=assertive], [role=log], [role=status], [role=alert]"))
			fault("is progress that is told at every step", e);
	if (!document.querySelector("[role=status]"))
		fault("has no place to tell of changes", document.body);
}

function page() {
	if (!document.documentElement.lang)
		fault("has no language", document.documentElement);
	const h1 = document.querySelector("h1");
	if (!document.title || (h1 && !document.body.classList.contains("outside") && !document.title.startsWith(h1.textContent)))
		fault("has a title that is not the page's", document.documentElement, document.title);
}

// ---- colours ----

// [r, g, b, a] of 0..1.
function colour(text) {
	const n = (text.match(/[\d.]+%?/g) || []).map(Number);
	const [r, g, b, a = 1] = text.startsWith("color(srgb") ? n : [n[0] / 255, n[1] / 255, n[2] / 255, n[3]];
	if (!/^(rgba?\(|color\(srgb )/.test(text))
		throw new Error(`a colour that the checker cannot read: ${text}`);
	return [r, g, b, a];
}

const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);

function light(c) {
	const [r, g, b] = c.map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
	return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a, b) {
	const [x, y] = [light(a), light(b)];
	return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

// What lies behind the content of an element.
function ground(e) {
	const layers = [];
	for (let at = e; at; at = at.parentElement) {
		const c = colour(getComputedStyle(at).backgroundColor);
		layers.push(c);
		if (c[3] === 1)
			break;
		if (at.matches("dialog, [popover]"))
			throw new Error("something that lies above the page lets it shine through");
	}
	return layers.reduceRight((below, c) => over(c, below), [1, 1, 1, 1]);
}

function compare(rule, e, paint, behind, least) {
	const got = contrast(over(colour(paint), behind), behind);
	if (got < least - 0.005)
		fault(rule, e, `${ratio(got)} of ${least}`);
}

function least(style) {
	const size = parseFloat(style.fontSize);
	return size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
}

function textContrast() {
	const walker = document.createTreeWalker(where === document ? document.body : where, NodeFilter.SHOW_TEXT);
	const seen = new Set();
	for (let node = walker.nextNode(); node; node = walker.nextNode()) {
		const e = node.parentElement;
		if (seen.has(e) || !words(node.data) || !rendered(e) || unseen(e) || e.closest(":disabled, noscript, option"))
			continue;
		seen.add(e);
		const style = getComputedStyle(e);
		compare("has text that is hard to read", e, style.color, ground(e), e.closest("[aria-hidden=true]") && !LETTER.test(node.data) ? 3 : least(style));
	}
	for (const e of all("*"))
		for (const pseudo of ["::before", "::after"]) {
			const style = getComputedStyle(e, pseudo);
			if (!["none", "normal", "\"\"", ""].includes(style.content) && rendered(e) && !unseen(e))
				compare(`has ${pseudo} text that is hard to read`, e, style.color, ground(e), least(style));
		}
	for (const e of all("[placeholder]").filter(rendered))
		compare("has a placeholder that is hard to read", e, getComputedStyle(e, "::placeholder").color, ground(e), 4.5);
	for (const e of all("input:not([type=checkbox], [type=radio], [type=file]), select, textarea").filter(rendered))
		compare("has text that is hard to read", e, getComputedStyle(e).color, ground(e), 4.5);
}

function partContrast() {
	for (const e of all("input:not([type=checkbox], [type=radio], [type=file]), select, textarea").filter(x => rendered(x) && !x.disabled))
		if (contrast(ground(e), ground(e.parentElement)) < 3)
			compare("is a field whose border is hard to see", e, getComputedStyle(e).borderTopColor, ground(e.parentElement), 3);
	for (const e of all("progress").filter(rendered)) {
		const accent = getComputedStyle(e).accentColor;
		compare("is progress that is hard to see", e, accent === "auto" ? "rgb(0, 117, 255)" : accent, ground(e.parentElement), 3);
	}
	for (const e of all("rect, path, line, circle").filter(x => x.closest("svg.chart") && rendered(x) && !x.closest("[aria-hidden=true]"))) {
		const style = getComputedStyle(e);
		const paint = style.stroke !== "none" ? style.stroke : style.fill;
		if (paint !== "none" && (style.stroke !== "none" || box(e).height > 0))
			compare("is a part of a chart that is hard to see", e, paint, ground(e.ownerSVGElement.parentElement), 3);
	}
}

// A state has a shape and a word besides its colour; links in a text have a line; a chart's colours have figures of their own.
function notByColourAlone() {
	for (const e of all(".state").filter(rendered))
		if (!GLYPHS.test(e.textContent) || !LETTER.test(textOf(e)))
			fault("is a state by its colour alone", e);
	const shapes = new Map();
	for (const e of all(".mark").filter(rendered)) {
		const kind = e.className;
		if ((shapes.get(e.textContent) ?? kind) !== kind)
			fault("is a mark that looks like another", e, kind);
		shapes.set(e.textContent, kind);
		if (!LETTER.test(nameOf(e.closest("[aria-label]") || e) || textOf(e.parentElement)))
			fault("is a mark without words", e);
	}
	for (const e of all("p a, li a, dd a").filter(rendered)) {
		const style = getComputedStyle(e);
		if (!e.matches(".button, nav a") && style.textDecorationLine === "none" && style.display === "inline")
			fault("is a link by its colour alone", e);
	}
	for (const chart of all("svg.chart")) {
		const widths = new Map();
		for (const e of chart.querySelectorAll("rect")) {
			const fill = getComputedStyle(e).fill;
			const width = e.getAttribute("width");
			if ((widths.get(width) ?? fill) !== fill)
				fault("is a bar by its colour alone", chart, width);
			widths.set(width, fill);
		}
		if (!chart.closest("figure")?.querySelector("table"))
			fault("is a chart without its figures as a table", chart);
	}
}

// ---- reach ----

function target(e) {
	const own = box(e);
	const labels = [...e.labels || []].filter(rendered).map(box).filter(b => Math.abs(b.top - own.top) < b.height);
	const parts = e.matches("input[type=checkbox], input[type=radio]") ? [own, ...labels] : [own];
	return [Math.max(...parts.map(b => b.right)) - Math.min(...parts.map(b => b.left)), Math.max(...parts.map(b => b.bottom)) - Math.min(...parts.map(b => b.top))];
}

const inSentence = e => e.localName === "a" && getComputedStyle(e).display === "inline" && words(e.parentElement.textContent) !== words(e.textContent);

function targets(phone) {
	for (const e of all(CONTROLS).filter(x => rendered(x) && !unseen(x) && !x.matches("[role=region], [role=log]") && !inSentence(x))) {
		const [width, height] = target(e);
		const least = phone && e.matches(MAIN_TARGETS) ? 44 : 24;
		if (Math.min(width, height) < least - 0.5)
			fault("is hard to hit", e, `${Math.round(width)} x ${Math.round(height)} of ${least}`);
	}
}

// What a mouse alone would show. A time is exact for whoever wants it so (lib/look.js).
function hover() {
	for (const e of all("[title]").filter(rendered))
		if (!e.matches("time[datetime]") && !e.closest("a[aria-label], button[aria-label]") && !words(e.textContent).includes(e.title))
			fault("tells something to the mouse alone", e, e.title);
	for (const sheet of document.styleSheets)
		for (const rule of sheet.cssRules)
			if (/:hover/.test(rule.selectorText || "") && ["display", "visibility", "opacity", "content"].some(p => rule.style.getPropertyValue(p)))
				found.push(`is shown to the mouse alone: ${rule.selectorText}`);
}

function width() {
	const root = document.documentElement;
	if (root.scrollWidth > root.clientWidth)
		fault("is wider than the screen", root, `${root.scrollWidth} of ${root.clientWidth}`);
	for (const e of all("p, li, dd, h1, h2, h3, label, legend, td").filter(x => rendered(x) && !unseen(x))) {
		const range = document.createRange();
		range.selectNodeContents(e);
		const em = range.getBoundingClientRect().width / parseFloat(getComputedStyle(e).fontSize);
		if (em > 80 && !e.querySelector("table, form, div"))
			fault("is a line that is too long to read", e, `${Math.round(em)} em`);
	}
}

// ---- for the tests ----

function look(rules) {
	found = [];
	where = [...document.querySelectorAll("dialog[open]")].at(-1) || document;
	rules.forEach(rule => rule());
	return [...new Set(found)];
}

const colours = [textContrast, partContrast, notByColourAlone];

window.accessibility = {
	all: phone => look([names, references, errors, roles, headings, landmarks, structure, live, page, ...colours, () => targets(phone), hover, width]),
	colours: () => look(colours),
	width: () => look([width]),
	// What still moves although the person wants nothing to.
	motion: () => look([() => {
		const longest = text => Math.max(...text.split(",").map(t => parseFloat(t) * (t.trim().endsWith("ms") ? 0.001 : 1)));
		for (const e of all("*"))
			for (const pseudo of [null, "::before", "::after"]) {
				const style = getComputedStyle(e, pseudo);
				if ((style.animationName !== "none" && longest(style.animationDuration) > 0.01) || longest(style.transitionDuration) > 0.01 || style.scrollBehavior === "smooth")
					fault("moves", e, `${style.animationDuration}, ${style.transitionDuration}`);
			}
	}]),

	// ---- walking with the Tab key: watch(), then press it, then walked() ----

	// How often it must be pressed: fields of dates and times have parts of their own.
	watch() {
		where = [...document.querySelectorAll("dialog[open]")].at(-1) || document;
		const style = e => {
			const s = getComputedStyle(e);
			return {outline: s.outlineStyle === "none" ? "" : `${s.outlineWidth} ${s.outlineColor}`, ring: s.outlineColor, width: parseFloat(s.outlineWidth), shadow: s.boxShadow};
		};
		const wanted = all(CONTROLS).filter(e => told(e) && !e.disabled && e.tabIndex >= 0);
		const steps = [];
		const stop = new AbortController();
		const mark = e => Object.assign(e, {place: {x: box(e).left + scrollX, y: box(e).top + scrollY, right: box(e).right + scrollX, bottom: box(e).bottom + scrollY}});
		scrollTo(0, 0);
		wanted.forEach(mark);
		const start = where === document ? document.body : where;
		start.tabIndex = -1;
		start.focus();
		start.removeAttribute("tabindex");
		document.addEventListener("focusin", e => steps.at(-1)?.e !== e.target && steps.push({e: e.target, focused: style(e.target), inView: box(e.target).bottom > 0 && box(e.target).top < innerHeight}), {signal: stop.signal});
		document.addEventListener("focusout", e => steps.findLast(s => s.e === e.target) && (steps.findLast(s => s.e === e.target).blurred = style(e.target)), {signal: stop.signal});
		this.walk = {wanted, steps, stop};
		return wanted.length + 4 * wanted.filter(e => ["date", "time"].includes(e.type)).length + 4;
	},

	walked() {
		const {wanted, steps, stop} = this.walk;
		stop.abort();
		found = [];
		const way = [];
		for (const s of steps.filter(x => wanted.includes(x.e)))
			if (!way.includes(s.e))
				way.push(s.e);
		wanted.filter(e => !way.includes(e)).forEach(e => fault("is not reached by the Tab key", e));
		if (way.some((e, i) => e !== wanted.filter(w => way.includes(w))[i]))
			fault("is reached in another order than it stands in", way.find((e, i) => e !== wanted.filter(w => way.includes(w))[i]));
		way.slice(1).forEach((e, i) => {
			const before = way[i].place;
			if (e.place.bottom <= before.y && e.place.x < before.right)
				fault("comes after what stands below or right of it", e, label(way[i]));
		});
		for (const s of steps.filter(x => wanted.includes(x.e) && x.blurred)) {
			if (s.focused.outline === s.blurred.outline && s.focused.shadow === s.blurred.shadow)
				fault("does not show that it has the focus", s.e);
			else if (s.focused.outline)
				compare("has a focus that is hard to see", s.e, s.focused.ring, ground(s.e.parentElement), 3);
			if (!s.inView)
				fault("has the focus out of sight", s.e);
		}
		return [...new Set(found)];
	},

	name: () => document.activeElement === document.body ? "" : nameOf(document.activeElement),
};
})();
