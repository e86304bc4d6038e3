// Backups on pages: their state in a word, and their columns in a list.
import {h} from "./dom.js";
import {count, duration, size, when} from "./format.js";
import {mark} from "./chart.js";

const LEVELS = {bytes: "every byte read back", structure: "structure checked", restored: "restored in a rehearsal", compared: "restored and compared"};

export const kindOf = b => b.verification === "failed" ? "failed" : b.partial ? "partial" : b.verified ? "verified" : "good";
export const verification = b => b.verification === "failed" ? h("span", {class: "state failed"}, "✕ damaged") : b.verification ? LEVELS[b.verification] || b.verification : h("span", {class: "faint"}, "not yet");
export const level = word => LEVELS[word] || "not verified";

export function content(b) {
	const parts = [];
	if (b.tables)
		parts.push(`${count(b.tables)} table${b.tables === 1 ? "" : "s"}`, `${count(b.rows)} row${b.rows === 1 ? "" : "s"}`);
	if (b.files)
		parts.push(`${count(b.files)} file${b.files === 1 ? "" : "s"}`);
	return parts.join(", ") || "–";
}

const badges = b => [b.pinned && "pinned", b.safety && "safety copy", b.imported && "imported", b.foreign && "by another program"].filter(Boolean).map(t => [" ", h("span", {class: "badge"}, t)]);

export const columns = [
	{title: "State", cell: b => mark(kindOf(b))},
	{title: "Backup", kind: "main", cell: b => [h("a", {href: `#/backup/${b.id}`}, b.name), badges(b), b.description && h("div", {class: "faint"}, b.description), b.notes && h("div", {class: "faint"}, `Note: ${b.notes}`)]},
	{title: "Made", cell: b => when(b.time)},
	{title: "Size", kind: "number", cell: b => size(b.bytes)},
	{title: "Took", kind: "number", cell: b => b.seconds ? duration(b.seconds) : "–"},
	{title: "Content", kind: "some", cell: content},
	{title: "Verified", cell: verification},
	{title: "By", kind: "some", cell: b => b.author || "–"},
];
