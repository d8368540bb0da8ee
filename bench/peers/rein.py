"""rein's own figures for the work of speed.py, from outside: CPU-seconds of its process on one thread; one JSON line a figure.

    rein.py [--rein build/rein] [--seconds S] [--repeats R]

An update's rate is (K2 - K1) / (CPU of K2 updates - CPU of K1 updates) of `rein step`, so that starting up does not count. The trainings on the
pendulum are whole commands, start-up, evaluation and files included.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tensors  # noqa: E402

OBS, ACT = 17, 6
SIZES = [((256, 256), 256), ((64, 64), 128)]
SAC = "sac env=pendulum steps=10000 start=100 hidden=64x64 batch=100"
PPO = "ppo env=pendulum steps=300000 rows=4 horizon=1024 minibatch=256 epochs=2 hidden=64x64"


def used(command):
    """CPU-seconds of a child, its own children included"""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def say(work, rates, unit):
    print(json.dumps({"peer": "rein", "work": work, "unit": unit, "median": statistics.median(rates), "least": min(rates), "most": max(rates), "repeats": len(rates)}),
          flush=True)


def updates(a, folder):
    for hidden, batch in SIZES:
        g = np.random.default_rng(0)
        normal = lambda k: g.standard_normal((batch, k)).astype(np.float32)  # noqa: E731
        rows = {"obs": normal(OBS), "act": np.tanh(normal(ACT)), "reward": normal(1), "next": normal(OBS), "terminated": np.zeros((batch, 1), np.uint8),
                "truncated": np.zeros((batch, 1), np.uint8)}
        tensors.write(f"{folder}/batch", rows)
        for name in ("iql", "td3bc", "sac"):
            keys = [a.rein, "step", name, f"hidden={hidden[0]}x{hidden[1]}", "threads=1", "normalise=none"]
            subprocess.run([*keys, f"obs={OBS}", f"act={ACT}", "--init", f"{folder}/params"], check=True, capture_output=True)
            step = lambda k: used([*keys, "--params", f"{folder}/params", "--batch", f"{folder}/batch", "--updates", str(k), "--out", f"{folder}/out"])  # noqa: E731
            few, probe = step(1), 64
            while (cost := step(probe) - few) < 0.1:
                probe *= 4
            many = max(probe, int(a.seconds * probe / cost))
            rates = [(many - 1) / (step(many) - step(1)) for _ in range(a.repeats)]
            say(f"{name} {hidden[0]}x{hidden[1]} batch {batch}", rates, "updates a CPU-second")


def trainings(a, folder):
    for text, work, steps in ((SAC, "sac pendulum 64x64 batch 100", 10000), (PPO, "ppo pendulum 64x64, 4 x 1024, batch 256, 2 epochs", 300000)):
        seconds = []
        for k in range(a.repeats):
            command = [a.rein, "train", *text.split(), f"seed={k + 1}", "threads=1", "evaluate=0", "episodes=1", "every=1000000", "--no-report", "-q", "--out",
                       f"{folder}/{work.split()[0]}{k}"]
            seconds.append(used(command))
        say(work, [steps / s for s in seconds], "environment steps a CPU-second")
        say(f"rein train {text}", seconds, "CPU-seconds, whole command")


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--rein", default="build/rein")
    a.add_argument("--seconds", type=float, default=1)
    a.add_argument("--repeats", type=int, default=5)
    a = a.parse_args()
    if not os.access(a.rein, os.X_OK):
        sys.exit(f"{a.rein} is not there; build it, or say --rein PATH")
    with tempfile.TemporaryDirectory() as folder:
        updates(a, folder), trainings(a, folder)


if __name__ == "__main__":
    main()
