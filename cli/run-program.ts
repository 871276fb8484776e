import { connect, describeFailure } from "./lib/client";
import type { CommandContext } from "./lib/context";
import { createProgram } from "./program";

/** Where a command writes a line: what it was asked for, and what a person should know beside it. */
export interface CommandOutput {
  print: (line: string) => void;
  warn: (line: string) => void;
}

/**
 * Runs one command of the command line to its end.
 *
 * @param words the command with its arguments and options
 * @param server address, with or without its secret; by default that of the data folder's server
 * @returns `process.exitCode` says whether it succeeded; of a failure the reason is written
 */
export async function runProgram(
  words: readonly string[],
  server: string | undefined,
  { print, warn }: CommandOutput,
): Promise<void> {
  const connection = connect(server);
  const context: CommandContext = {
    ...connection,
    print,
    printJson: (value) => print(JSON.stringify(value, null, 2)),
    warn,
  };
  try {
    await createProgram(context).parseAsync(words, { from: "user" });
  } catch (error) {
    warn(describeFailure(error, connection.server));
    process.exitCode = 1;
  } finally {
    connection.close();
  }
}
