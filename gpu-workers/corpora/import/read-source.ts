import { fromWireError } from "@/contracts/errors";
import { runIsolated, type IsolatedLimits } from "@/lib/isolated-process";
import { getMemoryLimit } from "@/gpu-workers/runtime/machine";
import type { ReadSourceRequest, SourceBatch } from "./read-source-program";

/** A row group of parquet is unpacked as a whole; everything else is read in little memory. */
const buildLimits = (): IsolatedLimits => ({
  memoryBytes: Math.min(4 * 2 ** 30, getMemoryLimit() / 2),
  silenceMs: 120_000,
});

/**
 * Reads the files of a source in a process of its own, whatever they hold. What it gives from a place on is what it
 * would have given after it, had it not been stopped: an import that goes on equals one that was never interrupted.
 *
 * @throws AppError "invalid-input" where a file as a whole cannot be read, or reading it takes too long or too much memory
 */
export async function* readSource(
  request: ReadSourceRequest,
  signal: AbortSignal,
  limits: Partial<IsolatedLimits> = {},
): AsyncGenerator<SourceBatch> {
  let { file } = request.from;
  for await (const batch of runIsolated<ReadSourceRequest, SourceBatch>({
    program: new URL("./read-source-program.ts", import.meta.url),
    request,
    getSubject: () => request.files[file]?.name ?? "the source",
    limits: { ...buildLimits(), ...limits },
    toError: fromWireError,
    signal,
  })) {
    ({ file } = batch.place);
    yield batch;
  }
}
