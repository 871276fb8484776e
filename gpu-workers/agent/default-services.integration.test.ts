import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { retriever } from "@/contracts/config/retriever";
import type { AppError } from "@/contracts/errors";
import { ATLAS_DIR, modelDir, PYTHON } from "@/contracts/paths";
import { defaultStarters } from "./default-services";
import { AgentLog } from "./log";
import { HeldServices, ServiceRegistry } from "./services";
import { until } from "./testing/harness";

const installed = existsSync(PYTHON) && existsSync(join(modelDir("minilm"), "config.json")) && existsSync(join(ATLAS_DIR, "corpus.jsonl"));
const signal = new AbortController().signal;

describe.skipIf(!installed)("the real services (need the set-up's Python, encoder and corpus)", () => {
  let registry: ServiceRegistry;
  beforeAll(() => {
    registry = new ServiceRegistry(defaultStarters(new AgentLog("test", pino({ level: "silent" })), { device: "cpu", threads: 1 }), 60_000);
  });
  afterAll(() => registry.stopAll());

  const engineReport = async () => (await registry.reports()).find((report) => report.key === "engine");

  it("start an engine once, tell its holder when it is killed, and start another", async () => {
    const lost: AppError[] = [];
    const held = new HeldServices(registry, (error) => lost.push(error));
    const details: string[] = [];
    const [first, second] = await Promise.all([held.engine(signal, (detail) => details.push(detail)), held.engine(signal)]);
    expect(first.value).toBe(second.value);
    expect(details).toContain("starting the engine process");
    expect((await first.value.capabilities()).device).toBe("cpu");
    expect(await engineReport()).toMatchObject({ state: "ready", references: 2 });
    expect((await engineReport())?.memoryMb).toBeGreaterThan(50);

    const pids = execFileSync("ps", ["-A", "-o", "pid=,ppid=,command="], { encoding: "utf8" })
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .filter(([, ppid, ...command]) => Number(ppid) === process.pid && command.join(" ").includes("engine.main"));
    expect(pids).toHaveLength(1);
    process.kill(Number(pids[0]?.[0]), "SIGKILL");
    await until("its holders are told", () => lost.length === 2);
    expect(lost[0]?.code).toBe("engine-unavailable");
    expect(lost[0]?.message).toContain("SIGKILL");
    expect(await engineReport()).toMatchObject({ state: "failed", references: 0 });

    const again = await held.engine(signal);
    expect((await again.value.capabilities()).device).toBe("cpu");
    held.releaseAll();
    expect(await engineReport()).toMatchObject({ state: "ready", references: 0 });
  });

  it("open a retriever over the corpus that finds what it is asked for", async () => {
    const held = new HeldServices(registry);
    const config = retriever.parse({ kind: "dense", encoder: "minilm", variant: "int8" });
    const { value } = await held.retriever("atlas", config, signal);
    const [documents] = await value.search(["What is the capital of Peru?"], 3);
    expect(documents).toHaveLength(3);
    expect(documents?.some((document) => document.text.includes("Lima"))).toBe(true);
    await expect(held.retriever("no-such-corpus", config, signal)).rejects.toMatchObject({ code: "not-found" });
    held.releaseAll();
  });
});
