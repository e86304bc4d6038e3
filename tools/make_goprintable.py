#!/usr/bin/env python3
"""Write src/repo/goprintable.c: the code points that Go's strconv.IsPrint accepts.

Those are the Unicode general categories L, M, N, P and S, and the ASCII space. The version of Unicode is that of the
Python which runs this; Go 1.21 and later go by Unicode 15.0.0, which is Python 3.12's.

usage: tools/make_goprintable.py > src/repo/goprintable.c
"""

import sys
import unicodedata

LINE = 100

HEAD = """\
/* Made by tools/make_goprintable.py from Unicode %s; not edited by hand. */
#include "repo/goquote.h"

#include "base/mem.h"

/* First and last code point of every run of the general categories L, M, N, P and S, and the ASCII space. */
static const struct {
	uint32_t first, last;
} runs[] = {
%s
};

bool go_printable(uint32_t cp)
{
	size_t from = 0, to = ARRAY_LEN(runs);

	while (from < to) {
		size_t mid = (from + to) / 2;

		if (cp > runs[mid].last)
			from = mid + 1;
		else if (cp < runs[mid].first)
			to = mid;
		else
			return true;
	}
	return false;
}
"""


def printable(cp):
    return cp == 0x20 or unicodedata.category(chr(cp))[0] in "LMNPS"


def runs():
    """The runs of printable code points, as pairs of their first and last."""
    found = []
    for cp in range(sys.maxunicode + 1):
        if not printable(cp):
            continue
        if found and found[-1][1] == cp - 1:
            found[-1][1] = cp
        else:
            found.append([cp, cp])
    return found


def table(pairs):
    lines = [""]
    for first, last in pairs:
        item = "{0x%x, 0x%x}," % (first, last)
        if len(lines[-1]) + len(item) + 1 > LINE:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + item
    return "\n".join("\t" + line for line in lines)


sys.stdout.write(HEAD % (unicodedata.unidata_version, table(runs())))
