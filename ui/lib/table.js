// Tables: on a phone each row becomes a card, with the heading before each cell; the roles say that it is still a table. Long lists come page by page.
import {backToTop, h, replace} from "./dom.js";
import {count} from "./format.js";
import {fill} from "./told.js";

// A table that is filled again and again: gives (items) -> the same element each time, in which rows that are as they were stay.
// columns: {title, cell(item), kind: "number" | "main" | "some" (text) | "wide" (much text) | ""}
export function steady(columns, {caption, empty = "Nothing here yet.", open = null} = {}) {
	const row = item => h("tr", {role: "row", class: open && "open", onclick: open && (e => {
		if (!e.target.closest("a, button, input, label, summary"))
			open(item);
	})}, columns.map(c => h("td", {role: "cell", class: c.kind || null, dataset: {title: c.title}}, c.cell(item))));
	const body = h("tbody", {role: "rowgroup"});
	const element = h("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": caption}, h("table", {role: "table"},
		h("caption", {class: "hidden"}, caption),
		h("thead", {role: "rowgroup"}, h("tr", {role: "row"}, columns.map(c => h("th", {role: "columnheader", scope: "col", class: c.kind || null}, c.title || h("span", {class: "hidden"}, "Actions"))))),
		body));
	const nothing = h("p", {class: "empty"}, empty);
	let rows = new Map();
	return items => {
		const before = rows;
		rows = new Map();
		items.forEach((item, i) => {
			const said = JSON.stringify(item);
			const key = rows.has(said) ? `${said} ${i}` : said;
			rows.set(key, before.get(key) || row(item));
		});
		replace(body, [...rows.values()]);
		return items.length ? element : nothing;
	};
}

export const table = (columns, items, how) => steady(columns, how)(items);

// load(offset, limit) -> {items, total}; the page is in the address, so that going back works.
export function paged(load, columns, {caption, empty, open, limit = 50, words = ["Newer", "Older"]} = {}) {
	const place = h("div", {class: "paged"});
	const draw = steady(columns, {caption, empty, open});
	const show = offset => fill(place, async () => {
		const {items, total} = await load(offset, limit);
		return [draw(items), pages(offset, total)];
	});
	const pages = (offset, total) => total > limit || offset > 0 ? h("nav", {class: "pages", "aria-label": "Pages of the list"},
		h("button", {type: "button", disabled: offset === 0, onclick: () => turn(Math.max(0, offset - limit))}, words[0]),
		h("span", `${count(Math.min(offset + 1, total))} to ${count(Math.min(offset + limit, total))} of ${count(total)}`),
		h("button", {type: "button", disabled: offset + limit >= total, onclick: () => turn(offset + limit)}, words[1])) : null;
	const [path, query] = location.hash.split("?");
	const address = new URLSearchParams(query);
	let at = Number(address.get("offset")) || 0;
	const turn = offset => {
		at = offset;
		if (at)
			address.set("offset", at);
		else
			address.delete("offset");
		history.replaceState(null, "", `${path}${address.size ? `?${address}` : ""}`);
		return show(offset).then(backToTop);
	};
	// What is shown, anew; at most once a second however often it is asked for.
	let soon = null;
	place.refresh = () => {
		soon ??= setTimeout(() => {
			soon = null;
			if (place.isConnected)
				show(at);
		}, 1000);
	};
	show(at);
	return place;
}

// A list of names and values.
export function facts(pairs) {
	return h("dl", {class: "facts"}, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== false)
		.map(([name, value]) => h("div", h("dt", name), h("dd", value))));
}
