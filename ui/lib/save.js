// A text as a file of the browser's downloads.
import {h} from "./dom.js";

export function save(name, text, type = "application/json") {
	const link = h("a", {href: URL.createObjectURL(new Blob([text], {type})), download: name});
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
