import { hasErrorCode } from "./errors";

/** Ends the process without a word where whoever reads its output has read enough, as `| head` does. */
export function exitOnClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on("error", (error) => {
      if (!hasErrorCode(error, "EPIPE")) throw error;
      process.exit(0);
    });
}
