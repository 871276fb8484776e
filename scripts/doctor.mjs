/**
 * Prints every requirement and its state; exit code 1 if something is missing or old.
 *
 * usage: node scripts/doctor.mjs
 */
import { join } from "node:path";
import { readHeldLock } from "../lib/lock.mjs";
import { DATA_DIR } from "../lib/paths.mjs";
import { hasNvidiaGpu, listMachineRequirements } from "./setup/machine.mjs";
import { listSteps } from "./setup/steps.mjs";

/** @type {Record<string, string>} */
const MARKS = { ok: "✓", missing: "✗", old: "✗" };

/** State of a step as a requirement; a check that cannot be made says why. */
function describeStep(/** @type {import("./setup/step.mjs").Step} */ step) {
  try {
    const reason = step.done();
    if (reason === true) return { name: step.name, state: "ok", found: "installed" };
    return {
      name: step.name,
      state: /changed|differ/.test(reason) ? "old" : "missing",
      found: reason,
    };
  } catch (error) {
    return {
      name: step.name,
      state: "missing",
      found:
        error instanceof Error && !("code" in error && error.code === "ENOENT")
          ? error.message
          : "what it is made from is not installed",
    };
  }
}

function print(
  /** @type {string} */ title,
  /** @type {{ name: string, state: string, found: string, remedy: string }[]} */ requirements,
) {
  console.log(`\n${title}`);
  for (const { name, state, found, remedy } of requirements) {
    console.log(`  ${MARKS[state]} ${name.padEnd(44)} ${state.padEnd(8)} ${found}`);
    if (state !== "ok" && remedy) console.log(`      → ${remedy}`);
  }
  return requirements.every(({ state }) => state === "ok");
}

const all = listSteps({ forTests: true, forDevelopment: false, withRay: true }).filter(
  ({ id }) => id !== "machine",
);
const isForTests = (/** @type {import("./setup/step.mjs").Step} */ { id }) =>
  ["python-ray", "python-test", "chromium"].includes(id);
const setUp = all
  .filter((step) => !isForTests(step))
  .map((step) => ({ ...describeStep(step), remedy: "npm start (or npm test) installs it" }));
const isInstalled = setUp.every(({ state }) => state === "ok");

const isMachineReady = print("This machine", listMachineRequirements({ isInstalled }));
const isSetUp = print("Installed by npm start", setUp);
// Tests are not needed to use the dashboard: their state is told, but does not count.
print(
  "Installed by npm test",
  all.filter(isForTests).map((step) => ({ ...describeStep(step), remedy: "npm test installs it" })),
);

const lock = readHeldLock(join(DATA_DIR, "supervisor.lock"));
console.log(
  `\nGPU: ${hasNvidiaGpu() ? "NVIDIA, torch uses CUDA" : "none that can be used; torch runs on the CPU"}`,
);
console.log(`Running: ${lock ? `yes, process ${lock.pid}, page at ${lock.url}` : "no"}`);
process.exitCode = isMachineReady && isSetUp ? 0 : 1;
