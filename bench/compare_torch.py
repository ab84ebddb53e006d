#!/usr/bin/python3
"""Times a training step of S5 in PyTorch beside one of bitstate, in turn.

Usage: compare_torch.py BITSTATE [ROUNDS]
BITSTATE is the program; both sides use one thread. Needs python3-torch (1.13).

The PyTorch model has the sizes of the recipe `smnist`: 784 steps, H = 96, 64 complex states, four layers with
LayerNorm and a gate, 50 sequences. It has no dropout, which bitstate's step does have. Under W8A8, weights,
activations and the state at every step are rounded by absmax, with a straight-through gradient.
"""

import json
import math
import statistics
import subprocess
import sys
import time

try:
    import torch
except ImportError:
    sys.exit("compare_torch: there is no PyTorch; install python3-torch")

STEPS, FEATURES, STATES, LAYERS, SEQUENCES = 784, 96, 64, 4, 50


class Rounded(torch.autograd.Function):
    """Eight bits by absmax; the gradient passes through."""

    @staticmethod
    def forward(_, x):
        scale = x.abs().max() / 127 + 1e-12
        return torch.clamp(torch.round(x / scale), -127, 127) * scale

    @staticmethod
    def backward(_, gradient):
        return gradient


def fft_scan(lambda_bar, bu):
    """x_l = lambda_bar x_(l-1) + bu_l as a convolution. Only possible in float."""
    steps = bu.shape[1]
    kernel = torch.exp(torch.log(lambda_bar)[None, :] * torch.arange(steps)[:, None])
    product = torch.fft.fft(bu, n=2 * steps, dim=1) * torch.fft.fft(kernel, n=2 * steps, dim=0)[None]
    return torch.fft.ifft(product, dim=1)[:, :steps]


class Layer(torch.nn.Module):
    def __init__(self, rounded):
        super().__init__()
        self.real = Rounded.apply if rounded else lambda x: x
        self.rounded = rounded
        self.lambda_re = torch.nn.Parameter(-0.5 * torch.ones(STATES))
        self.lambda_im = torch.nn.Parameter(math.pi * torch.arange(STATES).float())
        self.b = torch.nn.Parameter(torch.randn(STATES, FEATURES, 2) / math.sqrt(FEATURES))
        self.c = torch.nn.Parameter(torch.randn(FEATURES, STATES, 2) / math.sqrt(STATES))
        self.d = torch.nn.Parameter(torch.randn(FEATURES))
        self.log_step = torch.nn.Parameter(torch.rand(STATES) * math.log(100) + math.log(0.001))
        self.norm = torch.nn.LayerNorm(FEATURES)
        self.gate = torch.nn.Linear(FEATURES, FEATURES)

    def pair(self, x):
        return torch.complex(self.real(x.real), self.real(x.imag)) if self.rounded else x

    def scan(self, lambda_bar, bu):
        if not self.rounded:
            return fft_scan(lambda_bar, bu)
        states, x = [], torch.zeros_like(bu[:, 0])
        for step in bu.unbind(1):
            x = self.pair(lambda_bar * x + step)
            states.append(x)
        return torch.stack(states, 1)

    def forward(self, x):
        lambda_ = torch.complex(self.lambda_re, self.lambda_im)
        lambda_bar = torch.exp(lambda_ * torch.exp(self.log_step))
        b_bar = self.pair(((lambda_bar - 1) / lambda_)[:, None] * torch.view_as_complex(self.b))
        u = self.real(self.norm(x))
        states = self.pair(self.scan(self.pair(lambda_bar), torch.complex(u @ b_bar.real.T, u @ b_bar.imag.T)))
        c = self.pair(torch.view_as_complex(self.c))
        y = 2 * (states.real @ c.real.T - states.imag @ c.imag.T) + self.real(self.d) * u
        z = self.real(torch.nn.functional.gelu(self.real(y)))
        gate = torch.nn.functional.linear(z, self.real(self.gate.weight), self.gate.bias)
        return x + z * self.real(torch.sigmoid(gate))


class Classifier(torch.nn.Module):
    def __init__(self, rounded):
        super().__init__()
        self.encoder = torch.nn.Linear(1, FEATURES)
        self.layers = torch.nn.Sequential(*(Layer(rounded) for _ in range(LAYERS)))
        self.decoder = torch.nn.Linear(FEATURES, 10)

    def forward(self, u):
        return self.decoder(self.layers(self.encoder(u)).mean(1))


class TorchStep:
    def __init__(self, rounded):
        self.model = Classifier(rounded)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), 1e-3)
        self.x = torch.rand(SEQUENCES, STEPS, 1)
        self.labels = torch.randint(0, 10, (SEQUENCES,))

    def seconds(self):
        start = time.perf_counter()
        self.optimizer.zero_grad()
        torch.nn.functional.cross_entropy(self.model(self.x), self.labels).backward()
        self.optimizer.step()
        return time.perf_counter() - start


def bitstate_seconds(program):
    """Of a step in float and under W8A8."""
    command = [program, "bench", "smnist", "--threads=1", "--json"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return {run["quant"]: run["step_seconds"] for run in json.loads(lines[-1])["runs"]}


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    rounds = int(sys.argv[2]) if len(sys.argv) == 3 else 5
    torch.manual_seed(0)
    torch.set_num_threads(1)
    peers = {"none": TorchStep(rounded=False), "w8a8": TorchStep(rounded=True)}
    for peer in peers.values():
        peer.seconds()  # warms its memory
    ratios = {quant: [] for quant in peers}
    for i in range(rounds):
        ours = bitstate_seconds(sys.argv[1])
        for quant, peer in peers.items():
            theirs = min(peer.seconds() for _ in range(3))
            ratios[quant].append(theirs / ours[quant])
            print(f"{i + 1}/{rounds} {quant}: PyTorch {theirs:.2f} s, bitstate {ours[quant]:.3f} s per step, "
                  f"ratio {ratios[quant][-1]:.1f}", flush=True)
    for quant, of_quant in ratios.items():
        print(f"{quant}: PyTorch / bitstate {statistics.median(of_quant):.1f} "
              f"({min(of_quant):.1f} to {max(of_quant):.1f})")


if __name__ == "__main__":
    main()
