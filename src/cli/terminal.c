#include "cli/terminal.h"

#include "base/codec.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cli/common.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#define LINE_LIMIT 4096

/* One byte; 0 at the end. poll() comes back from a signal even where read() would be started again. */
static int next_byte(int fd, unsigned char *c, struct error *e)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	for (;;) {
		int rc = progress_check(&common_progress, e);
		if (rc)
			return rc;
		if (poll(&wait, 1, 500) <= 0)
			continue;
		ssize_t n = read(fd, c, 1);

		if (n < 0 && errno != EINTR)
			return error_sys(e, errno, "reading the answer");
		if (n >= 0)
			return (int)n;
	}
}

int terminal_line(int fd, struct secret *out, struct error *e)
{
	unsigned char line[LINE_LIMIT], c;
	size_t n = 0;
	int rc;

	while ((rc = next_byte(fd, &c, e)) == 1 && c != '\n' && n < sizeof line)
		line[n++] = c;
	if (rc == 1 && n == sizeof line)
		rc = error_set(e, ERR_LIMIT, "the answer is longer than %d bytes", LINE_LIMIT);
	else if (rc == 0 && n == 0)
		rc = error_set(e, ERR_CANCELLED, "there was no answer");
	if (rc >= 0)
		secret_set(out, line, n);
	secret_wipe(line, sizeof line);
	return rc < 0 ? rc : 0;
}

static int open_terminal(void)
{
	return isatty(STDERR_FILENO) ? open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY) : -1;
}

bool terminal_present(void)
{
	CLEANUP(fs_close) int fd = open_terminal();

	return fd >= 0;
}

int terminal_secret(const char *prompt, struct secret *out, struct error *e)
{
	CLEANUP(fs_close) int fd = open_terminal();
	struct termios before, quiet;

	if (fd < 0 || tcgetattr(fd, &before))
		return error_set(e, ERR_PASSWORD, "there is no terminal to ask for a password on");
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	/* Quiet before the prompt: what is typed at once must not be shown, nor lost. */
	if (tcsetattr(fd, TCSAFLUSH, &quiet) || fs_write_full(fd, prompt, strlen(prompt)))
		return error_sys(e, errno, "asking for a password");
	int rc = terminal_line(fd, out, e);

	tcsetattr(fd, TCSAFLUSH, &before);
	(void)!fs_write_full(fd, "\n", 1);
	return rc;
}

size_t terminal_width(int fd)
{
	struct winsize size = {0};

	if (!isatty(fd))
		return 0;
	return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

static locale_t utf8;

static void make_locale(void)
{
	utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

/* The program runs in the C locale, whose wcwidth() knows ASCII only. */
static int columns_of(uint32_t c)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_locale);
	if (!utf8)
		return 1;
	locale_t before = uselocale(utf8);
	int width = wcwidth((wchar_t)c);

	uselocale(before);
	return width < 0 ? 1 : width;
}

/* Bytes of the next character, and its columns. */
static size_t step(const char *text, int *columns)
{
	uint32_t c;
	int n = utf8_decode((const unsigned char *)text, strlen(text), &c);

	*columns = n ? columns_of(c) : 1;
	return n ? (size_t)n : 1;
}

size_t terminal_columns(const char *text)
{
	size_t sum = 0;
	int columns;

	while (*text) {
		text += step(text, &columns);
		sum += (size_t)columns;
	}
	return sum;
}

size_t terminal_fitting(const char *text, size_t columns)
{
	size_t bytes = 0, sum = 0;
	int width;

	while (text[bytes]) {
		size_t n = step(text + bytes, &width);

		if (sum + (size_t)width > columns)
			break;
		sum += (size_t)width;
		bytes += n;
	}
	return bytes;
}
