"""rein and d3rlpy on one log at full size: the same file, the same settings, both policies played in rein's environment.

    at_scale.py log   [ENV] --folder F            a "medium" log: rein's SAC stopped at a third of expert return, 200,000 transitions
    at_scale.py rein  SYSTEM SEED --folder F      one training by rein
    at_scale.py peer  SYSTEM SEED --folder F      one by d3rlpy; its policy becomes a run of rein's (blocks pi.0.w ..., the normaliser)
    at_scale.py judge --folder F --out FILE.md    difference of means with its interval, times, verdict
    at_scale.py check --folder F                  a policy moved from d3rlpy answers as it did there

Every piece leaves its result in the folder and is skipped when it is there, so the whole can be stopped and started at will.
"""
import argparse
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tensors  # noqa: E402

EXPERT = {"hopper": 3234.3, "halfcheetah": 12135.0, "walker2d": 4592.3, "pendulum": None}      # D4RL's reference returns
RANDOM = {"hopper": -20.272305, "halfcheetah": -280.178953, "walker2d": 1.629008, "pendulum": None}
SYSTEMS, BAR = ("iql", "td3bc"), -5.0


def run(command, **how):
    done = subprocess.run(command, capture_output=True, text=True, **how)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def cpu_of_children():
    r = resource.getrusage(resource.RUSAGE_CHILDREN)
    return r.ru_utime + r.ru_stime


def save(path, value):
    with open(path + ".part", "w") as f:
        json.dump(value, f, indent=1)
    os.replace(path + ".part", path)


def said(path):
    with open(path) as f:
        return json.load(f)


def log_path(a):
    return f"{a.folder}/{a.env}-medium.hdf5"


#---- the log -----------------------------------------------------------------------------------------------------------------------------


def last_return(folder):
    try:
        with sqlite3.connect(f"file:{folder}/run.sqlite?mode=ro", uri=True) as c:
            found = c.execute("select steps, value from metrics where name = 'eval.return' order by \"update\" desc limit 1").fetchone()
        return found or (0, None)
    except sqlite3.Error:
        return 0, None


def make_log(a):
    if os.path.exists(log_path(a)):
        return
    os.makedirs(a.folder, exist_ok=True)
    behaviour, goal = f"{a.folder}/behaviour", EXPERT[a.env] / 3
    shutil.rmtree(behaviour, ignore_errors=True)
    child = subprocess.Popen([a.rein, "train", "sac", f"env={a.env}", "steps=1000000", "start=5000", "evaluate=2500", "every=2500", "seed=1", "threads=1", "-q",
                              "--no-report", "--out", behaviour])
    steps, value = 0, None
    while child.poll() is None:
        time.sleep(0.5)
        steps, value = last_return(behaviour)
        if value is not None and value >= goal:
            child.send_signal(signal.SIGINT)
            child.wait()
            break
    if value is None or value < goal:
        sys.exit(f"the behaviour policy stopped at {value} before it reached {goal:.0f}")
    part = log_path(a).replace(".hdf5", ".part.hdf5")
    run([a.rein, "data", "make", a.env, f"policy={behaviour}", "steps=200000", "seed=1", "--out", part, "-q"])
    save(f"{a.folder}/log.json", {"env": a.env, "behaviour": value, "behaviour_steps": steps, "goal": goal, "show": run([a.rein, "data", "show", part])})
    os.replace(part, log_path(a))


#---- one training each -------------------------------------------------------------------------------------------------------------------


def evaluate(a, folder):
    return json.loads(run([a.rein, "eval", folder, "--episodes", str(a.episodes), "--seed", "1000", "--json"]))


def train_rein(a):
    out = f"{a.folder}/rein-{a.system}-{a.seed}"
    if os.path.exists(out + ".json"):
        return
    before = cpu_of_children()
    keys = [f"data={log_path(a)}", f"env={a.env}", f"offline={a.updates}", f"seed={a.seed}", "threads=1", "evaluate=0", "episodes=1", "hidden=256x256", "batch=256"]
    if os.path.exists(f"{out}/recipe.yaml"):
        run([a.rein, "resume", out, "-q"])
    else:
        run([a.rein, "train", a.system, *keys, *(["cosine=false"] if a.system == "iql" else []), "-q", "--no-report", "--out", out])
    seconds = cpu_of_children() - before
    save(out + ".json", {"seconds": seconds, **evaluate(a, out)})


def policy_tensors(policy):
    """d3rlpy's policy module as rein's blocks: weights [in, out]"""
    linear = [m for m in policy._encoder._layers if hasattr(m, "weight")] + [policy._mu if hasattr(policy, "_mu") else policy._fc]
    out = {}
    for k, m in enumerate(linear):
        out[f"pi.{k}.w"], out[f"pi.{k}.b"] = m.weight.detach().numpy().T.copy(), m.bias.detach().numpy().copy()
    if hasattr(policy, "_logstd"):
        s = 1 / (1 + np.exp(-policy._logstd.detach().numpy().reshape(-1)))
        out["pi.log_std"] = (policy._min_logstd + s * (policy._max_logstd - policy._min_logstd)).astype(np.float32)
    return out


def become_run(a, given, out, system):
    """A run of rein's bc that has learned nothing gets the blocks; its checkpoint is written again with the hash that belongs to them."""
    import xxhash
    template = out + ".part"
    shutil.rmtree(template, ignore_errors=True)
    run([a.rein, "train", "bc", f"data={log_path(a)}", f"env={a.env}", "offline=0", "evaluate=0", "episodes=1", "hidden=256x256", "seed=1",
         f"policy={'gaussian' if system == 'iql' else 'deterministic'}", "-q", "--no-report", "--out", template])
    path = f"{template}/checkpoint/00000000.safetensors"
    have, codes, h = tensors.read(path), {np.dtype(np.float32): 0, np.dtype(np.float64): 1, np.dtype(np.int32): 2, np.dtype(np.int64): 3, np.dtype(np.uint8): 4}, 0
    for name, x in given.items():
        if name not in have or have[name].size != x.size:
            sys.exit(f"{name}: d3rlpy has {x.shape}, rein {have[name].shape if name in have else 'nothing of that name'}")
        have[name] = np.ascontiguousarray(x.reshape(have[name].shape), have[name].dtype)
    for name, x in have.items():
        h = xxhash.xxh3_64_intdigest(name.encode(), (h + codes[x.dtype]) & (2**64 - 1))
        h = xxhash.xxh3_64_intdigest(x.tobytes(), h)
    tensors.write(path, have, {"format": "rein 1", "system": "bc", "hash": f"{h:016x}"})
    shutil.rmtree(out, ignore_errors=True)
    os.rename(template, out)


def dataset(a):
    import d3rlpy
    import h5py
    with h5py.File(log_path(a), "r") as f:
        x = {k: f[k][()] for k in ("observations", "actions", "rewards", "terminals", "timeouts")}
    ends = np.maximum(x["timeouts"].astype(np.float32), 0)
    ends[-1] = 1 - float(x["terminals"][-1])                # the file may end within an episode
    low, high = bounds(a)                                   # d3rlpy's policies act in [-1, 1], as rein's do before they are mapped
    actions = (x["actions"] - low) / (high - low) * 2 - 1
    return x, d3rlpy.dataset.MDPDataset(x["observations"].astype(np.float32), actions.astype(np.float32), x["rewards"].astype(np.float32).reshape(-1),
                                        x["terminals"].astype(np.float32).reshape(-1), timeouts=ends.reshape(-1))


def train_peer(a):
    out = f"{a.folder}/d3rlpy-{a.system}-{a.seed}"
    if os.path.exists(out + ".json"):
        return
    import logging
    import structlog
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    import d3rlpy
    import torch
    torch.set_num_threads(1)
    d3rlpy.seed(a.seed)
    x, data = dataset(a)
    mean, std = x["observations"].mean(0, dtype=np.float64), x["observations"].std(0, dtype=np.float64)
    config = {"iql": d3rlpy.algos.IQLConfig, "td3bc": d3rlpy.algos.TD3PlusBCConfig}[a.system]
    algo = config(batch_size=256, observation_scaler=d3rlpy.preprocessing.StandardObservationScaler(mean=mean.astype(np.float32), std=std.astype(np.float32))).create(device="cpu")
    algo.build_with_dataset(data)
    begin = time.process_time()
    for _ in range(a.updates):
        algo.update(data.sample_transition_batch(256))
    seconds = time.process_time() - begin
    given = policy_tensors(algo.impl.policy)
    given["normal.obs.mean"], given["normal.obs.std"] = mean.astype(np.float32), (std + 1e-3).astype(np.float32)
    become_run(a, given, out, a.system)
    # what d3rlpy itself answers to some rows of the log, for `check`
    rows = np.linspace(0, len(x["observations"]) - 1, 16).astype(int)
    answers = algo.predict(x["observations"][rows].astype(np.float32))
    tensors.write(out + ".safetensors", {**given, "obs": x["observations"][rows].astype(np.float32), "act": answers.astype(np.float32)})
    save(out + ".json", {"seconds": seconds, **evaluate(a, out)})


def check(a):
    """rein's exported C file of each moved policy against d3rlpy's own answers"""
    import ctypes
    worst = 0.0
    for name in sorted(os.listdir(a.folder)):
        run_folder = f"{a.folder}/{name}"
        if not name.startswith("d3rlpy-") or not os.path.isdir(run_folder):
            continue
        run([a.rein, "export", run_folder, "--c", run_folder + ".c"])
        run(["cc", "-O2", "-shared", "-fPIC", "-o", run_folder + ".so", run_folder + ".c"])
        act_of, t = ctypes.CDLL(os.path.abspath(run_folder + ".so")).policy_act, tensors.read(run_folder + ".safetensors")
        pointer = ctypes.POINTER(ctypes.c_float)
        for obs, want in zip(t["obs"], t["act"]):
            got = np.zeros(len(want), np.float32)
            act_of(np.ascontiguousarray(obs).ctypes.data_as(pointer), got.ctypes.data_as(pointer))
            low, high = bounds(a)
            worst = max(worst, float(np.abs((got - low) / (high - low) * 2 - 1 - want.clip(-1, 1)).max()))
        print(f"{name}: largest difference so far {worst:.1e}")
    if not 0 < worst < 1e-4:
        sys.exit(f"policies that were moved do not act as they did: {worst}")


def bounds(a):
    return (-2.0, 2.0) if a.env == "pendulum" else (-1.0, 1.0)


#---- the verdict -----------------------------------------------------------------------------------------------------------------------------


def interval(x, y, rng, n=10000):
    """difference of the means of two lists of seeds, each a list of episodes: seeds are drawn, then their episodes"""
    x, y = [np.array(v) for v in x], [np.array(v) for v in y]
    mean = lambda runs: np.mean([rng.choice(runs[i], len(runs[i])).mean() for i in rng.integers(0, len(runs), len(runs))])  # noqa: E731
    draws = [mean(x) - mean(y) for _ in range(n)]
    return np.mean([v.mean() for v in x]) - np.mean([v.mean() for v in y]), *np.quantile(draws, [0.025, 0.975])


def judge(a):
    rng, lines, met = np.random.default_rng(0), [], True
    scale = (lambda r: (np.array(r) - RANDOM[a.env]) / (EXPERT[a.env] - RANDOM[a.env]) * 100) if EXPERT[a.env] else np.array
    lines += ["# rein beside d3rlpy on one log", "", f"`script/d3rlpy {a.env}`: {a.updates} updates, batch 256, 256x256, Adam 3e-4, observations standardised by the log's mean and "
              f"deviation, a constant rate; {a.seeds} seeds, {a.episodes} episodes each in rein's {a.env} from the same starts. {'Scores: 0 random, 100 expert (D4RL)' if EXPERT[a.env] else 'Scores are returns'}. Intervals: 95 %, "
              "bootstrap over seeds, then episodes. Times: CPU-seconds of one training on one thread; rein's include start-up, reading the log and files, d3rlpy's its updates alone.", ""]
    if os.path.exists(f"{a.folder}/log.json"):
        made = said(f"{a.folder}/log.json")
        digest = run(["sha256sum", log_path(a)]).split()[0]
        lines += [f"The log: SAC of rein stopped after {made['behaviour_steps']} steps at an evaluation of {made['behaviour']:.0f} (a third of expert return is {made['goal']:.0f}), "
                  f"200,000 transitions of its sampled actions; SHA-256 `{digest}`.", "", "```", made["show"].strip(), "```", ""]
    lines += ["| system | rein's score | d3rlpy's score | difference | 95 % | bar: lower end above -5 | rein, CPU-s | d3rlpy, CPU-s | rein is |", "| " + "--- | " * 9]
    for system in SYSTEMS:
        sides = {}
        for who in ("rein", "d3rlpy"):
            found = [said(f"{a.folder}/{who}-{system}-{k}.json") for k in range(1, a.seeds + 1) if os.path.exists(f"{a.folder}/{who}-{system}-{k}.json")]
            if len(found) < a.seeds:
                sys.exit(f"{who} {system}: {len(found)} of {a.seeds} seeds are there")
            sides[who] = ([scale(f["returns"]) for f in found], float(np.median([f["seconds"] for f in found])))
        d, low, high = interval(sides["rein"][0], sides["d3rlpy"][0], rng)
        met = met and low > BAR
        text = {w: f"{np.mean([r.mean() for r in s[0]]):.1f} ({', '.join(f'{r.mean():.0f}' for r in s[0])})" for w, s in sides.items()}
        lines.append(f"| {system} | {text['rein']} | {text['d3rlpy']} | {d:+.1f} | {low:+.1f} .. {high:+.1f} | {'met' if low > BAR else 'not met'} | {sides['rein'][1]:.0f} | "
                     f"{sides['d3rlpy'][1]:.0f} | {sides['d3rlpy'][1] / sides['rein'][1]:.1f} x |")
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    lines += ["", f"Verdict: {'confirmed' if met else 'not confirmed'}. {cpu}; {run([a.rein, '--version']).strip()}; d3rlpy 2.8.1, PyTorch 2.15.0.", "",
              "Differs: d3rlpy leaves out the last step of an episode that the clock ended (it has no next observation in its layout), draws transitions from a buffer of episodes, "
              "starts its networks from other random numbers, and steps Q and V of IQL together, so that Q's target takes V before that step (rein, as the authors, after it).", ""]
    os.makedirs(os.path.dirname(a.out) or ".", exist_ok=True)
    with open(a.out, "w") as f:
        f.write("\n".join(lines))
    print("\n".join(lines))
    sys.exit(0 if met else 1)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--rein", default="build/rein")
    p.add_argument("--env", default="hopper", choices=sorted(EXPERT))
    p.add_argument("--folder", required=True)
    p.add_argument("--updates", type=int, default=50000)
    p.add_argument("--episodes", type=int, default=100)
    p.add_argument("--seeds", type=int, default=5)
    p.add_argument("--out", default="docs/claims/d3rlpy.md")
    p.add_argument("verb", choices=["log", "rein", "peer", "judge", "check"])
    p.add_argument("system", nargs="?", choices=SYSTEMS)
    p.add_argument("seed", nargs="?", type=int)
    a = p.parse_args()
    if a.verb in ("rein", "peer") and (a.system is None or a.seed is None):
        p.error("rein and peer need SYSTEM and SEED")
    {"log": make_log, "rein": train_rein, "peer": train_peer, "judge": judge, "check": check}[a.verb](a)


if __name__ == "__main__":
    main()
