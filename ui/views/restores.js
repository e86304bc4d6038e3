// What was restored, when, by whom; the last one can be undone here.
import {h} from "../lib/dom.js";
import * as api from "../lib/api.js";
import * as events from "../lib/events.js";
import {columns} from "../lib/jobs.js";
import {undoButton} from "../lib/undo.js";
import {paged} from "../lib/table.js";
import {may} from "../app.js";

export async function show({leave}) {
	const list = paged((offset, limit) => api.get(`/restores/${api.query({offset, limit})}`), columns, {caption: "Restores", empty: "Nothing was restored yet. Try it once while all is well: a restore to a new place touches nothing.", open: j => {
		location.hash = `#/job/${j.id}`;
	}});
	leave(events.on("job", () => list.refresh()));
	const {items: [last]} = await api.get(`/restores/${api.query({state: "success", limit: 1})}`);
	const place = h("div");
	return h("div", h("div", {class: "head"}, h("h1", "Restores"), may("admin") && h("div", {class: "buttons"}, h("a", {class: "button main", href: "#/backups"}, "Restore a backup"), h("a", {class: "button", href: "#/restore"}, "Restore from a file"))),
		place, may("admin") && last && undoButton(last, place, leave), h("div", {class: "sheet"}, list));
}
