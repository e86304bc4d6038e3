// One job: how it went, what it said, and what to do next.
import {h, replace} from "../lib/dom.js";
import * as api from "../lib/api.js";
import {count, duration, exact, size, when} from "../lib/format.js";
import {watchJob} from "../lib/events.js";
import {cancelButton, ending, errorOf, isOver, logBox, progressBar, progressLine, stateOf, took} from "../lib/jobs.js";
import {facts} from "../lib/table.js";
import {action, problem, say, told} from "../lib/told.js";
import {ask} from "../lib/dialog.js";
import {form} from "../lib/form.js";
import {resultOf} from "../lib/results.js";
import {may} from "../app.js";

const time = line => h("time", {datetime: line.time, dataset: {exact: ""}, title: exact(line.time)}, new Date(line.time).toLocaleTimeString());

// What may be run again as it was, by whom, and what that does.
const AGAIN = {backup: "operator", verify: "operator", check: "operator", "check-tables": "operator", optimize: "operator", repair: "admin", prune: "admin", cleanup: "admin"};
const CARE = {repair: "A repair may change data that cannot be read.", prune: "What no backup needs is removed for good.", cleanup: "Backups that no rule keeps are removed."};

const again = job => AGAIN[job.kind] && may(AGAIN[job.kind]) && action("Run again", async () => {
	const next = await api.post(api.path("jobs", job.id, "again"));
	location.hash = `#/job/${next.id}`;
}, {confirm: CARE[job.kind] && (() => ask(`Run ${job.title} again?`, CARE[job.kind], {yes: "Run again", kind: "danger"}))});

const toJob = id => id && h("a", {href: `#/job/${id}`}, id.slice(0, 8));

function draw(place, job, cancel) {
	cancel.bring(job);
	cancel.hidden = isOver(job) || !may("operator");
	replace(place,
		h("p", {class: "sentence"}, stateOf(job)),
		!isOver(job) && [h("p", progressLine(job)), progressBar(job)],
		job.error && problem(errorOf(job)),
		facts([
			["Asked for", when(job.created)], ["Began", when(job.started, job.not_before ? h("span", "not before ", when(job.not_before)) : "not yet")], ["Exactly", job.started && exact(job.started)], ["Took", took(job)], ["By", job.author], ["Repository", job.repository],
			["Sources", (job.sources || []).join(", ")], ["Size", job.size ? size(job.size) : ""], ["Added to the repository", job.added ? size(job.added) : ""],
			["Rows", job.rows ? count(job.rows) : ""], ["Files", job.files ? count(job.files) : ""], ["Attempt", job.attempts > 1 ? `${job.attempt} of ${job.attempts}` : ""], ["Another try of", toJob(job.retry_of)], ["Undid", toJob(job.undo_of)], ["Time limit", job.time_limit ? duration(job.time_limit) : ""],
			["Backup", job.backup && h("a", {href: `#/backup/${job.backup}`}, job.backup.slice(0, 8))], ["Id", h("code", job.id)]]),
		isOver(job) && [resultOf(job), h("div", {class: "buttons"}, again(job))]);
}

export async function show({parameters, leave}) {
	const id = parameters[0];
	const job = await api.get(api.path("jobs", id));
	const place = h("div");
	const cancel = cancelButton(job);
	const log = h("ol");
	const {items: lines} = await api.get(api.path("jobs", id, "log"));
	const add = line => log.append(h("li", {class: line.level === "error" ? "failed" : line.level === "warning" ? "partial" : null}, time(line), " ", line.text));
	let last = 0;
	for (const line of lines) {
		add(line);
		last = line.n;
	}
	draw(place, job, cancel);
	if (!isOver(job))
		leave(watchJob(job.id, {
			after: last,
			progress: current => draw(place, {...job, ...current}, cancel),
			line: add,
			end: async () => {
				const ended = await api.get(api.path("jobs", id));
				draw(place, ended, cancel);
				say(ending(job.title, ended));
			},
		}));
	return h("div", h("h1", job.title), h("div", {class: "sheet"}, place, cancel), h("div", {class: "columns"},
		h("section", {class: "card"}, h("h2", "What it said"), logBox("Log", log)),
		h("section", {class: "card"}, h("h2", "Notes"), may("operator")
			? form([{name: "notes", label: "For whoever looks at this later", type: "textarea", value: job.notes}], {kind: "", submit: async given => {
				await api.patch(api.path("jobs", id), given);
				told("The note is kept.");
			}})
			: h("p", job.notes || "none"))));
}
