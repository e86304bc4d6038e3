// A restore from a file that is sent along: recognised by its beginning, sent with progress, and then restored like a backup.
import {h, replace} from "./dom.js";
import * as api from "./api.js";
import {size} from "./format.js";
import {askByName} from "./dialog.js";
import {form} from "./form.js";
import {problem} from "./told.js";
import {targetFields, targetOf} from "./targets.js";

const HEAD = 1 << 20;

// The name of what is replaced, typed; an AbortError when not. `replaces` are sentences; kept: whether there will be a safety copy.
export async function sure({confirm, replaces}, kept) {
	if (!await askByName("This replaces what is there", [
		h("ul", {class: "replaced"}, (replaces || []).map(line => h("li", line))),
		kept ? h("p", "It is kept as a safety copy first, and can be brought back with one click.") : h("p", {class: "replaced"}, "No safety copy is kept: what is there now cannot be brought back."),
		h("p", "The restore is rehearsed beside it and compared before anything changes place. Afterwards everybody logs in again, you too."),
	], confirm, {yes: "Replace it"}))
		throw new DOMException("not confirmed", "AbortError");
	return confirm;
}

const recognise = (file, fields = {}) => {
	const data = new FormData();
	for (const [name, value] of Object.entries(fields))
		if (value !== undefined)
			data.set(name, value);
	data.set("file", file.slice(0, HEAD), file.name);
	return api.post("/restores/recognise/", data);
};

// Sending all of it, with a bar and a way to stop.
async function transfer(file, media, fields, place, leave) {
	const stop = new AbortController();
	const bar = h("progress", {max: file.size || 1, value: 0, "aria-label": "Upload"});
	const line = h("p", {role: "status"});
	const data = new FormData();
	for (const [name, value] of Object.entries(fields))
		if (value !== undefined)
			data.set(media && name === "target" ? "media_target" : name, value);
	data.set(media ? "media_file" : "database_file", file, file.name);
	leave(() => stop.abort());
	replace(place, h("section", {class: "card"}, h("h2", `Sending ${file.name}`), line, bar, h("div", {class: "buttons"}, h("button", {type: "button", onclick: () => stop.abort()}, "Cancel the upload"))));
	try {
		const {jobs} = await api.upload("/restores/upload_and_restore/", data, (sent, total) => {
			bar.max = total;
			bar.value = sent;
			line.textContent = `${size(sent)} of ${size(total)}`;
		}, stop.signal);
		return jobs;
	} catch (error) {
		replace(place, error.name === "AbortError" ? h("p", {class: "empty", role: "status"}, "The upload was cancelled. Nothing of it was kept, and nothing was changed.") : null);
		throw error;
	}
}

// watch(place, jobs, leave) follows what comes of it, and watchAgain(place, query, leave) what the address says.
export async function fromFile({query, leave, watch, watchAgain}) {
	const {items: sources} = await api.get(`/sources/${api.query({limit: 1000})}`);
	const place = h("div");
	const about = h("div", {"aria-live": "polite"});
	const rest = h("div");
	let turn = 0;

	const offer = (file, engine) => form(targetFields(sources, {engines: engine && [engine]}), {button: "Send and restore", submit: async given => {
		const fields = targetOf(given);
		const found = await recognise(file, {target: fields.target, database: fields.database});
		const confirm = found.confirm ? await sure(found, fields.backup_before_restore) : undefined;
		watch(place, await transfer(file, engine === "folder", {...fields, confirm}, place, leave), leave);
	}});
	const choose = async file => {
		const mine = ++turn;
		replace(rest);
		replace(place);
		if (!file)
			return replace(about);
		replace(about, h("p", `${file.name}, ${size(file.size)}: looking what it is…`));
		try {
			const {file: found} = await recognise(file);
			if (mine === turn) {
				replace(about, h("p", h("strong", file.name), `, ${size(file.size)}: ${found.what}`));
				replace(rest, h("section", {class: "card"}, offer(file, found.engine)));
			}
		} catch (error) {
			if (mine === turn)
				replace(about, problem(error));
		}
		return about;
	};
	const input = h("input", {type: "file", "aria-label": "File to restore", onchange: e => choose(e.target.files[0])});
	const drop = h("div", {class: "drop", ondragover: e => {
		e.preventDefault();
		drop.classList.add("over");
	}, ondragleave: () => drop.classList.remove("over"), ondrop: e => {
		e.preventDefault();
		drop.classList.remove("over");
		choose(e.dataTransfer.files[0]);
	}}, h("p", "Drop a file here, or choose one: .sql, .sql.gz, .dump, .backup, .db, .tar.gz, .zip …"), input);
	await watchAgain(place, query, leave);
	return h("div", h("h1", "Restore from a file"), h("section", {class: "card"}, drop, about), rest, place);
}
