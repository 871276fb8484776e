import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useLayoutEffect, useRef, useState } from "react";
import { expect, it } from "vitest";
import { renderPage } from "@/app/_testing/render-page";
import type { SweepDetail } from "@/app/_lib/live/trpc";
import { SweepTable } from "./sweep-table";

const VALUES: Record<string, number> = { "reward/mean": 0.25, "held-out/accuracy": 0.75 };

const buildSweep = (metrics: string[]): SweepDetail =>
  ({
    id: "s",
    paths: [],
    metrics,
    groups: [{ row: 0, runs: 1, results: metrics.map(() => null) }],
    members: [
      {
        id: "r",
        name: "run",
        row: 0,
        seed: 1,
        state: "succeeded",
        varied: {},
        progress: null,
        startedAt: new Date(0),
        endedAt: new Date(2_000),
        error: null,
        results: metrics.map((metric) => ({
          last: VALUES[metric],
          lastStep: 1,
          best: VALUES[metric],
          bestStep: 1,
        })),
      },
    ],
  }) as unknown as SweepDetail;

/** The column of the metric, as it stood on the page each time the page was drawn with other metrics. */
const seen: string[][] = [];

function Page() {
  const [metrics, setMetrics] = useState(["reward/mean", "held-out/accuracy"]);
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const page = within(box.current!);
    const texts = (role: string) => page.getAllByRole(role).map((cell) => cell.textContent);
    seen.push([texts("columnheader")[2]!, texts("cell")[1]!]);
  }, [metrics]);
  return (
    <div ref={box}>
      <button onClick={() => setMetrics(metrics.toReversed())}>Other way round</button>
      <SweepTable sweep={buildSweep(metrics)} sort={null} view={null} setParams={() => undefined} />
    </div>
  );
}

it("never shows the values of one metric under the head of another", async () => {
  const user = userEvent.setup({ delay: null });
  renderPage(<Page />);
  await user.click(screen.getByRole("button", { name: "Other way round" }));
  expect(seen.map(([head, value]) => [head!.split(/(?=What)/)[0], value])).toEqual([
    ["reward/mean", "0.25step 1"],
    ["held-out/accuracy", "0.75step 1"],
  ]);
});
