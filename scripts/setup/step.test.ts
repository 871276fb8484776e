import { setTimeout as sleep } from "node:timers/promises";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isAlive } from "@/lib/lock.mjs";
import { makeUi } from "./progress.mjs";
import { type Step, StepError, runSteps } from "./step.mjs";

let folder: string;
let output: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "s3-setup-"));
  output = "";
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const ui = () => makeUi({ isTTY: false, write: (text: string) => (output += text) });
const inFolder = (name: string) => join(folder, name);
const setUp = (steps: Step[]) =>
  runSteps(steps, { logsDir: inFolder("logs"), ui: ui(), retry: { firstPauseMs: 1 } });

/** A step that makes a file by a program and is done when the file is there. */
const step = (id: string, script: string, how: "exec" | "fetch" = "exec"): Step => ({
  id,
  name: `Step ${id}`,
  remedy: `mend ${id}`,
  done: () => existsSync(inFolder(id)) || "it is not there yet",
  run: (context) => context[how]("sh", ["-c", script], { cwd: folder }),
});

describe("steps", () => {
  it("skip what is done, and say why the rest runs and how long it took", async () => {
    writeFileSync(inFolder("a"), "");
    expect(await setUp([step("a", "exit 1"), step("b", "touch b")])).toBe(true);
    expect(output).toMatch(/^• Step b \(it is not there yet\)\n✓ Step b \(\d\.\d s\)\n$/);
  });

  it("stop at a failure that names step, cause, last lines and remedy", async () => {
    expect(
      await setUp([step("a", "echo the disk is on fire >&2; exit 4"), step("b", "touch b")]),
    ).toBe(false);
    expect(output).toContain('Setup stopped at "Step a".');
    expect(output).toContain("Cause: sh ended with code 4");
    expect(output).toContain("the disk is on fire");
    expect(output).toContain("Remedy: mend a");
    expect(readFileSync(join(folder, "logs", "a.log"), "utf8")).toContain("the disk is on fire");
    expect(existsSync(inFolder("b"))).toBe(false);
  });

  it("go on at the step where they were interrupted", async () => {
    const steps = [
      step("a", "echo a >> order; touch a"),
      step("b", "echo b >> order; test -f mended && touch b"),
      step("c", "touch c"),
    ];
    expect(await setUp(steps)).toBe(false);
    writeFileSync(inFolder("mended"), "");
    expect(await setUp(steps)).toBe(true);
    expect(readFileSync(inFolder("order"), "utf8")).toBe("a\nb\nb\n");
  });

  it("fail when they end well without having made what they should", async () => {
    expect(await setUp([step("a", "true")])).toBe(false);
    expect(output).toContain("Cause: it ran, but it is not there yet");
  });

  it("try a slow registry again, and give up after four attempts", async () => {
    expect(
      await setUp([step("a", "echo x >> tries; test $(wc -l < tries) -ge 3 && touch a", "fetch")]),
    ).toBe(true);
    expect(output).toContain("attempt 2 failed");
    expect(await setUp([step("b", "echo x >> more; exit 1", "fetch")])).toBe(false);
    expect(readFileSync(inFolder("more"), "utf8").length).toBe(8);
  });

  it("do not repeat what cannot get better", async () => {
    expect(
      await setUp([step("a", "echo x >> tries; echo No space left on device; exit 1", "fetch")]),
    ).toBe(false);
    expect(readFileSync(inFolder("tries"), "utf8")).toBe("x\n");
  });

  it("end a program that takes too long", async () => {
    const slow: Step = {
      ...step("a", ""),
      run: ({ exec }) => exec("sleep", ["60"], { timeoutMs: 100 }),
    };
    expect(await setUp([slow])).toBe(false);
    expect(output).toContain("sleep took longer than 0 s");
  });

  it("prefer the remedy of the failure to that of the step", async () => {
    const failing: Step = {
      ...step("a", ""),
      run: () => Promise.reject(new StepError("the cause", "the remedy")),
    };
    expect(await setUp([failing])).toBe(false);
    expect(output).toContain("Cause: the cause\n  Remedy: the remedy");
  });
});

describe("set-up that is killed in the middle of a step", () => {
  const script = (seconds: number) => `
    import { existsSync } from "node:fs";
    import { makeUi } from ${JSON.stringify(resolve("scripts/setup/progress.mjs"))};
    import { runSteps } from ${JSON.stringify(resolve("scripts/setup/step.mjs"))};
    process.chdir(${JSON.stringify(folder)});
    const step = (id, script) => ({ id, name: id, remedy: "", done: () => existsSync(id) || "it is not there", run: ({ exec }) => exec("sh", ["-c", script], { cwd: "." }) });
    const steps = [step("a", "echo a >> order; touch a"), step("b", "echo $$ > b.pid; echo b >> order; sleep ${seconds}; touch b")];
    process.exitCode = (await runSteps(steps, { logsDir: "logs", ui: makeUi(process.stdout) })) ? 0 : 1;`;

  function start(seconds: number) {
    writeFileSync(inFolder("setup.mjs"), script(seconds));
    const child = spawn(process.execPath, [inFolder("setup.mjs")], { stdio: "ignore" });
    const ended = new Promise<number | null>((done) => child.once("exit", (code) => done(code)));
    return { kill: () => child.kill("SIGKILL"), ended };
  }

  it("takes the running program along and goes on at that step", async () => {
    const first = start(60);
    while (!existsSync(inFolder("b.pid")) || readFileSync(inFolder("order"), "utf8") !== "a\nb\n")
      await sleep(20);
    const program = Number(readFileSync(inFolder("b.pid"), "utf8"));
    first.kill();
    await first.ended;
    if (process.platform === "linux") await expect.poll(() => isAlive(program)).toBe(false);
    expect(existsSync(inFolder("b"))).toBe(false);
    expect(await start(0).ended).toBe(0);
    expect(readFileSync(inFolder("order"), "utf8")).toBe("a\nb\nb\n");
  }, 20_000);
});

describe("a program that does not exist", () => {
  it("is named", async () => {
    const missing: Step = { ...step("a", ""), run: ({ exec }) => exec("no-such-program", []) };
    expect(await setUp([missing])).toBe(false);
    expect(output).toContain("no-such-program could not be started");
  });
});
