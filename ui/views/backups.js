// All backups, with filters, and what can be done with each.
import {h} from "../lib/dom.js";
import * as api from "../lib/api.js";
import * as events from "../lib/events.js";
import {columns} from "../lib/backups.js";
import {actions} from "../lib/backup-actions.js";
import {backUp} from "../lib/backup-form.js";
import {asked, filters} from "../lib/filters.js";
import {menu} from "../lib/menu.js";
import {paged} from "../lib/table.js";
import {action} from "../lib/told.js";
import {may} from "../app.js";

export async function show({query, leave}) {
	const [{items: sources}, {items: repositories}] = await Promise.all([api.get(`/sources/${api.query({limit: 1000})}`), api.get("/repositories/")]);
	const wanted = {safety: "no", ...asked(query)};
	const list = paged((offset, limit) => api.get(`/backups/${api.query({...wanted, offset, limit})}`),
		[...columns, {title: "", cell: b => menu(`What to do with ${b.name}`, actions(b, () => list.refresh()))}], {caption: "Backups", empty: query.size ? "No backup fits." : "There is no backup yet.", words: wanted.oldest_first ? ["Older", "Newer"] : undefined, open: b => {
			location.hash = `#/backup/${b.id}`;
		}});
	leave(events.on("backup", () => list.refresh()));
	return h("div", h("div", {class: "head"}, h("h1", "Backups"), h("div", {class: "buttons"},
		may("operator") && sources.length > 0 && action("Back up now", async () => {
			const job = await api.post("/backups/", query.get("source") ? {sources: [query.get("source")]} : {});
			location.hash = `#/job/${job.id}`;
		}, {kind: "main"}),
		may("operator") && sources.length > 0 && h("button", {type: "button", onclick: () => backUp(sources, repositories, query.get("source"))}, "Back up…"),
		may("admin") && h("a", {class: "button", href: "#/restore"}, "Restore from a file"))),
	filters("backups", query, [
		{name: "source", label: "Source", choices: sources.map(s => s.name)}, {name: "repository", label: "Repository", choices: repositories.map(r => r.name)},
		{name: "q", label: "Text", type: "search"}, {name: "level", label: "Verified", choices: [["1", "every byte"], ["2", "structure"], ["3", "restored"], ["4", "compared"]]},
		{name: "safety", label: "Safety copies", otherwise: "hidden", choices: [["all", "shown too"], ["only", "only these"]]}, {name: "pinned", label: "Pinned", choices: [["true", "only these"]]},
		{name: "after", label: "From", type: "date"}, {name: "before", label: "Until", type: "date"}, {name: "oldest_first", label: "Order", otherwise: "newest first", choices: [["true", "oldest first"]]}]),
	h("div", {class: "sheet"}, list));
}
