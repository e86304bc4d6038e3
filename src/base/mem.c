#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void out_of_memory(size_t size)
{
	fprintf(stderr, "backstay: out of memory (%zu bytes asked for)\n", size);
	abort();
}

void *mem_alloc(size_t size)
{
	void *p = malloc(size ? size : 1);

	if (!p)
		out_of_memory(size);
	return p;
}

void *mem_alloc_aligned(size_t size, size_t to)
{
	void *p;

	if (posix_memalign(&p, to, size ? size : to))
		out_of_memory(size);
	return p;
}

void *mem_zero(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (!p)
		out_of_memory(size);
	return p;
}

void *mem_resize(void *p, size_t size)
{
	void *q = realloc(p, size ? size : 1);

	if (!q)
		out_of_memory(size);
	return q;
}

void *mem_array(void *p, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		out_of_memory(SIZE_MAX);
	return mem_resize(p, bytes);
}

void *mem_copy(const void *p, size_t size)
{
	void *q = mem_alloc(size);

	if (size)
		memcpy(q, p, size);
	return q;
}

char *mem_string(const char *s)
{
	return mem_copy(s, strlen(s) + 1);
}

char *mem_string_or_null(const char *s)
{
	return s ? mem_string(s) : NULL;
}

char *mem_string_n(const char *s, size_t len)
{
	char *q = mem_alloc(len + 1);

	if (len)
		memcpy(q, s, len);
	q[len] = '\0';
	return q;
}

char *mem_vprintf(const char *fmt, va_list ap)
{
	char *s;

	if (vasprintf(&s, fmt, ap) < 0)
		out_of_memory(0);
	return s;
}

char *mem_printf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	char *s = mem_vprintf(fmt, ap);
	va_end(ap);
	return s;
}

void mem_free_ptr(void *pp)
{
	free(*(void **)pp);
}
