"""Train LeNet on real handwritten digits, and look at its mistakes.

The 1,797 digits of the UCI test set come with the package. They are enlarged to 32×32, and turned
and shifted at random in training. A fifth is held out and never looked at until the end.

    python examples/digits.py [FOLDER]        (runs/digits by default)
"""

import shutil
import sys
from pathlib import Path

import lamina
from lamina import data, nn, optim
from lamina.data.transforms import compose, random_rotation, random_shift
from lamina.train import Checkpoint, JsonLines, Trainer, confusion_matrix
from lamina.train.plots import learning_curves, misclassified

EPOCHS = 12
run = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/digits")
shutil.rmtree(run, ignore_errors=True)

train, validation, test = data.load("digits", size=32, fractions=(0.75, 0.05, 0.2))
augment = compose(random_rotation(degrees=12), random_shift(pixels=2))
key = lamina.random.key(0).numpy()
loader = data.DataLoader(train, batch_size=32, shuffle=True, key=key, transform=augment)

lamina.manual_seed(0)
model = nn.models.lenet(activation="relu")
optimiser = optim.Adam(model.parameters())
steps = EPOCHS * len(loader)
schedule = optim.lr_scheduler.OneCycleLR(optimiser, max_lr=4e-3, total_steps=steps)
metrics = ["accuracy", confusion_matrix(10)]
trainer = Trainer(
    model, "cross_entropy", optimiser, metrics, schedule=schedule, schedule_every="step"
)
callbacks = [Checkpoint(run / "checkpoints"), JsonLines(run / "log.jsonl")]
history = trainer.fit(loader, validation, EPOCHS, callbacks)
if history.status != "finished":
    sys.exit(130)

measured = trainer.evaluate(test)
curves = learning_curves(history, run / "learning_curves.png")
outputs = trainer.predict(test)
mistakes = misclassified(test.inputs, test.targets, outputs, run / "misclassified.png")

print(f"\nOn {len(test)} held-out digits: {100 * measured['accuracy']:.2f} % correct.")
print("True digit (row) and predicted (column):")
for digit, counts in enumerate(measured["confusion_matrix"]):
    print(f"  {digit} |", *(f"{count or '·':>3}" for count in counts))
print(f"Checkpoint: {callbacks[0].folder}\nLearning curves: {curves}\nMistakes: {mistakes}")
sys.exit(measured["accuracy"] < 0.98)
