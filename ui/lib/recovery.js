// The recovery sheet of a repository, as a file: how to restore with restic alone.
import {h} from "./dom.js";
import * as api from "./api.js";

export const sheetLink = (r, text) => h("a", {class: "button", href: api.url(api.path("repositories", r.id, "recovery-sheet")), download: `backstay-recovery-${r.name}.txt`}, text);
