/** Environments of their own for servers that tests play against: their packages must not meet the engine's. */
import { readFileSync, rmSync } from "node:fs";
import { arch } from "node:os";
import { join } from "node:path";
import { capture } from "../lib/run.mjs";
import { parseVersion } from "./machine.mjs";
import { installCpuTorch, installLocked, readTorchVersion } from "./packages.mjs";
import { hashTexts, readStamp } from "./stamp.mjs";
import { StepError } from "./step.mjs";

export const FETCH_REMEDY =
  "check that the Python package index can be reached (`pip download pip`), then run the same command again; what was fetched is kept.";

/** The exact versions behind a list of requirements, with their hashes. */
export const readLock = (/** @type {string} */ requirements) =>
  readFileSync(requirements.replace(/\.txt$/, ".lock"), "utf8");

/** Whether the stamp of a folder says that it was made from this, as a step's `done`. */
export function isMade(/** @type {string} */ stamp, /** @type {string} */ source) {
  const found = readStamp(stamp);
  if (found === null) return "it is not installed yet";
  return found === source || "other versions are pinned now";
}

/** What an environment is made from: the lock, and the version of PyTorch. */
export const describeEnvironment = (/** @type {string} */ requirements) =>
  hashTexts(readLock(requirements), readTorchVersion());

/** The wheels that the locks name are for this Python alone. */
const findPython = () =>
  ["python3.11", process.env.S3_PYTHON ?? "python3"].find((command) => {
    const [major, minor] = parseVersion(capture(command, ["--version"])) ?? [];
    return major === 3 && minor === 11;
  });

/** Why it cannot be installed on this machine; null: it can. */
export function findEnvironmentProblem(/** @type {string} */ name) {
  if (process.platform !== "linux" || arch() !== "x64")
    return `${name} for the CPU is installed on x86-64 Linux alone`;
  return findPython() === undefined
    ? `${name} for the CPU wants Python 3.11 (python3.11, or S3_PYTHON)`
    : null;
}

/**
 * Makes an environment anew: PyTorch's build for the CPU, and what the lock names.
 *
 * @param {import("./step.mjs").StepContext} context
 * @param {string} name for messages
 * @param {string} folder
 * @param {string} requirements
 * @returns {Promise<void>}
 */
export async function createEnvironment(context, name, folder, requirements) {
  const problem = findEnvironmentProblem(name);
  if (problem !== null)
    throw new StepError(problem, "install python3.11 with venv, on x86-64 Linux.");
  const python = join(folder, "bin", "python");
  rmSync(folder, { recursive: true, force: true });
  await context.exec(/** @type {string} */ (findPython()), ["-m", "venv", folder]);
  if (!(await installCpuTorch(context, python, readTorchVersion())))
    throw new StepError("no index has PyTorch's build for the CPU");
  await context.fetch(python, [...installLocked([requirements]), "--no-deps"]);
}
