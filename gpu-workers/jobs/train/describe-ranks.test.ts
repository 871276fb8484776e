import { expect, it } from "vitest";
import type { ClusterStatus } from "@/contracts/engine/cluster";
import { describeRanks } from "./describe-ranks";

const describe = (nodes: readonly [address: string, alive: boolean, ranks: number[]][]): string => {
  const status: ClusterStatus = {
    address: "10.0.0.1:6379",
    strategy: "spread",
    nodes: nodes.map(([address, alive, ranks], i) => ({
      ...{ id: String(i), address, alive, ranks },
      ...{ cpus: 2, gpus: 0, memoryBytes: 2 ** 30 },
    })),
    ranks: nodes.flatMap(([, , ranks], i) =>
      ranks.map((rank) => ({ rank, node: String(i), device: "cpu", pid: rank + 1 })),
    ),
  };
  return describeRanks(status);
};

it("says how many ranks train and where", () => {
  expect(
    describe([
      ["10.0.0.1", true, [0, 2]],
      ["10.0.0.2", true, [1]],
      ["10.0.0.3", true, []],
    ]),
  ).toBe("3 ranks train the model: 0, 2 on 10.0.0.1; 1 on 10.0.0.2.");
});

it("names a machine that is lost, unless it has joined again", () => {
  expect(
    describe([
      ["10.0.0.1", true, [0]],
      ["10.0.0.2", false, []],
      ["10.0.0.3", false, []],
      ["10.0.0.3", true, []],
    ]),
  ).toBe("1 rank trains the model: 0 on 10.0.0.1. The Ray cluster has lost 10.0.0.2.");
});
