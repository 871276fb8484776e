import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import type { RunRow } from "@/app/_lib/live/trpc";
import { renderPage } from "@/app/_testing/render-page";
import { listSettingMeanings } from "@/core/run/settings";
import type { RunSort } from "@/contracts/api/run-list";
import { RunsTable } from "./runs-table";
import { useSelection } from "./use-selection";

const now = Date.now();
const createRun = (id: string, changes: Partial<RunRow> = {}): RunRow =>
  ({
    id,
    name: `Run ${id}`,
    kind: "train",
    state: "running",
    model: "smollm2",
    corpus: "atlas",
    setting: "3-2-1",
    importedFrom: null,
    sweep: null,
    alarms: [],
    tags: [],
    notes: "",
    archivedAt: null,
    deletedAt: null,
    values: {},
    progress: { phase: "training", done: 3, total: 12, detail: "" },
    headline: { metric: "reward/mean", value: 0.25, sparkline: [{ value: 0.1 }, { value: 0.25 }] },
    worker: { name: "local" },
    createdAt: new Date(now - 3_600_000),
    startedAt: new Date(now - 65_000),
    endedAt: null,
    ...changes,
  }) as unknown as RunRow;

interface Drawn {
  folded?: boolean;
  columns?: string[];
}

const draw = (rows: RunRow[], { folded = false, columns = [] }: Drawn = {}) => {
  const onSort = vi.fn<(sort: RunSort) => void>();
  const Table = () => (
    <RunsTable
      rows={rows}
      folded={folded}
      columns={columns}
      selection={useSelection(rows, folded)}
      sort="newest"
      onSort={onSort}
    />
  );
  const onCancel = vi.fn<(id: string) => void>();
  const view = renderPage(<Table />, {
    "runs.cancel": ({ id }) => {
      onCancel(id);
      return { state: "cancelling" };
    },
    "runs.update": ({ ids }) => ({ changed: ids.length }),
  });
  return { ...view, onSort, onCancel, user: userEvent.setup({ delay: null }) };
};
const readRow = (id: string) => within(document.querySelector<HTMLElement>(`[data-run="${id}"]`)!);

describe("the table of runs", () => {
  it("says of each run where it is, its latest result and how long it takes", () => {
    draw([
      createRun("aaaaaaaa-1"),
      createRun("bbbbbbbb-2", {
        kind: "predict",
        state: "succeeded",
        startedAt: new Date(now - 200_000),
        endedAt: new Date(now - 80_000),
        headline: { metric: "predict/accuracy", value: 0.4823, sparkline: [] },
      }),
      createRun("cccccccc-3", { state: "queued", progress: null, startedAt: null } as never),
    ]);
    const training = readRow("aaaaaaaa-1");
    expect(training.getByRole("link", { name: "Run aaaaaaaa-1" }).getAttribute("href")).toBe(
      "/runs/aaaaaaaa-1",
    );
    expect(training.getByText("training 3 / 12")).toBeTruthy();
    expect(training.getByRole("progressbar").getAttribute("aria-valuenow")).toBe("25");
    expect(training.getByTitle("reward/mean").textContent).toBe("0.25");
    expect(training.getByRole("img", { name: /^Course of the reward/ })).toBeTruthy();
    const finished = readRow("bbbbbbbb-2");
    expect(finished.getByTitle("predict/accuracy").textContent).toBe("48.2%");
    expect(finished.getByText("2 m 00 s")).toBeTruthy();
    expect(readRow("cccccccc-3").getByText("waiting for a worker")).toBeTruthy();
  });

  it("counts the alarms that stand", () => {
    draw([createRun("aaaaaaaa-1", { alarms: ["no-variance"] })]);
    expect(readRow("aaaaaaaa-1").getByText("1 alarm")).toBeTruthy();
  });

  it("shows a folded sweep by its name and the states of its runs", () => {
    const sweep = { id: "s", name: "Sweep", counts: { running: 1, succeeded: 2 } };
    draw([createRun("aaaaaaaa-1", { sweep })], { folded: true });
    const row = readRow("aaaaaaaa-1");
    expect(row.getByRole("link", { name: "Sweep, 3 runs" }).getAttribute("href")).toBe("/sweeps/s");
    expect(row.getByText("2 succeeded")).toBeTruthy();
    expect(row.queryByRole("button"), "it has no actions of one run").toBeNull();
  });

  it("shows chosen metrics and settings, a dash where a run has none, and sorts by them", async () => {
    const values = { "best:predict/accuracy": 0.25, "setting:rl.steps": 12, "setting:x": true };
    const { user, onSort } = draw([createRun("aaaaaaaa-1", { values }), createRun("bbbbbbbb-2")], {
      columns: Object.keys(values),
    });
    expect(readRow("aaaaaaaa-1").getByText("25%")).toBeTruthy();
    expect(readRow("aaaaaaaa-1").getByText("on")).toBeTruthy();
    expect(readRow("bbbbbbbb-2").getAllByText("–")).toHaveLength(3);
    await user.click(screen.getByRole("button", { name: "rl.steps" }));
    expect(onSort).toHaveBeenCalledWith({ column: "setting:rl.steps", descending: true });
    const [steps] = listSettingMeanings("rl.steps");
    await user.click(screen.getByRole("button", { name: "What is rl.steps?" }));
    expect(await screen.findByText(steps!.description)).toBeTruthy();
    await user.click(screen.getByRole("button", { name: "What is x?" }));
    expect(await screen.findByText("No form shows a setting of this name.")).toBeTruthy();
  });

  it("chooses rows, and all between two with Shift", async () => {
    const { user } = draw(["a", "b", "c", "d"].map((id) => createRun(id)));
    const getBox = (id: string) =>
      screen.getByRole<HTMLInputElement>("checkbox", { name: `Select Run ${id}` });
    await user.click(getBox("a"));
    await user.keyboard("{Shift>}");
    await user.click(getBox("c"));
    await user.keyboard("{/Shift}");
    expect(["a", "b", "c", "d"].map((id) => getBox(id).checked)).toEqual([true, true, true, false]);
    await user.click(screen.getByRole("checkbox", { name: "Select all rows shown" }));
    expect(getBox("d").checked).toBe(true);
  });

  it("deletes a run that is over, and says how to undo it", async () => {
    const { user } = draw([createRun("a", { state: "succeeded" })]);
    await user.click(screen.getByRole("button", { name: "Actions of Run a" }));
    await user.click(screen.getByRole("menuitem", { name: "Delete" }));
    expect(await screen.findByText("1 run deleted")).toBeTruthy();
    await user.click(screen.getByRole("button", { name: "Undo" }));
    expect(screen.queryByText("1 run deleted")).toBeNull();
  });

  it("sorts by the columns that the server can sort by, the other way at the second click", async () => {
    const { user, onSort } = draw([createRun("aaaaaaaa-1")]);
    const created = screen.getByRole("columnheader", { name: "Created" });
    expect(created.getAttribute("aria-sort")).toBe("descending");
    await user.click(within(created).getByRole("button"));
    await user.click(screen.getByRole("button", { name: "Latest result" }));
    expect(onSort.mock.calls.flat()).toEqual(["oldest", "reward"]);
    expect(screen.queryByRole("button", { name: "Worker" })).toBeNull();
  });

  it("offers what a run's state allows", async () => {
    const { user, visited, onCancel } = draw([createRun("aaaaaaaa-1")]);
    await user.click(screen.getByRole("button", { name: "Actions of Run aaaaaaaa-1" }));
    const menu = within(screen.getByRole("menu"));
    expect(
      menu.getByRole("menuitem", { name: "Resume" }).getAttribute("aria-disabled"),
      "it runs",
    ).toBe("true");
    await user.click(menu.getByRole("menuitem", { name: "Cancel" }));
    await user.click(await screen.findByRole("button", { name: "Keep it" }));
    expect(onCancel, "it asks first").not.toHaveBeenCalled();
    await user.click(screen.getByRole("button", { name: "Actions of Run aaaaaaaa-1" }));
    await user.click(screen.getByRole("menuitem", { name: "Cancel" }));
    await user.click(await screen.findByRole("button", { name: "Cancel the run" }));
    expect(onCancel).toHaveBeenCalledExactlyOnceWith("aaaaaaaa-1");
    expect(
      await screen.findByText("Cancelling: the worker stops after its current call"),
    ).toBeTruthy();
    await user.click(screen.getByRole("button", { name: "Actions of Run aaaaaaaa-1" }));
    await user.click(screen.getByRole("menuitem", { name: "Duplicate" }));
    expect(visited).toEqual(["/runs/new?from=aaaaaaaa-1"]);
  });
});
