"""How times are taken: contenders in turn, round after round, on so many threads, alone or beside a busy process."""

import os
import platform
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, nullcontext

import numpy as np
import scipy
import sklearn
import torch
from threadpoolctl import threadpool_info, threadpool_limits

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
FLOORS = ("products", "products, row workers")
BUSY = "import numpy as np\nA = np.ones((1000, 1000), dtype='float32')\nwhile True:\n    A @ A"


class Competitor:
    """A process that multiplies matrices on one thread, but only inside `running`."""

    def __enter__(self):
        one_thread = dict.fromkeys(
            ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1"
        )
        self.process = subprocess.Popen([sys.executable, "-c", BUSY], env=os.environ | one_thread)
        self.process.send_signal(signal.SIGSTOP)
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()

    @contextmanager
    def running(self):
        self.process.send_signal(signal.SIGCONT)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGSTOP)


@contextmanager
def loads(busy):
    """The loads to measure under, name to context: "quiet", and "busy" if that is wanted."""
    if not busy:
        yield {"quiet": nullcontext}
        return
    with Competitor() as competitor:
        with competitor.running():
            time.sleep(2)  # it imports NumPy
        yield {"quiet": nullcontext, "busy": competitor.running}


@contextmanager
def threads(n_threads):
    """NumPy's BLAS, hence our row workers, and PyTorch on so many threads."""
    before = torch.get_num_threads()
    with threadpool_limits(n_threads):
        torch.set_num_threads(n_threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def measure(contenders, n_rounds, loads, clock):
    """Seconds of one call in every round: ``{load: {name: [...]}}``. Every other round goes through them backwards.

    A contender is a function without arguments that returns a context manager, which yields what is to be timed.
    """
    for contender in contenders.values():
        with contender() as call:
            call()
    measured = {load: {name: [] for name in contenders} for load in loads}
    for number in range(n_rounds):
        for load, context in loads.items():
            for name, contender in list(contenders.items())[:: 1 if number % 2 else -1]:
                with contender() as call, context():
                    measured[load][name].append(settled(call, clock))
    return measured


def settled(call, clock):
    """Median seconds of up to three calls, as fit in a fifth of a second, after one that is not counted.

    And after BLAS's threads have stopped waiting for work: for tens of milliseconds they do so on the cores we would measure.
    """
    time.sleep(0.1)
    first = seconds(call, time.perf_counter)
    return float(np.median([seconds(call, clock) for _ in range(int(np.clip(0.2 / first, 1, 3)))]))


def seconds(call, clock):
    start = clock()
    call()
    return clock() - start


def floor(seconds):
    """The faster, in each round, of the matrix products split by BLAS and split by rows."""
    return np.min([seconds[name] for name in FLOORS], axis=0)


def ratio(numerator, denominator):
    """Median of the ratios within a round."""
    return float(np.median(np.divide(numerator, denominator)))


def machine():
    versions = {
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "SciPy": scipy.__version__,
    }
    versions |= {"scikit-learn": sklearn.__version__, "PyTorch": torch.__version__}
    kernels = {
        library["architecture"]
        for library in threadpool_info()
        if library["internal_api"] == "openblas"
    }
    average = [round(load, 2) for load in os.getloadavg()]
    return versions | {
        "machine": platform.machine(),
        "kernels of OpenBLAS": ", ".join(sorted(kernels)),
        "cores": len(os.sched_getaffinity(0)),
        "load average at the start": average,
    }
