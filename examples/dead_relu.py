"""ReLU units whose input is always negative are dead: no gradient ever reaches their weights.

nndl, chapter 4: a 2-3-3-3-3-1 network on the moons, W ~ N(0, 0.01²), b = -8. A leaky ReLU lets a
little through, and lives.
"""

from bands import Bands

import lamina
from lamina import data, insight, nn

train, _, _ = data.load("moons", count=1000, noise=0.5, fractions=(640, 160, 200))


def health(activation: str) -> insight.HealthReport:
    """What every layer sees at the start."""
    lamina.manual_seed(0)
    model = nn.models.create("mlp", sizes=(2, 3, 3, 3, 3, 1), activation=activation)
    for name, parameter in model.named_parameters():
        if name.endswith("weight"):
            nn.init.normal_(parameter, std=0.01)
        else:
            nn.init.constant_(parameter, -8.0)
    return insight.gradient_health(model, train.inputs, train.targets, "bce_with_logits")


bands = Bands("Dead ReLU, 2-3-3-3-3-1, b = -8")
dead, alive = health("relu"), health("leaky_relu")
print(dead)
for row in dead.rows:
    bands.expect(f"ReLU ‖∂L/∂W({row.number})‖", row.gradient.norm, 0, 0, reported=0)
bands.expect("dead units", sum(row.dead_count for row in dead.rows), 12, 12)
for row in alive.rows:
    bands.expect(f"leaky ReLU ‖∂L/∂W({row.number})‖", row.gradient.norm, 1e-30, 10)
bands.finish()
