/** The outcome of a test stage, read from its machine-readable report. */

/**
 * @typedef {object} Outcome
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 * @property {string[]} failures what failed, for people
 * @property {string[]} flaky what failed at first and passed when repeated; counted as passed
 * @property {string[]} [files] files with a failure, where they can be run alone
 *
 * @typedef {object} VitestReport
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numPendingTests
 * @property {number} [numTodoTests]
 * @property {{ name: string, status: string, message?: string, assertionResults: { status: string, fullName: string, tags?: string[] }[] }[]} testResults
 *
 * @typedef {object} PlaywrightSuite
 * @property {{ file: string, title: string, ok: boolean, tests: { status: string }[] }[]} [specs]
 * @property {PlaywrightSuite[]} [suites]
 *
 * @typedef {object} PlaywrightReport
 * @property {{ expected: number, unexpected: number, flaky: number, skipped: number }} stats
 * @property {{ message?: string }[]} [errors]
 * @property {PlaywrightSuite[]} [suites]
 */

/**
 * @param {number} passed
 * @param {number} failed
 * @param {number} skipped
 * @param {string[]} failures
 * @param {string[]} flaky
 * @returns {Outcome}
 */
export const buildOutcome = (passed = 0, failed = 0, skipped = 0, failures = [], flaky = []) => ({
  passed,
  failed,
  skipped,
  failures,
  flaky,
});

/**
 * Vitest's json reporter. A file that cannot be loaded has no tests: it counts as one failure. Tests that belong to the
 * other of `npm test` and `npm run test:long` are there as skipped ones: they do not count.
 * @param {string} text
 * @param {boolean} isLong whether tests of the tag `long` were run, or those without it
 */
export function readVitest(text, isLong) {
  const report = /** @type {VitestReport} */ (JSON.parse(text));
  const broken = report.testResults.filter(
    (file) =>
      file.status === "failed" && file.assertionResults.every((test) => test.status !== "failed"),
  );
  const tests = report.testResults.flatMap((file) =>
    file.assertionResults.map((test) => ({ ...test, title: `${file.name}: ${test.fullName}` })),
  );
  const leftOut = tests.filter(
    ({ status, tags = [] }) => status === "skipped" && tags.includes("long") !== isLong,
  );
  const failedTests = tests.filter(({ status }) => status === "failed");
  return {
    ...buildOutcome(
      report.numPassedTests,
      report.numFailedTests + broken.length,
      report.numPendingTests + (report.numTodoTests ?? 0) - leftOut.length,
      [
        ...failedTests.map(({ title }) => title),
        ...broken.map((file) => `${file.name}: ${(file.message ?? "").split("\n")[0]}`),
      ],
    ),
    files: report.testResults.filter(({ status }) => status === "failed").map(({ name }) => name),
  };
}

/**
 * What a stage has shown once its failed files were run again: what passed only then is named.
 * @param {Outcome} first
 * @param {Outcome} repeated of the files that had failed
 * @returns {Outcome}
 */
export function mergeRepeated(first, repeated) {
  const recovered = first.failures.filter((failure) => !repeated.failures.includes(failure));
  return buildOutcome(
    first.passed + Math.max(0, first.failed - repeated.failed),
    repeated.failed,
    first.skipped,
    repeated.failures,
    [...first.flaky, ...recovered],
  );
}

/**
 * Pytest's junit file.
 * @param {string} text
 */
export function readJunit(text) {
  const suites = [...text.matchAll(/<testsuite\s([^>]*)>/g)].map(
    ([, attributes = ""]) => attributes,
  );
  if (suites.length === 0) throw new Error("the junit file holds no testsuite");
  const sum = (/** @type {string} */ name) =>
    suites.reduce(
      (total, attributes) =>
        total + Number(new RegExp(`\\b${name}="(\\d+)"`).exec(attributes)?.[1] ?? 0),
      0,
    );
  const failed = sum("failures") + sum("errors");
  const failures = [...text.matchAll(/<testcase\s([^>]*[^/])>\s*<(?:failure|error)/g)].map(
    ([, attributes = ""]) => {
      const value = (/** @type {string} */ name) =>
        new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "";
      return `${value("classname")}: ${value("name")}`;
    },
  );
  return buildOutcome(sum("tests") - failed - sum("skipped"), failed, sum("skipped"), failures);
}

/**
 * Playwright's json reporter.
 * @param {string} text
 */
export function readPlaywright(text) {
  const { stats, errors = [], suites = [] } = /** @type {PlaywrightReport} */ (JSON.parse(text));
  /** @type {(suite: PlaywrightSuite) => NonNullable<PlaywrightSuite["specs"]>} */
  const specsIn = (suite) => [...(suite.specs ?? []), ...(suite.suites ?? []).flatMap(specsIn)];
  const specs = suites.flatMap(specsIn);
  const title = (/** @type {(typeof specs)[number]} */ spec) => `${spec.file}: ${spec.title}`;
  // An error outside any test (a configuration that cannot be read, a server that does not start) is a failure too.
  return buildOutcome(
    stats.expected + stats.flaky,
    stats.unexpected + errors.length,
    stats.skipped,
    [
      ...specs.filter(({ ok }) => !ok).map(title),
      ...errors.map((error) => (error.message ?? JSON.stringify(error)).split("\n")[0] ?? ""),
    ],
    specs.filter(({ tests }) => tests.some(({ status }) => status === "flaky")).map(title),
  );
}

/**
 * The sum of outcomes as the last line: "N passed, N failed", and skipped ones where there are any.
 * @param {Pick<Outcome, "passed" | "failed" | "skipped">[]} outcomes
 */
export function formatSummary(outcomes) {
  const sum = (/** @type {"passed" | "failed" | "skipped"} */ key) =>
    outcomes.reduce((total, one) => total + one[key], 0);
  const skipped = sum("skipped");
  return `${sum("passed")} passed, ${sum("failed")} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
