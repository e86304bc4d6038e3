// Figures and times as people read them; the same forms as the command line's.
import {h} from "./dom.js";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

export function size(bytes) {
	if (bytes === null || bytes === undefined)
		return "–";
	let unit = 0;
	let n = Number(bytes);
	while (n >= 1000 && unit < UNITS.length - 1) {
		n /= 1024;
		unit++;
	}
	return unit === 0 ? `${n} B` : `${n >= 100 ? n.toFixed(0) : n >= 10 ? n.toFixed(1) : n.toFixed(2)} ${UNITS[unit]}`;
}

export const count = n => n === null || n === undefined ? "–" : Number(n).toLocaleString("en");
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${Number(n) === 1 ? one : many}`;

export function duration(seconds) {
	if (seconds === null || seconds === undefined)
		return "–";
	const s = Number(seconds);
	if (s < 10)
		return `${s.toFixed(1)} s`;
	if (s < 60)
		return `${Math.round(s)} s`;
	if (s < 3600)
		return `${Math.floor(s / 60)} min ${String(Math.floor(s % 60)).padStart(2, "0")} s`;
	if (s < 86400)
		return `${Math.floor(s / 3600)} h ${String(Math.floor(s % 3600 / 60)).padStart(2, "0")} min`;
	return `${Math.floor(s / 86400)} d ${Math.floor(s % 86400 / 3600)} h`;
}

const STEPS = [[60, "s", 1], [3600, "min", 60], [86400, "h", 3600], [86400 * 30, "day", 86400], [86400 * 365, "month", 86400 * 30], [Infinity, "year", 86400 * 365]];

// "just now", "5 min ago", "in 3 h", "2 days ago"
export function ago(time, now = Date.now()) {
	const s = (now - new Date(time).getTime()) / 1000;
	const away = Math.abs(s);
	if (away < 10)
		return "just now";
	const [, unit, per] = STEPS.find(([below]) => away < below);
	const n = Math.floor(away / per);
	const text = `${n} ${unit}${unit.length > 3 && n !== 1 || unit === "day" && n !== 1 ? "s" : ""}`;
	return s >= 0 ? `${text} ago` : `in ${text}`;
}

export const exact = time => new Date(time).toLocaleString(undefined, {dateStyle: "medium", timeStyle: "medium"});

// Relative, with the exact time on hover and for machines, unless the person wants to read it (look.js); app.js keeps all of them up to date.
export const wantsExact = () => document.documentElement.dataset.times === "exact";
export function when(time, otherwise = "never") {
	return time ? h("time", {datetime: time, title: exact(time)}, wantsExact() ? exact(time) : ago(time)) : h("span", {class: "faint"}, otherwise);
}

export function refreshTimes(root = document) {
	for (const element of root.querySelectorAll("time[datetime]"))
		if (!("exact" in element.dataset) && !wantsExact())
			element.textContent = ago(element.getAttribute("datetime"));
}
