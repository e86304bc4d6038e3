// Looking after live databases: what there is, optimize, check, repair.
import {h, replace} from "../lib/dom.js";
import * as api from "../lib/api.js";
import {count, size} from "../lib/format.js";
import {follow} from "../lib/jobs.js";
import {action, fill} from "../lib/told.js";
import {facts, table} from "../lib/table.js";
import {ask} from "../lib/dialog.js";
import {may} from "../app.js";

const tables = info => table([
	{title: "Table", kind: "main", cell: t => t.schema ? `${t.schema}.${t.name}` : t.name}, {title: "Kind", cell: t => t.kind || ""},
	{title: "Rows", kind: "number", cell: t => `${t.rows_exact ? "" : "about "}${count(t.rows)}`}, {title: "Size", kind: "number", cell: t => size(t.bytes)},
	{title: "Indexes", kind: "number", cell: t => t.index_bytes ? size(t.index_bytes) : "–"}, {title: "Can be given back", kind: "number", cell: t => t.reclaimable ? size(t.reclaimable) : "–"},
], info.tables || [], {caption: `Tables of ${info.name}`, empty: "It has no tables."});

// What an optimize, check or repair did, a row a table.
function outcome(job) {
	const result = job.result;
	return result?.tables && h("div", h("p", `${count(result.done)} tables done${result.reclaimed > 0 ? `, ${size(result.reclaimed)} given back` : ""}.`), table([
		{title: "Table", kind: "main", cell: t => t.table || "the database"}, {title: "State", cell: t => h("span", {class: `state ${t.state === "failed" ? "failed" : t.state === "ok" ? "good" : ""}`}, t.state)}, {title: "What was said", cell: t => t.message || ""},
		{title: "Given back", kind: "number", cell: t => t.reclaimed > 0 ? size(t.reclaimed) : "–"}], result.tables, {caption: "Results"}));
}

function database(source, leave) {
	const place = h("div", {"aria-live": "polite"});
	const run = (what, body) => async () => {
		const job = await api.post(api.path("sources", source.id, what), body);
		replace(place, follow(job, {leave, done: ended => place.append(outcome(ended) || "")}));
	};
	return h("section", {class: "card"}, h("h2", source.name), h("p", h("code", source.url)), h("div", {class: "buttons"},
		may("operator") && action("Information", () => fill(place, async () => {
			const info = await api.get(api.path("sources", source.id, "info"));
			return [facts([["Version", info.version], ["Size", size(info.bytes)], ["Tables", count((info.tables || []).length)], ["Encoding", info.encoding]]), tables(info)];
		})),
		may("operator") && action("Optimize", run("optimize")), may("operator") && action("Check", run("check")),
		may("admin") && action("Repair", run("repair"), {kind: "danger", confirm: () => ask(`Repair ${source.name}?`, "A repair may change data that cannot be read. It is refused unless there is a good backup of the last 24 hours.", {yes: "Repair", kind: "danger"})})), place);
}

export async function show({leave}) {
	const {items} = await api.get(`/sources/${api.query({limit: 1000})}`);
	const databases = items.filter(s => !["folder", "command"].includes(s.engine));
	return h("div", h("h1", "Maintenance"), databases.length ? databases.map(s => database(s, leave)) : h("p", {class: "sheet empty"}, "No database is configured."));
}
