import { describe, expect, it } from "vitest";
import { readSamplerPlacement } from "@/contracts/run-config/sampler";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import {
  listVisibleDevices,
  planCpuReplicas,
  planSamplerDevices,
  type WorkerDevices,
} from "./device-plan";

const eight = { visible: listVisibleDevices(8, undefined), engineDevices: 1 };
const apart = { samplerPlacement: "apart" } as const;
const plan = (
  settings: Parameters<typeof readSamplerPlacement>[0],
  devices: WorkerDevices = eight,
) => planSamplerDevices(readSamplerPlacement(settings), devices);

describe("GPUs of vLLM", () => {
  it.each([
    [{}, ["0"]],
    [{ samplerReplicas: 2, samplerTensorParallel: 2 }, ["0,1", "2,3"]],
    [apart, ["1"]],
    [{ ...apart, samplerReplicas: 3, samplerTensorParallel: 2 }, ["1,2", "3,4", "5,6"]],
    [{ ...apart, samplerReplicas: 2, samplerDevices: "7,3" }, ["7", "3"]],
    [{ samplerTensorParallel: 2, samplerDevices: "0,5" }, ["0,5"]],
  ] as const)("%j: %j", (settings, expected) => expect(plan(settings)).toEqual(expected));

  it("are behind those that the engine trains on, and never among them", () => {
    const four = { ...eight, engineDevices: 4 };
    expect(plan({ ...apart, samplerReplicas: 4 }, four)).toEqual(["4", "5", "6", "7"]);
    expect(() => plan({ ...apart, samplerDevices: "3" }, four)).toThrow(
      /names GPU 3, which the engine trains on.*from 4 on/,
    );
  });

  it("that are not there are refused with what to lower", () => {
    const one = { visible: ["0"], engineDevices: 1 };
    expect(() => plan(apart, one)).toThrow(
      /this worker has 1, of which the engine trains on 1: lower these, or choose/,
    );
    expect(() => plan({ samplerReplicas: 9 })).toThrow(/9 GPUs.*this worker has 8: lower/);
    expect(() => plan({ samplerDevices: "8" })).toThrow("names GPU 8, counted");
  });

  it("are refused apart from an engine that trains on all of them, with how to start the worker", () => {
    const all = { ...eight, engineDevices: 8 };
    expect(() => plan({ ...apart, samplerReplicas: 3 }, all)).toThrow(
      /engine trains on 8: start the worker with --engine-devices 5 or less/,
    );
    expect(() => plan({ ...apart, samplerDevices: "7" }, all)).toThrow(
      /GPU 7, which the engine trains on: .*apart start the worker with a smaller/,
    );
    expect(plan({ samplerReplicas: 8 }, all)).toHaveLength(8);
  });

  it("are named by the user where a Ray cluster gives the engine its own", () => {
    const given = { ...eight, engineDevices: null };
    expect(() => plan(apart, given)).toThrow(
      /--ray-address.*name those in searcher.samplerDevices/,
    );
    expect(plan({ ...apart, samplerDevices: "0" }, given)).toEqual(["0"]);
    expect(plan({}, given)).toEqual(["0"]);
  });

  it("are counted among those that CUDA is shown, by whatever name", () => {
    expect(listVisibleDevices(8, " GPU-a, GPU-b ,5")).toEqual(["GPU-a", "GPU-b", "5"]);
    expect(listVisibleDevices(8, "")).toEqual([]);
    const some = { visible: listVisibleDevices(8, "4,6,GPU-c"), engineDevices: 1 };
    expect(plan({ ...apart, samplerReplicas: 2 }, some)).toEqual(["6", "GPU-c"]);
  });

  it("the build for the CPU has none, but may be run several times", () => {
    expect(planCpuReplicas(readSamplerPlacement({ samplerReplicas: 2 }))).toEqual([null, null]);
    for (const settings of [apart, { samplerDevices: "0" }, { samplerTensorParallel: 2 }])
      expect(() => planCpuReplicas(readSamplerPlacement(settings))).toThrow("build for the CPU");
  });
});

describe("settings of vLLM's place", () => {
  const parse = (searcher: object) =>
    trainConfigSchema.safeParse({
      kind: "train",
      name: "n",
      search: {},
      rl: { oldLogprobs: "trainer" },
      searcher: { sampler: "vllm", ...searcher },
    });

  it.each([
    [{ samplerDevices: "1,2", samplerReplicas: 3 }, "names 2 GPUs where"],
    [{ samplerDevices: "1,1", samplerReplicas: 2 }, "names a GPU twice"],
    [{ samplerDevices: "1, 2" }, "must be numbers of GPUs"],
    [{ samplerReplicas: 0 }, ">=1"],
  ])("%j is refused", (searcher, reason) =>
    expect(
      parse(searcher)
        .error?.issues.map(({ message }) => message)
        .join(),
    ).toContain(reason),
  );

  it("leave no trace where they are as before there was a choice", () => {
    const plain = {
      samplerPlacement: "colocated",
      samplerDevices: null,
      samplerReplicas: 1,
      samplerTensorParallel: 1,
    };
    expect(JSON.stringify(parse(plain).data)).toBe(JSON.stringify(parse({}).data));
    expect(parse({ samplerDevices: "2,3", samplerTensorParallel: 2 }).success).toBe(true);
  });
});
