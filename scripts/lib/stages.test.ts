import { describe, expect, it } from "vitest";
import {
  formatSummary,
  mergeRepeated,
  buildOutcome,
  readJunit,
  readPlaywright,
  readVitest,
} from "./stages.mjs";

describe("reports", () => {
  it("of vitest are read, a file that does not load counts as failed", () => {
    const report = {
      numPassedTests: 3,
      numFailedTests: 1,
      numPendingTests: 2,
      testResults: [
        {
          name: "a.test.ts",
          status: "failed",
          assertionResults: [
            { status: "failed", fullName: "it adds" },
            { status: "passed", fullName: "it runs" },
          ],
        },
        {
          name: "b.test.ts",
          status: "failed",
          message: "Cannot find module x\nmore",
          assertionResults: [],
        },
      ],
    };
    expect(readVitest(JSON.stringify(report), false)).toEqual({
      ...buildOutcome(3, 2, 2, ["a.test.ts: it adds", "b.test.ts: Cannot find module x"]),
      files: ["a.test.ts", "b.test.ts"],
    });
  });

  it("of vitest count what is skipped, and not what belongs to the other of both commands", () => {
    const skip = (fullName: string, ...tags: string[]) => ({ status: "skipped", fullName, tags });
    const report = JSON.stringify({
      numPassedTests: 3,
      numFailedTests: 0,
      numPendingTests: 3,
      testResults: [
        {
          name: "a.test.ts",
          status: "passed",
          assertionResults: [skip("needs data"), skip("soaks", "long"), skip("soaks, too", "long")],
        },
      ],
    });
    expect(readVitest(report, false).skipped).toBe(1);
    expect(readVitest(report, true).skipped).toBe(2);
  });

  it("name what passed only when its file was run again, and keep what failed twice", () => {
    const first = buildOutcome(8, 2, 1, ["a.test.ts: it adds", "b.test.ts: it waits"]);
    expect(mergeRepeated(first, buildOutcome(4))).toEqual(
      buildOutcome(10, 0, 1, [], ["a.test.ts: it adds", "b.test.ts: it waits"]),
    );
    expect(mergeRepeated(first, buildOutcome(3, 1, 0, ["a.test.ts: it adds"]))).toEqual(
      buildOutcome(9, 1, 1, ["a.test.ts: it adds"], ["b.test.ts: it waits"]),
    );
    const other = buildOutcome(2, 2, 0, ["a.test.ts: it adds", "a.test.ts: it starts"]);
    expect(mergeRepeated(buildOutcome(9, 1, 0, ["a.test.ts: it adds"]), other).failed).toBe(2);
  });

  it("of pytest are read", () => {
    const xml = `<?xml version="1.0"?><testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="5" time="0.1">
      <testcase classname="tests.test_a" name="test_fine" time="0.1" /><testcase classname="tests.test_a" name="test_bad" time="0.1"><failure message="no">x</failure></testcase>
      <testcase classname="tests.test_b" name="test_broken" time="0.1"><error message="no">x</error></testcase></testsuite></testsuites>`;
    expect(readJunit(xml)).toEqual(
      buildOutcome(2, 2, 1, ["tests.test_a: test_bad", "tests.test_b: test_broken"]),
    );
    expect(() => readJunit("<html/>")).toThrow("no testsuite");
  });

  it("of Playwright are read, an error outside of tests counts as failed, a flaky test is named", () => {
    const spec = (title: string, ok: boolean, status: string) => ({
      title,
      ok,
      file: "a.spec.ts",
      tests: [{ status }],
    });
    const report = {
      stats: { expected: 4, unexpected: 1, flaky: 1, skipped: 0 },
      errors: [{ message: "the server did not start\nmore" }],
      suites: [
        {
          specs: [spec("fine", true, "expected"), spec("bad", false, "unexpected")],
          suites: [{ specs: [spec("shaky", true, "flaky")] }],
        },
      ],
    };
    expect(readPlaywright(JSON.stringify(report))).toEqual(
      buildOutcome(5, 2, 0, ["a.spec.ts: bad", "the server did not start"], ["a.spec.ts: shaky"]),
    );
  });
});

describe("the last line", () => {
  it("is the sum", () => {
    expect(formatSummary([buildOutcome(1), buildOutcome(2, 1)])).toBe("3 passed, 1 failed");
    expect(formatSummary([buildOutcome(1, 0, 2)])).toBe("1 passed, 0 failed, 2 skipped");
  });
});
