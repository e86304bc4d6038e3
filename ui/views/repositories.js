// Where backups are kept: space, soundness, keys.
import {h, replace} from "../lib/dom.js";
import * as api from "../lib/api.js";
import * as events from "../lib/events.js";
import {plural, size, when} from "../lib/format.js";
import {cards} from "../lib/cards.js";
import {action, attempt, fill, told} from "../lib/told.js";
import {facts, table} from "../lib/table.js";
import {ask, dialog} from "../lib/dialog.js";
import {form} from "../lib/form.js";
import {menu} from "../lib/menu.js";
import {sheetLink} from "../lib/recovery.js";
import {pruned} from "../lib/results.js";
import {retention} from "../lib/retention.js";
import {may} from "../app.js";

const fields = r => [
	{name: "name", label: "Name", required: true, maxlength: 64, placeholder: "main", value: r?.name, help: "Letters, digits, . _ -"},
	{name: "location", label: "Folder on the server", required: true, placeholder: "/var/backups/backstay", value: r?.location, help: r && "Where it is now: what lies there is not moved."},
	{name: "password", label: "Password", type: "password", autocomplete: "new-password", help: r ? "Leave it empty to keep the one that is known. It changes nothing in the repository; “Change the password” does."
		: "Of a repository that is there already; leave it empty to have one made up for a new one."},
	{name: "low_space", label: "Alarm below so many GiB of free space", type: "number", min: 0, max: 1000000, value: r ? Math.round((r.low_space || 0) / 2 ** 30) : 0, help: "0: as the settings say"},
	{name: "is_default", label: "Backups go here unless said otherwise", type: "checkbox", value: r?.is_default},
];

function body(given) {
	const result = {...given, low_space: (given.low_space || 0) * 2 ** 30};
	if (!result.password)
		delete result.password;
	return result;
}

// Where the password and the recovery sheet of a new repository are.
export const madeNote = made => h("div", h("p", "The repository is made."), made.password_file && h("p", "Its password is kept in ", h("code", made.password_file)),
	made.recovery_sheet && h("p", "Recovery sheet: ", h("code", made.recovery_sheet), ". Keep a copy apart from this machine: without the password nobody can read the backups."));

const post = (r, what, body) => api.post(api.path("repositories", r.id, what), body);

// Make it, unless it is there already (null), and look at it.
async function open(r) {
	const made = await post(r, "init").catch(error => {
		if (error.kind !== "exists")
			throw error;
		return null;
	});
	await post(r, "scan");
	return made;
}

// A repository that was added is made, or opened when it is there already (null); one that can be neither is not added at all.
export async function connect(r) {
	try {
		return await open(r);
	} catch (error) {
		await api.remove(api.path("repositories", r.id)).catch(() => null);
		error.field ||= error.kind === "password" ? "password" : "location";
		throw error;
	}
}

function editor(r, reload) {
	return dialog(r ? `Change ${r.name}` : "New repository", close => form(fields(r), {button: r ? "Save" : "Add it", cancel: () => close(), submit: async given => {
		const kept = await (r ? api.patch(api.path("repositories", r.id), body(given)) : api.post("/repositories/", body(given)));
		const made = r ? null : await connect(kept);
		close();
		told(`${kept.name} is ${r ? "changed" : "added"}.`);
		if (made)
			dialog(kept.name, done => [madeNote(made), h("div", {class: "buttons"}, h("button", {type: "button", class: "main", onclick: () => done()}, "I have read it"))]);
		reload();
	}}));
}

const toJob = job => {
	location.hash = `#/job/${job.id}`;
};

// ---- space ----

async function prune(r, place) {
	const would = await api.get(api.path("repositories", r.id, "prune"));
	const back = Math.max(0, would.prune.bytes_before - would.prune.bytes_after);
	replace(place, pruned(would, "would be"), back > 0 && h("div", {class: "buttons"}, action(`Give back ${size(back)}`, async () => toJob(await post(r, "prune")), {kind: "danger",
		confirm: () => ask(`Prune ${r.name}?`, "What no backup needs is removed for good. Backups that run meanwhile wait.", {yes: "Prune", kind: "danger"})})));
}

async function unlock(r, place) {
	const {removed, remaining} = await post(r, "unlock");
	replace(place, h("p", `${plural(removed, "lock")} removed.`), remaining.length > 0 && table([
		{title: "Held by", kind: "main", cell: l => `process ${l.pid} of ${l.username} on ${l.hostname}`}, {title: "Since", cell: l => when(l.time)}, {title: "For", cell: l => l.exclusive ? "itself alone" : "reading and backups"}],
	remaining, {caption: "Locks of what still runs"}));
}

const rules = (r, sources, place, leave) => dialog(`Remove old backups from ${r.name}`, close => form([
	{name: "days", label: "Keep backups of the last … days", type: "number", min: 1, max: 36500, help: "Empty: as the rules of the schedules and settings say."},
	{name: "source", label: "Only backups of", type: "select", choices: [["", "all sources"], ...sources.map(s => [s.name, s.name])]},
], {button: "Show what would go", cancel: () => close(), submit: async given => {
	await retention(place, {...given, repository: r.name}, leave);
	close();
}}));

// ---- keys ----

const newPassword = (title, text, button, submit) => dialog(title, close => [h("p", text), form([
	{name: "password", label: "New password", type: "password", autocomplete: "new-password", required: true, maxlength: 1024},
	{name: "again", label: "The same once more", type: "password", autocomplete: "new-password", required: true, maxlength: 1024},
], {button, cancel: () => close(), submit: async ({password, again}) => {
	if (password !== again)
		throw Object.assign(new Error("the two passwords differ; nothing was changed"), {field: "again"});
	await submit(password);
	close();
}})]);

async function keys(r, place) {
	const show = () => keys(r, place);
	const {keys: all, damaged} = await api.get(api.path("repositories", r.id, "keys"));
	const remove = k => action("Remove", async () => {
		await api.remove(api.path("repositories", r.id, "keys", k.id));
		told(`Key ${k.id.slice(0, 8)} is removed.`);
		await show();
	}, {kind: "quiet", confirm: () => ask(`Remove key ${k.id.slice(0, 8)}?`, ["Its password no longer opens the repository.", "Whoever knew it may have read the master key: old copies of the repository stay readable to them."], {yes: "Remove", kind: "danger"})});
	replace(place, damaged > 0 && h("p", {class: "problem"}, `${plural(damaged, "key file")} cannot be read.`),
		table([{title: "Id", kind: "main", cell: k => h("code", k.id.slice(0, 8))}, {title: "Made", cell: k => when(k.created)}, {title: "By", cell: k => `${k.username} on ${k.hostname}`},
			{title: "", cell: k => k.current ? "in use" : remove(k)}], all, {caption: "Keys"}),
		h("div", {class: "buttons"},
			h("button", {type: "button", onclick: () => newPassword(`A further password for ${r.name}`, "It opens the repository as the one in use does. Backstay does not keep it.", "Add the password", async password => {
				const {added} = await post(r, "keys", {password});
				told(`Key ${added.slice(0, 8)} is added.`);
				await show();
			})}, "Add a password"),
			h("button", {type: "button", onclick: () => newPassword(`Change the password of ${r.name}`, "The one in use no longer opens the repository then, and the recovery sheet is out of date: write the new one down.", "Change it", async password => {
				await post(r, "password", {password});
				told("The password is changed.");
				await show();
			})}, "Change the password")));
}

// ---- the page ----

const title = r => [h("h2", r.name), r.is_default && h("span", {class: "badge"}, "default"), r.remembered && h("span", {class: "badge"}, "used, not added")];

const says = ({figures, ...r}) => [
	r.check_failed && h("p", {class: "problem"}, "The last check found damage. Nothing is removed from it until a check is clean."),
	facts([["Place", h("code", r.location)], ["Backups", figures && `${plural(figures.backups, "backup")} of ${size(figures.backup_bytes)}`], ["Size", r.bytes ? size(r.bytes) : "not measured yet"],
		["Saved", figures?.saved > 0 && `${Math.round(figures.saved * 100)} %`], ["Free", r.bytes_free ? size(r.bytes_free) : null], ["Alarm", r.low_space > 0 && `below ${size(r.low_space)} of free space`],
		["Last looked at", when(r.scanned)], ["Last checked", when(r.checked)], ["Password", r.password_known ? "kept here, encrypted" : "from the environment or a file of this machine"]])];

// What is wanted less often, behind one button.
function rarer(r, place, reload, leave) {
	const act = (label, role, run, confirm = () => true) => may(role) && [label, () => attempt(place, async () => await confirm() && run())];
	return [
		act("Look again", "operator", async () => {
			await post(r, "scan");
			told(`The list of what is in ${r.name} is up to date.`);
			reload();
		}),
		act("Read every byte", "operator", async () => toJob(await post(r, "check", {read_data: true}))),
		act("Repair the index", "operator", async () => toJob(await post(r, "check", {repair_index: true})), () => ask(`Repair the index of ${r.name}?`,
			"The index is made anew where it is wrong, from what is stored. No backup is changed.", {yes: "Repair the index"})),
		act("Remove old backups", "admin", async () => rules(r, (await api.get(`/sources/${api.query({limit: 1000})}`)).items, place, leave)),
		act("Remove stale locks", "admin", () => unlock(r, place)),
		act("Keys", "admin", () => keys(r, place)),
		act("Change", "admin", () => editor(r, reload)),
		act("Forget", "admin", async () => {
			await api.remove(api.path("repositories", r.id));
			told(`${r.name} is forgotten.`);
			reload();
		}, () => ask(`Forget ${r.name}?`, "Backstay no longer knows of it. The repository itself is not touched.", {yes: "Forget it", kind: "danger"})),
	];
}

function buttons(r, place, reload, leave) {
	const act = (label, run) => action(label, run, {at: place});
	return [
		may("operator") && act("Check", async () => toJob(await post(r, "check"))),
		may("admin") && act("Free space (prune)", () => prune(r, place)),
		may("admin") && (r.repository_id ? sheetLink(r, "Recovery sheet") : act("Make it", async () => {
			const made = await open(r);
			replace(place, made ? madeNote(made) : h("p", "It was there already."));
			reload();
		})),
		may("operator") && menu(`More for ${r.name}`, rarer(r, place, reload, leave), "More")];
}

export async function show({leave}) {
	const place = h("div");
	const all = cards({title, says, buttons: r => buttons(r, all.place(r), load, leave), on: r => [r.name, r.repository_id]});
	const load = () => fill(place, async () => {
		const [{items}, {repositories}] = await Promise.all([api.get(`/repositories/${api.query({limit: 1000})}`), api.get("/statistics/")]);
		return items.length ? all(items.map(r => ({...r, figures: repositories.find(f => f.name === r.name)}))) : h("p", {class: "sheet empty"}, "No repository is configured yet.");
	});
	await load();
	leave(events.on("repository", load));
	return h("div", h("div", {class: "head"}, h("h1", "Repositories"), may("admin") && h("button", {type: "button", class: "main", onclick: () => editor(null, load)}, "New repository")), place);
}
