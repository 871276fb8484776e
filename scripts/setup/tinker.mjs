/** Tinker: the SDK for a worker that trains at a service, and for tests a real server on the CPU. Neither is part of set-up. */
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { arch } from "node:os";
import { join } from "node:path";
import { PYTHON, SKYRL_DIR, TINKER_DIR, inRoot } from "../../lib/paths.mjs";
import { capture } from "../lib/run.mjs";
import { isAtLeast, parseVersion } from "./machine.mjs";
import { installCpuTorch, installLocked, readTorchVersion } from "./packages.mjs";
import { hashTexts, readStamp, writeStamp } from "./stamp.mjs";
import { StepError } from "./step.mjs";

const SDK_REQUIREMENTS = inRoot("gpu-workers", "engine", "requirements-tinker.txt");
const SERVER_REQUIREMENTS = inRoot("gpu-workers", "engine", "requirements-skyrl.txt");
const SDK_STAMP = join(TINKER_DIR, "made-from");
const SERVER_STAMP = join(SKYRL_DIR, "made-from");
const REMEDY =
  "check that the Python package index can be reached (`pip download pip`), then run the same command again; what was fetched is kept.";

const readLock = (/** @type {string} */ requirements) =>
  readFileSync(requirements.replace(/\.txt$/, ".lock"), "utf8");

/** A folder that a stamp says was made from this. */
function isMade(/** @type {string} */ stamp, /** @type {string} */ source) {
  const found = readStamp(stamp);
  if (found === null) return "it is not installed yet";
  return found === source || "other versions are pinned now";
}

/** Of the project's own Python and the lock, as compiled packages are of one version of Python. */
const describeSdk = () =>
  hashTexts(readLock(SDK_REQUIREMENTS), capture(PYTHON, ["--version"]) ?? "no Python");

/**
 * The SDK and what it needs besides the engine's own packages, in a folder that the engine is told of where a worker is
 * started with --tinker-url: the project's environment stays as it is.
 *
 * @type {import("./step.mjs").Step}
 */
export const tinkerStep = {
  id: "tinker",
  name: "SDK of Tinker services (20 MB)",
  remedy: REMEDY,
  done: () => isMade(SDK_STAMP, describeSdk()),
  run: async ({ fetch }) => {
    if (!isAtLeast(parseVersion(capture(PYTHON, ["--version"])), [3, 11]))
      throw new StepError(
        "the SDK of Tinker services wants Python 3.11 or newer in .venv",
        "make the environment anew with S3_PYTHON naming one: rm -r .venv, then npm run setup.",
      );
    rmSync(TINKER_DIR, { recursive: true, force: true });
    mkdirSync(TINKER_DIR, { recursive: true });
    await fetch(PYTHON, [
      ...installLocked([SDK_REQUIREMENTS]),
      "--no-deps",
      "--target",
      TINKER_DIR,
    ]);
    writeStamp(SDK_STAMP, describeSdk());
  },
};

const describeServer = () => hashTexts(readLock(SERVER_REQUIREMENTS), readTorchVersion());

/** The wheels that the lock names are for this Python alone. */
const findServerPython = () =>
  ["python3.11", process.env.S3_PYTHON ?? "python3"].find((command) => {
    const [major, minor] = parseVersion(capture(command, ["--version"])) ?? [];
    return major === 3 && minor === 11;
  });

/** Why SkyRL's server cannot be installed on this machine; null: it can. */
export function findSkyrlProblem() {
  if (process.platform !== "linux" || arch() !== "x64")
    return "SkyRL's server for the CPU is installed on x86-64 Linux alone";
  return findServerPython() === undefined
    ? "SkyRL's server for the CPU wants Python 3.11 (python3.11, or S3_PYTHON)"
    : null;
}

/** @type {import("./step.mjs").Step} */
export const skyrlStep = {
  id: "skyrl",
  name: "SkyRL's Tinker server for the CPU (2 GB, for tests)",
  remedy: REMEDY,
  done: () => isMade(SERVER_STAMP, describeServer()),
  run: async (context) => {
    const problem = findSkyrlProblem();
    if (problem !== null)
      throw new StepError(problem, "install python3.11 with venv, on x86-64 Linux.");
    const python = join(SKYRL_DIR, "bin", "python");
    rmSync(SKYRL_DIR, { recursive: true, force: true });
    await context.exec(/** @type {string} */ (findServerPython()), ["-m", "venv", SKYRL_DIR]);
    if (!(await installCpuTorch(context, python, readTorchVersion())))
      throw new StepError("no index has PyTorch's build for the CPU");
    await context.fetch(python, [...installLocked([SERVER_REQUIREMENTS]), "--no-deps"]);
    if (capture(python, ["-c", "import jax, peft, skyrl"], { timeoutMs: 300_000 }) === null)
      throw new StepError("the installed server cannot be imported");
    writeStamp(SERVER_STAMP, describeServer());
  },
};
