"""What the benchmarks share: running a command, and saying what came out."""
import dataclasses
import os
import platform
import signal
import statistics
import subprocess
import sys
import threading
import time

COMMAND_SECONDS = 900
MB, MIB = 1e6, 1 << 20


@dataclasses.dataclass
class Sample:
    wall: float
    cpu: float
    rss: int
    stored: int = 0
    done: int = 0  # bytes of the source


class Bench:
    def __init__(self, options, folder):
        self.o, self.folder, self.samples, self.started = options, folder, {}, time.monotonic()
        self.log = os.path.join(folder, "log")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("RESTIC_", "BORG_", "BACKSTAY_", "XDG_"))}
        self.env.update(HOME=os.path.join(folder, "home"), TMPDIR=os.path.join(folder, "tmp"), RESTIC_PASSWORD="bench",
                        BORG_PASSPHRASE="bench", BACKSTAY_PASSWORD="bench", BACKSTAY_HOME=os.path.join(folder, "state"))
        os.mkdir(self.env["HOME"])
        os.mkdir(self.env["TMPDIR"])

    def run(self, argv, cwd=None):
        """One command: its wall time, CPU seconds and the kernel's own high-water mark of its memory."""
        with open(self.log, "wb") as log:
            os.sync()
            start = time.monotonic()
            child = subprocess.Popen(argv, cwd=cwd, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                     start_new_session=True)
            late = threading.Timer(COMMAND_SECONDS, os.killpg, (child.pid, signal.SIGKILL))
            late.start()
            try:
                _, status, used = os.wait4(child.pid, 0)
            except BaseException:
                os.killpg(child.pid, signal.SIGKILL)
                raise
            finally:
                late.cancel()
            wall = time.monotonic() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            with open(self.log, errors="replace") as log:
                sys.exit(f"bench: {' '.join(argv)} ended with {child.returncode}\n{log.read()[-2000:]}")
        return Sample(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)

    def build(self, *programs):
        """Build these programs of bench/ in a folder of our own, and return where they are."""
        source, build = os.path.dirname(os.path.dirname(os.path.abspath(__file__))), os.path.join(self.folder, "build")
        print("bench: building", file=sys.stderr, flush=True)
        self.run(["meson", "setup", build, source, "-Dbench=true"])
        self.run(["ninja", "-C", build, *(f"bench/{name}" for name in programs)])
        return [os.path.join(build, "bench", name) for name in programs]

    def keep(self, group, step, program, sample):
        self.samples.setdefault((group, step, program), []).append(sample)
        print(f"bench: {group:7} {step:10} {program:9} {sample.wall:8.2f} s {sample.cpu:8.2f} CPU s "
              f"{sample.rss / MIB:6.0f} MiB  {sample.stored / MB:8.1f} MB", file=sys.stderr, flush=True)


def size_of(path):
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(os.lstat(os.path.join(base, name)).st_size for base, _, names in os.walk(path) for name in names)


def spread(values, digits=2):
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f}" + (f" ({low:.{digits}f}-{high:.{digits}f})" if len(values) > 1 else "")


def per_round(b, group, step, program, value):
    return [value(s) for s in b.samples.get((group, step, program), [])]


def ratio(b, group, step, value, other, other_step=None, program="backstay"):
    """Median of a program's figure, Backstay's, divided by the other program's of the same round."""
    ours, theirs = per_round(b, group, step, program, value), per_round(b, group, other_step or step, other, value)
    return statistics.median(a / max(c, 1e-9) for a, c in zip(ours, theirs)) if ours and theirs else None


def version(argv):
    return subprocess.run(argv, capture_output=True, text=True).stdout.strip().splitlines()[0]


def machine():
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} CPUs ({cpu}), {memory:.0f} GiB; load when it ended {os.getloadavg()[0]:.1f}."


def measured(b, steps):
    """The table of all that was measured."""
    lines = ["## What was measured", "", "| data | step | program | rounds | wall s, median (min-max) | CPU s | peak MiB | stored MB | MB/s |",
             "|---|---|---|---:|---:|---:|---:|---:|---:|"]
    for (group, step, program), list_ in sorted(b.samples.items(), key=lambda i: (i[0][0] != "sqlite", i[0][0], steps.index(i[0][1]))):
        rate = statistics.median(s.done / s.wall for s in list_) / MB
        lines.append(f"| {group} | {step} | {program} | {len(list_)} | {spread([s.wall for s in list_])} | {spread([s.cpu for s in list_])} "
                     f"| {max(s.rss for s in list_) / MIB:.0f} | {statistics.median(s.stored for s in list_) / MB:.1f} | {rate:.0f} |")
    return lines


def asked_for(rows):
    """The table of what must hold; what has no limit is there to be known."""
    lines = ["", "## What is asked for", "", "| figure | measured | at most | |", "|---|---:|---:|---|"]
    return lines + [f"| {what} | {value:.2f} | " + ("| |" if limit is None else f"{limit:.4g} | {'yes' if value <= limit else '**no**'} |")
                    for what, value, limit in rows if value is not None]
