import { formatBytes } from "@/core/memory/index-plan";
import { AppError } from "@/contracts/errors";

/** Prints a line. */
export const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** Prints how far a download is, in steps of ten per cent; each line once. */
export function createDownloadPrinter(): (
  name: string,
  bytes: number,
  total: number | null,
) => void {
  let last = "";
  return (name, bytes, total) => {
    if (total === null) return;
    const percent = total > 0 ? Math.floor((10 * bytes) / total) * 10 : 100;
    const line = `${name}: ${percent}% of ${formatBytes(total)}`;
    if (line !== last) print(line);
    last = line;
  };
}

/** Runs work whose signal is aborted when the command is interrupted (Ctrl-C). */
export async function runInterruptibly<T>(
  work: (signal: AbortSignal) => Promise<T>,
  message = "Stopped.",
): Promise<T> {
  const stop = new AbortController();
  const interrupt = (): void => stop.abort(new AppError("cancelled", message));
  process.once("SIGINT", interrupt);
  try {
    return await work(stop.signal);
  } finally {
    process.off("SIGINT", interrupt);
  }
}
