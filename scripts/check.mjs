/**
 * `npm run check`: format, lint, types, dead code and import arrows of everything, nothing is run.
 *
 * usage: node scripts/check.mjs [--only step,step] [--fix]
 */
import { spawn } from "node:child_process";
import { parseArgs } from "node:util";
import { CHECKS, FIXES } from "./check/steps.mjs";
import { ROOT } from "../lib/paths.mjs";
import { formatDuration } from "./setup/progress.mjs";

/** Checks that run at once: each uses about one core. */
const LANES = 2;

/**
 * Runs one program to its end.
 * @param {string[]} command
 * @returns {Promise<{ ok: boolean, output: string, ms: number }>}
 */
function runCheck([program = "", ...args]) {
  const started = Date.now();
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: ROOT,
      env: { ...process.env, FORCE_COLOR: process.stdout.isTTY ? "1" : "0" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    const collect = (/** @type {Buffer} */ chunk) => (output += chunk.toString());
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.once("error", (error) =>
      resolve({ ok: false, output: String(error), ms: Date.now() - started }),
    );
    child.once("close", (code) => resolve({ ok: code === 0, output, ms: Date.now() - started }));
  });
}

const { values } = parseArgs({ options: { only: { type: "string" }, fix: { type: "boolean" } } });
const only = values.only?.split(",");
const unknown = only?.filter((name) => !CHECKS.some((check) => check.name === name)) ?? [];
if (unknown.length > 0) {
  console.error(
    `There is no check "${unknown.join(", ")}"; there are ${CHECKS.map(({ name }) => name).join(", ")}.`,
  );
  process.exit(2);
}

if (values.fix) for (const command of FIXES) console.log((await runCheck(command)).output.trim());

const waiting = CHECKS.filter(({ name }) => !only || only.includes(name));
let failed = 0;
await Promise.all(
  Array.from({ length: LANES }, async () => {
    for (let check = waiting.shift(); check; check = waiting.shift()) {
      const { ok, output, ms } = await runCheck(check.command);
      console.log(`${ok ? "✓" : "✗"} ${check.name.padEnd(14)} ${formatDuration(ms)}`);
      if (ok) continue;
      failed += 1;
      console.log(`${output.trim()}\n  ${check.remedy}\n`);
    }
  }),
);
process.exitCode = failed > 0 ? 1 : 0;
