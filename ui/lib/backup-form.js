// A backup made by hand, with all that can be said of it.
import * as api from "./api.js";
import {dialog} from "./dialog.js";
import {form} from "./form.js";

const COMPRESSIONS = [["", "as usual"], ["none", "none"], ["1", "little, and fast"], ["max", "as much as can be"]];

// As the API takes it: what was left empty is as usual.
function body({compression, include_logs, ...given}) {
	const result = Object.fromEntries(Object.entries(given).filter(([, v]) => v !== "" && v !== false && v.length !== 0));
	if (compression === "none")
		result.compress = false;
	else if (compression)
		result.compression = compression;
	if (include_logs)
		result.exclude_logs = false;
	return result;
}

// chosen: the name of a source that is ticked at the beginning, or null.
export function backUp(sources, repositories, chosen) {
	const folders = sources.filter(s => s.engine === "folder").map(s => s.name);
	const any = g => folders.some(name => !g.sources.length || g.sources.includes(name));
	return dialog("Back up", close => form([
		{name: "sources", label: "Sources", type: "several", choices: sources.map(s => [s.name, s.name]), value: chosen ? [chosen] : [], help: "None chosen: all of them."},
		{name: "name", label: "Name", maxlength: 200, help: "Empty: the names of its sources."},
		{name: "description", label: "Description", type: "textarea", rows: 2},
		{name: "tags", label: "Tags (one a line)", type: "lines", rows: 2},
		{name: "repository", label: "Repository", type: "select", choices: [["", "the sources' own, else the default one"], ...repositories.map(r => [r.name, r.name])]},
		{name: "compression", label: "Compression", type: "select", choices: COMPRESSIONS},
		{name: "exclude", label: "Leave out files (a pattern a line)", type: "lines", rows: 2, show: any},
		{name: "include_logs", label: "Take logs and caches too", type: "checkbox", show: any},
		{name: "force", label: "Read everything, whatever looks unchanged", type: "checkbox"},
	], {button: "Back up", cancel: () => close(), submit: async given => {
		const job = await api.post("/backups/", body(given));
		close();
		location.hash = `#/job/${job.id}`;
	}}), {wide: true});
}
