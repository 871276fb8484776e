import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { AppError } from "@/contracts/errors";
import { readSamplerPlacement } from "@/contracts/run-config/sampler";
import type { SamplerRequirements } from "@/gpu-workers/jobs/context/run-context";
import { isAlive } from "@/lib/lock.mjs";
import { waitUntil } from "@/lib/testing/wait-until";
import { createDefaultStarters } from "./default-services";
import { AgentLog } from "./log";
import { HeldServices, ServiceRegistry } from "./services";

/** The servers of one sampler as one service, with a program that stands in for vLLM's. */
const signal = new AbortController().signal;
const demand: SamplerRequirements = {
  model: "m",
  weights: { kind: "adapter", rank: 8 },
  memoryShare: 0.3,
  dtype: "float32",
  placement: readSamplerPlacement({ samplerReplicas: 3 }),
};

let folder: string;
let registry: ServiceRegistry;
const lost: AppError[] = [];
const hold = () => new HeldServices(registry, (error) => lost.push(error));
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "s3-replicas-"));
  vi.stubEnv("S3_VLLM", resolve("gpu-workers/jobs/serve/testing/vllm-stand-in.mjs"));
  vi.stubEnv("VLLM_STAND_IN", folder);
  vi.stubEnv("VLLM_STAND_IN_VERSION", "0.32.0+cpu");
  const log = new AgentLog("test", pino({ level: "silent" }));
  registry = new ServiceRegistry(createDefaultStarters(log), 60_000);
});
afterEach(async () => {
  await registry.stopAll();
  lost.length = 0;
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

async function listStarts(): Promise<{ pid: number; args: string[] }[]> {
  const text = await readFile(join(folder, "starts.jsonl"), "utf8").catch(() => "");
  const lines = text.split("\n").filter(Boolean);
  return lines.map((line) => JSON.parse(line) as { pid: number; args: string[] });
}
const isRunning = ({ pid }: { pid: number }): boolean => isAlive(pid);
const reports = async () => (await registry.listReports()).filter(({ kind }) => kind === "sampler");

describe("replicas of vLLM", () => {
  it("are one service, of which the death of one ends all; the next who asks gets new ones", async () => {
    const { value: clients } = await hold().acquireSampler(demand, signal);
    expect(clients).toHaveLength(3);
    const first = await listStarts();
    expect(first).toHaveLength(3);
    for (const { args } of first)
      expect(args.join(" ")).toMatch(/--dtype float32.*--enforce-eager/);
    expect(await reports()).toMatchObject([{ state: "ready", references: 1 }]);
    process.kill(first[1]!.pid, "SIGKILL");
    await waitUntil("the holder is told", () => lost.length === 1);
    expect(lost[0]).toMatchObject({
      code: "sampler-unavailable",
      message: expect.stringContaining("SIGKILL") as string,
    });
    await waitUntil("the others are stopped", () => !first.some(isRunning));
    expect(await reports()).toMatchObject([{ state: "failed", references: 0 }]);
    await hold().acquireSampler(demand, signal);
    const all = await listStarts();
    expect(all).toHaveLength(6);
    expect(all.slice(3).every(isRunning)).toBe(true);
  });

  it("of which one does not start are none", async () => {
    await writeFile(join(folder, "limit"), "2");
    await expect(hold().acquireSampler(demand, signal)).rejects.toMatchObject({
      code: "sampler-unavailable",
      message: expect.stringContaining("CUDA out of memory") as string,
    });
    expect((await listStarts()).some(isRunning)).toBe(false);
  });

  it("with whole weights are of one run, and stop with it", async () => {
    const full = (runId: string): SamplerRequirements => ({
      ...demand,
      weights: { kind: "full", runId },
      placement: readSamplerPlacement({}),
    });
    const [one, other] = await Promise.all([
      hold().acquireSampler(full("one"), signal),
      hold().acquireSampler(full("other"), signal),
    ]);
    const starts = await listStarts();
    expect(starts).toHaveLength(2);
    expect(one.value[0]).not.toBe(other.value[0]);
    one.release();
    await waitUntil("its server is stopped", () => starts.filter(isRunning).length === 1);
    other.release();
    await waitUntil("both are stopped", () => !starts.some(isRunning));
  });

  it("that nobody uses make room for others; those in use stay", async () => {
    const ask = (rank: number) =>
      hold().acquireSampler(
        { ...demand, weights: { kind: "adapter", rank }, placement: readSamplerPlacement({}) },
        signal,
      );
    const first = await ask(8);
    first.release();
    const [unused] = await listStarts();
    (await ask(8)).release();
    expect(await listStarts(), "the same is kept for the next run").toHaveLength(1);
    await ask(16);
    expect(isRunning(unused!), "it is gone before the other starts").toBe(false);
    await ask(32);
    const [, second, third] = await listStarts();
    expect([second, third].map((start) => isRunning(start!))).toEqual([true, true]);
  });

  it("need GPUs where the build is not for the CPU", async () => {
    vi.stubEnv("VLLM_STAND_IN_VERSION", "0.32.0");
    vi.stubEnv("CUDA_VISIBLE_DEVICES", "0,1");
    await expect(hold().acquireSampler(demand, signal)).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringContaining("this worker has 2") as string,
    });
  });
});
