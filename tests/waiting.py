"""Waiting for the thing itself, never for a time."""
import time


def pauses():
    """A loop that asks again and again, ever more seldom: whoever asks takes the processor from whoever works."""
    pause = 0.01
    while True:
        yield
        time.sleep(pause)
        pause = min(pause * 1.2, 0.25)


def until(condition, what="it", seconds=60, process=None):
    """Until something holds; what it is then is returned. `process`: where it is to come from, which may not end before."""
    end = time.monotonic() + seconds
    for _ in pauses():
        if seen := condition():
            return seen
        assert process is None or process.poll() is None, f"the process ended before {what} happened: {process.communicate()}"
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
