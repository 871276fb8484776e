import { existsSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { DEFAULT_TEMPLATES, renderTemplate } from "@/core/pools/template";
import { createSkypilotDriver } from "./skypilot";

const SKY = fileURLToPath(new URL("../testing/scripted-sky.mjs", import.meta.url));

interface Call {
  command: string;
  args: string[];
  /** Of `launch`: the file that it was given, and the secrets that it took from its environment. */
  task?: string;
  secrets?: string[];
}

describe("SkyPilot", () => {
  const name = "s3-44444444-4444-4444-8444-444444444444";
  const token = `s3w_${"t".repeat(43)}`;
  const script = renderTemplate("skypilot", DEFAULT_TEMPLATES.skypilot, {
    job: name,
    worker: "w",
    pool: "lab",
    server: "http://127.0.0.1:3000",
    gpus: 4,
    engineSlots: 1,
    lightSlots: 4,
  });
  const job = { name, script, gpus: 4, token };
  const driver = createSkypilotDriver();
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "s3-sky-test-"));
    const program = join(folder, "sky");
    await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${SKY}' '${folder}' "$@"\n`);
    await chmod(program, 0o755);
    vi.stubEnv("PATH", `${folder}:${process.env.PATH}`);
    vi.stubEnv("TMPDIR", folder);
    onTestFinished(async () => {
      vi.unstubAllEnvs();
      await rm(folder, { recursive: true });
    });
  });

  const readCalls = async (): Promise<Call[]> => {
    const lines = await readFile(join(folder, "calls.jsonl"), "utf8").catch(() => "");
    return lines
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Call);
  };
  const listCommands = async () => (await readCalls()).map(({ command }) => command);
  const setStatus = (status: string) =>
    writeFile(join(folder, "clusters.json"), JSON.stringify({ [name]: { status, jobs: 1 } }));
  const readStatus = async () => (await driver.list([name])).get(name);

  it("is asked whether it would launch a cluster, which starts none", async () => {
    expect(await driver.check(job)).toContain("Dryrun finished.");
    expect(await readCalls()).toMatchObject([{ command: "launch", task: script, secrets: [] }]);
    expect(await readStatus()).toBeUndefined();
    const without = { ...job, script: script.replace("H100", "no-such-gpu") };
    await expect(driver.check(without)).rejects.toThrow(
      "sky ended with code 1: No resource satisfying the request is available.",
    );
  });

  it("launches one cluster of two submissions, which takes itself down, with the token in no argument and no file", async () => {
    expect(await driver.submit(job)).toBe(name);
    expect(await driver.submit(job)).toBe(name);
    const launches = (await readCalls()).filter(({ command }) => command === "launch");
    expect(launches).toMatchObject([{ task: script, secrets: [token] }]);
    const { args } = launches[0]!;
    for (const option of ["--yes", "--async", "--detach-run", "--down"])
      expect(args).toContain(option);
    expect(args.join(" ")).toContain(`--cluster ${name} `);
    expect(args.join(" ")).not.toContain(token);
    expect(existsSync(args.at(-1)!), "the task's file is gone").toBe(false);
  });

  it("is listed from its start on as what it costs: queued until it is up", async () => {
    await driver.submit(job);
    expect(await readStatus()).toEqual({ phase: "queued", detail: "INIT" });
    await setStatus("UP");
    const startedAt = new Date(1_700_000_000_000);
    expect(await readStatus()).toEqual({ phase: "running", detail: "UP", startedAt });
    expect(await driver.list(["s3-of-another"])).toEqual(new Map());
  });

  it("is taken down when its job is to end, once, and nothing is asked of one that is gone", async () => {
    await driver.submit(job);
    await driver.cancel(name);
    expect(await readStatus()).toBeUndefined();
    await driver.cancel(name);
    await driver.release(name);
    expect(await driver.readLog(name)).toBe("");
    const calls = (await readCalls()).filter(({ command }) => command !== "status");
    expect(calls.slice(1)).toEqual([{ command: "down", args: ["--yes", name] }]);
  });

  it("is released with a cluster that did not take itself down, and says where it stays", async () => {
    await setStatus("UP");
    await driver.release(name);
    expect(await listCommands()).toEqual(["status", "down", "status"]);
    await setStatus("STUCK");
    await expect(driver.release(name)).rejects.toThrow(`sky down left the cluster ${name} there.`);
  });

  it("gives the end of its job's log", async () => {
    await setStatus("UP");
    const log = await driver.readLog(name);
    const lines = log.trim().split("\n");
    expect(lines.slice(1)).toEqual(Array.from({ length: 100 }, () => "a line of the job"));
  });

  it("says what sky wrote where it fails, as where it lacks an option", async () => {
    await rm(join(folder, "sky"));
    vi.stubEnv("PATH", folder);
    await expect(driver.list([name])).rejects.toThrow("There is no program sky on this machine.");
    await writeFile(
      join(folder, "sky"),
      "#!/bin/sh\necho 'Error: No such option: --output' >&2; exit 2\n",
    );
    await chmod(join(folder, "sky"), 0o755);
    await expect(driver.submit(job)).rejects.toThrow(
      "sky ended with code 2: Error: No such option: --output",
    );
  });
});
