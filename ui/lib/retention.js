// What rules of retention would do, backup by backup with the reason, and then doing it.
import {h, replace} from "./dom.js";
import * as api from "./api.js";
import {plural} from "./format.js";
import {action} from "./told.js";
import {ask} from "./dialog.js";
import {follow} from "./jobs.js";
import {kept} from "./results.js";

// request: {schedule} or {days, source}, and repository; all may be absent.
export async function retention(place, request, leave) {
	const wanted = Object.fromEntries(Object.entries(request).filter(([, v]) => v));
	const would = await api.post("/cleanup/", {...wanted, dry_run: true});
	replace(place, kept(would), would.removed > 0 && h("div", {class: "buttons"}, action(`Remove ${plural(would.removed, "backup")}`, async () => {
		replace(place, follow(await api.post("/cleanup/", {...wanted, force: true}), {leave}));
	}, {kind: "danger", confirm: () => ask(`Remove ${plural(would.removed, "backup")}?`, [
		"They cannot be brought back. The newest good backup of each source, and what is pinned, always stays.", "Their space comes back with the next prune."], {yes: "Remove", kind: "danger"})})));
}
