// Who did what, and whether the trail is as it was written.
import {h, replace} from "../lib/dom.js";
import * as api from "../lib/api.js";
import {count, when} from "../lib/format.js";
import {paged} from "../lib/table.js";
import {asked, filters} from "../lib/filters.js";
import {action} from "../lib/told.js";

export function show({query}) {
	const verdict = h("p", {role: "status"});
	const list = paged((offset, limit) => api.get(`/audit/${api.query({...asked(query), offset, limit})}`), [
		{title: "When", cell: a => when(a.time)}, {title: "Who", kind: "main", cell: a => a.who}, {title: "What", cell: a => a.action},
		{title: "On", cell: a => a.object || ""}, {title: "Details", cell: a => a.details || ""}, {title: "From", cell: a => a.address || ""}], {caption: "Audit trail", empty: "Nothing fits."});
	return h("div", h("div", {class: "head"}, h("h1", "Audit"), action("Check the trail", async () => {
		const result = await api.get("/audit/check/");
		replace(verdict, result.ok === false ? `Changed: ${result.problem || result.error}` : `All ${count(result.rows)} rows are as they were written.`);
	})), verdict, filters("audit", query, [{name: "who", label: "Who"}, {name: "action", label: "What"}, {name: "object", label: "On"}, {name: "after", label: "From", type: "date"}, {name: "before", label: "Until", type: "date"}]),
	h("div", {class: "sheet"}, list));
}
