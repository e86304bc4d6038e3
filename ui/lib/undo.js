// Bringing back what a restore replaced.
import {h, replace} from "./dom.js";
import * as api from "./api.js";
import {askByName, ask} from "./dialog.js";
import {follow} from "./jobs.js";
import {action} from "./told.js";

// begun(undo) is told of the job; about: what stands above.
export function undoButton(job, place, leave, begun = null, about = null) {
	return h("section", {class: "card"}, about, h("p", "Not what you wanted? What was there before is kept."), action("Undo this restore", async () => {
		const request = confirm => api.post("/restores/undo/", confirm ? {job: job.id, confirm} : {job: job.id});
		let undo;
		try {
			if (!await ask("Undo this restore?", "What was there before comes back. What is there now is kept as a safety copy, so that this can be undone too."))
				return;
			undo = await request(null);
		} catch (error) {
			if (error.status !== 409 || !error.problem.confirm)
				throw error;
			if (!await askByName("What is there now is replaced by this", h("ul", {class: "replaced"}, (error.problem.replaces || []).map(l => h("li", l))), error.problem.confirm, {yes: "Bring it back"}))
				return;
			undo = await request(error.problem.confirm);
		}
		begun?.(undo);
		replace(place, follow(undo, {leave, title: "Undoing"}));
	}));
}
