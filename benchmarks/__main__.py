"""``python -m benchmarks`` is `benchmarks.speed`."""

from benchmarks.speed import main

main()
