/* A client that asks as fast as it can, or at a rate, over connections that it keeps:
 *
 *     load_client PORT TOKEN_FILE CONNECTIONS SECONDS RATE [PATH...]
 *
 * The paths are asked for in turn. RATE 0: each connection asks again as soon as it was answered. Else so many requests a second are due at even
 * times, and a request's latency counts from when it was due, not from when a connection was free for it. It prints
 * name=number pairs: requests, errors (answers other than 200), rate, p50, p99 and max (milliseconds), bytes (of bodies), cpu (seconds of this
 * process). Without a path it is a server that answers every request with 4 KiB of nothing, at once and without looking:
 * what the client reaches there is the most it can measure. Then PORT 0 chooses a port, which is printed. */
#include "base/fs.h"
#include "base/mem.h"
#include "base/timefmt.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOM ((size_t)1 << 20)
#define NOTHING 4096

static void die(const char *what)
{
	fprintf(stderr, "load_client: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
}

static void no_delay(int fd)
{
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
}

static void watch(int epoll, int fd, void *ctx)
{
	struct epoll_event v = {.events = EPOLLIN, .data.ptr = ctx};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &v))
		die("epoll_ctl");
}

/* ---- the server of nothing ---- */

struct visitor {
	int fd;
	unsigned matched;      /* of the empty line that ends a request */
};

static const char *nothing(size_t *n)
{
	static char text[NOTHING + 200];
	int head = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", NOTHING);

	memset(text + head, ' ', NOTHING);
	*n = (size_t)head + NOTHING;
	return text;
}

static bool serve_visitor(struct visitor *v, const char *answer, size_t len)
{
	char block[16384];
	ssize_t n = read(v->fd, block, sizeof block);

	for (ssize_t i = 0; i < n; i++) {
		v->matched = block[i] == "\r\n\r\n"[v->matched] ? v->matched + 1 : block[i] == '\r';
		if (v->matched == 4) {
			v->matched = 0;
			if (fs_write_full(v->fd, answer, len))
				return false;
		}
	}
	return n > 0;
}

static void serve_nothing(int port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), epoll = epoll_create1(EPOLL_CLOEXEC);
	struct sockaddr_in a = loopback(port);
	socklen_t a_len = sizeof a;
	size_t len;
	const char *answer = nothing(&len);

	if (bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 1024) || getsockname(fd, (struct sockaddr *)&a, &a_len))
		die("listen");
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
	watch(epoll, fd, NULL);
	for (;;) {
		struct epoll_event events[64];
		int n = epoll_wait(epoll, events, 64, -1);

		for (int i = 0; i < n; i++) {
			struct visitor *v = events[i].data.ptr;

			if (!v) {
				v = mem_zero(sizeof *v);
				v->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
				no_delay(v->fd);
				watch(epoll, v->fd, v);
			} else if (!serve_visitor(v, answer, len)) {
				close(v->fd);
				free(v);
			}
		}
	}
}

/* ---- connections ---- */

struct connection {
	int fd;
	bool busy;
	double due;            /* when the request under way was to be sent */
	char *p;
	size_t len;
};

static struct {
	int epoll, port, count;
	struct connection *connections;
	char **requests;       /* one a path */
	size_t request_count, next;
	float *latencies;      /* milliseconds */
	size_t answered, cap, errors;
	double bytes;
} run;

static void connect_to_server(struct connection *c)
{
	struct sockaddr_in a = loopback(run.port);

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(c->fd, (struct sockaddr *)&a, sizeof a))
		die("connect");
	no_delay(c->fd);
	c->len = 0;
	watch(run.epoll, c->fd, c);
}

static void ask(struct connection *c, double due)
{
	const char *request = run.requests[run.next++ % run.request_count];

	c->busy = true;
	c->due = due;
	if (fs_write_full(c->fd, request, strlen(request)))
		die("write");
}

/* The length of the whole answer; 0 when its head is not there yet. */
static size_t answer_length(struct connection *c, size_t *body)
{
	c->p[c->len] = '\0';
	const char *end = strstr(c->p, "\r\n\r\n"), *length = strcasestr(c->p, "\r\nContent-Length:");

	if (!end)
		return 0;
	if (!length || length > end) {
		fprintf(stderr, "load_client: an answer without a length: %.200s\n", c->p);
		exit(1);
	}
	*body = strtoul(length + 17, NULL, 10);
	return (size_t)(end + 4 - c->p) + *body;
}

static void count_answer(struct connection *c, size_t body)
{
	GROW(run.latencies, run.answered, run.cap);
	run.latencies[run.answered++] = (float)((time_monotonic() - c->due) * 1000);
	run.errors += strncmp(c->p, "HTTP/1.1 200", 12) != 0;
	run.bytes += (double)body;
	c->busy = false;
	c->len = 0;
}

static void hear(struct connection *c)
{
	size_t body;
	ssize_t n = read(c->fd, c->p + c->len, ROOM - 1 - c->len);

	if (n <= 0) {
		if (c->busy)
			die("the connection was closed before its answer");
		close(c->fd);
		connect_to_server(c);
		return;
	}
	c->len += (size_t)n;
	size_t whole = answer_length(c, &body);
	if (whole >= ROOM)
		die("an answer is too long");
	if (whole && c->len >= whole)
		count_answer(c, body);
}

/* ---- the run ---- */

static struct connection *idle_one(void)
{
	for (int i = 0; i < run.count; i++)
		if (!run.connections[i].busy)
			return &run.connections[i];
	return NULL;
}

static void turn(int wait_ms, bool again)
{
	struct epoll_event events[256];
	int n = epoll_wait(run.epoll, events, 256, wait_ms);

	for (int i = 0; i < n; i++) {
		struct connection *c = events[i].data.ptr;

		hear(c);
		if (again && !c->busy)
			ask(c, time_monotonic());
	}
}

static bool any_busy(void)
{
	for (int i = 0; i < run.count; i++)
		if (run.connections[i].busy)
			return true;
	return false;
}

static void as_fast_as_can_be(double seconds)
{
	double end = time_monotonic() + seconds;

	for (int i = 0; i < run.count; i++)
		ask(&run.connections[i], time_monotonic());
	while (time_monotonic() < end)
		turn(100, true);
}

static void at_rate(double seconds, double rate)
{
	double begun = time_monotonic();

	for (uint64_t sent = 0; (double)sent < rate * seconds;) {
		double due = begun + (double)sent / rate, now = time_monotonic();
		struct connection *c = now >= due ? idle_one() : NULL;

		if (c) {
			ask(c, due);
			sent++;
		} else {
			turn(now >= due ? 10 : (int)((due - now) * 1000) + 1, false);
		}
	}
}

static int by_size(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static double percentile(double p)
{
	return run.answered ? (double)run.latencies[(size_t)((double)(run.answered - 1) * p)] : 0;
}

static void report(double seconds)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	qsort(run.latencies, run.answered, sizeof *run.latencies, by_size);
	printf("requests=%zu errors=%zu rate=%.1f p50=%.3f p99=%.3f max=%.3f bytes=%.0f cpu=%.3f\n", run.answered, run.errors, (double)run.answered / seconds, percentile(0.5), percentile(0.99),
	       percentile(1), run.bytes, (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
}

static void set_up(char **argv, int argc)
{
	CLEANUP(buf_release) struct buf token = BUF_INIT;
	struct error e;

	if (fs_read_file(argv[2], 65536, &token, &e)) {
		fprintf(stderr, "load_client: %s\n", e.text);
		exit(1);
	}
	run.port = (int)strtol(argv[1], NULL, 10);
	run.count = (int)strtol(argv[3], NULL, 10);
	run.epoll = epoll_create1(EPOLL_CLOEXEC);
	run.request_count = (size_t)argc - 6;
	run.requests = mem_zero(run.request_count * sizeof *run.requests);
	for (size_t i = 0; i < run.request_count; i++)
		run.requests[i] = mem_printf("GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %.*s\r\n\r\n", argv[6 + i], run.port, (int)strcspn(buf_text(&token), "\r\n"), buf_text(&token));
	run.connections = mem_zero((size_t)run.count * sizeof *run.connections);
	for (int i = 0; i < run.count; i++) {
		run.connections[i].p = mem_alloc(ROOM);
		connect_to_server(&run.connections[i]);
	}
}

int main(int argc, char **argv)
{
	if (argc == 2)
		serve_nothing((int)strtol(argv[1], NULL, 10));
	if (argc < 7) {
		fputs("usage: load_client PORT TOKEN_FILE CONNECTIONS SECONDS RATE PATH...   or   load_client PORT\n", stderr);
		return 2;
	}
	double seconds = strtod(argv[4], NULL), rate = strtod(argv[5], NULL);
	set_up(argv, argc);
	double begun = time_monotonic();
	if (rate > 0)
		at_rate(seconds, rate);
	else
		as_fast_as_can_be(seconds);
	double end = time_monotonic() + 60;
	double measured = time_monotonic() - begun;
	while (any_busy() && time_monotonic() < end)
		turn(100, false);
	if (any_busy())
		die("some requests were not answered within a minute");
	report(measured);
	return 0;
}
