#!/usr/bin/python3
"""Times a training step of S5 in PyTorch beside one of bitstate, in turn.

Usage: compare_torch.py BITSTATE [ROUNDS]
BITSTATE is the program; both sides use one thread. Needs python3-torch (1.13) and libopenblas0-pthread:
with the reference BLAS, products of PyTorch take nine times as long.

The PyTorch model has the sizes of the recipe `smnist`: 784 steps, H = 96, 64 complex states, four layers with
LayerNorm and a gate, 50 sequences. It has no dropout, which bitstate's step does have. Under W8A8, weights,
activations and the state at every step are rounded by absmax, with a straight-through gradient.
"""

import math

from torch_pairs import TorchStep, compare  # says where there is no PyTorch
import torch

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


def step_of(rounded):
    model = Classifier(rounded)
    x = torch.rand(SEQUENCES, STEPS, 1)
    labels = torch.randint(0, 10, (SEQUENCES,))
    return TorchStep(model, lambda: torch.nn.functional.cross_entropy(model(x), labels))


if __name__ == "__main__":
    compare(__doc__, "smnist", lambda: [("float", "none", step_of(False)), ("w8a8", "w8a8", step_of(True))])
