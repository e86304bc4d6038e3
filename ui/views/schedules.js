// What runs by itself: when, on what, and how long its backups are kept.
import {h, replace} from "../lib/dom.js";
import * as api from "../lib/api.js";
import * as events from "../lib/events.js";
import {plural, when} from "../lib/format.js";
import {cards} from "../lib/cards.js";
import {retention} from "../lib/retention.js";
import {action, fill, told} from "../lib/told.js";
import {facts} from "../lib/table.js";
import {ask, dialog} from "../lib/dialog.js";
import {form} from "../lib/form.js";
import {may} from "../app.js";

const ACTIONS = [["backup", "Back up"], ["verify", "Verify backups (drill)"], ["optimize", "Optimize tables"], ["check-tables", "Check tables"], ["cleanup", "Remove old backups"], ["check", "Check the repository"], ["export", "Export to a folder"]];
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"].map(d => [d.toLowerCase(), d]);
const KEEP = [["days", "Keep backups of the last … days"], ["max_backups", "Keep at most … backups"], ["last", "and the last …"], ["hourly", "and … hourly ones"], ["daily", "and … daily ones"], ["weekly", "and … weekly ones"], ["monthly", "and … monthly ones"], ["yearly", "and … yearly ones"]];
const LEVELS = [[0, "no more than every backup is verified anyway"], [1, "every byte read back"], [2, "structure checked"], [3, "restored in a rehearsal"], [4, "restored and compared row by row"]];

const USUAL_LEVEL = 2;       // of what is verified when nothing is said

const keeps = s => s.action === "backup" || s.action === "cleanup";

export function fields(schedule, sources, repositories, settings = {}) {
	const s = schedule || {};
	return [
		...schedule ? [] : [{name: "name", label: "Name", required: true, maxlength: 64, placeholder: "nightly", value: settings.name}],
		{name: "enabled", label: "It is on", type: "checkbox", value: s.enabled ?? true},
		{name: "action", label: "What it does", type: "select", choices: ACTIONS, value: s.action || "backup"},
		{name: "sources", label: "Sources", type: "several", choices: sources.map(x => [x.name, x.name]), value: s.sources, help: "None chosen: all of them."},
		{name: "kind", label: "How often", type: "select", choices: [["daily", "every day"], ["weekly", "every week"], ["monthly", "every month"], ["cron", "as a cron expression says"]], value: s.kind || "daily"},
		{name: "time", label: "At", type: "time", value: s.time || "02:00", show: g => g.kind !== "cron"},
		{name: "weekday", label: "On", type: "select", choices: DAYS, value: s.weekday || "sunday", show: g => g.kind === "weekly"},
		{name: "day", label: "On day", type: "number", min: 1, max: 31, value: s.day ?? 1, help: "A shorter month has it on its last day.", show: g => g.kind === "monthly"},
		{name: "cron", label: "Cron expression", required: true, value: s.cron, placeholder: "0 */6 * * *", show: g => g.kind === "cron"},
		{name: "zone", label: "Time zone", value: s.zone, placeholder: Intl.DateTimeFormat().resolvedOptions().timeZone, help: "Empty: the server's."},
		{name: "repository", label: "Repository", type: "select", value: s.repository || "", choices: [["", "the sources' own, else the default one"], ...repositories.map(r => [r.name, r.name])]},
		...KEEP.map(([name, label]) => ({name: `keep_${name}`, label, group: name === "days" && "How long backups are kept", type: "number", min: 0, max: 100000, value: s.keep?.[name] ?? (schedule ? 0 : name === "days" ? 30 : name === "max_backups" ? 50 : 0), show: keeps})),
		{name: "verify_level", label: "Then prove that the backup restores", group: "Verification", type: "select", choices: LEVELS, value: s.verify_level ?? 0, show: g => g.action === "backup"},
		{name: "drill_level", label: "How far they are verified", group: "Verification", type: "select", choices: LEVELS.slice(1), value: s.verify_level || (schedule ? USUAL_LEVEL : 3), show: g => g.action === "verify"},
		{name: "export_format", label: "Format", type: "select", choices: ["archive", "sql", "sql.gz", "csv", "xlsx", "tar.gz", "tar.zst", "zip"].map(f => [f, f]), value: s.export_format || "archive", show: g => g.action === "export"},
		{name: "export_dir", label: "Folder on the server", required: true, placeholder: "/srv/exports", value: s.export_dir, show: g => g.action === "export"},
		{name: "catch_up", group: "When something comes between", label: "Make up for a run that was missed while the machine was off", type: "checkbox", value: s.catch_up ?? true},
		{name: "retries", label: "Try again so many times", type: "number", min: 0, max: 20, value: s.retries ?? 2},
		{name: "retry_wait", label: "Seconds before the first further try", type: "number", min: 1, max: 86400, value: s.retry_wait ?? 300, help: "Doubled for each one after it.", show: g => g.retries > 0},
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
		else if (name === "verify_level" || name === "drill_level")
			result.verify_level = Number(value);
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

// By the clock of the schedule's zone; of one that no browser knows, by the browser's own.
function clockOf(zone) {
	const style = {weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23"};
	try {
		return [new Intl.DateTimeFormat("en-GB", {...style, timeZone: zone}), zone];
	} catch {
		return [new Intl.DateTimeFormat("en-GB", style), "this browser"];
	}
}

function runs(p) {
	const [clock, zone] = clockOf(p.zone);
	return h("div", h("p", `${p.when}; by the clock of ${zone}:`), p.runs.length ? h("ul", p.runs.map(t => h("li", h("time", {datetime: t, dataset: {exact: ""}}, clock.format(new Date(t)))))) : h("p", "It never runs."),
		h("p", {class: "faint"}, p.jobs.length ? `It does: ${p.jobs.join("; ")}` : "There is no source that it would work on."));
}

function keeping(s) {
	const parts = Object.entries(s.keep || {}).filter(([, n]) => n).map(([name, n]) => name === "days" ? plural(n, "day") : name === "max_backups" ? `at most ${n}` : `${n} ${name}`);
	return keeps(s) ? parts.join(", ") || "everything, for ever" : null;
}

const title = s => [h("h2", s.name), h("span", {class: `state ${s.enabled ? "good" : "cancelled"}`}, s.enabled ? "● on" : "– off")];

const says = s => facts([["Does", ACTIONS.find(([a]) => a === s.action)?.[1] || s.action], ["Sources", (s.sources || []).join(", ") || "all"], ["When", s.when], ["Time zone", s.zone || "the server's"], ["Repository", s.repository],
	["Next", s.enabled ? when(s.next_run) : "–"], ["Last", s.last_job ? h("a", {href: `#/job/${s.last_job}`}, when(s.last_run)) : when(s.last_run)], ["Keeps", keeping(s)],
	["Then verifies", s.action === "backup" && s.verify_level > 0 && LEVELS[s.verify_level][1]], ["How far", s.action === "verify" && LEVELS[s.verify_level || USUAL_LEVEL][1]],
	["Writes", s.action === "export" && `${s.export_format || "archive"} to ${s.export_dir}`], ["Missed runs", s.catch_up ? "made up for once" : "left out"], ["Further tries", s.retries > 0 && `${s.retries}, the first after ${plural(s.retry_wait, "second")}`],
	["Ended after", s.time_limit > 0 && plural(s.time_limit, "second")], ["Begins up to", s.jitter > 0 && `${plural(s.jitter, "second")} later`]]);

function buttons(s, place, {known, reload, leave}) {
	const act = (label, run, how) => action(label, run, {...how, at: place});
	return [
		may("operator") && act("Run now", async () => {
			const {jobs} = await api.post(api.path("schedules", s.id, "run"));
			if (jobs[0])
				location.hash = `#/job/${jobs[0].id}`;
		}),
		act("Next runs", async () => replace(place, runs(await api.get(api.path("schedules", s.id, "preview"))))),
		h("a", {class: "button", href: `#/jobs?schedule=${s.id}`}, "Its jobs"),
		may("admin") && keeps(s) && act("What it keeps", () => retention(place, {schedule: s.name, repository: s.repository}, leave)),
		may("admin") && act(s.enabled ? "Switch off" : "Switch on", async () => {
			await api.post(api.path("schedules", s.id, "toggle_active"));
			reload();
		}),
		may("admin") && h("button", {type: "button", onclick: () => editor(s, known, reload)}, "Change"),
		may("admin") && act("Remove", async () => {
			await api.remove(api.path("schedules", s.id));
			told(`${s.name} is removed.`);
			reload();
		}, {kind: "quiet", confirm: () => ask(`Remove ${s.name}?`, "It runs no more. Its backups stay; they are then kept until somebody removes them.", {yes: "Remove", kind: "danger"})})];
}

export async function show({leave}) {
	const place = h("div");
	const [{items: sources}, {items: repositories}] = await Promise.all([api.get(`/sources/${api.query({limit: 1000})}`), api.get("/repositories/")]);
	const known = {sources, repositories};
	const all = cards({title, says, buttons: s => buttons(s, all.place(s), {known, reload: load, leave}), on: s => [s.enabled, keeps(s)]});
	const load = () => fill(place, async () => {
		const {items} = await api.get(`/schedules/${api.query({limit: 1000})}`);
		return items.length ? all(items) : h("p", {class: "sheet empty"}, "Nothing runs by itself yet.");
	});
	await load();
	leave(events.on("schedule", load));
	return h("div", h("div", {class: "head"}, h("h1", "Schedules"), may("admin") && h("button", {type: "button", class: "main", onclick: () => editor(null, known, load)}, "New schedule")), place);
}
