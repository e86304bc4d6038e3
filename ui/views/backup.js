// One backup: how it is, what is in it, and what can be done with it.
import {h, replace} from "../lib/dom.js";
import * as api from "../lib/api.js";
import * as events from "../lib/events.js";
import {duration, exact, size, when} from "../lib/format.js";
import {mark} from "../lib/chart.js";
import {downloadDialog, drop, noteDialog, pin, verifyDialog} from "../lib/backup-actions.js";
import {content, kindOf, level} from "../lib/backups.js";
import {compare} from "../lib/comparison.js";
import {files, sql, tables} from "../lib/inside.js";
import {facts} from "../lib/table.js";
import {action, problem} from "../lib/told.js";
import {may} from "../app.js";

// The tags that people gave it; Backstay's own are shown as what they mean.
const tagsOf = b => (b.tags || []).filter(t => t !== "backstay" && !t.startsWith("backstay-"));
const button = (text, run, kind = "") => h("button", {type: "button", class: kind, onclick: run}, text);

function head(b, again) {
	return [h("div", {class: "head"}, h("h1", b.name), h("div", {class: "buttons"},
		may("admin") && h("a", {class: "button main", href: `#/restore/${b.id}`}, "Restore…"),
		may("operator") && button("Download…", () => downloadDialog(b)),
		may("operator") && button("Verify…", () => verifyDialog(b)),
		may("admin") && action(b.pinned ? "Unpin" : "Pin", () => pin(b)),
		may("operator") && b.job && button("Note…", () => noteDialog(b, again)),
		may("admin") && button("Delete…", () => drop(b), "danger"))),
	h("section", {class: `card verdict ${b.manifest_error ? "failed" : kindOf(b)}`}, h("p", {class: "sentence"}, b.manifest_error ? h("span", {class: "state failed"}, "✕ cannot be read now") : mark(kindOf(b)), b.pinned && [" ", h("span", {class: "badge"}, "pinned")]), b.description && h("p", b.description),
		b.manifest_error && problem({message: b.manifest_error}),
		facts([["Made", when(b.time)], ["Exactly", exact(b.time)], ["Took", b.seconds && duration(b.seconds)], ["Size", size(b.bytes)], ["New in the repository", b.added && size(b.added)], ["Content", content(b)],
			["Verified", b.verified ? [level(b.verification), ", ", when(b.verified)] : "not yet"], ["By", b.author], ["Host", b.hostname], ["Tags", tagsOf(b).join(", ")], ["Note", b.notes], ["Job", b.job && h("a", {href: `#/job/${b.job}`}, b.job)], ["Id", h("code", b.id.slice(0, 16))]]),
		(b.evidence || []).length > 0 && h("details", h("summary", "What the verification saw"), h("ul", b.evidence.map(e => h("li", e)))))];
}

export async function show({parameters, leave}) {
	const b = await api.get(api.path("backups", parameters[0]));
	const sources = b.manifest?.sources || [];
	const list = sources.flatMap(s => (s.tables || []).map(t => ({...t, source: s.name})));
	const notes = sources.flatMap(s => (s.notes || []).map(n => ({...n, source: s.name})));
	const top = h("div", {"aria-live": "polite"});
	// The content of a backup never changes; what is said of it does: a pin, a verification, a note.
	let gone = false;
	const again = async () => {
		if (gone)
			return;
		try {
			Object.assign(b, await api.get(`${api.path("backups", b.original || b.id)}${api.query({manifest: false})}`));
			replace(top, head(b, again));
		} catch (error) {
			gone = error.status === 404;
			if (gone)
				replace(top, h("h1", b.name), h("p", "This backup was deleted. ", h("a", {href: "#/backups"}, "To the other backups")));
		}
	};
	replace(top, head(b, again));
	leave(events.on("backup", again));
	return h("div", top,
		notes.length > 0 && h("section", {class: "card"}, h("h2", "What to know"), h("ul", notes.map(n => h("li", `${n.kind}: ${[n.path || n.source, n.text].filter(Boolean).join(": ")}`)))),
		list.length > 0 && tables(b, list),
		b.sources.some(s => s.engine === "folder") && files(b),
		may("operator") && h("div", {class: "columns"}, list.length > 0 && sql(b, list), await compare(b)));
}
