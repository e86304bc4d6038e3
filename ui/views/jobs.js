// Every operation: when, what, how long, by whom, with what result.
import {h} from "../lib/dom.js";
import * as api from "../lib/api.js";
import * as events from "../lib/events.js";
import {cancelButton, columns, isOver} from "../lib/jobs.js";
import {paged} from "../lib/table.js";
import {asked, filters} from "../lib/filters.js";
import {may} from "../app.js";

const STATES = ["queued", "running", "success", "failed", "cancelled", "interrupted"];
const KINDS = ["backup", "restore", "verify", "export", "cleanup", "forget", "prune", "check", "optimize", "check-tables", "repair"];

export async function show({query, leave}) {
	const [sources, repositories, schedules] = await Promise.all(["sources", "repositories", "schedules"].map(async what => (await api.get(`/${what}/${api.query({limit: 1000})}`)).items));
	const list = paged((offset, limit) => api.get(`/jobs/${api.query({...asked(query), offset, limit})}`), [...columns, {title: "", cell: j => !isOver(j) && may("operator") && cancelButton(j)}], {caption: "Jobs", empty: query.size ? "No job fits." : "Nothing was done yet.", open: j => {
		location.hash = `#/job/${j.id}`;
	}});
	leave(events.on("job", () => list.refresh()));
	return h("div", h("h1", "Jobs"), filters("jobs", query, [
		{name: "state", label: "State", choices: STATES}, {name: "kind", label: "Kind", choices: KINDS}, {name: "source", label: "Source", choices: sources.map(s => s.name)},
		{name: "repository", label: "Repository", choices: repositories.map(r => r.name)}, {name: "schedule", label: "Schedule", choices: schedules.map(s => [String(s.id), s.name])},
		{name: "author", label: "By", type: "search"}, {name: "q", label: "Text", type: "search"},
		{name: "after", label: "From", type: "date"}, {name: "before", label: "Until", type: "date"}, {name: "oldest_first", label: "Order", otherwise: "newest first", choices: [["true", "oldest first"]]}]),
	h("div", {class: "sheet"}, list));
}
