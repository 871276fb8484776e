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

/** A log of so many lines, answered as the server does. */
function draw(count: number) {
  const stored = Array.from({ length: count }, (_, n) => createLine(n + 1));
  renderPage(<LogsTab runId="r" />, {
    "runs.logs": ({ after, before, limit = 500 }) => {
      if (after) return { lines: stored.filter(({ id }) => +id > +after).slice(0, limit) };
      return { lines: stored.filter(({ id }) => !before || +id < +before).slice(-limit) };
    },
  });
}
// Roles and texts are slow to tell among thousands of lines.
const listLines = () =>
  [...document.querySelectorAll<HTMLElement>("[data-line]")].map(({ dataset }) => dataset.line);
const findButton = (text: string) =>
  [...document.querySelectorAll("button")].find(({ textContent }) => textContent.trim() === text);

afterEach(() => vi.restoreAllMocks());

it("shows the lines before those shown when it is asked", async () => {
  draw(2003);
  await waitFor(() => expect(listLines()[0]).toBe("4"));
  fireEvent.click(findButton("Show earlier")!);
  await waitFor(() => expect(listLines()).toHaveLength(2003));
  expect(listLines()[0]).toBe("1");
  expect(findButton("Show earlier"), "there are no others").toBeUndefined();
  expect(document.querySelector("[role=status]")?.textContent).toBe("2,003 lines");
  // Thousands of lines take a busy machine long.
}, 180_000);

it("saves the log as a file", async () => {
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
  draw(3);
  await screen.findByText("3 lines");
  fireEvent.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(saved).toHaveLength(1));
  const lines = (await saved[0]!.text()).trimEnd().split("\n");
  expect(lines).toHaveLength(3);
  expect(lines[0]).toBe("2023-11-14T22:13:20.001Z info train line 1");
});
