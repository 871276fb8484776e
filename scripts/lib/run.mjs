/** Running other programs: output goes to a log, a failure carries the last lines of it. */
import { spawn, spawnSync } from "node:child_process";
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { ROOT } from "../../lib/paths.mjs";
import { killGroup } from "../../lib/process-group.mjs";

/** Program that ended with an error, did not start, or took too long. */
export class CommandError extends Error {
  /** @param {string} message @param {string} output all that it wrote */
  constructor(message, output) {
    super(message);
    this.name = "CommandError";
    this.output = output;
  }
}

/** The last lines of a text, without terminal colours. */
export function takeLastLines(/** @type {string} */ text, lines = 15) {
  const plain = text.replace(/\u001b\[[0-9;]*m/g, "").replace(/\r/g, "\n");
  return plain
    .split("\n")
    .filter((/** @type {string} */ line) => line.trim() !== "")
    .slice(-lines)
    .join("\n");
}

/** Linux can end a program when the script that runs it is killed outright; two set-ups then never work at once. */
const hasSetpriv =
  process.platform === "linux" &&
  spawnSync("setpriv", ["--version"], { stdio: "ignore" }).status === 0;
/** @returns {[string, string[]]} */
const endWithParent = (/** @type {string} */ command, /** @type {string[]} */ args) =>
  hasSetpriv ? ["setpriv", ["--pdeathsig=KILL", "--", command, ...args]] : [command, args];

/**
 * Runs a program to its end; stdout and stderr are appended to the log.
 * @param {string} command
 * @param {string[]} args
 * @param {{ log: string, cwd?: string, env?: Record<string, string | undefined>, timeoutMs?: number }} options
 * @returns {Promise<void>} rejects with CommandError
 */
export function run(command, args, { log, cwd = ROOT, env = {}, timeoutMs }) {
  const file = openSync(log, "a");
  writeSync(file, `$ ${command} ${args.join(" ")}\n`);
  const start = readFileSync(log).length;
  return new Promise((resolvePromise, reject) => {
    const [program, all] = endWithParent(command, args);
    const child = spawn(program, all, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", file, file],
      detached: true,
    });
    const stopChild = () => killGroup(child.pid, "SIGKILL");
    process.once("exit", stopChild);
    let timedOut = false;
    const timer = timeoutMs && setTimeout(() => ((timedOut = true), stopChild()), timeoutMs);
    const finish = (/** @type {string | null} */ problem) => {
      clearTimeout(timer);
      process.removeListener("exit", stopChild);
      closeSync(file);
      if (problem === null) return resolvePromise();
      reject(
        new CommandError(`${command} ${problem}`, readFileSync(log).subarray(start).toString()),
      );
    };
    child.once("error", (error) => finish(`could not be started: ${error.message}`));
    child.once("exit", (code, signal) => {
      if (timedOut) return finish(`took longer than ${Math.round((timeoutMs ?? 0) / 1000)} s`);
      if (code === 127) return finish("could not be started, or ended with code 127");
      finish(code === 0 ? null : signal ? `was ended by ${signal}` : `ended with code ${code}`);
    });
  });
}

/** What a short command prints, or null where it fails or does not exist. */
export function capture(
  /** @type {string} */ command,
  /** @type {string[]} */ args,
  { timeoutMs = 20_000, env = {} } = {},
) {
  const result = spawnSync(command, args, {
    encoding: "utf8",
    timeout: timeoutMs,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return result.status === 0 ? `${result.stdout}${result.stderr}`.trim() : null;
}
