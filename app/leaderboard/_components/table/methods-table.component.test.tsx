import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { describe, expect, it } from "vitest";
import type { Leaderboard, LeaderboardCell } from "@/app/_lib/live/trpc";
import { renderPage } from "@/app/_testing/render-page";
import { RankedMethods } from "./ranked-methods";
import { SignificanceTable } from "@/app/leaderboard/_components/cards/significance-table";

const createCell = (runId: string, mean: number, changes: Partial<LeaderboardCell> = {}) =>
  ({
    runId,
    mean,
    low: mean - 0.05,
    high: mean + 0.05,
    rank: 1,
    rankInterval: changes.rank === null ? null : { low: 1, high: 2, group: "a" },
    seeds: null,
    runs: 1,
    example: false,
    reason: null,
    comparison: null,
    searches: 1.5,
    documents: 3,
    tokens: null,
    seconds: null,
    costUsd: null,
    types: [],
    replies: 0,
    unread: 0,
    ...changes,
  }) as LeaderboardCell;
const createComparison = (difference: number, p: number) => ({
  pairs: 585,
  difference,
  low: difference - 0.02,
  high: difference + 0.02,
  smallestDifference: 0.034,
  bootstrapHolm: p,
  mcNemar: { onlyFirst: 40, onlySecond: 10 },
  mcNemarHolm: p / 2,
});
const createRow = (method: string, cells: (LeaderboardCell | null)[]) => ({
  id: method,
  key: `key-${method}`,
  method,
  label: method.toUpperCase(),
  detail: "smollm2",
  generates: true,
  imported: false,
  trainingSamples: method === "s3" ? 192 : null,
  cells,
  average: null,
});

const board = {
  scope: "k",
  scopes: [],
  reference: "rag",
  averaged: [],
  columns: ["atlas/held-out", "nq"].map((questionSet, i) => ({
    id: questionSet,
    questionSet,
    version: "1",
    limit: i === 1 ? 72 : null,
    questions: 585,
    ceiling:
      i === 0 ? { runId: "c", mean: 0.9, low: 0.8, high: 1, scored: 70, expected: 585 } : null,
  })),
  rows: [
    createRow("s3", [
      createCell("run-s3", 0.482, { comparison: createComparison(0.1, 0.0004) as never }),
      null,
    ]),
    createRow("rag", [
      createCell("run-rag", 0.382, { rank: 2, example: true }),
      createCell("run-rag-2", 0.2, {
        example: true,
        types: [
          { type: "nq", scored: 60, mean: 0.6 },
          { type: "hotpotqa", scored: 12, mean: 0 },
        ],
        replies: 50,
        unread: 2,
      }),
    ]),
    createRow("ircot", [
      createCell("run-ircot", 0.39, { rank: 2, comparison: createComparison(0.008, 0.4) as never }),
      createCell("run-ircot-2", 0.25, {
        rank: null,
        example: true,
        reason: {
          code: "incomplete",
          values: { scored: 12, expected: 72, unscored: 0, failed: 0 },
        },
        runs: 3,
      }),
    ]),
  ],
} as unknown as Leaderboard;

const readRow = (method: string) =>
  within(document.querySelector<HTMLElement>(`tr[data-method="${method}"]`)!);

describe("the methods table", () => {
  function Table() {
    const [picked, setPicked] = useState<readonly string[]>([]);
    return (
      <>
        <RankedMethods board={board} published={null} picked={picked} onPick={setPicked} />
        <output>{picked.join(" ")}</output>
      </>
    );
  }

  it("has a column a question set, with its questions, and those costs that are known", () => {
    renderPage(<Table />);
    expect(screen.getAllByRole("columnheader").map(({ textContent }) => textContent)).toEqual([
      "Method",
      "atlas/held-out (585)",
      "nq, first 72 (585)",
      "Average",
      "Searches",
      "Documents",
      "Training samples",
    ]);
  });

  it("marks which differences to the reference both tests show", () => {
    renderPage(<Table />);
    const significant = readRow("s3").getByText("+10.0 *");
    expect(significant.dataset.significant).toBe("true");
    expect(significant.className).toContain("text-good");
    expect(readRow("ircot").getByText(/^\+0.8 n.s./).dataset.significant).toBe("false");
    expect(readRow("rag").getByText("reference")).toBeTruthy();
  });

  it("gives each result its rank, interval and way to the episodes, or why it has no rank", () => {
    renderPage(<Table />);
    const first = readRow("s3").getByRole("link");
    expect(first.getAttribute("href")).toBe("/runs/run-s3?tab=episodes");
    expect(first.textContent).toContain("#1–2 a48.2%43.2–53.2");
    expect(readRow("s3").getAllByText("–"), "no result on nq, no average").toHaveLength(2);
    const unranked = readRow("ircot").getAllByRole("link")[1]!.textContent;
    expect(unranked).toBe("25%20.0–30.0exampleincomplete: 12 of 72newest of 3 runs");
  });

  it("marks results of the example: the row where it has no others, else the one result", () => {
    renderPage(<Table />);
    const mark = /of the example/i;
    expect(readRow("rag").getByRole("rowheader").textContent).toContain("example");
    expect(readRow("rag").getAllByTitle(mark)).toHaveLength(1);
    expect(readRow("ircot").getByRole("rowheader").textContent).not.toContain("example");
    expect(readRow("ircot").getByTitle(mark).closest("[data-cell]")).not.toBeNull();
    expect(readRow("s3").queryByTitle(mark)).toBeNull();
  });

  it("gives beside the pooled figure the mean over types and the share of unread replies", () => {
    renderPage(<Table />);
    const [without, parted] = readRow("rag").getAllByRole("link");
    expect(parted!.textContent).toMatch(/^#1–2 a20%.*over 2 types 30%unread 4%$/);
    expect(without!.textContent).not.toMatch(/types|unread/);
  });

  it("shows the ceiling apart from the methods, with how many questions it is of", () => {
    renderPage(<Table />);
    const row = document.querySelector<HTMLElement>("tr[data-ceilings]")!;
    expect(row.textContent).toContain("not a method");
    expect(within(row).getByRole("link").textContent).toBe("90%80.0–100.0of 70 / 585");
  });

  it("picks methods to compare", async () => {
    const user = userEvent.setup({ delay: null });
    renderPage(<Table />);
    await user.click(screen.getByRole("checkbox", { name: "Compare S3" }));
    await user.click(screen.getByRole("checkbox", { name: "Compare RAG" }));
    expect(screen.getByRole("status").textContent).toBe("s3 rag");
    await user.click(screen.getByRole("checkbox", { name: "Compare S3" }));
    expect(screen.getByRole("status").textContent).toBe("rag");
  });
});

describe("results under several seeds", () => {
  const createSeed = (seed: number, mean: number, trainingSeed: number | null = null) => ({
    runId: `run-${seed}`,
    trainingSeed,
    seed,
    mean,
    low: mean - 0.1,
    high: mean + 0.1,
  });
  const seeds = {
    mean: 0.45,
    low: -0.02,
    high: 0.92,
    deviation: 0.0514,
    runs: [createSeed(1, 0.4), createSeed(2, 0.5), createSeed(1, 0.46, 7)],
  };
  const rows = [createRow("s3", [createCell("run-1", 0.4, { seeds }), createCell("run-9", 0.3)])];

  it("are averaged, and opened stand one by one over their mean and its interval", async () => {
    const user = userEvent.setup({ delay: null });
    const ofSeeds = { ...board, rows } as unknown as Leaderboard;
    renderPage(<RankedMethods board={ofSeeds} published={null} picked={[]} onPick={() => {}} />);
    const [first, second] = readRow("s3").getAllByRole("link");
    expect(first!.textContent).toContain("avg@3 45%, s 5.1");
    expect(second!.textContent).not.toContain("avg@");
    expect(document.querySelector("[data-seed], [data-seeds-mean]")).toBeNull();

    await user.click(screen.getByRole("button", { name: "Seeds of S3" }));
    const readCells = (selector: string): (string | null)[][] =>
      [...document.querySelectorAll<HTMLTableRowElement>(selector)].map((row) =>
        [...row.cells].slice(0, 3).map(({ textContent }) => textContent),
      );
    expect(readCells("[data-seed]")).toEqual([
      ["seed 1", "40% 30.0–50.0", "–"],
      ["seed 2", "50% 40.0–60.0", "–"],
      ["trained under 7, seed 1", "46% 36.0–56.0", "–"],
    ]);
    const [mean] = readCells("[data-seeds-mean]");
    expect(mean, "within what a share can be").toEqual(["Mean over seeds", "45% 0.0–92.0", "–"]);
    const links = document.querySelectorAll("[data-seed] a");
    expect(links[1]?.getAttribute("href")).toBe("/runs/run-2?tab=episodes");
    await user.click(screen.getByRole("button", { name: "Seeds of S3" }));
    expect(document.querySelector("[data-seeds-mean]")).toBeNull();
  });
});

describe("the significance table", () => {
  it("gives each tested method its difference, corrected p-values and a verdict", () => {
    renderPage(<SignificanceTable board={board} />);
    const rows = screen.getAllByRole("row").slice(1);
    expect(
      rows.map((row) => [...(row as HTMLTableRowElement).cells].map((c) => c.textContent)),
    ).toEqual([
      ["S3", "atlas/held-out", "+10.0", "+8.0 to +12.0", "< 0.001", "40 : 10", "< 0.001", "better"],
      [
        "IRCOT",
        "atlas/held-out",
        "+0.8",
        "−1.2 to +2.8",
        "0.400",
        "40 : 10",
        "0.200",
        "no difference shown(sees 3.4)",
      ],
    ]);
  });

  it("says what is missing where nothing can be tested", () => {
    const rows = [board.rows[1]!];
    renderPage(<SignificanceTable board={{ ...board, rows }} />);
    expect(screen.getByText(/With a second method on the same questions/)).toBeTruthy();
  });
});
