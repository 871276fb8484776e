"""Two steps of Lightning's Trainer on a model of a few weights, reported by its MLFlowLogger.

Reports to MLFLOW_TRACKING_URI. After the first step it prints a line and waits for one, so that a
test can look at a run that goes on.
"""

import os
import sys

import pytorch_lightning as lightning
import torch
from pytorch_lightning.loggers import MLFlowLogger
from torch.utils.data import DataLoader, TensorDataset


class Line(lightning.LightningModule):
    def __init__(self, lr: float):
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch, _):
        x, y = batch
        loss = torch.nn.functional.mse_loss(self.layer(x), y)
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.hparams["lr"])


class Wait(lightning.Callback):
    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        if batch_idx == 1:
            print("one step", flush=True)
            sys.stdin.readline()


x = torch.arange(8.0).unsqueeze(1)
logger = MLFlowLogger("lightning", "by lightning", os.environ["MLFLOW_TRACKING_URI"])
lightning.Trainer(
    max_steps=2,
    log_every_n_steps=1,
    accelerator="cpu",
    logger=logger,
    callbacks=[Wait()],
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
).fit(Line(lr=0.01), DataLoader(TensorDataset(x, 2 * x), batch_size=4))
