import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { waitUntil } from "@/lib/testing/wait-until";
import { listenLocally } from "@/lib/testing/listen-locally";
import { createRayDriver } from "./ray";
import { runProgram, runShell, quoteWord } from "./shell";
import { parseClusters } from "./skypilot";
import { parseQueue } from "./slurm";
import { createSshDriver } from "./ssh";

describe("what schedulers write", () => {
  it("reads squeue's lines by state, and of two jobs of a name the one that lives", () => {
    const queue = parseQueue(
      [
        "s3-a|PENDING|Resources|N/A|N/A",
        "s3-b|RUNNING|None|1700000000|1700003600",
        "s3-c|NODE_FAIL|None|1700000000|1700000009",
        "s3-d|COMPLETED|None|1700000000|1700000009",
        "s3-e|COMPLETED|None|1700000000|1700000009",
        "s3-e|PENDING|Dependency|N/A|N/A",
        "s3-f|CANCELLED|None|1700000000|1700000000",
        "",
      ].join("\n"),
    );
    const startedAt = new Date(1_700_000_000_000);
    const endedAt = new Date(1_700_000_009_000);
    expect(Object.fromEntries(queue)).toEqual({
      "s3-a": { phase: "queued", detail: "PENDING (Resources)" },
      "s3-b": { phase: "running", detail: "RUNNING", startedAt },
      "s3-c": { phase: "failed", detail: "NODE_FAIL", startedAt, endedAt },
      "s3-d": { phase: "ended", detail: "COMPLETED", startedAt, endedAt },
      "s3-e": { phase: "queued", detail: "PENDING (Dependency)" },
      "s3-f": { phase: "ended", detail: "CANCELLED", endedAt: startedAt },
    });
  });

  it("reads what sky writes, also after its own lines, and refuses what is no list", () => {
    const clusters = `Enabled clouds: ...\n${JSON.stringify(
      [
        { name: "s3-a", status: "INIT", init_status_reason: "launching", launched_at: 5 },
        { name: "s3-b", status: "UP", launched_at: 1_700_000_000 },
      ],
      null,
      2,
    )}`;
    expect(Object.fromEntries(parseClusters(clusters))).toEqual({
      "s3-a": { phase: "queued", detail: "INIT: launching" },
      "s3-b": { phase: "running", detail: "UP", startedAt: new Date(1_700_000_000_000) },
    });
    expect(() => parseClusters("No clusters")).toThrow(/The answer of sky status/);
  });
});

describe("programs of schedulers", () => {
  it("get little of the server's environment, and what they are given on standard input", async () => {
    process.env.S3_SECRET_OF_THE_SERVER = "sesame";
    const said = await runShell("env; cat", {
      host: "",
      input: "given",
      environment: { ONE: "1" },
    });
    delete process.env.S3_SECRET_OF_THE_SERVER;
    expect(said).not.toContain("sesame");
    expect(said).toContain("ONE=1");
    expect(said).toMatch(/given$/);
  });

  it("fail with what they wrote, or that they are not there, or do not end", async () => {
    await expect(runShell("echo no partition >&2; exit 3", { host: "" })).rejects.toThrow(
      "sh ended with code 3: no partition",
    );
    await expect(runProgram("no-such-program", [])).rejects.toThrow(
      "There is no program no-such-program on this machine.",
    );
    await expect(runShell("sleep 60 & sleep 60", { host: "", timeoutMs: 200 })).rejects.toThrow(
      "sh did not end within 0.2 s.",
    );
  });

  it("takes any text as one word", async () => {
    const text = `a'b"c $(id) \\ \n d`;
    expect(await runShell(`printf %s ${quoteWord(text)}`, { host: "" })).toBe(text);
  });
});

describe("processes of SSH pools", () => {
  const start = async (script: string) => {
    const home = await mkdtemp(join(tmpdir(), "s3-pool-home-"));
    vi.stubEnv("HOME", home);
    const driver = createSshDriver("");
    const name = "s3-job";
    onTestFinished(async () => {
      await waitUntil("it has ended", async () => (await read())?.phase !== "running");
      await driver.release(name);
      vi.unstubAllEnvs();
      await rm(home, { recursive: true });
    });
    const read = async () => (await driver.list([name])).get(name);
    const readJobFile = (file: string) =>
      readFile(join(home, ".s3-pool", name, file), "utf8").catch(() => "");
    await driver.submit({ name, script, gpus: 0, token: "t" });
    return { driver, name, read, readJobFile };
  };

  it("are running for as long as the script takes to end, and tell when they began and ended", async () => {
    const before = Math.floor(Date.now() / 1_000) * 1_000;
    const { driver, name, read, readJobFile } = await start(
      "trap 'sleep 1; exit 7' TERM; echo ready > ready; while :; do sleep 0.1; done",
    );
    await waitUntil("it runs", async () => (await readJobFile("ready")) !== "");
    await driver.cancel(name);
    expect(await read(), "it was told").toMatchObject({ phase: "running" });
    await driver.release(name);
    const ended = await waitUntil("it ends", async () => {
      const job = await read();
      return job?.phase !== "running" && job;
    });
    expect(ended).toMatchObject({ phase: "failed", detail: "ended with code 7" });
    const { startedAt, endedAt } = ended;
    expect(startedAt!.getTime()).toBeGreaterThanOrEqual(before);
    expect(endedAt!.getTime()).toBeGreaterThanOrEqual(startedAt!.getTime());
    expect(endedAt!.getTime()).toBeLessThanOrEqual(Date.now());
  });

  it("leave nothing behind that the script had started beside them", async () => {
    const { read, readJobFile } = await start("sleep 600 & echo $! > left");
    await waitUntil("it ends", async () => (await read())?.phase === "ended");
    const left = Number(await readJobFile("left"));
    await waitUntil("what it left has ended", () => {
      try {
        process.kill(left, 0);
        return false;
      } catch {
        return true;
      }
    });
  });
});

describe("Ray Jobs", () => {
  it("takes a page of something else for no answer, not for a job that is gone", async () => {
    const server = createServer((_, response) => response.end("<html>Sign in</html>"));
    const address = await listenLocally(server);
    onTestFinished(() => void server.close());
    const driver = createRayDriver(address, "");
    await expect(driver.list(["s3-job"])).rejects.toThrow(
      "/api/jobs/s3-job answered no JSON, so it is no Ray head: <html>Sign in",
    );
  });
});
