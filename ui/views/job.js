// One job: how it went, what it said, and what to do next.
import {h, replace} from "../lib/dom.js";
import * as api from "../lib/api.js";
import {count, exact, size, when} from "../lib/format.js";
import {watchJob} from "../lib/events.js";
import {cancelButton, errorOf, isOver, progressBar, progressLine, stateOf, took} from "../lib/jobs.js";
import {facts} from "../lib/table.js";
import {problem, told} from "../lib/told.js";
import {form} from "../lib/form.js";
import {may} from "../app.js";

const time = line => h("time", {datetime: line.time, dataset: {exact: ""}, title: exact(line.time)}, new Date(line.time).toLocaleTimeString());

function draw(place, job) {
	replace(place,
		h("p", {class: "sentence"}, stateOf(job)),
		!isOver(job) && [h("p", progressLine(job)), progressBar(job), may("operator") && h("div", {class: "buttons"}, cancelButton(job))],
		job.error && problem(errorOf(job)),
		facts([
			["Began", when(job.started, "not yet")], ["Took", took(job)], ["By", job.author], ["Repository", job.repository],
			["Sources", (job.sources || []).join(", ")], ["Size", job.size ? size(job.size) : ""], ["Added to the repository", job.added ? size(job.added) : ""],
			["Rows", job.rows ? count(job.rows) : ""], ["Files", job.files ? count(job.files) : ""], ["Attempt", job.attempts > 1 ? `${job.attempt} of ${job.attempts}` : ""],
			["Backup", job.backup && h("a", {href: `#/backup/${job.backup}`}, job.backup.slice(0, 8))], ["Id", h("code", job.id)]]));
}

export async function show({parameters, leave}) {
	const id = parameters[0];
	const job = await api.get(api.path("jobs", id));
	const place = h("div");
	const log = h("ol", {class: "log", "aria-label": "Log"});
	const {items: lines} = await api.get(api.path("jobs", id, "log"));
	const add = line => log.append(h("li", {class: line.level <= 4 ? "warning" : null}, time(line), " ", line.text));
	let last = 0;
	for (const line of lines) {
		add(line);
		last = line.n;
	}
	draw(place, job);
	if (!isOver(job))
		leave(watchJob(id, {
			progress: current => draw(place, {...job, ...current}),
			line: line => line.n > last && add(line),
			end: async () => draw(place, await api.get(api.path("jobs", id))),
		}));
	return h("div", h("h1", job.title), h("div", {class: "sheet"}, place), h("div", {class: "columns"},
		h("section", {class: "card"}, h("h2", "What it said"), log, h("p", {class: "empty"}, "Nothing so far.")),
		h("section", {class: "card"}, h("h2", "Notes"), may("operator")
			? form([{name: "notes", label: "For whoever looks at this later", type: "textarea", value: job.notes}], {kind: "", submit: async given => {
				await api.patch(api.path("jobs", id), given);
				told("The note is kept.");
			}})
			: h("p", job.notes || "none"))));
}
