import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import { renderPage } from "@/app/_testing/render-page";
import { Disagreements } from "./disagreements";

const RUN = "00000000-0000-4000-8000-000000000001";
const PAGE = 12;

/** Disagreement `i` of a run; two judges read each question. */
const buildRow = (i: number) => ({
  episodeId: RUN,
  answerId: String(i),
  setId: RUN,
  questionId: `q${Math.floor(i / 2)}`,
  question: `Question ${Math.floor(i / 2)}?`,
  golds: ["Lima"],
  answer: "Cusco",
  judge: i % 2 === 0 ? "judge/1" : "judge/2",
  judged: true,
  span: false,
  label: null,
});

/** Three pages of disagreements, each asked for by where the one before ended. */
function openLabels(query = "") {
  const asked: unknown[] = [];
  renderPage(
    <Disagreements runId={RUN} />,
    {
      "scores.disagreements": ({ cursor }) => {
        asked.push(cursor ?? null);
        const start = Number(cursor ?? 0);
        return {
          rows: Array.from({ length: PAGE }, (_, i) => buildRow(start + i)),
          nextCursor: start < 2 * PAGE ? String(start + PAGE) : null,
        };
      },
      "scores.label": () => ({}),
    },
    `/labels?run=${RUN}${query}`,
  );
  return asked;
}

const readParams = () => new URLSearchParams(window.location.search);

it("keeps the place in the address as one moves and labels", async () => {
  openLabels();
  await screen.findByText("Question 0?");
  expect(readParams().get("question")).toBeNull();
  await userEvent.click(screen.getByRole("button", { name: "Next" }));
  expect([readParams().get("question"), readParams().get("judge")]).toEqual(["q0", "judge/2"]);
  await userEvent.click(screen.getByRole("button", { name: "Wrong (n)" }));
  await screen.findByText("Question 1?");
  expect(readParams().get("question")).toBe("q1");
  expect(readParams().get("run")).toBe(RUN);
  await userEvent.click(screen.getByRole("button", { name: "Previous" }));
  await screen.findByText("Question 0?");
  expect(readParams().get("judge")).toBe("judge/2");
});

it("opens at the place of the address, also on a page that is not read at first", async () => {
  const asked = openLabels("&question=q15&judge=judge%2F2");
  await screen.findByText("Question 15?");
  expect(screen.getByText("judge/2")).toBeTruthy();
  expect(screen.getByText(/^32 of 36 /)).toBeTruthy();
  expect(asked).toEqual([null, String(PAGE), String(2 * PAGE)]);
});

it("begins at the first where the address names a question that is none of them", async () => {
  openLabels("&question=gone");
  await screen.findByText("Question 0?");
});
