// Dark or light: the system's choice unless the person made one, which this browser remembers.
const KEY = "backstay-look";

export const look = () => localStorage.getItem(KEY) || "";

export function setLook(value) {
	if (value)
		localStorage.setItem(KEY, value);
	else
		localStorage.removeItem(KEY);
	if (value)
		document.documentElement.dataset.theme = value;
	else
		delete document.documentElement.dataset.theme;
}

setLook(look());
