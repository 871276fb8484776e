import { execFile } from "node:child_process";
import { runProgram } from "../run-program";

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

/**
 * Runs the same program in this process: a new one reads all of its files for seconds before it does anything. One at a
 * time, as the exit code is the process's.
 */
export async function runCliHere(words: readonly string[], server: string): Promise<CliResult> {
  const out: string[] = [];
  const errors: string[] = [];
  const before = process.exitCode;
  process.exitCode = 0;
  try {
    await runProgram(words, server, {
      print: (line) => out.push(line),
      warn: (line) => errors.push(line),
    });
    return {
      code: Number(process.exitCode),
      out: out.join("\n").trim(),
      error: errors.join("\n").trim(),
    };
  } finally {
    process.exitCode = before;
  }
}
