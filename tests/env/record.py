"""Plays Gymnasium's environments and writes what happened, a line a step; called by script/record.

A file is: comments (#), a line `env NAME SOURCE`, a line `columns STATE ACT OBS` with the widths, for MuJoCo a line `model nq nv nu nbody`,
then for each recorded step: t (steps before this one), the state before it, the action, and after it observation, reward, terminated,
truncated. The state of MuJoCo is qpos qvel qacc_warmstart xpos time, of the others what they keep. Numbers are exact (17 digits).
The first 40 lines are one episode from its start, unless it ends; later lines are any steps worth having: ends, time limits."""
import pathlib
import sys

import gymnasium
import mujoco
import numpy

HERE = pathlib.Path(__file__).parent / "data"


def balance(obs, rng):  # a cart's pole, for episodes that reach the limit
    return int(obs[2] + 0.3 * obs[3] + 0.05 * obs[0] + 0.1 * obs[1] > 0)


def with_velocity(column, low, high):  # pumps energy into a car or an acrobot
    return lambda obs, rng: high if obs[column] > 0 else low


def upright(obs, rng):  # a cart that follows its pole
    return numpy.array([numpy.clip(8 * obs[1] + 2 * obs[3] + rng.uniform(-0.5, 0.5), -3, 3)], dtype=numpy.float32)


def uniform(scale=1.0):
    def choose(obs, rng, space):
        if isinstance(space, gymnasium.spaces.Discrete):
            return int(rng.integers(space.n))
        a = rng.uniform(-1, 1, space.shape) * scale
        if scale == 1:
            a = numpy.where(rng.random(space.shape) < 0.1, numpy.sign(a), a)  # the bounds themselves
        return (space.low + (a + 1) / 2 * (space.high - space.low)).astype(numpy.float32)

    return choose


def state_of(env):
    e = env.unwrapped
    if hasattr(e, "data"):
        d = e.data
        return numpy.concatenate([d.qpos, d.qvel, d.qacc_warmstart, d.xpos.ravel(), [d.time]])
    return numpy.asarray(e.state, dtype=numpy.float64)


def play(env, choose, seed, most):
    rng = numpy.random.default_rng(seed)
    obs, _ = env.reset(seed=seed)
    rows = []
    for t in range(most):
        before = state_of(env).copy()
        act = choose(obs, rng, env.action_space) if choose.__code__.co_argcount == 3 else choose(obs, rng)
        obs, reward, terminated, truncated, _ = env.step(act)
        rows.append((t, before, numpy.atleast_1d(act), numpy.asarray(obs), reward, terminated, truncated))
        if terminated or truncated:
            break
    return rows


def force(column):
    return lambda obs, rng: numpy.array([1.0 if obs[column] > 0 else -1.0], dtype=numpy.float32)


# name: Gymnasium's id, then (chooser, seed, most steps, first rows kept, last rows kept)
PLAYS = {
    "cartpole": ("CartPole-v1", [(balance, 1, 500, 40, 12), (uniform(), 2, 500, 100, 0), (uniform(), 3, 500, 100, 0)]),
    "pendulum": ("Pendulum-v1", [(uniform(), 1, 200, 60, 5), (uniform(0.2), 2, 200, 40, 3)]),
    "acrobot": ("Acrobot-v1", [(uniform(), 1, 500, 40, 6), (with_velocity(5, 0, 2), 2, 500, 10, 40)]),
    "mountaincar": ("MountainCar-v0", [(uniform(), 1, 200, 40, 4), (with_velocity(1, 0, 2), 2, 200, 10, 30)]),
    "mountaincar-continuous": ("MountainCarContinuous-v0", [(uniform(), 1, 999, 40, 4), (force(1), 2, 999, 10, 40)]),
    "hopper": ("Hopper-v4", [(uniform(0.3), 1, 1000, 40, 4), (uniform(), 2, 1000, 30, 2), (uniform(), 3, 1000, 30, 2)]),
    "halfcheetah": ("HalfCheetah-v4", [(uniform(), 1, 1000, 60, 4)]),
    "walker2d": ("Walker2d-v4", [(uniform(0.1), 1, 1000, 40, 4), (uniform(), 2, 1000, 20, 2)]),
    "ant": ("Ant-v4", [(uniform(), 1, 1000, 34, 3), (uniform(), 4, 1000, 3, 3)]),
    "invertedpendulum": ("InvertedPendulum-v4", [(upright, 1, 1000, 40, 3), (uniform(), 2, 1000, 30, 0)]),
    "reacher": ("Reacher-v4", [(uniform(), 1, 50, 50, 0)]),
}


def write(name):
    source, plays = PLAYS[name]
    env = gymnasium.make(source)
    rows = []
    for choose, seed, most, head, tail in plays:
        played = play(env, choose, seed, most)
        rows += played[:head] + played[max(head, len(played) - tail):]
    lines = [
        f"# recorded by script/record {name}: gymnasium {gymnasium.__version__}, mujoco {mujoco.__version__}, numpy {numpy.__version__}",
        f"env {name} {source}",
        f"columns {len(rows[0][1])} {len(rows[0][2])} {len(rows[0][3])}",
    ]
    if hasattr(env.unwrapped, "model"):
        m = env.unwrapped.model
        lines.append(f"model {m.nq} {m.nv} {m.nu} {m.nbody}")
    for t, before, act, obs, reward, terminated, truncated in rows:
        numbers = [*before, *act, *obs, reward]
        lines.append(" ".join([str(t), *(format(float(x), ".17g") for x in numbers), str(int(terminated)), str(int(truncated))]))
    HERE.mkdir(exist_ok=True)
    (HERE / f"{name}.txt").write_text("\n".join(lines) + "\n")
    ends = sum(r[5] for r in rows), sum(r[6] for r in rows)
    print(f"{name}: {len(rows)} steps, {ends[0]} ends, {ends[1]} time limits")


for name in sys.argv[1:] or PLAYS:
    write(name)
