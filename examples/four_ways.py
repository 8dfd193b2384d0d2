"""One function, differentiated numerically, symbolically, in forward mode, and in reverse mode.

Every way's Jacobian is compared with reverse mode's. Automatic and symbolic derivatives agree to
rounding, and so does the complex step; differences agree in about half the digits. Formulas cannot
be written out for large networks. At a kink a central difference is the mean of both slopes.
"""

import numpy as np
from bands import Bands

import lamina
from lamina import diff, nn
from lamina import functions as F
from lamina.diff import examples


def float64(values: object) -> lamina.Tensor:
    return lamina.tensor(np.asarray(values, np.float64))


rng = np.random.default_rng(0)
lamina.manual_seed(0)
mlp = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 1)).double()
lenet = nn.models.create("lenet", pooling="mean").double()
image, label = float64(rng.normal(size=(1, 1, 32, 32))), lamina.tensor([3])
batch, targets = float64(rng.normal(size=(2, 2))), float64([[0.0], [1.0]])
of_image = diff.input_function(lenet, label, F.cross_entropy)
of_weights = diff.network_function(mlp, batch, targets, F.mse_loss)

FUNCTIONS = {
    "logistic unit": (examples.logistic_unit, float64([0.5, -1.0, 2.0])),
    "2-layer MLP, by its parameters": (of_weights, of_weights.start),
    "LeNet, by its image": (lamina.compile(of_image), image),
    "Rosenbrock, 2 dimensions": (examples.rosenbrock, float64([-1.2, 1.0])),
    "Rosenbrock, 100 dimensions": (examples.rosenbrock, float64(rng.normal(size=100))),
    "a kink, at it": (examples.kink, float64([0.0, 1.0])),
    "logistic map, 8 times": (examples.iterated(8), float64(0.3)),
}
ENGINES = list(diff.comparison.all_engines())

bands = Bands("Four ways to differentiate: digits of agreement with reverse mode")
for name, (f, x) in FUNCTIONS.items():
    large = x.numel() > 100
    engines = [e for e in ENGINES if not (large and e.way.endswith(("ridders", "complex")))]
    found = diff.compare(f, x, engines)
    print(f"\n{name}\n{found}")
    for row in found.rows:
        if row.digits is not None and not name.startswith("a kink"):
            exact = "numerical" not in row.way or "complex" in row.way
            bands.expect(row.way, row.digits, 11 if exact else 4, 17)
print("\nForward mode for few inputs, reverse mode for few outputs")
vector = float64(rng.normal(size=64))
for f, x, fewer in (
    (lambda x: lamina.tanh(x * vector).sum(), vector, "reverse"),
    (lambda t: lamina.tanh(t * vector), float64(0.5), "forward"),
):
    both = diff.forward_against_reverse(f, x)
    print(f"{both}\n")
    less = min(both.forward.operations, both.reverse.operations)
    chosen = both.reverse if fewer == "reverse" else both.forward
    bands.expect(f"{fewer} mode's operations, of the cheaper one's", chosen.operations / less, 1, 1)
slopes = diff.jacobian(lamina.grad(examples.rosenbrock), vector)
print(slopes.reason)
bands.expect("passes for a tridiagonal Hessian", slopes.evaluations, 3, 3)

print("\nReverse mode in segments")
steps = diff.checkpointing([lamina.sin] * 100, float64(rng.normal(size=1000)), (1, 4, 10, 25, 100))
print(steps)
bands.expect(
    "memory of 10 segments, of all", steps.rows[3].measured / steps.rows[0].measured, 0, 0.4
)

print("\n|x| + relu(x)² at 0")
for method, slope in {"forward": 1.0, "central": 0.0}.items():
    found = diff.Numerical(method).jacobian(examples.kink, float64(0.0))
    bands.expect(found.way, float(found.jacobian), slope - 0.01, slope + 0.01)
bands.finish()
