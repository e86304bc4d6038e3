/* What a program prints, on its way to where it belongs. */
#include "base/mem.h"
#include "base/pipe.h"
#include "base/proc.h"

int proc_output(const struct proc *p, struct sink *to, struct progress *progress, uint64_t *size, struct error *e)
{
	AUTO_FREE unsigned char *block = mem_alloc(PIPE_BLOCK);

	pipe_widen(p->out);
	for (*size = 0;;) {
		size_t n = 0;
		int err = pipe_read(p->out, p->name, progress, block, &n, e);

		if (!err && n > 0)
			err = sink_write(to, block, n, e);
		if (err || n == 0)
			return err;
		*size += n;
	}
}
