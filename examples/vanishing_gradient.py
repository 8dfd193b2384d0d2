"""The gradient shrinks from layer to layer on its way back.

nndl, chapter 4: a 2-3-3-3-3-1 network on the moons, W ~ N(0, 0.01²), b = 1. Every layer multiplies
the error term by f'(z) and by small weights; the logistic function's f' ≤ 1/4 makes it worse than
ReLU's. Reported are the norms of ∂L/∂W of layers 1 to 5.
"""

from bands import Bands

import lamina
from lamina import data, insight, nn

REPORTED = {
    "sigmoid": (6.9e-11, 1.6e-8, 4.8e-6, 1.5e-3, 0.291),
    "relu": (4.7e-8, 3.0e-6, 1.7e-4, 1.1e-2, 0.403),
}
SPREAD = (100, 50, 20, 10, 2)  # how far random weights may lead from the reported norms

train, _, _ = data.load("moons", count=1000, noise=0.5, fractions=(640, 160, 200))


def health(activation: str) -> insight.HealthReport:
    """What every layer sees at the start."""
    lamina.manual_seed(0)
    model = nn.models.create("mlp", sizes=(2, 3, 3, 3, 3, 1), activation=activation)
    for name, parameter in model.named_parameters():
        if name.endswith("weight"):
            nn.init.normal_(parameter, std=0.01)
        else:
            nn.init.constant_(parameter, 1.0)
    return insight.gradient_health(model, train.inputs, train.targets, "bce_with_logits")


bands = Bands("Vanishing gradient, 2-3-3-3-3-1")
for activation, reported in REPORTED.items():
    report = health(activation)
    print(report)
    for row, norm, spread in zip(report.rows, reported, SPREAD, strict=True):
        name = f"{activation} ‖∂L/∂W({row.number})‖"
        bands.expect(name, row.gradient.norm, norm / spread, norm * spread, norm)
    found = [finding.kind for finding in report.diagnosis]
    bands.expect("vanishing gradient found", found == ["vanishing gradient"], 1, 1)
bands.finish()
