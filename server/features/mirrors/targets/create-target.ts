import { join } from "node:path";
import type { MirrorAddress } from "@/contracts/api/mirrors";
import { createConsoleTarget } from "./console";
import { createMlflowTarget } from "./mlflow";
import type { MirrorTarget } from "./target";
import { createTensorboardTarget } from "./tensorboard";
import { createWandbTarget } from "./wandb";

/**
 * What an address leads to.
 *
 * @param mirrorId of the mirror whose address it is
 * @param dataDir folder that files lie below
 */
export function createTarget(
  address: MirrorAddress,
  mirrorId: string,
  dataDir: string,
): MirrorTarget {
  switch (address.kind) {
    case "mlflow":
      return createMlflowTarget(address, mirrorId);
    case "tensorboard":
      return createTensorboardTarget(join(dataDir, "tensorboard"));
    case "wandb":
      return createWandbTarget(address, join(dataDir, "wandb"));
    case "console":
      return createConsoleTarget();
  }
}
