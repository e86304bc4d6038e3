/* Every setting there is. */
#include "catalog/setting.h"

#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

#define LEVELS "auto|off|max|0|1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17|18|19"

const struct setting settings[] = {
	/* backups */
	{"compression_level", SETTING_CHOICE, "auto", 0, 0, LEVELS, "BACKSTAY_COMPRESSION_LEVEL|BACKUP_COMPRESSION_LEVEL",
		"how hard backups are compressed (zstd); 0 is off"},
	{"retention_days", SETTING_NUMBER, "30", 0, 36500, NULL, "BACKSTAY_RETENTION_DAYS|BACKUP_RETENTION_DAYS",
		"backups younger than this many days are kept; 0: their age does not matter"},
	{"max_backups", SETTING_NUMBER, "50", 0, 1000000, NULL, "BACKSTAY_MAX_BACKUPS|BACKUP_RETENTION_COUNT",
		"at most this many backups of a source are kept; 0: no limit"},
	{"auto_cleanup", SETTING_BOOL, "true", 0, 0, NULL, "BACKSTAY_AUTO_CLEANUP|BACKUP_AUTO_CLEANUP",
		"a schedule's backup is followed by a cleanup by its rules"},
	{"prune_hour", SETTING_NUMBER, "4", 0, 23, NULL, "BACKSTAY_PRUNE_HOUR",
		"the hour of the day at which space of removed backups is given back, when nothing else runs"},
	{"overdue_hours", SETTING_NUMBER, "0", 0, 87600, NULL, "BACKSTAY_OVERDUE_HOURS",
		"alarm when a source has no good backup for so long, unless the source says otherwise; 0: when two runs of its schedule have made none"},
	{"low_space", SETTING_SIZE, "1G", 0, INT64_MAX, NULL, "BACKSTAY_LOW_SPACE",
		"alarm when a repository's disk has less space than this, unless the repository says otherwise; 0: never"},
	{"restore_command", SETTING_TEXT, "", 0, 0, NULL, "BACKSTAY_RESTORE_COMMAND",
		"a command that is run after a restore over live data: to end the sessions of the application, say"},
	/* the daemon */
	{"listen", SETTING_LISTEN, "127.0.0.1:8484", 0, 0, NULL, "BACKSTAY_LISTEN", "where the dashboard and the API are"},
	{"public_url", SETTING_URL, "", 0, 0, NULL, "BACKSTAY_PUBLIC_URL",
		"the address under which people reach the dashboard, for links and for the check of where a request came from"},
	{"trusted_proxies", SETTING_TEXT, "", 0, 0, NULL, "BACKSTAY_TRUSTED_PROXIES",
		"addresses of proxies, separated by commas, whose word for a client's address is taken"},
	{"session_hours", SETTING_NUMBER, "12", 1, 8760, NULL, "BACKSTAY_SESSION_HOURS", "hours after its last use at which a login ends"},
	{"upload_max", SETTING_SIZE, "64G", 1, INT64_MAX, NULL, "BACKSTAY_UPLOAD_MAX", "the largest file that may be uploaded"},
	{"web_patience", SETTING_NUMBER, "30", 1, 3600, NULL, "BACKSTAY_WEB_PATIENCE", "seconds until a connection that says nothing is closed"},
	{"metrics_loopback", SETTING_BOOL, "false", 0, 0, NULL, "BACKSTAY_METRICS_LOOPBACK", "programs of this machine read /metrics without a token"},
	{"jobs", SETTING_NUMBER, "2", 1, 64, NULL, "BACKSTAY_JOBS", "how many jobs run at the same time"},
	{"stop_grace", SETTING_NUMBER, "30", 0, 3600, NULL, "BACKSTAY_STOP_GRACE", "seconds that running jobs are given to end when the daemon ends"},
	{"scan_hours", SETTING_NUMBER, "6", 0, 8760, NULL, "BACKSTAY_SCAN_HOURS",
		"hours between two looks at what else happened in the repositories; 0: never"},
	{"job_history_days", SETTING_NUMBER, "365", 0, 36500, NULL, "BACKSTAY_JOB_HISTORY_DAYS", "jobs that ended longer ago are forgotten; 0: never"},
	{"log_level", SETTING_CHOICE, "info", 0, 0, "error|warning|notice|info|debug", "BACKSTAY_LOG_LEVEL", "how much the daemon writes to its log"},
	{"log_format", SETTING_CHOICE, "text", 0, 0, "text|json", "BACKSTAY_LOG_FORMAT", "the form of the log"},
	/* mail */
	{"email_notifications", SETTING_BOOL, "false", 0, 0, NULL, "BACKSTAY_EMAIL_NOTIFICATIONS|BACKUP_EMAIL_NOTIFICATIONS",
		"mail is sent to notification_email"},
	{"notification_email", SETTING_TEXT, "", 0, 0, NULL, "BACKSTAY_NOTIFICATION_EMAIL|BACKUP_NOTIFICATION_EMAIL", "the addresses it is sent to, separated by commas"},
	{"smtp_server", SETTING_TEXT, "", 0, 0, NULL, "BACKSTAY_SMTP_SERVER", "the mail server, HOST:PORT"},
	{"smtp_security", SETTING_CHOICE, "starttls", 0, 0, "starttls|tls|none", "BACKSTAY_SMTP_SECURITY", "how the connection to it is encrypted"},
	{"smtp_user", SETTING_TEXT, "", 0, 0, NULL, "BACKSTAY_SMTP_USER", "the name to log in with there"},
	{"smtp_password", SETTING_SECRET, "", 0, 0, NULL, "BACKSTAY_SMTP_PASSWORD", "the password that goes with it"},
	{"smtp_from", SETTING_TEXT, "", 0, 0, NULL, "BACKSTAY_SMTP_FROM", "the sender's address"},
	{0},
};

const struct setting *setting_find(const char *name)
{
	for (const struct setting *s = settings; s->name; s++)
		if (!strcmp(s->name, name))
			return s;
	return NULL;
}

/* "text or json", "error, warning, notice, info or debug" */
static char *list_choices(const char *choices)
{
	struct buf b = BUF_INIT;
	for (const char *c = choices; *c;) {
		size_t n = strcspn(c, "|");
		bool last = !c[n];
		buf_printf(&b, "%s%.*s", c == choices ? "" : last ? " or " : ", ", (int)n, c);
		c += n + !last;
	}
	return buf_take_text(&b);
}

char *setting_describe(const struct setting *s)
{
	switch (s->type) {
	case SETTING_NUMBER:
		return mem_printf("a number, %" PRIu64 " to %" PRIu64, s->min, s->max);
	case SETTING_SIZE:
		return mem_string("a size, such as 500M or 10G");
	case SETTING_BOOL:
		return mem_string("true or false");
	case SETTING_CHOICE:
		return list_choices(s->choices);
	case SETTING_SECRET:
		return mem_string("a secret");
	case SETTING_LISTEN:
		return mem_string("ADDRESS:PORT, [ADDRESS]:PORT or unix:PATH");
	case SETTING_URL:
		return mem_string("a URL with http:// or https://");
	case SETTING_TEXT:
		break;
	}
	return mem_string("a text");
}
