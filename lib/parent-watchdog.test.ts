import { setTimeout as sleep } from "node:timers/promises";
import { type ChildProcess, spawn } from "node:child_process";
import { resolve } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { SUPERVISOR_PID_VARIABLE, exitWithParent } from "./parent-watchdog";

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

/** A node process; `ended` resolves when it is gone. */
function start(args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<number | null>((done) => child.once("exit", (code) => done(code)));
  return { pid: child.pid ?? 0, ended, output: () => output, kill: () => child.kill("SIGKILL") };
}

describe("exitWithParent", () => {
  it("ends a process soon after its supervisor was killed", async () => {
    const supervisor = start(["-e", "setInterval(() => {}, 1000)"]);
    const code = `import { exitWithParent } from ${JSON.stringify(resolve("lib/parent-watchdog.ts"))}; exitWithParent(); console.log("watching"); setInterval(() => {}, 1000);`;
    const child = start(["--import", "tsx", "--input-type=module", "-e", code], {
      [SUPERVISOR_PID_VARIABLE]: String(supervisor.pid),
    });
    while (!child.output().includes("watching")) await sleep(20);
    supervisor.kill();
    expect(await child.ended).toBe(1);
  }, 20_000);

  it("refuses a supervisor that is no process id", () => {
    process.env[SUPERVISOR_PID_VARIABLE] = "abc";
    expect(() => exitWithParent()).toThrow('must be a process id, not "abc"');
    delete process.env[SUPERVISOR_PID_VARIABLE];
  });

  it("does nothing without a supervisor", () => {
    delete process.env[SUPERVISOR_PID_VARIABLE];
    expect(exitWithParent()).toBeTypeOf("function");
  });
});
