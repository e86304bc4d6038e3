// What went right or wrong, told where it happened or in the corner.
import {bookmark, h, replace} from "./dom.js";

// What another program said follows its status, its lines joined by "; ": one of them says why, all of them are folded below.
const STATUS = /^(.* (?:failed with status \d+|was ended by signal \d+ \([^)]*\))): (.*)$/s;
// A file that was sent is called as it was called here.
export const plainly = text => text.replace(/\S*\/uploads\/upload-(\S+)\.[0-9a-f]{16}\b/g, "$1").replace(/(\S+): \1: /g, "$1: ").replace(/ \(chosen by [^()]*\)/, "");
// What to do, for who is at the dashboard and not at the command line.
const WAYS = {"no-repo": "See that its disk is there, and mounted where it was. If the repository is elsewhere now, or a new one is wanted, say so on the page Repositories."};

// One sentence, the cause and the way out; the tool's own words folded below.
export function problem(error) {
	const [, what, said] = STATUS.exec(error.message) || [null, error.message, ""];
	const lines = said ? said.split("; ") : [];
	const words = lines.length > 1 ? lines.join("\n") : "";
	return h("div", {class: "problem", role: "alert"},
		h("p", {class: "what"}, plainly(lines.length ? `${what}: ${lines.find(l => /error|fatal/i.test(l)) || lines.at(-1)}` : what)),
		(WAYS[error.kind] || error.hint) && h("p", {class: "hint"}, WAYS[error.kind] || error.hint),
		words && h("details", h("summary", "What the tool said"), h("pre", words)));
}

export function told(text, kind = "good") {
	const box = document.getElementById("told");
	const line = h("p", {class: `toast ${kind}`}, text, h("button", {type: "button", class: "quiet", "aria-label": "Close", onclick: () => line.remove()}, "×"));
	box.append(line);
	if (kind === "good")
		setTimeout(() => line.remove(), 8000);
}

// What went wrong on another page is over; what went well is told for its time.
export const forget = () => document.querySelectorAll("#told .bad").forEach(line => line.remove());

// What changes by itself, told to who cannot see it.
export function say(text) {
	document.getElementById("said").textContent = text;
}

export function waiting(text = "One moment…") {
	return h("p", {class: "waiting", role: "status"}, h("span", {class: "spinner", "aria-hidden": "true"}), text);
}

// Fill `place` with what `load` gives, with a waiting line before, unless something is there already, and the problem after a failure. What was asked
// for earlier and comes later is not shown any more.
export async function fill(place, load) {
	const mine = place.asked = (place.asked || 0) + 1;
	const draw = (...content) => {
		if (mine > (place.drawn || 0))
			replace(place, content);
		place.drawn = Math.max(mine, place.drawn || 0);
	};
	place.setAttribute("aria-busy", "true");
	const back = bookmark(place);
	const wait = setTimeout(() => place.hasChildNodes() || replace(place, waiting()), 150);
	try {
		const content = await load();
		clearTimeout(wait);
		draw(content);
	} catch (error) {
		clearTimeout(wait);
		if (error.name !== "AbortError")
			draw(problem(error), h("p", h("button", {type: "button", onclick: () => fill(place, load)}, "Try again")));
	}
	if (mine === place.asked)
		place.removeAttribute("aria-busy");
	back();
	return place;
}

// Something that is not a button of its own: its failure is shown in `place`.
export async function attempt(place, run) {
	place.querySelector(":scope > .problem")?.remove();
	try {
		await run();
	} catch (error) {
		if (error.name !== "AbortError")
			replace(place, problem(error));
	}
}

// A button that runs something: not twice at once, and its failure is shown beside it, or in `at`, which may outlive the button.
export function action(label, run, {kind = "", confirm = null, at = null} = {}) {
	const place = h("span", {class: "action"});
	const button = h("button", {type: "button", class: kind, onclick: async () => {
		(at || place).querySelector(":scope > .problem")?.remove();
		if (confirm && !await confirm())
			return;
		button.disabled = true;
		button.setAttribute("aria-busy", "true");
		try {
			await run();
		} catch (error) {
			if (error.name !== "AbortError")
				at ? replace(at, problem(error)) : place.append(problem(error));
		}
		button.disabled = false;
		button.removeAttribute("aria-busy");
	}}, label);
	place.append(button);
	return place;
}
