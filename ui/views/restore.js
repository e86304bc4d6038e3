// Getting data back without fear: choose what and where to, see what goes, and watch it step by step.
import {h, replace} from "../lib/dom.js";
import * as api from "../lib/api.js";
import {count, exact, size} from "../lib/format.js";
import {facts, table} from "../lib/table.js";
import {follow} from "../lib/jobs.js";
import {form, values} from "../lib/form.js";
import {problem} from "../lib/told.js";
import {fromFile, sure} from "../lib/restore-file.js";
import {beside, targetFields, targetOf} from "../lib/targets.js";
import {content} from "../lib/backups.js";
import {undoButton} from "../lib/undo.js";

// Something live is replaced only after its name was typed: the server says what it is.
async function send(request, kept) {
	try {
		return await request(null);
	} catch (error) {
		if (error.status !== 409 || !error.problem.confirm)
			throw error;
		return request(await sure(error.problem, kept));
	}
}

// What was begun is in the address, so that it is still watched when the page is loaded again, and after the login that a restore over live data asks for.
function keep(jobs) {
	const [path, query] = location.hash.split("?");
	const parameters = new URLSearchParams(query || "");
	parameters.delete("job");
	jobs.forEach(job => parameters.append("job", job.id));
	history.replaceState(null, "", `${path}?${parameters}`);
}

function watch(place, jobs, leave) {
	keep(jobs);
	replace(place, jobs.map(job => follow(job, {leave, title: job.title.startsWith("undo ") ? "Undoing" : "Restoring", done: ended => {
		place.append(h("p", {class: "state good", role: "status"}, "✓ The restore is done, and what was restored equals the backup."));
		if (ended.result?.safety?.length)
			place.append(undoButton(ended, place, leave, undo => keep([undo])));
	}})));
	place.scrollIntoView({block: "nearest"});
}

async function watchAgain(place, query, leave) {
	const jobs = await Promise.all(query.getAll("job").map(id => api.get(api.path("jobs", id))));
	if (jobs.length)
		watch(place, jobs, leave);
}

// ---- side by side ----

const source = (sources, where, b) => where === "same" ? sources.find(s => s.url === b.sources[0]?.url) : sources.find(s => `source:${s.name}` === where);

// What happens to a table of the live database, of the backup, or of both.
function fate(name, there, here, {mode, tables = []}) {
	if (!here)
		return tables.length || mode === "preserve" ? "stays" : "goes";
	if (tables.length && !tables.includes(name))
		return there ? "stays" : "does not come";
	return there ? mode === "preserve" ? "what is missing is filled in" : "is replaced" : "comes";
}

function tablesSideBySide(b, info, given) {
	const stored = new Map((b.manifest?.sources || []).flatMap(s => s.tables || []).map(t => [t.name, t]));
	const live = new Map((info.tables || []).map(t => [t.name, t]));
	const names = [...new Set([...stored.keys(), ...live.keys()])].sort();
	const fates = new Map(names.map(n => [n, fate(n, live.get(n), stored.get(n), given)]));
	const number = (map, n, show) => map.has(n) ? show(map.get(n)) : "–";
	const red = (n, content) => ["is replaced", "goes"].includes(fates.get(n)) ? h("span", {class: "replaced"}, content) : content;
	return table([
		{title: "Table", kind: "main", cell: n => n},
		{title: "Rows there now", kind: "number", cell: n => red(n, number(live, n, t => `${t.rows_exact ? "" : "about "}${count(t.rows)}`))},
		{title: "Rows in the backup", kind: "number", cell: n => number(stored, n, t => count(t.rows))},
		{title: "Size there now", kind: "number", cell: n => red(n, number(live, n, t => size(t.bytes)))},
		{title: "Size in the backup", kind: "number", cell: n => number(stored, n, t => t.bytes ? size(t.bytes) : "–")},
		{title: "What happens", cell: n => red(n, fates.get(n))}], names, {caption: "Tables now and in the backup"});
}

// draw(values of the form): what a restore over something would do; nothing for a new place.
function sideBySide(b, sources, place) {
	const looked = new Map();
	const look = name => looked.get(name) || looked.set(name, api.get(api.path("sources", name, "info"))).get(name);
	let turn = 0;
	return async given => {
		const mine = ++turn;
		const over = source(sources, given.where, b);
		if (!over || ["folder", "command"].includes(over.engine))
			return replace(place);
		try {
			const info = await look(over.name);
			return mine === turn && replace(place, h("h2", "What is there now, and what comes"), facts([["There now", size(info.bytes)], ["In the backup", size(b.bytes)]]), tablesSideBySide(b, info, given));
		} catch (error) {
			looked.delete(over.name);
			return mine === turn && replace(place, problem(error));
		}
	};
}

// ---- from a backup ----

async function fromBackup(id, query, leave) {
	const [b, {items: sources}] = await Promise.all([api.get(api.path("backups", id)), api.get(`/sources/${api.query({limit: 1000})}`)]);
	const tables = (b.manifest?.sources || []).flatMap(s => (s.tables || []).map(t => t.name));
	const now = h("div", {"aria-live": "polite"});
	const place = h("div");
	const paths = query.getAll("path");
	const first = b.sources.find(s => paths.some(p => p === s.name || p.startsWith(`${s.name}/`))) || b.sources[0];
	const engines = paths.length ? [first.engine] : b.sources.map(s => s.engine);
	const fields = [
		...targetFields(sources, {engines, origin: sources.find(s => s.url === first?.url) || null, suggested: beside(first), same: true}),
		...paths.length ? [{name: "paths", label: "Only these files", type: "several", choices: paths.map(p => [p, p]), value: paths}] : [],
		...b.sources.length > 1 && !paths.length ? [{name: "sources", label: "Only these of its sources", type: "several", choices: b.sources.map(s => [s.name, s.name]), help: "None chosen: all of them."}] : [],
		...tables.length && !paths.length ? [{name: "tables", label: "Only these tables", type: "several", choices: tables.map(t => [t, t]), value: query.getAll("table"), help: "None chosen: all of them."}] : [],
	];
	const element = form(fields, {button: "Restore", extra: now, submit: async given => {
		const body = {backup_id: b.id, ...targetOf(given)};
		for (const name of ["sources", "tables", "paths"])
			if (!body[name]?.length)
				delete body[name];
		const job = await send(confirm => api.post("/restores/", confirm ? {...body, confirm} : body), given.backup_before_restore);
		watch(place, [job], leave);
	}});
	const draw = sideBySide(b, sources, now);
	element.addEventListener("change", () => draw(values(element, fields)));
	await watchAgain(place, query, leave);
	return h("div", h("h1", "Restore"), h("section", {class: "card"}, facts([["Backup", b.name], ["Made", exact(b.time)], ["Size", size(b.bytes)], ["Content", content(b)]])),
		h("section", {class: "card"}, element), place);
}

export const show = ({parameters, query, leave}) => parameters[0] ? fromBackup(parameters[0], query, leave) : fromFile({query, leave, watch, watchAgain});
