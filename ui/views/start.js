// The first two minutes: a source, a place, a time; and the first backup before the page is left.
import {h, replace} from "../lib/dom.js";
import * as api from "../lib/api.js";
import {follow} from "../lib/jobs.js";
import {form} from "../lib/form.js";
import {sheetLink} from "../lib/recovery.js";
import {found} from "./sources.js";
import {connect, madeNote} from "./repositories.js";

const STEPS = ["What", "Where to", "When"];
const steps = at => h("ol", {class: "steps"}, STEPS.map((s, i) => h("li", {"aria-current": i === at ? "step" : null}, s)));

// A name for what a URL or path leads to, which nothing else has.
async function nameFor(url) {
	const {items} = await api.get(`/sources/${api.query({limit: 1000})}`);
	const name = (url.split("?")[0].replace(/\/+$/, "").split(/[/:]/).pop() || "source").replace(/\.(db|sqlite3?)$/i, "").replace(/[^A-Za-z0-9._-]/g, "-").slice(0, 60) || "source";
	const isTaken = wanted => items.some(s => s.name === wanted);
	let n = 1;
	while (isTaken(n > 1 ? `${name}-${n}` : name))
		n++;
	return n > 1 ? `${name}-${n}` : name;
}

// Who comes back to this page after its first step means the source that is there already: the new one goes again.
async function known(source, url) {
	const {items} = await api.get(`/sources/${api.query({limit: 1000})}`);
	const before = items.find(s => s.url === source.url && s.id !== source.id);
	if (!before)
		return source;
	await api.remove(api.path("sources", source.id));
	const {items: schedules} = await api.get(`/schedules/${api.query({limit: 1000})}`);
	if (schedules.some(s => s.name === before.name))
		throw Object.assign(new Error(`this is ${before.name}, which is backed up already`), {field: "url", hint: "When that is done stands on the page Schedules."});
	return {...await api.patch(api.path("sources", before.id), {url}), known: true};
}

function what(place, leave) {
	replace(place, steps(0), h("p", "Paste the connection URL of a database, or the path of an SQLite database or folder on this machine."), form([
		{name: "url", label: "Database or folder", required: true, placeholder: "postgresql://shop:password@db.example.org/shop", help: "PostgreSQL, MySQL, MariaDB, SQLite, or a folder. It is only read. A password is kept encrypted."},
		{name: "name", label: "Call it", maxlength: 64, help: "Empty: as the database or folder is called."},
	], {button: "Connect", submit: async ({url, name}) => {
		const source = await known(await api.post("/sources/", {url, name: name || await nameFor(url)}), url);
		let test;
		try {
			test = await api.post(api.path("sources", source.id, "test"));
		} catch (error) {
			if (!source.known)
				await api.remove(api.path("sources", source.id));
			error.hint ||= error.kind === "not-found" && "Paths are those of the machine on which Backstay runs.";
			throw error;
		}
		await where(place, leave, source, test);
	}}));
	queueMicrotask(() => place.querySelector("input").focus());
}

async function where(place, leave, source, test) {
	const [{items}, usual] = await Promise.all([api.get("/repositories/"), api.get("/repositories/usual-place/").catch(() => ({location: ""}))]);
	const summary = h("section", {class: "card"}, h("h2", source.name), found(test));
	const known = items.find(r => r.is_default);
	if (known) {
		time(place, source, leave, summary, h("p", "Backups go to ", h("code", known.location), "."));
		return;
	}
	let wanted = false;
	replace(place, steps(1), summary, h("p", "Backups are encrypted, and each stores only what changed."), form([
		{name: "location", label: "Folder for the backups", value: usual.location, required: true, help: "Best on another disk than the data."},
		{name: "password", label: "Password of the repository that is there", type: "password", autocomplete: "off", show: () => wanted},
	], {button: "Keep them there", submit: async ({location, password}, element) => {
		const repository = await api.post("/repositories/", {name: "main", location, is_default: true, ...password ? {password} : {}});
		let made;
		try {
			made = await connect(repository);
		} catch (error) {
			wanted = error.kind === "password";
			element.dispatchEvent(new Event("input"));
			throw error;
		}
		time(place, source, leave, summary, made ? [h("p", h("strong", "The recovery sheet was downloaded: print it, or keep it apart from this machine.")), madeNote(made), sheetLink(repository, "Download the recovery sheet again")] : h("p", "The repository that is there is used."));
		// The sheet comes by itself: nobody may forget it.
		if (made)
			sheetLink(repository, "").click();
	}}));
}

function time(place, source, leave, summary, note) {
	let schedule = null;
	replace(place, steps(2), summary, h("section", {class: "card"}, note), form([
		{name: "time", label: "Every day at", type: "time", value: "02:00", required: true},
		{name: "days", label: "Keep backups of the last … days", type: "number", min: 1, max: 3660, value: 30},
	], {button: "Start, and back up now", submit: async ({time: at, days}) => {
		const wanted = {name: source.name, action: "backup", sources: [source.name], kind: "daily", time: at, keep: {days, max_backups: 50}};
		schedule = await (schedule ? api.patch(api.path("schedules", schedule.id), wanted) : api.post("/schedules/", wanted));
		const job = await api.post("/backups/", {sources: [source.name]});
		replace(place, h("p", {class: "sentence"}, "The first backup is running"), follow(job, {leave, done: () => {
			place.querySelector(".sentence").textContent = `${source.name} is backed up`;
			place.append(h("div", {class: "buttons"}, h("a", {class: "button main", href: "#/"}, "To the overview"), h("a", {class: "button", href: "#/notices"}, "Be told when something fails"), h("a", {class: "button", href: "#/start", onclick: () => location.reload()}, "Another source")));
		}}));
	}}));
}

export function show({leave}) {
	const place = h("div");
	what(place, leave);
	return h("div", h("h1", "Two minutes to the first backup"), place);
}
