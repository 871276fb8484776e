import { expect, it, vi } from "vitest";
import { predictConfigSchema } from "@/contracts/run-config/predict-config";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import type { EngineClient } from "@/gpu-workers/llm/engine/client";
import { openPolicy } from "@/gpu-workers/rl/policy";
import { openOwnModel } from "./open-method";

vi.mock("@/gpu-workers/rl/policy", () => ({
  openPolicy: vi.fn(() =>
    Promise.resolve({ model: { info: { library: null }, loadState: () => Promise.resolve() } }),
  ),
  getSearcher: () => Promise.resolve({}),
}));

const { signal } = new AbortController();

/** What a run says of its model, and the thinking that it has it opened with. */
async function open(trained: string, own: string | null) {
  const config = trainConfigSchema.parse({
    kind: "train",
    name: "t",
    searcher: { thinking: trained },
  });
  const run = predictConfigSchema.parse({
    kind: "predict",
    name: "p",
    searcher: {
      checkpoint: "00000000-0000-4000-8000-000000000001",
      ...(own !== null && { thinking: own }),
    },
  });
  const fetchCheckpoint = () => Promise.resolve({ config, directory: "d", step: 1 } as never);
  const opened = await openOwnModel(run, { signal, fetchCheckpoint }, {} as EngineClient);
  return [vi.mocked(openPolicy).mock.calls.at(-1)![1].thinking, opened?.note];
}

it("says how a checkpoint thinks, where that is not its template's own way", async () => {
  expect(await open("template", null)).toEqual([undefined, ""]);
  expect(await open("off", null)).toEqual(["off", ", thinking off as in its training"]);
  expect(await open("off", "template")).toEqual(["off", ", thinking off as in its training"]);
  expect(await open("off", "off")).toEqual(["off", ", thinking off as in its training"]);
  expect(await open("off", "on")).toEqual(["on", ", thinking on (in its training off)"]);
  expect(await open("template", "off")).toEqual([
    "off",
    ", thinking off (in its training as its template has it)",
  ]);
});
