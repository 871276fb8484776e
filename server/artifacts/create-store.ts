import { AppError } from "@/contracts/errors";
import { FileStore } from "./file-store";
import type { ArtifactStore } from "./store";

/**
 * The store that an address names.
 *
 * @param address empty: the folder `directory`
 * @throws AppError "unsupported" for an address of another kind
 */
export function createArtifactStore(address: string | undefined, directory: string): ArtifactStore {
  if (address === undefined || address === "") return new FileStore(directory);
  throw new AppError("unsupported", `Artifacts cannot be stored at ${address}. Leave S3_ARTIFACTS empty for the data directory.`);
}
