"""How times are measured: contenders take turns, alone or beside a busy process."""

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
    """A process that multiplies matrices on one thread while in `running`, and sleeps otherwise."""

    def __enter__(self):
        names = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
        one_thread = dict.fromkeys(names, "1")
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
    """Yield the loads to measure under, ``{name: context}``: "quiet", and "busy" if asked for."""
    if not busy:
        yield {"quiet": nullcontext}
        return
    with Competitor() as competitor:
        with competitor.running():
            time.sleep(2)  # until it has imported NumPy
        yield {"quiet": nullcontext, "busy": competitor.running}


@contextmanager
def threads(n_threads):
    """Run NumPy's BLAS (hence our own threads, too) and PyTorch on this number of threads."""
    before = torch.get_num_threads()
    with threadpool_limits(n_threads):
        torch.set_num_threads(n_threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def measure(contenders, n_rounds, loads, clock):
    """Return the seconds of one call in each round, ``{load: {name: [...]}}``.

    Each contender is a function without arguments that returns a context manager, which yields the
    function to be timed. Every other round goes through them backwards.
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
    """Median seconds of one to three calls, after one that is not counted.

    There are as many as fit into a fifth of a second.
    """
    # After a product, the threads of OpenBLAS spin for tens of milliseconds on the same cores.
    time.sleep(0.1)
    first = seconds(call, time.perf_counter)
    n_calls = int(np.clip(0.2 / first, 1, 3))
    return float(np.median([seconds(call, clock) for _ in range(n_calls)]))


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
    """Versions, processor and load of this machine, for the head of a file of results."""
    libraries = threadpool_info()
    kernels = {lib["architecture"] for lib in libraries if lib["internal_api"] == "openblas"}
    return {
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "SciPy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
        "PyTorch": torch.__version__,
        "machine": platform.machine(),
        "kernels of OpenBLAS": ", ".join(sorted(kernels)),
        "cores": len(os.sched_getaffinity(0)),
        "load average at the start": [round(load, 2) for load in os.getloadavg()],
    }
