// What can be done with a backup, for its page and for the menu of its row.
import {h} from "./dom.js";
import * as api from "./api.js";
import {ask, dialog} from "./dialog.js";
import {form} from "./form.js";
import {told} from "./told.js";
import {may} from "../app.js";

const FORMATS = [["archive", "The engine's own file"], ["sql", "SQL text"], ["sql.gz", "SQL text, packed as .sql.gz"], ["csv", "CSV, a file a table, zipped"], ["xlsx", "Excel, a sheet a table"], ["tar.gz", "Files as .tar.gz"], ["tar.zst", "Files as .tar.zst"], ["zip", "Files as .zip"]];
const toJob = job => {
	location.hash = `#/job/${job.id}`;
};
const failed = error => told(error.hint ? `${error.message}. ${error.hint}` : error.message, "bad");

// The browser takes the file itself: what is large is never in memory here.
async function download(b, given) {
	const where = `${api.path("backups", b.id, "download")}${api.query(given)}`;
	const made = await api.post(api.path("backups", b.id, "export"), given);
	const begin = () => {
		const link = h("a", {href: api.url(where), download: ""});
		document.body.append(link);
		link.click();
		link.remove();
	};
	if (made.ready)
		return begin();
	told("The file is being made; the download begins when it is ready.");
	const {watchJob} = await import("./events.js");
	return new Promise((resolve, reject) => watchJob(made.job.id, {end: async () => {
		const ended = await api.get(api.path("jobs", made.job.id));
		if (ended.state !== "success")
			return reject(Object.assign(new Error(ended.error?.message || `the export was ${ended.state}`), {hint: ended.error?.hint}));
		begin();
		return resolve();
	}}));
}

export function downloadDialog(b) {
	const sources = b.sources.map(s => [s.name, s.name]);
	const databases = b.sources.some(s => s.engine !== "folder");
	const folders = b.sources.some(s => s.engine === "folder");
	return dialog(`Download ${b.name}`, close => form([
		...sources.length > 1 ? [{name: "source", label: "Source", type: "select", choices: sources}] : [],
		{name: "format", label: "As", type: "select", choices: FORMATS.filter(([f]) => ["tar.gz", "tar.zst", "zip"].includes(f) ? folders : databases), help: "What is handed out is read back and checked first."},
	], {button: "Download", cancel: () => close(), submit: async given => {
		await download(b, given);
		close();
	}}));
}

export const verifyDialog = b => dialog(`Verify ${b.name}`, close => form([
	{name: "level", label: "How far", type: "select", value: "3", choices: [["1", "Read back every byte"], ["2", "Check the structure too"], ["3", "Restore it in a rehearsal"], ["4", "And compare every row"]], help: "The live database is not touched by any of these."},
], {button: "Verify", cancel: () => close(), submit: async given => {
	const job = await api.post(api.path("backups", b.id, "verify"), {level: Number(given.level)});
	close();
	toJob(job);
}}));

export async function drop(b) {
	if (await ask(`Delete ${b.name}?`, ["This backup goes for good. Others that share data with it stay whole.", b.verified ? "It is verified." : ""].filter(Boolean), {yes: "Delete it", kind: "danger"}))
		await api.remove(api.path("backups", b.id)).then(toJob, failed);
}

export const pin = (b, changed) => api.patch(api.path("backups", b.id), {pinned: !b.pinned}).then(() => {
	told(b.pinned ? "The pin is being taken off." : "It is being pinned: no rule will remove it.");
	changed?.();
}, failed);

export const actions = (b, changed) => [
	["Open", () => {
		location.hash = `#/backup/${b.id}`;
	}],
	may("admin") && ["Restore…", () => {
		location.hash = `#/restore/${b.id}`;
	}],
	may("operator") && ["Download…", () => downloadDialog(b)],
	may("operator") && ["Verify…", () => verifyDialog(b)],
	may("operator") && [b.pinned ? "Unpin" : "Pin", () => pin(b, changed)],
	may("admin") && ["Delete…", () => drop(b), "danger"],
];
