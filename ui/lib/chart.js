// Charts drawn in SVG, each with the same figures as a table for who cannot see it.
import {h, svg, uid} from "./dom.js";
import {plural} from "./format.js";

const WIDTH = 640;
const HEIGHT = 160;
const LEFT = 8;
const BOTTOM = 20;

function scale(values) {
	const most = Math.max(...values, 0);
	return v => most ? (HEIGHT - BOTTOM - 8) * v / most : 0;
}

function asTable(title, points, name, show) {
	return h("details", {class: "figures"}, h("summary", "As a table"), h("table", h("caption", {class: "hidden"}, title),
		h("thead", h("tr", h("th", {scope: "col"}, "Time"), h("th", {scope: "col"}, name))),
		h("tbody", points.map(p => h("tr", h("th", {scope: "row"}, p.label), h("td", {class: "number"}, show(p)))))));
}

function frame(title, points, content) {
	const id = uid("chart");
	return svg("svg", {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-labelledby": id, class: "chart", preserveAspectRatio: "none"},
		svg("title", {id}, title), svg("line", {x1: LEFT, x2: WIDTH - LEFT, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM, class: "axis"}), content);
}

// points: {label, value, failed}: a bar, of which so much failed: that part has a colour and a shape of its own, and is told in the table.
export function bars(title, points, {name = "Value", show = String} = {}) {
	if (!points.length)
		return h("p", {class: "empty"}, "No figures yet.");
	const y = scale(points.map(p => p.value));
	const step = (WIDTH - 2 * LEFT) / points.length;
	const ground = HEIGHT - BOTTOM;
	const telling = p => p.failed ? `${show(p.value)}, ${show(p.failed)} failed` : show(p.value);
	const bar = (i, value, kind, wide) => svg("rect", {x: LEFT + (i + (1 - wide) / 2) * step, width: step * wide, y: ground - y(value), height: Math.max(1, y(value)), class: `bar ${kind}`});
	const drawn = points.map((p, i) => p.value > 0 && svg("g", null, svg("title", null, `${p.label}: ${telling(p)}`), bar(i, p.value, "good", 0.6), p.failed > 0 && bar(i, p.failed, "failed", 0.95)));
	return h("figure", h("figcaption", title, points.some(p => p.failed) && h("span", {class: "help"}, " (wide: failed)")), top(points, show), frame(title, points, drawn), ends(points), asTable(title, points, name, telling));
}

export function line(title, points, {name = "Value", show = String} = {}) {
	if (points.length < 2)
		return h("figure", h("figcaption", title), h("p", {class: "empty"}, points.length ? `${points[0].label}: ${show(points[0].value)}` : "No figures yet."));
	const y = scale(points.map(p => p.value));
	const x = i => LEFT + i * (WIDTH - 2 * LEFT) / (points.length - 1);
	const path = points.map((p, i) => `${i ? "L" : "M"}${x(i).toFixed(1)} ${(HEIGHT - BOTTOM - y(p.value)).toFixed(1)}`).join("");
	const area = `${path}L${x(points.length - 1)} ${HEIGHT - BOTTOM}L${x(0)} ${HEIGHT - BOTTOM}Z`;
	return h("figure", h("figcaption", title), top(points, show), frame(title, points, [svg("path", {d: area, class: "area", "aria-hidden": "true"}), svg("path", {d: path, class: "curve"})]), ends(points), asTable(title, points, name, p => show(p.value)));
}

// What the highest point stands for.
const top = (points, show) => h("p", {class: "ends", "aria-hidden": "true"}, show(Math.max(...points.map(p => p.value))));

function ends(points) {
	return h("p", {class: "ends", "aria-hidden": "true"}, h("span", points[0].label), h("span", points[points.length - 1].label));
}

// The last runs of a source, oldest first: each state has its own colour, shape and word.
const MARKS = {good: "●", verified: "◆", partial: "◐", failed: "✕", cancelled: "–", interrupted: "!", running: "▶", overdue: "○"};
const WORDS = {good: "good", verified: "good and verified", partial: "good in part", failed: "failed", cancelled: "cancelled", interrupted: "interrupted", running: "running", overdue: "overdue"};

// It leads to the list of these runs: what the mouse is told of each is there for everybody.
export function strip(runs, href) {
	const counts = {};
	for (const r of runs)
		counts[r.kind] = (counts[r.kind] || 0) + 1;
	const words = Object.entries(counts).map(([k, n]) => `${n} ${WORDS[k]}`).join(", ");
	if (!runs.length)
		return h("p", {class: "faint"}, "No runs yet");
	return h("a", {class: "strip", href, "aria-label": `The last ${plural(runs.length, "run")}: ${words}`},
		runs.map(r => h("span", {class: `mark ${r.kind}`, title: `${WORDS[r.kind]}, ${r.label}`, "aria-hidden": "true"}, MARKS[r.kind])));
}

export const word = kind => WORDS[kind] || kind;
export const mark = kind => h("span", {class: `state ${kind}`}, h("span", {class: `mark ${kind}`, "aria-hidden": "true"}, MARKS[kind] || "●"), " ", word(kind));
