/* Bodies of webhooks: our own document (docs/notices.md), and what chat services want.
 *
 * Names of sources and texts of errors come from outside. Each service gets them as plain text: its marks (links, mentions of everybody)
 * are taken away in its own way. */
#include "base/codec.h"
#include "base/http.h"
#include "base/mem.h"
#include "base/template.h"
#include "job/notify_parts.h"

#include <stdlib.h>
#include <string.h>

void notify_body_release(struct notify_body *b)
{
	free(b->url);
	buf_release(&b->body);
	*b = (struct notify_body){0};
}

/* The beginning of a text, so many characters long, without a part of one at the end. Heap. */
static char *beginning(const char *text, size_t characters)
{
	const char *at = text;

	for (size_t left = characters; *at && left; left--) {
		uint32_t c;
		int n = utf8_decode((const unsigned char *)at, strlen(at), &c);

		at += n ? n : 1;
	}
	return *at ? mem_printf("%.*s...", (int)(at - text), text) : mem_string(text);
}

/* The whole message, so many characters of it at most. */
static char *whole(const struct notify_message *m, size_t characters)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;

	notify_whole(m, &b);
	return beginning(buf_text(&b), characters);
}

static void begin(struct json_out *w, struct buf *b)
{
	jw_init(w, b);
	jw_object(w);
}

/* ---- json ---- */

static void add_job(const struct notify_message *m, struct json_out *w)
{
	jw_name(w, "job");
	if (m->job) {
		struct job_record shown = *m->job;

		shown.result = NULL; /* may be large */
		job_json(&shown, w);
	} else if (m->job_id) {
		jw_object(w);
		jw_kv_string(w, "id", m->job_id);
		jw_object_end(w);
	} else {
		jw_null(w);
	}
}

static void make_json(const struct notice_record *n, const struct notify_message *m, struct buf *b)
{
	struct json_out w;

	begin(&w, b);
	jw_kv_string(&w, "event", notice_event_name(m->event));
	jw_kv_string(&w, "state", notify_state(m));
	jw_kv_string(&w, "title", m->title);
	jw_kv_string(&w, "text", m->text);
	jw_kv_string(&w, "source", m->source);
	add_job(m, &w);
	jw_kv_string(&w, "host", m->host);
	jw_kv_time(&w, "time", m->created);
	jw_kv_string(&w, "notice", n->name);
	jw_kv_i64(&w, "delivery", m->id);
	jw_kv_string(&w, "version", BACKSTAY_VERSION);
	jw_object_end(&w);
}

/* ---- chat services ---- */

/* Slack: "&", "<" and ">" begin links, mentions and channels. */
static void make_slack(const struct notify_message *m, struct buf *b)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	AUTO_FREE char *plain = whole(m, 3500);
	struct json_out w;

	for (const char *s = plain; *s; s++)
		if (*s == '&')
			buf_add_str(&text, "&amp;");
		else if (*s == '<')
			buf_add_str(&text, "&lt;");
		else if (*s == '>')
			buf_add_str(&text, "&gt;");
		else
			buf_add_byte(&text, (unsigned char)*s);
	begin(&w, b);
	jw_kv_string(&w, "text", buf_text(&text));
	jw_kv_bool(&w, "mrkdwn", false);
	jw_object_end(&w);
}

/* Discord: Markdown, 2000 characters. Nobody is mentioned. */
static void make_discord(const struct notify_message *m, struct buf *b)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	AUTO_FREE char *plain = whole(m, 900);
	struct json_out w;

	for (const char *s = plain; *s; s++) {
		if (strchr("\\*_~`|<>[]#@", *s))
			buf_add_byte(&text, '\\');
		buf_add_byte(&text, (unsigned char)*s);
	}
	begin(&w, b);
	jw_kv_string(&w, "content", buf_text(&text));
	jw_name(&w, "allowed_mentions");
	jw_object(&w);
	jw_name(&w, "parse");
	jw_array(&w);
	jw_array_end(&w);
	jw_object_end(&w);
	jw_object_end(&w);
}

/* A line of a card: a RichTextBlock knows no Markdown. */
static void teams_line(struct json_out *w, const char *text, bool strong, bool good)
{
	jw_object(w);
	jw_kv_string(w, "type", "RichTextBlock");
	jw_name(w, "inlines");
	jw_array(w);
	jw_object(w);
	jw_kv_string(w, "type", "TextRun");
	jw_kv_string(w, "text", text);
	if (strong) {
		jw_kv_string(w, "weight", "Bolder");
		jw_kv_string(w, "color", good ? "Good" : "Attention");
	}
	jw_object_end(w);
	jw_array_end(w);
	jw_object_end(w);
}

static void teams_card(const struct notify_message *m, struct json_out *w)
{
	AUTO_FREE char *title = beginning(m->title, 1000);
	AUTO_FREE char *text = beginning(m->text, 4000);

	jw_object(w);
	jw_kv_string(w, "$schema", "http://adaptivecards.io/schemas/adaptive-card.json");
	jw_kv_string(w, "type", "AdaptiveCard");
	jw_kv_string(w, "version", "1.4");
	jw_name(w, "body");
	jw_array(w);
	teams_line(w, title, true, m->event == NOTICE_SUCCESS || m->event == NOTICE_TEST);
	for (const char *line = text, *end; *line; line = *end ? end + 1 : end) {
		end = line + strcspn(line, "\n");
		AUTO_FREE char *one = mem_string_n(line, (size_t)(end - line));

		if (*one)
			teams_line(w, one, false, false);
	}
	jw_array_end(w);
	jw_object_end(w);
}

/* Teams: an Adaptive Card in the envelope that workflows take. */
static void make_teams(const struct notify_message *m, struct buf *b)
{
	struct json_out w;

	begin(&w, b);
	jw_kv_string(&w, "type", "message");
	jw_name(&w, "attachments");
	jw_array(&w);
	jw_object(&w);
	jw_kv_string(&w, "contentType", "application/vnd.microsoft.card.adaptive");
	jw_name(&w, "content");
	teams_card(m, &w);
	jw_object_end(&w);
	jw_array_end(&w);
	jw_object_end(&w);
}

/* Telegram: what the URL's query says (chat_id, message_thread_id, ...) and the text, 4096 characters, as plain text. */
static int make_telegram(const struct notify_message *m, const char *url, struct notify_body *out, struct error *e)
{
	CLEANUP(strlist_release) struct strlist query = {0};
	AUTO_FREE char *text = whole(m, 4000);
	struct json_out w;
	int rc = http_split_query(url, &out->url, &query, e);

	if (rc)
		return rc;
	begin(&w, &out->body);
	for (size_t i = 0; i < query.n; i++) {
		char *value = strchr(query.v[i], '=');

		if (!value)
			continue;
		*value = '\0';
		if (strcmp(query.v[i], "text") != 0)
			jw_kv_string(&w, query.v[i], value + 1);
	}
	jw_kv_string(&w, "text", text);
	jw_object_end(&w);
	return 0;
}

/* ---- template ---- */

static const char *template_value(const char *name, const struct notify_message *m, const char *time)
{
	const struct template_value known[] = {
		{"title", m->title}, {"text", m->text}, {"source", m->source}, {"state", notify_state(m)}, {"event", notice_event_name(m->event)},
		{"job", m->job_id}, {"host", m->host}, {"time", time},
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (!strcmp(known[i].name, name))
			return known[i].text;
	return NULL;
}

static int make_template(const struct notice_record *n, const struct notify_message *m, struct notify_body *out, struct error *e)
{
	struct template_value values[16] = {{0}};
	char time[TIME_RFC3339_MAX];

	time_to_rfc3339((struct timespec){.tv_sec = m->created.tv_sec}, 0, time);
	for (size_t i = 0; notice_template_names[i]; i++)
		values[i] = (struct template_value){notice_template_names[i], template_value(notice_template_names[i], m, time)};
	if (!template_is_json(n->template_))
		out->type = "text/plain; charset=utf-8";
	return template_fill(n->template_, values, &out->body, e);
}

int notify_body_make(const struct notice_record *n, const struct notify_message *m, const char *url, struct notify_body *out, struct error *e)
{
	*out = (struct notify_body){.type = "application/json"};
	if (!strcmp(n->format, "slack"))
		make_slack(m, &out->body);
	else if (!strcmp(n->format, "discord"))
		make_discord(m, &out->body);
	else if (!strcmp(n->format, "teams"))
		make_teams(m, &out->body);
	else if (!strcmp(n->format, "telegram"))
		return make_telegram(m, url, out, e);
	else if (!strcmp(n->format, "template"))
		return make_template(n, m, out, e);
	else
		make_json(n, m, &out->body);
	return 0;
}
