// Filters of a list; they are in the address, so that a view can be kept and sent.
import {h, uid} from "./dom.js";

// Days are this browser's; "until" a day means with it.
function beginning(day, more) {
	const t = new Date(`${day}T00:00:00`);
	t.setDate(t.getDate() + more);
	return t.toISOString();
}

// What the address asks for, as the API wants it.
export const asked = query => Object.fromEntries([...query].map(([name, value]) => [name, /^\d{4}-\d\d-\d\d$/.test(value) ? beginning(value, name === "before" ? 1 : 0) : value]));

// On a phone they are behind a button, unless one is set. fields: {name, label, choices | type, otherwise: what no choice is called, "all"}
export function filters(page, query, fields) {
	const change = form => {
		const wanted = new URLSearchParams();
		for (const f of fields) {
			const value = form.elements[f.name].value.trim();
			if (value)
				wanted.set(f.name, value);
		}
		location.hash = `#/${page}${wanted.size ? `?${wanted}` : ""}`;
	};
	const active = fields.some(f => query.get(f.name));
	const list = h("form", {class: `filters ${active ? "shown" : ""}`, role: "search", "aria-label": "Filters", onchange: e => change(e.currentTarget), onsubmit: e => {
		e.preventDefault();
		change(e.currentTarget);
	}}, h("button", {type: "button", class: "fold", "aria-expanded": String(active), onclick: e => {
		e.currentTarget.setAttribute("aria-expanded", String(list.classList.toggle("shown")));
	}}, "Filters"), fields.map(f => {
		const id = uid("filter");
		const value = query.get(f.name) || "";
		return h("div", {class: "field"}, h("label", {for: id}, f.label), f.choices
			? h("select", {id, name: f.name}, h("option", {value: ""}, f.otherwise || "all"), f.choices.map(c => Array.isArray(c) ? c : [c, c]).map(([v, text]) => h("option", {value: v, selected: v === value}, text)))
			: h("input", {id, name: f.name, type: f.type || "text", value}));
	}), active && h("a", {class: "button", href: `#/${page}`}, "Show all"));
	return list;
}
