// Every operation: when, what, how long, by whom, with what result.
import {h} from "../lib/dom.js";
import * as api from "../lib/api.js";
import * as events from "../lib/events.js";
import {columns} from "../lib/jobs.js";
import {paged} from "../lib/table.js";
import {asked, filters} from "../lib/filters.js";

const STATES = ["queued", "running", "success", "failed", "cancelled", "interrupted"];
const KINDS = ["backup", "restore", "verify", "export", "cleanup", "forget", "prune", "check", "optimize", "check-tables", "repair"];

export async function show({query, leave}) {
	const {items: sources} = await api.get(`/sources/${api.query({limit: 1000})}`);
	const list = paged((offset, limit) => api.get(`/jobs/${api.query({...asked(query), offset, limit})}`), columns, {caption: "Jobs", empty: "No job fits.", open: j => {
		location.hash = `#/job/${j.id}`;
	}});
	leave(events.on("job", () => list.refresh()));
	return h("div", h("h1", "Jobs"), filters("jobs", query, [
		{name: "state", label: "State", choices: STATES}, {name: "kind", label: "Kind", choices: KINDS}, {name: "source", label: "Source", choices: sources.map(s => s.name)},
		{name: "q", label: "Text", type: "search"}, {name: "after", label: "From", type: "date"}, {name: "before", label: "Until", type: "date"}]),
	h("div", {class: "sheet"}, list));
}
