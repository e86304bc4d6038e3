/* Any bytes as a config: what is accepted is read alike after writing it. */
#include "repo/config.h"
#include "repo/polynomial.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT;
	struct repo_config c, again;
	struct error e = {0};

	int r = repo_config_parse(data, size, &c, &e);
	demand(r == 0 || ((r == -ERR_CORRUPT || r == -ERR_VERSION) && e.text[0]));
	if (r)
		return 0;
	demand((c.version == 1 || c.version == 2) && strlen(c.id) == 64 && polynomial_irreducible(c.polynomial));
	repo_config_encode(&c, &out);
	demand(repo_config_parse(out.p, out.len, &again, &e) == 0);
	demand(again.version == c.version && again.polynomial == c.polynomial && strcmp(again.id, c.id) == 0);
	return 0;
}
