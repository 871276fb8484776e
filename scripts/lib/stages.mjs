/** The outcome of a test stage, read from its machine-readable report. */

/**
 * @typedef {{ passed: number, failed: number, skipped: number, failures: string[] }} Outcome
 *
 * @typedef {object} VitestReport
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numPendingTests
 * @property {number} [numTodoTests]
 * @property {{ name: string, status: string, message?: string, assertionResults: { status: string, fullName: string }[] }[]} testResults
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
 * @param {string[]} failures what failed, for people
 * @returns {Outcome}
 */
export const outcome = (passed = 0, failed = 0, skipped = 0, failures = []) => ({
  passed,
  failed,
  skipped,
  failures,
});

/**
 * Vitest's json reporter. A file that cannot be loaded has no tests: it counts as one failure.
 * @param {string} text
 */
export function readVitest(text) {
  const report = /** @type {VitestReport} */ (JSON.parse(text));
  const broken = report.testResults.filter(
    (file) =>
      file.status === "failed" && file.assertionResults.every((test) => test.status !== "failed"),
  );
  const failedTests = report.testResults.flatMap((file) =>
    file.assertionResults
      .filter((test) => test.status === "failed")
      .map((test) => `${file.name}: ${test.fullName}`),
  );
  return outcome(
    report.numPassedTests,
    report.numFailedTests + broken.length,
    report.numPendingTests + (report.numTodoTests ?? 0),
    [
      ...failedTests,
      ...broken.map((file) => `${file.name}: ${(file.message ?? "").split("\n")[0]}`),
    ],
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
  return outcome(sum("tests") - failed - sum("skipped"), failed, sum("skipped"), failures);
}

/**
 * Playwright's json reporter. A test that passed only when repeated has failed at first: it counts as failed.
 * @param {string} text
 */
export function readPlaywright(text) {
  const { stats, errors = [], suites = [] } = /** @type {PlaywrightReport} */ (JSON.parse(text));
  /** @type {(suite: PlaywrightSuite) => NonNullable<PlaywrightSuite["specs"]>} */
  const specs = (suite) => [...(suite.specs ?? []), ...(suite.suites ?? []).flatMap(specs)];
  const failures = suites
    .flatMap(specs)
    .filter((spec) => !spec.ok || spec.tests.some((test) => test.status === "flaky"));
  const failed = stats.unexpected + stats.flaky;
  // An error outside any test (a configuration that cannot be read, a server that does not start) is a failure too.
  return outcome(stats.expected, failed + errors.length, stats.skipped, [
    ...failures.map((spec) => `${spec.file}: ${spec.title}`),
    ...errors.map((error) => (error.message ?? JSON.stringify(error)).split("\n")[0] ?? ""),
  ]);
}

/**
 * The sum of outcomes as the last line: "N passed, N failed", and skipped ones where there are any.
 * @param {Pick<Outcome, "passed" | "failed" | "skipped">[]} outcomes
 */
export function lastLine(outcomes) {
  const sum = (/** @type {"passed" | "failed" | "skipped"} */ key) =>
    outcomes.reduce((total, one) => total + one[key], 0);
  const skipped = sum("skipped");
  return `${sum("passed")} passed, ${sum("failed")} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
