// A menu behind a button, also by the right mouse button on the row it belongs to. It lies above everything, whatever scrolls below.
import {h, uid} from "./dom.js";

const STEPS = {ArrowDown: (at, n) => (at + 1) % n, ArrowUp: (at, n) => (at + n - 1) % n, Home: () => 0, End: (at, n) => n - 1};

// items: [text, run(), kind]
export function menu(label, items) {
	const id = uid("menu");
	const list = h("div", {id: `${id}-list`, class: "menu", role: "menu", "aria-labelledby": id, popover: "auto", ontoggle: e => {
		button.setAttribute("aria-expanded", String(e.newState === "open"));
		if (e.newState === "open")
			place();
	}, onkeydown: e => {
		const all = [...list.children];
		if (e.key in STEPS) {
			e.preventDefault();
			all[STEPS[e.key](all.indexOf(document.activeElement), all.length)].focus();
		} else if (e.key === "Tab")
			close();
	}}, items.filter(Boolean).map(([text, run, kind]) => h("button", {type: "button", role: "menuitem", tabindex: "-1", class: kind || "", onclick: () => {
		close();
		run();
	}}, text)));
	const button = h("button", {id, type: "button", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": label, popovertarget: list.id, onkeydown: e => {
		if (e.key === "ArrowDown") {
			e.preventDefault();
			list.showPopover();
		}
	}}, "⋯");
	function place() {
		const from = button.getBoundingClientRect();
		list.style.left = `${Math.max(8, Math.min(from.right, innerWidth - 8) - list.offsetWidth)}px`;
		list.style.top = `${Math.max(8, Math.min(from.bottom, innerHeight - list.offsetHeight - 8))}px`;
		list.firstChild.focus({preventScroll: true});
	}
	function close() {
		list.hidePopover();
		button.focus({preventScroll: true});
	}
	queueMicrotask(() => button.closest("tr")?.addEventListener("contextmenu", e => {
		e.preventDefault();
		list.showPopover();
	}));
	return h("span", button, list);
}
