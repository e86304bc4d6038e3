// Charts drawn in SVG, each with the same figures as a table for who cannot see it.
import {h, svg, uid} from "./dom.js";

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
		h("tbody", points.map(p => h("tr", h("td", p.label), h("td", {class: "number"}, show(p.value)))))));
}

function frame(title, points, content) {
	const id = uid("chart");
	return svg("svg", {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-labelledby": id, class: "chart", preserveAspectRatio: "none"},
		svg("title", {id}, title), svg("line", {x1: LEFT, x2: WIDTH - LEFT, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM, class: "axis"}), content);
}

// points: {label, value, kind}; kind is a class of the bar ("good", "failed", ...)
export function bars(title, points, {name = "Value", show = String} = {}) {
	if (!points.length)
		return h("p", {class: "empty"}, "No figures yet.");
	const y = scale(points.map(p => p.value));
	const step = (WIDTH - 2 * LEFT) / points.length;
	const drawn = points.map((p, i) => svg("rect", {x: LEFT + i * step + step * 0.1, width: Math.max(1, step * 0.8), y: HEIGHT - BOTTOM - y(p.value), height: Math.max(p.value ? 1 : 0, y(p.value)), class: `bar ${p.kind || ""}`},
		svg("title", null, `${p.label}: ${show(p.value)}`)));
	return h("figure", h("figcaption", title), frame(title, points, drawn), ends(points), asTable(title, points, name, show));
}

export function line(title, points, {name = "Value", show = String} = {}) {
	if (points.length < 2)
		return h("figure", h("figcaption", title), h("p", {class: "empty"}, points.length ? `${points[0].label}: ${show(points[0].value)}` : "No figures yet."));
	const y = scale(points.map(p => p.value));
	const x = i => LEFT + i * (WIDTH - 2 * LEFT) / (points.length - 1);
	const path = points.map((p, i) => `${i ? "L" : "M"}${x(i).toFixed(1)} ${(HEIGHT - BOTTOM - y(p.value)).toFixed(1)}`).join("");
	const area = `${path}L${x(points.length - 1)} ${HEIGHT - BOTTOM}L${x(0)} ${HEIGHT - BOTTOM}Z`;
	return h("figure", h("figcaption", title), frame(title, points, [svg("path", {d: area, class: "area"}), svg("path", {d: path, class: "curve"})]), ends(points), asTable(title, points, name, show));
}

function ends(points) {
	return h("p", {class: "ends", "aria-hidden": "true"}, h("span", points[0].label), h("span", points[points.length - 1].label));
}

// The last runs of a source, oldest first: each state has its own colour, shape and word.
const MARKS = {good: "●", verified: "◆", partial: "◐", failed: "✕", cancelled: "–", interrupted: "!", running: "▶", overdue: "○"};
const WORDS = {good: "good", verified: "good and verified", partial: "good in part", failed: "failed", cancelled: "cancelled", interrupted: "interrupted", running: "running", overdue: "overdue"};

export function strip(runs) {
	const counts = {};
	for (const r of runs)
		counts[r.kind] = (counts[r.kind] || 0) + 1;
	const words = Object.entries(counts).map(([k, n]) => `${n} ${WORDS[k]}`).join(", ");
	return h("span", {class: "strip", role: "img", "aria-label": runs.length ? `The last ${runs.length} runs: ${words}` : "No runs yet"},
		runs.map(r => h("span", {class: `mark ${r.kind}`, title: `${WORDS[r.kind]}, ${r.label}`, "aria-hidden": "true"}, MARKS[r.kind])));
}

export const mark = kind => h("span", {class: `state ${kind}`}, h("span", {class: `mark ${kind}`, "aria-hidden": "true"}, MARKS[kind] || "●"), " ", WORDS[kind] || kind);
