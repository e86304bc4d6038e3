/* Any bytes as an opened pack header, with the place where it begins in front (8 bytes): what is accepted fills the
 * file without a gap, and its blobs have the size an index would promise. */
#include "repo/pack.h"

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
	AUTO_FREE struct pack_blob *blobs = NULL;
	struct error e = {0};
	uint64_t blobs_end, end = 0;
	size_t n;

	if (size < sizeof blobs_end)
		return 0;
	memcpy(&blobs_end, data, sizeof blobs_end);
	size -= sizeof blobs_end;
	int r = pack_parse_header(data + sizeof blobs_end, size, blobs_end, &blobs, &n, &e);
	demand(r == 0 || (r == -ERR_CORRUPT && e.text[0] && !blobs && n == 0));
	if (r)
		return 0;
	demand(n > 0);
	for (size_t i = 0; i < n; i++) {
		demand(blobs[i].offset == end && blobs[i].length >= CIPHER_OVERHEAD);
		demand(blobs[i].type == BLOB_DATA || blobs[i].type == BLOB_TREE);
		end += blobs[i].length;
	}
	demand(end == blobs_end);
	demand(pack_file_size(blobs, n) == blobs_end + size + CIPHER_OVERHEAD + 4);
	return 0;
}
