/**
 * Tinker: the SDK for a worker that trains at a service, and for tests a real server on the CPU. Neither is part of
 * set-up.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { PYTHON, SKYRL_DIR, TINKER_DIR, resolveInRoot } from "../../lib/paths.mjs";
import { capture } from "../lib/run.mjs";
import { isAtLeast, parseVersion } from "./machine.mjs";
import {
  createEnvironment,
  describeEnvironment,
  FETCH_REMEDY,
  findEnvironmentProblem,
  isMade,
  readLock,
} from "./own-environment.mjs";
import { installLocked } from "./packages.mjs";
import { hashTexts, writeStamp } from "./stamp.mjs";
import { StepError } from "./step.mjs";

const SDK_REQUIREMENTS = resolveInRoot(
  "gpu-workers",
  "engine",
  "requirements",
  "requirements-tinker.txt",
);
const SERVER_REQUIREMENTS = resolveInRoot(
  "gpu-workers",
  "engine",
  "requirements",
  "requirements-skyrl.txt",
);
const SDK_STAMP = join(TINKER_DIR, "made-from");
const SERVER_STAMP = join(SKYRL_DIR, "made-from");
const SERVER = "SkyRL's server";

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
  remedy: FETCH_REMEDY,
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

/** Why SkyRL's server cannot be installed on this machine; null: it can. */
export const findSkyrlProblem = () => findEnvironmentProblem(SERVER);

/** @type {import("./step.mjs").Step} */
export const skyrlStep = {
  id: "skyrl",
  name: "SkyRL's Tinker server for the CPU (2 GB, for tests)",
  remedy: FETCH_REMEDY,
  done: () => isMade(SERVER_STAMP, describeEnvironment(SERVER_REQUIREMENTS)),
  run: async (context) => {
    await createEnvironment(context, SERVER, SKYRL_DIR, SERVER_REQUIREMENTS);
    const python = join(SKYRL_DIR, "bin", "python");
    if (capture(python, ["-c", "import jax, peft, skyrl"], { timeoutMs: 300_000 }) === null)
      throw new StepError("the installed server cannot be imported");
    writeStamp(SERVER_STAMP, describeEnvironment(SERVER_REQUIREMENTS));
  },
};
