import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { AppError } from "@/contracts/errors";
import type { CommandContext } from "./context";

/**
 * Writes what the server answers at a path into a file.
 *
 * @throws AppError "not-found" with what the server said, where it answers anything but success
 */
export async function fetchFile(
  { server, headers }: Pick<CommandContext, "server" | "headers">,
  path: string,
  file: string,
  signal?: AbortSignal,
): Promise<void> {
  const response = await fetch(new URL(path, server), { headers, signal: signal ?? null });
  if (!response.ok || !response.body)
    throw new AppError(
      "not-found",
      `${path} could not be fetched: the server answered ${response.status}. ${(await response.text()).slice(0, 200)}`,
    );
  await pipeline(Readable.fromWeb(response.body as ReadableStream), createWriteStream(file));
}
