import { screen, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { renderPage } from "@/app/_testing/render-page";
import { clusterStatusSchema } from "@/contracts/engine/cluster";
import { Cluster } from "./cluster";

const cluster = clusterStatusSchema.parse({
  address: "10.0.0.1:6379",
  strategy: "spread",
  nodes: [
    {
      id: "a",
      address: "10.0.0.1",
      alive: true,
      cpus: 64,
      gpus: 4,
      memoryBytes: 512 * 2 ** 30,
      ranks: [0, 2],
    },
    {
      id: "b",
      address: "10.0.0.2",
      alive: false,
      cpus: 1,
      gpus: 1,
      memoryBytes: 64 * 2 ** 30,
      ranks: [1],
    },
    {
      id: "c",
      address: "10.0.0.3",
      alive: true,
      cpus: 8,
      gpus: 0,
      memoryBytes: 2 ** 30,
      ranks: [],
    },
  ],
  ranks: [
    { rank: 0, node: "a", device: "NVIDIA H200", pid: 11 },
    { rank: 1, node: "b", device: "NVIDIA H200", pid: 12 },
    { rank: 2, node: "a", device: "NVIDIA H200", pid: 13 },
  ],
});

const listRanks = (machine: string): string[] =>
  within(screen.getByRole("listitem", { name: `Machine ${machine}` }))
    .queryAllByRole("listitem")
    .map((item) => item.textContent ?? "");

describe("a worker's cluster", () => {
  it("shows each machine with its ranks and free GPUs", () => {
    renderPage(<Cluster cluster={cluster} />, {});
    expect(screen.getByText(/^3 ranks on 3 machines/)).toBeDefined();
    expect(screen.getByText(/Ray cluster at 10\.0\.0\.1:6379/)).toBeDefined();
    expect(listRanks("10.0.0.1")).toEqual([
      "Rank 0 NVIDIA H200",
      "Rank 2 NVIDIA H200",
      "free GPU",
      "free GPU",
    ]);
    expect(listRanks("10.0.0.2")).toEqual(["Rank 1 NVIDIA H200"]);
    const gone = within(screen.getByRole("listitem", { name: "Machine 10.0.0.2" }));
    expect(gone.getByText("gone")).toBeDefined();
    expect(gone.getByText("1 GPU, 1 core, 64 GiB")).toBeDefined();
    const spare = within(screen.getByRole("listitem", { name: "Machine 10.0.0.3" }));
    expect(spare.getByText("no rank")).toBeDefined();
  });
});
