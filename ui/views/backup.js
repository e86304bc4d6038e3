// One backup: what is in it, looked into without restoring anything.
import {h, replace} from "../lib/dom.js";
import * as api from "../lib/api.js";
import {count, duration, exact, size, when} from "../lib/format.js";
import {mark} from "../lib/chart.js";
import {downloadDialog, drop, pin, verifyDialog} from "../lib/backup-actions.js";
import {content, kindOf, level} from "../lib/backups.js";
import {facts, table} from "../lib/table.js";
import {action, fill, problem} from "../lib/told.js";
import {form} from "../lib/form.js";
import {may} from "../app.js";

// ---- values ----

function value(v) {
	if (v === null || v === undefined)
		return h("span", {class: "faint"}, "NULL");
	if (typeof v === "object" && "base64" in v)
		return h("span", {class: "faint"}, `${count(Math.floor(v.base64.length * 3 / 4))} bytes`);
	return String(v);
}

export function rowsTable(result, caption) {
	return table(result.columns.map((name, i) => ({title: name, kind: typeof result.rows[0]?.[i] === "number" ? "number" : "", cell: row => value(row[i])})), result.rows, {caption, empty: "No rows."});
}

// ---- tables ----

function rowsOf(b, t, place) {
	const limit = 50;
	const load = offset => fill(place, async () => {
		const result = await api.get(`${api.path("backups", b.id, "tables", t.name, "rows")}${api.query({source: t.source, schema: t.schema, limit, offset})}`);
		return [h("h3", `${t.name}: rows ${count(offset + 1)} and on`), rowsTable(result, `Rows of ${t.name}`), h("div", {class: "pages"},
			h("button", {type: "button", disabled: offset === 0, onclick: () => load(Math.max(0, offset - limit))}, "Back"),
			h("button", {type: "button", disabled: result.rows.length < limit, onclick: () => load(offset + limit)}, "Next"))];
	});
	load(0);
	place.scrollIntoView({block: "nearest"});
}

function tables(b, list) {
	const place = h("div", {"aria-live": "polite"});
	const shown = h("div");
	const draw = text => replace(shown, table([
		{title: "Table", kind: "main", cell: t => h("button", {type: "button", class: "quiet", onclick: () => rowsOf(b, t, place)}, t.schema ? `${t.schema}.${t.name}` : t.name)},
		...b.sources.length > 1 ? [{title: "Source", cell: t => t.source}] : [],
		{title: "Rows", kind: "number", cell: t => count(t.rows)}, {title: "Size", kind: "number", cell: t => t.bytes ? size(t.bytes) : "–"}, {title: "Columns", kind: "number", cell: t => count((t.columns || []).length)},
	], list.filter(t => t.name.toLowerCase().includes(text.toLowerCase())), {caption: "Tables", empty: "No table fits."}));
	draw("");
	return h("section", {class: "card"}, h("div", {class: "head"}, h("h2", `Tables (${count(list.length)})`), h("input", {type: "search", "aria-label": "Find a table", placeholder: "Find a table", class: "find", oninput: e => draw(e.target.value)})), shown, place);
}

// ---- files ----

const leaf = path => path.slice(path.lastIndexOf("/") + 1);

function files(b) {
	const place = h("div");
	const open = path => fill(place, async () => {
		const result = await api.get(`${api.path("backups", b.id, "files")}${api.query({path})}`);
		const up = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
		return [h("p", h("code", path || "/"), path && [" ", h("button", {type: "button", onclick: () => open(up)}, "Up")]),
			table([
				{title: "Name", kind: "main", cell: f => f.type === "dir" ? h("button", {type: "button", class: "quiet", onclick: () => open(f.path)}, `${leaf(f.path)}/`) : leaf(f.path)},
				{title: "Size", kind: "number", cell: f => f.type === "file" ? size(f.size) : ""}, {title: "Changed", cell: f => when(f.mtime)}], result.entries, {caption: "Files", empty: "The folder is empty."})];
	});
	open("");
	return h("section", {class: "card"}, h("h2", "Files"), place);
}

// ---- SQL, compare ----

function sql(b, list) {
	const place = h("div", {"aria-live": "polite"});
	const databases = b.sources.filter(s => s.engine !== "folder" && s.engine !== "command");
	return h("section", {class: "card"}, h("h2", "Ask it with SQL"), form([
		...databases.length > 1 ? [{name: "source", label: "Database", type: "select", choices: databases.map(s => [s.name, s.name])}] : [],
		{name: "sql", label: "Reading statement", type: "textarea", required: true, rows: 3, value: list.length ? `SELECT count(*) FROM "${list[0].name.replaceAll('"', '""')}"` : "", help: "SQLite's SQL, whatever the database is. Nothing is changed by it, and nothing is restored."},
	], {button: "Run", kind: "", submit: async given => replace(place, rowsTable(await api.post(api.path("backups", b.id, "query"), given), "Result"))}), place);
}

const CHANGES = {added: "new there", removed: "only here", changed: "changed", same: "the same"};

function comparison(result) {
	const tablesOf = result.tables.filter(t => t.change !== "same");
	const filesOf = result.files;
	if (result.equal)
		return h("p", {class: "state good"}, "● Equal: no table, row or file differs.");
	return h("div", tablesOf.length > 0 && table([
		{title: "Table", kind: "main", cell: t => t.name}, {title: "What", cell: t => CHANGES[t.change]},
		{title: "Rows here", kind: "number", cell: t => count(t.rows_a)}, {title: "Rows there", kind: "number", cell: t => count(t.rows_b)}], tablesOf, {caption: "Tables that differ"}),
	filesOf.length > 0 && table([{title: "File", kind: "main", cell: f => f.path}, {title: "What", cell: f => CHANGES[f.change]},
		{title: "Here", kind: "number", cell: f => f.change === "added" ? "–" : size(f.size_a)}, {title: "There", kind: "number", cell: f => f.change === "removed" ? "–" : size(f.size_b)}], filesOf, {caption: "Files that differ"}));
}

async function compare(b) {
	const place = h("div", {"aria-live": "polite"});
	const {items} = await api.get(`/backups/${api.query({source: b.sources[0]?.name, limit: 50, safety: "no"})}`);
	return h("section", {class: "card"}, h("h2", "Compare"), form([
		{name: "with", label: "With", type: "select", choices: [["live", "the live source, as it is now"], ...items.filter(o => o.id !== b.id).map(o => [o.id, `${o.name}, ${exact(o.time)}`])]},
	], {button: "Compare", kind: "", submit: async given => replace(place, comparison(await api.get(`${api.path("backups", b.id, "compare")}${api.query(given)}`)))}), place);
}

// ---- the page ----

export async function show({parameters}) {
	const b = await api.get(api.path("backups", parameters[0]));
	const manifest = b.manifest;
	const list = (manifest?.sources || []).flatMap(s => (s.tables || []).map(t => ({...t, source: s.name})));
	const notes = (manifest?.sources || []).flatMap(s => (s.notes || []).map(n => ({...n, source: s.name})));
	return h("div",
		h("div", {class: "head"}, h("h1", b.name), h("div", {class: "buttons"},
			may("admin") && h("a", {class: "button main", href: `#/restore/${b.id}`}, "Restore…"),
			may("operator") && h("button", {type: "button", onclick: () => downloadDialog(b)}, "Download…"),
			may("operator") && h("button", {type: "button", onclick: () => verifyDialog(b)}, "Verify…"),
			may("operator") && action(b.pinned ? "Unpin" : "Pin", () => pin(b)),
			may("admin") && h("button", {type: "button", class: "danger", onclick: () => drop(b)}, "Delete…"))),
		h("section", {class: `card verdict ${kindOf(b)}`}, h("p", {class: "sentence"}, mark(kindOf(b))), b.description && h("p", b.description),
			b.manifest_error && problem({message: b.manifest_error}),
			facts([["Made", when(b.time)], ["Exactly", exact(b.time)], ["Took", b.seconds && duration(b.seconds)], ["Size", size(b.bytes)], ["New in the repository", b.added && size(b.added)], ["Content", content(b)],
				["Verified", b.verified ? [level(b.verification), ", ", when(b.verified)] : "not yet"], ["Host", b.hostname], ["Job", b.job && h("a", {href: `#/job/${b.job}`}, b.job)], ["Id", h("code", b.id.slice(0, 16))]]),
			(b.evidence || []).length > 0 && h("details", h("summary", "What the verification saw"), h("ul", b.evidence.map(e => h("li", e))))),
		notes.length > 0 && h("section", {class: "card"}, h("h2", "What to know"), h("ul", notes.map(n => h("li", `${n.kind}: ${[n.path || n.source, n.text].filter(Boolean).join(": ")}`)))),
		list.length > 0 && tables(b, list),
		b.sources.some(s => s.engine === "folder") && files(b),
		may("operator") && h("div", {class: "columns"}, list.length > 0 && sql(b, list), await compare(b)));
}
