import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { retrieverSchema } from "@/contracts/run-config/retriever";
import type { AppError } from "@/contracts/errors";
import { ATLAS_DIR, getModelDir, PYTHON } from "@/lib/paths.mjs";
import { createDefaultStarters } from "./default-services";
import { AgentLog } from "./log";
import { HeldServices, ServiceRegistry } from "./services";
import { waitUntil } from "@/lib/testing/wait-until";

const installed =
  existsSync(PYTHON) &&
  existsSync(join(getModelDir("minilm"), "config.json")) &&
  existsSync(join(ATLAS_DIR, "corpus.jsonl"));
const signal = new AbortController().signal;

describe.skipIf(!installed)(
  "the real services (need the set-up's Python, encoder and corpus)",
  () => {
    let registry: ServiceRegistry;
    beforeAll(() => {
      registry = new ServiceRegistry(
        createDefaultStarters(new AgentLog("test", pino({ level: "silent" })), {
          device: "cpu",
          threads: 1,
        }),
        60_000,
      );
    });
    afterAll(() => registry.stopAll());

    const engineReport = async () =>
      (await registry.listReports()).find((report) => report.key === "engine");

    it("start an engine once, tell its holder when it is killed, and start another", async () => {
      const lost: AppError[] = [];
      const held = new HeldServices(registry, (error) => lost.push(error));
      const details: string[] = [];
      const [first] = await Promise.all([
        held.acquireEngine(signal, (detail) => details.push(detail)),
        held.acquireEngine(signal),
      ]);
      expect(details).toContain("starting the engine process");
      expect((await first.value.getCapabilities()).device).toBe("cpu");
      expect(await engineReport()).toMatchObject({ state: "ready", references: 2 });
      expect((await engineReport())?.memoryMb).toBeGreaterThan(50);

      const pids = execFileSync("ps", ["-A", "-o", "pid=,ppid=,command="], { encoding: "utf8" })
        .split("\n")
        .map((line) => line.trim().split(/\s+/))
        .filter(
          ([, ppid, ...command]) =>
            Number(ppid) === process.pid && command.join(" ").includes("engine.main"),
        );
      expect(pids).toHaveLength(1);
      process.kill(Number(pids[0]?.[0]), "SIGKILL");
      await waitUntil("its holders are told", () => lost.length === 2);
      expect(lost[0]?.code).toBe("engine-unavailable");
      expect(lost[0]?.message).toContain("SIGKILL");
      expect(await engineReport()).toMatchObject({ state: "failed", references: 0 });

      const again = await held.acquireEngine(signal);
      expect((await again.value.getCapabilities()).device).toBe("cpu");
      held.releaseAll();
      await waitUntil(
        "the engine is released",
        async () => (await engineReport())?.references === 0,
      );
      expect(await engineReport()).toMatchObject({ state: "ready" });
    });

    it("take the models of a holder that ends out of the engine, and leave those of others", async () => {
      const [ending, staying] = [new HeldServices(registry), new HeldServices(registry)];
      const [first, second] = [
        await ending.acquireEngine(signal),
        await staying.acquireEngine(signal),
      ];
      const body = { base: getModelDir("smollm2-135m-instruct"), lora: null, seed: 0 };
      await first.value.createModel("ends", body);
      const model = await second.value.createModel("stays", body);
      ending.releaseAll();
      const present = async () => (await second.value.getCapabilities()).models.map(({ id }) => id);
      await waitUntil("the model is gone", async () => !(await present()).includes("ends"));
      expect(await present()).toEqual(["stays"]);
      expect(
        (
          await model.sample({
            adapter: false,
            sequences: [{ ids: [504, 3575, 282, 4649, 314], maxTokens: 2, temperature: 0 }],
          })
        ).sequences[0]?.[0]?.text,
      ).toBe(" Paris.");
      staying.releaseAll();
    });

    it("open a retriever over the corpus that finds what it is asked for", async () => {
      const held = new HeldServices(registry);
      const config = retrieverSchema.parse({ kind: "dense", encoder: "minilm", variant: "int8" });
      const { value } = await held.acquireRetriever("atlas", config, signal);
      const [documents] = await value.search(["What is the capital of Peru?"], 3);
      expect(documents).toHaveLength(3);
      expect(documents?.some((document) => document.text.includes("Lima"))).toBe(true);
      await expect(held.acquireRetriever("no-such-corpus", config, signal)).rejects.toMatchObject({
        code: "not-found",
      });
      held.releaseAll();
    });
  },
);
