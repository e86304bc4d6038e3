// Where a restore may go: fields of a form, and what the API is told of them.
const ON_SERVER = ["postgresql", "mysql"];
const NAME_MAX = 63;

export const onServer = engine => ON_SERVER.includes(engine);

const stamp = () => new Date().toISOString().slice(0, 16).replace(/[-:]/g, "").replace("T", "_");

function databaseOf(source) {
	const name = source.url.split("?")[0].split("/").pop();
	try {
		return decodeURIComponent(name);
	} catch {
		return name;
	}
}

// A place that is not there yet, beside that of a source of a backup.
export function beside(s) {
	if (!s)
		return "";
	const [before, query = ""] = s.url.split("?");
	return s.engine === "folder" || s.engine === "sqlite" ? `${before}.restored_${stamp()}` : `${before}_restored_${stamp()}${query && `?${query}`}`;
}

const newName = source => `${databaseOf(source).slice(0, NAME_MAX - 23)}_restored_${stamp()}`;

// engines: of what there is to restore, null when that is not known; origin: the configured source it came from, or null; suggested: for a new place; same: whether it can go back.
export function targetFields(sources, {engines = null, origin = null, suggested = "", same = false}) {
	const fitting = sources.filter(s => engines === null || engines.includes(s.engine));
	const servers = fitting.filter(s => onServer(s.engine)).sort((a, b) => (b === origin) - (a === origin));
	const elsewhere = ["new", servers.length ? "another new place, by its path or URL: nothing that exists is touched" : "a new place: nothing that exists is touched"];
	const beside = servers.map(s => [`new:${s.name}`, `a new database beside ${s.name}: nothing that exists is touched`]);
	const first = engines === null || !onServer(engines[0]) ? null : servers[0];
	const source = given => sources.find(s => `new:${s.name}` === given.where);
	return [
		{name: "where", label: "Where to", type: "select", value: first ? `new:${first.name}` : "new", choices: [...first ? [...beside, elsewhere] : [elsewhere, ...beside],
			...same ? [["same", "where it came from: what is there is replaced"]] : [], ...fitting.filter(s => !s.restore_protected).map(s => [`source:${s.name}`, `over ${s.name}`])]},
		{name: "database", label: "Name of the new database", maxlength: NAME_MAX, value: servers.length ? newName(servers[0]) : "", help: "It is made on the same server, for the same user.", show: g => Boolean(source(g))},
		{name: "target", label: "New place", value: suggested, placeholder: "postgresql://db/shop_restored or /srv/restored.db", help: "A path, or a URL without a password, whose database is made.", show: g => g.where === "new"},
		{name: "mode", label: "What exists already", type: "select", choices: [["overwrite", "is replaced"], ["preserve", "stays; only what is missing is filled in"]], show: g => isOver(g.where)},
		{name: "backup_before_restore", label: "Keep a safety copy of what is replaced", type: "checkbox", value: true, show: g => isOver(g.where)},
	];
}

// Whether something that exists is replaced.
export const isOver = where => where === "same" || where.startsWith("source:");

// The values of targetFields() as the API takes them.
export function targetOf({where, target, database, ...rest}) {
	if (where === "new" && !/[/:]/.test(target))
		throw Object.assign(new Error(target.trim() ? `${target} is neither a whole path nor a URL` : "the new place is missing"), {field: "target", hint: "It is a whole path, like /srv/restored.db, or the URL of a database that is made."});
	if (where === "new")
		return {...rest, target};
	if (where === "same")
		return rest;
	const name = where.slice(where.indexOf(":") + 1);
	return where.startsWith("new:") ? {...rest, target: name, database} : {...rest, target: name};
}
