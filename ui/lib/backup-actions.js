// What can be done with a backup, for its page and for the menu of its row.
import {h} from "./dom.js";
import * as api from "./api.js";
import {ask, dialog} from "./dialog.js";
import {form} from "./form.js";
import {exact} from "./format.js";
import {told} from "./told.js";
import {may} from "../app.js";

const FORMATS = [["archive", "As it is stored: the engine's own file"], ["sql", "SQL text"], ["sql.gz", "SQL text, packed as .sql.gz"], ["csv", "CSV, a file a table, zipped"], ["xlsx", "Excel, a sheet a table"], ["tar.gz", "Files as .tar.gz"], ["tar.zst", "Files as .tar.zst"], ["zip", "Files as .zip"]];
const toJob = job => {
	location.hash = `#/job/${job.id}`;
};
const failed = error => told(error.hint ? `${error.message}. ${error.hint}` : error.message, "bad");

// The browser takes the file itself: what is large is never in memory here.
async function make(b, given) {
	const made = await api.post(api.path("backups", b.id, "export"), given);
	const begin = () => {
		const link = h("a", {href: made.url, download: ""});
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

export const download = (b, given) => make(b, given).catch(failed);

// What fits a source: folders are packed; what no engine can read in rows is handed out as it is.
const PACKED = ["tar.gz", "tar.zst", "zip"];
const ROWS = ["sql", "sql.gz", "csv", "xlsx"];
const fits = source => FORMATS.filter(([f]) => PACKED.includes(f) === (source.engine === "folder") && (!ROWS.includes(f) || source.engine !== "command"));

// A field for each source's choices, of which one is shown.
export function downloadDialog(b) {
	const several = b.sources.length > 1;
	const chosen = (g, s) => !several || g.source === s.name;
	const tablesOf = s => (b.manifest?.sources || []).find(m => m.name === s.name)?.tables || [];
	const fields = b.sources.flatMap((s, i) => [
		{name: `format ${i}`, label: "As", type: "select", choices: fits(s), help: "What is handed out is read back and checked first.", show: g => chosen(g, s)},
		...tablesOf(s).length > 1 ? [{name: `table ${i}`, label: "Tables", type: "select", choices: [["", "all of them"], ...tablesOf(s).map(t => [t.name, `only ${t.name}`])], show: g => chosen(g, s) && ROWS.includes(g[`format ${i}`])}] : []]);
	return dialog(`Download ${b.name}`, close => form([...several ? [{name: "source", label: "Source", type: "select", choices: b.sources.map(s => [s.name, s.name])}] : [], ...fields,
		{name: "file_name", label: "Call the file", maxlength: 200, help: "Empty: by its source, with the time of the backup."}],
		{button: "Download", cancel: () => close(), submit: async given => {
			const i = several ? b.sources.findIndex(s => s.name === given.source) : 0;
			const table = given[`table ${i}`];
			await make(b, {format: given[`format ${i}`], ...several ? {source: given.source} : {}, ...given.file_name ? {file_name: given.file_name} : {}, ...table ? {tables: [table]} : {}});
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

// What is lost with it: for each source whose newest good backup this is, the one that then is the newest.
async function loss(b) {
	const lines = await Promise.all(b.sources.map(async s => {
		const {items: [newest, before]} = await api.get(`/backups/${api.query({source: s.name, good: true, safety: "no", limit: 2})}`);
		if (newest?.id !== b.id)
			return null;
		return h("p", {class: "replaced"}, before ? `It is the newest good backup of ${s.name}. The one before it is of ${exact(before.time)}.` : `It is the only good backup of ${s.name}: after it there is nothing to restore.`);
	}));
	return lines.filter(Boolean);
}

export async function drop(b) {
	const text = ["This backup goes for good. Others that share data with it stay whole.", b.verified && b.verification !== "failed" ? "It is verified." : null, ...await loss(b).catch(() => [])];
	if (await ask(`Delete ${b.name}?`, text.filter(Boolean), {yes: "Delete it", kind: "danger"}))
		await api.remove(api.path("backups", b.id)).then(toJob, failed);
}

// A note belongs to the run that made the backup, and is in the list of runs too.
export const noteDialog = (b, changed) => dialog(`Note on ${b.name}`, close => form([{name: "notes", label: "For whoever looks at this later", type: "textarea", value: b.notes}],
	{cancel: () => close(), submit: async given => {
		await api.patch(api.path("jobs", b.job), given);
		close();
		told("The note is kept.");
		changed?.();
	}}));

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
	may("admin") && [b.pinned ? "Unpin" : "Pin", () => pin(b, changed)],
	may("operator") && b.job && ["Note…", () => noteDialog(b, changed)],
	may("admin") && ["Delete…", () => drop(b), "danger"],
];
