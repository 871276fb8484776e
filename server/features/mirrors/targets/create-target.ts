import { join } from "node:path";
import type { MirrorAddress } from "@/contracts/api/mirrors";
import { buildFolderName } from "./run-folder";
import { createConsoleTarget } from "./console";
import { createMlflowTarget } from "./mlflow";
import type { MirrorTarget } from "./target";
import { createTensorboardTarget } from "./tensorboard";
import { createWandbTarget } from "./wandb";

interface Mirror {
  id: string;
  name: string;
}

/** Folder of a mirror that writes files. */
export const findMirrorFolder = (
  kind: "tensorboard" | "wandb",
  mirror: Mirror,
  dataDir: string,
): string => join(dataDir, kind, buildFolderName(mirror));

/**
 * What an address leads to.
 *
 * @param mirror whose address it is; its files lie in a folder of its own, so that no other, nor one that was removed
 *   and added again, writes to them
 * @param dataDir folder that files lie below
 */
export function createTarget(
  address: MirrorAddress,
  mirror: Mirror,
  dataDir: string,
): MirrorTarget {
  switch (address.kind) {
    case "mlflow":
      return createMlflowTarget(address, mirror.id);
    case "tensorboard":
      return createTensorboardTarget(join(dataDir, address.kind), buildFolderName(mirror));
    case "wandb":
      return createWandbTarget(address, join(dataDir, address.kind), buildFolderName(mirror));
    case "console":
      return createConsoleTarget();
  }
}
