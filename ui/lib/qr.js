// QR codes (ISO/IEC 18004:2015): bytes with correction level L, versions 1 to 12, so at most 367 bytes.
import {svg} from "./dom.js";

const WORDS = [0, 26, 44, 70, 100, 134, 172, 196, 242, 292, 346, 404, 466];       // of a version, data and correction
const BLOCKS = [0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4];
const CORRECTION = [0, 7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24];            // words of each block
const QUIET = 4;
const dataWords = version => WORDS[version] - BLOCKS[version] * CORRECTION[version];
const lengthBits = version => version < 10 ? 8 : 16;
const range = n => [...Array(n).keys()];

// ---- words ----

// Powers of 2 in the field of 256 elements over x^8 + x^4 + x^3 + x^2 + 1.
const power = [1];
while (power.length < 255)
	power.push(power.at(-1) << 1 ^ (power.at(-1) > 127 ? 0x11d : 0));
const logarithm = new Map(power.map((p, i) => [p, i]));
const times = (a, b) => a && b ? power[(logarithm.get(a) + logarithm.get(b)) % 255] : 0;

// The remainder of the data by the product of (x - 2^i), i < n.
function correction(data, n) {
	let divisor = [1];
	for (const i of range(n))
		divisor = [...divisor, 0].map((c, at) => c ^ times(at ? divisor[at - 1] : 0, power[i]));
	const rest = [...data, ...Array(n).fill(0)];
	for (const at of range(data.length)) {
		const factor = rest[at];
		divisor.forEach((c, i) => {
			rest[at + i] ^= times(c, factor);
		});
	}
	return rest.slice(data.length);
}

function dataOf(bytes, version) {
	const put = (value, n) => range(n).map(i => value >> n - 1 - i & 1);
	const bits = [...put(4, 4), ...put(bytes.length, lengthBits(version)), ...bytes.flatMap(b => put(b, 8))];
	const room = dataWords(version) * 8;
	bits.push(...Array(Math.min(4, room - bits.length)).fill(0));
	bits.push(...Array((8 - bits.length % 8) % 8).fill(0));
	for (let i = 0; bits.length < room; i++)
		bits.push(...put(i % 2 ? 0x11 : 0xec, 8));
	return range(room / 8).map(i => parseInt(bits.slice(i * 8, i * 8 + 8).join(""), 2));
}

// Blocks, the longer ones last, and then a word of each in turn.
function interleaved(data, version) {
	const n = BLOCKS[version];
	const short = Math.floor(data.length / n);
	let at = 0;
	const blocks = range(n).map(i => data.slice(at, at += short + (i >= n - data.length % n ? 1 : 0)));
	const turns = lists => range(Math.max(...lists.map(l => l.length))).flatMap(i => lists.filter(l => i < l.length).map(l => l[i]));
	return [...turns(blocks), ...turns(blocks.map(b => correction(b, CORRECTION[version])))];
}

// ---- the square ----

const remainder = (value, bits, divisor) => {
	let rest = value << bits;
	for (let i = 31 - Math.clz32(rest); i >= bits; i--)
		if (rest >> i & 1)
			rest ^= divisor << i - bits;
	return value << bits | rest;
};

// Cells that every code of this version has; those that carry data are undefined.
function frame(version) {
	const size = 17 + 4 * version;
	const cells = range(size).map(() => Array(size));
	const put = (x, y, dark) => {
		if (cells[y]?.[x] === undefined && x >= 0 && y >= 0 && x < size && y < size)
			cells[y][x] = dark;
	};
	const rings = (cx, cy, reach, dark) => range(2 * reach + 1).forEach(dy => range(2 * reach + 1).forEach(dx => put(cx + dx - reach, cy + dy - reach, dark(Math.max(Math.abs(dx - reach), Math.abs(dy - reach))))));
	for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]])
		rings(x, y, 4, r => r < 2 || r === 3);
	const last = size - 7;
	const centres = version < 2 ? [] : version < 7 ? [6, last] : [6, (6 + last) / 2, last];
	for (const x of centres)
		for (const y of centres)
			if (!(x === 6 && y === 6 || x === 6 && y === last || x === last && y === 6))
				rings(x, y, 2, r => r !== 1);
	range(size).forEach(i => {
		put(i, 6, i % 2 === 0);
		put(6, i, i % 2 === 0);
	});
	if (version >= 7) {
		const bits = remainder(version, 12, 0x1f25);
		range(18).forEach(i => {
			put(size - 11 + i % 3, Math.floor(i / 3), Boolean(bits >> i & 1));
			put(Math.floor(i / 3), size - 11 + i % 3, Boolean(bits >> i & 1));
		});
	}
	return cells;
}

// Correction level L and the mask, twice.
function putFormat(cells, mask) {
	const size = cells.length;
	const bits = remainder(8 | mask, 10, 0x537) ^ 0x5412;
	range(15).forEach(i => {
		const dark = Boolean(bits >> i & 1);
		const [x, y] = i < 6 ? [8, i] : i < 8 ? [8, i + 1] : i === 8 ? [7, 8] : [14 - i, 8];
		cells[y][x] = dark;
		const [x2, y2] = i < 8 ? [size - 1 - i, 8] : [8, size - 15 + i];
		cells[y2][x2] = dark;
	});
	cells[size - 8][8] = true;
}

const MASKS = [(x, y) => (x + y) % 2, (x, y) => y % 2, x => x % 3, (x, y) => (x + y) % 3, (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2, (x, y) => x * y % 2 + x * y % 3,
	(x, y) => (x * y % 2 + x * y % 3) % 2, (x, y) => ((x + y) % 2 + x * y % 3) % 2];

function drawn(version, words, mask) {
	const cells = frame(version);
	const size = cells.length;
	putFormat(cells, mask);
	let at = 0;
	for (let pair = size - 1; pair > 0; pair -= pair === 8 ? 3 : 2) {
		const up = (pair > 6 ? size - 1 - pair : size - 2 - pair) % 4 === 0;
		for (const step of range(size))
			for (const x of [pair, pair - 1]) {
				const y = up ? size - 1 - step : step;
				if (cells[y][x] === undefined) {
					cells[y][x] = Boolean(words[at >> 3] >> 7 - at % 8 & 1) !== (MASKS[mask](x, y) === 0);
					at++;
				}
			}
	}
	return cells;
}

// How hard it is to read: runs of one colour, squares, what looks like a corner, and one colour more than the other.
function penalty(cells) {
	const size = cells.length;
	const lines = [...cells, ...range(size).map(x => cells.map(row => row[x]))].map(line => line.map(Number).join(""));
	const runs = lines.flatMap(l => l.match(/0{5,}|1{5,}/g) || []).reduce((sum, run) => sum + run.length - 2, 0);
	const corners = lines.reduce((sum, l) => sum + [...l.matchAll(/(?=00001011101|10111010000)/g)].length, 0);
	const squares = range(size - 1).reduce((sum, y) => sum + range(size - 1).filter(x => cells[y][x] === cells[y][x + 1] && cells[y][x] === cells[y + 1][x] && cells[y][x] === cells[y + 1][x + 1]).length, 0);
	const dark = cells.flat().filter(Boolean).length / size ** 2;
	return runs + 40 * corners + 3 * squares + 10 * Math.floor(Math.abs(dark - 0.5) * 20);
}

// Rows of booleans, true is dark.
export function cells(text) {
	const bytes = [...new TextEncoder().encode(text)];
	const version = range(13).find(v => v && dataWords(v) * 8 >= 4 + lengthBits(v) + bytes.length * 8);
	if (!version)
		throw new Error("too long for a QR code");
	const words = interleaved(dataOf(bytes, version), version);
	return range(8).map(mask => drawn(version, words, mask)).reduce((a, b) => penalty(b) < penalty(a) ? b : a);
}

export function picture(text, label) {
	const square = cells(text);
	const size = square.length + 2 * QUIET;
	const path = square.flatMap((row, y) => row.flatMap((dark, x) => dark ? [`M${x + QUIET} ${y + QUIET}h1v1h-1z`] : [])).join("");
	return svg("svg", {class: "qr", viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": label, "shape-rendering": "crispEdges"},
		svg("rect", {width: size, height: size, fill: "#fff"}), svg("path", {d: path, fill: "#000"}));
}
