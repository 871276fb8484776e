import { AppError } from "@/contracts/errors";
import { FileStore } from "./file-store";
import type { ArtifactStore } from "./store";

/**
 * The store that an address names.
 *
 * @param address `s3://bucket/prefix`, `file:///folder`, or empty for the folder `directory`
 * @throws AppError "unsupported" for an address of another kind
 */
export async function createArtifactStore(
  address: string | undefined,
  directory: string,
): Promise<ArtifactStore> {
  if (address === undefined || address === "") return new FileStore(directory);
  const file = /^file:\/\/(\/.+)$/.exec(address)?.[1];
  if (file !== undefined) return new FileStore(decodeURIComponent(file));
  const s3 = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(address);
  if (s3?.[1] !== undefined) {
    const prefix = (s3[2] ?? "").replace(/\/+$/, "");
    // Loaded only where it is used: the SDK would slow every start.
    const { S3Store } = await import("./s3-store");
    return new S3Store(s3[1], prefix === "" ? "" : `${prefix}/`);
  }
  throw new AppError(
    "unsupported",
    `Artifacts cannot be stored at "${address}". S3_ARTIFACTS is s3://bucket/prefix, file:///folder, or empty for the data directory.`,
  );
}
