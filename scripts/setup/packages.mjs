/** Steps for npm packages, the Python environment and its packages. */
import { existsSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { PYTHON, VENV_DIR, resolveInRoot } from "../../lib/paths.mjs";
import { capture } from "../lib/run.mjs";
import { findPython, hasNvidiaGpu, isAtLeast, parseVersion } from "./machine.mjs";
import { StepError } from "./step.mjs";

const PYTORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu";

const findNpm = () => {
  const cli = process.env.npm_execpath;
  return cli && /npm-cli\.c?js$/.test(cli) ? [process.execPath, cli] : ["npm"];
};

/**
 * What is read of package-lock.json.
 * @typedef {{ packages: Record<string, { version?: string, optional?: boolean, devOptional?: boolean, link?: boolean }> }} Lockfile
 */

/** The packages of a lockfile that every machine must have, as path and version. */
function listRequired(/** @type {Lockfile} */ lock) {
  return Object.entries(lock.packages).filter(
    ([path, entry]) => path !== "" && !entry.optional && !entry.devOptional && !entry.link,
  );
}

/** What node_modules lacks of a lockfile; npm writes its hidden lockfile only when it has finished. */
export function listMissingPackages(/** @type {Lockfile} */ lock, /** @type {Lockfile} */ hidden) {
  return listRequired(lock)
    .filter(([path, entry]) => hidden.packages[path]?.version !== entry.version)
    .map(([path]) => path);
}

const readLockfile = (/** @type {string} */ file) =>
  /** @type {Lockfile} */ (JSON.parse(readFileSync(file, "utf8")));

/** @type {import("./step.mjs").Step} */
export const npmStep = {
  id: "npm",
  name: "Node packages",
  remedy:
    "check that the npm registry can be reached (`npm ping`), then run the same command again; what was fetched is kept.",
  done: () => {
    const hidden = resolveInRoot("node_modules", ".package-lock.json");
    if (!existsSync(hidden)) return "nothing is installed yet";
    const missing = listMissingPackages(
      readLockfile(resolveInRoot("package-lock.json")),
      readLockfile(hidden),
    );
    return (
      missing.length === 0 ||
      `${missing.length} packages differ from package-lock.json, among them ${missing[0]}`
    );
  },
  progress: () => {
    const folders = listRequired(readLockfile(resolveInRoot("package-lock.json"))).map(([path]) =>
      resolveInRoot(path, "package.json"),
    );
    return folders.filter((file) => existsSync(file)).length / folders.length;
  },
  run: async ({ fetch }) => {
    const [command, ...prefix] = findNpm();
    await fetch(
      command ?? "npm",
      [...prefix, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
      {
        env: {
          ONNXRUNTIME_NODE_INSTALL: hasNvidiaGpu() ? undefined : "skip",
          NODE_ENV: "development",
        },
      },
    );
  },
};

/** Names and versions pinned by a requirements file for one version of Python. */
export function readPins(/** @type {string} */ text, /** @type {number[] | null} */ python) {
  /** @type {Map<string, string>} */
  const pins = new Map();
  for (const line of text.split("\n")) {
    const match = /^([\w.-]+)==([^\s;]+)\s*(?:;\s*python_version\s*(<|>=)\s*"([\d.]+)")?$/.exec(
      line.trim(),
    );
    if (!match) continue;
    const [, name = "", version = "", operator, bound] = match;
    if (operator && isAtLeast(python, parseVersion(bound) ?? []) !== (operator === ">=")) continue;
    pins.set(canonicalise(name), version);
  }
  return pins;
}

const canonicalise = (/** @type {string} */ name) => name.toLowerCase().replace(/[-_.]+/g, "-");

/** Installed distributions of the environment, read from disk: starting Python would take a second. */
function listInstalled() {
  const lib = join(VENV_DIR, "lib");
  /** @type {Map<string, string>} */
  const versions = new Map();
  if (!existsSync(lib)) return versions;
  for (const folder of readdirSync(lib)) {
    const site = join(lib, folder, "site-packages");
    if (!existsSync(site)) continue;
    for (const entry of readdirSync(site)) {
      const [, name, version] = /^(.+)-([^-]+)\.dist-info$/.exec(entry) ?? [];
      if (name && version && existsSync(join(site, entry, "RECORD")))
        versions.set(canonicalise(name), version.replace(/\+.*$/, ""));
    }
  }
  return versions;
}

function readVenvPython() {
  const file = join(VENV_DIR, "pyvenv.cfg");
  return existsSync(file) && existsSync(PYTHON)
    ? parseVersion(/^version\s*=\s*(.+)$/m.exec(readFileSync(file, "utf8"))?.[1])
    : null;
}

/** Pins of requirements files, and those that are not installed. */
const compareWithPins = (/** @type {string[]} */ files) => {
  const have = listInstalled();
  const python = readVenvPython() ?? [3, 11];
  const pins = files.flatMap((file) => [...readPins(readFileSync(file, "utf8"), python)]);
  return { pins, missing: pins.filter(([name, version]) => have.get(name) !== version) };
};

const ENGINE = join("gpu-workers", "engine");
const REQUIREMENTS = resolveInRoot(ENGINE, "requirements", "requirements.txt");
const TORCH_REQUIREMENTS = resolveInRoot(ENGINE, "requirements", "requirements-torch.txt");

const pip = [
  "-m",
  "pip",
  "--disable-pip-version-check",
  "--no-input",
  "install",
  // What builds a source distribution would be fetched without a hash.
  "--only-binary=:all:",
];

/** Arguments that install what requirements files pin: by their locks, of which every file has the hash that is in them. */
export const installLocked = (/** @type {string[]} */ requirements) => [
  ...pip,
  "--require-hashes",
  ...requirements.flatMap((file) => ["-r", file.replace(/\.txt$/, ".lock")]),
];

/**
 * Torch's build for this machine: the CPU one is ten times smaller, but not on every index. PyPI's is installed by its
 * lock. The CPU one is on PyTorch's own index, whose hashes no lock holds: it is taken by its exact version, alone.
 */
async function installTorch(
  /** @type {import("./step.mjs").StepContext} */ context,
  /** @type {string} */ version,
) {
  const isCpu = process.platform === "linux" && !hasNvidiaGpu();
  if (isCpu && (await installCpuTorch(context, PYTHON, version))) return;
  await context.fetch(PYTHON, installLocked([TORCH_REQUIREMENTS, REQUIREMENTS]));
}

/** Installs torch's CPU build for a Python on Linux. @returns whether an index had it */
export async function installCpuTorch(
  /** @type {import("./step.mjs").StepContext} */ { exec, note },
  /** @type {string} */ python,
  /** @type {string} */ version,
) {
  const cpu = ["--no-deps", `torch==${version}+cpu`];
  for (const extra of [[], ["--extra-index-url", PYTORCH_CPU_INDEX]]) {
    try {
      await exec(python, [...pip, "--retries", "1", "--timeout", "20", ...cpu, ...extra]);
      return true;
    } catch {
      note(
        `torch ${version} for CPU is not ${extra.length ? "on PyTorch's own index" : "on the configured index"}`,
      );
    }
  }
  return false;
}

/**
 * @param {string} id
 * @param {string} name
 * @param {string[]} requirements what must be there
 * @param {string[]} locked requirements whose locks are installed
 * @returns {import("./step.mjs").Step}
 */
const defineRequirementsStep = (id, name, requirements, locked) => ({
  id,
  name,
  remedy:
    "check that the Python package index can be reached (`pip download pip`), then run the same command again; what was fetched is kept.",
  done: () => {
    const { missing } = compareWithPins(requirements);
    const [first] = missing;
    return (
      first === undefined ||
      `${missing.length} packages are missing or differ, among them ${first.join(" ")}`
    );
  },
  progress: () => {
    const { pins, missing } = compareWithPins(requirements);
    return 1 - missing.length / pins.length;
  },
  run: async (context) => {
    const torch = compareWithPins(requirements).missing.find(([package_]) => package_ === "torch");
    if (torch) await installTorch(context, torch[1]);
    await context.fetch(PYTHON, installLocked(locked));
  },
});

/** The version of PyTorch that everything here is pinned to. */
export function readTorchVersion() {
  const version = readPins(readFileSync(TORCH_REQUIREMENTS, "utf8"), null).get("torch");
  if (version === undefined) throw new StepError(`${TORCH_REQUIREMENTS} pins no torch`);
  return version;
}

/** @type {import("./step.mjs").Step} */
export const venvStep = {
  id: "venv",
  name: "Python environment",
  remedy:
    "install Python 3.10 or newer with venv (Debian: apt-get install -y python3-venv), or name one with S3_PYTHON=/path/to/python3.",
  done: () => {
    const version = readVenvPython();
    if (version === null) return "there is none yet";
    if (!existsSync(join(VENV_DIR, "bin", "pip"))) return "it was left unfinished";
    return true;
  },
  run: async ({ exec }) => {
    const python = findPython();
    if (python === null) throw new StepError("no Python 3.10 or newer was found");
    rmSync(VENV_DIR, { recursive: true, force: true });
    await exec(python.command, ["-m", "venv", VENV_DIR]);
    if (capture(PYTHON, ["--version"]) === null) throw new StepError(`${PYTHON} does not run`);
  },
};

export const pythonStep = defineRequirementsStep(
  "python",
  "Python packages",
  [TORCH_REQUIREMENTS, REQUIREMENTS],
  [REQUIREMENTS],
);
const RAY_REQUIREMENTS = resolveInRoot(ENGINE, "requirements", "requirements-ray.txt");
/** Ray: several GPUs as one engine. */
export const pythonRayStep = defineRequirementsStep(
  "python-ray",
  "Ray for several GPUs",
  [RAY_REQUIREMENTS],
  [REQUIREMENTS, RAY_REQUIREMENTS],
);
const TEST_REQUIREMENTS = resolveInRoot(ENGINE, "requirements", "requirements-test.txt");
export const pythonTestStep = defineRequirementsStep(
  "python-test",
  "Python test packages",
  [TEST_REQUIREMENTS],
  [REQUIREMENTS, TEST_REQUIREMENTS],
);
