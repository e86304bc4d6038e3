// What is backed up: databases and folders, whether they can be reached, and how each is treated.
import {h, replace} from "../lib/dom.js";
import * as api from "../lib/api.js";
import * as events from "../lib/events.js";
import {count, plural, size} from "../lib/format.js";
import {cards} from "../lib/cards.js";
import {action, fill, problem, told} from "../lib/told.js";
import {facts} from "../lib/table.js";
import {ask, dialog} from "../lib/dialog.js";
import {form} from "../lib/form.js";
import {may} from "../app.js";

const CHECKS = [["auto", "up to 256 MiB"], ["full", "always"], ["none", "never"]];
const KINDS = {sqlite: "SQLite database", postgresql: "PostgreSQL database", mysql: "MySQL or MariaDB database", folder: "folder", command: "output of a command"};
const lines = list => (list || []).join("\n");

// What a source turned out to be: engine, version, size, tables, and rights that lack.
export function found(test) {
	const info = test.info || test;
	const notes = [...info.notes || [], ...test.missing || []];
	return h("div", facts([["Kind", info.version || test.engine], ["Name", info.name], ["Size", info.bytes > 0 && size(info.bytes)], ["Tables", test.engine !== "folder" && info.tables && count(info.tables.length ?? info.tables)], ["Encoding", info.encoding]]),
		notes.length ? h("ul", notes.map(n => h("li", {class: "partial"}, h("span", {class: "state"}, `◐ ${n}`)))) : null);
}

// What is known of its kind before the server has looked: null while it may be any.
const ENGINES = [[/^(postgres(ql)?|mysql|mariadb):/, "server"], [/^command:/, "command"], [/^folder:|\/$/, "folder"], [/^sqlite:|\.(db|sqlite3?)$/, "sqlite"]];
const engineOf = (url, source) => ENGINES.find(([pattern]) => pattern.test(url))?.[1] || (url || !source ? null : ["folder", "command", "sqlite"].includes(source.engine) ? source.engine : "server");

export function fields(source, repositories) {
	const only = (...kinds) => g => [null, ...kinds].includes(engineOf(g.url, source));
	return [
		{name: "name", label: "Name", required: true, value: source?.name, maxlength: 64, placeholder: "shop", help: "Letters, digits, . _ -"},
		{name: "url", label: "Where it is", required: !source, value: "", placeholder: source ? source.url : "postgresql://shop@db.example.org/shop or /srv/app.db or /srv/media",
			help: source ? "Leave it empty to keep what is there. Passwords are kept encrypted and never shown." : "Paste a connection URL, or a path on the server. Passwords are kept encrypted and never shown."},
		{name: "repository", label: "Backups go to", type: "select", value: source?.repository || "", choices: [["", "the default repository"], ...repositories.map(r => [r.name, r.name])]},
		{name: "overdue_hours", label: "Alarm without a good backup for so many hours", type: "number", min: 0, max: 87600, value: source?.overdue_hours ?? 0, help: "0: as the settings say"},
		{name: "exclude", label: "Leave out files (a pattern a line)", type: "textarea", value: lines(source?.exclude), rows: 3, show: only("folder")},
		{name: "include", label: "Only files that match (a pattern a line)", type: "textarea", value: lines(source?.include), rows: 2, show: only("folder")},
		{name: "include_logs", label: "Take logs and caches too", type: "checkbox", value: source?.include_logs, show: only("folder")},
		{name: "one_file_system", label: "Do not enter other file systems", type: "checkbox", value: source?.one_file_system, show: only("folder")},
		{name: "check", label: "SQLite: check the whole copy", type: "select", value: source?.check || "auto", choices: CHECKS, show: only("sqlite")},
		{name: "optimize_first", label: "Optimize the tables before each backup", type: "checkbox", value: source?.optimize_first, show: only("sqlite", "server")},
		{name: "before", group: "Around each backup", label: "Command before each backup", value: source?.before, help: "Run without a shell; when it fails, there is no backup."},
		{name: "after", label: "Command after each backup", value: source?.after, help: "Run however the backup ended; it finds that in BACKSTAY_STATE."},
		{name: "restore_protected", group: "Protection and notes", label: "Never restore over it", type: "checkbox", value: source?.restore_protected, help: "Protects a live database from a wrong click."},
		{name: "notes", label: "Notes", type: "textarea", rows: 2, value: source?.notes},
	];
}

// The values of fields() as the API takes them.
export function body(given, source) {
	const result = {...given};
	for (const name of ["exclude", "include"])
		if (name in result)
			result[name] = result[name].split("\n").map(s => s.trim()).filter(Boolean);
	for (const name of ["before", "after", "repository", "notes"])
		if (name in result && result[name] === "")
			result[name] = null;
	if (!result.url)
		delete result.url;
	if (source && result.name === source.name)
		delete result.name;
	return result;
}

const editor = (source, repositories, reload) => dialog(source ? `Change ${source.name}` : "New source", close => form(fields(source, repositories), {
	button: source ? "Save" : "Add it", cancel: () => close(), submit: async given => {
		const made = await (source ? api.patch(api.path("sources", source.id), body(given, source)) : api.post("/sources/", body(given)));
		close();
		told(`${made.name} is ${source ? "changed" : "added"}.`);
		reload(made.name);
	}}), {wide: true});

const test = async (source, place) => replace(place, found(await api.post(api.path("sources", source.id, "test"))));

const title = source => [h("h2", source.name), source.restore_protected && h("span", {class: "badge"}, "protected from restores")];

const says = source => facts([["Kind", KINDS[source.engine] || source.engine], ["Where", h("code", source.url)], ["Password", source.url_secret && "kept here, encrypted"], ["Repository", source.repository || "the default one"],
	["Leaves out", source.exclude.join(", ")], ["Takes only", source.include.join(", ")], ["Logs and caches", source.include_logs && "taken too"], ["Other file systems", source.one_file_system && "left out"],
	["Copy is checked", source.check && source.check !== "auto" && CHECKS.find(([c]) => c === source.check)[1]], ["Before each backup", source.before && h("code", source.before)], ["After each backup", source.after && h("code", source.after)],
	["Tables", source.optimize_first && "optimized before each backup"], ["Alarm", source.overdue_hours > 0 && `without a good backup for ${plural(source.overdue_hours, "hour")}`], ["Notes", source.notes]]);

function buttons(source, place, repositories, reload) {
	const act = (label, run, how) => action(label, run, {...how, at: place});
	return [
		may("operator") && act("Test the connection", () => test(source, place)),
		may("operator") && act("Back up now", async () => {
			const job = await api.post("/backups/", {sources: [source.name]});
			location.hash = `#/job/${job.id}`;
		}, {kind: "main"}),
		h("a", {class: "button", href: `#/backups?source=${encodeURIComponent(source.name)}`}, "Its backups"),
		may("admin") && h("button", {type: "button", onclick: () => editor(source, repositories, reload)}, "Change"),
		may("admin") && act("Remove", async () => {
			await api.remove(api.path("sources", source.id));
			told(`${source.name} is removed.`);
			reload();
		}, {kind: "quiet", confirm: () => ask(`Remove ${source.name}?`, "It is no longer backed up. Backups that were made of it stay, and can be restored.", {yes: "Remove", kind: "danger"})})];
}

export async function show({leave}) {
	const place = h("div");
	const repositories = (await api.get("/repositories/")).items;
	const all = cards({title, says, buttons: source => buttons(source, all.place(source), repositories, load), on: source => source.name});
	// fresh: the name of one that was just added or changed; it is looked at at once.
	const load = fresh => fill(place, async () => {
		const {items} = await api.get(`/sources/${api.query({limit: 1000})}`);
		for (const source of items.filter(s => s.name === fresh))
			test(source, all.place(source)).catch(error => replace(all.place(source), problem(error)));
		return items.length ? all(items) : h("div", {class: "sheet"}, h("p", "No source is configured yet."), may("admin") && h("a", {class: "button main", href: "#/start"}, "Set up the first one"));
	});
	await load();
	leave(events.on("source", () => load()));
	return h("div", h("div", {class: "head"}, h("h1", "Sources"), may("admin") && h("button", {type: "button", class: "main", onclick: () => editor(null, repositories, load)}, "New source")), place);
}

