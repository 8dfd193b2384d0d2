"""Training: `Trainer`, callbacks, metrics, checkpoints that resume exactly."""

from lamina.train.callbacks import Callback as Callback
from lamina.train.callbacks import EarlyStopping as EarlyStopping
from lamina.train.checkpoints import Checkpoint as Checkpoint
from lamina.train.history import History as History
from lamina.train.inference import predict as predict
from lamina.train.jsonl import JsonLines as JsonLines
from lamina.train.metrics import Metric as Metric
from lamina.train.metrics import accuracy as accuracy
from lamina.train.metrics import binary_accuracy as binary_accuracy
from lamina.train.metrics import confusion_matrix as confusion_matrix
from lamina.train.metrics import error_rate as error_rate
from lamina.train.metrics import mean_absolute_error as mean_absolute_error
from lamina.train.metrics import mean_squared_error as mean_squared_error
from lamina.train.metrics import top_k as top_k
from lamina.train.storage import load_checkpoint as load_checkpoint
from lamina.train.trainer import Trainer as Trainer
