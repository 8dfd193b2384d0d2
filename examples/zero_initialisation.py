"""With all weights zero at the start, hidden units stay copies of one another.

nndl, chapter 4: the network of `moons.py`. Equal units get equal error terms, so gradient descent
cannot tell them apart; random weights break the symmetry.
"""

import numpy as np
from bands import Bands

import lamina
from lamina import data, nn, optim
from lamina.train import Trainer

moons = data.moons(lamina.random.key(0).numpy(), 1000, noise=0.5)
# Not stratified: with as many examples of one class as of the other, zero weights never move.
train, _ = data.split(moons, (640, 360), lamina.random.key(3).numpy(), stratify=False)


def spread(initialise: bool) -> tuple[float, float]:
    """Train; return how far hidden units differ, and how far their weights moved."""
    lamina.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 5), nn.Sigmoid(), nn.Linear(5, 1))
    if initialise:
        for parameter in model.parameters():
            nn.init.zeros_(parameter)
    before = np.array(model[0].weight)
    trainer = Trainer(model, "bce_with_logits", optim.SGD(model.parameters(), lr=0.2))
    trainer.fit(train, epochs=1000, batch_size=len(train), progress="none")
    weight = model[0].weight.numpy()
    return float(np.ptp(weight, axis=0).max()), float(abs(weight - before).max())


bands = Bands("Zero initialisation, 2-5-1, 1000 epochs")
apart, moved = spread(initialise=True)
bands.expect("zero: units apart", apart, 0, 1e-4, reported=0)  # rounding
bands.expect("zero: weights moved", moved, 0.1, 10)
bands.expect("random: units apart", spread(initialise=False)[0], 0.1, 10)
bands.finish()
