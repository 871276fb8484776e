import { spawn } from "node:child_process";
import { once } from "node:events";
import { listShellCommands, readGuide } from "@/cli/testing/guide-commands";
import { ROOT } from "@/lib/paths.mjs";
import { killGroup } from "@/lib/process-group.mjs";

/** The commands of docs/guides/cluster.md, for tests that run them as they stand there. */

const COMMANDS = listShellCommands(readGuide("cluster.md"));

/**
 * Words of the guide's one command that a pattern finds.
 * @param places what a test has for an address, a file or a name of the guide
 * @throws Error where the pattern finds none, or several
 */
export function readGuideCommand(
  pattern: RegExp,
  places: Readonly<Record<string, string>> = {},
): string[] {
  const found = [...new Set(COMMANDS.filter((command) => pattern.test(command)))];
  const [command] = found;
  if (command === undefined || found.length > 1)
    throw new Error(`The guide has ${found.length} commands like ${pattern}: ${found.join("; ")}`);
  const names = Object.keys(places).map((name) => name.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const filled =
    names.length === 0
      ? command
      : command.replaceAll(new RegExp(names.join("|"), "g"), (name) => places[name]!);
  return filled.split(" ");
}

/** A command of the guide that runs. */
export interface GuideProcess {
  /** All that it has written. */
  getOutput: () => string;
  /** Its exit code; null: a signal ended it. */
  ended: Promise<number | null>;
  /** Asks all processes of its group to end, and waits until it has. */
  stop: () => Promise<void>;
}

/** Starts a command in the folder of this clone, as a person does, in a process group of its own. */
export function startGuideCommand(
  [program = "", ...args]: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): GuideProcess {
  const child = spawn(program, args, {
    cwd: ROOT,
    detached: true,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = once(child, "exit").then(([code]) => code as number | null);
  return {
    getOutput: () => output,
    ended,
    stop: async () => {
      killGroup(child.pid, "SIGTERM");
      await ended;
    },
  };
}
