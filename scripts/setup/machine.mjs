/** What the machine must have before anything can be installed, and how to get it. */
import { existsSync, mkdirSync, statfsSync } from "node:fs";
import { platform } from "node:os";
import { capture } from "../lib/run.mjs";
import { SETUP_DIR } from "../../lib/paths.mjs";

const NODE_MINIMUM = [20, 19];
const PYTHON_MINIMUM = [3, 10];
const FREE_GIB = 6;

const isDebian = () => existsSync("/etc/debian_version");
const install = (/** @type {string} */ debian, /** @type {string} */ other) =>
  isDebian()
    ? `apt-get install -y ${debian}`
    : platform() === "darwin"
      ? other
      : `install ${debian} with your package manager`;

/** The first dotted number in a text as a list, or null: "Python 3.11.2" is [3, 11, 2]. */
export function parseVersion(/** @type {string | null | undefined} */ text) {
  const match = /(\d+)\.(\d+)(?:\.(\d+))?/.exec(text ?? "");
  return match ? [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)] : null;
}

/** Whether a version is the minimum or newer. */
export function isAtLeast(/** @type {number[] | null} */ version, /** @type {number[]} */ minimum) {
  for (const [i, least] of minimum.entries()) {
    const part = version?.[i] ?? 0;
    if (part !== least) return part > least;
  }
  return true;
}

/** The Python to build the environment with: S3_PYTHON, else the first on the path that is new enough. */
export function findPython() {
  const candidates = process.env.S3_PYTHON
    ? [process.env.S3_PYTHON]
    : ["python3", "python3.13", "python3.12", "python3.11", "python3.10", "python"];
  let newest = null;
  for (const command of candidates) {
    const version = parseVersion(capture(command, ["--version"]));
    if (version === null) continue;
    if (isAtLeast(version, PYTHON_MINIMUM)) return { command, version };
    newest ??= { command, version };
  }
  return newest;
}

export const findCompiler = () =>
  ["c++", "g++", "clang++"].find((command) => capture(command, ["--version"]) !== null) ?? null;

/** Whether an NVIDIA GPU can be used here. */
export const hasNvidiaGpu = () => countNvidiaGpus() > 0;

/** GPUs of NVIDIA that the driver shows. */
export const countNvidiaGpus = () =>
  (capture("nvidia-smi", ["-L"], { timeoutMs: 5_000 }) ?? "").match(/GPU \d+/g)?.length ?? 0;

/** Free space for what setup installs, in GiB. */
function readFreeGib() {
  mkdirSync(SETUP_DIR, { recursive: true });
  const { bavail, bsize } = statfsSync(SETUP_DIR);
  return (bavail * bsize) / 2 ** 30;
}

/**
 * @typedef {{ name: string, state: "ok" | "missing" | "old", found: string, remedy: string }} Requirement
 * @returns {Requirement[]}
 */
export function listMachineRequirements({ isInstalled = false } = {}) {
  const node = parseVersion(process.versions.node);
  const python = findPython();
  const hasVenv =
    python !== null && capture(python.command, ["-c", "import venv, ensurepip"]) !== null;
  const compiler = findCompiler();
  const free = readFreeGib();
  /** @returns {Requirement["state"]} */
  const state = (/** @type {boolean} */ isThere, isNew = true) =>
    !isThere ? "missing" : isNew ? "ok" : "old";
  const requirements = [
    {
      name: `Node.js ${NODE_MINIMUM.join(".")} or newer`,
      state: state(true, isAtLeast(node, NODE_MINIMUM)),
      found: process.versions.node,
      remedy: "install Node.js 20.19 or newer from https://nodejs.org",
    },
    {
      name: `Python ${PYTHON_MINIMUM.join(".")} or newer`,
      state: state(python !== null, python !== null && isAtLeast(python.version, PYTHON_MINIMUM)),
      found: python ? `${python.version.join(".")} (${python.command})` : "none",
      remedy: `${install("python3 python3-venv", "brew install python@3.12")}, or name one with S3_PYTHON=/path/to/python3`,
    },
    {
      name: "Python's venv and pip",
      state: state(hasVenv),
      found: hasVenv ? "yes" : "no",
      remedy: install("python3-venv", "brew install python@3.12"),
    },
    {
      name: "C++ compiler",
      state: state(compiler !== null),
      found: compiler ?? "none",
      remedy: install("g++", "xcode-select --install"),
    },
  ];
  if (!isInstalled) {
    requirements.push({
      name: `${FREE_GIB} GiB of free disk`,
      state: state(free >= FREE_GIB),
      found: `${free.toFixed(1)} GiB`,
      remedy: `make room, or put the installed things elsewhere with S3_SETUP_DIR and S3_VENV`,
    });
  }
  return requirements;
}
