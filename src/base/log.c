#include "base/log.h"

#include "base/codec.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/timefmt.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LONGEST 8192    /* bytes of a text */

/* Set before there are threads. */
static enum log_level most_told = LOG_INFO;
static bool as_json, to_journal;

/* JOURNAL_STREAM is "device:inode" of the stream that systemd gave; standard error may be another by now (systemd.exec(5)). */
static bool is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat st;
	if (!stream || fstat(STDERR_FILENO, &st) != 0)
		return false;
	AUTO_FREE char *ours = mem_printf("%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	return !strcmp(stream, ours);
}

void log_setup(enum log_level most, bool json)
{
	most_told = most;
	as_json = json;
	to_journal = !json && is_journal();
}

const char *log_level_name(int level)
{
	static const char *const names[] = {[LOG_ERROR] = "error", [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};
	return level >= LOG_ERROR && level <= LOG_DEBUG ? names[level] : "error";
}

/* What a terminal or a reader of lines would not take for text becomes \n, \t or \x1b. */
static void add_escaped(struct buf *b, const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text;
	for (size_t at = 0; at < n;) {
		uint32_t cp;
		int len = utf8_decode(p + at, n - at, &cp);
		if (len == 0 || cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x2028 || cp == 0x2029) {
			for (int i = 0; i < (len ? len : 1); i++, at++)
				if (p[at] == '\n' || p[at] == '\t')
					buf_add_str(b, p[at] == '\n' ? "\\n" : "\\t");
				else
					buf_printf(b, "\\x%02x", p[at]);
			continue;
		}
		buf_add(b, p + at, (size_t)len);
		at += (size_t)len;
	}
}

static void add_text_line(struct buf *b, enum log_level level, const char *area, const char *text, size_t n)
{
	char time[32];
	time_to_local(time_now(), time);
	if (to_journal)
		buf_printf(b, "<%d>%s: ", (int)level, area);
	else
		buf_printf(b, "%s %s %s: ", time, log_level_name(level), area);
	add_escaped(b, text, n);
}

static void add_json_line(struct buf *b, enum log_level level, const char *area, const char *text, size_t n)
{
	char time[TIME_RFC3339_MAX];
	struct json_out w;
	time_to_rfc3339(time_now(), 0, time);
	jw_init(&w, b);
	jw_object(&w);
	jw_kv_string(&w, "time", time);
	jw_kv_string(&w, "level", log_level_name(level));
	jw_kv_string(&w, "area", area);
	jw_name(&w, "text");
	jw_bytes(&w, text, n);
	jw_object_end(&w);
}

void log_write(enum log_level level, const char *area, const char *fmt, ...)
{
	if (level > most_told)
		return;
	CLEANUP(buf_release) struct buf text = BUF_INIT, line = BUF_INIT;
	va_list ap;
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	size_t n = text.len < LONGEST ? text.len : LONGEST;
	(as_json ? add_json_line : add_text_line)(&line, level, area, buf_text(&text), n);
	buf_add_byte(&line, '\n');
	/* One write, so that lines of several threads and processes stay whole. Who cannot be told cannot be told so. */
	if (fs_write_full(STDERR_FILENO, line.p, line.len) != 0)
		return;
}
