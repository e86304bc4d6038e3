// One sentence first: is all well? Then each source with its last runs, what happened last, and figures over time.
import {h} from "../lib/dom.js";
import * as api from "../lib/api.js";
import * as events from "../lib/events.js";
import {ago, count, duration, exact, size, when} from "../lib/format.js";
import {bars, line, strip} from "../lib/chart.js";
import {columns, isOver, progressBar, progressLine} from "../lib/jobs.js";
import {fill} from "../lib/told.js";
import {facts, table} from "../lib/table.js";
import {level} from "../lib/backups.js";
import {may} from "../app.js";

const RUNS = 30;

// ---- the sentence ----

const hours = n => n >= 48 ? `${Math.floor(n / 24)} days` : `${Math.max(1, Math.floor(n))} hour${Math.floor(n) > 1 ? "s" : ""}`;

export function sentence({sources, states, problems}) {
	if (!sources.length)
		return {kind: "running", text: "Nothing is backed up yet", more: "Set up the first source: it takes two minutes."};
	const late = states.filter(s => s.overdue);
	const never = states.filter(s => !s.last_good);
	const running = states.filter(s => s.running);
	if (late.length) {
		const s = late[0];
		const away = s.last_good ? `overdue by ${hours((Date.now() - new Date(s.deadline)) / 3600000)}` : "overdue: there is no good one yet";
		return {kind: "failed", text: late.length > 1 ? `Backups of ${late.length} sources are overdue` : `${s.name}'s backup is ${away}`, more: problems.slice(1).join("; ")};
	}
	const failed = states.filter(s => s.last_state === "failed" || s.last_state === "interrupted");
	if (failed.length)
		return {kind: "partial", text: failed.length > 1 ? `The last backups of ${failed.length} sources failed` : `The last backup of ${failed[0].name} failed`, more: "Older good backups are there. " + problems.join("; ")};
	if (problems.length)
		return {kind: "partial", text: problems[0].charAt(0).toUpperCase() + problems[0].slice(1), more: problems.slice(1).join("; ")};
	if (running.length && never.length)
		return {kind: "running", text: "The first backup is running", more: ""};
	if (never.length)
		return {kind: "partial", text: never.length === sources.length ? "Waiting for the first backup" : `${never[0].name} has no backup yet`, more: ""};
	return {kind: "good", text: "Everything is backed up", more: ""};
}

// ---- a row a source ----

const runKind = (j, verified) => j.state === "success" ? j.partial ? "partial" : verified ? "verified" : "good" : j.state;

async function stateOf(source, schedules, health) {
	const [{items: jobs}, {items: [newest]}, {items: [proven]}] = await Promise.all([
		api.get(`/jobs/${api.query({source: source.name, kind: "backup", limit: RUNS})}`),
		api.get(`/backups/${api.query({source: source.name, good: true, limit: 1, safety: "no"})}`),
		api.get(`/backups/${api.query({source: source.name, level: 3, limit: 1, safety: "no"})}`)]);
	const known = (health.sources || []).find(s => s.name === source.name) || {};
	const nexts = schedules.filter(s => s.enabled && s.action === "backup" && s.next_run && (!s.sources.length || s.sources.includes(source.name))).map(s => s.next_run).sort();
	const ended = jobs.find(isOver);
	return {
		name: source.name, source, jobs, newest, proven, next: nexts[0], running: jobs.find(j => j.state === "running"),
		last_good: newest?.time || null, last_state: ended?.state, overdue: Boolean(known.overdue), deadline: known.deadline,
	};
}

function sourceRow(s) {
	const runs = [...s.jobs].reverse().map(j => ({kind: runKind(j, s.proven && j.backup === s.proven.id), label: exact(j.started || j.created)}));
	if (s.overdue)
		runs.push({kind: "overdue", label: "now"});
	return h("section", {class: `card verdict ${s.overdue || s.last_state === "failed" ? "failed" : s.last_good ? "good" : "partial"}`},
		h("div", {class: "head"}, h("h2", h("a", {href: `#/backups?source=${encodeURIComponent(s.name)}`}, s.name)), strip(runs)),
		s.running && [h("p", progressLine(s.running)), progressBar(s.running)],
		facts([["Last good backup", when(s.last_good)], ["Next", s.next ? when(s.next) : "nothing is scheduled"], ["Proven to restore", s.proven ? [when(s.proven.verified), `: ${level(s.proven.verification)}`] : "not yet"], ["Size", s.newest && size(s.newest.bytes)]]));
}

// ---- figures ----

const day = d => new Date(`${d.day}T12:00:00`).toLocaleDateString(undefined, {day: "numeric", month: "short"});

function figures(stats) {
	const t = stats.totals || {};
	const period = t.period || {};
	const days = stats.days || [];
	const judged = (period.successful || 0) + (period.failed || 0) + (period.interrupted || 0);
	return [h("section", {class: "card"}, h("h2", `The last ${days.length} days`), facts([
		["Success rate", judged ? `${Math.round(1000 * period.successful / judged) / 10} % of ${count(judged)} runs` : "no runs yet"],
		["Backups", count(t.backups)], ["Held in them", size(t.backup_bytes)], ["Space used", t.repository_bytes ? size(t.repository_bytes) : "not measured yet"], ["Space saved", t.saved > 0 ? `${Math.round(1000 * t.saved) / 10} %` : "–"],
		["A backup takes", period.seconds_average ? duration(period.seconds_average) : "–"]])),
	h("div", {class: "columns"},
		h("section", {class: "card"}, bars("Runs a day", days.map(d => ({label: day(d), value: d.runs || 0, kind: d.failed || d.interrupted ? "failed" : "good"})), {name: "Runs", show: count})),
		h("section", {class: "card"}, line("Added to the repositories", days.map(d => ({label: day(d), value: d.added || 0})), {name: "Bytes", show: size})),
		h("section", {class: "card"}, line("How long a backup took", days.filter(d => d.seconds_average).map(d => ({label: day(d), value: d.seconds_average})), {name: "Time", show: duration})))];
}

// ---- the page ----

async function load() {
	const [{items: sources}, {items: schedules}, {items: jobs}, stats, health] = await Promise.all([
		api.get(`/sources/${api.query({limit: 1000})}`), api.get(`/schedules/${api.query({limit: 1000})}`), api.get(`/jobs/${api.query({limit: 10})}`), api.get(`/statistics/${api.query({days: 30})}`), api.get("/status/").catch(() => ({}))]);
	const states = await Promise.all(sources.slice(0, 50).map(s => stateOf(s, schedules, health)));
	states.sort((a, b) => Number(b.overdue) - Number(a.overdue) || Number(!a.last_good) - Number(!b.last_good) || a.name.localeCompare(b.name));
	const says = sentence({sources, states, problems: health.problems || []});
	const newest = states.map(s => s.last_good).filter(Boolean).sort().at(-1);
	const next = states.map(s => s.next).filter(Boolean).sort()[0];
	return h("div",
		h("section", {class: `card verdict ${says.kind}`}, h("h1", {class: "sentence"}, says.text), says.more && h("p", says.more),
			h("p", {class: "faint"}, [newest && `Last good backup ${ago(newest)}`, next && `next ${ago(next)}`].filter(Boolean).join(", ")),
			!sources.length && may("admin") && h("a", {class: "button main", href: "#/start"}, "Set up the first source")),
		h("div", {class: "columns"}, states.map(sourceRow)),
		h("section", {class: "card"}, h("h2", "The last ten operations"), table(columns, jobs, {caption: "The last ten operations", empty: "Nothing was done yet."})),
		sources.length > 0 && figures(stats));
}

export function show({leave}) {
	const place = h("div");
	let soon = null;
	const again = () => {
		soon ??= setTimeout(() => {
			soon = null;
			load().then(content => place.replaceChildren(content), () => null);
		}, 1500);
	};
	leave(events.on("job", again));
	leave(events.on("backup", again));
	leave(() => clearTimeout(soon));
	return fill(place, load);
}
