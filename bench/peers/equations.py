"""The systems' updates in plain PyTorch eager, one class a system, in the order of steps that rein's files give.

Written twice on purpose: the engine is compared with these equations (torch_step.py) and timed beside them (speed.py). Each module's names are
those of rein's files (`pi.0.w`, `q.0.b`, `q@target.0.w`), so parameters go from one to the other. Runs with PyTorch 1.13 and later.
"""
import math

import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    """[.., in] -> [.., out] through hidden layers; `members` of them side by side are a list of plain networks, as usual in PyTorch."""

    def __init__(self, name, sizes, members=0, activation=F.relu):
        super().__init__()
        self.name, self.members, self.activation = name, members, activation
        self.layers = nn.ModuleList([nn.ModuleList([nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])]) for _ in range(max(members, 1))])

    def one(self, layers, x):
        for layer in layers[:-1]:
            x = self.activation(layer(x))
        return layers[-1](x)

    def forward(self, x):
        if not self.members:
            return self.one(self.layers[0], x)
        return torch.stack([self.one(layers, x) for layers in self.layers])      # [E, n, out]

    def load(self, tensors, name=None):
        name = name or self.name
        with torch.no_grad():
            for e, layers in enumerate(self.layers):
                for k, layer in enumerate(layers):
                    w, b = tensors[f"{name}.{k}.w"], tensors[f"{name}.{k}.b"]
                    layer.weight.copy_((w[e] if self.members else w).T), layer.bias.copy_((b[e] if self.members else b).reshape(-1))

    def tensors(self, name=None):
        name, out = name or self.name, {}
        for k in range(len(self.layers[0])):
            w = [layers[k].weight.detach().T for layers in self.layers]
            b = [layers[k].bias.detach() for layers in self.layers]
            out[f"{name}.{k}.w"] = torch.stack(w) if self.members else w[0]
            out[f"{name}.{k}.b"] = torch.stack(b) if self.members else b[0]
        return out


def polyak(slow, net, tau):
    with torch.no_grad():
        for a, b in zip(slow.parameters(), net.parameters()):
            a.mul_(1 - tau).add_(b, alpha=tau)


def gaussian_logp(x, mean, log_std):
    z = (x - mean) * torch.exp(-log_std)
    return (-0.5 * z * z - log_std - 0.5 * math.log(2 * math.pi)).sum(-1, keepdim=True)


def descend(optimiser, loss):
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


class System:
    def __init__(self, obs, act, hidden, lr):
        self.obs, self.act, self.hidden, self.lr = obs, act, hidden, lr
        self.nets, self.extra, self.optimisers = {}, {}, {}

    def net(self, name, i, o, members=0, activation=F.relu):
        self.nets[name] = Net(name, [i, *self.hidden, o], members, activation)
        return self.nets[name]

    def slow(self, net):
        name = net.name + "@target"
        copy = Net(name, [layer.in_features for layer in net.layers[0]] + [net.layers[0][-1].out_features], net.members, net.activation)
        copy.load_state_dict(net.state_dict())
        self.nets[name] = copy
        return copy

    def parameter(self, name, value):
        self.extra[name] = nn.Parameter(value)
        return self.extra[name]

    def adam(self, name, parameters, **how):
        self.optimisers[name] = torch.optim.Adam(list(parameters), lr=self.lr, **how)
        return self.optimisers[name]

    def load(self, tensors):
        for name, net in self.nets.items():
            net.load(tensors, name)
        with torch.no_grad():
            for name, p in self.extra.items():
                p.copy_(tensors[name].reshape(p.shape))

    def tensors(self):
        out = {}
        for name, net in self.nets.items():
            out.update(net.tensors(name))
        out.update({name: p.detach() for name, p in self.extra.items()})
        return out


class Gaussian:
    """Mean tanh of a perceptron, one deviation for all observations."""

    def gaussian(self, activation=F.relu):
        self.pi = self.net("pi", self.obs, self.act, activation=activation)
        self.log_std = self.parameter("pi.log_std", torch.zeros(self.act))

    def logp(self, obs, act):
        return gaussian_logp(act, torch.tanh(self.pi(obs)), self.log_std.clamp(-5, 2))


class BC(System, Gaussian):
    def __init__(self, obs, act, hidden, lr=3e-4):
        super().__init__(obs, act, hidden, lr)
        self.gaussian()
        self.opt = self.adam("pi", [*self.pi.parameters(), self.log_std])

    def update(self, b, noise=None):
        descend(self.opt, -self.logp(b["obs"], b["act"]).mean())


class IQL(System, Gaussian):
    def __init__(self, obs, act, hidden, lr=3e-4, gamma=0.99, tau=0.005, expectile=0.7, beta=3.0, cap=100.0):
        super().__init__(obs, act, hidden, lr)
        self.gamma, self.tau, self.expectile, self.beta, self.cap = gamma, tau, expectile, beta, cap
        self.gaussian()
        self.q, self.v = self.net("q", obs + act, 1, members=2), self.net("v", obs, 1)
        self.target = self.slow(self.q)
        self.opt_q, self.opt_v = self.adam("q", self.q.parameters()), self.adam("v", self.v.parameters())
        self.opt_pi = self.adam("pi", [*self.pi.parameters(), self.log_std])

    def update(self, b, noise=None):
        sa = torch.cat([b["obs"], b["act"]], -1)
        with torch.no_grad():
            q = self.target(sa).min(0).values
        u = q - self.v(b["obs"])
        descend(self.opt_v, (torch.abs(self.expectile - (u.detach() < 0).float()) * u * u).mean())
        with torch.no_grad():
            weight = torch.exp(self.beta * (q - self.v(b["obs"]))).clamp(max=self.cap)
        descend(self.opt_pi, -(weight * self.logp(b["obs"], b["act"])).mean())
        with torch.no_grad():
            y = b["reward"] + self.gamma * b["live"] * self.v(b["next"])
        descend(self.opt_q, ((self.q(sa) - y) ** 2).mean((1, 2)).sum())
        polyak(self.target, self.q, self.tau)


class TD3BC(System):
    def __init__(self, obs, act, hidden, lr=3e-4, gamma=0.99, tau=0.005, alpha=2.5, noise=0.2, clip=0.5, delay=2):
        super().__init__(obs, act, hidden, lr)
        self.gamma, self.tau, self.alpha, self.noise, self.clip, self.delay, self.count = gamma, tau, alpha, noise, clip, delay, 0
        self.pi, self.q = self.net("pi", obs, act), self.net("q", obs + act, 1, members=2)
        self.slow_pi, self.target = self.slow(self.pi), self.slow(self.q)
        self.opt_q, self.opt_pi = self.adam("q", self.q.parameters()), self.adam("pi", self.pi.parameters())

    def update(self, b, noise=None):
        with torch.no_grad():
            eps = torch.randn_like(b["act"]) if noise is None else noise[0]
            a = (torch.tanh(self.slow_pi(b["next"])) + (self.noise * eps).clamp(-self.clip, self.clip)).clamp(-1, 1)
            y = b["reward"] + self.gamma * b["live"] * self.target(torch.cat([b["next"], a], -1)).min(0).values
        descend(self.opt_q, ((self.q(torch.cat([b["obs"], b["act"]], -1)) - y) ** 2).mean((1, 2)).sum())
        self.count += 1
        if self.count % self.delay:
            return
        a = torch.tanh(self.pi(b["obs"]))
        q = self.q.one(self.q.layers[0], torch.cat([b["obs"], a], -1))
        descend(self.opt_pi, -self.alpha * q.mean() / q.abs().mean().detach() + ((a - b["act"]) ** 2).mean())
        polyak(self.slow_pi, self.pi, self.tau), polyak(self.target, self.q, self.tau)


class SAC(System):
    def __init__(self, obs, act, hidden, lr=3e-4, gamma=0.99, tau=0.005):
        super().__init__(obs, act, hidden, lr)
        self.gamma, self.tau = gamma, tau
        self.pi, self.q = self.net("pi", obs, 2 * act), self.net("q", obs + act, 1, members=2)
        self.target, self.log_temp = self.slow(self.q), self.parameter("temp.log", torch.zeros(1))
        self.opt_q, self.opt_pi = self.adam("q", self.q.parameters()), self.adam("pi", self.pi.parameters())
        self.opt_temp = self.adam("temp", [self.log_temp])

    def sample(self, obs, eps):
        mean, log_std = self.pi(obs).chunk(2, -1)
        log_std = log_std.clamp(-20, 2)
        u = mean + torch.exp(log_std) * eps
        slope = 2 * (math.log(2) - u - F.softplus(-2 * u))
        return torch.tanh(u), (-0.5 * eps * eps - log_std - 0.5 * math.log(2 * math.pi) - slope).sum(-1, keepdim=True)

    def update(self, b, noise=None):
        eps = [torch.randn_like(b["act"]), torch.randn_like(b["act"])] if noise is None else noise
        temp = torch.exp(self.log_temp.detach())
        with torch.no_grad():
            a, logp = self.sample(b["next"], eps[0])
            v = self.target(torch.cat([b["next"], a], -1)).min(0).values - temp * logp
            y = b["reward"] + self.gamma * b["live"] * v
        descend(self.opt_q, ((self.q(torch.cat([b["obs"], b["act"]], -1)) - y) ** 2).mean((1, 2)).sum())
        polyak(self.target, self.q, self.tau)
        a, logp = self.sample(b["obs"], eps[1])
        for p in self.q.parameters():
            p.requires_grad_(False)
        descend(self.opt_pi, (temp * logp - self.q(torch.cat([b["obs"], a], -1)).min(0).values).mean())
        for p in self.q.parameters():
            p.requires_grad_(True)
        descend(self.opt_temp, -(self.log_temp * (logp.detach().mean() - self.act)).sum())


class PPO(System, Gaussian):
    """One epoch of one minibatch: the whole rollout [T, obs] of one row."""

    def __init__(self, obs, act, hidden, lr=3e-4, gamma=0.99, lam=0.95, clip=0.2, value=0.5, norm=0.5):
        super().__init__(obs, act, hidden, lr)
        self.gamma, self.lam, self.clip, self.value, self.norm = gamma, lam, clip, value, norm
        self.count = self.mean = self.square = 0.0
        self.gaussian(torch.tanh)
        self.v = self.net("v", obs, 1, activation=torch.tanh)
        self.opt_pi, self.opt_v = self.adam("pi", [*self.pi.parameters(), self.log_std], eps=1e-5), self.adam("v", self.v.parameters(), eps=1e-5)

    def scaled(self, b):
        """rewards over the running deviation of the discounted return"""
        ret, first = 0.0, True
        for r, live, cut in zip(b["reward"][:, 0].tolist(), b["live"][:, 0].tolist(), b["truncated"][:, 0].tolist()):
            ret = (0.0 if first else self.gamma * ret) + r
            self.count += 1
            d = ret - self.mean
            self.mean += d / self.count
            self.square += d * (ret - self.mean)
            first = live == 0 or cut != 0
        return (b["reward"] / math.sqrt(self.square / self.count + 1e-8)).clamp(-10, 10)

    def clipped(self, optimiser, parameters, loss):
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, self.norm)
        optimiser.step()

    def update(self, b, noise=None):
        with torch.no_grad():
            value, after = self.v(b["obs"]), self.v(b["next"])
            reward, adv, carry = self.scaled(b), torch.zeros_like(value), 0.0
            for t in reversed(range(len(value))):
                live = float(b["live"][t])
                delta = float(reward[t]) + self.gamma * live * float(after[t]) - float(value[t])
                carry = delta + (0.0 if live == 0 or float(b["truncated"][t]) else self.gamma * self.lam * carry)
                adv[t] = carry
            ret = adv + value
            adv = (adv - adv.mean()) / (adv.std() + 1e-8)
        ratio = torch.exp(self.logp(b["obs"], b["act"]) - b["logp"])
        gain = torch.minimum(ratio * adv, ratio.clamp(1 - self.clip, 1 + self.clip) * adv)
        self.clipped(self.opt_pi, [*self.pi.parameters(), self.log_std], -gain.mean())
        v = self.v(b["obs"])
        plain, held = (v - ret) ** 2, (value + (v - value).clamp(-self.clip, self.clip) - ret) ** 2
        self.clipped(self.opt_v, list(self.v.parameters()), 0.5 * self.value * torch.where(held > plain, held, plain).mean())


SYSTEMS = {"bc": BC, "td3bc": TD3BC, "iql": IQL, "sac": SAC, "ppo": PPO}
