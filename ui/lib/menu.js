// A menu behind a button; also by the right mouse button, a long press or the keyboard's menu key on the row it belongs to. It lies above everything,
// whatever scrolls below.
import {h, uid} from "./dom.js";

const STEPS = {ArrowDown: (at, n) => (at + 1) % n, ArrowUp: (at, n) => (at + n - 1) % n, Home: () => 0, End: (at, n) => n - 1};
const LONG = 500;            // milliseconds of a press

// A finger that stays where it is. What its lifting would click is not clicked.
function onLongPress(element, run) {
	let timer = null;
	let pressed = false;
	const stop = () => clearTimeout(timer);
	element.addEventListener("pointerdown", e => {
		stop();
		pressed = false;
		if (e.pointerType !== "mouse")
			timer = setTimeout(() => {
				pressed = true;
				run(e.clientX, e.clientY);
			}, LONG);
	});
	for (const name of ["pointerup", "pointercancel", "pointerleave"])
		element.addEventListener(name, stop);
	element.addEventListener("click", e => {
		if (!pressed)
			return;
		pressed = false;
		e.preventDefault();
		e.stopPropagation();
	}, {capture: true});
}

// items: [text, run(), kind]; `text` is what the button says to who sees it.
export function menu(label, items, text = "⋯") {
	const id = uid("menu");
	const list = h("div", {id: `${id}-list`, class: "menu", role: "menu", "aria-labelledby": id, popover: "manual", onkeydown: e => {
		const all = [...list.children];
		if (e.key in STEPS) {
			e.preventDefault();
			all[STEPS[e.key](all.indexOf(document.activeElement), all.length)].focus();
		} else if (e.key === "Tab" || e.key === "Escape") {
			close();
			button.focus({preventScroll: true});
		}
	}}, items.filter(Boolean).map(([text, run, kind]) => h("button", {type: "button", role: "menuitem", tabindex: "-1", class: kind || "", onclick: () => {
		close();
		button.focus({preventScroll: true});
		run();
	}}, text)));
	const button = h("button", {id, type: "button", "aria-haspopup": "menu", "aria-expanded": "false", "aria-controls": list.id, "aria-label": label, onclick: () => isOpen() ? close() : open(), onkeydown: e => {
		if (e.key === "ArrowDown") {
			e.preventDefault();
			open();
		}
	}}, text);
	const isOpen = () => list.matches(":popover-open");
	const outside = e => !list.contains(e.target) && !button.contains(e.target) && close();
	// At a point of the window, else at its button; always inside the window.
	function open(x, y) {
		if (isOpen())
			return;
		list.showPopover();
		const from = button.getBoundingClientRect();
		list.style.left = `${Math.max(8, Math.min(x ?? from.right - list.offsetWidth, innerWidth - list.offsetWidth - 8))}px`;
		list.style.top = `${Math.max(8, Math.min(y ?? from.bottom, innerHeight - list.offsetHeight - 8))}px`;
		button.setAttribute("aria-expanded", "true");
		list.firstChild.focus({preventScroll: true});
		for (const name of ["pointerdown", "wheel", "touchmove"])
			document.addEventListener(name, outside);
	}
	function close() {
		if (!isOpen())
			return;
		list.hidePopover();
		button.setAttribute("aria-expanded", "false");
		for (const name of ["pointerdown", "wheel", "touchmove"])
			document.removeEventListener(name, outside);
	}
	queueMicrotask(() => {
		const row = button.closest("tr");
		row?.addEventListener("contextmenu", e => {
			e.preventDefault();
			e.button === 2 || e.pointerType === "touch" ? open(e.clientX, e.clientY) : open();
		});
		if (row)
			onLongPress(row, open);
	});
	return h("span", button, list);
}
