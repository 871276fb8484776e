/**
 * Runs every test and adds them up. Its last line is "N passed, N failed".
 *
 * Three stages run at once; a lane that is free begins the longest stage that waits, by what it took last, so that both
 * cores have work until the end. What a stage prints comes out in one piece when it has ended.
 *
 * usage: node scripts/test.mjs [--long] [--only stage,stage]
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { CHECKS, findNodeProgram } from "./check/steps.mjs";
import { PYTHON, ROOT, SETUP_DIR } from "../lib/paths.mjs";
import { killGroup } from "../lib/process-group.mjs";
import { readSeconds, runInLanes } from "./lib/schedule.mjs";
import {
  formatSummary,
  mergeRepeated,
  buildOutcome,
  readJunit,
  readPlaywright,
  readVitest,
} from "./lib/stages.mjs";
import { formatDuration } from "./setup/progress.mjs";

const REPORTS = join(SETUP_DIR, "reports");
/** What each stage took when it last passed. */
const SECONDS_FILE = join(SETUP_DIR, "test-seconds.json");
/**
 * Stages that run at once. Each computes on one core for about two thirds of its time, and waits for a process, a page
 * or a disk in the rest.
 */
const LANES = 3;
/** Threads of PyTorch that share two busy cores wait for each other most of the time. */
const ONE_THREAD = { OMP_NUM_THREADS: "1" };
const MINUTE_MS = 60_000;
/** So many failed files of a stage are run once more, alone. More are no matter of a busy machine. */
const REPEATED_FILES = 8;
/** Lines of a stage that passed are of no use: this many are shown. */
const LINES_OF_A_PASS = 8;
/** The end of what a failed stage printed is shown once more beside the summary: a log may be cut before it. */
const LINES_OF_A_FAILURE = 60;

/**
 * A stage without a report is one test by its exit code. `seconds` and `memoryGb` are those of two cores; the seconds
 * count until the stage has passed once on this machine.
 * @typedef {import("./lib/schedule.mjs").Job & StageProgram} Stage
 *
 * @typedef {object} StageProgram
 * @property {string[]} command
 * @property {number} limitMs
 * @property {Record<string, string>} [env]
 * @property {string} [report]
 * @property {(text: string) => import("./lib/stages.mjs").Outcome} [read]
 * @property {boolean} [canRepeat] files given at the end of the command are run alone
 */

/** The tag of tests that `npm test` leaves to `npm run test:long`. */
const LONG = "long";

/**
 * @param {import("./lib/schedule.mjs").Job & { minutes: number, projects?: string[], tags?: string }} job minutes: it is ended
 *   after so many; projects: those of Vitest that it runs, * for any end of the name, by default that of the stage's name;
 *   tags: of which tests
 * @returns {Stage}
 */
const defineVitestStage = ({ minutes, projects, tags = `!${LONG}`, ...job }) => ({
  ...job,
  command: [
    ...findNodeProgram("vitest", "vitest.mjs"),
    "run",
    ...(projects ?? [job.name]).flatMap((project) => ["--project", project]),
    `--tagsFilter=${tags}`,
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${join(REPORTS, `${job.name}.json`)}`,
  ],
  report: join(REPORTS, `${job.name}.json`),
  read: (text) => readVitest(text, tags === LONG),
  canRepeat: true,
  limitMs: minutes * MINUTE_MS,
});

/** @type {Stage} */
const python = {
  name: "python",
  seconds: 200,
  memoryGb: 4,
  command: [
    PYTHON,
    "-m",
    "pytest",
    join("gpu-workers", "engine"),
    join("gpu-workers", "client"),
    "-q",
    `--junitxml=${join(REPORTS, "python.xml")}`,
  ],
  report: join(REPORTS, "python.xml"),
  read: readJunit,
  limitMs: 30 * MINUTE_MS,
};

/**
 * @param {string} name
 * @param {{ seconds: number, project?: string, env?: Record<string, string> }} options project: the one of Playwright that
 *   it runs, by default all
 * @returns {Stage}
 */
const definePlaywrightStage = (name, { seconds, project, env }) => ({
  name,
  seconds,
  memoryGb: 5,
  command: [
    ...findNodeProgram("@playwright", "test", "cli.js"),
    "test",
    "--config",
    join("e2e", "playwright.config.ts"),
    ...(project === undefined ? [] : ["--project", project]),
    "--reporter=list,json",
  ],
  env: {
    PLAYWRIGHT_JSON_OUTPUT_NAME: join(REPORTS, `${name}.json`),
    PLAYWRIGHT_HTML_OPEN: "never",
    ...env,
  },
  report: join(REPORTS, `${name}.json`),
  read: readPlaywright,
  limitMs: 80 * MINUTE_MS,
});

/** @type {Stage[]} */
const STAGES = [
  definePlaywrightStage("browser-recorded", { seconds: 780, project: "recorded" }),
  definePlaywrightStage("browser-fresh", { seconds: 170, project: "fresh" }),
  defineVitestStage({ name: "engine", seconds: 600, memoryGb: 4, minutes: 70 }),
  defineVitestStage({
    name: "unit",
    projects: ["unit*"],
    seconds: 360,
    memoryGb: 3,
    minutes: 40,
  }),
  defineVitestStage({ name: "retrieval", seconds: 300, memoryGb: 3, minutes: 40 }),
  defineVitestStage({ name: "db", seconds: 180, memoryGb: 3, minutes: 40 }),
  python,
  ...CHECKS.map(({ name, command, seconds }) => ({
    name,
    command,
    seconds,
    memoryGb: 2,
    // Beside other stages on a slow machine ESLint without its cache takes more than ten minutes.
    limitMs: 25 * MINUTE_MS,
  })),
];
/** Projects of Vitest of whose tests some have the tag `long`. */
const TAGGED = ["unit*", "retrieval", "db", "engine"];
const LONG_STAGES = [
  defineVitestStage({ name: "long", seconds: 3600, memoryGb: 8, minutes: 6 * 60 }),
  defineVitestStage({
    name: "tagged-long",
    projects: TAGGED,
    seconds: 1200,
    memoryGb: 6,
    minutes: 90,
    tags: LONG,
  }),
  definePlaywrightStage("browser-long", { seconds: 1200, env: { S3_E2E_LONG: "1" } }),
];

/** @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set();

for (const name of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
  process.on(name, () => {
    for (const child of running) killGroup(child.pid, "SIGTERM");
    setTimeout(() => {
      for (const child of running) killGroup(child.pid, "SIGKILL");
      process.exit(130);
    }, 3_000);
  });
}

/**
 * Runs one program to its end.
 * @param {Stage} stage
 * @returns {Promise<{ problem: string | null, output: string }>} problem: how it ended otherwise than well
 */
function runStage({ command: [program = "", ...args], env, limitMs }) {
  return new Promise((resolve) => {
    // No terminal input: nothing may wait for a person.
    const child = spawn(program, args, {
      cwd: ROOT,
      env: { ...process.env, ...ONE_THREAD, FORCE_COLOR: process.stdout.isTTY ? "1" : "0", ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    running.add(child);
    let output = "";
    const collect = (/** @type {Buffer} */ chunk) => (output += chunk.toString());
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    /** @type {string | null} */
    let overtime = null;
    const timer = setTimeout(() => {
      overtime = `took longer than ${limitMs / MINUTE_MS} minutes`;
      killGroup(child.pid, "SIGKILL");
    }, limitMs);
    const finish = (/** @type {string | null} */ problem) => {
      clearTimeout(timer);
      killGroup(child.pid, "SIGKILL"); // what it has left behind
      running.delete(child);
      const end = () => resolve({ problem: overtime ?? problem, output });
      child.once("close", end);
      // A process that left the group may hold the output open.
      setTimeout(end, 2_000).unref();
    };
    child.once("error", (error) => finish(`could not be started: ${error.message}`));
    child.once("exit", (code, signal) =>
      finish(code === 0 ? null : signal ? `was ended by ${signal}` : `ended with code ${code}`),
    );
  });
}

/**
 * What a stage has shown; without a readable report, or with a bad end and no failure in it, it has failed.
 * @param {Stage} stage
 * @param {string | null} problem
 */
function judge(stage, problem) {
  const failure = `${stage.name} ${problem ?? "ended well"}`;
  if (!stage.read || !stage.report)
    return problem === null ? buildOutcome(1) : buildOutcome(0, 1, 0, [failure]);
  try {
    if (!existsSync(stage.report)) throw new Error("it left no report");
    const result = stage.read(readFileSync(stage.report, "utf8"));
    return problem !== null && result.failed === 0
      ? { ...result, failed: 1, failures: [failure] }
      : result;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return buildOutcome(0, 1, 0, [`${failure}, but ${reason}`]);
  }
}

/**
 * Runs a stage, and its failed files once more in a fresh process: on a busy machine a real process may come too late,
 * and a test that is repeated within its file finds what its first try left behind.
 * @param {Stage} stage
 */
async function runRepeated(stage) {
  const { problem, output } = await runStage(stage);
  const result = judge(stage, problem);
  const files = stage.canRepeat ? (result.files ?? []) : [];
  if (files.length === 0 || files.length > REPEATED_FILES) return { result, output };
  console.log(`… ${stage.name} once more: ${files.join(", ")}`);
  if (stage.report) rmSync(stage.report, { force: true });
  const again = await runStage({ ...stage, command: [...stage.command, ...files] });
  return {
    result: mergeRepeated(result, judge(stage, again.problem)),
    output: `${output}\n\n── once more ──\n${again.output}`,
  };
}

const { values } = parseArgs({ options: { long: { type: "boolean" }, only: { type: "string" } } });
const only = values.only?.split(",");
mkdirSync(REPORTS, { recursive: true });
const started = Date.now();

/** @type {{ stage: Stage, result: import("./lib/stages.mjs").Outcome, lines: string[], ms: number }[]} */
const results = [];
const secondsBefore = readSeconds(
  existsSync(SECONDS_FILE) ? readFileSync(SECONDS_FILE, "utf8") : "{}",
);
const stages = (values.long ? LONG_STAGES : STAGES)
  .filter(({ name }) => !only || only.includes(name))
  .map((stage) => ({ ...stage, seconds: secondsBefore.get(stage.name) ?? stage.seconds }));
await runInLanes(stages, {
  lanes: LANES,
  memoryGb: totalmem() / 2 ** 30,
  run: async (stage) => {
    console.log(`… ${stage.name}`);
    if (stage.report) rmSync(stage.report, { force: true });
    const begun = Date.now();
    const { result, output } = await runRepeated(stage);
    const lines = output.trimEnd().split("\n");
    results.push({ stage, result, lines, ms: Date.now() - begun });
    const isTold = result.failed > 0 || result.flaky.length > 0;
    const shown = isTold ? lines : lines.slice(-LINES_OF_A_PASS);
    console.log(`\n── ${stage.name} ──\n${shown.join("\n")}`);
  },
});
const passed = results.filter(({ result }) => result.failed === 0);
const seconds = new Map([
  ...secondsBefore,
  ...passed.map(({ stage, ms }) => /** @type {const} */ ([stage.name, Math.round(ms / 1000)])),
]);
writeFileSync(SECONDS_FILE, `${JSON.stringify(Object.fromEntries(seconds))}\n`);

for (const { stage, result, lines } of results)
  if (result.failed > 0)
    console.log(
      `\n── ${stage.name}, its end once more ──\n${lines.slice(-LINES_OF_A_FAILURE).join("\n")}`,
    );
console.log("\n── summary ──");
for (const { stage, result, ms } of results) {
  const mark = result.failed === 0 ? "✓" : "✗";
  console.log(
    `${mark} ${stage.name.padEnd(14)} ${formatSummary([result]).padEnd(36)} ${formatDuration(ms)}`,
  );
  for (const failure of result.failures) console.log(`    ${failure}`);
  for (const title of result.flaky) console.log(`    only when repeated: ${title}`);
}
console.log(`in ${formatDuration(Date.now() - started)}`);
const outcomes = results.map(({ result }) => result);
console.log(`\n${formatSummary(outcomes)}`);
process.exitCode = outcomes.length === 0 || outcomes.some(({ failed }) => failed > 0) ? 1 : 0;
