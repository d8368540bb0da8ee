"""Trains a policy of middling skill with Stable-Baselines3 and records it with Minari. Called by script/realdata; versions are pinned there.

    record.py train  ENV STEPS EVERY FOLDER         SAC, a checkpoint and an evaluation each EVERY steps
    record.py record ENV POLICIES EPISODES FOLDER   episode k samples the action law of policy k mod n (commas between them) into a Minari dataset
    record.py part   FOLDER EPISODES                a Minari dataset's data folder loses all but its first EPISODES
"""
import json
import os
import random
import sys

import numpy as np


def seed_all(seed):
    import torch
    torch.set_num_threads(1)
    random.seed(seed), np.random.seed(seed), torch.manual_seed(seed)


def returns(env, policies, episodes, seed):
    found = []
    for k in range(episodes):
        policy = policies[k % len(policies)]
        obs, _ = env.reset(seed=seed + k)
        total, over = 0.0, False
        while not over:
            action, _ = policy.predict(obs, deterministic=False)
            obs, reward, terminated, truncated, _ = env.step(action)
            total, over = total + float(reward), terminated or truncated
        found.append(total)
    return np.array(found)


def train(name, steps, every, folder):
    import gymnasium
    from stable_baselines3 import SAC
    seed_all(1)
    env = gymnasium.make(name)
    policy = SAC("MlpPolicy", env, learning_rate=1e-3 if name.startswith("Pendulum") else 3e-4, seed=1, device="cpu")
    os.makedirs(folder, exist_ok=True)
    for at in range(every, steps + 1, every):
        policy.learn(every, reset_num_timesteps=False)
        policy.save(f"{folder}/{at}.zip")
        r = returns(gymnasium.make(name), [policy], 10, 1000)
        print(json.dumps({"steps": at, "return": float(r.mean()), "sd": float(r.std())}), flush=True)


def record(name, paths, episodes, folder):
    os.environ["MINARI_DATASETS_PATH"] = os.path.abspath(folder)
    import gymnasium
    import minari
    import stable_baselines3
    seed_all(2)
    policies = [stable_baselines3.SAC.load(path, device="cpu") for path in paths.split(",")]
    env = minari.DataCollector(gymnasium.make(name), record_infos=False)
    r = returns(env, policies, episodes, 0)
    dataset = f"rein/{name.split('-')[0].lower()}-medium-v0"
    env.create_dataset(dataset_id=dataset, algorithm_name="SAC of Stable-Baselines3, stopped early: sampled actions of checkpoints in turn",
                       author="the rein project", author_email="none", code_permalink="data/real/record.py",
                       description=f"{episodes} episodes of {name}")
    print(json.dumps({"episodes": episodes, "return": float(r.mean()), "sd": float(r.std()), "least": float(r.min()), "most": float(r.max())}))


def part(folder, episodes):
    """Keeps the first episodes of a Minari dataset in place: the groups are copied as they are, the counts corrected."""
    import h5py
    path, whole = f"{folder}/main_data.hdf5", f"{folder}/whole.hdf5"
    os.rename(path, whole)
    steps = 0
    with h5py.File(whole, "r") as a, h5py.File(path, "w") as b:
        for k in range(episodes):
            a.copy(f"episode_{k}", b)
            steps += int(a[f"episode_{k}"].attrs["total_steps"])
    os.remove(whole)
    with open(f"{folder}/metadata.json") as f:
        about = json.load(f)
    about.update(total_episodes=episodes, total_steps=steps, description=f"the first {episodes} of: {about['description']}")
    with open(f"{folder}/metadata.json", "w") as f:
        json.dump(about, f)


if __name__ == "__main__":
    verb, args = sys.argv[1], sys.argv[2:]
    if verb == "train":
        train(args[0], int(args[1]), int(args[2]), args[3])
    elif verb == "record":
        record(args[0], args[1], int(args[2]), args[3])
    elif verb == "part":
        part(args[0], int(args[1]))
    else:
        sys.exit(__doc__)
