#!/usr/bin/python3
"""Times a training step of Mamba in PyTorch beside one of bitstate, in turn.

Usage: compare_torch_mamba.py BITSTATE [ROUNDS]
BITSTATE is the program; both sides use one thread. Needs python3-torch (1.13) and libopenblas0-pthread:
with the reference BLAS, products of PyTorch take nine times as long.

The PyTorch model has the sizes of the recipe `imdb-bytes`: four layers of 128 features and 16 states, 16 windows of
256 bytes, a tied head. Its recurrence is a loop over the steps, an associative scan of logarithmic depth, or a loop
whose gradient is written by hand, which keeps what it works on in the cache. All are compared with bitstate in float.
"""

import math

from torch_pairs import TorchStep, compare  # says where there is no PyTorch
import torch
from torch.nn.functional import cross_entropy, linear, silu, softplus

VOCABULARY, LAYERS, FEATURES, STATES, STEPS, SEQUENCES = 256, 4, 128, 16, 256, 16
CHANNELS, TAPS, RANK = 2 * FEATURES, 4, FEATURES // 16


def by_states(states_of):
    """y of a scan that makes all states h_t = decay_t h_(t-1) + inputs_t; time is the first dimension."""

    def scan(delta, rate, u, b, c):
        states = states_of(torch.exp(delta[..., None] * rate), (delta * u)[..., None] * b[:, :, None])
        return (states @ c[..., None])[..., 0]

    return scan


def loop(decay, inputs):
    states, h = [], torch.zeros_like(inputs[0])
    for factor, term in zip(decay.unbind(0), inputs.unbind(0)):
        h = torch.addcmul(term, factor, h)
        states.append(h)
    return torch.stack(states)


def tree(decay, inputs):
    """Two steps are one of a sequence half as long, whose states are every second one."""
    if len(inputs) == 1:
        return inputs
    even, odd = decay[0::2], decay[1::2]
    odd_states = tree(odd * even, torch.addcmul(inputs[1::2], odd, inputs[0::2]))
    rest = torch.addcmul(inputs[2::2], even[1:], odd_states[:-1])
    even_states = torch.cat((inputs[:1], rest))
    return torch.stack((even_states, odd_states), 1).flatten(0, 1)


class Scan(torch.autograd.Function):
    """Step by step, with the gradient by hand."""

    @staticmethod
    def forward(context, delta, rate, u, b, c):
        input_ = delta * u
        states = [torch.zeros(SEQUENCES, CHANNELS, STATES)]
        y = torch.empty_like(u)
        for t in range(STEPS):
            decay = torch.exp(delta[t, ..., None] * rate)
            states.append(torch.addcmul(input_[t, ..., None] * b[t, :, None], decay, states[-1]))
            y[t] = (states[-1] @ c[t, ..., None])[..., 0]
        context.save_for_backward(delta, rate, u, b, c)
        context.states = states
        return y

    @staticmethod
    def backward(context, dy):
        delta, rate, u, b, c = context.saved_tensors
        states = context.states
        d_delta, d_u, d_b, d_c = (torch.empty_like(x) for x in (delta, u, b, c))
        d_rate = torch.zeros_like(rate)
        dh = torch.zeros_like(states[0])
        for t in reversed(range(STEPS)):
            dh.addcmul_(dy[t, ..., None], c[t, :, None])
            d_c[t] = (dy[t, :, None] @ states[t + 1])[:, 0]
            d_b[t] = ((delta[t] * u[t])[:, None] @ dh)[:, 0]
            into_input = (dh @ b[t, ..., None])[..., 0]
            dh.mul_(torch.exp(delta[t, ..., None] * rate))
            k = dh * states[t]
            d_rate += (k * delta[t, ..., None]).sum(0)
            d_delta[t] = (k * rate).sum(-1) + u[t] * into_input
            d_u[t] = delta[t] * into_input
        return d_delta, d_rate, d_u, d_b, d_c


SCANS = {"loop": by_states(loop), "tree": by_states(tree), "loop with its own gradient": Scan.apply}


class RmsNorm(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(FEATURES))

    def forward(self, x):
        return self.weight * x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5)


class Layer(torch.nn.Module):
    """Time is the first dimension, then come sequences."""

    def __init__(self, scan):
        super().__init__()
        self.scan = scan
        self.norm = RmsNorm()
        self.in_proj = torch.nn.Linear(FEATURES, 2 * CHANNELS, bias=False)
        self.conv = torch.nn.Conv1d(CHANNELS, CHANNELS, TAPS, groups=CHANNELS, padding=TAPS - 1)
        self.x_proj = torch.nn.Linear(CHANNELS, RANK + 2 * STATES, bias=False)
        self.dt_proj = torch.nn.Linear(RANK, CHANNELS)
        self.log_rate = torch.nn.Parameter(torch.log(torch.arange(1.0, STATES + 1)).repeat(CHANNELS, 1))
        self.skip = torch.nn.Parameter(torch.ones(CHANNELS))
        self.out_proj = torch.nn.Linear(CHANNELS, FEATURES, bias=False)
        step = torch.exp(torch.rand(CHANNELS) * math.log(100) + math.log(0.001))
        self.dt_proj.bias.data = step + torch.log(-torch.expm1(-step))

    def convolved(self, x):
        return self.conv(x.permute(1, 2, 0))[:, :, :STEPS].permute(2, 0, 1).contiguous()

    def forward(self, h):
        x, z = self.in_proj(self.norm(h)).chunk(2, -1)
        u = silu(self.convolved(x))
        d, b, c = self.x_proj(u).split((RANK, STATES, STATES), -1)
        delta = softplus(self.dt_proj(d))
        y = self.scan(delta, -torch.exp(self.log_rate), u, b, c) + self.skip * u
        return h + self.out_proj(y * silu(z))


class Model(torch.nn.Module):
    def __init__(self, scan):
        super().__init__()
        self.embedding = torch.nn.Embedding(VOCABULARY, FEATURES)
        self.embedding.weight.data *= 0.02
        self.layers = torch.nn.Sequential(*(Layer(scan) for _ in range(LAYERS)))
        self.norm = RmsNorm()

    def forward(self, tokens):
        return linear(self.norm(self.layers(self.embedding(tokens))), self.embedding.weight)


def step_of(scan):
    model = Model(scan)
    tokens = torch.randint(0, VOCABULARY, (STEPS, SEQUENCES))
    targets = torch.randint(0, VOCABULARY, (STEPS * SEQUENCES,))
    return TorchStep(model, lambda: cross_entropy(model(tokens).flatten(0, 1), targets))


if __name__ == "__main__":
    compare(__doc__, "imdb-bytes", lambda: [(name, "none", step_of(scan)) for name, scan in SCANS.items()])
