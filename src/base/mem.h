/* Memory and clean-up idioms. Out of memory ends the program (abort with one line on stderr): every size that comes
 * from outside is checked against a limit before it reaches an allocation.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* Like malloc/calloc/realloc/strdup, but never return NULL; size 0 gives a valid pointer. */
void *mem_alloc(size_t size);
void *mem_alloc_aligned(size_t size, size_t to);         /* at a multiple of `to`, a power of two */
void *mem_zero(size_t size);                            /* zero-filled */
void *mem_resize(void *p, size_t size);
void *mem_array(void *p, size_t count, size_t size);    /* realloc of count*size with overflow check */
void *mem_copy(const void *p, size_t size);             /* heap copy of `size` bytes */
char *mem_string(const char *s);                        /* strdup */
char *mem_string_or_null(const char *s);                /* the same; NULL of NULL */
char *mem_string_n(const char *s, size_t len);          /* copy of len bytes, terminated */
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *mem_vprintf(const char *fmt, va_list ap);

void mem_free_ptr(void *pp);    /* for AUTO_FREE: frees *(void **)pp */

/* A pointer freed when it leaves scope:  AUTO_FREE char *s = mem_string("x"); */
#define AUTO_FREE __attribute__((cleanup(mem_free_ptr)))
/* A variable handed to `fn(&var)` when it leaves scope:  CLEANUP(buf_release) struct buf b = BUF_INIT; */
#define CLEANUP(fn) __attribute__((cleanup(fn)))
/* Take the value out of an AUTO_FREE/CLEANUP pointer so that it survives:  *out = TAKE(p); */
#define TAKE(p) __extension__({ __typeof__(p) taken_ = (p); (p) = NULL; taken_; })

/* Make room for one more element in a plain growing array (pointer p, count n, capacity cap). */
#define GROW(p, n, cap) \
	do { \
		if ((n) == (cap)) { \
			(cap) = (cap) ? (cap) * 2 : 8; \
			(p) = mem_array((p), (cap), sizeof *(p)); \
		} \
	} while (0)

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
