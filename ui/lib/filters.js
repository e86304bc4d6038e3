// Filters of a list; they are in the address, so that a view can be kept and sent.
import {h, uid} from "./dom.js";

const asTime = value => /^\d{4}-\d\d-\d\d$/.test(value) ? new Date(`${value}T00:00:00`).toISOString() : value;
const asDate = value => value ? value.slice(0, 10) : "";

// fields: {name, label, choices | type}
export function filters(page, query, fields) {
	const change = form => {
		const wanted = new URLSearchParams();
		for (const f of fields) {
			const value = form.elements[f.name].value.trim();
			if (value)
				wanted.set(f.name, f.type === "date" ? asTime(value) : value);
		}
		location.hash = `#/${page}${wanted.size ? `?${wanted}` : ""}`;
	};
	return h("form", {class: "filters", role: "search", onchange: e => change(e.currentTarget), onsubmit: e => {
		e.preventDefault();
		change(e.currentTarget);
	}}, fields.map(f => {
		const id = uid("filter");
		const value = query.get(f.name) || "";
		return h("div", {class: "field"}, h("label", {for: id}, f.label), f.choices
			? h("select", {id, name: f.name}, h("option", {value: ""}, "all"), f.choices.map(c => Array.isArray(c) ? c : [c, c]).map(([v, text]) => h("option", {value: v, selected: v === value}, text)))
			: h("input", {id, name: f.name, type: f.type || "text", value: f.type === "date" ? asDate(value) : value}));
	}), query.size ? h("a", {class: "button", href: `#/${page}`}, "Show all") : null);
}
