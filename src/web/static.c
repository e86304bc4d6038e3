#include "web/static.h"

#include "base/codec.h"
#include "base/digest.h"
#include "base/embedded.h"
#include "base/mem.h"
#include "web/answer.h"
#include "web/gzip.h"
#include "web/range.h"

#include <stdio.h>
#include <string.h>

extern const struct embedded web_ui[];      /* each file, and the same packed as "<name>.gz" */

static const struct embedded *find(const char *name)
{
	for (const struct embedded *f = web_ui; f->name; f++)
		if (!strcmp(f->name, name))
			return f;
	return NULL;
}

static const char *type_of(const char *name)
{
	static const struct { const char *ending, *type; } types[] = {
		{".html", "text/html; charset=utf-8"}, {".js", "text/javascript; charset=utf-8"}, {".css", "text/css; charset=utf-8"},
		{".svg", "image/svg+xml"}, {".json", "application/json"}, {".png", "image/png"}, {".woff2", "font/woff2"},
	};
	size_t n = strlen(name);

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		size_t len = strlen(types[i].ending);

		if (n > len && !strcmp(name + n - len, types[i].ending))
			return types[i].type;
	}
	return "application/octet-stream";
}

/* The page is at "/", and where an older system had it; all it needs is below "/ui". NULL: nothing is there. */
static const char *file_name(const char *path)
{
	if (!strcmp(path, "/") || !strcmp(path, "/backup") || !strcmp(path, "/backup-restore"))
		return "index.html";
	return strncmp(path, "/ui/", 4) ? NULL : path + 4;
}

/* The two forms have a tag each (RFC 9110, section 8.8.3). */
static void make_etag(const struct embedded *f, char out[40])
{
	unsigned char hash[DIGEST_SHA256];
	char hex[33];

	digest_sha256(f->p, f->n, hash);
	hex_encode(hash, 16, hex);
	snprintf(out, 40, "\"%s\"", hex);
}

bool static_answer(struct web_request *r, struct web_response *out)
{
	const char *name = file_name(r->path), *known = web_header(r, "If-None-Match");
	const struct embedded *plain = name ? find(name) : NULL;
	AUTO_FREE char *packed_name = mem_printf("%s.gz", name ? name : "");
	const struct embedded *packed = plain && gzip_accepted(web_header(r, "Accept-Encoding")) ? find(packed_name) : NULL;
	const struct embedded *f = packed ? packed : plain;
	char etag[40];

	if (!plain)
		return false;
	make_etag(f, etag);
	out->type = type_of(name);
	answer_header(out, "ETag", "%s", etag);
	answer_header(out, "Cache-Control", "no-cache");
	answer_header(out, "Vary", "Accept-Encoding");
	if (packed)
		answer_header(out, "Content-Encoding", "gzip");
	if (known && range_etag_listed(known, etag))
		out->status = 304;
	else
		buf_add(&out->body, f->p, f->n);
	return true;
}
