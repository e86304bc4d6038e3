// Where backups are kept: space, soundness, keys.
import {h, replace} from "../lib/dom.js";
import * as api from "../lib/api.js";
import * as events from "../lib/events.js";
import {size, when} from "../lib/format.js";
import {action, fill, told} from "../lib/told.js";
import {facts, table} from "../lib/table.js";
import {ask, dialog} from "../lib/dialog.js";
import {form} from "../lib/form.js";
import {sheetLink} from "../lib/recovery.js";
import {may} from "../app.js";

const fields = r => [
	...r ? [] : [{name: "name", label: "Name", required: true, maxlength: 64, placeholder: "main"}, {name: "location", label: "Folder on the server", required: true, placeholder: "/var/backups/backstay"}],
	{name: "password", label: "Password", type: "password", autocomplete: "new-password", help: r ? "Leave it empty to keep the one that is known." : "Of a repository that is there already; leave it empty to have one made up for a new one."},
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

const editor = (r, reload) => dialog(r ? `Change ${r.name}` : "New repository", close => form(fields(r), {button: r ? "Save" : "Add it", cancel: () => close(), submit: async given => {
	const made = await (r ? api.patch(api.path("repositories", r.id), body(given)) : api.post("/repositories/", body(given)));
	close();
	told(`${made.name} is ${r ? "changed" : "added"}.`);
	reload();
}}));

const toJob = job => {
	location.hash = `#/job/${job.id}`;
};

function card(r, reload) {
	const more = h("div", {"aria-live": "polite"});
	return h("section", {class: "card"}, h("div", {class: "head"}, h("h2", r.name), r.is_default && h("span", {class: "badge"}, "default")),
		r.check_failed && h("p", {class: "problem"}, "The last check found damage. Nothing is removed from it until a check is clean."),
		facts([["Place", h("code", r.location)], ["Size", size(r.bytes)], ["Free", size(r.bytes_free)], ["Last looked at", when(r.scanned)], ["Last checked", when(r.checked)], ["Password", r.password_known ? "kept here, sealed" : "as for the command line"]]),
		h("div", {class: "buttons"},
			may("operator") && action("Check", async () => toJob(await api.post(api.path("repositories", r.id, "check")))),
			may("operator") && action("Read every byte", async () => toJob(await api.post(api.path("repositories", r.id, "check"), {read_data: true}))),
			may("operator") && action("Look again", async () => toJob(await api.post(api.path("repositories", r.id, "scan")))),
			may("admin") && action("Free space (prune)", async () => toJob(await api.post(api.path("repositories", r.id, "prune")))),
			may("admin") && action("Keys", async () => {
				const {keys = []} = await api.get(api.path("repositories", r.id, "keys"));
				replace(more, table([{title: "Id", kind: "main", cell: k => h("code", k.id.slice(0, 8))}, {title: "Made", cell: k => when(k.created)}, {title: "By", cell: k => `${k.username} on ${k.hostname}`}, {title: "", cell: k => k.current ? "in use" : ""}], keys, {caption: "Keys"}));
			}),
			may("admin") && r.repository_id && sheetLink(r, "Recovery sheet"),
			may("admin") && !r.repository_id && action("Make it", async () => replace(more, madeNote(await api.post(api.path("repositories", r.id, "init"))))),
			may("admin") && h("button", {type: "button", onclick: () => editor(r, reload)}, "Change"),
			may("admin") && h("button", {type: "button", class: "quiet", onclick: () => drop(r, reload)}, "Remove")), more);
}

async function drop(r, reload) {
	if (await ask(`Forget ${r.name}?`, "Backstay no longer knows of it. The repository itself is not touched.", {yes: "Forget it", kind: "danger"}))
		await api.remove(api.path("repositories", r.id)).then(reload, error => told(`${error.message}. ${error.hint}`, "bad"));
}

export async function show({leave}) {
	const place = h("div");
	const load = () => fill(place, async () => {
		const {items} = await api.get("/repositories/");
		return items.length ? items.map(r => card(r, load)) : h("p", {class: "sheet empty"}, "No repository is configured yet.");
	});
	await load();
	leave(events.on("repository", load));
	return h("div", h("div", {class: "head"}, h("h1", "Repositories"), may("admin") && h("button", {type: "button", class: "main", onclick: () => editor(null, load)}, "New repository")), place);
}
