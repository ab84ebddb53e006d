"""Training steps of PyTorch beside those of bitstate, in turn, each on one thread."""

import json
import os
import statistics
import subprocess
import sys
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when PyTorch loads it
try:
    import torch
except ImportError:
    sys.exit("there is no PyTorch; install python3-torch")


class TorchStep:
    """A step of AdamW. `loss` computes what it descends, with the parameters of `model`."""

    def __init__(self, model, loss):
        self.loss = loss
        self.optimizer = torch.optim.AdamW(model.parameters(), 1e-3)

    def seconds(self):
        start = time.perf_counter()
        self.optimizer.zero_grad()
        self.loss().backward()
        self.optimizer.step()
        return time.perf_counter() - start


def bitstate_seconds(program, recipe):
    """Of a step in float and under W8A8."""
    command = [program, "bench", recipe, "--threads=1", "--json"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return {run["quant"]: run["step_seconds"] for run in json.loads(lines[-1])["runs"]}


def compare(usage, recipe, peers):
    """`peers` makes a name, what of bitstate it is compared with (none or w8a8) and a TorchStep for each peer."""
    if len(sys.argv) not in (2, 3):
        sys.exit(usage)
    rounds = int(sys.argv[2]) if len(sys.argv) == 3 else 5
    torch.manual_seed(0)
    torch.set_num_threads(1)
    peers = peers()
    for _, _, peer in peers:
        peer.seconds()  # warms its memory
    ratios = {name: [] for name, _, _ in peers}
    for i in range(rounds):
        ours = bitstate_seconds(sys.argv[1], recipe)
        for name, quant, peer in peers:
            theirs = min(peer.seconds() for _ in range(3))
            ratios[name].append(theirs / ours[quant])
            print(f"{i + 1}/{rounds} {name}: PyTorch {theirs:.2f} s, bitstate {ours[quant]:.3f} s per step, "
                  f"ratio {ratios[name][-1]:.1f}", flush=True)
    for name, of_name in ratios.items():
        print(f"{name}: PyTorch / bitstate {statistics.median(of_name):.1f} "
              f"({min(of_name):.1f} to {max(of_name):.1f})")
