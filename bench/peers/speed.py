"""How fast PyTorch eager, d3rlpy and Stable-Baselines3 do the work that rein does: one JSON line a figure.

    speed.py torch|d3rlpy|sb3 [--seconds S] [--repeats R]

Figures are per CPU-second of the whole process on one thread: the median of R stretches of about S CPU-seconds with least and most. Rows are drawn
uniformly from 100,000 stored transitions in each update, as rein's are.
"""
import argparse
import json
import logging
import os
import statistics
import sys
import time
import warnings

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
warnings.filterwarnings("ignore")
import numpy as np  # noqa: E402
import torch  # noqa: E402

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
OBS, ACT, ROWS = 17, 6, 100000
SIZES = [((256, 256), 256), ((64, 64), 128)]


def say(peer, work, rates, unit):
    print(json.dumps({"peer": peer, "work": work, "unit": unit, "median": statistics.median(rates), "least": min(rates), "most": max(rates), "repeats": len(rates)}), flush=True)


def rate(step, how):
    """steps a CPU-second, `repeats` times, after a warm-up that also finds how many steps fill a stretch"""
    n, used = 0, 0.0
    while used < how.seconds / 2:
        begin = time.process_time()
        step()
        n, used = n + 1, used + time.process_time() - begin
    n = max(1, int(n / used * how.seconds))
    rates = []
    for _ in range(how.repeats):
        begin = time.process_time()
        for _ in range(n):
            step()
        rates.append(n / (time.process_time() - begin))
    return rates


def log(seed=0):
    g = np.random.default_rng(seed)
    normal = lambda k: g.standard_normal((ROWS, k)).astype(np.float32)  # noqa: E731
    return {"obs": normal(OBS), "act": np.tanh(normal(ACT)), "reward": normal(1), "next": normal(OBS), "live": (g.random((ROWS, 1)) > 0.01).astype(np.float32)}


def peer_torch(how):
    import equations
    data = {k: torch.from_numpy(v) for k, v in log().items()}
    for hidden, batch in SIZES:
        for name in ("iql", "td3bc", "sac"):
            model = equations.SYSTEMS[name](OBS, ACT, hidden)

            def step():
                at = torch.randint(0, ROWS, (batch,))
                model.update({k: v[at] for k, v in data.items()})
            say("PyTorch " + torch.__version__.split("+")[0], f"{name} {hidden[0]}x{hidden[1]} batch {batch}", rate(step, how), "updates a CPU-second")


def peer_d3rlpy(how):
    import structlog
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    import d3rlpy
    x = log()
    ends = np.zeros(ROWS, np.float32)
    ends[999::1000] = 1
    data = d3rlpy.dataset.MDPDataset(x["obs"], x["act"], x["reward"][:, 0], np.zeros(ROWS, np.float32), timeouts=ends)
    for hidden, batch in SIZES:
        for name, config in (("iql", d3rlpy.algos.IQLConfig), ("td3bc", d3rlpy.algos.TD3PlusBCConfig), ("sac", d3rlpy.algos.SACConfig)):
            encoder = d3rlpy.models.VectorEncoderFactory(hidden_units=list(hidden))
            keys = {"batch_size": batch, "actor_encoder_factory": encoder, "critic_encoder_factory": encoder}
            if name == "iql":
                keys["value_encoder_factory"] = encoder
            algo = config(**keys).create(device="cpu")
            algo.build_with_dataset(data)
            say("d3rlpy " + d3rlpy.__version__, f"{name} {hidden[0]}x{hidden[1]} batch {batch}", rate(lambda: algo.update(data.sample_transition_batch(batch)), how),
                "updates a CPU-second")


def peer_sb3(how):
    import gymnasium
    import stable_baselines3 as sb3
    from stable_baselines3.common.env_util import make_vec_env
    rates = []
    model = sb3.SAC("MlpPolicy", gymnasium.make("Pendulum-v1"), learning_starts=100, batch_size=100, policy_kwargs={"net_arch": [64, 64]}, seed=1, device="cpu")
    model.learn(200)
    for _ in range(how.repeats):
        begin, steps = time.process_time(), int(150 * how.seconds)
        model.learn(steps, reset_num_timesteps=False)
        rates.append(steps / (time.process_time() - begin))
    say("SB3 " + sb3.__version__, "sac pendulum 64x64 batch 100", rates, "environment steps a CPU-second")
    rates = []
    model = sb3.SAC("MlpPolicy", gymnasium.make("Pendulum-v1"), learning_starts=100, seed=1, device="cpu")
    model.learn(200)
    for _ in range(how.repeats):
        begin, steps = time.process_time(), int(60 * how.seconds)
        model.learn(steps, reset_num_timesteps=False)
        rates.append(steps / (time.process_time() - begin))
    say("SB3 " + sb3.__version__, "sac pendulum 256x256 batch 256", rates, "environment steps a CPU-second")
    rates = []
    model = sb3.PPO("MlpPolicy", make_vec_env("Pendulum-v1", 4, seed=1), n_steps=1024, batch_size=256, n_epochs=2, seed=1, device="cpu")
    for _ in range(how.repeats + 1):
        begin = time.process_time()
        model.learn(4096, reset_num_timesteps=False)
        rates.append(4096 / (time.process_time() - begin))
    say("SB3 " + sb3.__version__, "ppo pendulum 64x64, 4 x 1024, batch 256, 2 epochs", rates[1:], "environment steps a CPU-second")


def main():
    a = argparse.ArgumentParser()
    a.add_argument("peer", choices=["torch", "d3rlpy", "sb3"])
    a.add_argument("--seconds", type=float, default=1)
    a.add_argument("--repeats", type=int, default=5)
    how = a.parse_args()
    torch.set_num_threads(1)
    {"torch": peer_torch, "d3rlpy": peer_d3rlpy, "sb3": peer_sb3}[how.peer](how)


if __name__ == "__main__":
    main()
