// Who did what, and whether the trail is as it was written.
import {h, replace} from "../lib/dom.js";
import * as api from "../lib/api.js";
import {count, when} from "../lib/format.js";
import {paged} from "../lib/table.js";
import {asked, filters} from "../lib/filters.js";
import {action} from "../lib/told.js";
import {save} from "../lib/save.js";

const AT_ONCE = 1000;

// All rows that fit, with their hashes, the newest first.
async function download(wanted) {
	const rows = [];
	for (let total = 1; rows.length < total;) {
		const page = await api.get(`/audit/${api.query({...wanted, offset: rows.length, limit: AT_ONCE})}`);
		rows.push(...page.items);
		total = page.items.length ? page.total : 0;
	}
	save("backstay-audit.json", JSON.stringify(rows, null, "\t"));
}

export function show({query}) {
	const wanted = asked(query);
	const verdict = h("p", {role: "status"});
	const list = paged((offset, limit) => api.get(`/audit/${api.query({...wanted, offset, limit})}`), [
		{title: "When", cell: a => when(a.time)}, {title: "Who", kind: "main", cell: a => a.who}, {title: "What", cell: a => a.action},
		{title: "On", cell: a => a.object || ""}, {title: "Details", cell: a => a.details || ""}, {title: "From", cell: a => a.address || ""}], {caption: "Audit trail", empty: "Nothing fits."});
	return h("div", h("div", {class: "head"}, h("h1", "Audit"), h("div", {class: "buttons"}, action("Check the trail", async () => {
		const result = await api.get("/audit/check/");
		replace(verdict, h("span", {class: result.ok ? "good" : "failed"}, h("span", {class: "state"}, result.ok ? `✓ All ${count(result.rows)} rows are as they were written.` : `✕ The trail was changed: ${result.problem}`)));
	}), action("Download", () => download(wanted)))), verdict,
	filters("audit", query, [{name: "who", label: "Who"}, {name: "action", label: "What"}, {name: "object", label: "On"}, {name: "after", label: "From", type: "date"}, {name: "before", label: "Until", type: "date"}]),
	h("div", {class: "sheet"}, list));
}
