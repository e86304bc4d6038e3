// Dark or light, times as words or exactly: the system's and our choice unless the person made one, which this browser remembers.
import {form} from "./form.js";

// What <html> gets as data-<name>; the first choice is no choice.
const LOOKS = [
	{name: "theme", key: "backstay-look", label: "Colours", choices: [["", "as the system"], ["light", "light"], ["dark", "dark"]]},
	{name: "times", key: "backstay-times", label: "Times", choices: [["", "from now (5 min ago)"], ["exact", "exactly"]]},
];

function setLook({name, key}, value) {
	if (value) {
		localStorage.setItem(key, value);
		document.documentElement.dataset[name] = value;
	} else {
		localStorage.removeItem(key);
		delete document.documentElement.dataset[name];
	}
}

const lookOf = look => localStorage.getItem(look.key) || "";

export const lookForm = () => form(LOOKS.map(l => ({name: l.name, label: l.label, type: "select", value: lookOf(l), choices: l.choices})),
	{kind: "", submit: async given => LOOKS.forEach(l => setLook(l, given[l.name]))});

LOOKS.forEach(l => setLook(l, lookOf(l)));
