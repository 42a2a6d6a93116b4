"""How the threads of OpenMP, which torch computes with, wait for each other; settled before torch is imported."""

import os

# Turns of a waiting thread before it sleeps, of GNU's OpenMP, which comes with torch on Linux. Its own 300,000 hold a
# core for about a millisecond while the thread that is waited for wants it: with other processes at work, a training
# then falls many times. Without any (OMP_WAIT_POLICY=PASSIVE) every operation has to wake threads. Measured by
# benchmarks/neighbour.py.
TURNS = 1_000
BY_USERS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")  # environment variables that say how threads wait


def wait_briefly() -> None:
    """Have OpenMP's threads sleep soon where they wait, here and in processes begun from here, unless the user set it.

    Without effect in a process that has imported torch already, as OpenMP reads the environment when it is loaded.
    """
    if not any(name in os.environ for name in BY_USERS):
        os.environ["GOMP_SPINCOUNT"] = str(TURNS)
