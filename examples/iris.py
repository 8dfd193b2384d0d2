"""A 4-6-3 network knows three species of iris by four lengths.

nndl, chapter 4: 120/15/15 flowers, lengths scaled to [0, 1], batches of 16, learning rate 0.2, 150
epochs.
"""

from dataclasses import replace

from bands import Bands

import lamina
from lamina import data, nn, optim
from lamina.train import Trainer

parts = data.load("iris", fractions=(120, 15, 15))
low, high = parts.train.inputs.min(0), parts.train.inputs.max(0)
train, validation, test = (replace(p, inputs=(p.inputs - low) / (high - low)) for p in parts)

lamina.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 6), nn.Sigmoid(), nn.Linear(6, 3))
optimiser = optim.SGD(model.parameters(), lr=0.2)
trainer = Trainer(model, "cross_entropy", optimiser, metrics=["accuracy"])
history = trainer.fit(train, validation, epochs=150, batch_size=16, progress="none")

bands = Bands("Iris, 4-6-3, 150 epochs")
best = max(history["validation_accuracy"])
bands.expect("best validation accuracy", best, 0.93, 1.0, reported=1.0)
bands.expect("test accuracy", trainer.evaluate(test)["accuracy"], 0.86, 1.0)
bands.finish()
