"""A network of five hidden logistic units tells two noisy half-moons apart.

nndl, chapter 4: Moons-1000 with noise 0.5 in 640/160/200 examples, a 2-5-1 network, gradient
descent with learning rate 0.2 on the whole training set for 1000 epochs.
"""

from bands import Bands

import lamina
from lamina import data, nn, optim
from lamina.train import Trainer, binary_accuracy

train, validation, test = data.load("moons", count=1000, noise=0.5, fractions=(640, 160, 200))
lamina.manual_seed(0)
model = nn.Sequential(nn.Linear(2, 5), nn.Sigmoid(), nn.Linear(5, 1))
optimiser = optim.SGD(model.parameters(), lr=0.2)
trainer = Trainer(model, "bce_with_logits", optimiser, metrics=[binary_accuracy(threshold=0.0)])
trainer.fit(train, epochs=1000, batch_size=len(train), progress="none")

measured = trainer.evaluate(test)
bands = Bands("Moons-1000, 2-5-1, 1000 epochs")
bands.expect("test accuracy", measured["accuracy"], 0.70, 0.88, reported=0.76)
bands.expect("test loss", measured["loss"], 0.35, 0.56, reported=0.49)
bands.finish()
