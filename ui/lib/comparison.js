// A backup beside another one, or beside what its source holds now: tables and files, then the rows of a table.
import {h, replace} from "./dom.js";
import * as api from "./api.js";
import {count, exact, size} from "./format.js";
import {form} from "./form.js";
import {table} from "./table.js";
import {fill} from "./told.js";
import {value} from "./inside.js";

const CHANGES = {added: "only there", removed: "only here", changed: "changed", same: "the same"};
const ROWS = 200;            // shown at once

const ask = (b, given) => api.get(`${api.path("backups", b.id, "compare")}${api.query(given)}`);
const differs = t => t.change !== "same" || t.columns_differ;

// A table of the first of them, with a button for more.
function some(items, columns, options) {
	const place = h("div");
	const draw = n => replace(place, table(columns, items.slice(0, n), options),
		items.length > n && h("p", h("button", {type: "button", onclick: () => draw(n + ROWS)}, `Show more: ${count(items.length - n)} are left`)));
	draw(ROWS);
	return place;
}

// ---- rows ----

const same = (x, y) => JSON.stringify(x) === JSON.stringify(y);

// Of a row that is on both sides the key and what changed; of any other all of it.
function rowCell(row, key) {
	const any = row.a || row.b;
	const pair = name => row.a && row.b && !same(row.a[name], row.b[name]) ? [value(row.a[name]), " → ", value(row.b[name])] : value(any[name]);
	const names = Object.keys(any).filter(name => !(row.a && row.b) || key.includes(name) || !same(row.a[name], row.b[name]));
	return names.map((name, i) => [i > 0 && ", ", h("strong", name), " ", pair(name)]);
}

async function rowsOf(b, given, name) {
	const result = await ask(b, {...given, table: name, rows: true});
	const tablesOf = (b.manifest?.sources || []).filter(s => !given.source || s.name === given.source).flatMap(s => s.tables || []);
	const key = (tablesOf.find(t => [t.name, `${t.schema}.${t.name}`].includes(name))?.columns || []).filter(c => c.key).map(c => c.name);
	return [h("h3", `${name}: ${count(result.rows.length)} row${result.rows.length === 1 ? "" : "s"} differ${result.rows.length === 1 ? "s" : ""}`),
		some(result.rows, [{title: "What", cell: r => CHANGES[r.change]}, {title: "Row", cell: r => rowCell(r, key)}], {caption: `Rows of ${name} that differ`})];
}

// ---- tables and files ----

function differences(b, given, result) {
	const place = h("div", {"aria-live": "polite"});
	const tables = result.tables.filter(differs);
	const alone = (names, where) => names.map(n => h("p", `Only ${where} has ${n}.`));
	return [alone(result.only_a, "this backup"), alone(result.only_b, "the other"),
		tables.length > 0 && table([
			{title: "Table", kind: "main", cell: t => h("button", {type: "button", class: "quiet", "aria-label": `Rows of ${t.name} that differ`, onclick: () => fill(place, () => rowsOf(b, given, t.name))}, t.name)},
			{title: "What", cell: t => t.columns_differ ? "other columns" : CHANGES[t.change]},
			{title: "Rows here", kind: "number", cell: t => t.change === "added" ? "–" : count(t.rows_a)}, {title: "Rows there", kind: "number", cell: t => t.change === "removed" ? "–" : count(t.rows_b)},
			{title: "Only there", kind: "number", cell: t => count(t.added)}, {title: "Only here", kind: "number", cell: t => count(t.removed)}, {title: "Changed", kind: "number", cell: t => count(t.changed)}], tables, {caption: "Tables that differ"}),
		result.files.length > 0 && some(result.files, [{title: "File", kind: "main", cell: f => f.path}, {title: "What", cell: f => CHANGES[f.change]},
			{title: "Here", kind: "number", cell: f => f.change === "added" ? "–" : size(f.size_a)}, {title: "There", kind: "number", cell: f => f.change === "removed" ? "–" : size(f.size_b)}], {caption: "Files that differ"}), place];
}

// Each source of the backup by itself: tables of two databases may share their names.
async function compared(b, given) {
	const sources = b.sources.length > 1 ? b.sources.map(s => s.name) : [null];
	const results = [];
	for (const source of sources)
		results.push({...given, source, result: await ask(b, {...given, source})});
	if (results.every(r => r.result.equal))
		return h("p", {class: "state good"}, "● Equal: no table, row or file differs.");
	return results.map(({result, ...asked}) => [asked.source && h("h3", asked.source), result.equal ? h("p", {class: "state good"}, "● Equal") : differences(b, asked, result)]);
}

export async function compare(b) {
	const place = h("div", {"aria-live": "polite"});
	const {items} = await api.get(`/backups/${api.query({source: b.sources[0]?.name, limit: 50, safety: "no"})}`);
	const others = items.filter(o => o.id !== b.id && o.repository === b.repository);
	return h("section", {class: "card"}, h("h2", "Compare"), form([
		{name: "with", label: "With", type: "select", choices: [["live", "the live source, as it is now"], ...others.map(o => [o.id, `${o.name}, ${exact(o.time)}`])]},
	], {button: "Compare", kind: "", submit: async given => {
		replace(place);
		replace(place, await compared(b, given));
	}}), place);
}
