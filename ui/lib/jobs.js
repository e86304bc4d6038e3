// Jobs on pages: their state, their progress, and staying with one until its end.
import {h, replace} from "./dom.js";
import * as api from "./api.js";
import {watchJob} from "./events.js";
import {count, duration, size, when} from "./format.js";
import {mark, word} from "./chart.js";
import {steps} from "./steps.js";
import {plainly, problem, say, told} from "./told.js";
import {resultOf} from "./results.js";
import {may} from "../app.js";

const KINDS = {success: "good", queued: "running"};
export const kindOf = job => job.partial && job.state === "success" ? "partial" : KINDS[job.state] || job.state;
export const stateOf = job => job.state === "queued" ? h("span", {class: "state queued"}, "… queued") : mark(kindOf(job));

export const isOver = job => job.state !== "queued" && job.state !== "running";

export function took(job) {
	return job.started ? duration((new Date(job.ended || Date.now()) - new Date(job.started)) / 1000) : "–";
}

// "reading: 1.2 GiB of 4 GiB, 3 of 14 tables, 56 MiB/s, 40 s left"
export function progressLine(job) {
	const p = job.progress || {};
	const parts = [];
	if (p.bytes_total)
		parts.push(`${size(p.bytes_done)} of ${size(p.bytes_total)}`);
	else if (p.bytes_done)
		parts.push(size(p.bytes_done));
	if (p.items_total)
		parts.push(`${count(p.items_done)} of ${count(p.items_total)} ${p.unit || ""}`);
	else if (p.items_done)
		parts.push(`${count(p.items_done)} ${p.unit || ""}`);
	if (p.bytes_per_second)
		parts.push(`${size(p.bytes_per_second)}/s`);
	if (p.seconds_left !== undefined && p.seconds_left !== null)
		parts.push(`${duration(p.seconds_left)} left`);
	return parts.length ? `${p.phase || "running"}: ${parts.join(", ")}` : p.phase || "";
}

export function progressBar(job) {
	const p = job.progress || {};
	const total = p.bytes_total || p.items_total;
	const done = p.bytes_total ? p.bytes_done : p.items_done;
	return h("progress", total ? {max: total, value: Math.min(done, total), "aria-label": "Progress"} : {"aria-label": "Progress"});
}

const AGAIN = {backup: "mend that, then run it again; the backups made before are not touched", restore: "the log says how far it came; try again once that is mended, or restore to a new place first"};
export const errorOf = job => ({message: job.error.message, hint: job.error.hint || AGAIN[job.kind] || "", kind: job.error.kind, problem: {}});

// The button that ends a job; bring(job) keeps it up to date, and the same button, so that no press is lost.
export function cancelButton(job) {
	const button = h("button", {type: "button", onclick: async () => {
		button.bring({cancel_asked: true});
		await api.post(api.path("jobs", job.id, "cancel")).catch(error => {
			button.bring({cancel_asked: false});
			told(error.message, "bad");
		});
	}}, "Cancel");
	button.bring = now => {
		button.disabled = Boolean(now.cancel_asked);
		button.textContent = now.cancel_asked ? "Cancelling…" : "Cancel";
	};
	button.bring(job);
	return button;
}

// What it said, line by line; new lines are told as they come. Progress is not: twice a second is too much to listen to.
export const logBox = (name, list) => h("div", {class: "log", role: "log", tabindex: "0", "aria-label": name}, list);
export const ending = (title, job) => `${title}: ${word(kindOf(job))} after ${took(job)}`;

// A box that follows a job to its end: its progress, what it logs (of a restore its steps, and the log folded below them), and what came of it. done(job) after a good end.
export function follow(job, {done = null, leave = null, title = null} = {}) {
	const now = h("div");
	const cancel = cancelButton(job);
	const buttons = h("div", {class: "buttons"}, may("operator") && cancel, h("a", {class: "button", href: `#/job/${job.id}`}, "Details"));
	const log = h("ol");
	const went = steps();
	const shown = job.kind === "restore" ? [h("div", {"aria-live": "polite"}, went), h("details", h("summary", "What it said"), logBox("Log", log))] : logBox("Log", log);
	const box = h("section", {class: "card"}, h("h2", title || job.title), now, buttons, shown);
	const draw = current => {
		replace(now, h("p", stateOf(current), " ", isOver(current) ? `after ${took(current)}` : progressLine(current)), !isOver(current) && progressBar(current),
			isOver(current) && current.error && problem(errorOf(current)), isOver(current) && resultOf(current));
		cancel.bring(current);
		buttons.hidden = isOver(current);
	};
	draw(job);
	const add = line => {
		log.append(h("li", line.text));
		went.add(line.text);
	};
	const stop = watchJob(job.id, {
		progress: draw,
		line: add,
		end: async () => {
			const ended = await api.get(api.path("jobs", job.id));
			draw(ended);
			went.end(ended.state);
			say(ending(title || job.title, ended));
			if (ended.state === "success")
				await done?.(ended);
		},
	});
	leave?.(stop);
	return box;
}

export const columns = [
	{title: "State", cell: stateOf},
	{title: "What", kind: "main", cell: j => h("a", {href: `#/job/${j.id}`}, j.title)},
	{title: "When", cell: j => when(j.started || j.created)},
	{title: "Took", kind: "number", cell: took},
	{title: "Size", kind: "number", cell: j => j.size ? size(j.size) : "–"},
	{title: "By", kind: "some", cell: j => j.author},
	{title: "Notes", kind: "wide", cell: j => j.error ? h("span", {class: "failed"}, h("span", {class: "state"}, `✕ ${plainly(j.error.message)}`)) : isOver(j) ? j.notes || "" : progressLine(j)},
];
