import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { ROOT } from "@/lib/paths.mjs";

/** Runs statements in a process that ends at what nobody caught. */
function run(statements: string): { status: number | null; output: string } {
  const script = `
    import { exitOnUncaught } from "./server/exit-on-uncaught";
    process.on("uncaughtException", () => console.log("only logged, as Next.js does"));
    exitOnUncaught({ fatal: ({ error }, message) => console.log(message, error.message) });
    setTimeout(() => console.log("went on"), 200);
    ${statements}`;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--import", "tsx", "--input-type=module", "--eval", script],
    { cwd: ROOT, encoding: "utf8" },
  );
  return { status, output: stdout + stderr };
}

describe("an error that nobody caught", () => {
  it.each([
    'setTimeout(() => { throw new Error("a defect"); });',
    'Promise.reject(new Error("a defect"));',
  ])("ends the process with its reason: %s", (statements) => {
    const { status, output } = run(statements);
    expect(output).toContain("the server ends, to be started again a defect");
    expect(output).not.toMatch(/only logged|went on/);
    expect(status).toBe(1);
  });

  it("ends nothing where a page was left", () => {
    const left = 'Object.assign(new Error("left"), { name: "AbortError" })';
    expect(run(`Promise.reject(${left});`)).toEqual({ status: 0, output: "went on\n" });
  });
});
