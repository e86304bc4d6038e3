// Dialogs: the browser's own <dialog>, which keeps the focus inside and closes with Escape.
import {h, uid} from "./dom.js";

// content(close) gives what stands in it; the promise is what close(result) was called with, or undefined.
export function dialog(title, content, {wide = false, must = false} = {}) {
	return new Promise(resolve => {
		const id = uid("dialog");
		let result;
		const close = value => {
			result = value;
			box.close();
		};
		const box = h("dialog", {"aria-labelledby": id, class: `${wide ? "wide" : ""} ${must ? "must" : ""}`, oncancel: e => must && e.preventDefault(), onclose: () => {
			box.remove();
			resolve(result);
		}}, h("h2", {id}, title));
		const inner = content(close);
		box.append(...[inner].flat().filter(Boolean));
		document.body.append(box);
		box.showModal();
	});
}

// Those that belong to a page go with it.
export const closeAll = () => document.querySelectorAll("dialog[open]:not(.must)").forEach(box => box.close());

export function ask(title, text, {yes = "Yes", kind = "main"} = {}) {
	return dialog(title, close => [
		...[text].flat().map(t => typeof t === "string" ? h("p", t) : t),
		h("div", {class: "buttons"}, h("button", {type: "button", class: kind, onclick: () => close(true)}, yes),
			h("button", {type: "button", autofocus: true, onclick: () => close(false)}, "Cancel"))]);
}

// What cannot be taken back wants the name of the thing to be typed.
export function askByName(title, text, name, {yes = "Yes, go on", kind = "danger"} = {}) {
	return dialog(title, close => {
		const id = uid("name");
		const go = h("button", {type: "submit", class: kind, disabled: true}, yes);
		const input = h("input", {id, type: "text", autocomplete: "off", spellcheck: "false", autofocus: true, oninput: () => {
			go.disabled = input.value !== name;
		}});
		return [...[text].flat().map(t => typeof t === "string" ? h("p", t) : t),
			h("form", {method: "dialog", onsubmit: e => {
				e.preventDefault();
				close(true);
			}}, h("div", {class: "field"}, h("label", {for: id}, "Type ", h("strong", name), " to go on"), input),
			h("div", {class: "buttons"}, go, h("button", {type: "button", onclick: () => close(false)}, "Cancel")))];
	});
}
