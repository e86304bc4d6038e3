// Looking after live databases: what there is, optimize, check, repair.
import {h, replace, uid} from "../lib/dom.js";
import * as api from "../lib/api.js";
import {count, size} from "../lib/format.js";
import {follow} from "../lib/jobs.js";
import {action, fill} from "../lib/told.js";
import {facts, table} from "../lib/table.js";
import {dialog} from "../lib/dialog.js";
import {form} from "../lib/form.js";
import {may} from "../app.js";

const KINDS = "optimize,check-tables,repair";
const nameOf = t => t.schema ? `${t.schema}.${t.name}` : t.name;

// With a box, to work on some of them only; not of a name that no request could say.
function named(t) {
	const id = uid("table");
	return t.name_base64 ? t.name : h("span", h("input", {type: "checkbox", id, name: "table", value: nameOf(t)}), " ", h("label", {for: id}, nameOf(t)));
}

const tables = info => table([
	{title: "Table", kind: "main", cell: named}, {title: "Kind", cell: t => t.kind || ""},
	{title: "Rows", kind: "number", cell: t => `${t.rows_exact ? "" : "about "}${count(t.rows)}`}, {title: "Size", kind: "number", cell: t => size(t.bytes)},
	{title: "Indexes", kind: "number", cell: t => t.index_bytes ? size(t.index_bytes) : "–"}, {title: "Can be given back", kind: "number", cell: t => t.reclaimable ? size(t.reclaimable) : "–"},
], info.tables || [], {caption: `Tables of ${info.name}`, empty: "It has no tables."});

const repairForm = (source, run) => dialog(`Repair ${source.name}?`, close => [h("p", "A repair may change data that cannot be read. It is refused unless there is a good backup of the last 24 hours."), form([
	{name: "force", label: "Even without a good backup of the last 24 hours", type: "checkbox"}], {button: "Repair", kind: "danger", cancel: () => close(), submit: async ({force}) => {
	await run(force);
	close();
}})]);

function database(source, leave) {
	const place = h("div", {"aria-live": "polite"});
	const details = h("div");
	const chosen = () => [...details.querySelectorAll("input[name=table]:checked")].map(box => box.value);
	const watch = job => replace(place, follow(job, {leave}));
	const run = async (what, more = {}) => watch(await api.post(api.path("sources", source.id, what), {tables: chosen(), ...more}));
	// What runs now, or ran last, is there again after a reload.
	api.get(`/jobs/${api.query({source: source.name, kind: KINDS, limit: 1})}`).then(async ({items: [last]}) => {
		const job = last && await api.get(api.path("jobs", last.id));
		if (job && !place.firstChild)            // nothing was begun meanwhile
			watch(job);
	}).catch(() => null);
	return h("section", {class: "card"}, h("h2", source.name), h("p", h("code", source.url)), !may("operator") && h("p", {class: "faint"}, "Operators and admins look after it here."), h("div", {class: "buttons"},
		may("operator") && action("Information", () => fill(details, async () => {
			const info = await api.get(api.path("sources", source.id, "info"));
			return [facts([["Name", info.name], ["Version", info.version], ["Size", size(info.bytes)], ["Tables", count((info.tables || []).length)], ["Encoding", info.encoding]]),
				info.notes.length > 0 && h("ul", info.notes.map(n => h("li", n))), tables(info), h("p", {class: "help"}, "Optimize, check and repair work on the tables that are ticked, or on all.")];
		})),
		may("operator") && action("Optimize", () => run("optimize")), may("operator") && action("Check", () => run("check")),
		may("admin") && h("button", {type: "button", class: "danger", onclick: () => repairForm(source, force => run("repair", {force}))}, "Repair")), details, place);
}

export async function show({leave}) {
	const {items} = await api.get(`/sources/${api.query({limit: 1000})}`);
	const databases = items.filter(s => !["folder", "command"].includes(s.engine));
	return h("div", h("h1", "Maintenance"), databases.length ? databases.map(s => database(s, leave)) : h("p", {class: "sheet empty"}, "No database is configured."));
}
