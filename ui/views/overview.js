// One sentence first: is all well? Then each source with its last runs, what happened last, and figures over time.
import {h, replace} from "../lib/dom.js";
import * as api from "../lib/api.js";
import * as events from "../lib/events.js";
import {ago, count, duration, exact, plural, size, when} from "../lib/format.js";
import {bars, line, mark, strip} from "../lib/chart.js";
import {columns, progressBar, progressLine} from "../lib/jobs.js";
import {fill, plainly, say} from "../lib/told.js";
import {facts, table} from "../lib/table.js";
import {level} from "../lib/backups.js";
import {may} from "../app.js";

// ---- the sentence ----

function span(ms) {
	const minutes = Math.max(1, Math.floor(ms / 60000));
	if (minutes < 60)
		return plural(minutes, "minute");
	return minutes < 2880 ? plural(Math.floor(minutes / 60), "hour") : plural(Math.floor(minutes / 1440), "day");
}

// How bad it is: overdue and never good, overdue by so much, failed last time, never backed up, well.
function badness(s) {
	if (s.overdue)
		return s.last_good ? 1e16 - new Date(s.deadline) : Infinity;
	if (s.last_state === "failed" || s.last_state === "interrupted")
		return 2;
	return s.last_good ? 0 : 1;
}

function about(s) {
	if (s.overdue)
		return `${s.name}'s backup is overdue${s.last_good ? ` by ${span(Date.now() - new Date(s.deadline))}` : ": there is no good one yet"}`;
	return `The last backup of ${s.name} ${s.last_state === "interrupted" ? "was interrupted" : "failed"}${s.last_good ? "" : ", and there is no good one"}`;
}

const capital = text => text.charAt(0).toUpperCase() + text.slice(1);

// sources: the worst first, and of it the sentence is
export function sentence(sources, problems) {
	if (!sources.length)
		return {kind: "running", text: "Nothing is backed up yet", more: "Set up the first source: it takes two minutes."};
	const bad = sources.filter(s => badness(s) > 1);
	// What is overdue the server tells too, in other words.
	const others = problems.filter(p => !bad.some(s => s.overdue && p.startsWith(`no good backup of ${s.name} `))).map(capital);
	if (bad.length)
		return {kind: bad[0].overdue ? "failed" : "partial", text: about(bad[0]), source: bad[0], more: [...bad.slice(1).map(about), !bad[0].overdue && bad[0].last_good && "Older good backups are there", ...others].filter(Boolean).join(". ")};
	if (others.length)
		return {kind: "partial", text: others[0], more: others.slice(1).join(". ")};
	const never = sources.filter(s => !s.last_good);
	if (never.length && never.some(s => s.running))
		return {kind: "running", text: "The first backup is running", more: ""};
	if (never.length)
		return {kind: "partial", text: never.length === sources.length ? "Waiting for the first backup" : `${never[0].name} has no backup yet`, more: ""};
	return {kind: "good", text: "Everything is backed up", more: ""};
}

// ---- a row a source ----

const kindOfRun = r => r.state !== "success" ? r.state : r.verification === "failed" ? "failed" : r.partial ? "partial" : r.verification ? "verified" : "good";

// A source of the overview with what follows from its runs: "last_state" of the last that has ended, and the job that runs now.
function looked(source, running) {
	return {...source, last_state: source.runs.findLast(r => r.state !== "running")?.state, running: running.find(j => j.sources.includes(source.name))};
}

function kindOfSource(s) {
	if (s.overdue)
		return "overdue";
	return s.last_state && s.last_state !== "success" ? s.last_state : s.last_good ? "good" : null;
}

function sourceRow(s) {
	const runs = s.runs.map(r => ({kind: kindOfRun(r), label: exact(r.time)}));
	if (s.overdue)
		runs.push({kind: "overdue", label: "now"});
	const kind = kindOfSource(s);
	return h("section", {class: `card verdict ${kind || "partial"}`},
		h("div", {class: "head"}, h("h2", h("a", {href: `#/backups${api.query({source: s.name})}`}, s.name)), kind ? mark(kind) : h("span", {class: "faint"}, "no backup yet")),
		strip(runs, `#/jobs${api.query({source: s.name, kind: "backup"})}`),
		s.running && [h("p", progressLine(s.running)), progressBar(s.running)],
		facts([["Last good backup", when(s.last_good)], ["Next", s.next_run ? when(s.next_run) : "nothing is scheduled"], ["Proven to restore", s.proven ? [when(s.proven.verified), `: ${level(s.proven.verification)}`] : "not yet"], ["Size", s.last_good && size(s.bytes)]]));
}

// ---- figures ----

const day = d => new Date(`${d.day}T12:00:00`).toLocaleDateString(undefined, {day: "numeric", month: "short"});

function figures(stats) {
	const t = stats.totals || {};
	const period = t.period || {};
	const days = stats.days || [];
	const judged = (period.successful || 0) + (period.failed || 0) + (period.interrupted || 0);
	const made = days.filter(d => d.successful + d.partial);
	return [h("section", {class: "card"}, h("h2", `The last ${days.length} days`), facts([
		["Success rate", judged ? `${Math.round(1000 * period.successful / judged) / 10} % of ${plural(judged, "run")}` : "no runs yet"],
		["Backups", count(t.backups)], ["Held in them", size(t.backup_bytes)], ["Space used", t.repository_bytes ? size(t.repository_bytes) : "not measured yet"], ["Space saved", t.saved > 0 ? `${Math.round(1000 * t.saved) / 10} %` : "–"],
		["A backup takes", period.seconds_average ? duration(period.seconds_average) : "–"]])),
	h("div", {class: "columns"},
		h("section", {class: "card"}, bars("Runs a day", days.map(d => ({label: day(d), value: d.runs || 0, failed: (d.failed || 0) + (d.interrupted || 0)})), {name: "Runs", show: count})),
		h("section", {class: "card"}, line("Added to the repositories", days.map(d => ({label: day(d), value: d.added || 0})), {name: "Bytes", show: size})),
		h("section", {class: "card"}, line("Size of a backup", made.map(d => ({label: day(d), value: d.bytes / (d.successful + d.partial)})), {name: "Bytes", show: n => size(Math.round(n))})),
		h("section", {class: "card"}, line("How long a backup took", days.filter(d => d.seconds_average).map(d => ({label: day(d), value: d.seconds_average})), {name: "Time", show: duration})))];
}

// ---- the page ----

// Why the last backup of a source was none.
function reason(s, jobs) {
	const job = jobs.find(j => j.kind === "backup" && j.state === s.last_state && (j.sources || []).includes(s.name));
	return job ? h("p", job.error && `${capital(plainly(job.error.message))}. `, h("a", {href: `#/job/${job.id}`}, "What to do about it"))
		: h("p", h("a", {href: `#/jobs${api.query({source: s.name, kind: "backup"})}`}, "Its last runs"));
}


async function load() {
	const [overview, {items: jobs}, stats] = await Promise.all([api.get("/overview/"), api.get(`/jobs/${api.query({limit: 10})}`), api.get(`/statistics/${api.query({days: 30})}`)]);
	const sources = overview.sources.map(s => looked(s, overview.running));
	sources.sort((a, b) => badness(a) === badness(b) ? a.name.localeCompare(b.name) : badness(b) - badness(a));
	const says = sentence(sources, overview.problems);
	const newest = sources.map(s => s.last_good).filter(Boolean).sort().at(-1);
	const next = sources.map(s => s.next_run).filter(Boolean).sort()[0];
	return h("div",
		h("section", {class: `card verdict ${says.kind}`}, h("h1", {class: "sentence"}, says.text), says.more && h("p", says.more), says.source && !says.source.overdue && reason(says.source, jobs),
			h("p", {class: "faint"}, [newest && `Last good backup ${ago(newest)}`, next && `next ${ago(next)}`].filter(Boolean).join(", ")),
			!sources.length && may("admin") && h("a", {class: "button main", href: "#/start"}, "Set up the first source")),
		h("div", {class: "columns"}, sources.map(sourceRow)),
		h("section", {class: "card"}, h("h2", "The last ten operations"), table(columns, jobs, {caption: "The last ten operations", empty: "Nothing was done yet."})),
		sources.length > 0 && figures(stats));
}

export function show({leave}) {
	const place = h("div");
	let soon = null;
	const again = () => {
		soon ??= setTimeout(() => {
			soon = null;
			load().then(content => {
				const before = place.querySelector("h1")?.textContent;
				replace(place, content);
				const now = place.querySelector("h1").textContent;
				if (now !== before) {
					document.title = `${now} – Backstay`;
					say(now);
				}
			}, () => null);
		}, 1500);
	};
	for (const name of ["job", "backup", "source", "schedule"])
		leave(events.on(name, again));
	leave(() => clearTimeout(soon));
	return fill(place, load);
}
