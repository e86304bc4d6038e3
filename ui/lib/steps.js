// A restore, step by step, from the phases that its job logs.
import {h, replace} from "./dom.js";
import {mark} from "./chart.js";

const READING = ["loading the index", "unpacking", "reading", "looking"];
const WRITING = ["structure", "writing", "loading", "indexing"];
const COMPARING = ["comparing", "checking"];
const COMPARISON = "Comparison with the backup";
const SWAPPING = ["swapping", "putting in place"];

// What stands for a phase; null: it is no step of its own. After the safety copy, what is written is the live data; after the comparison, the place it goes to.
function nameOf(phase, names) {
	if (phase.startsWith("safety backup"))
		return "Safety copy of what is there";
	if (SWAPPING.includes(phase))
		return "Swap: what was rehearsed takes its place";
	if (WRITING.includes(phase))
		return names.some(n => n.startsWith("Safety")) ? "Swap: written in one go, all or nothing" : names.includes(COMPARISON) ? "Written to its place" : "Rehearsal: everything is written beside what is there";
	if (COMPARING.includes(phase))
		return COMPARISON;
	return READING.includes(phase) ? "Reading the backup" : null;
}

// An element with add(text of a line of the log) and end(state of the job).
export function steps() {
	const names = [];
	let ended = null;
	const list = h("ol", {class: "went", "aria-label": "Steps"});
	const stateOf = i => i < names.length - 1 ? "good" : ended === null ? "running" : ended === "success" ? "good" : ended;
	const draw = () => replace(list, names.map((name, i) => h("li", mark(stateOf(i)), " ", name)));
	list.add = text => {
		const name = nameOf(text, names);
		if (name && !names.includes(name)) {
			names.push(name);
			draw();
		}
	};
	list.end = state => {
		ended = state;
		draw();
	};
	return list;
}
