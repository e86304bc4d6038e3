// Dark or light: the system's choice unless the person made one, which this browser remembers.
import {form} from "./form.js";

const KEY = "backstay-look";

const look = () => localStorage.getItem(KEY) || "";

function setLook(value) {
	if (value)
		localStorage.setItem(KEY, value);
	else
		localStorage.removeItem(KEY);
	if (value)
		document.documentElement.dataset.theme = value;
	else
		delete document.documentElement.dataset.theme;
}

export const lookForm = () => form([{name: "look", label: "Colours", type: "select", value: look(), choices: [["", "as the system"], ["light", "light"], ["dark", "dark"]]}],
	{kind: "", submit: async given => setLook(given.look)});

setLook(look());
