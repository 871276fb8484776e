import { describe, expect, it } from "vitest";
import { chooseEngineDevices } from "./engine-devices";

describe("GPUs that the engine trains on", () => {
  it.each([
    ["all where Ray is installed", {}, 8, true, [8, 8, 8]],
    ["one without Ray", {}, 8, false, [undefined, 1, 1]],
    ["as many as the user says", { engineDevices: 4 }, 8, true, [4, 4, 4]],
    ["no more than CUDA sees", { engineDevices: 16 }, 8, true, [8, 8, 8]],
    ["none on a CPU, whose ranks are processes", { engineDevices: 2 }, 0, true, [2, 2, 0]],
    ["none where it is to use the CPU", { engineDevice: "cpu" }, 8, true, [undefined, 1, 0]],
    ["those of a Ray cluster", { rayAddress: "auto" }, 8, true, [undefined, null, null]],
    [
      "at most so many of a Ray cluster",
      { rayAddress: "auto", engineDevices: 12 },
      8,
      true,
      [12, null, null],
    ],
  ] as const)("are %s", (_, options, visible, hasRay, [devices, ranks, gpus]) =>
    expect(chooseEngineDevices(options, visible, hasRay)).toMatchObject({ devices, ranks, gpus }),
  );

  it("are fewer than there are or than were asked for only with a warning", () => {
    const warn = (options: object, visible: number, hasRay: boolean): string | null =>
      chooseEngineDevices(options, visible, hasRay).warning;
    expect(warn({}, 8, false)).toContain("--only python-ray");
    expect(warn({ engineDevices: 16 }, 8, true)).toContain("sees 8");
    expect(warn({}, 8, true)).toBeNull();
    expect(warn({}, 1, false)).toBeNull();
  });
});
