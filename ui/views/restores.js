// What was restored, when, by whom; the last one can be undone here.
import {h} from "../lib/dom.js";
import * as api from "../lib/api.js";
import * as events from "../lib/events.js";
import {when} from "../lib/format.js";
import {columns} from "../lib/jobs.js";
import {undoButton} from "../lib/undo.js";
import {paged} from "../lib/table.js";
import {may} from "../app.js";

const LOOKED_AT = 10;

// The newest restore, among the last ones, that replaced something and kept it.
async function replaced() {
	const {items} = await api.get(`/restores/${api.query({state: "success", limit: LOOKED_AT})}`);
	for (const {id} of items) {
		const job = await api.get(api.path("jobs", id));
		if (job.result?.safety?.length)
			return job;
	}
	return null;
}

export async function show({leave}) {
	const list = paged((offset, limit) => api.get(`/restores/${api.query({offset, limit})}`), columns, {caption: "Restores", empty: "Nothing was restored yet. Try it once while all is well: a restore to a new place touches nothing.", open: j => {
		location.hash = `#/job/${j.id}`;
	}});
	leave(events.on("job", () => list.refresh()));
	const last = may("admin") && await replaced();
	const place = h("div");
	return h("div", h("div", {class: "head"}, h("h1", "Restores"), may("admin") && h("div", {class: "buttons"}, h("a", {class: "button main", href: "#/backups"}, "Restore a backup"), h("a", {class: "button", href: "#/restore"}, "Restore from a file"))),
		place, last && undoButton(last, place, leave, null, h("p", h("strong", last.title), ", ", when(last.ended))), h("div", {class: "sheet"}, list));
}
