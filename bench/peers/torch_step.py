"""One update of rein beside the same equations in PyTorch, parameter by parameter.

    python3 bench/peers/torch_step.py [--rein build/rein] [--systems bc,td3bc,iql,sac,ppo] [--updates K]

`rein step` makes the update on parameters, rows and noise that are made here; every block must agree to 1e-5 and every first moment to 1e-5 of
its largest entry. Exit 0: they agree; 1: one does not; 77: there is no PyTorch here.
"""
import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np

try:
    import torch
except ImportError:
    print("SKIPPED: no PyTorch (apt-get install python3-torch)")
    sys.exit(77)
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import equations  # noqa: E402
import tensors  # noqa: E402

OBS, ACT, ROWS, HIDDEN, NEAR = 17, 6, 128, (64, 64), 1e-5
KEYS = {"bc": [], "iql": ["cosine=false"], "sac": [], "td3bc": ["delay=1"], "ppo": ["anneal=false", "epochs=1", f"minibatch={ROWS}", f"horizon={ROWS}", "rows=1"]}
DRAWS = {"td3bc": 1, "sac": 2}


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}{done.stdout}")
    return done.stdout


def rows(system, generator, updates):
    normal = lambda *shape: generator.standard_normal(shape).astype(np.float32)  # noqa: E731
    b = {"obs": normal(ROWS, OBS), "act": np.tanh(normal(ROWS, ACT)), "reward": normal(ROWS, 1), "next": normal(ROWS, OBS)}
    b["terminated"] = (generator.random((ROWS, 1)) < 0.1).astype(np.uint8)
    b["truncated"] = ((generator.random((ROWS, 1)) < 0.1) & (b["terminated"] == 0)).astype(np.uint8)
    noise = {f"noise.{k}": normal(ROWS, ACT) for k in range(DRAWS.get(system, 0))}
    return b, noise


def compare(system, rein, folder, updates, wrong):
    files = {k: os.path.join(folder, f"{system}.{k}.safetensors") for k in ("params", "batch", "noise", "out")}
    keys = [f"hidden={'x'.join(map(str, HIDDEN))}", "normalise=none", "seed=5", *KEYS[system]]
    run([rein, "step", system, *keys, f"obs={OBS}", f"act={ACT}", "--init", files["params"]])
    start = {k: torch.from_numpy(v) for k, v in tensors.read(files["params"]).items()}
    b, noise = rows(system, np.random.default_rng(11), updates)
    model = equations.SYSTEMS[system](OBS, ACT, HIDDEN, **({"delay": 1} if system == "td3bc" else {}))
    model.load(start)
    t = {k: torch.from_numpy(v.astype(np.float32)) for k, v in b.items()}
    t["live"] = 1 - t["terminated"]
    if system == "ppo":
        with torch.no_grad():
            t["logp"] = model.logp(t["obs"], t["act"]) + 0.3 * torch.from_numpy(np.random.default_rng(3).standard_normal((ROWS, 1)).astype(np.float32))
        b["logp"] = t["logp"].numpy()
    tensors.write(files["batch"], b)
    command = [rein, "step", system, *keys, "--params", files["params"], "--batch", files["batch"], "--updates", str(updates), "--out", files["out"]]
    if noise:
        tensors.write(files["noise"], noise)
        command += ["--noise", files["noise"]]
    run(command)
    for _ in range(updates):
        model.update(t, [torch.from_numpy(noise[f"noise.{k}"]) for k in range(len(noise))] if noise else None)
    got, want = tensors.read(files["out"]), model.tensors()
    worst, moved = ("", 0.0), ("", 0.0)
    for name, x in want.items():
        d = float((torch.from_numpy(got[name]).reshape(x.shape) - x).abs().max())
        worst = max(worst, (name, d), key=lambda k: k[1])
        moved = max(moved, (name, float((start[name].reshape(x.shape) - x).abs().max())), key=lambda k: k[1])
    moments = ("", 0.0)
    for block, optimiser in model.optimisers.items():
        for name, p in [(n, q) for n, q in parameters(model, block)]:
            m, mine = torch.from_numpy(got[f"adam.{name}.m"]), moment(optimiser, p)
            moments = max(moments, (f"adam.{name}.m", float((m.reshape(mine.shape) - mine).abs().max() / mine.abs().max().clamp(min=1e-12))), key=lambda k: k[1])
    fine = worst[1] <= NEAR and moments[1] <= NEAR and moved[1] > 1e-4
    print(f"{system:6} {'agrees' if fine else 'DIFFERS'}  {len(want)} tensors: largest difference {worst[1]:.2e} ({worst[0]}), moments {moments[1]:.2e} of "
          f"their largest ({moments[0]}), largest move {moved[1]:.2e}")
    return fine


def parameters(model, block):
    """(name in the file, list of PyTorch parameters with their member) of a block"""
    if block in model.nets:
        net = model.nets[block]
        for k in range(len(net.layers[0])):
            yield f"{block}.{k}.w", [(layers[k].weight, True) for layers in net.layers] if net.members else [(net.layers[0][k].weight, True)]
            yield f"{block}.{k}.b", [(layers[k].bias, False) for layers in net.layers] if net.members else [(net.layers[0][k].bias, False)]
    for name, p in model.extra.items():
        if name.startswith(block + "."):
            yield name, [(p, False)]


def moment(optimiser, several):
    out = [optimiser.state[p]["exp_avg"].T if turn else optimiser.state[p]["exp_avg"] for p, turn in several]
    return torch.stack(out) if len(out) > 1 else out[0]


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--rein", default="build/rein")
    a.add_argument("--systems", default="bc,td3bc,iql,sac,ppo")
    a.add_argument("--updates", type=int, default=1)
    a = a.parse_args()
    if not os.access(a.rein, os.X_OK):
        sys.exit(f"{a.rein} is not there; build it, or say --rein PATH")
    torch.set_num_threads(1)
    print(f"PyTorch {torch.__version__}, {OBS} observations, {ACT} actions, {ROWS} rows, hidden {HIDDEN}")
    with tempfile.TemporaryDirectory() as folder:
        fine = [compare(s, a.rein, folder, a.updates, False) for s in a.systems.split(",")]
    sys.exit(0 if all(fine) else 1)


if __name__ == "__main__":
    main()
