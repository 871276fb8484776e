import { markText } from "@/app/_i18n/format-text";
import type { TargetField } from "@/app/_ui/target-form";
import type { MirrorAddress } from "@/contracts/api/mirrors";

/** Shown by `t(text)`, like all texts here. */
export const MIRROR_KINDS: Readonly<Record<MirrorAddress["kind"], string>> = {
  mlflow: markText("MLflow"),
  tensorboard: markText("TensorBoard"),
  wandb: markText("Weights & Biases"),
  console: markText("verl's console line"),
};

export const MIRROR_MEANINGS: Readonly<Record<MirrorAddress["kind"], string>> = {
  mlflow: markText("A tracking server, over its REST API, while a run goes on."),
  tensorboard: markText("Event files in the server's data folder, while a run goes on."),
  wandb: markText(
    "Offline runs in the server's data folder, written by W&B's own client when a run has ended; wandb sync uploads them.",
  ),
  console: markText("A line a step in the run's own log: step:1 - actor/pg_loss:0.012."),
};

/** What each kind of mirror asks for. */
export const MIRROR_FIELDS: Readonly<Record<MirrorAddress["kind"], readonly TargetField[]>> = {
  mlflow: [
    { name: "url", label: markText("Address"), hint: "http://127.0.0.1:5000" },
    {
      name: "experiment",
      label: markText("Experiment"),
      hint: markText("Made where it is not there."),
      initial: "s3",
    },
    {
      name: "user",
      label: markText("User"),
      hint: markText("With a user the secret is a password, without one a token."),
    },
    {
      name: "secret",
      label: markText("Secret"),
      hint: markText("Empty: the server wants none."),
      secret: true,
    },
  ],
  tensorboard: [],
  wandb: [{ name: "project", label: markText("Project"), initial: "s3" }],
  console: [],
};
