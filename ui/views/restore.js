// Getting data back without fear: choose what and where to, see what goes, and watch it step by step.
import {h, replace} from "../lib/dom.js";
import * as api from "../lib/api.js";
import {count, exact, size} from "../lib/format.js";
import {askByName} from "../lib/dialog.js";
import {facts, table} from "../lib/table.js";
import {follow} from "../lib/jobs.js";
import {form} from "../lib/form.js";
import {problem, told} from "../lib/told.js";
import {content} from "../lib/backups.js";
import {undoButton} from "../lib/undo.js";

// Something live is replaced only after its name was typed: the server says what it is.
async function send(request) {
	try {
		return await request(null);
	} catch (error) {
		if (error.status !== 409 || !error.problem.confirm)
			throw error;
		const {confirm, replaces} = error.problem;
		const sure = await askByName("This replaces what is there", [
			h("ul", {class: "replaced"}, (replaces || []).map(line => h("li", line))),
			h("p", "It is kept as a safety copy first, and can be brought back with one click. The restore is rehearsed beside it and compared before anything changes place."),
		], confirm, {yes: "Replace it"});
		if (!sure)
			throw new DOMException("not confirmed", "AbortError");
		return request(confirm);
	}
}

function watch(place, jobs, leave) {
	replace(place, jobs.map(job => follow(job, {leave, title: "Restoring", done: ended => {
		told("The restore is done, and what was restored equals the backup.");
		if (ended.result?.safety?.length)
			place.append(undoButton(ended, place, leave));
	}})));
	place.scrollIntoView({block: "nearest"});
}

// ---- side by side ----

async function sideBySide(b, source, place) {
	replace(place);
	const configured = source && await api.get(api.path("sources", source)).catch(() => null);
	if (!configured || ["folder", "command"].includes(configured.engine))
		return;
	try {
		const info = await api.get(api.path("sources", source, "info"));
		const stored = (b.manifest?.sources || []).flatMap(s => s.tables || []);
		const live = new Map((info.tables || []).map(t => [t.name, t]));
		const names = [...new Set([...stored.map(t => t.name), ...live.keys()])].sort();
		replace(place, h("h3", "What is there now, and what comes"), facts([["There now", size(info.bytes)], ["In the backup", size(b.bytes)]]), table([
			{title: "Table", kind: "main", cell: n => n},
			{title: "Rows there now", kind: "number", cell: n => live.has(n) ? h("span", {class: "replaced"}, `${live.get(n).rows_exact ? "" : "about "}${count(live.get(n).rows)}`) : "–"},
			{title: "Rows in the backup", kind: "number", cell: n => count(stored.find(t => t.name === n)?.rows)}], names, {caption: "Tables now and in the backup"}));
	} catch (error) {
		replace(place, problem(error));
	}
}

// ---- from a backup ----

function suggestion(s) {
	const stamp = new Date().toISOString().slice(0, 16).replace(/[-:]/g, "").replace("T", "_");
	if (!s)
		return "";
	const [before, query = ""] = s.url.split("?");
	return s.engine === "folder" || s.engine === "sqlite" ? `${before}.restored_${stamp}` : `${before}_restored_${stamp}${query && `?${query}`}`;
}

async function fromBackup(id, query, leave) {
	const [b, {items: sources}] = await Promise.all([api.get(api.path("backups", id)), api.get(`/sources/${api.query({limit: 1000})}`)]);
	const tables = (b.manifest?.sources || []).flatMap(s => (s.tables || []).map(t => t.name));
	const paths = query.getAll("path");
	const first = b.sources.find(s => paths.some(p => p === s.name || p.startsWith(`${s.name}/`))) || b.sources[0];
	const now = h("div", {"aria-live": "polite"});
	const place = h("div");
	const databases = b.sources.some(s => s.engine !== "folder");
	const folders = b.sources.some(s => s.engine === "folder");
	const open = sources.filter(s => !s.restore_protected);
	const fields = [
		{name: "where", label: "Where to", type: "select", value: "new", choices: [["new", "a new place: nothing that exists is touched"], ["same", "where it came from: what is there is replaced"], ...open.map(s => [`source:${s.name}`, `over ${s.name}`])]},
		{name: "target", label: "New place", value: suggestion(first), help: "A path, or a URL whose database is made.", show: g => g.where === "new"},
		...paths.length ? [{name: "paths", label: "Only these files", type: "several", choices: paths.map(p => [p, p]), value: paths}] : [],
		...databases && folders && !paths.length ? [{name: "restore_type", label: "What", type: "select", choices: [["full", "everything"], ["database", "only the database"], ["media", "only the files"]]}] : [],
		...tables.length && !paths.length ? [{name: "tables", label: "Only these tables", type: "several", choices: tables.map(t => [t, t]), value: query.getAll("table"), help: "None chosen: all of them."}] : [],
		{name: "mode", label: "What exists already", type: "select", choices: [["overwrite", "is replaced"], ["preserve", "stays; only what is missing is filled in"]], show: g => g.where !== "new"},
		{name: "backup_before_restore", label: "Keep a safety copy of what is replaced", type: "checkbox", value: true, show: g => g.where !== "new"},
	];
	const element = form(fields, {button: "Restore", submit: async given => {
		const {where, target, ...rest} = given;
		const body = {backup_id: b.id, ...rest};
		if (where === "new")
			body.target = target;
		else if (where.startsWith("source:"))
			body.target = where.slice(7);
		for (const name of ["tables", "paths"])
			if (!body[name]?.length)
				delete body[name];
		const job = await send(confirm => api.post("/restores/", confirm ? {...body, confirm} : body));
		watch(place, [job], leave);
	}});
	element.elements.where.addEventListener("change", e => {
		const to = e.target.value;
		sideBySide(b, to === "same" ? sources.find(s => s.url === b.sources[0]?.url)?.name : to.startsWith("source:") ? to.slice(7) : null, now);
	});
	return h("div", h("h1", "Restore"), h("section", {class: "card"}, facts([["Backup", b.name], ["Made", exact(b.time)], ["Size", size(b.bytes)], ["Content", content(b)]])),
		h("section", {class: "card"}, element, now), place);
}

// ---- from a file ----

const KNOWN = [[/\.(sql|sql\.gz|sql\.zst)$/i, "SQL text of a database"], [/\.(dump|backup)$/i, "an archive of pg_dump"], [/\.(db|sqlite|sqlite3)$/i, "an SQLite database"], [/\.(tar\.gz|tgz|tar\.zst|zip|tar)$/i, "packed files"]];
const guess = name => KNOWN.find(([pattern]) => pattern.test(name))?.[1] || "unknown by its name: its content will tell";

async function fromFile(leave) {
	const {items: sources} = await api.get(`/sources/${api.query({limit: 1000})}`);
	const place = h("div");
	const about = h("p", {class: "faint", "aria-live": "polite"});
	const progress = h("progress", {max: 1, value: 0, hidden: true, "aria-label": "Upload"});
	let file = null;
	const choose = chosen => {
		file = chosen;
		about.textContent = file ? `${file.name}, ${size(file.size)}: ${guess(file.name)}` : "";
	};
	const input = h("input", {type: "file", "aria-label": "File to restore", onchange: e => choose(e.target.files[0])});
	const drop = h("div", {class: "drop", ondragover: e => {
		e.preventDefault();
		drop.classList.add("over");
	}, ondragleave: () => drop.classList.remove("over"), ondrop: e => {
		e.preventDefault();
		drop.classList.remove("over");
		choose(e.dataTransfer.files[0]);
	}}, h("p", "Drop a file here, or choose one: .sql, .sql.gz, .dump, .backup, .db, .tar.gz, .zip …"), input, about, progress);
	const stop = new AbortController();
	leave(() => stop.abort());
	const fields = [
		{name: "where", label: "Where to", type: "select", value: "new", choices: [["new", "a new place: nothing that exists is touched"], ...sources.filter(s => !s.restore_protected).map(s => [s.name, `over ${s.name}`])]},
		{name: "target", label: "New place", placeholder: "postgresql://shop@db/shop_restored or /srv/restored.db", show: g => g.where === "new"},
		{name: "mode", label: "What exists already", type: "select", choices: [["overwrite", "is replaced"], ["preserve", "stays; only what is missing is filled in"]], show: g => g.where !== "new"},
		{name: "backup_before_restore", label: "Keep a safety copy of what is replaced", type: "checkbox", value: true, show: g => g.where !== "new"},
	];
	const element = form(fields, {button: "Send and restore", submit: async given => {
		if (!file)
			throw Object.assign(new Error("no file was chosen"), {hint: "drop one above, or choose one"});
		const media = /\.(tar|tar\.gz|tgz|tar\.zst|zip)$/i.test(file.name) && (given.where === "new" ? !/^[a-z]+:\/\//.test(given.target) : sources.find(s => s.name === given.where)?.engine === "folder");
		const answer = await send(confirm => {
			const data = new FormData();
			const to = given.where === "new" ? given.target : given.where;
			data.set(media ? "media_target" : "target", to);
			if (given.mode)
				data.set("mode", given.mode);
			if (given.backup_before_restore !== undefined)
				data.set("backup_before_restore", given.backup_before_restore);
			if (confirm)
				data.set("confirm", confirm);
			data.set(media ? "media_file" : "database_file", file, file.name);
			progress.hidden = false;
			return api.upload("/restores/upload_and_restore/", data, (sent, total) => {
				progress.max = total;
				progress.value = sent;
			}, stop.signal);
		});
		progress.hidden = true;
		watch(place, answer.items || answer.jobs || [answer], leave);
	}});
	return h("div", h("h1", "Restore from a file"), h("section", {class: "card"}, drop), h("section", {class: "card"}, element), place);
}

export const show = ({parameters, query, leave}) => parameters[0] ? fromBackup(parameters[0], query, leave) : fromFile(leave);
