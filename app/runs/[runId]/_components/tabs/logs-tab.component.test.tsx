// @vitest-environment jsdom
import { fireEvent, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import type { LogEntry } from "@/app/_lib/live/trpc";
import { renderPage } from "@/app/_testing/render-page";
import { LogsTab } from "./logs-tab";

const createLine = (n: number): LogEntry => ({
  id: String(n),
  at: new Date(1_700_000_000_000 + n),
  level: "info",
  source: "train",
  message: `line ${n}`,
  attempt: 1,
});

/** A log of so many lines, answered as the server does. `asked` lists what was asked for. */
function draw(count: number) {
  const stored = Array.from({ length: count }, (_, n) => createLine(n + 1));
  const asked: { after?: string | null; before?: string | null }[] = [];
  const view = renderPage(<LogsTab runId="r" />, {
    "runs.logs": ({ after, before, limit = 500 }) => {
      asked.push({ after, before });
      if (after) return { lines: stored.filter(({ id }) => +id > +after).slice(0, limit) };
      return { lines: stored.filter(({ id }) => !before || +id < +before).slice(-limit) };
    },
  });
  const tellOfLines = () => view.queryClient.invalidateQueries();
  return { stored, asked, tellOfLines };
}

afterEach(() => vi.restoreAllMocks());

it("reads the last lines, and those before them when it is asked", async () => {
  const { asked } = draw(2050);
  expect(await screen.findByText("The last 2,000 lines")).toBeTruthy();
  expect(screen.queryByText("line 50")).toBeNull();
  // By its text: roles are slow to tell among thousands of lines.
  fireEvent.click(screen.getByText("Show earlier"));
  expect(await screen.findByText("2,050 lines")).toBeTruthy();
  expect(screen.getByText("line 1")).toBeTruthy();
  expect(screen.queryByText("Show earlier")).toBeNull();
  expect(asked).toEqual([{}, { before: "51" }]);
});

it("reads after an event only what may be new, and keeps the rest", async () => {
  const { stored, asked, tellOfLines } = draw(300);
  expect(await screen.findByText("300 lines")).toBeTruthy();
  stored.push(createLine(302));
  await tellOfLines();
  expect(await screen.findByText("line 302")).toBeTruthy();
  // Written at once with the one before, and there after it.
  stored.splice(300, 0, createLine(301));
  await tellOfLines();
  expect(await screen.findByText("line 301")).toBeTruthy();
  const drawn = [...document.querySelectorAll<HTMLElement>("[data-line]")];
  expect(drawn.map(({ dataset }) => dataset.line)).toEqual(stored.map(({ id }) => id));
  expect(asked).toEqual([{}, { after: "200" }, { after: "201" }]);
});

it("saves the whole log, also what is not shown", async () => {
  const saved: Blob[] = [];
  // Not there in jsdom.
  Object.assign(URL, {
    createObjectURL: (blob: Blob) => {
      saved.push(blob);
      return "blob:";
    },
    revokeObjectURL: () => {},
  });
  vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(() => {});
  const { asked } = draw(2010);
  await screen.findByText("The last 2,000 lines");
  fireEvent.click(screen.getByText("Save"));
  await waitFor(() => expect(saved).toHaveLength(1));
  const lines = (await saved[0]!.text()).trimEnd().split("\n");
  expect(lines).toHaveLength(2010);
  expect(lines[0]).toBe("2023-11-14T22:13:20.001Z info train line 1");
  expect(lines.at(-1)).toMatch(/line 2010$/);
  expect(asked.slice(1)).toEqual([{ after: "0" }, { after: "2000" }]);
});
