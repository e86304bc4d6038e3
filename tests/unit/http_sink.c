#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "http_sink.h"

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Whether the headers, and as much body as they announce, are there. */
static bool complete(const struct buf *request)
{
	const char *text = buf_text(request), *end = strstr(text, "\r\n\r\n"), *length = strcasestr(text, "\r\nContent-Length:");

	if (!end)
		return false;
	size_t body = length && length < end ? strtoul(length + 17, NULL, 10) : 0;

	return request->len >= (size_t)(end + 4 - text) + body;
}

/* What comes next; false at its end. */
static bool more(struct http_sink *s, int fd, struct buf *to)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	char block[65536];

	while (!atomic_load(&s->stop)) {
		if (poll(&wait, 1, 20) <= 0)
			continue;
		ssize_t n = read(fd, block, sizeof block);
		if (n <= 0)
			return false;
		buf_add(to, block, (size_t)n);
		return true;
	}
	return false;
}

static void serve(struct http_sink *s, int fd)
{
	CLEANUP(buf_release) struct buf request = BUF_INIT;

	while (!complete(&request))
		if (!more(s, fd, &request))
			return;
	pthread_mutex_lock(&s->lock);
	size_t i = s->given < s->answers.n ? s->given : s->answers.n - 1;
	AUTO_FREE char *answer = mem_string(s->answers.v[i]);
	s->given++;
	strlist_add(&s->requests, buf_text(&request));
	pthread_mutex_unlock(&s->lock);
	if (!strcmp(answer, HTTP_SINK_SILENT)) {
		while (more(s, fd, &request))
			;
		return;
	}
	(void)send(fd, answer, strlen(answer), MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	while (*answer && more(s, fd, &request)) /* a close with something unread would be a reset */
		;
}

static void *run(void *ctx)
{
	struct http_sink *s = ctx;
	struct pollfd wait = {.fd = s->fd, .events = POLLIN};

	while (!atomic_load(&s->stop)) {
		if (poll(&wait, 1, 100) <= 0)
			continue;
		CLEANUP(fs_close) int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			serve(s, fd);
	}
	return NULL;
}

void http_sink_start(struct http_sink *s, const char *answer)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;

	*s = (struct http_sink){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	assert_int_equal(bind(s->fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(s->fd, 64), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
	s->port = ntohs(a.sin_port);
	pthread_mutex_init(&s->lock, NULL);
	strlist_add(&s->answers, answer ? answer : "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0);
}

void http_sink_answer(struct http_sink *s, const char *answer)
{
	pthread_mutex_lock(&s->lock);
	/* Answers that were not used up yet stay before it. */
	if (s->given >= s->answers.n)
		s->given = s->answers.n;
	strlist_add(&s->answers, answer);
	pthread_mutex_unlock(&s->lock);
}

char *http_sink_url(const struct http_sink *s, const char *path)
{
	return mem_printf("http://127.0.0.1:%d%s", s->port, path);
}

size_t http_sink_count(struct http_sink *s)
{
	pthread_mutex_lock(&s->lock);
	size_t n = s->requests.n;
	pthread_mutex_unlock(&s->lock);
	return n;
}

char *http_sink_request(struct http_sink *s, size_t i)
{
	pthread_mutex_lock(&s->lock);
	char *text = i < s->requests.n ? mem_string(s->requests.v[i]) : NULL;
	pthread_mutex_unlock(&s->lock);
	assert_non_null(text);
	return text;
}

void http_sink_stop(struct http_sink *s)
{
	atomic_store(&s->stop, true);
	shutdown(s->fd, SHUT_RDWR); /* wakes who waits for a connection */
	pthread_join(s->thread, NULL);
	close(s->fd);
	strlist_release(&s->answers);
	strlist_release(&s->requests);
}
