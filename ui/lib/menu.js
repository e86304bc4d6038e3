// A menu behind a button, also by the right mouse button on the row it belongs to.
import {h} from "./dom.js";

// items: [text, run(), kind]
export function menu(label, items) {
	const list = h("div", {role: "menu", hidden: true}, items.filter(Boolean).map(([text, run, kind]) => h("button", {type: "button", role: "menuitem", class: kind || "", onclick: () => {
		close();
		run();
	}}, text)));
	const button = h("button", {type: "button", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": label, onclick: e => {
		e.stopPropagation();
		list.hidden ? open() : close();
	}}, "⋯");
	const box = h("span", {class: "menu", onkeydown: e => {
		const all = [...list.children];
		const at = all.indexOf(document.activeElement);
		if (e.key === "Escape") {
			close();
			button.focus();
		} else if (e.key === "ArrowDown" || e.key === "ArrowUp") {
			e.preventDefault();
			all[(at + (e.key === "ArrowDown" ? 1 : all.length - 1)) % all.length].focus();
		}
	}}, button, list);
	const outside = e => !box.contains(e.target) && close();
	function open() {
		list.hidden = false;
		button.setAttribute("aria-expanded", "true");
		list.firstChild?.focus();
		document.addEventListener("click", outside);
	}
	function close() {
		list.hidden = true;
		button.setAttribute("aria-expanded", "false");
		document.removeEventListener("click", outside);
	}
	queueMicrotask(() => box.closest("tr")?.addEventListener("contextmenu", e => {
		e.preventDefault();
		open();
	}));
	return box;
}
