// What a job brought, in a form for its kind: tables of a database, problems of a repository, backups that were kept or not.
import {h} from "./dom.js";
import {count, exact, plural, size} from "./format.js";
import {table} from "./table.js";

const state = (kind, text) => h("span", {class: `state ${kind}`}, text);
const TABLE_STATES = {ok: "good", failed: "failed"};
const TABLE_SHAPES = {ok: "✓", failed: "✗"};

// Of an optimize, check or repair: a row a table.
const maintenance = r => h("div", h("p", [`${plural(r.done, "table")} done`, r.skipped && `${count(r.skipped)} skipped`, r.failed && `${count(r.failed)} failed`,
	r.reclaimed > 0 && `${size(r.reclaimed)} given back`].filter(Boolean).join(", "), "."),
table([
	{title: "Table", kind: "main", cell: t => t.table ? t.schema ? `${t.schema}.${t.table}` : t.table : "the whole database"}, {title: "State", cell: t => state(TABLE_STATES[t.state] || "", `${TABLE_SHAPES[t.state] || "–"} ${t.state}`)},
	{title: "What was said", cell: t => t.message || "–"}, {title: "Took", kind: "number", cell: t => `${t.seconds.toFixed(2)} s`},
	{title: "Given back", kind: "number", cell: t => t.reclaimed > 0 ? size(t.reclaimed) : "–"}], r.tables, {caption: "Results"}));

const givenBack = p => size(Math.max(0, p.bytes_before - p.bytes_after));
export const pruned = (r, would = "was") => h("p", `${givenBack(r.prune)} ${would} given back: ${plural(r.prune.packs_removed + r.prune.packs_unreferenced, "pack")} removed, ${count(r.prune.packs_repacked)} written anew; ${
	size(r.prune.bytes_after)} ${would === "was" ? "remain" : "would remain"}.`);

const checked = r => h("div", h("p", r.ok ? `No damage: ${plural(r.backups, "backup")} and ${plural(r.packs, "pack")} were looked at${r.packs_read ? `, ${size(r.bytes_read)} read` : ""}.` : `${plural(r.errors, "error")} found; ${plural(r.damaged_backups.length, "backup")} damaged.`,
	r.unused_bytes > 0 && ` A prune would give back ${size(r.unused_bytes)}.`),
r.problems.length > 0 && table([
	{title: "Kind", cell: p => state(p.severity === "error" ? "failed" : "partial", `${p.severity === "error" ? "✗" : "◐"} ${p.severity}`)}, {title: "What", kind: "main", cell: p => p.text},
	{title: "Backups", cell: p => p.backups.map(id => [h("a", {href: `#/backup/${id}`}, id.slice(0, 8)), " "])}], r.problems, {caption: "Problems"}));

const verified = r => table([
	{title: "Backup", kind: "main", cell: v => h("a", {href: `#/backup/${v.backup}`}, v.backup.slice(0, 8))}, {title: "State", cell: v => state(v.ok ? "good" : "failed", v.ok ? `✓ ${v.reached}` : "✗ failed")},
	{title: "What was found", cell: v => h("ul", [...v.problems, ...v.evidence].map(t => h("li", t)))}], r.results, {caption: "Verified backups"});

const judged = [
	{title: "", cell: b => state(b.keep ? "good" : "failed", b.keep ? "✓ kept" : "✗ removed")}, {title: "Backup", kind: "main", cell: b => h("a", {href: `#/backup/${b.id}`}, b.name)},
	{title: "Made", cell: b => exact(b.time)}, {title: "Why", cell: b => b.reason}];

// Of a cleanup: each backup, and why it stays or goes.
export function kept(r) {
	if (r.off)
		return h("p", "The setting auto_cleanup is off, so nothing was removed.");
	return h("div", h("p", `${plural(r.removed, "backup")} ${r.dry_run ? "would be removed" : "removed"}, ${count(r.kept)} kept.`), r.repositories.map(p => p.error
		? h("p", {class: "problem"}, p.error)
		: table(judged, p.backups, {caption: `Backups in ${p.repository}`, empty: `No backup in ${p.repository} is looked at by these rules.`})));
}

const WRITERS = {optimize: maintenance, "check-tables": maintenance, repair: maintenance, prune: pruned, check: checked, verify: verified, cleanup: kept};

// null when it brought nothing that its page does not say anyway.
export const resultOf = job => job.result && !job.result.error && WRITERS[job.kind] ? WRITERS[job.kind](job.result) : null;
