import { execFile } from "node:child_process";

export interface CliResult {
  code: number;
  out: string;
  error: string;
}

/** Runs the command line in a process of its own, as a person does. */
export const runCli = (
  words: readonly string[],
  environment: Readonly<Record<string, string>>,
  timeoutMs = 200_000,
): Promise<CliResult> =>
  new Promise((resolve) => {
    execFile(
      process.execPath,
      ["--import", "tsx", "cli/main.ts", ...words],
      { env: { ...process.env, ...environment }, timeout: timeoutMs },
      (error, out, errorText) =>
        resolve({
          code: error ? (typeof error.code === "number" ? error.code : -1) : 0,
          out: out.trim(),
          error: errorText.trim(),
        }),
    );
  });
