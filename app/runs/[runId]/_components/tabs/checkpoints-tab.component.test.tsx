import { screen, within } from "@testing-library/react";
import { expect, it } from "vitest";
import type { RunDetail } from "@/app/_lib/live/trpc";
import { renderPage } from "@/app/_testing/render-page";
import { CheckpointsTab } from "./checkpoints-tab";

const RUN_ID = "00000000-0000-4000-8000-000000000001";
const buildCheckpoint = (step: number) => ({
  id: `00000000-0000-4000-8000-00000000000${step}`,
  step,
  attempt: 1,
  bytes: 2048,
  createdAt: new Date(0),
  files: [],
  metadata: {},
});

const draw = (branches: RunDetail["branches"], steps: number[]) =>
  renderPage(
    <CheckpointsTab
      run={
        {
          id: RUN_ID,
          config: { kind: "train", checkpointing: { every: 5 } },
          branches,
        } as unknown as RunDetail
      }
    />,
    {
      "runs.checkpoints": () => steps.map(buildCheckpoint),
      "metrics.seriesOfRuns": () => ({ [RUN_ID]: { cursor: "1", whole: true, series: {} } }),
    },
  );

it("branches from every checkpoint, with its whole state or its weights alone", async () => {
  draw([], [2, 4]);
  await screen.findAllByRole("link", { name: "Branch from here" });
  const rows = screen.getAllByRole("row").slice(1);
  expect(rows).toHaveLength(2);
  for (const [i, step] of [2, 4].entries()) {
    const row = within(rows[i]!);
    const branch = `/runs/new?from=${RUN_ID}&branch=${buildCheckpoint(step).id}&step=${step}`;
    // The browser specs look for "Branch", which only one link of a row may be called.
    expect(row.getByRole("link", { name: /Branch/ }).getAttribute("href")).toBe(branch);
    expect(row.getByRole("link", { name: "Weights only" }).getAttribute("href")).toBe(
      `${branch}&state=weights`,
    );
  }
  expect(screen.queryByRole("region", { name: /Runs that began/ })).toBeNull();
});

it("lists the runs that began with a checkpoint, also where none is kept", async () => {
  draw(
    [
      { id: "b", name: "longer", kind: "train", step: 4 },
      { id: "p", name: "on HotpotQA", kind: "predict", step: 2 },
    ],
    [],
  );
  await screen.findByText("No checkpoint yet");
  const list = within(screen.getByRole("region", { name: /Runs that began/ }));
  expect(list.getByRole("link", { name: "longer" }).getAttribute("href")).toBe("/runs/b");
  expect(list.getAllByRole("listitem").map((item) => item.textContent)).toEqual([
    "longertrainfrom step 4",
    "on HotpotQApredictfrom step 2",
  ]);
});
