import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import { renderPage, type Answers } from "@/app/_testing/render-page";
import { CompareView } from "./compare-view";

const buildId = (n: number) => `00000000-0000-4000-8000-00000000000${n}`;
const buildRun = (n: number, over: object = {}) => ({
  id: buildId(n),
  name: `run ${n}`,
  kind: "predict",
  headline: { metric: "predict/accuracy", value: 0.5, sparkline: [] },
  deletedAt: null,
  archivedAt: null,
  ...over,
});
const draw = (named: object, address: string) =>
  renderPage(
    <CompareView />,
    {
      "runs.list": () => ({ rows: [buildRun(1), buildRun(2)], nextCursor: null, counts: {} }),
      "runs.get": () => named,
    } as unknown as Answers,
    address,
  );

it("offers no deleted run that the address names, and compares without it", async () => {
  draw(buildRun(9, { deletedAt: new Date() }), `/compare?runs=${buildId(9)}`);
  expect(await screen.findAllByRole("checkbox")).toHaveLength(2);
  const button = screen.getByRole("button", { name: "Compare" });
  await userEvent.click(screen.getByRole("checkbox", { name: /run 1/ }));
  expect(button.textContent).toBe("Compare 1");
  expect(button.hasAttribute("disabled")).toBe(true);
});

it("offers a run that the address names and the list does not show", async () => {
  draw(buildRun(9, { archivedAt: new Date() }), `/compare?runs=${buildId(9)}`);
  const box = await screen.findByRole<HTMLInputElement>("checkbox", { name: /run 9/ });
  expect(box.checked).toBe(true);
  await userEvent.click(box);
  await waitFor(() => expect(screen.getByRole("button", { name: "Compare" })).toBeTruthy());
  expect(screen.getAllByRole("checkbox")).toHaveLength(3);
});

it("shows the parts of each run's figure: the mean over types, and the judge's unread replies", async () => {
  const compared = (n: number, over: object) => ({
    ...{ id: buildId(n), name: `run ${n}`, method: "s3", label: "s3", detail: "", imported: false },
    ...{ scored: 40, expected: 40, mean: 0.5, low: 0.4, high: 0.6, generator: "g" },
    ...{ searches: 1, documents: 3, types: [], replies: 0, unread: 0 },
    ...over,
  });
  const types = ["nq", "hotpotqa"].map((type, i) => ({ type, scored: 20, mean: 0.4 + i / 5 }));
  renderPage(
    <CompareView />,
    {
      "compare.get": () => ({
        runs: [compared(1, { replies: 8, unread: 2, types }), compared(2, {})],
        ...{ questionSet: "set", scorer: "judge/2", scorers: ["judge/2"], differences: [] },
        ...{ common: 40, patterns: [], pairs: [] },
      }),
      "compare.questions": () => ({ rows: [], nextCursor: null, total: 0 }),
    },
    `/compare?runs=${buildId(1)},${buildId(2)}`,
  );
  expect((await screen.findAllByText(/^unread/)).map((part) => part.textContent)).toEqual([
    "unread 25%",
  ]);
  expect(screen.getByText("over 2 types 50%")).toBeDefined();
});
