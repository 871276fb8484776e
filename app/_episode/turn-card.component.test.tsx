import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import { renderPage } from "@/app/_testing/render-page";
import type { EpisodeStep } from "@/contracts/records/episode";
import { buildLedger } from "./ledger";
import { TurnCard } from "./turn-card";

const LONG = "The capital of Peru is Lima. ".repeat(12);
const refer = (...ids: string[]) =>
  ids.map((id, i) => ({ id, hash: `h-${id}`, score: 1 - i / 10 }));
/** Two turns: the first selects one of two documents; in the second, the searcher's choice is missing. */
const steps: EpisodeStep[] = [
  { kind: "retrieve", turn: 0, seconds: 0.2, query: "the question", documents: refer("a", "b") },
  { kind: "select", turn: 0, seconds: 0, selected: ["a"], implicit: false },
  { kind: "retrieve", turn: 1, seconds: 1.5, query: "capital of Peru", documents: refer("b", "c") },
  { kind: "select", turn: 1, seconds: 0, selected: ["b", "c"], implicit: true },
  { kind: "reject", turn: 1, seconds: 0, error: "no-selection", text: "<oops>" },
  { kind: "stop", turn: 1, seconds: 0, reason: "turns" },
] as EpisodeStep[];
const ledger = buildLedger(steps, ["a", "c"], {
  "h-a": { id: "a", hash: "h-a", title: "Peru", text: "A country." },
  "h-c": { id: "c", hash: "h-c", title: "Lima", text: LONG },
});

const draw = (turn: number, playground: string | null = null) =>
  renderPage(
    <ol>
      <TurnCard
        turn={ledger.turns[turn]!}
        gold={ledger.gold}
        gain={turn === 1 ? { answer: "Lima", score: 1 } : null}
        playground={playground}
      />
    </ol>,
  );
const readMarks = (id: string): (string | null)[] =>
  [...document.querySelectorAll(`[data-document="${id}"] span`)]
    .map(({ textContent }) => textContent)
    .filter((text) =>
      ["gold", "selected", "selected (implicit)", "new", "seen before"].includes(text),
    );

it("marks what is gold, selected and new", () => {
  draw(0);
  expect(readMarks("a")).toEqual(["gold", "selected", "new"]);
  expect(readMarks("b")).toEqual(["new"]);
  expect(screen.getByText("retrieval with the question itself")).toBeTruthy();
  expect(screen.queryByText("implicit select-all")).toBeNull();
});

it("says that a turn without a selection keeps all documents, and marks each of them so", () => {
  draw(1);
  expect(screen.getByText("implicit select-all")).toBeTruthy();
  expect(readMarks("b")).toEqual(["selected (implicit)", "seen before"]);
  expect(readMarks("c")).toEqual(["gold", "selected (implicit)", "new"]);
});

it("counts how much of the evidence the turn brought", () => {
  draw(1);
  const head = within(document.querySelector<HTMLElement>("header")!);
  expect(head.getByText("gold retrieved", { exact: false }).textContent).toBe(
    "gold retrieved 2 / 2 +1 this turn",
  );
  expect(head.getByText("gold kept", { exact: false }).textContent).toBe("gold kept 2 / 2");
  expect(head.getByText("selected", { exact: false }).textContent).toBe("selected 2 of 2");
  expect(head.getByText("capital of Peru")).toBeTruthy();
});

it("says what was rejected, why the search ended, and what an end here would give", () => {
  draw(1);
  const foot = document.querySelector("footer")!.textContent;
  expect(foot).toContain("no selection<oops>");
  expect(foot).toContain("No turns were left.");
  expect(foot).toContain("Answer if the search had ended here: “Lima”");
});

it("has no foot where there is nothing to say", () => {
  draw(0);
  expect(document.querySelector("footer")).toBeNull();
});

it("opens a long text, and leads to the playground", async () => {
  draw(1, "/playground?q=capital");
  expect(screen.getByRole("link", { name: "Open in the playground" }).getAttribute("href")).toBe(
    "/playground?q=capital",
  );
  const text = document.querySelector('[data-document="c"] p')!;
  expect(text.textContent).toBe(LONG);
  expect(text.querySelector("mark")!.textContent).toBe("capital");
  expect(text.className).toContain("line-clamp-2");
  await userEvent.click(screen.getByRole("button", { name: `All ${LONG.length} characters` }));
  expect(text.className).not.toContain("line-clamp-2");
  expect(screen.getByText("The text is not stored."), "of document b").toBeTruthy();
});

it("says that a turn with neither search nor stop was asked once more, and shows what it was", () => {
  const retried = buildLedger(
    [
      { kind: "retrieve", turn: 0, seconds: 0.2, query: "q", documents: refer("a") },
      { kind: "generate", turn: 0, seconds: 1, text: "I think it is Lima." },
      { kind: "reject", turn: 0, seconds: 0, error: "invalid-action", text: "I think it is Lima." },
      { kind: "generate", turn: 0, seconds: 2, text: "<search_complete>yes</search_complete>" },
      { kind: "select", turn: 0, seconds: 0, selected: ["a"], implicit: true },
      { kind: "stop", turn: 0, seconds: 0, reason: "model" },
    ],
    [],
    {},
  );
  expect(retried.turns).toHaveLength(1);
  expect(retried.turns[0]!.seconds).toBeCloseTo(3.2);
  renderPage(<TurnCard turn={retried.turns[0]!} gold={0} gain={null} playground={null} />);
  expect(screen.getByText("The searcher was asked once more.")).toBeTruthy();
  expect(screen.getByText("I think it is Lima.")).toBeTruthy();
  expect(screen.getByText("The searcher ended the search.")).toBeTruthy();
});

it("says when an online search gave the documents, and nothing of a corpus", () => {
  draw(0);
  expect(screen.queryByText(/fetched from the web/)).toBeNull();
  const [turn] = buildLedger(
    [{ ...steps[0]!, fetchedAt: "2026-11-29T12:00:00.000Z" } as EpisodeStep],
    [],
    {},
  ).turns;
  renderPage(
    <ol>
      <TurnCard turn={turn!} gold={0} gain={null} playground={null} />
    </ol>,
  );
  expect(screen.getByText(/fetched from the web on .*29 Nov 2026/)).toBeTruthy();
});
