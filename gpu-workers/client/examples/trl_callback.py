"""TRL, or any trainer of transformers: Trainer(..., callbacks=[S3Callback("my run")])."""

import s3_client
from transformers import TrainerCallback


class S3Callback(TrainerCallback):
    def __init__(self, name, **options):
        self.name, self.options, self.run = name, options, None

    def on_train_begin(self, args, state, control, **kwargs):
        # Of several processes (RANK) only the first reports.
        self.run = s3_client.init(self.name, config=args.to_dict(), **self.options)

    def on_log(self, args, state, control, logs=None, **kwargs):
        if self.run:
            self.run.log(logs or {}, step=state.global_step)

    def on_train_end(self, args, state, control, **kwargs):
        if self.run:
            self.run.finish()
