#include "base/secret.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "backstay: %s: %s\n", what, strerror(errno));
	abort();
}

/* Whole pages, so that locking and wiping concern nobody else's memory; with room for the terminating 0. */
static size_t mapped_size(size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	return (len / page + 1) * page;
}

void secret_set(struct secret *s, const void *p, size_t n)
{
	size_t size = mapped_size(n);
	unsigned char *fresh = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fresh == MAP_FAILED)
		die("no memory for a secret");
	/* Both are a best effort: RLIMIT_MEMLOCK may forbid the one, an old kernel lack the other. */
	(void)mlock(fresh, size);
	(void)madvise(fresh, size, MADV_DONTDUMP);
	if (n > 0)
		memcpy(fresh, p, n);
	secret_release(s);
	s->p = fresh;
	s->len = n;
}

void secret_release(struct secret *s)
{
	if (s->p) {
		secret_wipe(s->p, s->len);
		munmap(s->p, mapped_size(s->len));
	}
	*s = (struct secret){0};
}

void secret_wipe(void *p, size_t n)
{
	if (n > 0)
		explicit_bzero(p, n);
}

bool secret_equal(const void *a, const void *b, size_t n)
{
	const volatile unsigned char *x = a, *y = b;
	unsigned char differ = 0;
	for (size_t i = 0; i < n; i++)
		differ |= x[i] ^ y[i];
	return differ == 0;
}

void random_bytes(void *p, size_t n)
{
	unsigned char *at = p;
	while (n > 0) {
		ssize_t got = getrandom(at, n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			die("no random bytes from the system");
		at += got;
		n -= (size_t)got;
	}
}

uint32_t random_below(uint32_t n)
{
	if (n == 0) {
		errno = EDOM;
		die("a random number below 0");
	}
	/* Numbers under 2^32 mod n would make small results likelier: draw again. */
	uint32_t unfair = (uint32_t)-n % n;
	for (;;) {
		uint32_t r;
		random_bytes(&r, sizeof r);
		if (r >= unfair)
			return r % n;
	}
}

char *random_password(void)
{
	static const char letters[] = "abcdefghjkmnpqrstuvwxyz23456789";    /* without 0 o 1 l i */
	enum { GROUPS = 6, GROUP = 5, LENGTH = GROUPS * (GROUP + 1) - 1 };
	char *out = mem_alloc(LENGTH + 1);
	for (size_t i = 0; i < LENGTH; i++)
		out[i] = i % (GROUP + 1) == GROUP ? '-' : letters[random_below(sizeof letters - 1)];
	out[LENGTH] = '\0';
	return out;
}
