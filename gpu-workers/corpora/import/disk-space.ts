import { statfs } from "node:fs/promises";
import { AppError } from "@/contracts/errors";

/** Left free on the disk, for whatever else is on it. */
const RESERVE_BYTES = 512 * 2 ** 20;

/** Bytes that are free where a folder is. */
export async function readFreeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** @throws AppError "storage-full" where so much more would leave too little room for others */
export function requireDisk(free: number, bytes: number): void {
  const needed = Math.max(0, bytes) + RESERVE_BYTES;
  if (free >= needed) return;
  const format = (value: number): string =>
    `${Math.round(value / 2 ** 20).toLocaleString("en-US")} MiB`;
  throw new AppError(
    "storage-full",
    `The worker's disk has ${format(free)} free where the import needs ${format(needed)}, ${format(RESERVE_BYTES)} of it left for others. Make room and resume the run; the import goes on where it stopped.`,
  );
}
