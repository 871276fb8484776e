import { fireEvent, screen, waitFor } from "@testing-library/react";
import { beforeEach, expect, it, vi } from "vitest";
import type { EpisodeRow, RunDetail } from "@/app/_lib/live/trpc";
import { renderPage } from "@/app/_testing/render-page";
import { EpisodesTab } from "./episodes-tab";

const createEpisode = (n: number) =>
  ({
    id: `e${n}`,
    question: `Question ${n}?`,
    answer: "Lima",
    step: n,
    phase: "train",
    sampleIndex: 0,
    score: 1,
    baselineScore: 0,
    reward: 1,
    advantage: 0.5,
    searches: 2,
    documents: 3,
    tokens: 40,
    type: null,
    attribution: "correct",
    formatErrors: [],
    labels: [],
  }) as unknown as EpisodeRow;

const run = { id: "r", state: "succeeded" } as RunDetail;
const list = vi.fn();
const summary = vi.fn();
const save = vi.fn();
/** Measures whose summary does not come. */
const held = new Set<unknown>();

const draw = (address = "/") =>
  renderPage(
    <EpisodesTab run={run} />,
    {
      "episodes.facets": () => ({
        phases: [
          { value: "train", episodes: 30 },
          { value: "held-out", episodes: 4 },
        ],
        types: [],
        formatErrors: [{ value: "truncated", episodes: 3 }],
        labels: [],
        measures: ["step", "reward", "searches"],
      }),
      "episodes.list": (input) => {
        list(input);
        return { rows: [1, 2, 3].map(createEpisode), nextCursor: null };
      },
      "episodes.summary": (input) => {
        summary(input);
        if (held.has(input.measure)) return new Promise(() => {}) as never;
        return {
          total: 34,
          isEstimate: true,
          measure: input.measure ?? null,
          bars: [
            { min: 0, below: 0.5, count: 30 },
            { min: 1, below: 1.5, count: 4 },
          ],
          withoutValue: 2,
        };
      },
      "savedViews.list": () => [],
      "savedViews.save": (input) => {
        save(input);
        return { id: "00000000-0000-4000-8000-000000000000" };
      },
    },
    address,
  );

beforeEach(() => {
  held.clear();
  for (const mock of [list, summary, save]) mock.mockClear();
  window.matchMedia = () =>
    ({ matches: true, addEventListener: () => {}, removeEventListener: () => {} }) as never;
  Element.prototype.scrollIntoView = () => {};
});

it("asks for what the address says, and says that counts are estimated", async () => {
  draw("/?filter=gained&reward=0.5..&q=lima&in=queries&sort=tokens&direction=ascending");
  await screen.findByText("about 34 episodes");
  expect(list.mock.lastCall?.[0]).toMatchObject({
    filter: "gained",
    ranges: { reward: { min: 0.5 } },
    text: "lima",
    textIn: "queries",
    sort: "tokens",
    sortDirection: "ascending",
  });
  const link = await screen.findByRole("link", { name: "Question 2?" });
  expect(link.getAttribute("href")).toContain("/runs/r/episodes/e2?filter=gained&reward=");
});

it("a bar filters by its values, and again no more", async () => {
  draw();
  const bar = await screen.findByRole("button", { name: /^reward 0 to below 0.5: about 30/ });
  fireEvent.click(bar);
  await waitFor(() => expect(window.location.search).toBe("?reward=0..%3C0.5"));
  expect(bar.getAttribute("aria-pressed")).toBe("true");
  expect(list.mock.lastCall?.[0]).toMatchObject({ ranges: { reward: { min: 0, below: 0.5 } } });
  fireEvent.click(screen.getByRole("button", { name: /^reward 1 to/ }), { shiftKey: true });
  await waitFor(() => expect(window.location.search).toBe("?reward=0..%3C1.5"));
  fireEvent.click(screen.getByRole("button", { name: "Remove the filter of reward" }));
  await waitFor(() => expect(window.location.search).toBe(""));
});

it("keys go through the rows and to the search", async () => {
  draw();
  await screen.findByRole("link", { name: "Question 1?" });
  const getFocused = () => document.activeElement?.textContent;
  fireEvent.keyDown(document.body, { key: "j" });
  expect(getFocused()).toBe("Question 1?");
  fireEvent.keyDown(document.activeElement!, { key: "ArrowDown" });
  expect(getFocused()).toBe("Question 2?");
  fireEvent.keyDown(document.activeElement!, { key: "k" });
  expect(getFocused()).toBe("Question 1?");
  fireEvent.keyDown(document.activeElement!, { key: "/" });
  expect(document.activeElement?.getAttribute("type")).toBe("search");
});

it("sorts by a column, and takes ranges as text", async () => {
  draw();
  fireEvent.click(await screen.findByRole("button", { name: "Reward" }));
  await waitFor(() => expect(window.location.search).toBe("?sort=reward"));
  fireEvent.click(screen.getByRole("button", { name: "Ranges" }));
  const field = screen.getByRole("textbox", { name: "searches" });
  fireEvent.change(field, { target: { value: "much" } });
  expect(field.getAttribute("aria-invalid")).toBe("true");
  fireEvent.change(field, { target: { value: "2..5" } });
  fireEvent.keyDown(field, { key: "Enter" });
  await waitFor(() => expect(window.location.search).toBe("?sort=reward&searches=2..5"));
});

it("shows no bars of another measure while those of the chosen one are loading", async () => {
  held.add("searches");
  draw();
  await screen.findByRole("button", { name: /^reward 0 to below 0.5/ });
  fireEvent.change(screen.getByRole("combobox", { name: "What the bars show" }), {
    target: { value: "searches" },
  });
  await waitFor(() => expect(summary.mock.lastCall?.[0]).toMatchObject({ measure: "searches" }));
  expect(screen.queryByRole("button", { name: /^(searches|reward) 0 to/ })).toBeNull();
  expect(screen.getByText("about 34 episodes"), "which the measure does not change").toBeTruthy();
});
