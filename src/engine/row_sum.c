#include "engine/row_sum.h"

#include "base/codec.h"
#include "base/mem.h"

#include <string.h>

char *row_sum_text(struct row_sum s)
{
	return mem_printf("xxh128:%016llx%016llx", (unsigned long long)s.high, (unsigned long long)s.low);
}

bool row_sum_parse(const char *text, struct row_sum *out)
{
	unsigned char b[16];
	*out = (struct row_sum){0};
	if (!text || strncmp(text, "xxh128:", 7) != 0 || !hex_decode(text + 7, strlen(text + 7), b, sizeof b))
		return false;
	for (int i = 0; i < 8; i++) {
		out->high = out->high << 8 | b[i];
		out->low = out->low << 8 | b[i + 8];
	}
	return true;
}
