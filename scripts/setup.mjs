/**
 * Brings everything that `npm start` and `npm test` need. Plain Node: it runs before any package is there.
 *
 * usage: node scripts/setup.mjs [--test | --dev | --vllm | --tinker | --skyrl] [--only id,id]
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { takeLock } from "../lib/lock.mjs";
import { LOGS_DIR, SETUP_DIR } from "../lib/paths.mjs";
import { formatDuration, makeUi } from "./setup/progress.mjs";
import { runSteps } from "./setup/step.mjs";
import { listSteps } from "./setup/steps.mjs";
import { skyrlStep, tinkerStep } from "./setup/tinker.mjs";
import { vllmStep } from "./setup/vllm.mjs";

/** Two set-ups at once would spoil each other's work: the second waits. */
async function waitForLock() {
  for (let said = false; ; said = true) {
    const lock = takeLock(join(SETUP_DIR, "lock"));
    if (!lock.isTaken) return lock;
    if (!said)
      console.log(`Another set-up is at work (process ${lock.holder.pid}), waiting for it.`);
    await sleep(500);
  }
}

const { values } = parseArgs({
  options: {
    test: { type: "boolean" },
    dev: { type: "boolean" },
    vllm: { type: "boolean" },
    tinker: { type: "boolean" },
    skyrl: { type: "boolean" },
    only: { type: "string" },
  },
});
const isDevelopment = values.dev === true || process.env.npm_lifecycle_event === "predev";
const only = values.only?.split(",");
const started = Date.now();
const lock = await waitForLock();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    process.stdout.write(
      "\nSetup was interrupted. Run the same command again: it goes on at this step.\n",
    );
    lock.release();
    process.exit(130);
  });
}
const apart = [
  ...(values.vllm ? [vllmStep] : []),
  ...(values.tinker || values.skyrl ? [tinkerStep] : []),
  ...(values.skyrl ? [skyrlStep] : []),
];
const wanted =
  apart.length > 0
    ? apart
    : listSteps({
        forTests: values.test === true,
        forDevelopment: isDevelopment,
        withRay: only?.includes("python-ray") === true,
      });
const steps = wanted.filter((step) => !only || only.includes(step.id));
const isReady = await runSteps(steps, { logsDir: LOGS_DIR, ui: makeUi(process.stdout) });
lock.release();
if (isReady) console.log(`Everything is set up (${formatDuration(Date.now() - started)}).`);
process.exitCode = isReady ? 0 : 1;
