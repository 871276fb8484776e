import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { METHODS, rolesOf } from "@/contracts/config/method";
import { methodName } from "@/contracts/episode";
import { presetById } from "@/contracts/presets";
import { runConfig } from "@/contracts/run-config";
import { predict } from "../s3/predict";
import { LocalServices, MemoryContext } from "../testing/memory-context";

let services: LocalServices;
let workDir: string;
beforeAll(async () => {
  services = new LocalServices();
  workDir = await mkdtemp(join(tmpdir(), "s3-methods-"));
});
afterAll(async () => {
  await services.close();
  await rm(workDir, { recursive: true, force: true });
});

describe("every method on the embedded default", () => {
  it.each(methodName.options)("%s answers two questions of Atlas", async (method) => {
    const preset = presetById(`atlas-${method}`)!.config;
    const config = runConfig.parse({ ...preset, limit: 2 });
    if (config.kind !== "predict") throw new Error("not a predict run");
    const context = new MemoryContext({ config, services, workDir });
    await predict(context);
    const records = context.records();
    const roles = rolesOf(config);
    expect(records.map(({ episode }) => episode.method)).toEqual([method, method]);
    for (const { episode, answer, score, baseline } of records) {
      expect(episode.steps.filter(({ kind }) => kind === "stop")).toHaveLength(1);
      expect(answer!.generator).toBe("smollm2-135m-instruct");
      expect(score).not.toBeNull();
      expect(episode.ownAnswer === undefined).toBe(roles.generates);
      expect(episode.steps.some(({ kind }) => kind === "generate")).toBe(roles.asksModel);
      if (!METHODS[method].retrieves) expect([episode.context, baseline]).toEqual([[], null]);
      // s3's own loop counts its tokens by their ids.
      if (roles.asksModel && method !== "s3") expect(episode.usage).toMatchObject({ costUsd: 0, calls: episode.steps.filter(({ kind }) => kind === "generate" || kind === "condense").length });
    }
    expect(context.preflightItems.some(({ name }) => name === "retriever")).toBe(roles.retrieves);
    expect(new Set(records.map(({ episode }) => episode.key)).size).toBe(2);
  }, 400_000); // A machine that is busy with other work takes minutes.
});
