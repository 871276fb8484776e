import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, it, vi } from "vitest";
import type { RunRow } from "@/app/_lib/live/trpc";
import { renderPage } from "@/app/_testing/render-page";
import { RunsView } from "./runs-view";

const createRun = (n: number) =>
  ({
    id: `run-${n}`,
    name: `Run ${n}`,
    kind: "train",
    state: "succeeded",
    importedFrom: null,
    sweep: null,
    alarms: [],
    tags: [],
    notes: "",
    archivedAt: null,
    deletedAt: null,
    values: {},
    progress: null,
    headline: { metric: "reward/mean", value: 0.25, sparkline: [] },
    worker: null,
    createdAt: new Date(),
    startedAt: null,
    endedAt: null,
  }) as unknown as RunRow;

const MATCHING = Array.from({ length: 1200 }, (_, n) => `run-${n}`);
const update = vi.fn();
const matching = vi.fn();

/** Two of 1,200 runs are shown. @param refuses what fails */
const draw = (refuses: (ids: readonly string[]) => boolean = () => false) => {
  renderPage(
    <RunsView />,
    {
      "runs.list": () => ({
        rows: [0, 1].map(createRun),
        counts: { succeeded: 1200 },
        nextCursor: "more",
      }),
      "runs.matching": (input: unknown) => {
        matching(input);
        return { ids: MATCHING };
      },
      "runs.update": (input: { ids: string[] }) => {
        update(input);
        if (refuses(input.ids)) throw new Error("the database is full");
        return { changed: input.ids.length };
      },
      "savedViews.list": () => [],
    },
    "/runs?kind=train",
  );
  return userEvent.setup({ delay: null });
};
const selectAll = async (user: ReturnType<typeof userEvent.setup>) => {
  await user.click(await screen.findByRole("checkbox", { name: "Select all rows shown" }));
  await user.click(await screen.findByRole("button", { name: "Select all 1,200 that match" }));
  expect(screen.getByText("1,200 runs selected")).toBeTruthy();
};

beforeEach(() => {
  update.mockClear();
  matching.mockClear();
});

it("chooses all runs that match the filter, and changes them by several requests", async () => {
  const user = draw();
  await selectAll(user);
  expect(matching.mock.lastCall?.[0]).toMatchObject({ kinds: ["train"], shelf: "listed" });
  expect(screen.queryByRole("button", { name: /that match$/ }), "all are chosen").toBeNull();
  await user.click(screen.getByRole("button", { name: "Archive" }));
  expect(await screen.findByText("1,200 runs archived")).toBeTruthy();
  const sent = update.mock.calls.map(([{ ids }]) => ids as string[]);
  expect(sent.map((ids) => ids.length)).toEqual([500, 500, 200]);
  expect(sent.flat()).toEqual(MATCHING);
  update.mockClear();
  await user.click(screen.getByRole("button", { name: "Undo" }));
  await waitFor(() => expect(update).toHaveBeenCalledTimes(3));
  expect(update.mock.calls.every(([{ archived }]) => archived === false)).toBe(true);
});

it("says how many were changed where a request after the first fails", async () => {
  const user = draw((ids) => ids.includes("run-700"));
  await selectAll(user);
  await user.click(screen.getByRole("button", { name: "Archive" }));
  expect(await screen.findByText("500 of 1,200 changed, then: the database is full")).toBeTruthy();
  expect(update).toHaveBeenCalledTimes(2);
});
