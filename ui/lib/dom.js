// Elements from names, properties and children. Text always becomes a text node: nothing from outside is ever read as HTML.

const SVG = "http://www.w3.org/2000/svg";

function set(element, name, value) {
	if (value === null || value === undefined || value === false)
		return;
	if (name.startsWith("on"))
		element.addEventListener(name.slice(2), value);
	else if (name === "dataset")
		Object.assign(element.dataset, value);
	else if (name === "value" || name === "checked" || name === "selected" || name === "indeterminate")
		element[name] = value;
	else
		element.setAttribute(name, value === true ? "" : value);
}

function append(element, child) {
	if (Array.isArray(child))
		child.forEach(c => append(element, c));
	else if (child !== null && child !== undefined && child !== false)
		element.append(child instanceof Node ? child : String(child));
}

// h("a", {href: "/", onclick: go}, "text", [more, ...]); the properties may be left out.
export function h(name, properties, ...children) {
	const element = document.createElement(name);
	if (properties === null || typeof properties !== "object" || properties instanceof Node || Array.isArray(properties))
		append(element, properties);
	else
		for (const [key, value] of Object.entries(properties))
			set(element, key, value);
	append(element, children);
	return element;
}

export function svg(name, properties, ...children) {
	const element = document.createElementNS(SVG, name);
	for (const [key, value] of Object.entries(properties || {}))
		set(element, key, value);
	append(element, children);
	return element;
}

// What is there already and stays is not even moved: a press that has begun on it ends on it.
export function replace(element, ...children) {
	const back = bookmark(element);
	const wanted = children.flat(Infinity);
	const stays = new Set(wanted);
	[...element.childNodes].filter(c => !stays.has(c)).forEach(c => c.remove());
	let at = element.firstChild;
	for (const child of wanted) {
		if (at && child === at) {
			at = at.nextSibling;
		} else {
			const part = new DocumentFragment();
			append(part, child);
			element.insertBefore(part, at);
		}
	}
	back();
	return element;
}

// Where the focus is within `place`, for when its content is another: what is called the same there gets it, so that nobody who goes by keyboard
// loses the place. Returns the way back, which tells whether the focus is somewhere.
const called = e => e.name || e.getAttribute("aria-label") || e.textContent;
export function bookmark(place) {
	const at = document.activeElement;
	const name = at && called(at);
	const alike = () => [...place.querySelectorAll(at.localName)].filter(e => called(e) === name);
	const n = place !== at && place.contains(at) ? alike().indexOf(at) : -1;
	return () => {
		if (n >= 0 && document.activeElement === document.body) {
			const found = alike();
			land([found[n], found[0], place].find(e => e && !e.disabled));
		}
		return document.activeElement !== document.body;
	};
}

// The focus, also for what does not take it by itself, like a heading.
export function land(element) {
	if (element?.tabIndex < 0)
		element.tabIndex = -1;
	element?.focus({preventScroll: true});
}

// What has been turned to another page is read from its beginning.
export const backToTop = place => place.getBoundingClientRect().top < 0 && place.scrollIntoView();

// Ids for labels and what they label.
let count = 0;
export const uid = prefix => `${prefix}-${++count}`;
