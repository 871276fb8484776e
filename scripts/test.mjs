/**
 * Runs every check in order and adds them up. Its last line is "N passed, N failed".
 *
 * usage: node scripts/test.mjs [--long] [--only stage,stage]
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { PYTHON, ROOT, SETUP_DIR, inRoot } from "./lib/paths.mjs";
import { lastLine, outcome, readJunit, readPlaywright, readVitest } from "./lib/stages.mjs";
import { duration } from "./setup/progress.mjs";

const REPORTS = join(SETUP_DIR, "reports");
const MINUTE_MS = 60_000;

const bin = (...path) => [process.execPath, inRoot("node_modules", ...path)];
const vitest = (project) => ({
  name: project,
  command: [
    ...bin("vitest", "vitest.mjs"),
    "run",
    "--project",
    project,
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${join(REPORTS, `${project}.json`)}`,
  ],
  report: join(REPORTS, `${project}.json`),
  read: readVitest,
});

/** A stage without a report is one test by its exit code. */
const STAGES = [
  {
    name: "typecheck",
    command: [...bin("typescript", "bin", "tsc"), "--noEmit"],
    limitMs: 10 * MINUTE_MS,
  },
  { name: "lint", command: [...bin("eslint", "bin", "eslint.js"), "."], limitMs: 10 * MINUTE_MS },
  { ...vitest("unit"), limitMs: 15 * MINUTE_MS },
  { ...vitest("integration"), limitMs: 45 * MINUTE_MS },
  {
    name: "python",
    command: [
      PYTHON,
      "-m",
      "pytest",
      join("gpu-workers", "engine"),
      "-q",
      `--junitxml=${join(REPORTS, "python.xml")}`,
    ],
    report: join(REPORTS, "python.xml"),
    read: readJunit,
    limitMs: 30 * MINUTE_MS,
  },
  {
    name: "e2e",
    command: [
      ...bin("@playwright", "test", "cli.js"),
      "test",
      "--config",
      join("e2e", "playwright.config.ts"),
      "--reporter=list,json",
    ],
    env: { PLAYWRIGHT_JSON_OUTPUT_NAME: join(REPORTS, "e2e.json"), PLAYWRIGHT_HTML_OPEN: "never" },
    report: join(REPORTS, "e2e.json"),
    read: readPlaywright,
    limitMs: 60 * MINUTE_MS,
  },
];
const LONG_STAGES = [{ ...vitest("long"), limitMs: 6 * 60 * MINUTE_MS }];

let current = null;
const killCurrent = (name) => {
  try {
    if (current?.pid) process.kill(-current.pid, name);
  } catch {
    // It has ended.
  }
};
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(name, () => {
    killCurrent("SIGTERM");
    setTimeout(() => (killCurrent("SIGKILL"), process.exit(130)), 3_000);
  });
}

/** Runs one program with its output on ours; resolves with how it ended. */
function runStage({ command: [program, ...args], env, limitMs }) {
  return new Promise((resolve) => {
    // No terminal input: nothing may wait for a person. A group of its own, so that all of it can be ended.
    current = spawn(program, args, {
      cwd: ROOT,
      env: { ...process.env, FORCE_COLOR: process.stdout.isTTY ? "1" : "0", ...env },
      stdio: ["ignore", "inherit", "inherit"],
      detached: true,
    });
    let problem = null;
    const timer = setTimeout(() => {
      problem = `took longer than ${limitMs / MINUTE_MS} minutes`;
      killCurrent("SIGKILL");
    }, limitMs);
    const finish = (how) => {
      clearTimeout(timer);
      killCurrent("SIGKILL"); // what it has left behind
      resolve(problem ?? how);
    };
    current.once("error", (error) => finish(`could not be started: ${error.message}`));
    current.once("exit", (code, signal) =>
      finish(code === 0 ? null : signal ? `was ended by ${signal}` : `ended with code ${code}`),
    );
  });
}

/** What a stage has shown; without a readable report, or with a bad end and no failure in it, it has failed. */
function judge(stage, problem) {
  if (!stage.read)
    return problem === null ? outcome(1) : outcome(0, 1, 0, [`${stage.name} ${problem}`]);
  let result;
  try {
    if (!existsSync(stage.report)) throw new Error("it left no report");
    result = stage.read(readFileSync(stage.report, "utf8"));
  } catch (error) {
    return outcome(0, 1, 0, [`${stage.name} ${problem ?? "ended well"}, but ${error.message}`]);
  }
  if (problem !== null && result.failed === 0)
    return { ...result, failed: 1, failures: [`${stage.name} ${problem}`] };
  return result;
}

const { values } = parseArgs({ options: { long: { type: "boolean" }, only: { type: "string" } } });
const only = values.only?.split(",");
const stages = (values.long ? LONG_STAGES : STAGES).filter(
  (stage) => !only || only.includes(stage.name),
);
mkdirSync(REPORTS, { recursive: true });

const results = [];
for (const stage of stages) {
  console.log(`\n── ${stage.name} ──`);
  if (stage.report) rmSync(stage.report, { force: true });
  const started = Date.now();
  const result = judge(stage, await runStage(stage));
  results.push({ stage, result, ms: Date.now() - started });
}

console.log("\n── summary ──");
for (const { stage, result, ms } of results) {
  console.log(
    `${result.failed === 0 ? "✓" : "✗"} ${stage.name.padEnd(12)} ${lastLine([result]).padEnd(36)} ${duration(ms)}`,
  );
  for (const failure of result.failures) console.log(`    ${failure}`);
}
const outcomes = results.map(({ result }) => result);
console.log(`\n${lastLine(outcomes)}`);
process.exitCode = outcomes.some(({ failed }) => failed > 0) ? 1 : 0;
