// What is in a backup, looked into without restoring anything: its tables, their rows, its files, and SQL.
import {backToTop, h, replace} from "./dom.js";
import * as api from "./api.js";
import {count, size, when} from "./format.js";
import {download} from "./backup-actions.js";
import {fill} from "./told.js";
import {form} from "./form.js";
import {menu} from "./menu.js";
import {table} from "./table.js";
import {may} from "../app.js";

const MANY = 500;            // a list of more is searched, not scrolled

export function value(v) {
	if (v === null || v === undefined)
		return h("span", {class: "faint"}, "NULL");
	if (typeof v === "object" && "base64" in v)
		return h("span", {class: "faint"}, `${count(Math.floor(v.base64.length * 3 / 4))} bytes`);
	return String(v);
}

const rowsTable = (result, caption) => table(result.columns.map((name, i) => ({title: name, kind: typeof result.rows[0]?.[i] === "number" ? "number" : "", cell: row => value(row[i])})), result.rows, {caption, empty: "No rows."});

// The first MANY of those whose text fits, with a box to search in.
function searched(title, label, items, textOf, draw) {
	const shown = h("div");
	const show = text => {
		const fit = items.filter(i => textOf(i).toLowerCase().includes(text.toLowerCase()));
		replace(shown, draw(fit.slice(0, MANY)), fit.length > MANY && h("p", {class: "faint"}, `and ${count(fit.length - MANY)} more: search for them`));
	};
	show("");
	return [h("div", {class: "head"}, title, items.length > 1 && h("input", {type: "search", "aria-label": label, placeholder: label, class: "find", oninput: e => show(e.target.value)})), shown];
}

// ---- tables ----

const fullName = t => t.schema ? `${t.schema}.${t.name}` : t.name;

function rowsOf(b, t, place) {
	const limit = 50;
	const load = offset => fill(place, async () => {
		const result = await api.get(`${api.path("backups", b.id, "tables", t.name, "rows")}${api.query({source: t.source, schema: t.schema, limit, offset})}`);
		const last = offset + result.rows.length;
		const whole = t.rows ?? null;
		const of = whole === null ? "" : ` of ${count(whole)}`;
		return [h("h3", result.rows.length ? `${fullName(t)}: rows ${count(offset + 1)} to ${count(last)}${of}` : `${fullName(t)}: no rows`), rowsTable(result, `Rows of ${t.name}`), h("div", {class: "pages"},
			h("button", {type: "button", disabled: offset === 0, onclick: () => load(Math.max(0, offset - limit)).then(backToTop)}, "Back"),
			h("button", {type: "button", disabled: whole === null ? result.rows.length < limit : last >= whole, onclick: () => load(offset + limit).then(backToTop)}, "Next"))];
	});
	load(0);
	place.scrollIntoView({block: "nearest"});
}

export function tables(b, list) {
	const place = h("div", {"aria-live": "polite"});
	const columns = [
		{title: "Table", kind: "main", cell: t => h("button", {type: "button", class: "quiet", onclick: () => rowsOf(b, t, place)}, fullName(t))},
		...b.sources.length > 1 ? [{title: "Source", cell: t => t.source}] : [],
		{title: "Rows", kind: "number", cell: t => count(t.rows)}, {title: "Size", kind: "number", cell: t => t.bytes ? size(t.bytes) : "–"}, {title: "Columns", kind: "number", cell: t => count((t.columns || []).length)}];
	return h("section", {class: "card"}, searched(h("h2", `Tables (${count(list.length)})`), "Find a table", list, fullName, fit => table(columns, fit, {caption: "Tables", empty: "No table fits."})), place);
}

// ---- files ----

const leaf = path => path.slice(path.lastIndexOf("/") + 1);

function fileActions(b, f) {
	const folder = f.type === "dir";
	const get = format => download(b, {path: f.path, format});
	return menu(`What to do with ${leaf(f.path)}`, [
		may("operator") && !folder && ["Download", () => get("archive")],
		may("operator") && folder && ["Download as .zip", () => get("zip")], may("operator") && folder && ["Download as .tar.gz", () => get("tar.gz")],
		may("admin") && ["Restore…", () => {
			location.hash = `#/restore/${b.id}${api.query({path: f.path})}`;
		}]]);
}

export function files(b) {
	const place = h("div");
	const open = path => fill(place, async () => {
		const result = await api.get(`${api.path("backups", b.id, "files")}${api.query({path})}`);
		const up = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
		return searched(h("p", h("code", path || "/"), path && [" ", h("button", {type: "button", onclick: () => open(up)}, "Up")]), "Find a file", result.entries.filter(f => path || f.path !== ".backstay"), f => leaf(f.path), fit => table([
			{title: "Name", kind: "main", cell: f => f.type === "dir" ? h("button", {type: "button", class: "quiet", onclick: () => open(f.path)}, `${leaf(f.path)}/`) : leaf(f.path)},
			{title: "Size", kind: "number", cell: f => f.type === "file" ? size(f.size) : ""}, {title: "Changed", cell: f => when(f.mtime)},
			{title: "", cell: f => may("operator") && ["file", "dir"].includes(f.type) && !f.path_base64 && fileActions(b, f)}], fit, {caption: "Files", empty: "Nothing fits."}));
	});
	open("");
	return h("section", {class: "card"}, h("h2", "Files"), place);
}

// ---- SQL ----

export function sql(b, list) {
	const place = h("div", {"aria-live": "polite"});
	const databases = b.sources.filter(s => s.tables);
	return h("section", {class: "card"}, h("h2", "Ask it with SQL"), form([
		...databases.length > 1 ? [{name: "source", label: "Database", type: "select", choices: databases.map(s => [s.name, s.name])}] : [],
		{name: "sql", label: "Reading statement", type: "textarea", required: true, rows: 3, value: list.length ? `SELECT count(*) FROM "${list[0].name.replaceAll('"', '""')}"` : "", help: "SQLite's SQL, whatever the database is. Nothing is changed by it, and nothing is restored."},
	], {button: "Run", kind: "", submit: async given => {
		replace(place);
		replace(place, rowsTable(await api.post(api.path("backups", b.id, "query"), given), "Result"));
	}}), place);
}
