import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";

const PROGRAM = fileURLToPath(
  new URL("../../gpu-workers/agent/local-commands/main.ts", import.meta.url),
);

/**
 * Runs a command that works on this machine's folders: the worker's own program, on this terminal. Ctrl-C reaches it
 * too; it ends by itself, and this process waits for it.
 *
 * @returns whether it succeeded; `process.exitCode` is that of the program
 */
export async function runLocalProgram(words: readonly string[]): Promise<boolean> {
  const waitForEnd = (): void => undefined;
  process.on("SIGINT", waitForEnd);
  try {
    const program = spawn(process.execPath, ["--import", "tsx", PROGRAM, ...words], {
      stdio: "inherit",
    });
    const [code] = (await once(program, "exit")) as [number | null];
    if (code !== 0) process.exitCode = code ?? 1;
    return code === 0;
  } finally {
    process.off("SIGINT", waitForEnd);
  }
}

/** Adds a command that is the worker's: options and help are those of its program, which gets all words as they are. */
export function addLocalCommand(parent: Command, name: string, description: string): void {
  parent
    .command(name)
    .description(description)
    .argument("[words...]", "see --help")
    .helpOption(false)
    .allowUnknownOption()
    .action(async () => void (await runLocalProgram(process.argv.slice(2))));
}
