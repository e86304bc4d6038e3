// What runs by itself: when, on what, and how long its backups are kept.
import {h, replace} from "../lib/dom.js";
import * as api from "../lib/api.js";
import * as events from "../lib/events.js";
import {exact, plural, when} from "../lib/format.js";
import {action, fill, told} from "../lib/told.js";
import {facts} from "../lib/table.js";
import {ask, dialog} from "../lib/dialog.js";
import {form} from "../lib/form.js";
import {may} from "../app.js";

const ACTIONS = [["backup", "Back up"], ["verify", "Verify backups (drill)"], ["optimize", "Optimize tables"], ["check-tables", "Check tables"], ["cleanup", "Remove old backups"], ["check", "Check the repository"], ["export", "Export to a folder"]];
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"].map(d => [d.toLowerCase(), d]);
const KEEP = [["days", "Keep backups of the last … days"], ["max_backups", "Keep at most … backups"], ["last", "and the last …"], ["hourly", "and … hourly ones"], ["daily", "and … daily ones"], ["weekly", "and … weekly ones"], ["monthly", "and … monthly ones"], ["yearly", "and … yearly ones"]];
const LEVELS = [[0, "no more than every backup is verified anyway"], [1, "every byte read back"], [2, "structure checked"], [3, "restored in a rehearsal"], [4, "restored and compared row by row"]];

export function fields(schedule, sources, repositories, settings = {}) {
	const s = schedule || {};
	const keeps = g => g.action === "backup" || g.action === "cleanup";
	return [
		...schedule ? [] : [{name: "name", label: "Name", required: true, maxlength: 64, placeholder: "nightly", value: settings.name}],
		{name: "action", label: "What it does", type: "select", choices: ACTIONS, value: s.action || "backup"},
		{name: "sources", label: "Sources", type: "several", choices: sources.map(x => [x.name, x.name]), value: s.sources, help: "None chosen: all of them."},
		{name: "kind", label: "How often", type: "select", choices: [["daily", "every day"], ["weekly", "every week"], ["monthly", "every month"], ["cron", "as a cron expression says"]], value: s.kind || "daily"},
		{name: "time", label: "At", type: "time", value: s.time || "02:00", show: g => g.kind !== "cron"},
		{name: "weekday", label: "On", type: "select", choices: DAYS, value: s.weekday || "sunday", show: g => g.kind === "weekly"},
		{name: "day", label: "On day", type: "number", min: 1, max: 31, value: s.day ?? 1, help: "A shorter month has it on its last day.", show: g => g.kind === "monthly"},
		{name: "cron", label: "Cron expression", value: s.cron, placeholder: "0 */6 * * *", show: g => g.kind === "cron"},
		{name: "zone", label: "Time zone", value: s.zone, placeholder: Intl.DateTimeFormat().resolvedOptions().timeZone, help: "Empty: the server's."},
		{name: "repository", label: "Repository", type: "select", value: s.repository || "", choices: [["", "the sources' own, else the default one"], ...repositories.map(r => [r.name, r.name])]},
		...KEEP.map(([name, label]) => ({name: `keep_${name}`, label, type: "number", min: 0, max: 100000, value: s.keep?.[name] ?? (schedule ? 0 : name === "days" ? 30 : name === "max_backups" ? 50 : 0), show: keeps})),
		{name: "verify_level", label: "Then prove that the backup restores", type: "select", choices: LEVELS, value: s.verify_level ?? 0, show: g => g.action === "backup" || g.action === "verify"},
		{name: "export_format", label: "Format", type: "select", choices: ["archive", "sql", "sql.gz", "csv", "xlsx", "tar.gz", "tar.zst", "zip"].map(f => [f, f]), value: s.export_format || "archive", show: g => g.action === "export"},
		{name: "export_dir", label: "Folder on the server", value: s.export_dir, show: g => g.action === "export"},
		{name: "catch_up", label: "Make up for a run that was missed while the machine was off", type: "checkbox", value: s.catch_up ?? true},
		{name: "retries", label: "Try again so many times", type: "number", min: 0, max: 20, value: s.retries ?? 2},
		{name: "time_limit", label: "End it after so many seconds", type: "number", min: 0, max: 604800, value: s.time_limit ?? 0, help: "0: never"},
		{name: "jitter", label: "Begin up to so many seconds later", type: "number", min: 0, max: 86400, value: s.jitter ?? 0},
	];
}

// The values of fields() as the API takes them.
export function body(given) {
	const result = {keep: {}};
	for (const [name, value] of Object.entries(given))
		if (name.startsWith("keep_"))
			result.keep[name.slice(5)] = value || 0;
		else if (name === "verify_level")
			result[name] = Number(value);
		else if (value === "" && ["zone", "repository", "cron", "export_dir"].includes(name))
			result[name] = null;
		else if (value !== undefined)
			result[name] = value;
	if (!Object.keys(given).some(n => n.startsWith("keep_")))
		delete result.keep;
	return result;
}

function editor(schedule, known, reload) {
	const next = h("div", {"aria-live": "polite"});
	return dialog(schedule ? `Change ${schedule.name}` : "New schedule", close => form(fields(schedule, known.sources, known.repositories), {
		button: schedule ? "Save" : "Add it", cancel: () => close(), extra: h("div", action("When would it run?", () => preview(next, close)), next),
		submit: async given => {
			const made = await (schedule ? api.patch(api.path("schedules", schedule.id), body(given)) : api.post("/schedules/", body(given)));
			close();
			told(`${made.name} is ${schedule ? "changed" : "added"}.`);
			reload();
		}}), {wide: true});

	async function preview(place) {
		const element = place.closest("form");
		const {values} = await import("../lib/form.js");
		const all = fields(schedule, known.sources, known.repositories);
		const given = values(element, all);
		for (const f of all)
			if (f.show && !f.show(given))
				delete given[f.name];
		replace(place, runs(await api.post("/schedules/preview/", body(given))));
	}
}

const runs = p => h("div", h("p", p.when), h("ul", p.runs.map(t => h("li", exact(t)))), p.jobs.length > 0 && h("p", {class: "faint"}, `It does: ${p.jobs.join("; ")}`));

async function drop(schedule, reload) {
	if (await ask(`Remove ${schedule.name}?`, "It runs no more. Its backups stay; they are then kept until somebody removes them.", {yes: "Remove", kind: "danger"}))
		await api.remove(api.path("schedules", schedule.id)).then(reload, error => told(error.message, "bad"));
}

function keeping(s) {
	const parts = Object.entries(s.keep || {}).filter(([, n]) => n).map(([name, n]) => name === "days" ? plural(n, "day") : name === "max_backups" ? `at most ${n}` : `${n} ${name}`);
	return s.action === "backup" || s.action === "cleanup" ? parts.join(", ") || "everything, for ever" : null;
}

function card(s, known, reload) {
	const next = h("div", {"aria-live": "polite"});
	return h("section", {class: "card"}, h("div", {class: "head"}, h("h2", s.name), h("span", {class: `state ${s.enabled ? "good" : "cancelled"}`}, s.enabled ? "● on" : "– off")),
		facts([["Does", ACTIONS.find(([a]) => a === s.action)?.[1] || s.action], ["Sources", (s.sources || []).join(", ") || "all"], ["When", s.when], ["Time zone", s.zone],
			["Next", s.enabled ? when(s.next_run) : "–"], ["Last", when(s.last_run)], ["Keeps", keeping(s)]]),
		h("div", {class: "buttons"},
			may("operator") && action("Run now", async () => {
				const {jobs} = await api.post(api.path("schedules", s.id, "run"));
				if (jobs[0])
					location.hash = `#/job/${jobs[0].id}`;
			}),
			action("Next runs", async () => replace(next, runs(await api.get(api.path("schedules", s.id, "preview"))))),
			may("admin") && action(s.enabled ? "Switch off" : "Switch on", async () => {
				await api.post(api.path("schedules", s.id, "toggle_active"));
				reload();
			}),
			may("admin") && h("button", {type: "button", onclick: () => editor(s, known, reload)}, "Change"),
			may("admin") && h("button", {type: "button", class: "quiet", onclick: () => drop(s, reload)}, "Remove")), next);
}

export async function show({leave}) {
	const place = h("div");
	const [{items: sources}, {items: repositories}] = await Promise.all([api.get(`/sources/${api.query({limit: 1000})}`), api.get("/repositories/")]);
	const known = {sources, repositories};
	const load = () => fill(place, async () => {
		const {items} = await api.get(`/schedules/${api.query({limit: 1000})}`);
		return items.length ? items.map(s => card(s, known, load)) : h("p", {class: "sheet empty"}, "Nothing runs by itself yet.");
	});
	await load();
	leave(events.on("schedule", load));
	return h("div", h("div", {class: "head"}, h("h1", "Schedules"), may("admin") && h("button", {type: "button", class: "main", onclick: () => editor(null, known, load)}, "New schedule")), place);
}
