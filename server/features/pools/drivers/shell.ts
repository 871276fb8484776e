import spawn, { SubprocessError } from "nano-spawn";
import { AppError } from "@/contracts/errors";
import { hasErrorCode } from "@/lib/errors";
import { killGroup } from "@/lib/process-group.mjs";

/** Commands of schedulers, on this machine or by the system's ssh on another. */

const LONGEST_MS = 60_000;
/** All that a scheduler's programs get of the server's environment, which holds the database's password. */
const PASSED = [
  "HOME",
  "KUBECONFIG",
  "LANG",
  "LOGNAME",
  "PATH",
  "SLURM_CONF",
  "SSH_AUTH_SOCK",
  "TMPDIR",
  "USER",
] as const;
/** No question is asked, unknown hosts are refused, and no other connection is used. */
const SSH_OPTIONS = [
  "BatchMode=yes",
  "StrictHostKeyChecking=yes",
  "ControlMaster=no",
  "ControlPath=none",
  "ConnectTimeout=15",
  "ServerAliveInterval=10",
  "ServerAliveCountMax=3",
  "ForwardAgent=no",
  "ClearAllForwardings=yes",
].flatMap((option) => ["-o", option]);

export interface ShellOptions {
  /** Machine that ssh takes; empty: this one. */
  host: string;
  input?: string;
  environment?: Readonly<Record<string, string>> | undefined;
  timeoutMs?: number;
}

/** A word of a POSIX shell that means the text itself. */
export const quoteWord = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** Runs a script of the POSIX shell. @returns its output @throws AppError "unsupported" with what it wrote on standard error */
export function runShell(script: string, { host, ...options }: ShellOptions): Promise<string> {
  return host === ""
    ? runProgram("sh", ["-c", script], options)
    : runProgram("ssh", [...SSH_OPTIONS, "--", host, `sh -c ${quoteWord(script)}`], options);
}

/**
 * Runs a program with little of the server's environment.
 *
 * @returns its output
 * @throws AppError "unsupported" with what it wrote on standard error, or that there is no such program
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  { input = "", environment, timeoutMs = LONGEST_MS }: Omit<ShellOptions, "host"> = {},
): Promise<string> {
  // With `env` alone nano-spawn adds it to what this process has.
  const own = Object.fromEntries(Object.keys(process.env).map((name) => [name, undefined]));
  const passed = Object.fromEntries(PASSED.map((name) => [name, process.env[name]]));
  // A group of its own, so that what it has started ends with it.
  const running = spawn(program, [...args], {
    stdin: { string: input },
    env: { ...own, ...passed, ...environment },
    detached: true,
  });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    void running.nodeChildProcess.then(({ pid }) => killGroup(pid, "SIGKILL"));
  }, timeoutMs);
  try {
    return (await running).stdout;
  } catch (cause) {
    const message = isLate
      ? `${program} did not end within ${timeoutMs / 1_000} s.`
      : explainFailure(program, cause);
    throw new AppError("unsupported", message, { cause });
  } finally {
    clearTimeout(timer);
  }
}

function explainFailure(program: string, error: unknown): string {
  if (!(error instanceof SubprocessError)) return `${program}: ${String(error)}`;
  const { cause, stderr, exitCode, signalName } = error;
  if (hasErrorCode(cause, "ENOENT"))
    return `There is no program ${program} on this machine. Install it, or add its folder to the PATH of the server.`;
  const said = stderr.trim().split("\n").slice(-5).join("\n");
  if (program === "ssh" && exitCode === 255)
    return `ssh: ${said || "no connection"}. Try it as the user that runs the server: the key must need no question, and the host be known.`;
  return `${program} ${signalName ? `was ended by ${signalName}` : `ended with code ${exitCode ?? "?"}`}${said ? `: ${said}` : "."}`;
}
