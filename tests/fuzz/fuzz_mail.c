/* A message with any texts: every line ends in CRLF and none is too long, and its headers are ours, each once. The input is a name of the
 * sender, a subject and a text, parted by 0. */
#include "base/mail.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static void check(const char *message)
{
	static const char *const names[] = {"Date: ", "Message-ID: ", "From: ", "To: ", "Subject: ", "Auto-Submitted: ", "MIME-Version: ", "Content-Type: ", "Content-Transfer-Encoding: "};
	size_t next = 0;
	bool in_headers = true;

	for (const char *line = message, *end; *line; line = end + 2) {
		end = strchr(line, '\r');
		demand(end && end[1] == '\n' && !memchr(line, '\n', (size_t)(end - line)) && end - line <= 320);
		if (line == end)
			in_headers = false;
		if (!in_headers || *line == ' ')
			continue;
		demand(next < ARRAY_LEN(names) && !strncmp(line, names[next], strlen(names[next])));
		next++;
	}
	demand(next == ARRAY_LEN(names));
}

static char *next_part(const uint8_t **p, size_t *n)
{
	const uint8_t *end = *n ? memchr(*p, 0, *n) : NULL;
	size_t len = end ? (size_t)(end - *p) : *n;
	char *part = mem_string_n((const char *)*p, len);

	len += end != NULL;
	*p += len;
	*n -= len;
	return part;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT;
	CLEANUP(strlist_release) struct strlist to = {0};
	AUTO_FREE char *name = next_part(&p, &n);
	AUTO_FREE char *subject = next_part(&p, &n);
	AUTO_FREE char *text = next_part(&p, &n);
	AUTO_FREE char *from = mem_printf("%s <backup@example.org>", name);
	struct error e;

	strlist_add(&to, "a@example.org");
	strlist_add(&to, from);
	AUTO_FREE char *found_name = NULL;
	AUTO_FREE char *address = NULL;
	if (mail_address(subject, &found_name, &address, &e) == 0)
		demand(!strpbrk(address, " \t\r\n<>,\"\\") && strchr(address, '@'));
	struct mail m = {.from = from, .to = &to, .subject = subject, .text = text};
	demand(mail_compose(&m, &out, &e) == 0);
	check(buf_text(&out));
	return 0;
}
