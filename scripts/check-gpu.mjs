/**
 * Checks the engine on this machine's GPU with the project's Python: sampling, gradients and critic against the CPU,
 * bfloat16's drift, speed and memory. Arguments go on to gpu-workers/engine/check_gpu.py.
 *
 * Exit code 0: everything agrees; 1: something does not; 2: there is no GPU that torch can use, so nothing was checked.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { PYTHON, ROOT, resolveInRoot } from "../lib/paths.mjs";

const script = resolveInRoot("gpu-workers", "engine", "check_gpu.py");
if (!existsSync(PYTHON)) {
  console.error(
    `There is no Python of the project at ${PYTHON}: run \`node scripts/setup.mjs\`, or the check alone with any Python that has torch and transformers: python ${script}`,
  );
  process.exit(1);
}
const { status, error } = spawnSync(PYTHON, [script, ...process.argv.slice(2)], {
  cwd: ROOT,
  stdio: "inherit",
});
if (error) console.error(error.message);
process.exit(status ?? 1);
